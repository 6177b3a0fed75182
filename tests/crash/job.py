"""What a killed process does: take a request or a click as a surface would, or work as a worker would."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from agent.core.loop import Loop
from agent.core.parts import Parts
from agent.domain.errors import Refused
from agent.domain.ids import new_id
from agent.domain.people import Role
from agent.domain.task import Status
from agent.domain.view import TaskView
from agent.engine import LocalDispatcher
from agent.llm.prices import PriceTable
from agent.llm.scripted import ScriptedLlm
from agent.ports.clock import SystemClock
from agent.ports.journal import Decision
from agent.service import Access, Service
from agent.service.service import Entrance
from agent.store import FileBlobs, SqlJournal
from agent.tools.builtin import toolbox
from agent.workspace import Snapshots
from tests.crash.script import INPUTS, Kind, bell, make_host, model
from tests.kit import OWNER, THREAD, NoSkills

RESTS = frozenset({Status.WAITING, Status.PAUSED, Status.FINISHED, Status.FAILED, Status.CANCELLED})


STEPS = 6
"""Request, work, plan approved, work, bell allowed, work: even ones a surface's, odd ones a worker's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One process. It takes this step of the task, or with `finish` this one and all that follow; then it judges."""

    folder: str
    database: str
    step: int = 0
    finish: bool = False
    sandbox: Kind = "memory"
    installation: str = ""
    pace_s: float = 0.0
    crash: str = ""
    """What GOFER_CRASH_AT says in it."""

    @property
    def home(self) -> Path:
        """The data folder."""
        return Path(self.folder) / "home"

    @property
    def rung(self) -> Path:
        """The bell's file, outside of all that Gofer keeps."""
        return Path(self.folder) / "rung.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """The agent on a home folder, with nobody at work."""

    journal: SqlJournal
    service: Service
    parts: Parts

    async def view(self) -> TaskView:
        """The only task as it stands."""
        (task,) = await self.service.tasks(OWNER)
        return await self.service.view(OWNER, task.task_id)

    async def start(self) -> None:
        """Hand the task over. A platform that got no answer delivers the message again: its id stays the same."""
        files = tuple([await self.service.upload(OWNER, name, data) for name, data in INPUTS.items()])
        with suppress(Refused):
            await self.service.start(OWNER, THREAD, "keep the log and ring", files, inbox_id="message-1")

    async def press(self) -> Decision:
        """Press the positive button of the newest card, whether or not it has been decided."""
        ask = (await self.view()).asks[-1].ask
        choice = next(c for c in ask.choices if c.positive)
        return await self.service.answer(OWNER, ask.ask_id, ask.revision, choice.value, via="button")

    async def work(self) -> None:
        """Run what is runnable until the task rests, as `gofer worker` does."""
        host, journal = self.parts.sandboxes, self.journal
        await host.reap(await journal.live_sandboxes())
        dispatcher = LocalDispatcher(journal, worker_id=new_id("w"), clock=self.parts.clock)
        await dispatcher.start(Loop(self.parts).run_segment)
        (task,) = await journal.tasks()
        async for _ in journal.changes(task.task_id):
            now = await journal.task(task.task_id)
            if now is not None and now.status in RESTS:
                break
        await dispatcher.drain()


@asynccontextmanager
async def open_office(job: Job) -> AsyncGenerator[Office]:
    """The real journal, service and loop on what earlier processes left on disk."""
    home, clock = job.home, SystemClock()
    journal = await SqlJournal.open(job.database, home=home, clock=clock)
    blobs, box = FileBlobs(home / "blobs"), toolbox(bell(job.rung, job.pace_s))
    snapshots, access = Snapshots(blobs), Access(journal, clock)
    await access.admit(OWNER.person_id, OWNER.name, Role.ADMIN)
    entrance = Entrance(
        journal=journal,
        mail=journal.mail,
        access=access,
        blobs=blobs,
        snapshots=snapshots,
        tools=box,
        clock=clock,
        model="scripted",
        skills=NoSkills(),
    )
    parts = Parts(
        journal=journal,
        llm=ScriptedLlm(model(job.sandbox, job.pace_s)),
        model="scripted",
        prices=PriceTable.load(),
        sandboxes=make_host(job.sandbox, home, job.installation),
        blobs=blobs,
        snapshots=snapshots,
        skills=NoSkills(),
        tools=box,
        clock=clock,
    )
    try:
        yield Office(journal=journal, service=Service(entrance), parts=parts)
    finally:
        await parts.sandboxes.close()
        await journal.close()
