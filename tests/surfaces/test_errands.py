"""Typed commands about one task: what the buttons do, for where they cannot be reached."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.domain.people import Actor, Role
from agent.domain.task import Status
from agent.service import AccessRules, PlaceRules
from bot.surface import IncomingCommand, ThreadRef
from tests.kit import call, say
from tests.surfaces.feeding import bell
from tests.surfaces.scene import ANN, BEN, LONG_AGO, PLACE, PLAN, THREAD, Scene, a_file, scene

NOWHERE = replace(THREAD, thread="")


async def types(s: Scene, *words: str, who: Actor = ANN, thread: ThreadRef = NOWHERE) -> str:
    """What is told after this command."""
    s.count += 1
    await s.gets(
        IncomingCommand(
            event_id=f"typed{s.count}",
            thread=thread,
            person=who,
            at=LONG_AGO,
            name="task",
            words=words,
        )
    )
    return s.told(who)[-1]


async def test_a_task_is_looked_at_approved_and_its_files_are_named(tmp_path: Path) -> None:
    async with scene(tmp_path, PLAN, say("Done.")) as s:
        await s.says("work", mention=True)
        task_id = (await s.task()).task_id
        assert "Waits for a decision" in await types(s, "status", task_id)
        assert "no files so far" in await types(s, "files", task_id)
        assert "Approved" in await types(s, "approve", task_id)
        assert (await s.task()).status is Status.FINISHED
        assert "asks for no decision" in await types(s, "approve", task_id)


async def test_without_a_name_the_only_task_at_work_is_meant(tmp_path: Path) -> None:
    async with scene(tmp_path, PLAN) as s:
        assert "None of your tasks is at work" in await types(s, "stop")
        await s.says("work", mention=True)
        assert "Stopped" in await types(s, "stop")
        assert (await s.task()).status is Status.CANCELLED


async def test_of_several_tasks_one_has_to_be_named(tmp_path: Path) -> None:
    async with scene(tmp_path, PLAN, PLAN) as s:
        await s.says("work", mention=True)
        await s.says("more", mention=True, thread=replace(THREAD, thread="11.1"))
        told = await types(s, "deny")
        assert "2 of your tasks are at work" in told
        assert (await s.task()).task_id in told
        await types(s, "deny", (await s.task()).task_id)
        assert (await s.task()).status is Status.CANCELLED


async def test_in_a_thread_its_newest_task_is_meant(tmp_path: Path) -> None:
    async with scene(tmp_path, PLAN, PLAN, PLAN) as s:
        await s.says("work", mention=True)
        await s.says("more", mention=True, thread=replace(THREAD, thread="11.1"))
        assert "Stopped" in await types(s, "stop", thread=THREAD)
        assert (await s.task()).status is Status.CANCELLED
        assert "I try it again" in await types(s, "retry", thread=THREAD)
        assert sorted(task.status for task in await s.tasks()) == [Status.CANCELLED, Status.WAITING]


async def test_what_was_stopped_is_tried_again_once(tmp_path: Path) -> None:
    async with scene(tmp_path, PLAN, PLAN) as s:
        await s.says("work", mention=True)
        first = (await s.task()).task_id
        assert "Only what failed or was stopped" in await types(s, "retry", first)
        await types(s, "stop", first)
        assert "I try it again" in await types(s, "retry", first)
        assert "newer task" in await types(s, "retry", first)
        assert sorted(task.status for task in await s.tasks()) == [Status.CANCELLED, Status.WAITING]


async def test_somebody_else_decides_nothing_by_command(tmp_path: Path) -> None:
    async with scene(tmp_path, PLAN) as s:
        await s.says("work", mention=True)
        assert "not yours to decide" in await types(s, "approve", (await s.task()).task_id, who=BEN)
        assert (await s.task()).status is Status.WAITING


async def test_a_call_of_high_risk_is_denied_but_never_allowed_by_command(tmp_path: Path) -> None:
    async with scene(tmp_path, call("bell", who="all"), say("As you wish."), tools=(bell,)) as s:
        await s.says("ring", mention=True)
        assert "needs a button" in await types(s, "approve")
        assert (await s.view()).pending
        assert "Denied" in await types(s, "deny")
        assert (await s.task()).status is Status.FINISHED


async def test_a_question_takes_more_than_a_command(tmp_path: Path) -> None:
    question = call("ask", question="Which colour?", options=["red", "blue"])
    async with scene(tmp_path, question) as s:
        await s.says("work", mention=True)
        assert "more than a yes or no" in await types(s, "approve", (await s.task()).task_id)


async def test_a_task_that_is_not_there_is_told(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        told = await types(s, "status", "t_0")
        assert "t_0" in told
        assert "Status" not in told


@pytest.mark.parametrize(
    ("here", "words"),
    [(("slack:T1:S1",), "You may hand me work here."), (("slack:T1:S9",), "You may not hand me work here.")],
)
async def test_why_says_what_one_may_do_here_and_by_which_ids(
    tmp_path: Path, here: tuple[str, ...], words: str
) -> None:
    who = replace(ANN, groups=frozenset({"slack:T1:S1"}))
    rules = AccessRules(start=("everyone",), decide=("everyone",), places={PLACE: PlaceRules(start=here)})
    async with scene(tmp_path, access=rules) as s:
        await s.kit.access.admit(who.person_id, "Ann", Role.MEMBER)
        told = await types(s, "why", who=who)
        assert words in told
        assert all(part in told for part in (who.person_id, PLACE, "slack:T1:S1", "member"))


async def test_a_task_begins_with_the_words_and_files_of_a_command(tmp_path: Path) -> None:
    async with scene(tmp_path, PLAN) as s:
        command = IncomingCommand(
            event_id="e1",
            thread=replace(THREAD, thread=""),
            person=ANN,
            at=LONG_AGO,
            name="begin",
            text="count  the\nwords",
            files=(a_file("a.csv"),),
        )
        await s.gets(command)
        await s.gets(command)
        (task,) = [task for task in await s.kit.journal.tasks() if task.asked_by == ANN.person_id]
        assert task.request == "count  the\nwords"
        assert [file.path for file in task.files] == ["a.csv"]
