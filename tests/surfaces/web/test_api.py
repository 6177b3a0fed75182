"""The whole life of a task through the API, as the page's script and `gofer do` use it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agent.domain.events import TextStreamed
from agent.domain.people import Role
from agent.llm.scripted import ScriptedLlm, Turn
from bot.terminal.front import ApiFront
from bot.web.stream import Place
from tests.kit import MEMBER, call, say
from tests.surfaces.web.harness import TOKEN, Site, bell, frames, gate, open_site

PLAN = call("plan", steps=["Read the file", "Write the result"], files=["outputs/result.txt"])
WORK = [
    PLAN,
    call("write", path="outputs/result.txt", content="forty-two"),
    call("deliver", path="outputs/result.txt", title="The result"),
    say("It is **42**."),
]


async def press(site: Site, token: str, task_id: str, **more: Any) -> httpx2.Response:
    body = {"token": token, "task_id": task_id, "event_id": f"p-{hash((token, str(more)))}", **more}
    return await site.browser.post("/api/press", json=body)


async def approve(site: Site, task_id: str) -> None:
    ask = await site.pending(task_id)
    answer = await press(site, f"g1:answer:{ask['ask_id']}:{ask['revision']}:approve", task_id)
    assert answer.json() == {"text": "", "dialog": ""}


async def test_a_file_goes_in_and_a_checked_file_comes_back(tmp_path: Path) -> None:
    async with open_site(tmp_path, WORK) as site:
        file = await site.upload("in/numbers.txt", b"6*7")
        assert (file["path"], file["size_bytes"]) == ("in/numbers.txt", 3)
        said = await site.say("Multiply the numbers", files=[file])
        assert said["kind"] == "started"
        await approve(site, said["task_id"])
        view = (await site.until(said["task_id"], "finished"))["view"]
        assert view["outcome"] == "It is **42**."
        (delivered,) = view["delivered"]
        assert delivered["checks"] == ["It opens."]
        got = await site.browser.get(f"/api/tasks/{said['task_id']}/files/{delivered['file']['sha256']}")
        assert got.content == b"forty-two"
        assert got.headers["content-disposition"].startswith("attachment")
        listed = (await site.program.get(f"/api/tasks/{said['task_id']}/workspace")).json()["files"]
        assert {row["path"] for row in listed} >= {"inputs/in/numbers.txt", "outputs/result.txt"}
        inside = await site.program.get(f"/api/tasks/{said['task_id']}/workspace/inputs/in/numbers.txt")
        assert inside.content == b"6*7"


async def test_a_follow_up_in_the_same_conversation_finds_the_workspace_and_undo_puts_it_back(tmp_path: Path) -> None:
    script = [
        call("write", path="outputs/a.txt", content="one"),
        say("First."),
        call("write", path="outputs/a.txt", content="two"),
        say("Second."),
    ]
    # The script counts answers within one task; the second task begins where the first one ended.
    turns = iter(script)
    async with open_site(tmp_path, [], llm=_next_of(turns)) as site:
        first = await site.say("write one")
        await site.until(first["task_id"], "finished")
        second = await site.say("write two", first["thread_id"])
        await site.until(second["task_id"], "finished")
        path = f"/api/tasks/{second['task_id']}/workspace/outputs/a.txt"
        assert (await site.browser.get(path)).content == b"two"
        assert (await press(site, f"g1:undo:{first['task_id']}:0:", first["task_id"])).status_code == 409
        undone = await press(site, f"g1:undo:{second['task_id']}:0:", second["task_id"])
        assert "write two" in undone.json()["text"]
        assert (await site.browser.get(path)).content == b"one"


def _next_of(turns: Any) -> Any:
    return ScriptedLlm(lambda _: next(turns))


async def test_a_plain_reply_revises_the_plan_and_the_form_does_too(tmp_path: Path) -> None:
    async with open_site(tmp_path, [PLAN, PLAN, PLAN, say("ok")]) as site:
        said = await site.say("Multiply the numbers")
        first = await site.pending(said["task_id"])
        assert (await site.say("in two files please", said["thread_id"]))["kind"] == "decided"
        second = await next_ask(site, said["task_id"], first)
        edit = f"g1:form:{second['ask_id']}:{second['revision']}:revise"
        opened = (await press(site, edit, said["task_id"])).json()["dialog"]
        assert "Read the file\nWrite the result" in opened
        values = {"steps": "Read the file\nAsk me\nWrite the result", "note": ""}
        await press(site, edit, said["task_id"], sent=True, values=values)
        third = await next_ask(site, said["task_id"], second)
        assert [first["revision"], second["revision"], third["revision"]] == [1, 2, 3]
        assert "Ask me" in str(site.kit.llm.requests[-1][1][-1].content)  # type: ignore[attr-defined]


async def next_ask(site: Site, task_id: str, before: Any) -> Any:
    """The open ask that is not this one."""
    async with asyncio.timeout(5):
        async for _ in site.kit.journal.changes(task_id):
            asks = [a["ask"] for a in (await site.task(task_id))["view"]["asks"]]
            fresh = [a for a in asks if a["status"] == "pending" and a["ask_id"] != before["ask_id"]]
            if fresh:
                return fresh[0]
    raise AssertionError("the journal stopped telling of changes")


async def test_a_late_click_is_told_who_was_faster(tmp_path: Path) -> None:
    async with open_site(tmp_path, [PLAN, say("ok")]) as site:
        said = await site.say("Multiply the numbers")
        ask = await site.pending(said["task_id"])
        body = {"revision": ask["revision"], "choice": "approve"}
        won = await site.program.post(f"/api/asks/{ask['ask_id']}", json=body)
        assert won.json()["won"] is True
        late = await press(site, f"g1:answer:{ask['ask_id']}:{ask['revision']}:reject", said["task_id"])
        assert late.status_code == 409
        assert "decided already, by" in late.json()["error"]
        assert (await site.program.post(f"/api/asks/{ask['ask_id']}", json=body)).json()["won"] is False


async def test_a_call_of_high_risk_takes_a_button_and_no_typed_word(tmp_path: Path) -> None:
    rung: list[str] = []
    async with open_site(tmp_path, [call("ring_bell", who="ana"), say("ok")], tools=(bell(rung),)) as site:
        said = await site.say("ring the bell")
        ask = await site.pending(said["task_id"])
        typed = await site.browser.post(
            "/api/messages", json={"thread_id": said["thread_id"], "text": "yes", "event_id": "e2"}
        )
        assert (typed.status_code, rung) == (403, [])
        await press(site, f"g1:answer:{ask['ask_id']}:{ask['revision']}:allow", said["task_id"])
        await site.until(said["task_id"], "finished")
        assert rung == ["ana"]


async def test_a_question_is_answered_in_the_form_with_a_file(tmp_path: Path) -> None:
    async with open_site(tmp_path, [call("ask", question="Which year?", options=["2025"]), say("ok")]) as site:
        said = await site.say("write the report")
        ask = await site.pending(said["task_id"])
        file = await site.upload("year.txt", b"2024")
        token = f"g1:form:{ask['ask_id']}:{ask['revision']}:answer"
        assert "Which year?" in (await press(site, token, said["task_id"])).json()["dialog"]
        await press(site, token, said["task_id"], sent=True, values={"note": "see the file"}, files=[file])
        await site.until(said["task_id"], "finished")
        heard = str(site.kit.llm.requests[-1][1][-1].content)  # type: ignore[attr-defined]
        assert "see the file" in heard


async def test_a_running_task_is_steered_paused_resumed_and_stopped(tmp_path: Path) -> None:
    opened, reached = asyncio.Event(), asyncio.Event()
    script = [call("wait_at_gate"), call("wait_at_gate"), say("ok")]
    async with open_site(tmp_path, script, tools=(gate(opened, reached),)) as site:
        said = await site.say("wait for me")
        async with asyncio.timeout(5):
            await reached.wait()
        task_id = said["task_id"]
        form = (await press(site, f"g1:steer:{task_id}:0:", task_id)).json()["dialog"]
        assert "<textarea" in form
        await press(site, f"g1:steer:{task_id}:0:", task_id, sent=True, values={"note": "hurry up"})
        assert (await site.task(task_id))["view"]["steered"] == ["hurry up"]
        await press(site, f"g1:pause:{task_id}:0:", task_id)
        await site.until(task_id, "paused")
        assert (await press(site, f"g1:pause:{task_id}:0:", task_id)).json()["text"]
        await press(site, f"g1:resume:{task_id}:0:", task_id)
        await press(site, f"g1:stop:{task_id}:0:", task_id)
        assert (await site.until(task_id, "cancelled"))["status"] == "cancelled"
        details = (await press(site, f"g1:details:{task_id}:0:", task_id)).json()["dialog"]
        assert "Wait at the gate" in details


async def test_the_same_message_sent_twice_starts_one_task(tmp_path: Path) -> None:
    async with open_site(tmp_path, [say("ok")]) as site:
        body = {"thread_id": "", "text": "Make a report", "event_id": "same"}
        first = await site.browser.post("/api/messages", json=body)
        second = await site.browser.post("/api/messages", json=body)
        assert (first.status_code, second.status_code) == (200, 409)
        assert len((await site.program.get("/api/tasks")).json()["tasks"]) == 1


async def test_a_digest_alone_opens_no_file(tmp_path: Path) -> None:
    async with open_site(tmp_path, [say("ok")]) as site:
        file = await site.upload("mine.txt", b"private")
        body = {"thread_id": "", "text": "read it to me", "event_id": "e1"}
        stolen = {**file, "receipt": ""}
        renamed = {**file, "path": "other.txt"}
        for forged in (stolen, renamed):
            answer = await site.browser.post("/api/messages", json={**body, "files": [forged]})
            assert answer.status_code == 403
        assert (await site.browser.post("/api/messages", json={**body, "files": [file]})).status_code == 200


async def test_a_form_uploads_several_files_at_once(tmp_path: Path) -> None:
    async with open_site(tmp_path, []) as site:
        parts = [("file", ("a.txt", b"a", "text/plain")), ("file", ("b/ü.txt", b"bb", "text/plain"))]
        answer = await site.browser.post("/api/uploads", files=parts)
        assert answer.status_code == 201
        assert [(f["path"], f["size_bytes"]) for f in answer.json()["files"]] == [("a.txt", 1), ("b/ü.txt", 2)]
        empty = await site.browser.post("/api/uploads", files=[("note", (None, b"x"))])
        assert empty.status_code == 400
        nameless = await site.browser.post("/api/uploads", params={"path": "../.."}, content=b"x")
        assert nameless.status_code == 409


async def test_texts_that_no_encoding_knows_and_odd_addresses_do_no_harm(tmp_path: Path) -> None:
    async with open_site(tmp_path, [say("half \ud83d of a character")]) as site:
        odd = await site.browser.post("/api/messages", content=b'{"text": "a \\ud800 and \\u0000 b", "event_id": "e1"}')
        said = odd.json()
        await site.until(said["task_id"], "finished")
        assert (await site.browser.get(f"/t/{said['thread']}")).status_code == 200
        assert (await site.program.get(f"/api/tasks/{said['task_id']}/events")).status_code == 200
        for path in (
            "/api/tasks/%00",
            "/t/%00",
            "/t/a%2Fb",
            f"/t/{'x' * 200}",
            "/files/%F0%9F.x",
            "/static/../server.py",
        ):
            assert (path, (await site.browser.get(path)).status_code) == (path, 404)


@pytest.mark.parametrize(
    "thread_id", ["web:local::a\x00", "web:local:: ", "slack:T1:C1:1.2", "discord:1:2:3", "nonsense"]
)
async def test_no_conversation_of_a_chat_platform_can_be_begun_here(tmp_path: Path, thread_id: str) -> None:
    async with open_site(tmp_path, []) as site:
        answer = await site.program.post(
            "/api/tasks", json={"thread_id": thread_id, "request": "a report", "inbox_id": "1"}
        )
        assert answer.status_code == 400


async def test_links_to_files_end_cannot_be_forged_and_never_run_in_the_page(tmp_path: Path) -> None:
    script = [
        call("write", path="outputs/page.html", content="<script>alert(1)</script>"),
        call("deliver", path="outputs/page.html", title="A page"),
        say("Here."),
    ]
    async with open_site(tmp_path, script) as site:
        said = await site.say("make a page")
        await site.until(said["task_id"], "finished")
        page = (await site.browser.get(f"/t/{said['thread']}")).text
        link = page.partition('href="/files/')[2].partition('"')[0]
        answer = await site.nobody.get(f"/files/{link}")
        assert answer.content == b"<script>alert(1)</script>"
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith('attachment; filename="page.html"')
        assert "sandbox" in answer.headers["content-security-policy"]
        assert (await site.nobody.get(f"/files/{link[:-2]}xx")).status_code == 404


async def test_rights_are_looked_up_when_a_link_is_opened(tmp_path: Path) -> None:
    script = [call("write", path="a.txt", content="x"), call("deliver", path="a.txt", title="A"), say("Here.")]
    async with open_site(tmp_path, script) as site:
        said = await site.say("make a file")
        await site.until(said["task_id"], "finished")
        page = (await site.browser.get(f"/t/{said['thread']}")).text
        link = page.partition('href="/files/')[2].partition('"')[0]
        await site.kit.journal.remove_person("web:owner")
        assert (await site.nobody.get(f"/files/{link}")).status_code == 403


async def test_the_terminal_speaks_the_same_api(tmp_path: Path) -> None:
    async with open_site(tmp_path, WORK) as site:
        front = ApiFront(site.url, TOKEN)
        try:
            file = await front.upload("in put/numbers.txt", b"6*7")
            task_id = await front.start("terminal:local::run", "Multiply", (file,), "in-1")
            kinds: list[str] = []
            async with asyncio.timeout(5):
                async for event in front.follow(task_id):
                    kinds.append(event.kind)
                    if event.kind == "AskOpened":
                        won = await front.answer(event.ask.ask_id, event.ask.revision, "approve", note="", via="flag")
                        assert won
            assert kinds[-1] == "TaskFinished"
            assert await front.workspace_file(task_id, "inputs/in put/numbers.txt") == b"6*7"
            assert (await front.listing(task_id))["outputs/result.txt"] == 9
        finally:
            await front.close()


async def test_a_member_cannot_see_or_touch_what_belongs_to_another(tmp_path: Path) -> None:
    async with open_site(tmp_path, [say("ok")]) as site:
        task = await site.kit.service.start(MEMBER, "web:local::theirs", "private", inbox_id="m")
        await site.kit.access.admit("web:owner", "Owner", Role.MEMBER)
        assert (await site.browser.get(f"/api/tasks/{task.task_id}")).status_code == 404
        assert (await site.browser.get("/t/theirs")).status_code == 403
        assert (await site.browser.get("/t/theirs/stream")).status_code == 403
        assert (await site.browser.post("/api/threads/web:local::theirs/undo", json={})).status_code == 403
        assert "private" not in (await site.browser.get("/")).text


async def test_stored_events_come_as_lines_or_as_a_stream_that_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    async with open_site(tmp_path, [say("ok")]) as site:
        said = await site.say("make a report")
        await site.until(said["task_id"], "finished")
        path = f"/api/tasks/{said['task_id']}/events"
        lines = (await site.program.get(path)).text.splitlines()
        after = (await site.program.get(path, params={"after": 1, "follow": 1})).text.splitlines()
        assert lines[1:] == after
        headers = {"Accept": "text/event-stream", "Last-Event-ID": "1"}
        async with site.program.stream("GET", path, params={"follow": "1"}, headers=headers) as response:
            seen = [(name, number) async for name, _, number in frames(response)]
        assert seen == [("SpendUpdated", "2"), ("TaskFinished", "3")]


async def test_the_page_is_told_what_happens_and_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    async with open_site(tmp_path, [PLAN, say("It is done.")]) as site:
        said = await site.say("make a report")
        ask = await site.pending(said["task_id"])
        shown: dict[str, str] = {}
        path = f"/t/{said['thread']}/stream"
        async with asyncio.timeout(5), site.browser.stream("GET", path) as response:
            async for name, data, number in frames(response):
                if name == "card":
                    shown[data["key"]] = data["html"]
                if name == "place" and f"ask:{ask['ask_id']}" in shown:
                    place = number
                    break
        assert "Approve" in shown[f"ask:{ask['ask_id']}"]
        assert Place.parse(place).task_id == said["task_id"]
        await approve(site, said["task_id"])
        await site.until(said["task_id"], "finished")
        later: dict[str, Any] = {}
        headers = {"Last-Event-ID": place}
        async with asyncio.timeout(5), site.browser.stream("GET", path, headers=headers) as response:
            async for name, data, _ in frames(response):
                if name == "card":
                    later[data["key"]] = data
                if name == "place":
                    break
        assert f"said:{said['task_id']}:1" not in later
        assert "Approved by you" in later[f"ask:{ask['ask_id']}"]["html"]
        assert "It is done." in later[f"result:{said['task_id']}"]["html"]


async def test_a_new_task_reaches_a_page_that_is_open_and_takes_undo_off_the_older_result(tmp_path: Path) -> None:
    turns = iter([call("write", path="a", content="1"), say("First."), say("Second.")])
    async with open_site(tmp_path, [], llm=_next_of(turns)) as site:
        first = await site.say("write it")
        await site.until(first["task_id"], "finished")
        result = f"result:{first['task_id']}"
        seen: list[str] = []
        async with asyncio.timeout(5), site.browser.stream("GET", f"/t/{first['thread']}/stream") as response:
            async for name, data, _ in frames(response):
                if name == "card" and data["key"] == result:
                    seen.append(data["html"])
                    if len(seen) == 1:
                        second = await site.say("now tell me", first["thread_id"])
                elif name == "card" and seen and data["key"] == f"result:{second['task_id']}":
                    break
        assert ["Undo" in html for html in seen] == [True, False]


async def test_text_is_shown_while_it_comes(tmp_path: Path) -> None:
    opened, reached = asyncio.Event(), asyncio.Event()
    script = [Turn(text="I look.", tools=(("wait_at_gate", {}),)), say("ok")]
    async with open_site(tmp_path, script, tools=(gate(opened, reached),)) as site:
        said = await site.say("look into it")
        path = f"/t/{said['thread']}/stream"
        kinds: set[str] = set()
        async with asyncio.timeout(5), site.browser.stream("GET", path) as response:
            stream = frames(response)
            async for name, _, _ in stream:
                if name == "place" and not kinds:
                    await reached.wait()
                    site.bus.publish(TextStreamed(said["task_id"], "thinking aloud"))
                    kinds.add(name)
                elif name in ("text", "output"):
                    kinds.add(name)
                    if "text" in kinds:
                        break
            opened.set()
            async for name, data, _ in stream:
                kinds.add(name)
                if name == "card" and data["key"].startswith("result:"):
                    break
        assert {"text", "quiet", "card"} <= kinds
