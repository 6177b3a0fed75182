"""A feed at work beside a real worker, and what its tests wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from agent.domain.asks import Risk
from agent.domain.events import FileDelivered
from agent.domain.files import WorkFile
from agent.domain.people import Actor, Role
from agent.domain.task import Task
from agent.llm.scripted import Entry
from agent.ports.clock import SystemClock
from agent.ports.mail import Mail
from agent.service import Mailbox, Post
from agent.tools.deliver import media_type
from agent.tools.registry import Tool, ToolContext, ToolOutput, said, tool
from bot.feed import Feed
from bot.surface import ThreadRef
from tests.fakes.surface import Chat, MemorySurface, Moment
from tests.kit import Kit, call, open_kit, say

SPACE = "T1"
THREAD = ThreadRef("slack", SPACE, "C1", "1700000000.000100")
OTHER = ThreadRef("slack", SPACE, "C2", "1700000000.000200")
ANN = Actor("slack:T1:UANN", "Ann")
PLAN = call("plan", steps=["Read the list", "Write the report"], files=["outputs/report.xlsx"], risky=["ring"])
HAND = call("hand", path="outputs/report.xlsx", text="42", pages=2)
BELL = call("bell", who="ben")
LINGER = call("linger")
JOB = [PLAN, call("plan", doing=1), LINGER, BELL, HAND, say("Done.")]
"""The work of an ordinary task: plan, a step that takes its time, a call that asks, a file."""
PATIENCE_S = 30.0
Every = Callable[[Moment], Awaitable[None]]
"""Awaited at each moment, of a surface or a mailbox."""


@tool(risk=Risk.HIGH, effect="outside", describe=lambda a: f"Ring the bell for {a['who']}")
async def bell(ctx: ToolContext, *, who: Annotated[str, Field(description="For whom.")]) -> ToolOutput:
    """Ring a bell that people hear."""
    return said("Rung.")


@tool(risk=Risk.LOW, effect="workspace", describe=lambda a: f"Hand over {a['path']}")
async def hand(
    ctx: ToolContext,
    *,
    path: Annotated[str, Field(description="Where.")],
    text: Annotated[str, Field(description="What.")],
    pages: Annotated[int, Field(description="How many pictures.")] = 0,
) -> ToolOutput:
    """Deliver a file without a check."""
    file = await _file(ctx, path, text.encode())
    pictures = [await _file(ctx, f".gofer/previews/{n}.png", f"{path} {n}".encode()) for n in range(1, pages + 1)]
    fact = FileDelivered(
        task_id=ctx.task.task_id,
        at=ctx.clock.now(),
        file=file,
        title="The report",
        checks=("opened",),
        previews=tuple(pictures),
    )
    return said("Delivered.", events=[fact])


def tools(gate: asyncio.Event) -> tuple[Tool, ...]:
    """The tools of a scene; `linger` waits for the gate."""

    @tool(risk=Risk.LOW, effect="workspace", describe=lambda _: "Take my time")
    async def linger(ctx: ToolContext) -> ToolOutput:
        """Wait."""
        async with asyncio.timeout(PATIENCE_S):
            await gate.wait()
        return said("Waited.")

    return (bell, hand, linger)


class Pulse:
    """Wakes whoever waits for the feed to get on."""

    def __init__(self) -> None:
        self._moved = asyncio.Event()

    def beat(self) -> None:
        """Something was written."""
        self._moved.set()
        self._moved = asyncio.Event()

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Wait until something holds; it is looked at after each beat."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                moved = self._moved
                if await holds():
                    return
                await moved.wait()


class Watched(Mailbox):
    """The mailbox of one process: `every` is awaited around each write."""

    def __init__(self, mail: Mail, pulse: Pulse, every: Every | None = None) -> None:
        super().__init__(mail)
        self._pulse = pulse
        self._every = every

    async def intend(self, post: Post) -> Post:
        async with self._at("intend", post.key):
            return await super().intend(post)

    async def sent(self, key: str, *, message_id: str, digest: str) -> None:
        async with self._at("sent", key):
            await super().sent(key, message_id=message_id, digest=digest)

    async def drop_post(self, key: str) -> None:
        async with self._at("drop", key):
            await super().drop_post(key)

    async def shown(self, task_id: str, seq: int) -> None:
        async with self._at("shown", task_id):
            await super().shown(task_id, seq)

    @asynccontextmanager
    async def _at(self, method: str, key: str) -> AsyncGenerator[None]:
        if self._every is not None:
            await self._every(Moment(method, key, after=False))
        yield
        if self._every is not None:
            await self._every(Moment(method, key, after=True))
        self._pulse.beat()


class QuickClock:
    """The real time, but nobody waits; `pauses` are what was asked for."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def now(self) -> datetime:
        return SystemClock().now()

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)


@asynccontextmanager
async def open_scene(home: Path, script: Sequence[Entry], *, database: str = "") -> AsyncGenerator[Scene]:
    """A worker with this model, and a chat in which no rule was broken in the end."""
    gate = asyncio.Event()
    gate.set()
    async with open_kit(home, list(script), tools=tools(gate), database=database) as kit:
        scene = Scene(kit, gate)
        yield scene
    assert scene.chat.broken == []


class Scene:
    """A kit, a chat, and a feed that can die and come again."""

    def __init__(self, kit: Kit, gate: asyncio.Event) -> None:
        self.kit = kit
        self.gate = gate
        """Open at first; while it is closed, `linger` waits."""
        self.chat = Chat()
        self.clock = QuickClock()
        self._pulse = Pulse()

    @property
    def mail(self) -> Mail:
        """What the feeds have written down."""
        return self.kit.journal.mail

    @asynccontextmanager
    async def feed(
        self,
        surface: MemorySurface,
        *,
        kit: Kit | None = None,
        mailbox: type[Watched] = Watched,
        every: Every | None = None,
        **options: Any,
    ) -> AsyncGenerator[Feed]:
        """One process that feeds, until the block ends: then it is dead at once."""
        kit = kit or self.kit
        surface.every = every
        options.setdefault("clock", self.clock)
        feed = Feed(kit.service, mailbox(kit.journal.mail, self._pulse, every), surface, space=SPACE, **options)
        running = asyncio.create_task(feed.run())
        try:
            yield feed
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def start(self, request: str, *, thread: ThreadRef = THREAD) -> Task:
        """Ann hands over a task; it runs until it waits or ends."""
        await self.kit.access.admit(ANN.person_id, ANN.name, Role.MEMBER)
        return await self.kit.start(request, actor=ANN, thread=thread.thread_id)

    async def begin(self, request: str) -> None:
        """As `start`, for what is looked at while it runs."""
        await self.start(request)

    async def decide(self, task: Task, choice: str, note: str = "") -> None:
        """Ann decides the open ask."""
        await self.kit.answer(task, choice, actor=ANN, note=note)

    @asynccontextmanager
    async def at_work(self, working: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
        """In the block the task does something and has come to `linger`; after it, it goes on to its next rest."""
        self.gate.clear()
        work = asyncio.create_task(working)
        try:
            yield
        finally:
            self.gate.set()
            await work

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until the chat looks so."""

        async def looks_so() -> bool:
            return holds()

        await self._pulse.until(looks_so)

    async def caught_up(self, *tasks: Task) -> None:
        """Wait until everything of these tasks was shown."""
        for task in tasks:

            async def holds(task_id: str = task.task_id) -> bool:
                events = await self.kit.service.events(ANN, task_id)
                return await self.mail.shown_until(task_id) >= events[-1].seq

            await self._pulse.until(holds)


async def _file(ctx: ToolContext, path: str, data: bytes) -> WorkFile:
    return WorkFile(path=path, size_bytes=len(data), sha256=await ctx.blobs.put(data), media_type=media_type(path))
