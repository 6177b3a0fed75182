"""PostgreSQL sessions of our own beside the pool: one that listens, and one for each lock that is held."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from psycopg import AsyncConnection, sql
from psycopg import Error as PsycopgError
from sqlalchemy import Engine

from agent.store.database import ALIVE, CHANNEL
from agent.store.faults import unreachable
from agent.store.signals import RUNNABLE, Signals
from agent.store.sole import another_works
from agent.store.tx import lock_key

Session = AsyncConnection[tuple[Any, ...]]
Connect = Callable[[], Awaitable[Session]]

logger = logging.getLogger(__name__)

FALLBACK_POLL_S = 2.0
"""How late a wake-up is that PostgreSQL did not deliver."""
RECONNECT_S = 0.5
WORKER_LOCK = 0x676F6665725F776F
"""Advisory lock of PostgreSQL, held by the one worker: "gofer_wo"."""


def connector(engine: Engine) -> Connect:
    """Opens sessions to the engine's server."""
    arguments, options = engine.dialect.create_connect_args(engine.url)

    async def connect() -> Session:
        return await AsyncConnection.connect(*arguments, autocommit=True, **{**ALIVE, **options})

    return connect


class Listener:
    """Rings our bells for what other processes commit, and all of them after a lost connection."""

    def __init__(self, connect: Connect, signals: Signals) -> None:
        self._connect, self._signals = connect, signals
        self._session: Session | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listens when this returns. Raises `Refused` when the server does not answer."""
        try:
            self._session = await self._open()
        except PsycopgError as error:
            raise unreachable() from error
        self._task = asyncio.create_task(self._run(self._session), name="gofer-listen")

    async def stop(self) -> None:
        """Hang up."""
        await _end(self._task, self._session)

    async def _open(self) -> Session:
        session = await self._connect()
        async with _closed_on_error(session):
            await session.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
        return session

    async def _run(self, session: Session) -> None:
        while True:
            with suppress(PsycopgError):
                await self._pass_on(session)
            logger.warning("lost the listening connection", extra={"action": "listen_lost"})
            await session.close()
            session = self._session = await self._reopen()
            self._signals.ring_all()

    async def _pass_on(self, session: Session) -> None:
        while True:
            async for notice in session.notifies(timeout=FALLBACK_POLL_S):
                self._signals.ring((notice.payload,))
            self._signals.ring((RUNNABLE,))

    async def _reopen(self) -> Session:
        while True:
            # While nothing can be heard, whoever waits has to look for himself.
            self._signals.ring_all()
            with suppress(PsycopgError):
                return await self._open()
            await asyncio.sleep(RECONNECT_S)


class SessionSole:
    """An advisory lock; it ends with its session, so a lost session has to take it again."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._session: Session | None = None
        self._lost = False

    @asynccontextmanager
    async def hold(self) -> AsyncGenerator[None]:
        """Hold it. Raises `Refused` when another worker does."""
        try:
            session = await self._lock()
        except PsycopgError as error:
            raise unreachable() from error
        if session is None:
            raise another_works()
        self._session, self._lost = session, False
        watch = asyncio.create_task(self._watch(session), name="gofer-worker-lock")
        try:
            yield
        finally:
            await _end(watch, self._session)

    def check(self) -> None:
        """Raises `Refused` when another worker took the lock while our session was lost."""
        if self._lost:
            raise another_works()

    async def _watch(self, session: Session) -> None:
        while True:
            with suppress(PsycopgError):
                async for _ in session.notifies():
                    pass  # nobody talks on this session: only its end comes through here
            await session.close()
            session = self._session = await self._regain()

    async def _regain(self) -> Session:
        while True:
            with suppress(PsycopgError):
                session = await self._lock()
                if session is None and not self._lost:
                    logger.error("another worker took over", extra={"action": "worker_lock_lost"})
                self._lost = session is None
                if session is not None:
                    return session
            await asyncio.sleep(RECONNECT_S)

    async def _lock(self) -> Session | None:
        """A session that holds the lock; None when another one does."""
        session = await self._connect()
        async with _closed_on_error(session):
            cursor = await session.execute("SELECT pg_try_advisory_lock(%s)", (WORKER_LOCK,))
            if (await cursor.fetchone()) == (True,):
                return session
        await session.close()
        return None


class SessionLeaders:
    """An advisory lock for each name, held by a session of its own and over when that ends."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    @asynccontextmanager
    async def lead(self, name: str) -> AsyncGenerator[asyncio.Event]:
        """Wait for the lock, also while the server is away."""
        session, lost = await self._lock(name), asyncio.Event()
        watch = asyncio.create_task(_until_lost(session, lost), name=f"gofer-lead-{name}")
        try:
            yield lost
        finally:
            await _end(watch, session)

    async def _lock(self, name: str) -> Session:
        while True:
            try:
                session = await self._connect()
                async with _closed_on_error(session):
                    # The server queues us: whoever waits is told at once, and in order.
                    await session.execute("SELECT pg_advisory_lock(%s)", (lock_key(f"leader {name}"),))
                return session
            except PsycopgError:
                logger.warning("cannot wait to lead", extra={"action": "lead_retry", "leader": name}, exc_info=True)
            await asyncio.sleep(RECONNECT_S)


async def _until_lost(session: Session, lost: asyncio.Event) -> None:
    with suppress(PsycopgError):
        async for _ in session.notifies():
            pass  # nobody talks on this session: only its end comes through here
    logger.warning("lost the lead", extra={"action": "lead_lost"})
    lost.set()


async def _end(task: asyncio.Task[None] | None, session: Session | None) -> None:
    # The session is closed here too: a task that is cancelled before its first step never sees its own.
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    if session is not None:
        await session.close()


@asynccontextmanager
async def _closed_on_error(session: Session) -> AsyncGenerator[None]:
    try:
        yield
    except BaseException:
        await session.close()
        raise
