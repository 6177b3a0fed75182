"""The pump on a real journal, with a platform's arrivals written by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agent.domain.people import Actor
from agent.service import Arrival, Mailbox
from agent.store import SqlJournal
from bot.pump import MAX_TRIES, WAITS_S, Pump
from bot.surface import Incoming, IncomingReaction, MessageRef, SurfaceDown, SurfaceRefused, ThreadRef
from tests.store.databases import fresh_database
from tests.store.tasks import NOON, HandClock

THREAD = ThreadRef("slack", "T1", "C1", "1")


def arrival(name: str, *, lane: str = "", urgent: bool = False) -> Arrival:
    return Arrival(arrival_id=name, surface="slack", lane=lane, kind="test", body="{}", at=NOON, urgent=urgent)


def incoming(found: Arrival) -> Incoming:
    return IncomingReaction(
        event_id=found.arrival_id,
        thread=THREAD,
        person=Actor("slack:T1:U1"),
        at=found.at,
        message=MessageRef(THREAD, "1"),
        emoji="eyes",
    )


@dataclass
class Desk:
    """Receives; does what a test wants with each, and tells what came."""

    begun: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    lost_ones: list[str] = field(default_factory=list)
    act: Callable[[str], Awaitable[None]] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def translate(self, found: Arrival) -> Incoming | None:
        return None if found.arrival_id.startswith("nothing") else incoming(found)

    async def lost(self, what: Incoming) -> None:
        self.lost_ones.append(what.event_id)
        self.tell()
        if self.act is not None:
            await self.act(f"lost {what.event_id}")

    async def receive(self, what: Incoming) -> None:
        self.begun.append(what.event_id)
        self.tell()
        if self.act is not None:
            await self.act(what.event_id)
        self.done.append(what.event_id)
        self.tell()

    def tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def until(self, met: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not met():
                await self.changed.wait()


class WatchedMail(Mailbox):
    """Tells what becomes of arrivals."""

    def __init__(self, journal: SqlJournal, clock: HandClock, desk: Desk) -> None:
        super().__init__(journal.mail)
        self._clock, self._desk = clock, desk
        self.waits: list[float] = []
        self.settled: list[str] = []
        self.given_up: list[tuple[str, str]] = []
        self.extended = 0

    async def settle(self, arrival_id: str, owner: str) -> None:
        await super().settle(arrival_id, owner)
        self.settled.append(arrival_id)
        self._desk.tell()

    async def put_off(self, arrival_id: str, owner: str, *, until: datetime, why: str) -> None:
        await super().put_off(arrival_id, owner, until=until, why=why)
        self.waits.append((until - self._clock.now()).total_seconds())
        self._desk.tell()

    async def give_up(self, arrival_id: str, owner: str, *, why: str) -> None:
        await super().give_up(arrival_id, owner, why=why)
        self.given_up.append((arrival_id, why))
        self._desk.tell()

    async def extend(self, owner: str, lease_s: float = 60) -> None:
        await super().extend(owner, lease_s)
        self.extended += 1
        self._desk.tell()


@dataclass
class World:
    journal: SqlJournal
    clock: HandClock
    desk: Desk
    mail: WatchedMail

    def pump(self, owner: str = "p1", **options: Any) -> Pump:
        return Pump(self.mail, "slack", owner, self.desk.translate, self.desk.receive, self.clock, **options)

    async def ended(self, *names: str) -> None:
        """These are settled or given up."""

        def met() -> bool:
            return set(names) <= {*self.mail.settled, *(name for name, _ in self.mail.given_up)}

        await self.desk.until(met)

    async def put_off(self, times: int) -> float:
        """The wait in seconds of the arrival that was put off so many times by now."""
        await self.desk.until(lambda: len(self.mail.waits) == times)
        return self.mail.waits[-1]


@asynccontextmanager
async def running(pump: Pump) -> AsyncGenerator[Pump]:
    run = asyncio.create_task(pump.run())
    try:
        yield pump
    finally:
        await pump.close()
        await run


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    clock = HandClock()
    with fresh_database("sqlite", tmp_path) as url:
        journal = await SqlJournal.open(url, tmp_path, clock)
        desk = Desk()
        yield World(journal, clock, desk, WatchedMail(journal, clock, desk))
        await journal.close()


async def test_arrivals_before_and_after_the_start_are_received_once(world: World) -> None:
    await world.mail.take_in(arrival("a"))
    async with running(world.pump()):
        await world.ended("a")
        await world.mail.take_in(arrival("b"))
        await world.mail.take_in(arrival("nothing"))
        assert not await world.mail.take_in(arrival("b"))
        await world.ended("b", "nothing")
    assert world.desk.begun == ["a", "b"]


async def test_lane_goes_in_order_and_one_at_a_time_while_others_run_beside(world: World) -> None:
    gate = asyncio.Event()

    async def act(name: str) -> None:
        if name == "a1":
            await gate.wait()

    world.desk.act = act
    for name, lane in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("x", "")):
        await world.mail.take_in(arrival(name, lane=lane))
    async with running(world.pump()):
        await world.ended("b1", "x")
        assert "a2" not in world.desk.begun
        gate.set()
        await world.ended("a1", "a2")
    assert [name for name in world.desk.done if name.startswith("a")] == ["a1", "a2"]


async def test_click_has_room_while_slow_messages_fill_theirs(world: World) -> None:
    gate = asyncio.Event()

    async def act(name: str) -> None:
        if name.startswith("slow"):
            await gate.wait()

    world.desk.act = act
    slow = [f"slow{number}" for number in range(5)]
    for name in slow:
        await world.mail.take_in(arrival(name))
    async with running(world.pump(room=2, urgent_room=1)):
        await world.desk.until(lambda: len(world.desk.begun) == 2)
        for number in range(3):
            await world.mail.take_in(arrival(f"click{number}", urgent=True))
        await world.ended("click0", "click1", "click2")
        assert len(world.desk.begun) == 5, "no slow one came into the room of the urgent"
        gate.set()
        await world.ended(*slow)


async def test_platform_that_is_away_is_waited_for_with_growing_waits(world: World) -> None:
    async def act(name: str) -> None:
        raise SurfaceDown("away")

    world.desk.act = act
    await world.mail.take_in(arrival("a", lane="l"))
    await world.mail.take_in(arrival("b", lane="l"))
    async with running(world.pump()):
        for number, wait_s in enumerate(WAITS_S, 1):
            assert await world.put_off(number) == wait_s
            if number == len(WAITS_S):
                world.desk.act = None
            world.clock.advance(seconds=wait_s)
        await world.ended("a", "b")
    assert world.desk.begun == [*["a"] * MAX_TRIES, "b"], "its lane waited with it"
    assert world.mail.given_up == []


async def test_last_try_that_fails_is_given_up_and_the_lane_goes_on(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(name: str) -> None:
        if name == "a":
            raise SurfaceDown("away")

    world.desk.act = act
    await world.mail.take_in(arrival("a", lane="l"))
    await world.mail.take_in(arrival("b", lane="l"))
    async with running(world.pump()):
        for number, wait_s in enumerate(WAITS_S, 1):
            assert await world.put_off(number) == wait_s
            world.clock.advance(seconds=wait_s)
        await world.ended("a", "b")
    assert world.mail.given_up == [("a", "SurfaceDown: away")]
    assert world.mail.settled == ["b"]
    assert "An arrival is given up: SurfaceDown: away" in caplog.messages


async def test_whoever_sent_what_is_given_up_is_told_as_soon_as_that_works(world: World) -> None:
    async def act(name: str) -> None:
        raise SurfaceRefused("no") if name == "a" else SurfaceDown("away")

    world.desk.act = act
    await world.mail.take_in(arrival("a", lane="l"))
    async with running(world.pump(lost=world.desk.lost)):
        await world.put_off(1)
        assert (world.desk.lost_ones, world.mail.given_up) == (["a"], [("a", "SurfaceRefused: no")])
        world.desk.act = None
        world.clock.advance(seconds=WAITS_S[0])
        await world.ended("lost:a")
    assert world.desk.lost_ones == ["a", "a"]
    assert world.desk.begun == ["a"]


async def test_nobody_is_told_of_a_telling_that_is_given_up(world: World) -> None:
    async def act(name: str) -> None:
        raise SurfaceRefused("no")

    world.desk.act = act
    await world.mail.take_in(arrival("a"))
    async with running(world.pump(lost=world.desk.lost)):
        await world.ended("lost:a")
    assert await world.mail.next_due("slack") is None
    assert world.desk.lost_ones == ["a"]


async def test_wait_that_the_platform_asks_for_is_kept(world: World) -> None:
    async def act(name: str) -> None:
        raise SurfaceDown("slow down", retry_after_s=30)

    world.desk.act = act
    await world.mail.take_in(arrival("a"))
    async with running(world.pump()):
        assert await world.put_off(1) == 30


async def test_refusal_of_the_platform_is_given_up_at_once(world: World) -> None:
    async def act(name: str) -> None:
        raise SurfaceRefused("the channel is gone")

    world.desk.act = act
    await world.mail.take_in(arrival("a"))
    async with running(world.pump()):
        await world.ended("a")
    assert world.mail.given_up == [("a", "SurfaceRefused: the channel is gone")]
    assert world.desk.begun == ["a"]


async def test_fault_of_one_arrival_is_logged_tried_again_twice_and_stops_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(name: str) -> None:
        if name == "bad":
            raise KeyError("a bug")

    world.desk.act = act
    await world.mail.take_in(arrival("bad"))
    async with running(world.pump()):
        assert await world.put_off(1) == 5
        await world.mail.take_in(arrival("good"))
        await world.ended("good")
        world.clock.advance(seconds=5)
        assert await world.put_off(2) == 60
        world.clock.advance(seconds=60)
        await world.ended("bad")
    assert world.desk.begun.count("bad") == 3
    assert world.mail.given_up == [("bad", "KeyError: 'a bug'")]
    assert len([record for record in caplog.records if record.exc_info]) == 3


async def test_arrival_that_kills_its_process_is_not_tried_for_ever(world: World) -> None:
    await world.mail.take_in(arrival("poison"))
    for number in range(MAX_TRIES):
        (taken,) = await world.mail.claim("slack", f"dead{number}", limit=1)
        assert taken.tries == number + 1
        await world.mail.free("slack", "dead")
    async with running(world.pump()):
        await world.ended("poison")
    assert world.desk.begun == []
    assert len(world.mail.given_up) == 1


async def test_leases_are_kept_while_something_is_at_work_and_only_then(world: World) -> None:
    gate = asyncio.Event()

    async def act(name: str) -> None:
        await gate.wait()

    world.desk.act = act
    await world.mail.take_in(arrival("a"))
    async with running(world.pump(lease_s=60)):
        await world.desk.until(lambda: world.desk.begun == ["a"])
        for times in range(1, 6):
            world.clock.advance(seconds=20)
            await world.desk.until(lambda times=times: world.mail.extended == times)
        assert await world.mail.claim("slack", "other", limit=1) == ()
        gate.set()
        await world.ended("a")
        world.clock.advance(seconds=100)
        await world.mail.take_in(arrival("b"))
        await world.ended("b")
    assert world.mail.extended == 5


async def test_what_a_dead_process_had_in_hand_is_taken_over_at_once(world: World) -> None:
    await world.mail.take_in(arrival("a"))
    assert await world.mail.claim("slack", "dead", limit=1)
    async with running(world.pump(dead_owners="")):
        await world.ended("a")


async def test_lease_of_another_process_is_waited_for(world: World) -> None:
    await world.mail.take_in(arrival("a"))
    await world.mail.take_in(arrival("b"))
    assert await world.mail.claim("slack", "other", limit=1, lease_s=60)
    async with running(world.pump()):
        await world.ended("b")
        assert world.desk.begun == ["b"]
        world.clock.advance(seconds=61)
        await world.ended("a")


async def test_closing_lets_short_work_end_and_leaves_long_work_to_others(world: World) -> None:
    short, long = asyncio.Event(), asyncio.Event()

    async def act(name: str) -> None:
        await (short if name == "short" else long).wait()

    world.desk.act = act
    for name in ("short", "long"):
        await world.mail.take_in(arrival(name))
    pump = world.pump(grace_s=0.2)
    run = asyncio.create_task(pump.run())
    await world.desk.until(lambda: len(world.desk.begun) == 2)
    closing = asyncio.create_task(pump.close())
    short.set()
    await closing
    await run
    assert world.mail.settled == ["short"]
    world.desk.act = None
    async with running(world.pump("p2", dead_owners="p1")):
        await world.ended("long")


async def test_cancelled_pump_ends_and_keeps_what_it_had_in_hand(world: World) -> None:
    async def act(name: str) -> None:
        await asyncio.Event().wait()

    world.desk.act = act
    await world.mail.take_in(arrival("a"))
    run = asyncio.create_task(world.pump(grace_s=0.05).run())
    await world.desk.until(lambda: world.desk.begun == ["a"])
    run.cancel()
    with suppress(asyncio.CancelledError):
        await run
    assert await world.mail.free("slack", "p1") == 1


async def test_two_pumps_share_the_work_and_double_nothing(world: World) -> None:
    names = [f"a{number}" for number in range(40)]
    for number, name in enumerate(names):
        await world.mail.take_in(arrival(name, lane=f"l{number % 5}"))
    async with running(world.pump("p1", room=3)), running(world.pump("p2", room=3)):
        await world.ended(*names)
    assert sorted(world.desk.begun) == sorted(names)


async def test_store_that_fails_for_a_moment_stops_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    class Failing(WatchedMail):
        failures = 1

        async def claim(
            self, surface: str, owner: str, *, limit: int, lease_s: float = 60, urgent_only: bool = False
        ) -> tuple[Arrival, ...]:
            if self.failures:
                self.failures -= 1
                raise OSError("no room")
            return await super().claim(surface, owner, limit=limit, lease_s=lease_s, urgent_only=urgent_only)

    world.mail = Failing(world.journal, world.clock, world.desk)
    await world.mail.take_in(arrival("a"))
    async with running(world.pump()):
        await world.mail.take_in(arrival("b"))
        await world.ended("a", "b")
    assert "The pump stumbled and goes on" in caplog.messages


async def test_pump_ends_when_the_journal_is_closed_under_it(world: World) -> None:
    run = asyncio.create_task(world.pump().run())
    await world.mail.take_in(arrival("a"))
    await world.ended("a")
    await world.journal.close()
    async with asyncio.timeout(20):
        await run
