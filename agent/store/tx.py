"""One write transaction: its connection, its time, the task it has locked and whom to wake afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection, Table, bindparam, text
from sqlalchemy.dialects import postgresql, sqlite

from agent.domain.asks import AskStatus
from agent.domain.errors import Bug
from agent.domain.events import AskExpired, Event
from agent.domain.lifecycle import check_move
from agent.domain.task import Status, Task
from agent.store.codec import dump_event
from agent.store.rows import Values, to_task
from agent.store.signals import RUNNABLE, epoch_of, events_of
from agent.store.tables import ASK, EVENT, TASK

CLAIM_LOCK = 0x676F6665725F636C
"""Advisory lock of PostgreSQL, one per purpose: "gofer_cl"."""
RUNS = (Status.PLANNING, Status.RUNNING)


# Statements of the hot path are made once: building one costs more than running it.
_LOCK = TASK.select().where(TASK.c.task_id == bindparam("of_task")).with_for_update()
_SAVE = TASK.update().where(TASK.c.task_id == bindparam("of_task"))
_ADD_EVENTS = EVENT.insert()


def lock_key(purpose: str) -> int:
    """The key of an advisory lock of PostgreSQL for a purpose that has a name: 64 bits, signed."""
    return int.from_bytes(hashlib.sha256(f"gofer {purpose}".encode()).digest()[:8], "big", signed=True)


class NothingToWriteError(Exception):
    """Roll back and answer `value`: the way out of a transaction that found itself refused."""

    def __init__(self, value: object) -> None:
        super().__init__(value)
        self.value = value


@dataclass(slots=True)
class Tx:
    """What a transaction function works with. `topics` are rung after the commit only."""

    conn: Connection
    now: datetime
    topics: dict[str, None] = field(default_factory=dict[str, None])

    def ring(self, *topics: str) -> None:
        """Wake the waiters of these topics once this is committed."""
        self.topics.update(dict.fromkeys(topics))

    def lock(self, task_id: str) -> LockedTask | None:
        """The task, held until the end of the transaction: all writers of a task go through here, one by one."""
        row = self.conn.execute(_LOCK, {"of_task": task_id}).one_or_none()
        if row is None:
            return None
        task = to_task(row)
        return LockedTask(self, task, task, row.event_count, row.message_count)

    def exclude_claims(self) -> None:
        """Let no task be claimed until the end of this transaction; on SQLite writers exclude each other anyway.

        Two claims at once could take two tasks of one thread; an undo could meet a task that just starts.
        """
        self.take_turns(CLAIM_LOCK)

    def take_turns(self, key: int) -> None:
        """Until this transaction ends, others that name the same key wait here. SQLite's writers do so anyway."""
        if self.conn.dialect.name == "postgresql":
            self.conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})

    def insert_new(self, table: Table, values: Values, *unique: str) -> bool:
        """Insert; False when a row with these unique columns is there already; none named: with any unique ones."""
        insert = sqlite.insert if self.conn.dialect.name == "sqlite" else postgresql.insert
        # Inline, or the new key is fetched by RETURNING instead; and SQLAlchemy keeps no row counts of inserts unasked.
        statement = insert(table).values(values).on_conflict_do_nothing(index_elements=unique or None).inline()
        return self.conn.execute(statement, execution_options={"preserve_rowcount": True}).rowcount == 1


@dataclass(slots=True)
class LockedTask:
    """A task being written. Changes are collected in `task` and stored by `save`."""

    tx: Tx
    before: Task
    task: Task
    event_count: int
    message_count: int
    worker_id: str | None = None
    _counts_changed: bool = False

    def record(self, events: Iterable[Event]) -> None:
        """Append events with the next numbers; an `AskExpired` closes its ask too."""
        rows: list[Values] = []
        for event in events:
            if event.task_id != self.task.task_id:
                raise Bug(f"event {event.kind} of {event.task_id!r} written to task {self.task.task_id!r}")
            self.event_count += 1
            kind, body = dump_event(replace(event, seq=self.event_count))
            row = {"task_id": event.task_id, "seq": self.event_count, "kind": kind, "at": event.at, "body": body}
            rows.append(row)
            if isinstance(event, AskExpired):
                self.close_asks(AskStatus.EXPIRED, ask_id=event.ask_id)
        if rows:
            self.tx.conn.execute(_ADD_EVENTS, rows)
            self._counts_changed = True
            self.tx.ring(events_of(self.task.task_id))

    def next_message(self, seq: int) -> bool:
        """Take this number of the conversation; False when it is taken. Raises `Bug` for a gap."""
        if seq <= self.message_count:
            return False
        if seq != self.message_count + 1:
            raise Bug(f"message {seq} of {self.task.task_id!r} would leave a gap after {self.message_count}")
        self.message_count, self._counts_changed = seq, True
        return True

    def move(self, status: Status, *, not_before: datetime | None = None) -> None:
        """Change the status. Raises `Bug` for an illegal move; a final one withdraws the pending asks."""
        check_move(self.task.status, status)
        ended_at = self.tx.now if status.final else None
        self.task = replace(self.task, status=status, not_before=not_before, ended_at=ended_at)
        if status.final:
            self.close_asks(AskStatus.WITHDRAWN)
        if status not in RUNS:  # it may run itself, or its thread is free for another task now
            self.tx.ring(RUNNABLE)
        self.tx.ring(events_of(self.task.task_id))

    def raise_epoch(self) -> None:
        """Fence whoever runs the task."""
        self.task = replace(self.task, epoch=self.task.epoch + 1)
        self.tx.ring(epoch_of(self.task.task_id))

    def raise_cap(self, cap_usd: float) -> None:
        """Give the task another budget."""
        self.task = replace(self.task, cap_usd=cap_usd)

    def wake(self) -> None:
        """Something arrived: waiting goes back to the queue, queued need not wait for its time; paused stays."""
        if self.task.status is Status.WAITING or (self.task.status is Status.QUEUED and self.task.not_before):
            self.move(Status.QUEUED)
        self.tx.ring(events_of(self.task.task_id))

    def close_asks(self, status: AskStatus, *, ask_id: str = "") -> int:
        """Give the task's pending asks, or this one, another status; returns how many were pending."""
        statement = ASK.update().where(ASK.c.task_id == self.task.task_id, ASK.c.status == AskStatus.PENDING.value)
        if ask_id:
            statement = statement.where(ASK.c.ask_id == ask_id)
        return self.tx.conn.execute(statement.values(status=status.value)).rowcount

    def save(self) -> None:
        """Store what changed of the task's own row."""
        values: Values = {}
        if self._counts_changed:
            values |= {"event_count": self.event_count, "message_count": self.message_count}
        if self.task != self.before:
            values |= {
                "status": self.task.status.value,
                "epoch": self.task.epoch,
                "ended_at": self.task.ended_at,
                "not_before": self.task.not_before,
                "cap_usd": self.task.cap_usd,
            }
        if self.worker_id is not None:
            values["worker_id"] = self.worker_id
        if values:
            self.tx.conn.execute(_SAVE, {"of_task": self.task.task_id, **values})
