"""The contract of `agent.ports.dispatcher`, on the local dispatcher and on one that works quite differently."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from agent.domain.errors import Fenced, Refused
from agent.domain.events import TaskFailed
from agent.domain.task import Status
from agent.engine import LocalDispatcher
from agent.ports.clock import Clock
from agent.ports.dispatcher import Dispatcher, RunSegment
from agent.ports.journal import Fence, Journal, SetStatus, TakeInbox
from agent.store import SqlJournal
from tests.store.databases import fresh_database
from tests.store.tasks import NOON, HandClock, queue, start, steer

WAIT_S = 5


class OneByOne:
    """Another way to keep the contract: a single loop that runs one segment after the other."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self._open = AsyncExitStack()
        self._loop: asyncio.Task[None] | None = None
        self._closing = False
        self._running: dict[str, asyncio.Task[None]] = {}

    async def start(self, run_segment: RunSegment) -> None:
        self._closing = False
        await self._open.enter_async_context(self._journal.sole_worker())
        await self._journal.release_all()
        self._loop = asyncio.create_task(self._work(run_segment))

    async def drain(self) -> None:
        self._closing = True
        if not self._running and self._loop is not None:
            self._loop.cancel()
        if self._loop is not None:
            await asyncio.wait([self._loop])
        await self._open.aclose()

    async def stop(self) -> None:
        self._closing = True
        for task_id in tuple(self._running):
            await self.interrupt(task_id)
        await self.drain()

    async def interrupt(self, task_id: str) -> None:
        if (running := self._running.get(task_id)) is not None:
            self._cut(running)
            await asyncio.wait([running])

    def _cut(self, running: asyncio.Task[None]) -> None:
        if not running.cancelling():
            running.cancel()

    async def _work(self, run_segment: RunSegment) -> None:
        bell = self._journal.runnable()
        while not self._closing:
            fence = await self._journal.claim("one-by-one", self._clock.now())
            if fence is not None:
                await self._run(run_segment, fence)
                continue
            due = await self._journal.next_due()
            timer = asyncio.create_task(self._clock.sleep((due - self._clock.now()).total_seconds() if due else 1e9))
            rung = asyncio.ensure_future(anext(bell))
            await asyncio.wait({timer, rung}, return_when=asyncio.FIRST_COMPLETED)
            timer.cancel()
            rung.cancel()

    async def _run(self, run_segment: RunSegment, fence: Fence) -> None:
        body = asyncio.ensure_future(run_segment(fence))
        self._running[fence.task_id] = body
        watch = asyncio.create_task(self._journal.taken_over(fence))
        await asyncio.wait({body, watch}, return_when=asyncio.FIRST_COMPLETED)
        watch.cancel()
        self._cut(body)
        await asyncio.wait([body])
        del self._running[fence.task_id]
        with suppress(Fenced):
            await self._journal.commit(fence, SetStatus(status=Status.QUEUED))


class Segments:
    """The segments that ran: by default each finishes its task; `hold` makes those of a task wait for `release`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._changed = asyncio.Condition()
        self.log: list[str] = []
        self._gates: dict[str, asyncio.Event] = {}
        self.end: Status = Status.FINISHED

    def hold(self, task_id: str) -> None:
        self._gates[task_id] = asyncio.Event()

    def release(self, task_id: str) -> None:
        self._gates[task_id].set()

    async def run(self, fence: Fence) -> None:
        await self.note(f"begin {fence.task_id}")
        try:
            if (gate := self._gates.get(fence.task_id)) is not None:
                await gate.wait()
            inbox = tuple(item.inbox_id for item in await self._journal.inbox(fence))
            await self._journal.commit(fence, TakeInbox(inbox), SetStatus(status=self.end))
            await self.note(f"end {fence.task_id}")
        except asyncio.CancelledError:
            await self.note(f"cut {fence.task_id}")
            raise
        except Fenced:
            await self.note(f"fenced {fence.task_id}")

    async def note(self, line: str) -> None:
        async with self._changed:
            self.log.append(line)
            self._changed.notify_all()

    async def reach(self, *lines: str) -> None:
        """Wait until each of these lines is in the log as often as here."""
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(lambda: all(self.log.count(line) >= lines.count(line) for line in lines))


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def journal(tmp_path: Path, clock: HandClock) -> AsyncGenerator[SqlJournal]:
    with fresh_database("sqlite", tmp_path) as url:
        opened = await SqlJournal.open(url, tmp_path, clock)
        yield opened
        await opened.close()


@pytest.fixture
def segments(journal: SqlJournal) -> Segments:
    return Segments(journal)


@pytest.fixture(params=["local", "one by one"])
def make(request: pytest.FixtureRequest, journal: SqlJournal, clock: HandClock) -> Callable[[], Dispatcher]:
    if request.param == "local":
        return lambda: LocalDispatcher(journal, worker_id="w1", clock=clock, concurrency=2)
    return lambda: OneByOne(journal, clock)


@asynccontextmanager
async def working(
    make: Callable[[], Dispatcher], run: Callable[[Fence], Awaitable[None]]
) -> AsyncGenerator[Dispatcher]:
    dispatcher = make()
    await dispatcher.start(run)
    try:
        yield dispatcher
    finally:
        async with asyncio.timeout(WAIT_S):
            await dispatcher.stop()


async def status(journal: Journal, task_id: str) -> Status:
    found = await journal.task(task_id)
    assert found is not None
    return found.status


async def reach_status(journal: Journal, task_id: str, wanted: Status) -> None:
    async with asyncio.timeout(WAIT_S):
        async for _ in journal.changes(task_id):
            if await status(journal, task_id) is wanted:
                return


async def test_tasks_of_before_and_after_the_start_run_once(
    make: Callable[[], Dispatcher], journal: SqlJournal, segments: Segments
) -> None:
    await queue(journal, "t1", "web:local::1")
    async with working(make, segments.run):
        await segments.reach("end t1")
        for number in (2, 3, 4):
            await queue(journal, f"t{number}", f"web:local::{number}")
        await segments.reach("end t2", "end t3", "end t4")
    assert sorted(segments.log) == sorted(f"{word} t{n}" for word in ("begin", "end") for n in (1, 2, 3, 4))


async def test_parked_task_runs_again_only_when_somebody_spoke(
    make: Callable[[], Dispatcher], journal: SqlJournal, segments: Segments
) -> None:
    segments.end = Status.WAITING
    await queue(journal, "t1", "web:local::1")
    async with working(make, segments.run):
        await segments.reach("end t1")
        segments.end = Status.FINISHED
        await queue(journal, "t2", "web:local::2")
        await segments.reach("end t2")
        assert segments.log.count("begin t1") == 1
        await journal.receive(steer("t1", "i1"))
        await segments.reach("end t1", "end t1")


async def test_what_a_dead_worker_left_running_is_taken_up(
    make: Callable[[], Dispatcher], journal: SqlJournal, segments: Segments
) -> None:
    await start(journal, "t1")
    async with working(make, segments.run):
        await segments.reach("end t1")


async def test_task_that_waits_for_a_time_runs_then(
    make: Callable[[], Dispatcher], journal: SqlJournal, segments: Segments, clock: HandClock
) -> None:
    fence = await start(journal, "t1")
    await journal.commit(fence, SetStatus(status=Status.QUEUED, not_before=NOON + timedelta(minutes=5)))
    async with working(make, segments.run):
        await queue(journal, "t2", "web:local::2")
        await segments.reach("end t2")
        assert "begin t1" not in segments.log
        clock.advance(minutes=5)
        await segments.reach("end t1")


async def test_drain_waits_for_what_runs_and_takes_nothing_more(
    make: Callable[[], Dispatcher], journal: SqlJournal, segments: Segments
) -> None:
    segments.hold("t1")
    await queue(journal, "t1")
    async with working(make, segments.run) as dispatcher:
        await segments.reach("begin t1")
        draining = asyncio.create_task(dispatcher.drain())
        await asyncio.sleep(0)
        await queue(journal, "t2", "web:local::2")
        segments.release("t1")
        async with asyncio.timeout(WAIT_S):
            await draining
    assert segments.log == ["begin t1", "end t1"]
    assert await status(journal, "t2") is Status.QUEUED


async def test_stopped_worker_leaves_tasks_for_the_next_start(
    make: Callable[[], Dispatcher], journal: SqlJournal, segments: Segments
) -> None:
    segments.hold("t1")
    await queue(journal, "t1")
    async with working(make, segments.run):
        await segments.reach("begin t1")
    assert segments.log == ["begin t1", "cut t1"]
    segments.release("t1")
    async with working(make, segments.run):
        await segments.reach("end t1")


async def test_interrupted_task_is_taken_up_again(
    make: Callable[[], Dispatcher], journal: SqlJournal, segments: Segments
) -> None:
    segments.hold("t1")
    await queue(journal, "t1")
    async with working(make, segments.run) as dispatcher:
        await segments.reach("begin t1")
        await journal.receive(steer("t1", "i1"))
        await dispatcher.interrupt("t1")
        assert segments.log[:2] == ["begin t1", "cut t1"]
        segments.release("t1")
        await segments.reach("end t1")
    assert await status(journal, "t1") is Status.FINISHED


async def test_interrupting_what_does_not_run_here_is_no_fault(
    make: Callable[[], Dispatcher], segments: Segments
) -> None:
    async with working(make, segments.run) as dispatcher:
        await dispatcher.interrupt("t1")


@pytest.mark.parametrize("move", [Status.PAUSED, Status.CANCELLED])
async def test_stop_and_pause_cut_the_running_segment_short(
    make: Callable[[], Dispatcher], journal: SqlJournal, segments: Segments, move: Status
) -> None:
    segments.hold("t1")
    await queue(journal, "t1")
    async with working(make, segments.run):
        await segments.reach("begin t1")
        assert await journal.move("t1", move)
        await segments.reach("cut t1")
    assert await status(journal, "t1") is move


async def test_segment_cut_short_is_left_to_put_its_things_in_order(
    make: Callable[[], Dispatcher], journal: SqlJournal, segments: Segments
) -> None:
    tidy = asyncio.Event()

    async def run(fence: Fence) -> None:
        try:
            await segments.run(fence)
        finally:
            await tidy.wait()
            await segments.note("tidied")

    segments.hold("t1")
    await queue(journal, "t1")
    async with working(make, run) as dispatcher:
        await segments.reach("begin t1")
        await journal.move("t1", Status.CANCELLED)
        await segments.reach("cut t1")
        interrupting = asyncio.create_task(dispatcher.interrupt("t1"))
        stopping = asyncio.create_task(dispatcher.stop())
        await asyncio.sleep(0)
        tidy.set()
        async with asyncio.timeout(WAIT_S):
            await interrupting
            await stopping
    assert segments.log == ["begin t1", "cut t1", "tidied"]


async def test_paused_and_resumed_task_runs_on(
    make: Callable[[], Dispatcher], journal: SqlJournal, segments: Segments
) -> None:
    segments.hold("t1")
    await queue(journal, "t1")
    async with working(make, segments.run):
        await segments.reach("begin t1")
        await journal.move("t1", Status.PAUSED)
        await segments.reach("cut t1")
        await journal.move("t1", Status.QUEUED)
        await segments.reach("begin t1", "begin t1")
        segments.release("t1")
        await segments.reach("end t1")


async def test_next_segment_of_a_thread_waits_until_the_last_has_tidied_up(
    make: Callable[[], Dispatcher], journal: SqlJournal, segments: Segments
) -> None:
    tidy = asyncio.Event()

    async def run(fence: Fence) -> None:
        await segments.run(fence)
        if fence.task_id == "t1":
            await tidy.wait()
        await segments.note(f"tidy {fence.task_id}")

    await queue(journal, "t1")
    await queue(journal, "t2", minute=1)
    async with working(make, run):
        await segments.reach("end t1")
        await reach_status(journal, "t1", Status.FINISHED)
        tidy.set()
        await segments.reach("tidy t2")
    assert segments.log == ["begin t1", "end t1", "tidy t1", "begin t2", "end t2", "tidy t2"]


async def test_second_worker_is_refused_and_the_first_goes_on(
    make: Callable[[], Dispatcher], journal: SqlJournal, segments: Segments
) -> None:
    async with working(make, segments.run):
        with pytest.raises(Refused):
            await make().start(segments.run)
        await queue(journal, "t1")
        await segments.reach("end t1")


# -- only the local dispatcher


async def test_local_runs_no_more_at_once_than_it_may(
    journal: SqlJournal, segments: Segments, clock: HandClock
) -> None:
    for number in range(4):
        segments.hold(f"t{number}")
        await queue(journal, f"t{number}", f"web:local::{number}", minute=number)

    def make() -> Dispatcher:
        return LocalDispatcher(journal, worker_id="w1", clock=clock, concurrency=2)

    async with working(make, segments.run):
        await segments.reach("begin t0", "begin t1")
        assert await status(journal, "t2") is Status.QUEUED
        segments.release("t0")
        await segments.reach("begin t2")
        assert "begin t3" not in segments.log


async def test_local_fails_a_task_whose_segment_breaks(journal: SqlJournal, clock: HandClock) -> None:
    async def broken(fence: Fence) -> None:
        raise RuntimeError("oops")

    await queue(journal, "t1")
    async with working(lambda: LocalDispatcher(journal, worker_id="w1", clock=clock), broken):
        await reach_status(journal, "t1", Status.FAILED)
    assert isinstance((await journal.events("t1"))[-1], TaskFailed)


async def test_local_tries_a_segment_that_did_not_park_again_later(
    journal: SqlJournal, segments: Segments, clock: HandClock
) -> None:
    async def forgets(fence: Fence) -> None:
        await segments.note(f"forgot {fence.task_id}")

    await queue(journal, "t1")
    async with working(lambda: LocalDispatcher(journal, worker_id="w1", clock=clock), forgets):
        await segments.reach("forgot t1")
        await reach_status(journal, "t1", Status.QUEUED)
        assert await journal.next_due() is not None
        clock.advance(seconds=5)
        await segments.reach("forgot t1", "forgot t1")


@pytest.mark.postgres
async def test_local_hears_a_stop_from_another_process(tmp_path: Path, clock: HandClock) -> None:
    with fresh_database("postgresql", tmp_path) as url:
        here = await SqlJournal.open(url, tmp_path, clock)
        there = await SqlJournal.open(url, tmp_path, clock)
        segments = Segments(here)
        segments.hold("t1")
        async with working(lambda: LocalDispatcher(here, worker_id="w1", clock=clock), segments.run):
            with pytest.raises(Refused):
                await LocalDispatcher(there, worker_id="w2", clock=clock).start(segments.run)
            await queue(there, "t1")
            await segments.reach("begin t1")
            await there.move("t1", Status.CANCELLED)
            await segments.reach("cut t1")
        await here.close()
        await there.close()
