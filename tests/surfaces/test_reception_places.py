"""People with rights in one channel only, and what becomes of a task that they begin without a message."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.domain.people import Actor
from agent.service import AccessRules, PlaceRules
from agent.skillset import FolderCatalog, builtin_root
from bot.surface import IncomingCommand, ThreadRef
from tests.kit import say
from tests.surfaces.scene import ANN, BEN, LONG_AGO, THREAD, scene

SKILLS = FolderCatalog([builtin_root()])
ONLY_C1 = AccessRules(places={"slack:T1:C1": PlaceRules(start=(ANN.person_id,), decide=(BEN.person_id,))})


def run_skill(who: Actor, thread: ThreadRef = THREAD) -> IncomingCommand:
    words = ("run", "tidy-folder", "all")
    return IncomingCommand(
        event_id="e", thread=replace(thread, thread=""), person=who, at=LONG_AGO, name="gofer", words=words
    )


async def test_a_skill_runs_by_command_in_the_one_channel_where_somebody_may(tmp_path: Path) -> None:
    async with scene(tmp_path, say("Counted."), access=ONLY_C1, skills=SKILLS) as s:
        await s.gets(run_skill(ANN))
        (task,) = await s.kit.journal.tasks()
        assert (task.request, task.asked_by) == ("use tidy-folder all", ANN.person_id)
        assert task.thread_id.startswith("slack:T1:C1:")
        assert not s.told()


@pytest.mark.parametrize("channel", ["C2", "D1"])
async def test_elsewhere_they_are_told_that_it_is_only_there(tmp_path: Path, channel: str) -> None:
    async with scene(tmp_path, access=ONLY_C1, skills=SKILLS) as s:
        there = replace(THREAD, channel=channel)
        await s.gets(run_skill(replace(ANN, place=f"slack:T1:{channel}"), there))
        assert s.told()[-1].startswith("You may hand work to me in some channels only, and this is none of them.")
        assert s.told_card().actions
        assert await s.kit.journal.tasks() == ()
        assert not s.chat.messages


async def test_who_may_only_decide_here_begins_nothing_anywhere(tmp_path: Path) -> None:
    async with scene(tmp_path, access=ONLY_C1, skills=SKILLS) as s:
        await s.gets(run_skill(BEN))
        assert s.told(BEN) == ["You may not hand work to me in this channel.\n\nAsk an admin to let you in."]
        assert await s.kit.journal.tasks() == ()
        assert not s.chat.messages


async def test_who_may_hand_over_work_but_not_here_has_it_begin_alone(tmp_path: Path) -> None:
    rules = AccessRules(start=("everyone",), places={"slack:T1:C1": PlaceRules(start=(BEN.person_id,))})
    async with scene(tmp_path, say("Counted."), access=rules, skills=SKILLS) as s:
        await s.gets(run_skill(ANN))
        (task,) = await s.kit.journal.tasks()
        assert task.thread_id.startswith(f"slack:T1:D-{ANN.person_id.replace(':', '%3A')}:")
