"""The pump: works through what a platform delivered, after it was stored and acknowledged.

Each stored arrival is claimed under a lease, translated, received and settled. Arrivals of one lane come in order and
one at a time, others side by side; urgent ones (somebody waits at a click) have room of their own. Nothing is polled:
the pump is woken by arrivals, by its own jobs and by the next wait or lease that ends. What a dead process had in hand
is taken over when its lease ends, so `translate` and `receive` may see the same arrival twice.

An arrival that is given up becomes one of the kind `lost`, with tries of its own, so that whoever sent it is told.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from agent.service import Arrival, Mailbox
from bot.surface import Incoming, Receive, SurfaceDown, SurfaceName, SurfaceRefused

logger = logging.getLogger(__name__)

ROOM = 16
"""Arrivals at work at a time."""
URGENT_ROOM = 8
"""Urgent ones at work at a time, besides those."""
LEASE_S = 60.0
WAITS_S = (1, 2, 5, 15, 60, 180, 600, 1200, 1800)
"""How long an arrival is put off while the platform is away, one after the other: an hour and a bit in all."""
MAX_TRIES = len(WAITS_S) + 1
FAULT_WAITS_S = (5, 60)
"""The same after a fault of our own, which time rarely mends."""
JOB_S = 900.0
"""The longest that one try may take: a large file has to come through."""
GRACE_S = 5.0
"""What runs when the pump is closed may finish within this time."""
_BREATH_S = 1.0
"""Between two looks when something is due that somebody else is about to claim, and after a fault of the store."""

LOST = "lost"
"""The kind of arrivals that stand for one that was given up; it is the body."""

Translate = Callable[[Arrival], Awaitable[Incoming | None]]
"""What an arrival means; None: nothing for Gofer. Raises `SurfaceDown` when it must ask a platform that is away."""


class Clock(Protocol):
    """Aware UTC time and waiting."""

    def now(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...


class Pump:
    """One per surface and process. `run` works until `close`, or until it is cancelled."""

    def __init__(
        self,
        mail: Mailbox,
        surface_name: SurfaceName,
        owner: str,
        translate: Translate,
        receive: Receive,
        clock: Clock,
        *,
        lost: Receive | None = None,
        dead_owners: str | None = None,
        room: int = ROOM,
        urgent_room: int = URGENT_ROOM,
        lease_s: float = LEASE_S,
        grace_s: float = GRACE_S,
    ) -> None:
        """`owner` names this process's leases; no two pumps of a surface share one. `lost` tells whoever sent what was
        given up; None: nobody does.

        `dead_owners`: leases of owners whose name begins so are dropped at the start, because they cannot be alive:
        "" for all of them where one process owns the database (SQLite), None where others may be at work.
        """
        self._mail, self._surface, self._owner = mail, surface_name, owner
        self._translate, self._receive, self._lost, self._clock = translate, receive, lost, clock
        self._dead_owners, self._lease_s, self._grace_s = dead_owners, lease_s, grace_s
        self._rooms = {False: room, True: urgent_room}
        self._jobs: dict[bool, set[asyncio.Task[None]]] = {False: set(), True: set()}
        self._faults: dict[str, int] = {}
        self._wake, self._busy = asyncio.Event(), asyncio.Event()
        self._closing, self._ended = asyncio.Event(), asyncio.Event()
        self._ended.set()

    async def run(self) -> None:
        """Work. A fault of one arrival or of the store never ends it; it ends by `close`, or with the journal."""
        self._ended.clear()
        beside = [asyncio.create_task(self._listen()), asyncio.create_task(self._hold())]
        try:
            if self._dead_owners is not None:
                await self._bear(self._drop_leases(self._dead_owners))
            while not self._closing.is_set():
                self._wake.clear()
                if not await self._bear(self._turn()):
                    await self._rest(_BREATH_S)
        finally:
            await self._finish(beside)
            self._ended.set()

    async def close(self) -> None:
        """Take nothing new; what runs has the grace time to end. The rest keeps its lease, to be taken over."""
        self._closing.set()
        self._wake.set()
        await self._ended.wait()

    # -- taking

    async def _turn(self) -> None:
        """Take what there is room for, then rest until something may have changed."""
        while await self._fill():
            pass
        if self._free(urgent=False) <= 0:
            # What is due need not be urgent, so no timer: a job that ends wakes us, and so does what arrives.
            await self._wake.wait()
            return
        due = await self._mail.next_due(self._surface)
        if due is None:
            await self._wake.wait()
        else:
            await self._rest(max((due - self._clock.now()).total_seconds(), _BREATH_S))

    async def _fill(self) -> bool:
        """Take what fits into the room there is; whether there may be more."""
        calm = self._free(urgent=False)
        limit = calm if calm > 0 else self._free(urgent=True)
        if limit <= 0:
            return False
        claimed = await self._mail.claim(
            self._surface, self._owner, limit=limit, lease_s=self._lease_s, urgent_only=calm <= 0
        )
        for arrival in claimed:
            self._start(arrival, urgent=calm <= 0 or (arrival.urgent and self._free(urgent=True) > 0))
        return len(claimed) == limit

    def _free(self, *, urgent: bool) -> int:
        return self._rooms[urgent] - len(self._jobs[urgent])

    def _start(self, arrival: Arrival, *, urgent: bool) -> None:
        job = asyncio.create_task(self._work(arrival), name=f"arrival {arrival.arrival_id}")
        self._jobs[urgent].add(job)
        self._busy.set()

        def ended(job: asyncio.Task[None]) -> None:
            self._jobs[urgent].discard(job)
            self._wake.set()
            if not self._at_work:
                self._busy.clear()

        job.add_done_callback(ended)

    @property
    def _at_work(self) -> set[asyncio.Task[None]]:
        return self._jobs[False] | self._jobs[True]

    # -- one arrival

    async def _work(self, arrival: Arrival) -> None:
        await self._bear(self._attempt(arrival))

    async def _attempt(self, arrival: Arrival) -> None:
        if arrival.tries > MAX_TRIES:
            # Only a process that died each time leaves an arrival with so many tries and no end.
            await self._give_up(arrival, f"tried {arrival.tries - 1} times, never to an end")
            return
        try:
            async with asyncio.timeout(JOB_S):
                await self._act(arrival)
        except SurfaceRefused as error:
            await self._give_up(arrival, _why(error))
        except (ConnectionError, TimeoutError) as error:
            asked_s = error.retry_after_s if isinstance(error, SurfaceDown) else None
            await self._put_off(arrival, error, WAITS_S, arrival.tries, at_least_s=asked_s or 0)
        except Exception as error:
            logger.exception("An arrival failed by a fault of ours", extra=_fields(arrival))
            faults = self._faults[arrival.arrival_id] = self._faults.get(arrival.arrival_id, 0) + 1
            await self._put_off(arrival, error, FAULT_WAITS_S, faults)
        else:
            self._faults.pop(arrival.arrival_id, None)
            await self._mail.settle(arrival.arrival_id, self._owner)

    async def _act(self, arrival: Arrival) -> None:
        meant, receive = arrival, self._receive
        if arrival.kind == LOST and self._lost is not None:
            meant, receive = _unwrapped(arrival), self._lost
        incoming = await self._translate(meant)
        if incoming is not None:
            await receive(incoming)

    async def _put_off(
        self, arrival: Arrival, error: Exception, waits_s: tuple[int, ...], count: int, *, at_least_s: float = 0
    ) -> None:
        if count > len(waits_s) or arrival.tries >= MAX_TRIES:
            await self._give_up(arrival, _why(error))
            return
        wait_s = max(waits_s[count - 1], at_least_s)
        logger.warning("An arrival waits for another try", extra={**_fields(arrival), "wait_s": wait_s})
        until = self._clock.now() + timedelta(seconds=wait_s)
        await self._mail.put_off(arrival.arrival_id, self._owner, until=until, why=_why(error))

    async def _give_up(self, arrival: Arrival, why: str) -> None:
        logger.error("An arrival is given up: %s", why, extra=_fields(arrival))
        self._faults.pop(arrival.arrival_id, None)
        if self._lost is not None and arrival.kind != LOST:
            await self._mail.take_in(_wrapped(arrival))
        await self._mail.give_up(arrival.arrival_id, self._owner, why=why)

    # -- beside the work

    async def _listen(self) -> None:
        async for _ in self._mail.arrived(self._surface):
            self._wake.set()
        # The journal was closed under us: nothing will ever arrive again.
        self._closing.set()
        self._wake.set()

    async def _hold(self) -> None:
        """Keep the leases while anything is at work."""
        while True:
            await self._busy.wait()
            await self._clock.sleep(self._lease_s / 3)
            if self._at_work:
                await self._bear(self._mail.extend(self._owner, self._lease_s))

    async def _drop_leases(self, owner_prefix: str) -> None:
        if dropped := await self._mail.free(self._surface, owner_prefix):
            logger.info("Arrivals of a stopped process are taken over", extra={"surface": self._surface, "n": dropped})

    async def _rest(self, seconds: float) -> None:
        """Until woken, at most so long."""
        waits = [asyncio.create_task(self._clock.sleep(seconds)), asyncio.create_task(self._wake.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _stop(waits)

    async def _bear(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do it; a fault is logged and False. The edge of a task: what is left undone has its lease, which ends."""
        try:
            await work
        except Exception:
            logger.exception("The pump stumbled and goes on", extra={"surface": self._surface})
            return False
        return True

    async def _finish(self, beside: list[asyncio.Task[None]]) -> None:
        try:
            if jobs := self._at_work:
                await asyncio.wait(jobs, timeout=self._grace_s)
        finally:
            await _stop([*self._at_work, *beside])


async def _stop(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _wrapped(arrival: Arrival) -> Arrival:
    """An arrival that stands for one that was given up. It has no lane: nothing waits for it."""
    kept = {"arrival_id": arrival.arrival_id, "twin": arrival.twin, "lane": arrival.lane, "kind": arrival.kind}
    body = json.dumps({**kept, "body": arrival.body})
    return Arrival(
        arrival_id=f"{LOST}:{arrival.arrival_id}", surface=arrival.surface, lane="", kind=LOST, body=body, at=arrival.at
    )


def _unwrapped(arrival: Arrival) -> Arrival:
    return replace(arrival, **json.loads(arrival.body))


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def _fields(arrival: Arrival) -> dict[str, object]:
    return {
        "surface": arrival.surface,
        "arrival_id": arrival.arrival_id,
        "arrival_kind": arrival.kind,
        "tries": arrival.tries,
    }
