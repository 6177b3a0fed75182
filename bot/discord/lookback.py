"""Looking back at the start of each session of one connection, while what comes live over it is held back.

Each connection has its own: what one missed is looked up, and held back, without a word of the others. A session that
begins while the last one is still looked back on begins the looking anew, from where that one began. After
`HOLD_S` what came live goes on in any case.

From when on things were missed, this process knows of the connections that it had itself. Of one that another process
had, the last arrival of all says so only where there is no other connection; otherwise it is a whole day.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, TypeVar

from bot.discord.door import FrontDoor
from bot.discord.missed import BACK, Missed
from bot.discord.shard import Shard
from bot.surface import SurfaceDown

logger = logging.getLogger(__name__)

HOLD_S = 15.0
"""What comes live is held back at most so long for what was missed before it."""
CATCH_UP_S = 60.0
"""The longest that looking back may take."""
Found = TypeVar("Found")
Spoken = Callable[[datetime], Sequence[tuple[str, str]]]
"""The channels of this connection that something was said in since then, each with its server."""


class LookBack:
    """Of one connection. `begin` at each new session, `run` does the looking until it is cancelled."""

    def __init__(
        self,
        shard: Shard,
        door: FrontDoor,
        missed: Missed,
        spoken: Spoken,
        heard_at: Callable[[], Awaitable[datetime | None]],
        now: Callable[[], datetime],
    ) -> None:
        """`heard_at`: when anything had arrived from Discord last before this process began; None: never."""
        self._shard, self._door, self._missed, self._spoken = shard, door, missed, spoken
        self._heard_at, self._now = heard_at, now
        self._began = asyncio.Event()
        self.settled = asyncio.Event()
        """Set when Discord has told which channels there are, which takes it seconds after a session began."""

    def begin(self) -> None:
        """A new session: hold back what comes, and look."""
        self.settled.clear()
        self._door.hold(self._shard)
        self._began.set()

    async def run(self) -> None:
        """Look back whenever a session begins."""
        looking: asyncio.Task[None] | None = None
        since: datetime | None = None
        try:
            while True:
                await self._began.wait()
                self._began.clear()
                if looking is None or looking.done():
                    since = await _bear(self._since())
                else:
                    await _stop(looking)
                looking = asyncio.create_task(self._look(since), name="gofer-discord-look")
        finally:
            if looking is not None:
                await _stop(looking)
            self._door.release(self._shard)

    async def _look(self, since: datetime | None) -> None:
        """Where Gofer works before what comes live, elsewhere beside it."""
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(_bear(self._missed.catch_up(self._door.missed, self._shard.tells_of)))
            await asyncio.wait([looking], timeout=HOLD_S)
            if not self._began.is_set():
                self._door.release(self._shard)
        if since is not None:
            await _bear(self._around(since, looking.result() or frozenset()))

    async def _around(self, since: datetime, looked: frozenset[str]) -> None:
        await self.settled.wait()
        others = [one for one in self._spoken(since) if one[0] not in looked]
        await self._missed.look_around(self._door.missed, others, since)

    async def _since(self) -> datetime | None:
        """Until when everything was heard; None: nothing ever was, so nothing was missed."""
        if (here := self._door.heard_at.get(self._shard)) is not None:
            return here
        heard_at = await self._heard_at()
        if self._shard.count == 1:
            return heard_at
        return self._now() - BACK if heard_at is not None or self._door.heard_at else None


async def _bear(looking: Coroutine[Any, Any, Found]) -> Found | None:
    """Look back; None when it cannot be done, which is logged."""
    try:
        async with asyncio.timeout(CATCH_UP_S):
            return await looking
    except (SurfaceDown, TimeoutError) as error:
        logger.warning("Discord: cannot look back: %s", error, extra={"action": "missed_failed"})
    except Exception:
        logger.exception("Discord: looking back failed", extra={"action": "missed_failed"})
    return None


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
