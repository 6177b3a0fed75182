"""One thread: what its tasks should show, brought there in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime

from agent.domain.people import SYSTEM
from agent.domain.view import TaskView
from agent.service import Mailbox, Service
from bot.cards import Card
from bot.feed.outbox import Outbox, Rows, Target, base_of, refused_at
from bot.feed.parts import Clock, Link
from bot.feed.patience import persist, wait_for
from bot.feed.wanted import (
    AskState,
    Message,
    Story,
    asks_of,
    batches_of,
    presence_of,
    refused_card,
    result_of,
    status_of,
)
from bot.render import title_of
from bot.surface import Presence, Surface, SurfaceDown, SurfaceRefused, ThreadRef

logger = logging.getLogger(__name__)

ORDER_WAIT_S = 3.0
"""So long a result waits for a first status card that is on its way, so that it does not come to stand below."""
TASKS_LOOKED_AT = 50
"""Newest tasks of a thread among which a task's predecessor is searched."""
FAREWELLS = 3
"""How often "ended" is tried: what a platform shows as running would run for ever."""

Spawn = Callable[[Coroutine[None, None, None]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """What all conversations share."""

    service: Service
    mailbox: Mailbox
    surface: Surface
    outbox: Outbox
    clock: Clock
    link: Link | None
    room: asyncio.Semaphore
    """Bounds how many conversations are worked on at a time."""
    spawn: Spawn


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What a message that stands should become. `cause`: the task whose telling wants it."""

    story: Story
    message: Message
    cause: str


class Conversation:
    """Three lanes, each of them at most one asyncio task: words (new asks, files, results), changes of words that stand
    already, and the status cards.

    Changes and status cards are latest-wins and may be slow, as where a platform limits edits for minutes; new words
    never wait for them.
    """

    def __init__(self, thread: ThreadRef, crew: Crew) -> None:
        self._thread = thread
        self._crew = crew
        self._due: set[str] = set()
        self._stories: dict[str, Story] = {}
        self._asks: dict[str, AskState] = {}
        self._rows: Rows | None = None
        self._told: dict[str, int] = {}
        self._refused: dict[str, int] = {}
        self._statuses: dict[str, Story] = {}
        """Of tasks whose status card may have to change; the newest story of each."""
        self._status_moved = asyncio.Event()
        self._first_status: dict[str, asyncio.Event] = {}
        self._last_status: dict[str, tuple[datetime, Card]] = {}
        self._presence: tuple[str, Presence] | None = None
        self._changes: dict[str, _Change] = {}
        self._words_run = False
        self._changes_run = False
        self._status_runs = False

    @property
    def idle(self) -> bool:
        """Nothing is at work: it can be forgotten and begun anew from the journal."""
        return not (self._words_run or self._changes_run or self._status_runs)

    def stir(self, task_id: str) -> None:
        """A task of this thread may have new events."""
        self._due.add(task_id)
        if not self._words_run:
            self._words_run = True
            self._crew.spawn(self._run_words())

    # -- words

    async def _run_words(self) -> None:
        try:
            while self._due:
                task_id = min(self._due)  # ids begin with their time
                self._due.discard(task_id)
                await persist(self._crew.clock, task_id, lambda task_id=task_id: self._tell(task_id))
        finally:
            self._words_run = False

    async def _tell(self, task_id: str) -> None:
        async with self._crew.room:
            story = await self._read(task_id)
            if story.view.task_id and not await self._blocked(story):
                try:
                    await self._tell_story(story)
                except SurfaceRefused as error:
                    await self._give_up(story, error)
            self._told[task_id] = story.view.seq
            await self._settle(task_id)

    async def _tell_story(self, story: Story) -> None:
        view = story.view
        for state in asks_of(view):
            if self._asks.get(state.key) != state:
                await self._bring(story, state.message(view), cause=view.task_id)
                self._asks[state.key] = state
        self._follow(story)
        if view.task_id not in self._told and not await self._crew.mailbox.shown_until(view.task_id):
            await self._outdate(view.task_id)
        if view.status.final:
            await self._end(story, cause=view.task_id)

    async def _end(self, story: Story, *, cause: str) -> None:
        """Files, then the result."""
        view, target, rows = story.view, self._target(story), await self._known_rows()
        arriving = self._first_status.get(view.task_id)
        if arriving is not None:
            await wait_for(self._crew.clock, arriving, ORDER_WAIT_S)
        left_out: dict[str, str] = {}
        for batch in batches_of(view, max_files=self._crew.surface.abilities.max_files):
            for parcel in await self._crew.outbox.upload(rows, target, batch):
                link = self._crew.link(view.task_id, parcel.file) if self._crew.link else None
                left_out[parcel.file.path] = link or ""
        await self._bring(story, await self._result(view, left_out), cause=cause)

    async def _result(self, view: TaskView, left_out: dict[str, str]) -> Message:
        newest = await self._crew.service.tasks(SYSTEM, thread_id=self._thread.thread_id, limit=1)
        last, feedback = newest[0].task_id == view.task_id, self._crew.surface.abilities.feedback
        return result_of(view, newest=last, left_out=left_out, feedback=feedback)

    async def _outdate(self, task_id: str) -> None:
        """A new task makes buttons of the one before it mean something else: tell that one's result again."""
        tasks = await self._crew.service.tasks(SYSTEM, thread_id=self._thread.thread_id, limit=TASKS_LOOKED_AT)
        ids = [task.task_id for task in tasks]
        before = ids[ids.index(task_id) + 1 :] if task_id in ids else []
        if before:
            story = Story().add(await self._crew.service.events(SYSTEM, before[0]))
            if story.view.status.final and story.view.task_id and not await self._blocked(story):
                await self._end(story, cause=task_id)

    async def _read(self, task_id: str) -> Story:
        story = self._stories.get(task_id) or Story()
        self._stories[task_id] = story.add(await self._crew.service.events(SYSTEM, task_id, after=story.view.seq))
        return self._stories[task_id]

    # -- changes of what stands

    async def _bring(self, story: Story, message: Message, *, cause: str) -> None:
        """Post a message now, or have it changed where it stands already."""
        rows = await self._known_rows()
        if not any(row.message_id and base_of(row.key) == message.key for row in rows.values()):
            await self._crew.outbox.put(rows, self._target(story), message)
            return
        self._changes[message.key] = _Change(story=story, message=message, cause=cause)
        if not self._changes_run:
            self._changes_run = True
            self._crew.spawn(self._run_changes())

    async def _run_changes(self) -> None:
        try:
            while self._changes:
                key, change = next(iter(self._changes.items()))
                if not await persist(self._crew.clock, change.cause, lambda key=key: self._change(key)):
                    self._changes.pop(key, None)
        finally:
            self._changes_run = False

    async def _change(self, key: str) -> None:
        change = self._changes[key]
        try:
            await self._crew.outbox.put(await self._known_rows(), self._target(change.story), change.message)
        except SurfaceRefused as error:
            await self._give_up(change.story, error)
        if self._changes[key] is change:
            del self._changes[key]
            await self._settle(change.cause)

    # -- the status card and what the platform itself shows

    def _follow(self, story: Story) -> None:
        self._statuses[story.view.task_id] = story
        self._status_moved.set()
        if not self._status_runs:
            self._status_runs = True
            self._crew.spawn(self._run_status())

    async def _run_status(self) -> None:
        try:
            while self._statuses:
                task_id = min(self._statuses)
                if not await persist(self._crew.clock, task_id, lambda task_id=task_id: self._show_status(task_id)):
                    del self._statuses[task_id]
        finally:
            self._status_runs = False

    async def _show_status(self, task_id: str) -> None:
        await self._keep_pace(task_id)
        story = self._statuses[task_id]
        message = status_of(story)
        try:
            if message is not None and not await self._blocked(story):
                await self._put_status(story, message)
        except SurfaceRefused as error:
            await self._give_up(story, error)
        await self._show_presence(story)
        if self._statuses[task_id] is story:
            del self._statuses[task_id]
            await self._settle(task_id)

    async def _put_status(self, story: Story, message: Message) -> None:
        rows = await self._known_rows()
        task_id, arrived = story.view.task_id, asyncio.Event()
        if not any(row.sent for row in rows.values() if base_of(row.key) == message.key):
            self._first_status[task_id] = arrived
        try:
            await self._crew.outbox.put(rows, self._target(story), message)
        finally:
            arrived.set()
            self._first_status.pop(task_id, None)
        self._last_status[task_id] = (self._crew.clock.now(), message.card)

    async def _keep_pace(self, task_id: str) -> None:
        """Wait until the card may be edited again; where the surface allows it, a change of what people can do with it
        does not wait."""
        abilities = self._crew.surface.abilities
        while task_id in self._last_status:
            at, card = self._last_status[task_id]
            passed_s = (self._crew.clock.now() - at).total_seconds()
            left_s = abilities.edit_every_s - passed_s
            message = status_of(self._statuses[task_id])
            if left_s <= 0 or message is None:
                return
            if not abilities.paces_all and (message.card.state, message.card.actions) != (card.state, card.actions):
                return
            self._status_moved.clear()
            await wait_for(self._crew.clock, self._status_moved, left_s)

    async def _show_presence(self, story: Story) -> None:
        """By the platform's own means. It is only a sign: a failure is logged and stops nothing."""
        view = story.view
        wanted = (view.task_id, presence_of(view))
        if self._presence is not None and (wanted == self._presence or view.task_id < self._presence[0]):
            return
        for _ in range(FAREWELLS if wanted[1] == "ended" else 1):
            try:
                await self._crew.surface.presence(self._thread, wanted[1], title=title_of(view), person=view.asked_by)
            except SurfaceDown as error:
                self._log("presence_failed", view.task_id, error)
                await self._crew.clock.sleep(error.retry_after_s or 1.0)
            except SurfaceRefused as error:
                self._log("presence_failed", view.task_id, error)
                return
            else:
                self._presence = wanted
                return

    # -- both

    def _target(self, story: Story) -> Target:
        return Target(thread=self._thread, task_id=story.view.task_id, seq=story.view.seq, spoke=story.spoke)

    async def _known_rows(self) -> Rows:
        if self._rows is None:
            self._rows = await self._crew.outbox.rows(self._thread)
        return self._rows

    async def _blocked(self, story: Story) -> bool:
        """The platform refused a message of this task, and nobody has said anything since: it is left in peace."""
        rows = (await self._known_rows()).values()
        refused = [refused_at(row) for row in rows if row.task_id == story.view.task_id and not row.message_id]
        seqs = [seq for seq in (*refused, self._refused.get(story.view.task_id)) if seq is not None]
        return any(seq >= story.spoke for seq in seqs)

    async def _give_up(self, story: Story, error: SurfaceRefused) -> None:
        """Nothing can be written here now; other threads go on, and the requester is told once, where possible."""
        view = story.view
        self._refused[view.task_id] = view.seq
        self._log("thread_refused", view.task_id, error)
        abilities = self._crew.surface.abilities
        if not self._thread.knows(view.asked_by) or not (abilities.direct or abilities.private):
            return
        card = refused_card(view.task_id, title_of(view), str(error))
        try:
            await self._crew.outbox.tell_alone(await self._known_rows(), self._target(story), view.asked_by, card)
        except (SurfaceDown, SurfaceRefused) as second:
            self._log("requester_not_told", view.task_id, second)

    async def _settle(self, task_id: str) -> None:
        """Note how far the task was shown, once all lanes are there."""
        if task_id not in self._told or task_id in self._statuses:
            return
        if any(change.cause == task_id for change in self._changes.values()):
            return
        await self._crew.mailbox.shown(task_id, self._told[task_id])
        story = self._stories.get(task_id)
        if story is not None and story.view.status.final and task_id not in self._due:
            for kept in (self._stories, self._told, self._refused, self._last_status):
                kept.pop(task_id, None)
            for item in story.view.asks:
                self._asks.pop(f"ask:{item.ask.ask_id}", None)

    def _log(self, action: str, task_id: str, error: SurfaceDown | SurfaceRefused) -> None:
        fields = {"action": action, "task_id": task_id, "thread_id": self._thread.thread_id, "why": str(error)}
        logger.warning("the platform did not do it", extra=fields)
