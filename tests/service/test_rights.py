"""Every door of the service is shut to strangers; nothing is open because it was forgotten."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from agent.domain.errors import NotAllowed, NotFound, Refused
from agent.domain.people import Actor, Role
from agent.service import Service
from agent.service.uploads import in_one_piece
from tests.kit import MEMBER, OWNER, STRANGER, THREAD, call, open_kit, say

PUBLIC = sorted(n for n, f in inspect.getmembers(Service, inspect.isfunction) if not n.startswith("_"))
OPEN_TO_ALL = {
    "role": "a stranger may learn that they are one",
    "claim": "the first admin is a stranger until the code is checked",
    "may_start": "a stranger may learn that they may not",
    "starts_somewhere": "a stranger here may learn that they are none elsewhere",
    "request_access": "it is what strangers do",
    "admins": "a stranger may know whom to ask",
}


def _arguments(method: Callable[..., Any], task_id: str) -> dict[str, object]:
    """Plausible values for every parameter, so that only the rights can be in the way."""
    values: dict[str, object] = {
        "thread_id": THREAD,
        "task_id": task_id,
        "request": "do it",
        "text": "do it",
        "inbox_id": "x1",
        "ask_id": "a_1",
        "revision": 1,
        "choice": "approve",
        "via": "button",
        "path": "a.txt",
        "data": b"a",
        "pieces": in_one_piece(b"a"),
        "files": (),
        "sha256": "0" * 64,
        "code": "00000000",
        "person_id": "web:other",
        "name": "Other",
        "role": Role.ADMIN,
        "grant_id": "g_1",
        "request_id": "r_1",
        "allow": True,
    }
    wanted = list(inspect.signature(method).parameters.values())[1:]
    return {p.name: values[p.name] for p in wanted if p.default is inspect.Parameter.empty}


async def _call(method: Callable[..., Any], actor: Actor, task_id: str) -> object:
    result = method(actor, **_arguments(method, task_id))
    if inspect.isasyncgen(result):
        async for item in cast(AsyncIterator[object], result):
            return item
        return None
    return await result


@pytest.mark.parametrize("name", [n for n in PUBLIC if n not in OPEN_TO_ALL])
@pytest.mark.promise("strangers")
async def test_a_stranger_is_refused_at_every_door(tmp_path: Path, name: str) -> None:
    async with open_kit(tmp_path, [say("ok")]) as kit:
        task = await kit.start("private work")
        with pytest.raises((NotAllowed, NotFound)):
            await _call(getattr(kit.service, name), STRANGER, task.task_id)


def test_every_public_method_takes_an_actor_first() -> None:
    takes = {name: list(inspect.signature(getattr(Service, name)).parameters)[1] for name in PUBLIC}
    assert set(takes.values()) == {"actor"}


@pytest.mark.parametrize("name", ["view", "events", "stop", "pause", "task", "workspace"])
async def test_a_member_does_not_see_the_tasks_of_others(tmp_path: Path, name: str) -> None:
    async with open_kit(tmp_path, [say("ok")]) as kit:
        task = await kit.start("private work")
        with pytest.raises(NotFound):
            await _call(getattr(kit.service, name), MEMBER, task.task_id)


@pytest.mark.parametrize("name", ["people", "admit", "expel"])
async def test_only_admins_deal_with_people(tmp_path: Path, name: str) -> None:
    async with open_kit(tmp_path, [say("ok")]) as kit:
        task = await kit.start("work", actor=MEMBER)
        with pytest.raises(NotAllowed):
            await _call(getattr(kit.service, name), MEMBER, task.task_id)


async def test_a_member_may_not_decide_for_somebody_else(tmp_path: Path) -> None:
    plan = call("plan", steps=["one", "two"], files=["a"])
    async with open_kit(tmp_path, [plan, say("ok")]) as kit:
        task = await kit.start("work")
        ask = await kit.pending(task)
        with pytest.raises(NotFound):
            await kit.service.answer(MEMBER, ask.ask_id, 1, "approve", via="button")
        assert await kit.pending(task) == ask


@pytest.mark.promise("rights-now")
async def test_rights_taken_away_count_at_the_next_click(tmp_path: Path) -> None:
    plan = call("plan", steps=["one", "two"], files=["a"])
    async with open_kit(tmp_path, [plan, say("ok")]) as kit:
        task = await kit.start("work", actor=MEMBER)
        ask = await kit.pending(task)
        await kit.service.expel(OWNER, MEMBER.person_id)
        with pytest.raises(NotAllowed):
            await kit.service.answer(MEMBER, ask.ask_id, 1, "approve", via="button")


async def test_the_first_admin_comes_in_with_the_printed_code_once(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [say("ok")]) as kit:
        await kit.service.expel(OWNER, MEMBER.person_id)
        await kit.journal.remove_person(OWNER.person_id)
        code = await kit.access.new_claim_code()
        with pytest.raises(NotAllowed):
            await kit.service.claim(STRANGER, "wrong")
        await kit.service.claim(STRANGER, code)
        assert await kit.service.role(STRANGER) is Role.ADMIN
        with pytest.raises(NotAllowed):
            await kit.service.claim(MEMBER, code)


@pytest.mark.parametrize(("request_text", "said"), [("  ", "nothing to do"), ("x" * 60_000, "60,000")])
async def test_a_request_that_cannot_be_worked_on_is_refused_with_the_reason(
    tmp_path: Path, request_text: str, said: str
) -> None:
    async with open_kit(tmp_path, [say("ok")]) as kit:
        with pytest.raises(Refused, match=said) as refused:
            await kit.start(request_text)
        assert refused.value.next_step


@pytest.mark.parametrize("name", ["..", "", "/", "../..", "\x00"])
async def test_a_file_without_a_usable_name_is_refused(tmp_path: Path, name: str) -> None:
    async with open_kit(tmp_path, []) as kit:
        with pytest.raises(Refused):
            await kit.service.upload(OWNER, name, b"x")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("a\\b.txt", "a/b.txt"),
        ("/x/./y", "x/y"),
        ("a\nb", "ab"),
        ("\\\\.txt", ".txt"),
        ("//x", "x"),
        ("ä" * 200 + ".xlsx", "ä" * 97 + ".xlsx"),
    ],
)
async def test_a_file_name_never_leaves_the_inputs_folder(tmp_path: Path, name: str, kept: str) -> None:
    async with open_kit(tmp_path, []) as kit:
        assert (await kit.service.upload(OWNER, name, b"x")).path == kept
