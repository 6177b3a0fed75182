"""Taking deliveries in: those that come while a commit is under way share the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from agent.domain.errors import GoferError
from agent.ports.mail import Arrival
from agent.store import arrivals
from agent.store.database import Database

MOST_AT_ONCE = 100
"""Arrivals of one commit, so that the writer is not kept from others for long."""

_Waiting = tuple[Arrival, asyncio.Future[bool]]


class TakeIn:
    """Stores in the order of the calls. A commit costs far more than a row, so a burst costs few commits."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._waiting: deque[_Waiting] = deque()
        self._storing: asyncio.Task[None] | None = None

    async def __call__(self, arrival: Arrival) -> bool:
        """Whether it is new; returns when it is committed, raises when it could not be. A caller that is cancelled
        leaves it to be stored all the same."""
        stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, stored))
        if self._storing is None:
            self._storing = asyncio.create_task(self._store_all(), name="gofer-take-in")
        return await stored

    async def _store_all(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_AT_ONCE))]
                await self._store(batch)
        finally:
            self._storing = None

    async def _store(self, batch: Sequence[_Waiting]) -> None:
        taken = [arrival for arrival, _ in batch]
        storing = asyncio.ensure_future(self._db.write(lambda tx: arrivals.take_in(tx, taken)))
        await asyncio.wait([storing])
        error = storing.exception()
        if error is not None and len(batch) > 1 and not isinstance(error, GoferError):
            # Not the database as a whole, which would be one of our errors, but something in one of them.
            for each in batch:
                await self._store([each])
            return
        for n, (_, stored) in enumerate(batch):
            if stored.done():
                continue  # its caller went away
            if error is None:
                stored.set_result(storing.result()[n])
            else:
                stored.set_exception(error)
