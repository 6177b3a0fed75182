"""What the front door does to tasks: create, receive, decide, move, and the questions it asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, desc, func, select

from agent.domain.asks import Answer, Ask, AskStatus, Grant
from agent.domain.errors import Bug, NotFound, Refused
from agent.domain.events import AskExpired, Event
from agent.domain.lifecycle import may_move
from agent.domain.task import Status, Task, Thread
from agent.ports.journal import Decision, InboxItem, KeepWorkspace, PersonRecord, Spending
from agent.store.codec import dump, dump_files, load
from agent.store.places import place_of
from agent.store.rows import (
    AnyRow,
    Values,
    from_grant,
    to_ask,
    to_event,
    to_grant,
    to_person,
    to_task,
    to_thread,
)
from agent.store.signals import RUNNABLE
from agent.store.tables import ASK, EVENT, GRANT, INBOX, PERSON, SPEND, TASK, THREAD
from agent.store.tx import RUNS, LockedTask, NothingToWriteError, Tx
from agent.store.writes import keep_workspace

RUNNING_STATES = [status.value for status in RUNS]


def create_task(
    tx: Tx, task: Task, thread: Thread, events: Sequence[Event], inbox_id: str, alone: bool = False
) -> bool:
    """A queued task with its thread and first events."""
    start: Values = {"inbox_id": inbox_id, "task_id": task.task_id, "kind": "start", "body": "", "taken": True}
    if not tx.insert_new(INBOX, start, "inbox_id"):
        raise NothingToWriteError(False)
    if not tx.insert_new(THREAD, _thread_values(thread), "thread_id"):
        _go_on(tx, thread)
        if alone and (busy := _at_work(tx.conn, thread.thread_id)):
            raise Refused(f"Task {busy} is still at work here.", next_step="Reply to steer it, or stop it.")
    queued = replace(task, status=Status.QUEUED, epoch=0, ended_at=None)
    tx.conn.execute(TASK.insert().values(_task_values(queued)))
    locked = LockedTask(tx, queued, queued, 0, 0)
    locked.record(events)
    locked.save()
    tx.ring(RUNNABLE)
    return True


def receive(tx: Tx, item: InboxItem, events: Sequence[Event]) -> bool:
    """An inbox item, once."""
    locked = tx.lock(item.task_id)
    if locked is None:
        raise NotFound(f"There is no task {item.task_id!r}.")
    if locked.task.status.final or not _put(tx, item):
        raise NothingToWriteError(False)
    locked.record(events)
    if item.kind != "talk":
        locked.wake()
    locked.save()
    return True


def decide(tx: Tx, answer: Answer, grant: Grant | None, events: Sequence[Event], inbox_id: str = "") -> Decision:
    """The first answer of a pending revision wins; the same message decides once."""
    found = tx.conn.execute(_revision(answer)).one_or_none()
    locked = tx.lock(found.task_id) if found is not None else None
    if found is None or locked is None:
        raise NothingToWriteError(Decision(won=False, why="There is no such question (any more)."))
    said: Values = {"inbox_id": inbox_id, "task_id": found.task_id, "kind": "word", "body": "", "taken": True}
    if inbox_id and not tx.insert_new(INBOX, said, "inbox_id"):
        raise NothingToWriteError(Decision(won=True, why="This message has counted already."))
    pending = ASK.update().where(
        ASK.c.ask_id == answer.ask_id, ASK.c.revision == answer.revision, ASK.c.status == AskStatus.PENDING.value
    )
    values: Values = {"status": AskStatus.ANSWERED.value, "answer": dump(answer)}
    if tx.conn.execute(pending.values(values)).rowcount != 1:
        raise NothingToWriteError(_too_late(tx.conn.execute(_revision(answer)).one()))
    item = InboxItem(
        inbox_id=f"answer:{answer.ask_id}:{answer.revision}",
        task_id=locked.task.task_id,
        kind="answer",
        by=answer.by,
        at=answer.at,
        text=answer.note,
    )
    if not _put(tx, item):
        raise Bug(f"{item.inbox_id} arrived before its answer")
    if grant is not None:
        tx.conn.execute(GRANT.insert().values(from_grant(grant, place_of(locked.task.thread_id))))
    locked.record(events)
    locked.wake()
    locked.save()
    return Decision(won=True, answer=answer)


def move(tx: Tx, task_id: str, status: Status, events: Sequence[Event]) -> bool:
    """A move from outside fences the running segment. One that rests on an expired ask is off when it was answered."""
    locked = tx.lock(task_id)
    if locked is None:
        raise NotFound(f"There is no task {task_id!r}.")
    expired = [event for event in events if isinstance(event, AskExpired)]
    closed = [event for event in expired if locked.close_asks(AskStatus.EXPIRED, ask_id=event.ask_id)]
    if closed != expired or not may_move(locked.task.status, status):
        raise NothingToWriteError(False)
    if locked.task.status is not status:
        locked.raise_epoch()
        locked.move(status)
        locked.record(events)
    elif expired:  # nothing moves, but the asks are over
        locked.record(expired)
    else:
        raise NothingToWriteError(False)
    locked.save()
    return True


def change_workspace(tx: Tx, write: KeepWorkspace, inbox_id: str = "", task_id: str = "") -> bool:
    """Undo and the like, only while nothing runs in the thread; the same message does it once."""
    tx.exclude_claims()
    if thread(tx.conn, write.thread_id) is None:
        raise NotFound(f"There is no thread {write.thread_id!r}.")
    if running(tx.conn, write.thread_id):
        raise Refused("A task works in this thread right now.", next_step="Pause or stop it first, then try again.")
    undo: Values = {"inbox_id": inbox_id, "task_id": task_id, "kind": "undo", "body": "", "taken": True}
    if inbox_id and not tx.insert_new(INBOX, undo, "inbox_id"):
        raise NothingToWriteError(False)
    keep_workspace(tx, write)
    return True


def running(conn: Connection, thread_id: str) -> bool:
    """Whether a task of this thread runs."""
    query = select(TASK.c.task_id).where(TASK.c.thread_id == thread_id, TASK.c.status.in_(RUNNING_STATES)).limit(1)
    return conn.execute(query).first() is not None


def revoke(tx: Tx, grant_id: str) -> bool:
    """End a grant; False when it is not live."""
    live = and_(GRANT.c.grant_id == grant_id, _live(tx.now))
    if tx.conn.execute(GRANT.update().where(live).values(revoked=True)).rowcount != 1:
        raise NothingToWriteError(False)
    return True


def put_person(tx: Tx, record: PersonRecord) -> None:
    """Add or change."""
    values: Values = {
        "person_id": record.person_id,
        "name": record.name,
        "role": record.role.value,
        "since": record.since,
    }
    if not tx.insert_new(PERSON, values, "person_id"):
        tx.conn.execute(PERSON.update().where(PERSON.c.person_id == record.person_id).values(values))


def remove_person(tx: Tx, person_id: str) -> None:
    """Forget; unknown ones are no fault."""
    tx.conn.execute(PERSON.delete().where(PERSON.c.person_id == person_id))


def person(conn: Connection, person_id: str) -> PersonRecord | None:
    """One person."""
    row = conn.execute(PERSON.select().where(PERSON.c.person_id == person_id)).one_or_none()
    return None if row is None else to_person(row)


def people(conn: Connection) -> tuple[PersonRecord, ...]:
    """Everybody, oldest first."""
    return tuple(map(to_person, conn.execute(PERSON.select().order_by(PERSON.c.since, PERSON.c.person_id))))


def task(conn: Connection, task_id: str) -> Task | None:
    """One task."""
    row = conn.execute(TASK.select().where(TASK.c.task_id == task_id)).one_or_none()
    return None if row is None else to_task(row)


def tasks(conn: Connection, thread_id: str, person_id: str, limit: int) -> tuple[Task, ...]:
    """Newest first."""
    query = TASK.select().order_by(desc(TASK.c.created_at), desc(TASK.c.task_id)).limit(limit)
    if thread_id:
        query = query.where(TASK.c.thread_id == thread_id)
    if person_id:
        query = query.where(TASK.c.asked_by == person_id)
    return tuple(map(to_task, conn.execute(query)))


def thread(conn: Connection, thread_id: str) -> Thread | None:
    """One thread."""
    row = conn.execute(THREAD.select().where(THREAD.c.thread_id == thread_id)).one_or_none()
    return None if row is None else to_thread(row)


def threads(conn: Connection, owner_id: str, limit: int) -> tuple[Thread, ...]:
    """Newest first."""
    query = THREAD.select().order_by(desc(THREAD.c.created_at), desc(THREAD.c.thread_id)).limit(limit)
    if owner_id:
        query = query.where(THREAD.c.owner_id == owner_id)
    return tuple(map(to_thread, conn.execute(query)))


def ask(conn: Connection, ask_id: str) -> tuple[Ask, Answer | None] | None:
    """The newest revision."""
    query = ASK.select().where(ASK.c.ask_id == ask_id).order_by(desc(ASK.c.revision)).limit(1)
    row = conn.execute(query).one_or_none()
    return None if row is None else to_ask(row)


def events(conn: Connection, task_id: str, after: int, limit: int) -> tuple[Event, ...]:
    """In order."""
    query = EVENT.select().where(EVENT.c.task_id == task_id, EVENT.c.seq > after).order_by(EVENT.c.seq).limit(limit)
    return tuple(map(to_event, conn.execute(query)))


def due_asks(conn: Connection, now: datetime) -> tuple[Ask, ...]:
    """Pending ones that are over, oldest first."""
    due = and_(ASK.c.status == AskStatus.PENDING.value, ASK.c.expires_at <= now)
    rows = conn.execute(ASK.select().where(due).order_by(ASK.c.expires_at, ASK.c.number))
    return tuple(to_ask(row)[0] for row in rows)


def grants(conn: Connection, task_id: str, now: datetime) -> tuple[Grant, ...]:
    """Live ones."""
    query = GRANT.select().where(_live(now)).order_by(GRANT.c.grant_id)
    if task_id:
        query = query.where(GRANT.c.task_id == task_id)
    return tuple(map(to_grant, conn.execute(query)))


def fitting_grants(conn: Connection, task: Task, now: datetime) -> tuple[Grant, ...]:
    """Live ones of the task, and *always* ones of its place."""
    always = and_(GRANT.c.scope == "always", GRANT.c.place == place_of(task.thread_id))
    query = GRANT.select().where(_live(now), (GRANT.c.task_id == task.task_id) | always).order_by(GRANT.c.grant_id)
    return tuple(map(to_grant, conn.execute(query)))


def spending(conn: Connection, task_id: str, person_id: str, now: datetime) -> Spending:
    """Settled and reserved money."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    today = and_(SPEND.c.at >= day, SPEND.c.at < day + timedelta(days=1))
    total = func.coalesce(func.sum(SPEND.c.usd), 0.0)
    query = select(
        select(total).where(SPEND.c.task_id == task_id).scalar_subquery(),
        select(total).where(SPEND.c.person_id == person_id, today).scalar_subquery(),
        select(total).where(today).scalar_subquery(),
    )
    of_task, of_person, of_all = conn.execute(query).one()
    return Spending(task_usd=of_task, person_day_usd=of_person, day_usd=of_all)


def started_by(conn: Connection, inbox_id: str) -> str:
    """The task that this message made."""
    return _task_of(conn, inbox_id, "start")


def undone_by(conn: Connection, inbox_id: str) -> str:
    """The task that this message has undone."""
    return _task_of(conn, inbox_id, "undo")


def set_muted(tx: Tx, thread_id: str, muted: bool) -> None:
    """Mute or not. Raises `NotFound`."""
    if tx.conn.execute(THREAD.update().where(THREAD.c.thread_id == thread_id).values(muted=muted)).rowcount != 1:
        raise NotFound(f"There is no thread {thread_id!r}.")


def _task_of(conn: Connection, inbox_id: str, kind: str) -> str:
    return conn.scalar(select(INBOX.c.task_id).where(INBOX.c.inbox_id == inbox_id, INBOX.c.kind == kind)) or ""


def _go_on(tx: Tx, thread: Thread) -> None:
    """Another task in a thread that exists. Its row is locked, so that nobody forgets the thread or begins a task in it
    meanwhile; one that was forgotten has no title any more."""
    of_thread = THREAD.c.thread_id == thread.thread_id
    if not tx.conn.scalar(select(THREAD.c.title).where(of_thread).with_for_update()):
        tx.conn.execute(THREAD.update().where(of_thread).values(title=thread.title))


def _at_work(conn: Connection, thread_id: str) -> str:
    """A task of this thread that has not ended, or empty."""
    ended = [status.value for status in Status if status.final]
    query = select(TASK.c.task_id).where(TASK.c.thread_id == thread_id, TASK.c.status.not_in(ended))
    return conn.scalar(query.limit(1)) or ""


def _put(tx: Tx, item: InboxItem) -> bool:
    values: Values = {
        "inbox_id": item.inbox_id,
        "task_id": item.task_id,
        "kind": item.kind,
        "body": dump(item),
        "taken": False,
    }
    return tx.insert_new(INBOX, values, "inbox_id")


def _revision(answer: Answer) -> Select[Any]:
    return ASK.select().where(ASK.c.ask_id == answer.ask_id, ASK.c.revision == answer.revision)


def _too_late(row: AnyRow) -> Decision:
    if row.answer:
        return Decision(won=False, answer=load(Answer, row.answer))
    expired = row.status == AskStatus.EXPIRED.value
    return Decision(won=False, why="The time to answer this is over." if expired else "This question was taken back.")


def _live(now: datetime) -> ColumnElement[bool]:
    return and_(GRANT.c.used.is_(False), GRANT.c.revoked.is_(False), GRANT.c.expires_at > now)


def _thread_values(thread: Thread) -> Values:
    return {
        "thread_id": thread.thread_id,
        "owner_id": thread.owner_id,
        "title": thread.title,
        "created_at": thread.created_at,
        "snapshot": thread.snapshot,
        "base_snapshot": thread.base_snapshot,
        "sandbox_state": thread.sandbox_state,
        "muted": thread.muted,
        "forgotten_at": thread.forgotten_at,
        "forgotten": "",
    }


def _task_values(task: Task) -> Values:
    return {
        "task_id": task.task_id,
        "thread_id": task.thread_id,
        "asked_by": task.asked_by,
        "request": task.request,
        "files": dump_files(task.files),
        "status": task.status.value,
        "created_at": task.created_at,
        "epoch": task.epoch,
        "ended_at": task.ended_at,
        "not_before": task.not_before,
        "cap_usd": task.cap_usd,
        "worker_id": "",
        "event_count": 0,
        "message_count": 0,
    }
