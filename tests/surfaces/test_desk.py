"""What a message in a thread means, the same on every surface."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.domain.errors import NotAllowed, Refused, UserFacing
from agent.domain.people import Role
from agent.domain.task import Status
from bot.desk import Desk
from tests.kit import OWNER, STRANGER, THREAD, Kit, call, open_kit, say

PLAN = call("plan", steps=["one", "two"], files=["a"])


async def send(kit: Kit, text: str, event_id: str) -> str:
    """A message of the owner; gives what the desk said."""
    outcome = await Desk(kit.service).message(OWNER, THREAD, text, event_id=event_id)
    await kit.work()
    return outcome.text


async def status(kit: Kit) -> Status:
    (task,) = await kit.service.tasks(OWNER, thread_id=THREAD, limit=1)
    return task.status


@pytest.mark.parametrize(("word", "after"), [("yes", Status.FINISHED), ("No.", Status.CANCELLED)])
async def test_a_bare_word_decides_the_one_open_ask(tmp_path: Path, word: str, after: Status) -> None:
    async with open_kit(tmp_path, [PLAN, say("done")]) as kit:
        await send(kit, "work", "m1")
        await send(kit, word, "m2")
        assert await status(kit) is after


async def test_other_words_revise_the_plan(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [PLAN, PLAN, say("done")]) as kit:
        await send(kit, "work", "m1")
        await send(kit, "yes, but only the first step", "m2")
        view = await kit.service.view(OWNER, (await kit.service.tasks(OWNER, thread_id=THREAD))[0].task_id)
        assert view.plan is not None
        assert view.plan.revision == 2


async def test_yes_to_a_question_is_its_answer(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [call("ask", question="With tax?"), say("done")]) as kit:
        await send(kit, "work", "m1")
        await send(kit, "yes", "m2")
        assert "yes" in str(kit.llm.requests[-1][1][-1].content)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("words", "after"),
    [(["stop"], Status.CANCELLED), (["pause"], Status.PAUSED), (["pause", "resume"], Status.WAITING)],
)
async def test_command_words_act_on_the_task_at_work(tmp_path: Path, words: list[str], after: Status) -> None:
    async with open_kit(tmp_path, [PLAN, say("done")]) as kit:
        await send(kit, "work", "m1")
        for number, word in enumerate(words):
            await send(kit, word, f"w{number}")
        assert await status(kit) is after


async def test_status_tells_where_the_task_stands(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [PLAN, say("done")]) as kit:
        await send(kit, "work", "m1")
        assert await send(kit, "status", "m2") == "Waiting for you · step 1 of 2"


async def test_a_word_with_nothing_at_work_says_so(tmp_path: Path) -> None:
    async with open_kit(tmp_path, []) as kit:
        assert "Nothing is at work" in await send(kit, "stop", "m1")
        with pytest.raises(UserFacing):
            await send(kit, "undo", "m2")


async def test_retry_runs_a_stopped_request_again(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [PLAN, say("done")]) as kit:
        await send(kit, "work", "m1")
        await send(kit, "stop", "m2")
        await send(kit, "try again", "m3")
        newest, *_ = await kit.service.tasks(OWNER, thread_id=THREAD)
        assert (newest.request, newest.status) == ("work", Status.WAITING)


async def test_the_same_message_twice_starts_one_task(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [say("done")]) as kit:
        await send(kit, "work", "m1")
        with pytest.raises(Refused):
            await send(kit, "work", "m1")
        assert len(await kit.service.tasks(OWNER, thread_id=THREAD)) == 1


async def test_the_claim_message_makes_a_stranger_the_first_admin(tmp_path: Path) -> None:
    async with open_kit(tmp_path, []) as kit:
        desk = Desk(kit.service)
        with pytest.raises(NotAllowed):
            await desk.message(STRANGER, "web:local::two", "claim 00000000", event_id="m1")
        code = await kit.access.new_claim_code()
        await desk.message(STRANGER, "web:local::two", f"Claim {code}", event_id="m2")
        assert await kit.service.role(STRANGER) is Role.ADMIN
