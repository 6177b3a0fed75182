"""A clock that only moves when everything waits for it: an hour passes in no time, and always the same way."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")

_ROUNDS = 20
"""Turns of the loop after which whatever does not sleep has gone as far as it can."""
_PATIENCE = 6 * _ROUNDS
"""The same for the clock itself, which lets a test look a few times before it moves."""


class Ticks:
    """Seconds from 0. Satisfies `bot.slack.pacer.Clock`."""

    def __init__(self) -> None:
        self._now = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), done))
        await done

    async def run(self, work: Awaitable[T]) -> T:
        """Do this, moving the clock whenever nothing else can happen."""
        task = asyncio.ensure_future(work)
        while not task.done():
            await self._turn(_PATIENCE)
            if not task.done():
                self._step()
        return await task

    async def settle(self) -> None:
        """Let everything go as far as it can without time passing."""
        await self._turn(_ROUNDS)

    async def _turn(self, rounds: int) -> None:
        for _ in range(rounds):
            await asyncio.sleep(0)

    def _step(self) -> None:
        while self._sleepers:
            at, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():
                self._now = max(self._now, at)
                sleeper.set_result(None)
                return
        raise AssertionError("everything waits, and not for the clock")
