"""Files from Slack and to Slack: what is refused by name, where the token goes, and that nothing is sent twice."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web

from agent.domain.errors import Refused
from bot.slack.files import TOGETHER, Files
from bot.slack.pacer import Pacer
from bot.slack.web import Web, close_client, make_client
from bot.surface import IncomingFile, SurfaceDown, SurfaceRefused, ThreadRef
from tests.fakes.slack import SCOPES, Channel, Message, SlackFake
from tests.surfaces.slack.out import Fast, approval, opened, out_file, place

DATA = bytes(range(256)) * 2_000


@pytest.fixture
async def slack() -> AsyncGenerator[SlackFake]:
    async with SlackFake("socket") as fake:
        yield fake


async def begun(slack: SlackFake) -> tuple[Channel, Message, ThreadRef]:
    """A request in a channel."""
    ann = slack.user("ann")
    general = slack.channel("general", members=[ann])
    request = await ann.says(general, "please")
    return general, request, place(slack, general, request)


async def read(file: IncomingFile) -> bytes:
    return b"".join([piece async for piece in file.fetch()])


async def described(slack: SlackFake, name: str = "a.csv", data: bytes = DATA) -> dict[str, Any]:
    """Slack's description of a file that somebody shared."""
    ann = slack.user("ann")
    general = slack.channel("files", members=[ann])
    message = await ann.says(general, "here", files=[(name, data)])
    async with opened(slack) as surface:
        answer = await surface.web.ask("files.info", file=message.files[0].id)
    return dict(answer["file"])


# -- from Slack


async def test_a_shared_file_comes_in_pieces_with_its_name_and_type(slack: SlackFake) -> None:
    about = await described(slack)
    async with opened(slack) as surface:
        file = await surface.incoming_file(about)
        assert (file.name, file.size_bytes, file.media_type) == ("a.csv", len(DATA), "text/csv")
        pieces = [piece async for piece in file.fetch()]
        assert b"".join(pieces) == DATA
        assert len(pieces) > 1
        assert await read(file) == DATA  # it may be fetched again


async def test_a_real_web_page_is_a_file_like_any_other(slack: SlackFake) -> None:
    page = b"<!DOCTYPE html><p>hello</p>"
    about = await described(slack, "page.html", page)
    async with opened(slack) as surface:
        assert await read(await surface.incoming_file(about)) == page


@pytest.mark.parametrize("name", ["a.csv", "page.html"])
async def test_a_sign_in_page_is_not_taken_for_the_file(name: str) -> None:
    scopes = [scope for scope in SCOPES if scope != "files:read"]
    async with SlackFake("socket") as slack:
        about = await described(slack, name)
        slack.team.scopes = tuple(scopes)
        async with opened(slack) as surface:
            with pytest.raises(Refused, match=name):
                await read(await surface.incoming_file(about))


async def test_fewer_bytes_than_announced_are_refused(slack: SlackFake) -> None:
    about = await described(slack)
    async with opened(slack) as surface:
        with pytest.raises(Refused, match=r"a\.csv"):
            await read(await surface.incoming_file({**about, "size": len(DATA) + 1}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mode": "tombstone"}, "deleted"),
        ({"mode": "hidden_by_limit"}, "plan"),
        ({"file_access": "access_denied"}, "see"),
        ({"file_access": "file_not_found"}, "deleted"),
        ({"is_external": True, "external_type": "gdrive"}, "gdrive"),
        ({"mode": "external"}, "linked"),
        ({"mode": "quip"}, "Export"),
        ({"url_private": "", "url_private_download": ""}, "address"),
    ],
)
async def test_what_is_no_file_in_slack_is_refused_by_name(
    slack: SlackFake, change: dict[str, Any], words: str
) -> None:
    about = {**await described(slack), **change}
    async with opened(slack) as surface:
        with pytest.raises(Refused, match=words) as refused:
            await read(await surface.incoming_file(about))
    assert "a.csv" in str(refused.value)
    assert refused.value.next_step


async def test_a_file_of_another_organisation_is_looked_up_first(slack: SlackFake) -> None:
    about = await described(slack)
    stub = {"id": about["id"], "mode": "file_access", "file_access": "check_file_info"}
    async with opened(slack) as surface:
        file = await surface.incoming_file(stub)
        assert (file.name, file.size_bytes, file.media_type) == ("a.csv", len(DATA), "text/csv")
        assert await read(file) == DATA
        slack.faults.error("files.info", "file_not_found")
        with pytest.raises(Refused, match="copy"):
            await read(await surface.incoming_file(stub))


@dataclass
class Elsewhere:
    """A server that is not Slack's: it keeps what it was asked with."""

    origin: str = ""
    tokens: list[str] = field(default_factory=list)
    answers: dict[str, web.Response] = field(default_factory=dict)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.tokens.append(request.headers.get("Authorization", ""))
        made = self.answers.get(request.path)
        if made is None:
            return web.Response(body=DATA, content_type="text/csv")
        return web.Response(status=made.status, headers=made.headers, body=made.body)


@asynccontextmanager
async def elsewhere() -> AsyncGenerator[Elsewhere]:
    there = Elsewhere()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", there.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    there.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield there
    finally:
        await runner.cleanup()


@asynccontextmanager
async def files_at(base_url: str) -> AsyncGenerator[Files]:
    """Files of a Slack at this address, with the token "secret"."""
    client = make_client("secret", base_url)
    try:
        yield Files(Web(client, Pacer(Fast())), Fast())
    finally:
        await close_client(client)


def about(url: str, **others: Any) -> dict[str, Any]:
    return {"id": "F1", "name": "a.csv", "size": len(DATA), "mimetype": "text/csv", "url_private": url, **others}


@pytest.mark.parametrize(
    "url",
    [
        "{there}/a.csv",
        "https://slack.com.evil.example/a.csv",
        "http://files.slack.com/a.csv",
        "https://notslack.com/a.csv",
        "file:///etc/passwd",
        "",
    ],
)
async def test_the_token_goes_to_no_other_host(slack: SlackFake, url: str) -> None:
    async with elsewhere() as there, files_at(slack.url) as files:
        with pytest.raises(Refused, match=r"a\.csv"):
            await read(files.incoming(about(url.format(there=there.origin))))
    assert there.tokens == []


async def test_a_redirect_to_another_host_is_not_followed() -> None:
    async with elsewhere() as there, elsewhere() as here, files_at(f"{here.origin}/api/") as files:
        here.answers = {
            "/out": web.Response(status=302, headers={"Location": f"{there.origin}/a.csv"}),
            "/in": web.Response(status=302, headers={"Location": "/a.csv"}),
            "/round": web.Response(status=302, headers={"Location": "/round"}),
        }
        with pytest.raises(Refused, match="another server"):
            await read(files.incoming(about(f"{here.origin}/out")))
        assert there.tokens == []
        assert await read(files.incoming(about(f"{here.origin}/in"))) == DATA
        assert here.tokens == ["Bearer secret"] * 3
        with pytest.raises(Refused, match="sign-in"):
            await read(files.incoming(about(f"{here.origin}/round")))


@pytest.mark.parametrize(("status", "down"), [(429, True), (503, True), (404, False), (403, False)])
async def test_whether_to_try_a_download_again(status: int, down: bool) -> None:
    async with elsewhere() as here, files_at(f"{here.origin}/api/") as files:
        here.answers["/a"] = web.Response(status=status, headers={"Retry-After": "7"} if status == 429 else {})
        with pytest.raises(SurfaceDown if down else Refused) as caught:
            await read(files.incoming(about(f"{here.origin}/a")))
    if isinstance(caught.value, SurfaceDown):
        assert caught.value.retry_after_s == (7 if status == 429 else None)


# -- to Slack


async def test_files_go_as_one_message_with_their_titles(slack: SlackFake) -> None:
    general, request, thread = await begun(slack)
    picture = out_file("page.png", b"png", media_type="image/png", title="The first page")
    async with opened(slack) as surface:
        left = await surface.send_files(thread, [out_file("a.csv", DATA), picture], key="files:t_1", comment="Here")
    assert left == ()
    _, message = slack.messages(general, request)  # it is there when the call is over
    assert [(file.name, file.title, file.data) for file in message.files] == [
        ("a.csv", "a.csv", DATA),
        ("page.png", "The first page", b"png"),
    ]
    assert message.files[1].alt_txt == "The first page"
    assert "Here" in message.plain
    assert len(slack.calls("files.completeUploadExternal")) == 1


async def test_the_same_delivery_is_made_once_even_by_another_process(slack: SlackFake) -> None:
    general, request, thread = await begun(slack)
    for _ in range(2):
        async with opened(slack) as surface:
            for _ in range(2):
                await surface.send_files(thread, [out_file("a.csv", DATA)], key="files:t_1")
    async with opened(slack) as surface:  # the same file again is another delivery
        await surface.send_files(thread, [out_file("a.csv", DATA)], key="files:t_2")
    assert [len(m.files) for m in slack.messages(general, request)[1:]] == [1, 1]


async def test_a_delivery_whose_answer_was_lost_is_not_made_again(slack: SlackFake) -> None:
    general, request, thread = await begun(slack)
    slack.uploads.share_delay_s = 0.1
    slack.faults.lose_reply("files.completeUploadExternal")
    async with opened(slack) as surface:
        with pytest.raises(SurfaceDown):
            await surface.send_files(thread, [out_file("a.csv", DATA)], key="files:t_1")
        assert await surface.send_files(thread, [out_file("a.csv", DATA)], key="files:t_1") == ()
    assert len(slack.calls("files.completeUploadExternal")) == 1
    assert len(slack.messages(general, request)) == 2


async def test_many_files_take_several_messages(slack: SlackFake) -> None:
    general, request, thread = await begun(slack)
    files = [out_file(f"{n}.txt", b"x") for n in range(TOGETHER + 2)]
    async with opened(slack) as surface:
        await surface.send_files(thread, files, key="files:t_1")
        await surface.send_files(thread, files, key="files:t_1")
    assert [len(m.files) for m in slack.messages(general, request)[1:]] == [TOGETHER, 2]


async def test_what_slack_does_not_take_is_left_out_and_the_rest_goes(slack: SlackFake) -> None:
    slack.uploads.forbidden = frozenset({"exe"})
    slack.uploads.size_max = 10_000
    general, request, thread = await begun(slack)
    fine, big, wrong = out_file("a.csv", b"1,2"), out_file("b.csv", DATA), out_file("c.exe", b"MZ")
    empty, changed = out_file("d.txt", b""), replace(out_file("e.txt", b"123"), size_bytes=5)
    async with opened(slack) as surface:
        left = await surface.send_files(thread, [big, fine, wrong, empty, changed], key="files:t_1")
        assert left == (big, wrong, empty, changed)
        assert surface.abilities.max_file_bytes == len(DATA) - 1  # and it is remembered
        announced = len(slack.calls("files.getUploadURLExternal"))
        assert await surface.send_files(thread, [big], key="files:t_2") == (big,)
        assert len(slack.calls("files.getUploadURLExternal")) == announced
    assert [file.name for file in slack.messages(general, request)[1].files] == ["a.csv"]


async def test_more_bytes_than_announced_are_not_sent(slack: SlackFake) -> None:
    _, _, thread = await begun(slack)
    grown = replace(out_file("a.csv", DATA), size_bytes=1_500)
    async with opened(slack) as surface:
        assert await surface.send_files(thread, [grown], key="files:t_1") == (grown,)


async def test_where_nobody_may_upload_all_is_left_out(slack: SlackFake) -> None:
    slack.uploads.enabled = False
    general, request, thread = await begun(slack)
    file = out_file("a.csv", DATA)
    async with opened(slack) as surface:
        assert await surface.send_files(thread, [file], key="files:t_1") == (file,)
    assert len(slack.messages(general, request)) == 1


async def test_a_channel_that_takes_no_files_leaves_them_out(slack: SlackFake) -> None:
    _, _, thread = await begun(slack)
    file = out_file("a.csv", DATA)
    slack.faults.error("files.completeUploadExternal", "posting_to_channel_denied")
    async with opened(slack) as surface:
        assert await surface.send_files(thread, [file], key="files:t_1") == (file,)


async def test_a_channel_that_is_gone_and_a_dead_token_refuse(slack: SlackFake) -> None:
    _, _, thread = await begun(slack)
    async with opened(slack) as surface:
        slack.faults.error("files.completeUploadExternal", "channel_not_found")
        with pytest.raises(SurfaceRefused):
            await surface.send_files(thread, [out_file("a.csv", DATA)], key="files:t_1")
        slack.faults.error("files.getUploadURLExternal", "token_revoked")
        with pytest.raises(SurfaceRefused):
            await surface.send_files(thread, [out_file("a.csv", DATA)], key="files:t_1")


async def test_an_upload_that_fails_is_tried_from_the_start(slack: SlackFake) -> None:
    general, request, thread = await begun(slack)
    broken = True

    async def stream() -> AsyncIterator[bytes]:
        yield DATA[:1_000]
        if broken:
            raise ConnectionResetError("the store is away")
        yield DATA[1_000:]

    file = replace(out_file("a.csv", DATA), open=stream)
    async with opened(slack) as surface:
        with pytest.raises(SurfaceDown):
            await surface.send_files(thread, [file], key="files:t_1")
        broken = False
        assert await surface.send_files(thread, [file], key="files:t_1") == ()
    assert [file.data for file in slack.messages(general, request)[1].files] == [DATA]


async def test_a_share_that_is_slow_to_appear_holds_nothing_up_for_ever(slack: SlackFake) -> None:
    general, request, thread = await begun(slack)
    slack.uploads.share_delay_s = 3_600
    async with opened(slack) as surface:
        assert await surface.send_files(thread, [out_file("a.csv", DATA)], key="files:t_1") == ()
    assert len(slack.messages(general, request)) == 1


async def test_the_files_of_a_card_stand_above_it(slack: SlackFake) -> None:
    slack.uploads.size_max = 10_000
    general, request, thread = await begun(slack)
    small, big = out_file("a.csv", b"1"), out_file("b.csv", DATA)
    async with opened(slack) as surface:
        posted = await surface.post(thread, approval(), key="k", files=[small, big])
    assert [line.path for line in posted.left_out] == ["outputs/b.csv"]
    _, files, card = slack.messages(general, request)
    assert [file.name for file in files.files] == ["a.csv"]
    assert card.button_labels == ["Allow once", "Deny"]
