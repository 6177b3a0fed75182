"""Connections and transactions on SQLite and PostgreSQL.

A transaction is a plain function that runs in a thread of ours, from its BEGIN to its COMMIT: one hop between threads
for all its statements. An asyncio driver for SQLite hops several times for each statement, which cost more CPU than
the statements themselves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from agent.ports.clock import Clock
from agent.store import sqlite
from agent.store.crash import CRASH
from agent.store.faults import Fault, disk_full, fault_of, unreachable
from agent.store.signals import Signals
from agent.store.tx import NothingToWriteError, Tx

T = TypeVar("T")
Work = Callable[[Tx], T]
Query = Callable[[Connection], T]

logger = logging.getLogger(__name__)

RETRY_DELAYS_S = (0.05, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
"""About 24 s in all: longer than a restart of PostgreSQL, shorter than a person's patience."""
CHANNEL = "gofer"
"""NOTIFY channel; the payload is a topic of `signals`."""
ALIVE = {"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
"""libpq's settings: a dead server is noticed within half a minute instead of the kernel's two hours."""
_THREADS = 6


@dataclass(slots=True)
class _Attempt:
    """How far a transaction came. `xid` is set when its COMMIT was sent to PostgreSQL."""

    xid: str = ""
    result: object = None
    topics: tuple[str, ...] = ()


def normal_url(url: str, home: Path) -> str:
    """The URL with the driver we use. Empty: SQLite in the data folder."""
    if not url:
        return f"sqlite:///{home / 'gofer.db'}"
    parsed = make_url(url)
    driver = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
    name = driver.get(parsed.drivername.partition("+")[0])
    if name is None:
        raise ValueError(f"Gofer keeps its journal in SQLite or PostgreSQL, not in {parsed.drivername!r}")
    return parsed.set(drivername=name).render_as_string(hide_password=False)


def make_engine(url: str) -> Engine:
    """An engine with our settings for its database."""
    if url.startswith("sqlite"):
        engine = create_engine(url, pool_size=_THREADS)
        sqlite.prepare(engine)
        return engine
    return create_engine(url, pool_size=_THREADS, max_overflow=0, connect_args=ALIVE)


class Database:
    """Runs functions in transactions. A caller that is cancelled leaves its transaction to end in peace: cutting one
    short in mid-COMMIT would cost the knowledge of its outcome."""

    def __init__(self, engine: Engine, clock: Clock, signals: Signals, where: Path | str) -> None:
        self.engine = engine
        self.sqlite = engine.dialect.name == "sqlite"
        self._clock, self._signals, self._where = clock, signals, where
        # One snapshot for all statements of a read: `load` must not see an answer's inbox row without the answer.
        self._reader = engine if self.sqlite else engine.execution_options(isolation_level="REPEATABLE READ")
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="gofer-db")
        # SQLite has one write slot: writers queue for this one thread, in order, instead of polling the busy handler.
        self._writers = ThreadPoolExecutor(1, thread_name_prefix="gofer-db-write") if self.sqlite else self._threads

    async def write(self, work: Work[T]) -> T:
        """The result of `work`, committed; its topics are rung. Raises `Refused` on a full disk, or at last on a
        database that stays away."""
        loop = asyncio.get_running_loop()
        for delay_s in (*RETRY_DELAYS_S, None):
            attempt = _Attempt()
            try:
                # Shielded, or cancelling the caller would drop a result that still waits for its turn.
                transaction = loop.run_in_executor(self._writers, self._transaction, work, attempt, loop)
                transaction.add_done_callback(_look_at_error)
                await asyncio.shield(transaction)
            except NothingToWriteError as refused:
                return cast(T, refused.value)
            except DBAPIError as error:
                await self._endure(error, delay_s)
                if not (attempt.xid and await self._committed(attempt.xid)):
                    continue
                self._signals.ring(attempt.topics)
            return cast(T, attempt.result)
        raise unreachable()

    async def read(self, query: Query[T]) -> T:
        """The result of a query on one snapshot."""
        loop = asyncio.get_running_loop()
        for delay_s in (*RETRY_DELAYS_S, None):
            try:
                return await loop.run_in_executor(self._threads, self._look, query)
            except DBAPIError as error:
                await self._endure(error, delay_s)
        raise unreachable()

    async def close(self) -> None:
        """Wait for running transactions and close the connections."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writers.shutdown()
        self._threads.shutdown()
        self.engine.dispose()

    def _transaction(self, work: Work[T], attempt: _Attempt, loop: asyncio.AbstractEventLoop) -> None:
        with self.engine.connect().execution_options(**{sqlite.WRITES: True}) as conn, conn.begin() as transaction:
            tx = Tx(conn, self._clock.now())
            result = work(tx)
            xid = "" if self.sqlite else self._last_words(tx)
            attempt.result, attempt.topics = result, tuple(tx.topics)
            CRASH.reached("before")
            attempt.xid = xid
            transaction.commit()
            CRASH.reached("after")
        # From here and not from the caller, who may have been cancelled meanwhile: the others have to know.
        loop.call_soon_threadsafe(self._signals.ring, attempt.topics)

    def _last_words(self, tx: Tx) -> str:
        for topic in tx.topics:
            tx.conn.execute(text("SELECT pg_notify(:channel, :topic)"), {"channel": CHANNEL, "topic": topic})
        return str(tx.conn.scalar(text("SELECT CAST(pg_current_xact_id() AS text)")))

    def _look(self, query: Query[T]) -> T:
        with self._reader.connect() as conn:
            return query(conn)

    async def _endure(self, error: DBAPIError, delay_s: float | None) -> None:
        """Return after a while when trying again makes sense, raise otherwise."""
        match fault_of(error):
            case Fault.FULL:
                raise disk_full(self._where) from error
            case Fault.OTHER:
                raise error
            case Fault.LOST | Fault.CLASH as fault:
                if delay_s is None:
                    raise unreachable() from error
                logger.warning("database: trying again", extra={"action": "database_retry", "fault": fault.name})
                # Not the Clock port: the wait is for a real server, whatever time the tasks live in.
                await asyncio.sleep(delay_s)

    async def _committed(self, xid: str) -> bool:
        """Whether the transaction whose COMMIT got no reply went through: PostgreSQL remembers."""

        def status(conn: Connection) -> str | None:
            return conn.scalar(text("SELECT pg_xact_status(CAST(:xid AS xid8))"), {"xid": xid})

        for delay_s in RETRY_DELAYS_S:
            answer = await self.read(status)
            if answer != "in progress":
                return answer == "committed"
            await asyncio.sleep(delay_s)
        raise unreachable()


def _look_at_error(transaction: asyncio.Future[None]) -> None:
    """Whoever was cancelled will not fetch it, and asyncio complains about errors that nobody fetched."""
    if not transaction.cancelled():
        transaction.exception()
