"""What a worker does to tasks: claim one, load it, give it back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, desc, exists, func, select

from agent.domain.asks import Answer, Ask, AskKind, PlanSubject
from agent.domain.calls import ToolCall
from agent.domain.errors import Bug, Fenced
from agent.domain.task import Status
from agent.ports.journal import Fence, InboxItem, StoredMessage, TaskState
from agent.ports.llm import Prefix
from agent.store.codec import load
from agent.store.front import RUNNING_STATES, fitting_grants
from agent.store.rows import to_ask, to_call, to_inbox_item, to_message, to_task, to_thread
from agent.store.tables import ASK, CALL, EVENT, FROZEN, INBOX, MESSAGE, SPEND, TASK, THREAD
from agent.store.tx import RUNS, NothingToWriteError, Tx
from agent.store.writes import unread_of

_OTHER = TASK.alias("other")
_THREAD_IS_BUSY = exists().where(
    _OTHER.c.thread_id == TASK.c.thread_id, _OTHER.c.status.in_(RUNNING_STATES), _OTHER.c.task_id != TASK.c.task_id
)
_READY = and_(TASK.c.status == Status.QUEUED.value, ~_THREAD_IS_BUSY)


def claim(tx: Tx, worker_id: str, now: datetime) -> Fence | None:
    """The oldest task that is queued, due and alone in its thread."""
    tx.exclude_claims()
    due = TASK.c.not_before.is_(None) | (TASK.c.not_before <= now)
    oldest = select(TASK.c.task_id).where(_READY, due).order_by(TASK.c.created_at, TASK.c.task_id)
    task_id = tx.conn.scalar(oldest.limit(1).with_for_update(skip_locked=True, of=TASK))
    locked = None if task_id is None else tx.lock(task_id)
    if locked is None:
        raise NothingToWriteError(None)
    locked.raise_epoch()
    locked.move(Status.RUNNING if _planned(tx.conn, locked.task.task_id) else Status.PLANNING)
    locked.worker_id = worker_id
    tx.conn.execute(SPEND.delete().where(SPEND.c.task_id == locked.task.task_id, SPEND.c.settled.is_(False)))
    locked.save()
    return Fence(locked.task.task_id, locked.task.epoch)


def release_all(tx: Tx) -> int:
    """What a dead worker left running goes back to the queue, fenced."""
    left = tx.conn.scalars(select(TASK.c.task_id).where(TASK.c.status.in_(RUNNING_STATES))).all()
    for task_id in left:
        locked = tx.lock(task_id)
        if locked is None or locked.task.status not in RUNS:
            continue
        locked.raise_epoch()
        locked.move(Status.QUEUED)
        locked.save()
    if not left:
        raise NothingToWriteError(0)
    return len(left)


def next_due(conn: Connection) -> datetime | None:
    """The earliest time a queued task waits for."""
    query = select(TASK.c.not_before).where(_READY, TASK.c.not_before.is_not(None)).order_by(TASK.c.not_before)
    return conn.scalar(query.limit(1))


def live_sandboxes(conn: Connection) -> set[str]:
    """Sandbox states of threads with a task that runs or will; whoever waits for a person, or has ended, needs none."""
    needed = exists().where(
        TASK.c.thread_id == THREAD.c.thread_id, TASK.c.status.in_([*RUNNING_STATES, Status.QUEUED.value])
    )
    return set(conn.scalars(select(THREAD.c.sandbox_state).where(THREAD.c.sandbox_state != "", needed)))


def epoch_holds(conn: Connection, fence: Fence) -> bool:
    """Whether the fence still lets writes through."""
    row = conn.execute(select(TASK.c.epoch, TASK.c.status).where(TASK.c.task_id == fence.task_id)).one_or_none()
    return row is not None and row.epoch == fence.epoch and row.status in RUNNING_STATES


def load_state(conn: Connection, fence: Fence, now: datetime) -> TaskState:
    """All a segment needs. Raises `Fenced`."""
    _require(conn, fence)
    task_id = fence.task_id
    task = to_task(conn.execute(TASK.select().where(TASK.c.task_id == task_id)).one())
    thread = conn.execute(THREAD.select().where(THREAD.c.thread_id == task.thread_id)).one_or_none()
    if thread is None:
        raise Bug(f"task {task_id!r} has no thread {task.thread_id!r}")
    prefix = conn.scalar(select(FROZEN.c.body).where(FROZEN.c.task_id == task_id))
    messages = _messages(conn, task_id)
    asks = tuple(map(to_ask, conn.execute(ASK.select().where(ASK.c.task_id == task_id).order_by(ASK.c.number))))
    revision, approved = _plan(conn, task_id, asks)
    return TaskState(
        task=task,
        thread=to_thread(thread),
        prefix=None if prefix is None else load(Prefix, prefix),
        messages=messages,
        calls=_calls(conn, task_id, messages),
        inbox=_unread(conn, task_id),
        asks=asks,
        grants=fitting_grants(conn, task, now),
        plan_revision=revision,
        plan_approved=approved,
    )


def inbox(conn: Connection, fence: Fence) -> tuple[InboxItem, ...]:
    """Unread items, oldest first. Raises `Fenced`."""
    _require(conn, fence)
    return _unread(conn, fence.task_id)


def _require(conn: Connection, fence: Fence) -> None:
    if not epoch_holds(conn, fence):
        raise Fenced(f"epoch {fence.epoch} of task {fence.task_id} is over")


def _unread(conn: Connection, task_id: str) -> tuple[InboxItem, ...]:
    rows = conn.execute(INBOX.select().where(unread_of(task_id)).order_by(INBOX.c.number))
    return tuple(map(to_inbox_item, rows))


def _messages(conn: Connection, task_id: str) -> tuple[StoredMessage, ...]:
    of_task = MESSAGE.c.task_id == task_id
    fresh = select(func.max(MESSAGE.c.seq)).where(of_task, MESSAGE.c.fresh_start.is_(True)).scalar_subquery()
    query = MESSAGE.select().where(of_task, MESSAGE.c.seq >= func.coalesce(fresh, 0)).order_by(MESSAGE.c.seq)
    return tuple(map(to_message, conn.execute(query)))


def _calls(conn: Connection, task_id: str, messages: Sequence[StoredMessage]) -> tuple[ToolCall, ...]:
    newest = next((m.seq for m in reversed(messages) if m.message.role == "assistant"), None)
    if newest is None:
        return ()
    query = CALL.select().where(CALL.c.task_id == task_id, CALL.c.message_seq == newest)
    return tuple(map(to_call, conn.execute(query.order_by(CALL.c.position))))


def _planned(conn: Connection, task_id: str) -> bool:
    event = select(EVENT.c.seq).where(EVENT.c.task_id == task_id, EVENT.c.kind == "PlanProposed").limit(1)
    ask = select(ASK.c.number).where(ASK.c.task_id == task_id, ASK.c.kind == AskKind.PLAN.value).limit(1)
    return conn.execute(event).first() is not None or conn.execute(ask).first() is not None


def _plan(conn: Connection, task_id: str, asks: Sequence[tuple[Ask, Answer | None]]) -> tuple[int, bool]:
    """Highest revision, and whether work may go on: the newest plan was approved, or was never asked about."""
    body = conn.scalar(
        select(EVENT.c.body)
        .where(EVENT.c.task_id == task_id, EVENT.c.kind == "PlanProposed")
        .order_by(desc(EVENT.c.seq))
        .limit(1)
    )
    proposed: int = 0 if body is None else json.loads(body)["plan"]["revision"]
    of_plan = [(a.subject.plan.revision, answer) for a, answer in asks if isinstance(a.subject, PlanSubject)]
    asked, answer = max(of_plan, key=lambda item: item[0], default=(0, None))
    if proposed > asked:
        return proposed, True
    return asked, answer is not None and answer.choice == "approve"
