"""When a call to Slack may go out: one scheduler for all calls with a workspace's token.

Slack counts calls per method and minute, for the whole workspace, and about one new message per second and channel.
The pacer stays at 80 % of each limit, lets what people wait for go first, and keeps a fifth of each method's calls from
progress, so that an approval never stands behind the edits of twenty busy tasks. It sleeps until the next call may go;
nothing is polled, and it holds no task while nothing waits.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol, TypeVar

from bot.surface import SurfaceDown

T = TypeVar("T")

WINDOW_S = 60.0
SHARE = 0.8
"""Of what Slack allows, and of that what progress may use."""
TIER_2, TIER_3, TIER_4 = 20, 50, 100
"""Calls a minute. Slack promises at least these."""
MESSAGES = 240
"""chat.postMessage has no tier: a message per second and channel, several hundred a minute per workspace."""
TIERS: Mapping[str, int] = {
    **dict.fromkeys(
        ("chat.startStream", "chat.stopStream", "reactions.remove", "usergroups.list", "usergroups.users.list"), TIER_2
    ),
    **dict.fromkeys(
        (
            "chat.appendStream",
            "chat.postEphemeral",
            "conversations.members",
            "files.info",
            "files.getUploadURLExternal",
            "files.completeUploadExternal",
            "users.info",
            "views.open",
            "views.publish",
            "views.push",
            "views.update",
            "assistant.threads.setSuggestedPrompts",
        ),
        TIER_4,
    ),
    "chat.postMessage": MESSAGES,
}
"""Documented, but for chat.stopStream, which is taken to be like its start. Methods that are not here have tier 3."""
POSTING = frozenset({"chat.postMessage", "chat.startStream", "chat.postEphemeral", "files.completeUploadExternal"})
"""New messages: they share the channel's second."""
POST_EVERY_S = 1.05
"""A little over the second, for calls that overtake each other on their way."""
APPEND_EVERY_S = 0.6
"""Between two additions to one stream; faster ones were seen to fail."""
LONGEST_S = 300.0
"""A longer wait that Slack asks for is handed to the caller, who keeps the call in the database."""


class Priority(IntEnum):
    """Who goes first."""

    APPROVAL = 0  #: somebody must decide, or waits at a click
    RESULT = 1
    ERROR = 2
    STATE = 3
    PROGRESS = 4


class Clock(Protocol):
    """Seconds that only grow, and waiting for them to pass."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> Coroutine[Any, Any, None]: ...


class Monotonic:
    """The machine's clock."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class RateLimited(SurfaceDown):
    """Slack wants fewer calls of this method."""

    def __init__(self, method: str, retry_after_s: float) -> None:
        super().__init__(f"Slack wants fewer calls of {method}.", retry_after_s=retry_after_s)
        self.method = method
        self.wait_s = retry_after_s


@dataclass(slots=True, eq=False)
class _Call:
    number: int
    method: str
    priority: Priority
    send: Callable[[], Awaitable[Any]]
    lane: str
    key: str
    waiters: list[asyncio.Future[Any]] = field(default_factory=list[asyncio.Future[Any]])


class Pacer:
    """One per workspace token. `close` ends it."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Monotonic()
        self._waiting: dict[int, _Call] = {}
        self._running: dict[asyncio.Future[Any], _Call] = {}
        self._sent: dict[str, deque[float]] = {}
        self._progressed: dict[str, float] = {}
        self._held: dict[str, float] = {}
        self._lanes: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._number = 0
        self._closed = False

    async def call(
        self,
        method: str,
        priority: Priority,
        send: Callable[[], Awaitable[T]],
        *,
        channel: str = "",
        key: str = "",
    ) -> T:
        """Run `send` when it is its turn, and give what it gives.

        `channel`: where it posts (for chat.appendStream: the stream). `key`: a call that still waits under the same
        one is replaced by this, in its place in the queue, and both callers get what this one gives; two of a key never
        run at once. `send` may raise `RateLimited`: the method rests and the call is made again. A caller that is
        cancelled leaves; the call of its own goes with it. Raises `SurfaceDown` once closed.
        """
        if self._closed:
            raise _closed()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._enter(_Call(self._number, method, priority, send, _lane(method, channel), key, [future]))
        self._number += 1
        try:
            return await future
        except asyncio.CancelledError:
            self._leave(future)
            raise

    def free(self, method: str, priority: Priority) -> bool:
        """Whether a call of this method could go out now, as far as the method's own limit goes."""
        now = self._clock.now()
        return not self._closed and self._from(method, priority, now) <= now

    def charge(self, method: str) -> None:
        """Count a call that was made out of turn."""
        self._window(method, self._clock.now()).append(self._clock.now())

    def hold_off(self, limited: RateLimited) -> None:
        """Let a method rest as long as Slack asks."""
        until = self._clock.now() + limited.wait_s
        self._held[limited.method] = max(until, self._held.get(limited.method, 0.0))

    async def close(self) -> None:
        """Cancel what runs; whoever still waits gets `SurfaceDown`."""
        self._closed = True
        tasks = [*self._running, *([self._runner] if self._runner is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for call in self._waiting.values():
            _fail(call, _closed())
        self._waiting.clear()

    # -- the queue

    def _enter(self, call: _Call) -> None:
        """Put a call into the queue, in the place of an older one of its key."""
        old = next((one for one in self._waiting.values() if call.key and one.key == call.key), None)
        if old is not None:
            call.number, call.priority = old.number, min(old.priority, call.priority)
            call.waiters = [*old.waiters, *call.waiters]
        self._waiting[call.number] = call
        self._rouse()

    def _again(self, call: _Call) -> None:
        """Back into the queue, unless a newer one of its key waits: then that one answers for both."""
        newer = next((one for one in self._waiting.values() if call.key and one.key == call.key), None)
        if newer is not None:
            newer.waiters = [*call.waiters, *newer.waiters]
        elif any(not waiter.done() for waiter in call.waiters):
            self._waiting[call.number] = call
        self._rouse()

    def _leave(self, future: asyncio.Future[Any]) -> None:
        for call in list(self._waiting.values()):
            if future in call.waiters:
                call.waiters.remove(future)
                if not call.waiters:
                    del self._waiting[call.number]
        for task, call in self._running.items():
            if future in call.waiters and all(waiter.done() for waiter in call.waiters):
                task.cancel()

    def _rouse(self) -> None:
        self._wake.set()
        if self._runner is None and self._waiting and not self._closed:
            self._runner = asyncio.create_task(self._run())
            self._runner.add_done_callback(self._rested)

    def _rested(self, runner: asyncio.Task[None]) -> None:
        self._runner = None
        if not runner.cancelled() and (fault := runner.exception()) is not None:
            for call in self._waiting.values():
                _fail(call, fault)
            self._waiting.clear()
        self._rouse()  # something may have come in while it ended

    # -- sending

    async def _run(self) -> None:
        while self._waiting:
            self._wake.clear()
            now = self._clock.now()
            call, at = self._next(now)
            if call is not None:
                self._start(call, now)
            else:
                await self._nap(None if at is None else at - now)

    def _next(self, now: float) -> tuple[_Call | None, float | None]:
        """The first call that may go now; else when one may, as far as time alone decides."""
        busy = {call.key for call in self._running.values() if call.key}
        soonest: float | None = None
        for call in sorted(self._waiting.values(), key=lambda one: (one.priority, one.number)):
            if call.key in busy:
                continue
            at = max(self._from(call.method, call.priority, now), self._lanes.get(call.lane, 0.0))
            if at <= now:
                return call, None
            soonest = at if soonest is None else min(soonest, at)
        return None, soonest

    def _from(self, method: str, priority: Priority, now: float) -> float:
        """From when on a call of this method may go."""
        at = self._held.get(method, 0.0)
        most = int(TIERS.get(method, TIER_3) * SHARE)
        if priority is Priority.PROGRESS:
            most = int(most * SHARE)
            # Evenly over the minute: else the first seconds would use it up and the rest show nothing.
            at = max(at, self._progressed.get(method, -WINDOW_S) + WINDOW_S / most)
        sent = self._window(method, now)
        return max(at, sent[-most] + WINDOW_S) if len(sent) >= most else at

    def _window(self, method: str, now: float) -> deque[float]:
        sent = self._sent.setdefault(method, deque())
        while sent and sent[0] + WINDOW_S <= now:
            sent.popleft()
        return sent

    def _start(self, call: _Call, now: float) -> None:
        del self._waiting[call.number]
        self._window(call.method, now).append(now)
        if call.priority is Priority.PROGRESS:
            self._progressed[call.method] = now
        if call.lane:
            self._lanes = {lane: at for lane, at in self._lanes.items() if at > now}
            self._lanes[call.lane] = now + (POST_EVERY_S if call.method in POSTING else APPEND_EVERY_S)
        task = asyncio.ensure_future(call.send())
        self._running[task] = call
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Future[Any]) -> None:
        call = self._running.pop(task)
        if task.cancelled():
            _fail(call, _closed())
        elif (error := task.exception()) is None:
            for waiter in call.waiters:
                if not waiter.done():
                    waiter.set_result(task.result())
        elif isinstance(error, RateLimited) and error.wait_s <= LONGEST_S and not self._closed:
            self.hold_off(error)
            call.method = error.method
            self._again(call)
            return
        else:
            if isinstance(error, RateLimited):
                self.hold_off(error)
            _fail(call, error)
        self._rouse()

    async def _nap(self, seconds: float | None) -> None:
        """Sleep until something changes, or so long."""
        waits: list[asyncio.Task[object]] = [asyncio.create_task(self._wake.wait())]
        if seconds is not None:
            waits.append(asyncio.create_task(self._clock.sleep(seconds)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


def _lane(method: str, channel: str) -> str:
    """What is spaced apart with what."""
    if not channel:
        return ""
    if method in POSTING:
        return f"post:{channel}"
    return f"append:{channel}" if method == "chat.appendStream" else ""


def _fail(call: _Call, error: BaseException) -> None:
    for waiter in call.waiters:
        if not waiter.done():
            waiter.set_exception(error)


def _closed() -> SurfaceDown:
    return SurfaceDown("Gofer is stopping.")
