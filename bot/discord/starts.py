"""When a session may be begun: Discord says how many a day, and how many at a time, and Gofer keeps to it.

Each session costs one of a thousand a day; who begins more has its token reset. They are begun in `max_concurrency`
rows, one every five seconds in each. A row is led by one process at a time, of all on a database, and for five seconds
after its session was begun.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from bot.discord.payload import Payload, number, part
from bot.discord.shard import Shard
from bot.discord.web import Web
from bot.pump import Clock

logger = logging.getLogger(__name__)

PACE_S = 5.0
"""Between two sessions of a row: Discord's number."""
LONGEST_WAIT_S = 86_400.0
"""The limit is a day's."""

Lead = Callable[[str], AbstractAsyncContextManager[asyncio.Event]]
"""See `agent.ports.mail.Mail.leader`."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Advice:
    """What Discord recommends and allows now. `total` and `remaining`: sessions a day, -1 where it does not say."""

    shards: int
    total: int
    remaining: int
    reset_after_s: float
    """Until all `total` may be begun again."""
    max_concurrency: int

    @staticmethod
    def read(answer: Payload) -> Advice:
        """Of the answer to `GET /gateway/bot`. What it does not say is taken to be one."""
        limit = part(answer, "session_start_limit")
        return Advice(
            shards=max(1, number(answer, "shards")),
            total=number(limit, "total"),
            remaining=number(limit, "remaining"),
            reset_after_s=max(0, number(limit, "reset_after")) / 1000,
            max_concurrency=max(1, number(limit, "max_concurrency")),
        )


class Recount(Exception):
    """Discord wants another number of connections than those that are being opened."""


class Starts:
    """Asks, and waits for its turn. One per application and process."""

    def __init__(self, web: Web, application_id: str, lead: Lead, clock: Clock, say: Say) -> None:
        self._web, self._application_id = web, application_id
        self._lead, self._clock, self._say = lead, clock, say
        self._rows = 1
        self._leaving: dict[asyncio.Task[None], AsyncExitStack] = {}

    async def ask(self) -> Advice:
        """What Discord says now. Raises `SurfaceDown`, `SurfaceRefused`."""
        advice = Advice.read(await self._web.one("GET", "/gateway/bot"))
        self._rows = advice.max_concurrency
        return advice

    @property
    def pace_s(self) -> float:
        """How long one session takes, on average."""
        return PACE_S / self._rows

    @asynccontextmanager
    async def turn(self, shard: Shard) -> AsyncGenerator[None]:
        """Begin one session inside. Waits until it may be begun, which is said when it takes until the next day.

        Raises `Recount` when Discord wants more connections by now, and what `ask` raises.
        """
        stack = AsyncExitStack()
        await stack.enter_async_context(self._lead(self._row(shard)))
        try:
            await self._allowed(shard)
            yield
        finally:
            # Also when it failed: Discord may have counted it.
            self._leaving[asyncio.create_task(self._leave(stack), name="gofer-discord-turn")] = stack

    async def close(self) -> None:
        """Give up what is held."""
        leaving = dict(self._leaving)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        for stack in leaving.values():
            await stack.aclose()

    def _row(self, shard: Shard) -> str:
        return f"discord:identify:{self._application_id}:{shard.number % self._rows}"

    async def _allowed(self, shard: Shard) -> None:
        while True:
            advice = await self.ask()
            if advice.shards > shard.count:
                raise Recount
            if advice.remaining != 0:
                return
            wait_s = min(max(advice.reset_after_s, PACE_S), LONGEST_WAIT_S)
            until = self._clock.now() + timedelta(seconds=wait_s)
            self._say(
                f"Discord lets this bot open no more connections before {until:%Y-%m-%d %H:%M} UTC: the {advice.total} "
                "of a day are used up. Gofer goes on by itself then."
            )
            logger.warning("no session may be begun", extra={"action": "discord_starts_used_up", "wait_s": wait_s})
            await self._clock.sleep(wait_s)

    async def _leave(self, stack: AsyncExitStack) -> None:
        await self._clock.sleep(PACE_S)
        await stack.aclose()
        if (task := asyncio.current_task()) is not None:
            self._leaving.pop(task, None)
