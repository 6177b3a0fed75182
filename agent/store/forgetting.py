"""Forgetting a thread: what people said and made goes, digests and counts stay."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, or_, select

from agent.domain.asks import AskKind
from agent.domain.errors import NotFound, Refused
from agent.domain.task import Status
from agent.ports.journal import Referenced
from agent.store.arrivals import NEW
from agent.store.codec import dump_blocks, dumps
from agent.store.posts import shown
from agent.store.rows import Values
from agent.store.tables import ARRIVAL, ASK, CALL, EVENT, FROZEN, GRANT, INBOX, MESSAGE, TASK, THREAD
from agent.store.tx import Tx

_FINAL = [status.value for status in Status if status.final]
_NAMING = ("TaskAccepted", "Steered", "FilesChanged", "FileDelivered")
"""Kinds of events that name files and snapshots. A call's arguments may look as if, but nothing is fetched by them."""
_SHA256 = "[0-9a-f]{64}"
# Bodies are compact JSON, so a quote inside somebody's words has a backslash before it and does not match.
_FILE = re.compile(rf'"sha256":"({_SHA256})"')
_SNAPSHOT = re.compile(rf'"(?:snapshot|base|head)":"({_SHA256})"')
_FORGOTTEN = re.compile(rf'{{"sha256":"{_SHA256}"}}')
_BATCH = 200


def forget(tx: Tx, thread_id: str, at: datetime) -> frozenset[str]:
    """Remove the words of a thread; returns the digests that nobody names any more. Raises `NotFound`, `Refused`."""
    # `create_task` takes this lock too: no task begins here before the end.
    thread = tx.conn.execute(THREAD.select().where(THREAD.c.thread_id == thread_id).with_for_update()).one_or_none()
    if thread is None:
        raise NotFound(f"There is no thread {thread_id!r}.")
    tasks = tx.conn.execute(TASK.select().where(TASK.c.thread_id == thread_id)).all()
    if any(task.status not in _FINAL for task in tasks):
        raise Refused("A task is still at work here.", next_step="Stop it first, then try again.")
    mine, others = _named(tx.conn, THREAD.c.thread_id == thread_id), _named(tx.conn, THREAD.c.thread_id != thread_id)
    gone = {*mine.snapshots, *mine.files, *thread.forgotten.split()} - others.snapshots - others.files
    for task in tasks:
        _blank_events(tx, task.task_id)
        shown(tx, task.task_id, task.event_count)
    _remove(tx, thread_id)
    blank: Values = {"title": "", "snapshot": "", "base_snapshot": "", "sandbox_state": ""}
    blank |= {"forgotten_at": at, "forgotten": " ".join(sorted(gone))}
    tx.conn.execute(THREAD.update().where(THREAD.c.thread_id == thread_id).values(blank))
    return frozenset(gone)


def referenced(conn: Connection) -> Referenced:
    """What any thread names."""
    return _named(conn, THREAD.c.thread_id.is_not(None))


def _remove(tx: Tx, thread_id: str) -> None:
    """All but the events. Rows whose keys keep something from coming twice stay without their text; so do calls, to
    tell which tools ran."""
    tasks = select(TASK.c.task_id).where(TASK.c.thread_id == thread_id)
    for table in (MESSAGE, FROZEN, ASK):
        tx.conn.execute(table.delete().where(table.c.task_id.in_(tasks)))
    # An *always* grant belongs to its channel, unless the thread is a place of its own.
    own = or_(GRANT.c.place == thread_id, and_(GRANT.c.task_id.in_(tasks), GRANT.c.scope != "always"))
    tx.conn.execute(GRANT.delete().where(own))
    tx.conn.execute(INBOX.update().where(INBOX.c.task_id.in_(tasks)).values(body="", taken=True))
    tx.conn.execute(CALL.update().where(CALL.c.task_id.in_(tasks)).values(arguments=dumps({}), result=dump_blocks(())))
    tx.conn.execute(TASK.update().where(TASK.c.thread_id == thread_id).values(request="", files=""))
    ended = and_(ARRIVAL.c.lane == thread_id, ARRIVAL.c.state != NEW)
    tx.conn.execute(ARRIVAL.update().where(ended).values(body="", why=""))


def _blank_events(tx: Tx, task_id: str) -> None:
    """Bodies become digests of what they were; those that are stay."""
    blank = EVENT.update().where(EVENT.c.task_id == task_id, EVENT.c.seq == bindparam("of_seq"))
    done = 0
    while True:
        query = select(EVENT.c.seq, EVENT.c.body).where(EVENT.c.task_id == task_id, EVENT.c.seq > done)
        rows = tx.conn.execute(query.order_by(EVENT.c.seq).limit(_BATCH)).all()
        if not rows:
            return
        done = rows[-1].seq
        changed: list[Values] = [
            {"of_seq": row.seq, "body": dumps({"sha256": hashlib.sha256(row.body.encode()).hexdigest()})}
            for row in rows
            if not _FORGOTTEN.fullmatch(row.body)
        ]
        if changed:
            tx.conn.execute(blank, changed)


def _named(conn: Connection, threads: ColumnElement[bool]) -> Referenced:
    """The digests that these threads name."""
    tasks = select(TASK.c.task_id).join(THREAD, THREAD.c.thread_id == TASK.c.thread_id).where(threads)
    events = select(EVENT.c.body).where(EVENT.c.kind.in_(_NAMING), EVENT.c.task_id.in_(tasks))
    changes = select(ASK.c.body).where(ASK.c.kind == AskKind.CHANGES.value, ASK.c.task_id.in_(tasks))
    inbox = select(INBOX.c.body).where(INBOX.c.kind == "steer", INBOX.c.task_id.in_(tasks))
    files = select(TASK.c.files).where(TASK.c.files != "", TASK.c.task_id.in_(tasks))
    snapshots: set[str] = set()
    for row in conn.execute(select(THREAD.c.snapshot, THREAD.c.base_snapshot).where(threads)):
        snapshots |= {digest for digest in row if digest}
    found: set[str] = set()
    for body in _texts(conn, events, changes, inbox, files):
        if not _FORGOTTEN.fullmatch(body):
            snapshots.update(_SNAPSHOT.findall(body))
            found.update(_FILE.findall(body))
    return Referenced(frozenset(snapshots), frozenset(found))


def _texts(conn: Connection, *queries: Select[Any]) -> Iterator[str]:
    # In pieces: PostgreSQL's driver would keep a whole result in memory.
    for query in queries:
        yield from conn.execute(query.execution_options(yield_per=_BATCH)).scalars()
