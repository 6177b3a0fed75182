"""`SqlMail`: the mail of `agent.ports.mail`, in the journal's database and on its connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime

from agent.ports.mail import AccessRequest, Arrival, Post
from agent.store import arrivals, posts
from agent.store.database import Database
from agent.store.signals import Signals, arrived_of
from agent.store.sole import Leaders
from agent.store.takein import TakeIn


class SqlMail:
    """Made by `SqlJournal`, and closed with it."""

    def __init__(self, database: Database, signals: Signals, leaders: Leaders) -> None:
        self._db, self._signals, self._leaders = database, signals, leaders
        self._take_in = TakeIn(database)

    async def take_in(self, arrival: Arrival) -> bool:
        return await self._take_in(arrival)

    async def claim(
        self, surface: str, owner: str, *, limit: int, lease_s: float = 60, urgent_only: bool = False
    ) -> tuple[Arrival, ...]:
        return await self._db.write(lambda tx: arrivals.claim(tx, surface, owner, limit, lease_s, urgent_only))

    async def free(self, surface: str, owner_prefix: str = "") -> int:
        return await self._db.write(lambda tx: arrivals.free(tx, surface, owner_prefix))

    async def extend(self, owner: str, lease_s: float = 60) -> None:
        await self._db.write(lambda tx: arrivals.extend(tx, owner, lease_s))

    async def settle(self, arrival_id: str, owner: str) -> None:
        await self._db.write(lambda tx: arrivals.settle(tx, arrival_id, owner))

    async def put_off(self, arrival_id: str, owner: str, *, until: datetime, why: str) -> None:
        await self._db.write(lambda tx: arrivals.put_off(tx, arrival_id, owner, until, why))

    async def give_up(self, arrival_id: str, owner: str, *, why: str) -> None:
        await self._db.write(lambda tx: arrivals.give_up(tx, arrival_id, owner, why))

    async def next_due(self, surface: str) -> datetime | None:
        return await self._db.read(lambda conn: arrivals.next_due(conn, surface))

    def arrived(self, surface: str) -> AsyncIterator[None]:
        return self._signals.bell(arrived_of(surface))

    async def intend(self, post: Post) -> Post:
        return await self._db.write(lambda tx: posts.intend(tx, post))

    async def sent(self, key: str, *, message_id: str, digest: str) -> None:
        await self._db.write(lambda tx: posts.sent(tx, key, message_id, digest))

    async def drop_post(self, key: str) -> None:
        await self._db.write(lambda tx: posts.drop(tx, key))

    async def posts(self, *, task_id: str = "", thread_id: str = "") -> tuple[Post, ...]:
        return await self._db.read(lambda conn: posts.posts(conn, task_id, thread_id))

    async def post_of(self, surface: str, where: str, message_id: str) -> Post | None:
        return await self._db.read(lambda conn: posts.post_of(conn, surface, where, message_id))

    async def behind(self, surface: str) -> tuple[str, ...]:
        return await self._db.read(lambda conn: posts.behind(conn, surface))

    async def shown(self, task_id: str, seq: int) -> None:
        await self._db.write(lambda tx: posts.shown(tx, task_id, seq))

    async def shown_until(self, task_id: str) -> int:
        return await self._db.read(lambda conn: posts.shown_until(conn, task_id))

    def stirred(self) -> AsyncIterator[frozenset[str] | None]:
        return self._signals.collector()

    def leader(self, name: str) -> AbstractAsyncContextManager[asyncio.Event]:
        return self._leaders.lead(name)

    async def ask_access(self, request: AccessRequest) -> bool:
        return await self._db.write(lambda tx: posts.ask_access(tx, request))

    async def access_request(self, request_id: str) -> AccessRequest | None:
        return await self._db.read(lambda conn: posts.access_request(conn, request_id))

    async def decide_access(self, request_id: str, *, by: str, allowed: bool) -> bool:
        return await self._db.write(lambda tx: posts.decide_access(tx, request_id, by, allowed))

    async def tidy(self, now: datetime) -> int:
        return await self._db.write(lambda tx: arrivals.tidy(tx, now))
