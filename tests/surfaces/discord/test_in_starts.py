"""Whose turn it is to begin a session: a row at a time, and five seconds apart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from agent.store.sole import ProcessLeaders
from bot.discord.payload import Payload
from bot.discord.shard import WHOLE, Shard
from bot.discord.starts import PACE_S, Advice, Recount, Starts
from bot.discord.web import Web

PATIENCE_S = 5


class Time:
    """Stands still until it is let go on. `slept`: what is waited for."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._over = asyncio.Event()

    def now(self) -> datetime:
        return datetime(2026, 11, 29, 12, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self._over.wait()

    def go_on(self) -> None:
        """All that is waited for is over."""
        self._over.set()
        self._over = asyncio.Event()


async def rounds() -> None:
    """Let everybody go on who can."""
    for _ in range(50):
        await asyncio.sleep(0)


class Portal:
    """Answers what Discord recommends."""

    def __init__(self, shards: int, max_concurrency: int) -> None:
        limit = {"total": 1000, "remaining": 900, "reset_after": 0, "max_concurrency": max_concurrency}
        self.answer: Payload = {"shards": shards, "session_start_limit": limit}

    async def one(self, method: str, path: str, ids: Any = None, **more: Any) -> Payload:
        assert (method, path) == ("GET", "/gateway/bot")
        return self.answer


@asynccontextmanager
async def starts(time: Time, leaders: ProcessLeaders, *, shards: int = 4, rows: int = 1) -> AsyncGenerator[Starts]:
    """Of one process."""
    made = Starts(cast(Web, Portal(shards, rows)), "901", leaders.lead, time, lambda line: None)
    await made.ask()
    yield made
    await made.close()


async def begin(made: Starts, number: int, begun: list[int]) -> None:
    async with made.turn(Shard(number, 4)):
        begun.append(number)


async def test_sessions_of_a_row_begin_five_seconds_apart_in_all_processes() -> None:
    time, leaders, begun = Time(), ProcessLeaders(), list[int]()
    async with starts(time, leaders) as one, starts(time, leaders) as other, asyncio.timeout(PATIENCE_S):
        await begin(one, 0, begun)
        second = asyncio.create_task(begin(other, 1, begun))
        await rounds()
        assert (begun, time.slept) == ([0], [PACE_S])
        time.go_on()
        await second
        assert begun == [0, 1]


async def test_rows_do_not_wait_for_each_other() -> None:
    time, begun = Time(), list[int]()
    async with starts(time, ProcessLeaders(), rows=2) as made, asyncio.timeout(PATIENCE_S):
        await begin(made, 0, begun)
        await begin(made, 1, begun)
        assert begun == [0, 1]


async def test_who_ends_leaves_its_turn_to_others() -> None:
    time, leaders, begun = Time(), ProcessLeaders(), list[int]()
    async with asyncio.timeout(PATIENCE_S):
        async with starts(time, leaders) as one:
            await begin(one, 0, begun)
        async with starts(time, leaders) as other:
            await begin(other, 1, begun)
        assert begun == [0, 1]


async def test_a_session_of_too_few_connections_is_not_begun() -> None:
    async with starts(Time(), ProcessLeaders()) as made:
        with pytest.raises(Recount):
            async with made.turn(WHOLE):
                raise AssertionError("begun")


@pytest.mark.parametrize("answer", [{}, {"shards": "2", "session_start_limit": []}, {"shards": 0}])
def test_what_discord_does_not_say_is_one(answer: Payload) -> None:
    assert Advice.read(answer) == Advice(1, -1, -1, 0.0, 1)


@pytest.mark.parametrize(
    ("space", "tells"), [("@me", 0), (str(5 << 22), 1), (str((6 << 22) + 3), 0), ("not a server", 0)]
)
def test_a_server_is_told_of_by_one_connection(space: str, tells: int) -> None:
    assert [Shard(number, 2).tells_of(space) for number in range(2)] == [tells == 0, tells == 1]
