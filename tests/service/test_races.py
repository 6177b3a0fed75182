"""What happens between two steps of the front door."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.domain.errors import Refused
from agent.domain.events import Event, TaskCancelled
from agent.domain.task import Status
from agent.ports.clock import SystemClock
from agent.ports.journal import InboxItem
from agent.service import Service
from agent.service.service import Entrance
from agent.store import SqlJournal
from agent.tools.builtin import toolbox
from agent.workspace import Snapshots
from tests.contracts.blobs_memory import MemoryBlobs
from tests.kit import OWNER, THREAD, Kit, NoSkills, call, open_kit, say


class EndsMeanwhile:
    """A journal whose task ends just before something is received for it."""

    def __init__(self, journal: SqlJournal) -> None:
        self._journal = journal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def receive(self, item: InboxItem, *events: Event) -> bool:
        ended = TaskCancelled(task_id=item.task_id, at=item.at, by=OWNER.person_id)
        assert await self._journal.move(item.task_id, Status.CANCELLED, ended)
        return await self._journal.receive(item, *events)


def service_on(kit: Kit, journal: Any) -> Service:
    blobs = MemoryBlobs()
    return Service(
        Entrance(
            journal=journal,
            mail=kit.journal.mail,
            access=kit.access,
            blobs=blobs,
            snapshots=Snapshots(blobs),
            tools=toolbox(),
            clock=SystemClock(),
            model="scripted",
            skills=NoSkills(),
        )
    )


async def test_an_instruction_for_a_task_that_ended_meanwhile_is_not_lost_in_silence(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [call("bash", command="true"), say("Done.")]) as kit:
        task = await kit.service.start(OWNER, THREAD, "work", inbox_id="in1")
        service = service_on(kit, EndsMeanwhile(kit.journal))
        with pytest.raises(Refused, match="has ended"):
            await service.steer(OWNER, task.task_id, "and in euros", inbox_id="in2")


async def test_of_two_requests_at_once_in_a_thread_one_begins(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [say("Done.")]) as kit:
        begun = await asyncio.gather(
            *(kit.service.start(OWNER, THREAD, f"work {n}", inbox_id=f"in{n}") for n in range(4)),
            return_exceptions=True,
        )
        assert len(await kit.journal.tasks(thread_id=THREAD)) == 1
        refused = [one for one in begun if isinstance(one, Refused)]
        assert len(refused) == 3
        assert all("still at work" in one.message for one in refused)


async def test_a_task_begins_where_others_have_ended(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [say("Done."), say("Again.")]) as kit:
        await kit.start("one")
        await kit.start("two")
        assert [task.status for task in await kit.journal.tasks(thread_id=THREAD)] == [Status.FINISHED] * 2
