"""Faults, uploads by the library, and workspaces that come and go, in the Slack fake."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import Channel, SlackFake
from tests.fakes.slack.delivery import Delivery


def client(slack: SlackFake, **settings: Any) -> AsyncWebClient:
    return AsyncWebClient(token=slack.bot_token, base_url=slack.url, **settings)


def place(slack: SlackFake) -> Channel:
    return slack.channel("general", members=[slack.user("ann")])


async def test_faults_come_in_turn_and_then_all_is_well() -> None:
    async with SlackFake() as slack:
        web, general = client(slack), place(slack)
        slack.faults.error("chat.postMessage", "channel_not_found")
        slack.faults.http("chat.postMessage", 503, times=2)
        for expected in ("channel_not_found", None, None):
            with pytest.raises(SlackApiError) as caught:
                await web.chat_postMessage(channel=general.id, text="x")
            assert caught.value.response.get("error") == expected
        await web.chat_postMessage(channel=general.id, text="x")
        assert [call.error for call in slack.refusals] == ["channel_not_found", "HTTP 503", "HTTP 503"]
        assert len(slack.messages(general)) == 1


async def test_rate_limit_names_the_time_and_the_library_waits_for_it() -> None:
    async with SlackFake() as slack:
        web, general = client(slack), place(slack)
        slack.faults.rate_limit("chat.postMessage", retry_after_s=7)
        with pytest.raises(SlackApiError) as caught:
            await web.chat_postMessage(channel=general.id, text="x")
        assert caught.value.response.headers["Retry-After"] == "7"
        web.retry_handlers.append(AsyncRateLimitErrorRetryHandler())
        slack.faults.rate_limit("chat.postMessage", retry_after_s=0)
        await web.chat_postMessage(channel=general.id, text="x")
        assert [call.status for call in slack.calls("chat.postMessage")] == [429, 429, 200]


async def test_lost_reply_was_still_done() -> None:
    async with SlackFake() as slack:
        web, general = client(slack, retry_handlers=[]), place(slack)
        slack.faults.lose_reply("chat.postMessage", where=lambda args: args["text"] == "lost")
        with pytest.raises(aiohttp.ClientError):
            await web.chat_postMessage(channel=general.id, text="lost")
        await web.chat_postMessage(channel=general.id, text="kept")
        assert [message.text for message in slack.messages(general)] == ["lost", "kept"]


@pytest.mark.parametrize(("after", "texts"), [("arrived", []), ("done", ["x"])])
async def test_held_call_waits_before_or_after_it_is_done(after: Any, texts: list[str]) -> None:
    async with SlackFake() as slack:
        web, general = client(slack), place(slack)
        gate = slack.faults.hold("chat.postMessage", after=after)
        call = asyncio.create_task(web.chat_postMessage(channel=general.id, text="x"))
        async with asyncio.timeout(5):
            await gate.reached
        assert gate.args["text"] == "x"
        assert [message.text for message in slack.messages(general)] == texts
        assert not call.done()
        gate.open()
        await call
        assert len(slack.messages(general)) == 1


async def test_call_that_is_held_to_the_end_is_cut() -> None:
    async with SlackFake() as slack:
        web, general = client(slack, retry_handlers=[]), place(slack)
        gate = slack.faults.hold("chat.postMessage")
        call = asyncio.create_task(web.chat_postMessage(channel=general.id, text="x"))
        await gate.reached
    with pytest.raises(aiohttp.ClientError):
        await call
    assert slack.messages(general) == []


async def test_library_uploads_several_files_into_a_thread() -> None:
    async with SlackFake() as slack:
        web, general = client(slack), place(slack)
        root = (await web.chat_postMessage(channel=general.id, text="x"))["ts"]
        uploads = [{"filename": f"{n}.csv", "content": str(n), "alt_txt": "a table"} for n in range(2)]
        answer = await web.files_upload_v2(file_uploads=uploads, channel=general.id, thread_ts=root)
        assert len(answer["files"]) == 2
        (message,) = await slack.wait_for(lambda: slack.messages(general, root)[1:])
        assert [(file.name, file.data, file.alt_txt) for file in message.files] == [
            ("0.csv", b"0", "a table"),
            ("1.csv", b"1", "a table"),
        ]
        assert message.plain == "0.csv\n1.csv"


@pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")  # slack_sdk's, against aiohttp 3.14
async def test_app_is_installed_in_a_second_workspace_and_taken_out_again() -> None:
    async with SlackFake() as slack, aiohttp.ClientSession() as session:
        place(slack)
        other = slack.workspace("beta")
        bea = slack.user("bea", team=other)
        query = {"client_id": slack.client_id, "redirect_uri": f"{slack.origin}/back", "scope": "chat:write,team:read"}
        url = f"{slack.origin}/oauth/v2/authorize?{urlencode({**query, 'state': 's1'})}"
        async with session.get(url, allow_redirects=False) as response:
            back = parse_qs(urlsplit(response.headers["Location"]).query)
        assert back["state"] == ["s1"]
        web = AsyncWebClient(base_url=slack.url)
        secret = {"client_id": slack.client_id, "client_secret": slack.client_secret}
        with pytest.raises(SlackApiError, match="bad_client_secret"):
            await web.oauth_v2_access(**{**secret, "client_secret": "x"}, code=back["code"][0])
        with pytest.raises(SlackApiError, match="bad_redirect_uri"):
            await web.oauth_v2_access(**secret, code=back["code"][0], redirect_uri="http://x")
        got = await web.oauth_v2_access(**secret, code=back["code"][0], redirect_uri=query["redirect_uri"])
        assert (got["team"]["id"], got["authed_user"]["id"]) == (other.team_id, bea.id)
        with pytest.raises(SlackApiError, match="code_already_used"):
            await web.oauth_v2_access(**secret, code=back["code"][0])
        with pytest.raises(SlackApiError, match="invalid_code"):
            await web.oauth_v2_access(**secret, code="x")
        theirs = slack.channel("beta-talk", members=[bea], team=other)
        web = AsyncWebClient(base_url=slack.url, token=got["access_token"])
        await web.chat_postMessage(channel=theirs.id, text="hello")
        with pytest.raises(SlackApiError, match="channel_not_found"):
            await client(slack).chat_postMessage(channel=theirs.id, text="hello")
        assert (await web.team_info())["team"]["name"] == "beta"
        slack.uninstall(other)
        with pytest.raises(SlackApiError, match="token_revoked"):
            await web.chat_postMessage(channel=theirs.id, text="hello")
        sent = await slack.wait_for(lambda: firsts(slack)[2:] and firsts(slack))
        assert {delivery.payload["team_id"] for delivery in sent} == {other.team_id}
        assert [delivery.event["type"] for delivery in sent[1:]] == ["tokens_revoked", "app_uninstalled"]


def firsts(slack: SlackFake) -> list[Delivery]:
    return [delivery for delivery in slack.deliveries if not delivery.attempt]


async def test_requests_are_signed_as_the_library_checks_it() -> None:
    async with SlackFake("http") as slack:
        verifier = SignatureVerifier(slack.signing_secret)
        for kind, payload in (
            ("events_api", {"a": "é"}),
            ("interactive", {"a": 1}),
            ("slash_commands", {"text": "a b"}),
        ):
            raw, headers = slack.courier.signed(Delivery(kind, payload, 0, "e"))
            assert verifier.is_valid_request(raw, headers)
            assert not verifier.is_valid_request(raw + b" ", headers)


async def test_settings_tell_the_app_where_the_fake_is() -> None:
    async with SlackFake("http") as slack:
        assert slack.env() == {
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_SIGNING_SECRET": slack.signing_secret,
            "GOFER_SLACK_MODE": "http",
            "GOFER_SLACK_API_URL": slack.url,
        }
    assert SlackFake("socket").env()["SLACK_APP_TOKEN"].startswith("xapp-")
