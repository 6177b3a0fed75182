"""`SqlJournal`: the journal of `agent.ports.journal` on SQLite and PostgreSQL. Each method is one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path

from agent.domain.asks import Answer, Ask, Grant
from agent.domain.events import Event
from agent.domain.task import Feedback, Status, Task, Thread
from agent.ports.clock import Clock
from agent.ports.journal import (
    Decision,
    Fence,
    InboxItem,
    KeepWorkspace,
    PersonRecord,
    Referenced,
    Spending,
    TaskState,
    Write,
)
from agent.store import feedback as opinions
from agent.store import forgetting, front, worker, writes
from agent.store.database import Database, make_engine, normal_url
from agent.store.doors import open_door
from agent.store.mail import SqlMail
from agent.store.schema import sqlite_path
from agent.store.signals import RUNNABLE, Signals, epoch_of, events_of
from agent.store.sole import FileSole, Leaders, ProcessLeaders, SoleWorker


class SqlJournal:
    """Made by `open`. One per process and database."""

    def __init__(
        self, database: Database, signals: Signals, clock: Clock, sole: SoleWorker, leaders: Leaders | None = None
    ) -> None:
        self._db, self._signals, self._clock, self._sole = database, signals, clock, sole
        self._mail = SqlMail(database, signals, leaders or ProcessLeaders())
        self._hang_up: Callable[[], Awaitable[None]] | None = None

    @staticmethod
    async def open(url: str, home: Path, clock: Clock) -> SqlJournal:
        """The journal behind this URL; empty: SQLite in the data folder `home`.

        SQLite brings its tables up to date by itself, after a copy into `home/backups`. Raises `Refused` for a
        database of a newer Gofer, for one that does not answer, and for PostgreSQL that needs `gofer db upgrade`.
        """
        url = normal_url(url, home)
        signals = Signals()
        database = Database(make_engine(url), clock, signals, where=home)
        try:
            await open_door(url, home, database)
            if database.sqlite:
                return SqlJournal(database, signals, clock, FileSole(sqlite_path(url)))
            return await SqlJournal._with_sessions(database, signals, clock)
        except BaseException:
            await database.close()
            raise

    @staticmethod
    async def _with_sessions(database: Database, signals: Signals, clock: Clock) -> SqlJournal:
        from agent.store.listen import Listener, SessionLeaders, SessionSole, connector  # psycopg: not for SQLite

        connect = connector(database.engine)
        listener = Listener(connect, signals)
        await listener.start()
        journal = SqlJournal(database, signals, clock, SessionSole(connect), SessionLeaders(connect))
        journal._hang_up = listener.stop
        return journal

    @property
    def mail(self) -> SqlMail:
        """What surfaces keep beside the journal, in the same database; closed with it."""
        return self._mail

    async def person(self, person_id: str) -> PersonRecord | None:
        return await self._db.read(lambda conn: front.person(conn, person_id))

    async def people(self) -> tuple[PersonRecord, ...]:
        return await self._db.read(front.people)

    async def put_person(self, record: PersonRecord) -> None:
        await self._db.write(lambda tx: front.put_person(tx, record))

    async def remove_person(self, person_id: str) -> None:
        await self._db.write(lambda tx: front.remove_person(tx, person_id))

    async def create_task(
        self, task: Task, thread: Thread, events: Sequence[Event], *, inbox_id: str, alone: bool = False
    ) -> bool:
        return await self._db.write(lambda tx: front.create_task(tx, task, thread, events, inbox_id, alone))

    async def receive(self, item: InboxItem, *events: Event) -> bool:
        return await self._db.write(lambda tx: front.receive(tx, item, events))

    async def decide(self, answer: Answer, grant: Grant | None, *events: Event, inbox_id: str = "") -> Decision:
        return await self._db.write(lambda tx: front.decide(tx, answer, grant, events, inbox_id))

    async def move(self, task_id: str, status: Status, *events: Event) -> bool:
        return await self._db.write(lambda tx: front.move(tx, task_id, status, events))

    async def keep_workspace(self, write: KeepWorkspace, *, inbox_id: str = "", task_id: str = "") -> bool:
        return await self._db.write(lambda tx: front.change_workspace(tx, write, inbox_id, task_id))

    async def undone_by(self, inbox_id: str) -> str:
        return await self._db.read(lambda conn: front.undone_by(conn, inbox_id))

    async def task(self, task_id: str) -> Task | None:
        return await self._db.read(lambda conn: front.task(conn, task_id))

    async def tasks(self, *, thread_id: str = "", person_id: str = "", limit: int = 50) -> tuple[Task, ...]:
        return await self._db.read(lambda conn: front.tasks(conn, thread_id, person_id, limit))

    async def started_by(self, inbox_id: str) -> str:
        return await self._db.read(lambda conn: front.started_by(conn, inbox_id))

    async def set_muted(self, thread_id: str, muted: bool) -> None:
        await self._db.write(lambda tx: front.set_muted(tx, thread_id, muted))

    async def forget(self, thread_id: str, at: datetime) -> frozenset[str]:
        return await self._db.write(lambda tx: forgetting.forget(tx, thread_id, at))

    async def referenced(self) -> Referenced:
        return await self._db.read(forgetting.referenced)

    async def thread(self, thread_id: str) -> Thread | None:
        return await self._db.read(lambda conn: front.thread(conn, thread_id))

    async def threads(self, *, owner_id: str = "", limit: int = 50) -> tuple[Thread, ...]:
        return await self._db.read(lambda conn: front.threads(conn, owner_id, limit))

    async def ask(self, ask_id: str) -> tuple[Ask, Answer | None] | None:
        """The newest revision of the ask, and its answer."""
        return await self._db.read(lambda conn: front.ask(conn, ask_id))

    async def events(self, task_id: str, *, after: int = 0, limit: int = 1000) -> tuple[Event, ...]:
        return await self._db.read(lambda conn: front.events(conn, task_id, after, limit))

    async def due_asks(self, now: datetime) -> tuple[Ask, ...]:
        return await self._db.read(lambda conn: front.due_asks(conn, now))

    async def grants(self, *, task_id: str = "") -> tuple[Grant, ...]:
        return await self._db.read(lambda conn: front.grants(conn, task_id, self._clock.now()))

    async def revoke(self, grant_id: str) -> bool:
        return await self._db.write(lambda tx: front.revoke(tx, grant_id))

    async def spending(self, *, task_id: str, person_id: str, now: datetime) -> Spending:
        return await self._db.read(lambda conn: front.spending(conn, task_id, person_id, now))

    async def put_feedback(self, feedback: Feedback) -> None:
        await self._db.write(lambda tx: opinions.put(tx, feedback))

    async def feedback(self, *, limit: int = 50) -> tuple[Feedback, ...]:
        return await self._db.read(lambda conn: opinions.newest(conn, limit))

    async def claim(self, worker_id: str, now: datetime) -> Fence | None:
        self._sole.check()
        return await self._db.write(lambda tx: worker.claim(tx, worker_id, now))

    async def release_all(self) -> int:
        return await self._db.write(worker.release_all)

    async def next_due(self) -> datetime | None:
        return await self._db.read(worker.next_due)

    async def load(self, fence: Fence) -> TaskState:
        """The messages begin with the newest `fresh_start` row; the next one's `seq` is the last one's + 1."""
        return await self._db.read(lambda conn: worker.load_state(conn, fence, self._clock.now()))

    async def inbox(self, fence: Fence) -> tuple[InboxItem, ...]:
        return await self._db.read(lambda conn: worker.inbox(conn, fence))

    async def commit(self, fence: Fence, *all_writes: Write) -> bool:
        return await self._db.write(lambda tx: writes.commit(tx, fence, all_writes))

    async def live_sandboxes(self) -> set[str]:
        return await self._db.read(worker.live_sandboxes)

    def runnable(self) -> AsyncIterator[None]:
        return self._signals.bell(RUNNABLE)

    def changes(self, task_id: str) -> AsyncIterator[None]:
        return self._signals.bell(events_of(task_id))

    async def taken_over(self, fence: Fence) -> None:
        # The bell hangs before the first look, so that a takeover between the two is not missed.
        async for _ in self._signals.bell(epoch_of(fence.task_id)):
            if not await self._db.read(lambda conn: worker.epoch_holds(conn, fence)):
                return

    def sole_worker(self) -> AbstractAsyncContextManager[None]:
        return self._sole.hold()

    async def close(self) -> None:
        """Close connections; whoever waits for a change stops waiting."""
        self._signals.close()
        if self._hang_up is not None:
            await self._hang_up()
        await self._db.close()
