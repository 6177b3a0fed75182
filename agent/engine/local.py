"""`LocalDispatcher`: segments as asyncio tasks of this process. It sleeps until the journal rings or a time comes."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from agent.domain.errors import Fenced, UserFacing
from agent.domain.events import TaskFailed
from agent.domain.task import Status
from agent.ports.clock import Clock
from agent.ports.dispatcher import RunSegment
from agent.ports.journal import Fence, Journal, Record, SetStatus

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 5.0
"""Pause after a fault outside a task, or a segment that ended without parking: no fault may become a busy loop."""
GRACE_S = 5.0
"""How long a parked segment may go on tidying up when its task was claimed again."""


@dataclass(eq=False, slots=True)
class _Segment:
    """One run of a task here. `interrupted`: we were told to, so its task is to be taken up again at once."""

    fence: Fence
    thread_id: str
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    body: asyncio.Task[None] | None = None
    interrupted: bool = False
    _cut: bool = False

    def interrupt(self) -> None:
        self.interrupted = True
        self.cut()

    def cut(self) -> None:
        """Cancel it, once: the next cancellation would hit it while it puts its sandbox in order."""
        if self.body is not None and not self._cut:
            self._cut = True
            self.body.cancel()


class LocalDispatcher:
    """Claims runnable tasks, `concurrency` at a time, and runs them in this process."""

    def __init__(self, journal: Journal, *, worker_id: str, clock: Clock, concurrency: int = 4) -> None:
        self._journal, self._worker_id, self._clock, self._concurrency = journal, worker_id, clock, concurrency
        self._segments: list[_Segment] = []
        self._runners: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._service: list[asyncio.Task[None]] = []
        self._timer: asyncio.Task[None] | None = None
        self._claiming: asyncio.Task[bool] | None = None
        self._open = AsyncExitStack()

    async def start(self, run_segment: RunSegment) -> None:
        """Begin claiming. Raises `Refused` when another worker owns the journal."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._journal.sole_worker())
            released = await self._journal.release_all()
            logger.info("worker started", extra={"action": "worker_started", "released": released})
            self._open = stack.pop_all()
        self._wake.set()
        self._service = [
            asyncio.create_task(self._listen(), name="gofer-listen-runnable"),
            asyncio.create_task(self._claim_for_ever(run_segment), name="gofer-claim"),
        ]

    async def drain(self) -> None:
        """Claim nothing more and wait until the running segments have ended."""
        await self._close_shop()
        while self._runners:
            await asyncio.wait(self._runners)
        await self._open.aclose()

    async def stop(self) -> None:
        """Claim nothing more and interrupt the running segments."""
        await self._close_shop()
        for segment in self._segments:
            segment.interrupt()
        await self.drain()

    async def interrupt(self, task_id: str) -> None:
        """Cut short the segment of this task if it runs here; it has ended when this returns."""
        mine = [segment for segment in self._segments if segment.fence.task_id == task_id]
        for segment in mine:
            segment.interrupt()
        for segment in mine:
            await segment.ended.wait()

    async def _close_shop(self) -> None:
        service = [*self._service, *([self._timer] if self._timer else [])]
        self._service, self._timer = [], None
        await _end(*service)
        if self._claiming is not None:
            await asyncio.wait([self._claiming])

    async def _listen(self) -> None:
        async for _ in self._journal.runnable():
            self._wake.set()

    async def _claim_for_ever(self, run_segment: RunSegment) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                while len(self._segments) < self._concurrency and await self._claim(run_segment):
                    pass
                await self._set_timer()
            except UserFacing as error:
                logger.warning("cannot claim: %s", error.message, extra={"action": "claim_refused"})
                self._ring_in(RETRY_AFTER_S)
            except Exception:
                logger.exception("claiming failed", extra={"action": "claim_failed"})
                self._ring_in(RETRY_AFTER_S)

    async def _claim(self, run_segment: RunSegment) -> bool:
        # Shielded: a claim that was committed must get its segment, or its task would wait for the next start.
        self._claiming = asyncio.create_task(self._claim_one(run_segment), name="gofer-claim-one")
        return await asyncio.shield(self._claiming)

    async def _claim_one(self, run_segment: RunSegment) -> bool:
        fence = await self._journal.claim(self._worker_id, self._clock.now())
        if fence is None:
            return False
        segment = _Segment(fence, await self._thread_of(fence))
        before = [other for other in self._segments if other.thread_id == segment.thread_id]
        self._segments.append(segment)
        runner = asyncio.create_task(self._run(segment, before, run_segment), name=f"gofer-segment-{fence.task_id}")
        self._runners.add(runner)
        runner.add_done_callback(self._runners.discard)
        return True

    async def _thread_of(self, fence: Fence) -> str:
        try:
            task = await self._journal.task(fence.task_id)
        except UserFacing:
            logger.warning("claimed without its thread", extra={"action": "thread_unknown", "task_id": fence.task_id})
            return ""
        return task.thread_id if task is not None else ""

    async def _run(self, segment: _Segment, before: list[_Segment], run_segment: RunSegment) -> None:
        """A segment from its claim to its end."""
        try:
            # The one before has parked but may still close the thread's sandbox, which this one wants to open.
            for other in before:
                await other.ended.wait()
            if not segment.interrupted:
                segment.body = asyncio.create_task(_as_coroutine(run_segment, segment.fence))
                watch = asyncio.create_task(self._watch(segment))
                await asyncio.wait({segment.body})
                await _end(watch)
            await self._give_back(segment)
        except Exception:
            logger.exception("lost a segment", extra={"action": "segment_lost", "task_id": segment.fence.task_id})
        finally:
            self._segments.remove(segment)
            segment.ended.set()
            self._wake.set()

    async def _watch(self, segment: _Segment) -> None:
        """Cut the segment short when its task is stopped, paused or taken over, by whatever process."""
        while True:
            try:
                await self._journal.taken_over(segment.fence)
                break
            except UserFacing as error:
                logger.warning("cannot watch: %s", error.message, extra={"action": "watch_refused"})
                await self._clock.sleep(RETRY_AFTER_S)
        if any(other.fence.task_id == segment.fence.task_id and other is not segment for other in self._segments):
            await self._clock.sleep(GRACE_S)
        segment.cut()

    async def _give_back(self, segment: _Segment) -> None:
        """A task that is still ours has not parked: it was interrupted, or something is wrong with its segment."""
        try:
            await self._journal.inbox(segment.fence)  # raises where the task has parked or ended, as it should
            await self._journal.commit(segment.fence, *await self._verdict(segment))
        except Fenced:
            return

    async def _verdict(self, segment: _Segment) -> tuple[Record | SetStatus, ...]:
        task_id, now = segment.fence.task_id, self._clock.now()
        later = SetStatus(status=Status.QUEUED, not_before=now + timedelta(seconds=RETRY_AFTER_S))
        body = segment.body
        if segment.interrupted or body is None or body.cancelled():
            return (SetStatus(status=Status.QUEUED),)
        error = body.exception()
        if error is None or isinstance(error, UserFacing):
            logger.warning(
                "segment did not park", extra={"action": "segment_again", "task_id": task_id}, exc_info=error
            )
            return (later,)
        logger.error("segment failed", extra={"action": "segment_failed", "task_id": task_id}, exc_info=error)
        failed = TaskFailed(
            task_id=task_id,
            at=now,
            reason="Something went wrong inside Gofer.",
            next_step="Try again; the log names the fault.",
        )
        seen = tuple(item.inbox_id for item in await self._journal.inbox(segment.fence))
        return Record((failed,)), SetStatus(status=Status.FAILED, seen=seen)

    async def _set_timer(self) -> None:
        due = await self._journal.next_due() if len(self._segments) < self._concurrency else None
        if due is not None:
            self._set_alarm(due)

    def _ring_in(self, seconds: float) -> None:
        self._set_alarm(self._clock.now() + timedelta(seconds=seconds))

    def _set_alarm(self, at: datetime) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.create_task(self._ring_at(at), name="gofer-timer")

    async def _ring_at(self, at: datetime) -> None:
        # What is left is counted here, not where the alarm is set: time may pass before this task first runs.
        await self._clock.sleep(max((at - self._clock.now()).total_seconds(), 0.0))
        self._wake.set()


async def _as_coroutine(run_segment: RunSegment, fence: Fence) -> None:
    await run_segment(fence)


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
