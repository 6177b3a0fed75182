"""The connections that Discord wants: how many, and which of them this process holds.

A bot in many servers has several, each telling of its part of the servers. Every process wants all of them, and holds
those that it leads: one whose process ends is taken over by another at once. A process that has just taken one lets
others ask before it asks for the next, so that those that start together share them.

How many there are is asked at the start, again whenever Discord refuses the number, and before each new session. When
it is another, all of this process are closed and those of the new number opened. Until every process has done so an
event may come twice. Messages and clicks have the same key then and count once; an emoji may be taken for one that was
put on again, which decides nothing that is decided.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, cast

import discord

from bot.discord.door import FrontDoor
from bot.discord.gateway import REFUSED_WAIT_S, STEADY_S, WAITS_S, End, Gateway, spoken_in
from bot.discord.lookback import LookBack
from bot.discord.missed import Missed
from bot.discord.shard import Shard
from bot.discord.starts import Lead, Say, Starts
from bot.discord.web import Web
from bot.pump import Clock
from bot.surface import SurfaceDown, SurfaceRefused

logger = logging.getLogger(__name__)

OTHERS_S = 1.0
"""How long another process may hold the one that was asked for, before the next is asked for as well."""


class Shards:
    """All connections of one application, as far as this process has them. `run` keeps them until it is cancelled."""

    def __init__(
        self,
        client: discord.Client,
        application_id: str,
        door: FrontDoor,
        missed: Missed,
        lead: Lead,
        clock: Clock,
        say: Say,
        *,
        heard_at: Callable[[], Awaitable[datetime | None]],
        url: str,
    ) -> None:
        """`heard_at`: when anything arrived from Discord last, in whatever process; None: never."""
        self._client, self._application_id = client, application_id
        self._door, self._missed, self._lead, self._clock = door, missed, lead, clock
        self._ask_heard_at, self._url = heard_at, url
        self._starts = Starts(Web(client), application_id, lead, clock, self._say_once)
        self._say, self._said = say, set[str]()
        self._here: dict[int, LookBack] = {}
        self._heard_at: datetime | None = None
        client.event(self.on_shard_ready)

    async def on_shard_ready(self, number: int) -> None:
        """The library has been told of all servers of a connection."""
        if (looking := self._here.get(number)) is not None:
            looking.settled.set()

    async def run(self) -> None:
        """Open as many as Discord wants, and again when it wants another number."""
        clock = asyncio.get_running_loop().time
        waits_s = (*WAITS_S, REFUSED_WAIT_S)
        failed = before = 0
        await self._last_heard()
        try:
            while True:
                count = await self._count()
                if before:
                    self._say_once(_changed(before, count))
                before, since = count, clock()
                await self._open(count)
                failed = 0 if clock() - since >= STEADY_S else failed
                wait_s = waits_s[min(failed, len(waits_s) - 1)]
                logger.warning("Discord wants another number of connections. Asked in %.0f s.", wait_s)
                failed += 1
                await self._clock.sleep(wait_s)
        finally:
            await self._starts.close()

    async def _last_heard(self) -> datetime | None:
        """Of the time before this process; where nothing had been heard then, what another one heard since counts."""
        self._heard_at = self._heard_at or await self._ask_heard_at()
        return self._heard_at

    async def _count(self) -> int:
        """How many Discord wants; waits until it says so."""
        failed = 0
        while True:
            wait_s = WAITS_S[min(failed, len(WAITS_S) - 1)]
            try:
                return (await self._starts.ask()).shards
            except SurfaceDown as error:
                logger.warning("%s Next try in %.0f s.", error, wait_s)
            except SurfaceRefused as error:
                self._say_once(str(error))
                wait_s = REFUSED_WAIT_S
            failed += 1
            await self._clock.sleep(wait_s)

    async def _open(self, count: int) -> None:
        """Hold what can be held of so many, until Discord wants another number."""
        self._client.shard_count = cast(Any, self._client)._connection.shard_count = count
        again = asyncio.Event()
        holding: list[asyncio.Task[None]] = []
        async with asyncio.TaskGroup() as group:

            async def ask() -> None:
                for number in range(count):
                    taken = asyncio.Event()
                    holding.append(group.create_task(self._hold(Shard(number, count), taken, again)))
                    if number + 1 < count:
                        await self._let_others(taken)

            holding.append(group.create_task(ask()))
            await again.wait()
            for task in holding:
                task.cancel()

    async def _let_others(self, taken: asyncio.Event) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(OTHERS_S):
                await taken.wait()
        if taken.is_set():
            await self._clock.sleep(self._starts.pace_s)

    async def _hold(self, shard: Shard, taken: asyncio.Event, again: asyncio.Event) -> None:
        """Keep this connection, where no other process does."""
        while not again.is_set():
            async with self._lead(f"discord:gateway:{self._application_id}:{shard}") as lost:
                taken.set()
                if await self._listen(shard, lost) is End.RECOUNT:
                    again.set()

    async def _listen(self, shard: Shard, lost: asyncio.Event) -> End | None:
        """Until the lead is lost (None), or Discord wants another number."""
        spoken = partial(spoken_in, self._client, shard)
        looking = self._here[shard.number] = LookBack(
            shard, self._door, self._missed, spoken, self._last_heard, self._clock.now
        )
        gateway = Gateway(
            self._client,
            shard,
            partial(self._door.take, shard=shard),
            partial(self._ready, looking),
            self._door.room,
            self._clock.sleep,
            self._say_once,
            self._starts,
            url=self._url,
        )
        listening = asyncio.create_task(gateway.run(), name=f"gofer-discord-shard-{shard}")
        others = [asyncio.create_task(looking.run()), asyncio.create_task(lost.wait())]
        try:
            await asyncio.wait([listening, *others], return_when=asyncio.FIRST_COMPLETED)
            for task in (listening, *others):
                if task.done():
                    task.result()
            if listening.done() and listening.result() is End.REFUSED:
                await lost.wait()  # nobody else is to try it either
            return End.RECOUNT if listening.done() and listening.result() is End.RECOUNT else None
        finally:
            for task in (listening, *others):
                task.cancel()
            await asyncio.gather(listening, *others, return_exceptions=True)

    def _ready(self, looking: LookBack) -> None:
        self._said.clear()
        looking.begin()

    def _say_once(self, line: str) -> None:
        """Say what each connection finds out by itself once, until one of them works."""
        if line not in self._said:
            self._said.add(line)
            self._say(line)


def _changed(before: int, count: int) -> str:
    if count != before:
        number = "one connection" if count == 1 else f"{count} connections"
        return f"Discord wants {number} for this bot now: Gofer changes over."
    return "Discord refuses the number of connections that it asked for. Gofer tries again by itself."
