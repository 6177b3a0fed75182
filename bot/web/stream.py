"""Event streams: a conversation for the page, and a task's stored events for programs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from agent.domain.errors import UserFacing
from agent.domain.events import (
    AskOpened,
    Event,
    Narrated,
    OutputStreamed,
    TaskCancelled,
    TaskFailed,
    TaskFinished,
    TaskPaused,
    TextStreamed,
    ToolCalled,
    ToolReturned,
)
from agent.domain.people import Actor
from bot.web.parts import Web
from bot.web.timeline import Item, TaskTimeline, changed, mark_of, spoken
from bot.wire import event_to_json

BEAT_S = 20.0
"""Between two signs of life; proxies drop silent connections after 30 to 60 s."""
BACKLOG = 512
TASKS_SHOWN = 50
"""Newest tasks of a thread that the page shows."""
Emit = Callable[[str], Awaitable[None]]


class EventStream(Response):
    """A response that `talk` writes until it returns, the reader leaves, their session ends or the server stops."""

    def __init__(
        self, web: Web, talk: Callable[[Emit], Awaitable[None]], *, alive: Callable[[], bool], sse: bool = True
    ) -> None:
        super().__init__(media_type="text/event-stream" if sse else "application/x-ndjson")
        self._web = web
        self._talk = talk
        self._alive = alive
        self._sse = sse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def emit(text: str) -> None:
            await send({"type": "http.response.body", "body": text.encode("utf-8", "replace"), "more_body": True})

        headers = [(k, v) for k, v in self.raw_headers if k != b"content-length"]
        # nginx would otherwise hold the stream back until its buffer is full.
        headers.append((b"x-accel-buffering", b"no"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["method"] != "HEAD":
            await self._run(emit, receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _run(self, emit: Emit, receive: Receive) -> None:
        talk = asyncio.ensure_future(self._talk(emit))
        rest = [asyncio.ensure_future(c) for c in (_left(receive), self._beat(emit), self._web.closing.wait())]
        self._web.meters.streams += 1
        try:
            await asyncio.wait([talk, *rest], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._web.meters.streams -= 1
            for task in (talk, *rest):
                task.cancel()
            await asyncio.gather(talk, *rest, return_exceptions=True)
        if not talk.cancelled() and (error := talk.exception()) is not None and not isinstance(error, UserFacing):
            raise error

    async def _beat(self, emit: Emit) -> None:
        while self._alive():
            await asyncio.sleep(BEAT_S)
            if self._sse:
                await emit(": still here\n\n")


@dataclass(frozen=True, slots=True)
class Place:
    """How far a page is: the task, and the newest of its events it has seen."""

    task_id: str = ""
    seq: int = 0

    @staticmethod
    def parse(text: str) -> Place:
        """Reads `task_id/seq`; anything else is the beginning."""
        task_id, _, seq = text.partition("/")
        return Place(task_id, int(seq)) if seq.isdecimal() and len(seq) < 12 else Place()

    def __str__(self) -> str:
        return f"{self.task_id}/{self.seq}"


class ThreadTalk:
    """Writes a conversation as server-sent events, from a place on, for ever.

    `card` {key, after, html, say, state}: put the HTML behind the element with the key `after`, or at the end, in
    place of the one with this key; without HTML, take that away. `text` and `output` {task_id, text}: a piece of what
    is being written. `quiet` {kind}: forget the pieces of that kind.
    """

    def __init__(self, web: Web, actor: Actor, thread_id: str, after: Place) -> None:
        self._web = web
        self._actor = actor
        self._thread_id = thread_id
        self._after = after
        self._shown: dict[str, Item] = {}
        self._returned: set[str] = set()

    async def __call__(self, emit: Emit) -> None:
        bell = self._web.bell.listen(self._thread_id)
        last: TaskTimeline | None = None
        try:
            # The browser counts a stream as open only once something came.
            await emit("retry: 2000\n\n")
            while True:
                bell.clear()
                for task_id in await self._unseen():
                    if last is not None and last.view.task_id != task_id:
                        await self._show(emit, last, newest=False)
                    last = await self._follow(emit, task_id)
                await bell.wait()
        finally:
            self._web.bell.leave(self._thread_id, bell)

    async def _unseen(self) -> list[str]:
        """Tasks from the place on, oldest first."""
        tasks = await self._web.service.tasks(self._actor, thread_id=self._thread_id, limit=TASKS_SHOWN)
        ids = [task.task_id for task in reversed(tasks)]
        if self._after.task_id in ids:
            at = ids.index(self._after.task_id)
            seen = self._after.seq and tasks[len(ids) - 1 - at].status.final and self._shown_whole(ids[at])
            return ids[at + 1 if seen else at :]
        return ids

    def _shown_whole(self, task_id: str) -> bool:
        return f"result:{task_id}" in self._shown

    async def _follow(self, emit: Emit, task_id: str) -> TaskTimeline:
        """Show a task until it has ended."""
        timeline = TaskTimeline(self._actor.person_id)
        if self._after.task_id == task_id:
            seen = await self._web.service.events(self._actor, task_id)
            timeline.add(event for event in seen if event.seq <= self._after.seq)
            self._shown.update({item.key: item for item in timeline.items(newest=True)})
        async with self._pumped(task_id, timeline.view.seq) as queue:
            while True:
                batch = [await queue.get()]
                while not queue.empty():
                    batch.append(queue.get_nowait())
                await self._tell(emit, timeline, [piece for piece in batch if piece is not None])
                if None in batch:
                    return timeline

    async def _tell(self, emit: Emit, timeline: TaskTimeline, batch: list[Any]) -> None:
        """Show the batch: facts as cards, live pieces only where no fact has made them old."""
        facts: list[Event] = []
        settled: dict[str, None] = {}
        writing: dict[str, str] = {}
        for piece in batch:
            match piece:
                case TextStreamed():
                    writing["text"] = writing.get("text", "") + piece.text
                case OutputStreamed():
                    if piece.call_id not in self._returned:
                        writing["output"] = writing.get("output", "") + piece.text
                case _:
                    facts.append(piece)
                    for kind in self._settles(piece):
                        settled[kind] = None
                        writing.pop(kind, None)
        if facts:
            timeline.add(facts)
            for kind in settled:
                await emit(_frame("quiet", {"kind": kind}))
            self._after = Place(timeline.view.task_id, timeline.view.seq)
            await self._show(emit, timeline, newest=True)
        if not timeline.view.status.final:
            for kind, text in writing.items():
                await emit(_frame(kind, {"task_id": timeline.view.task_id, "text": text}))

    def _settles(self, fact: Event) -> tuple[str, ...]:
        """Which live pieces stand in a card after this fact, or are void."""
        match fact:
            case ToolReturned():
                self._returned.add(fact.call_id)
                return ("output",)
            case Narrated() | ToolCalled() | AskOpened():
                return ("text",)
            case TaskFinished() | TaskFailed() | TaskCancelled() | TaskPaused():
                return ("text", "output")
            case _:
                return ()

    async def _show(self, emit: Emit, timeline: TaskTimeline, *, newest: bool) -> None:
        items = timeline.items(newest=newest)
        behind = dict(zip([item.key for item in items[1:]], [item.key for item in items], strict=False))
        for item in changed(self._shown, items):
            before = self._shown.get(item.key)
            self._shown[item.key] = item
            data = {
                "key": item.key,
                "after": behind.get(item.key, ""),
                "html": self._web.html.item(item, self._actor),
                "say": spoken(item, before),
                "state": mark_of(timeline.view.status),
            }
            await emit(_frame("card", data))
        gone = [k for k in self._shown if k == f"status:{timeline.view.task_id}" and k not in {i.key for i in items}]
        for key in gone:
            del self._shown[key]
            await emit(_frame("card", {"key": key, "html": ""}))
        await emit(f"id: {self._after}\nevent: place\ndata: {{}}\n\n")

    @asynccontextmanager
    async def _pumped(self, task_id: str, after: int) -> AsyncGenerator[asyncio.Queue[Any]]:
        """A queue of the task's new events and live pieces, which are dropped when it fills; None at its end."""
        queue: asyncio.Queue[Any] = asyncio.Queue(BACKLOG)

        async def facts() -> None:
            with suppress(UserFacing):  # the right to see it is gone: nothing more comes
                stored = cast(Any, self._web.service.follow(self._actor, task_id, after=after))
                async with aclosing(stored):
                    async for event in stored:
                        await queue.put(event)
            await queue.put(None)

        async def live() -> None:
            pieces = cast(Any, self._web.live(task_id))
            async with aclosing(pieces):
                async for piece in pieces:
                    if queue.qsize() < BACKLOG // 2:
                        queue.put_nowait(piece)

        async with asyncio.TaskGroup() as group:
            pumps = [group.create_task(facts()), group.create_task(live())]
            try:
                yield queue
            finally:
                for pump in pumps:
                    pump.cancel()


class TaskTalk:
    """Writes a task's stored events; with `follow` until it has ended."""

    def __init__(self, web: Web, actor: Actor, task_id: str, *, after: int, follow: bool, sse: bool) -> None:
        self._web = web
        self._actor = actor
        self._task_id = task_id
        self._after = after
        self._follow = follow
        self._sse = sse

    async def __call__(self, emit: Emit) -> None:
        if not self._follow:
            for event in await self._web.service.events(self._actor, self._task_id, after=self._after):
                await emit(self._line(event))
            return
        stored = cast(Any, self._web.service.follow(self._actor, self._task_id, after=self._after))
        async with aclosing(stored):
            async for event in stored:
                await emit(self._line(event))

    def _line(self, event: Event) -> str:
        text = json.dumps(event_to_json(event), ensure_ascii=True, separators=(",", ":"))
        return f"id: {event.seq}\nevent: {event.kind}\ndata: {text}\n\n" if self._sse else f"{text}\n"


def _frame(event: str, data: dict[str, str]) -> str:
    return f"event: {event}\ndata: {json.dumps(data, ensure_ascii=True, separators=(',', ':'))}\n\n"


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
