"""One call to Slack: how it is sent, what is repeated, and what its refusals say to people."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.emoji import slack_name
from bot.slack.marks import bears, block_id, is_bare, metadata
from bot.slack.pacer import RateLimited
from bot.slack.web import ONCE, SlackRefused, ask, close_client, make_client
from bot.surface import SurfaceDown
from tests.fakes.slack import Channel, SlackFake


@pytest.fixture
async def slack() -> AsyncGenerator[SlackFake]:
    async with SlackFake("socket") as fake:
        yield fake


@pytest.fixture
async def client(slack: SlackFake) -> AsyncGenerator[AsyncWebClient]:
    made = make_client(slack.bot_token, slack.url.rstrip("/"))
    yield made
    await close_client(made)


@pytest.fixture
def general(slack: SlackFake) -> Channel:
    return slack.channel("general")


async def test_a_lost_answer_is_asked_for_again_only_where_that_is_harmless(
    slack: SlackFake, client: AsyncWebClient, general: Channel
) -> None:
    slack.faults.lose_reply("conversations.info")
    assert (await ask(client, "conversations.info", channel=general.id))["channel"]["id"] == general.id
    slack.faults.lose_reply("chat.postMessage")
    with pytest.raises(SurfaceDown):
        await ask(client, "chat.postMessage", channel=general.id, text="once")
    assert len(slack.messages(general)) == 1
    assert {"chat.postMessage", "chat.startStream", "files.completeUploadExternal"} <= ONCE


async def test_a_server_that_stumbles_is_asked_once_more(
    slack: SlackFake, client: AsyncWebClient, general: Channel
) -> None:
    slack.faults.http("conversations.info", 503)
    await ask(client, "conversations.info", channel=general.id)
    slack.faults.http("conversations.info", 503, times=2)
    with pytest.raises(SurfaceDown, match="503"):
        await ask(client, "conversations.info", channel=general.id)


async def test_a_limit_says_how_long(slack: SlackFake, client: AsyncWebClient, general: Channel) -> None:
    slack.faults.rate_limit("conversations.info", retry_after_s=17)
    with pytest.raises(RateLimited) as caught:
        await ask(client, "conversations.info", channel=general.id)
    assert (caught.value.method, caught.value.retry_after_s) == ("conversations.info", 17)


async def test_nothing_but_our_own_errors_leaves(slack: SlackFake, client: AsyncWebClient, general: Channel) -> None:
    slack.faults.error("conversations.info", "internal_error")
    with pytest.raises(SurfaceDown):
        await ask(client, "conversations.info", channel=general.id)
    slack.faults.http("conversations.info", 404)
    with pytest.raises(SurfaceDown):
        await ask(client, "conversations.info", channel=general.id)
    slack.disable("streams")
    with pytest.raises(SlackRefused, match="unknown_method") as refused:
        await ask(client, "chat.startStream", channel=general.id, thread_ts=None, chunks=[])
    assert not refused.value.shut_out
    nobody = make_client("xoxb-wrong", slack.url)
    try:
        with pytest.raises(SlackRefused, match="install the app again") as out:
            await ask(nobody, "auth.test")
        assert out.value.shut_out
    finally:
        await close_client(nobody)
    gone = make_client("xoxb-x", "http://127.0.0.1:9/api")
    try:
        with pytest.raises(SurfaceDown, match="cannot be reached"):
            await ask(gone, "auth.test")
    finally:
        await close_client(gone)


async def test_a_proxy_is_not_used_for_an_address_that_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    near, far = make_client("xoxb-x", "http://127.0.0.1:9/api/"), make_client("xoxb-x")
    assert (near.proxy, far.proxy) == (None, "http://proxy.example:3128")
    assert far.base_url == AsyncWebClient.BASE_URL
    await close_client(near)
    await close_client(far)


def test_keys_are_known_again_however_long_they_are() -> None:
    for key in ("status:t_1", "more:" + "x" * 400):
        assert bears({"metadata": metadata(key)}, key)
        assert bears({"blocks": [{"type": "rich_text", "block_id": block_id(key)}]}, key)
        assert not bears({"metadata": metadata(key)}, key + "x")
        assert len(block_id(key)) <= 255
    assert is_bare({"text": ""})
    for marked in ({"metadata": metadata("k")}, {"files": [{"id": "F"}]}, {"subtype": "tombstone"}):
        assert not is_bare(marked)
    assert not is_bare({"blocks": [{"block_id": block_id("k")}]})


@pytest.mark.parametrize(
    ("emoji", "name"), [("👀", "eyes"), ("⏸️", "double_vertical_bar"), ("⚠", "warning"), (":tada:", "tada")]
)
def test_emoji_have_slacks_names(emoji: str, name: str) -> None:
    assert slack_name(emoji) == name


@pytest.mark.parametrize("emoji", ["", "🦄", "::"])
def test_an_emoji_without_a_name_is_a_mistake(emoji: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        slack_name(emoji)
