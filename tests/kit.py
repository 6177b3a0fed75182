"""A whole worker for tests: the real service, loop and SQLite journal, with the fakes that ship."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from agent.core.loop import Loop
from agent.core.parts import Parts
from agent.domain.asks import Ask
from agent.domain.blocks import Json
from agent.domain.files import WorkFile
from agent.domain.people import Actor, Role
from agent.domain.task import Task
from agent.domain.view import TaskView
from agent.llm.prices import PriceTable
from agent.llm.scripted import Entry, ScriptedLlm, Turn
from agent.ports.blobs import BlobStore
from agent.ports.clock import SystemClock
from agent.ports.llm import Llm
from agent.ports.sandbox import SandboxHost
from agent.ports.skills import Skill, SkillCatalog
from agent.sandbox.memory import MemoryHost
from agent.service import Access, AccessRules, Service
from agent.service.service import Entrance
from agent.store import SqlJournal
from agent.tools.builtin import toolbox
from agent.tools.registry import Tool
from agent.workspace import Snapshots
from tests.contracts.blobs_memory import MemoryBlobs

OWNER = Actor("web:owner", "Owner")
MEMBER = Actor("web:member", "Member")
STRANGER = Actor("web:stranger", "Stranger")
THREAD = "web:local::one"


class NoSkills:
    """A catalog without skills."""

    def skills(self) -> Sequence[Skill]:
        return ()

    def find(self, name: str) -> Skill | None:
        return None

    def body(self, name: str) -> str:
        raise LookupError(name)

    def files(self, name: str) -> Mapping[str, bytes]:
        raise LookupError(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """The parts a test looks at."""

    service: Service
    access: Access
    journal: SqlJournal
    loop: Loop
    llm: Llm
    sandboxes: SandboxHost

    async def work(self) -> None:
        """Run every runnable task until nothing is runnable any more."""
        while (fence := await self.journal.claim("test", SystemClock().now())) is not None:
            async with asyncio.timeout(30):
                await self.loop.run_segment(fence)

    async def start(
        self, request: str, files: Mapping[str, bytes] | None = None, *, actor: Actor = OWNER, thread: str = THREAD
    ) -> Task:
        """Hand a task over and run it until it waits or ends."""
        uploaded: list[WorkFile] = [await self.service.upload(actor, n, d) for n, d in (files or {}).items()]
        task = await self.service.start(actor, thread, request, tuple(uploaded), inbox_id=f"in:{request}:{thread}")
        await self.work()
        return task

    async def view(self, task: Task) -> TaskView:
        """The task as it stands."""
        return await self.service.view(OWNER, task.task_id)

    async def pending(self, task: Task) -> Ask:
        """The one open ask."""
        (ask,) = (await self.view(task)).pending
        return ask

    async def answer(self, task: Task, choice: str, *, actor: Actor = OWNER, note: str = "") -> None:
        """Press a button of the one open ask and let the work go on."""
        ask = await self.pending(task)
        await self.service.answer(actor, ask.ask_id, ask.revision, choice, via="button", note=note)
        await self.work()


def call(name: str, **arguments: Json) -> Turn:
    """A model turn with one tool call."""
    return Turn(tools=((name, arguments),))


def say(text: str) -> Turn:
    """A model turn that ends the task."""
    return Turn(text=text)


@asynccontextmanager
async def open_kit(
    home: Path,
    script: Sequence[Entry],
    *,
    tools: tuple[Tool, ...] = (),
    sandboxes: SandboxHost | None = None,
    model: str = "scripted",
    database: str = "",
    llm: Llm | None = None,
    access: AccessRules | None = None,
    blobs: BlobStore | None = None,
    skills: SkillCatalog | None = None,
    **changes: object,
) -> AsyncGenerator[Kit]:
    """A kit on a fresh or existing home folder. `changes`: fields of `Parts` to set, as `rules` or `caps`."""
    clock = SystemClock()
    journal = await SqlJournal.open(database, home=home, clock=clock)
    blobs, box = blobs or MemoryBlobs(), toolbox(*tools)
    snapshots = Snapshots(blobs)
    doors = Access(journal, clock, rules=access)
    await doors.admit(OWNER.person_id, OWNER.name, Role.ADMIN)
    await doors.admit(MEMBER.person_id, MEMBER.name, Role.MEMBER)
    entrance = Entrance(
        journal=journal,
        mail=journal.mail,
        access=doors,
        blobs=blobs,
        snapshots=snapshots,
        tools=box,
        clock=clock,
        model=model,
        skills=skills or NoSkills(),
    )
    parts = Parts(
        journal=journal,
        llm=llm or ScriptedLlm(script),
        model=model,
        prices=PriceTable.load(),
        sandboxes=sandboxes or MemoryHost(),
        blobs=blobs,
        snapshots=snapshots,
        skills=skills or NoSkills(),
        tools=box,
        clock=clock,
    )
    parts = replace(parts, **changes)  # type: ignore[arg-type]
    try:
        yield Kit(
            service=Service(entrance),
            access=doors,
            journal=journal,
            loop=Loop(parts),
            llm=parts.llm,
            sandboxes=parts.sandboxes,
        )
    finally:
        await parts.sandboxes.close()
        await journal.close()
