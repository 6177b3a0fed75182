"""What still counts in a thread where nothing is at work any more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from agent.domain.people import Standing
from tests.kit import say
from tests.surfaces.scene import BEN, scene


async def test_status_needs_no_mention_and_says_how_the_last_task_ended(tmp_path: Path) -> None:
    async with scene(tmp_path, say("Done.")) as s:
        await s.says("count the words", mention=True)
        await s.says("status")
        assert s.told() == ["Nothing is at work here. The last task: Finished (“count the words”)."]
        await s.says("status", replace(BEN, place="", standing=Standing.GUEST))
        assert len(s.told()) == 1
        assert len(await s.tasks()) == 1


async def test_a_command_runs_in_a_thread_whose_task_has_ended_without_a_mention(tmp_path: Path) -> None:
    async with scene(tmp_path, say("Done.")) as s:
        await s.says("count the words", mention=True)
        await s.says("!ls")
        await s.says("!rm x", replace(BEN, place="", standing=Standing.GUEST))
        assert [task.request for task in await s.tasks()] == ["!ls", "count the words"]


async def test_a_command_in_a_thread_where_gofer_never_worked_is_talk(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        await s.says("!ls")
        await s.says("status")
        assert (await s.tasks(), s.told()) == ((), [])
