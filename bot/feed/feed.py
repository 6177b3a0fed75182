"""All threads of one workspace, by one process at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from agent.domain.errors import NotFound
from agent.domain.people import SYSTEM
from agent.service import Mailbox, Service
from bot.cards import Card
from bot.feed.conversation import Conversation, Crew
from bot.feed.outbox import Outbox, Target, base_of
from bot.feed.parts import Clock, Link, Names
from bot.feed.wanted import Message
from bot.surface import MessageRef, Surface, ThreadRef

logger = logging.getLogger(__name__)

AT_A_TIME = 64
"""Conversations that are worked on at once; a slow platform holds up no more than these."""
KEPT = 256
"""Conversations remembered while nothing happens in them; others are read again from the journal."""
HOMES_KEPT = 10_000
PAUSE_S = 2.0
"""Between a fault of the whole feed, as of the database, and its next start."""


class Feed:
    """Shows tasks in the threads of one workspace and keeps what it showed up to date.

    Any number of processes may run one for the same workspace: one of them feeds, another takes over when it dies.
    `space` is the workspace (`ThreadRef.space`), or empty for all of the surface. `names` gives the names of people of
    other surfaces, `link` signed addresses of files that are too big to send.
    """

    def __init__(
        self,
        service: Service,
        mailbox: Mailbox,
        surface: Surface,
        *,
        space: str,
        clock: Clock,
        names: Names | None = None,
        link: Link | None = None,
    ) -> None:
        self._service = service
        self._mailbox = mailbox
        self._surface = surface
        self._space = space
        self._clock = clock
        self._link = link
        self._outbox = Outbox(service, mailbox, surface, clock=clock, names=names)

    async def run(self) -> None:
        """Feed until cancelled, or until the journal is closed. Reads as Gofer itself."""
        while True:
            try:
                async with self._mailbox.leader(f"feed:{self._surface.name}:{self._space}") as lost:
                    if await self._lead(lost):
                        return
            except Exception:
                logger.exception("feed stopped", extra={"action": "feed_stopped", "surface": self._surface.name})
                await self._clock.sleep(PAUSE_S)

    async def say(self, thread: ThreadRef, card: Card, *, key: str) -> MessageRef:
        """Post a card that belongs to no task, or change it when this `key` was used before; by any process.

        Callers come one at a time for a key, and again after a crash. A key does not end in `#` and a number. Raises
        `SurfaceDown`: come again; `SurfaceRefused`.
        """
        name = f"say:{key}"
        rows = {key: post for key, post in (await self._outbox.rows(thread)).items() if base_of(key) == name}
        await self._outbox.put(rows, Target(thread=thread), Message(key=name, card=card))
        (row,) = rows.values()
        return MessageRef(thread, row.message_id)

    async def _lead(self, lost: asyncio.Event) -> bool:
        """Feed until leadership is lost (False) or the journal is closed (True)."""
        lanes: set[asyncio.Task[None]] = set()

        def spawn(lane: Coroutine[None, None, None]) -> None:
            task = asyncio.create_task(lane, name="gofer-feed")
            lanes.add(task)
            task.add_done_callback(lanes.discard)

        crew = Crew(
            service=self._service,
            mailbox=self._mailbox,
            surface=self._surface,
            outbox=self._outbox,
            clock=self._clock,
            link=self._link,
            room=asyncio.Semaphore(AT_A_TIME),
            spawn=spawn,
        )
        reader = asyncio.create_task(_Reader(crew, self._space).run(), name="gofer-feed-reader")
        losing = asyncio.create_task(lost.wait())
        try:
            await asyncio.wait([reader, losing], return_when=asyncio.FIRST_COMPLETED)
            if reader.done():
                reader.result()
            return reader.done()
        finally:
            ending: list[asyncio.Task[Any]] = [reader, losing, *lanes]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)


class _Reader:
    """Hears of new events and hands each task to the conversation it belongs to."""

    def __init__(self, crew: Crew, space: str) -> None:
        self._crew = crew
        self._space = space
        self._conversations: dict[ThreadRef, Conversation] = {}
        self._homes: dict[str, ThreadRef | None] = {}

    async def run(self) -> None:
        """Until the journal is closed."""
        async for stirred in self._crew.mailbox.stirred():
            if stirred is None:
                stirred = frozenset(await self._crew.mailbox.behind(self._crew.surface.name))
            for task_id in sorted(stirred):
                thread = await self._home(task_id)
                if thread is not None:
                    self._conversation(thread).stir(task_id)

    async def _home(self, task_id: str) -> ThreadRef | None:
        """The thread of a task of ours; None: it belongs to another surface or workspace."""
        if task_id not in self._homes:
            if len(self._homes) >= HOMES_KEPT:
                self._homes.clear()
            self._homes[task_id] = await self._look_up(task_id)
        return self._homes[task_id]

    async def _look_up(self, task_id: str) -> ThreadRef | None:
        try:
            task = await self._crew.service.task(SYSTEM, task_id)
            thread = ThreadRef.parse(task.thread_id)
        except (NotFound, ValueError):  # a task of the past, or of no surface
            return None
        ours = thread.surface == self._crew.surface.name and self._space in ("", thread.space)
        return thread if ours else None

    def _conversation(self, thread: ThreadRef) -> Conversation:
        conversation = self._conversations.pop(thread, None) or Conversation(thread, self._crew)
        self._conversations[thread] = conversation  # the newest last
        if len(self._conversations) > KEPT:
            idle = [ref for ref, other in self._conversations.items() if other.idle and other is not conversation]
            for ref in idle[: len(self._conversations) - KEPT]:
                del self._conversations[ref]
        return conversation
