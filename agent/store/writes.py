"""Each `Write` of a segment as statements. All of them run under the task's lock and its fence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from sqlalchemy import ColumnElement, bindparam, select

from agent.domain.asks import AskStatus
from agent.domain.calls import CallState
from agent.domain.errors import Bug, Fenced
from agent.domain.task import Status
from agent.ports.journal import (
    AddCalls,
    AddGrant,
    AppendMessage,
    Fence,
    FreezePrefix,
    KeepWorkspace,
    MoveCall,
    OpenAsk,
    RaiseCap,
    Record,
    Reserve,
    SetStatus,
    Settle,
    TakeInbox,
    UseGrant,
    WithdrawAsk,
    Write,
)
from agent.store.codec import dump, dump_blocks
from agent.store.places import place_of
from agent.store.rows import Values, from_ask, from_call, from_grant
from agent.store.tables import ASK, CALL, FROZEN, GRANT, INBOX, MESSAGE, SPEND, THREAD
from agent.store.tx import RUNS, LockedTask, NothingToWriteError, Tx

_ORDER = tuple(CallState)

# Made once, as in `tx`.
_ADD_CALLS, _ADD_MESSAGE, _ADD_SPEND = CALL.insert(), MESSAGE.insert(), SPEND.insert()
_MOVE_CALL = CALL.update().where(
    CALL.c.call_id == bindparam("of_call"),
    CALL.c.task_id == bindparam("of_task"),
    CALL.c.state.in_(bindparam("allowed", expanding=True)),
)
_SETTLE = SPEND.update().where(
    SPEND.c.spend_id == bindparam("of_spend"), SPEND.c.task_id == bindparam("of_task"), SPEND.c.settled.is_(False)
)
_TAKE = INBOX.update().where(
    INBOX.c.task_id == bindparam("of_task"), INBOX.c.inbox_id.in_(bindparam("of_items", expanding=True))
)


def hold(tx: Tx, fence: Fence) -> LockedTask:
    """The fenced task, locked. Raises `Fenced` when the epoch is old or the task does not run any more."""
    locked = tx.lock(fence.task_id)
    if locked is None or locked.task.epoch != fence.epoch or locked.task.status not in RUNS:
        raise Fenced(f"epoch {fence.epoch} of task {fence.task_id} is over")
    return locked


def commit(tx: Tx, fence: Fence, writes: Sequence[Write]) -> bool:
    """Apply all writes in order; False when the segment must look at its inbox first."""
    locked = hold(tx, fence)
    for write in writes:
        _apply(tx, locked, write)
    locked.save()
    return True


def _apply(tx: Tx, locked: LockedTask, write: Write) -> None:
    match write:
        case FreezePrefix(prefix):
            _freeze(tx, locked, dump(prefix))
        case AppendMessage():
            _append(tx, locked, write)
        case AddCalls(calls):
            if calls:
                tx.conn.execute(_ADD_CALLS, [from_call(call) for call in calls])
        case MoveCall():
            _move_call(tx, locked, write)
        case Record(events):
            locked.record(events)
        case OpenAsk(ask):
            locked.close_asks(AskStatus.WITHDRAWN, ask_id=ask.ask_id)
            tx.conn.execute(ASK.insert().values(from_ask(ask)))
        case WithdrawAsk(ask_id):
            locked.close_asks(AskStatus.WITHDRAWN, ask_id=ask_id)
        case AddGrant(grant):
            tx.conn.execute(GRANT.insert().values(from_grant(grant, place_of(locked.task.thread_id))))
        case UseGrant(grant_id):
            _use_grant(tx, grant_id)
        case TakeInbox(inbox_ids):
            tx.conn.execute(_TAKE, {"of_task": locked.task.task_id, "of_items": list(inbox_ids), "taken": True})
        case KeepWorkspace():
            keep_workspace(tx, write)
        case Reserve():
            _reserve(tx, locked, write)
        case Settle():
            _settle(tx, locked, write)
        case RaiseCap(cap_usd):
            locked.raise_cap(cap_usd)
        case SetStatus(status=status, not_before=not_before, seen=seen):
            if (status is Status.WAITING or status.final) and _unread(tx, locked, seen):
                raise NothingToWriteError(False)
            locked.move(status, not_before=not_before)
        case _:
            assert_never(write)


def unread_of(task_id: str) -> ColumnElement[bool]:
    """What arrived for a task and was not taken yet."""
    return (INBOX.c.task_id == task_id) & INBOX.c.taken.is_(False)


def keep_workspace(tx: Tx, write: KeepWorkspace) -> None:
    """Store the fields that are given."""
    fields = {
        "snapshot": write.snapshot,
        "base_snapshot": write.base_snapshot,
        "sandbox_state": write.sandbox_state,
    }
    given: Values = {name: value for name, value in fields.items() if value is not None}
    if given:
        tx.conn.execute(THREAD.update().where(THREAD.c.thread_id == write.thread_id).values(given))


def _unread(tx: Tx, locked: LockedTask, seen: Sequence[str]) -> bool:
    # Talk beside the work keeps no task from resting: it is read when there is something else to do.
    for_us = unread_of(locked.task.task_id) & (INBOX.c.kind != "talk")
    ids = tx.conn.scalars(select(INBOX.c.inbox_id).where(for_us))
    return not set(ids) <= set(seen)


def _freeze(tx: Tx, locked: LockedTask, body: str) -> None:
    if not tx.insert_new(FROZEN, {"task_id": locked.task.task_id, "body": body}, "task_id"):
        raise Bug(f"the prefix of {locked.task.task_id!r} is frozen already")


def _append(tx: Tx, locked: LockedTask, write: AppendMessage) -> None:
    if not locked.next_message(write.seq):
        raise Fenced(f"message {write.seq} of {locked.task.task_id} was written by somebody else")
    values: Values = {
        "task_id": locked.task.task_id,
        "seq": write.seq,
        "role": write.message.role,
        "content": dump_blocks(write.message.content),
        "stop_reason": write.stop_reason,
        "fresh_start": write.fresh_start,
    }
    tx.conn.execute(_ADD_MESSAGE, values)


def _move_call(tx: Tx, locked: LockedTask, write: MoveCall) -> None:
    fields = {
        "incarnation": write.incarnation,
        "ask_id": write.ask_id,
        "result": None if write.result is None else dump_blocks(write.result),
        "is_error": write.is_error,
        "epoch": locked.task.epoch if write.state is CallState.STARTED else None,
    }
    values: Values = {name: value for name, value in fields.items() if value is not None}
    allowed = [state.value for state in _ORDER[: _ORDER.index(write.state) + 1] if state.open]
    which = {"of_call": write.call_id, "of_task": locked.task.task_id, "allowed": allowed}
    if tx.conn.execute(_MOVE_CALL, {**which, "state": write.state.value, **values}).rowcount != 1:
        raise Bug(f"call {write.call_id!r} is unknown or cannot become {write.state}")


def _use_grant(tx: Tx, grant_id: str) -> None:
    unused = GRANT.c.used.is_(False) & GRANT.c.revoked.is_(False) & (GRANT.c.expires_at > tx.now)
    used = GRANT.update().where(GRANT.c.grant_id == grant_id, unused).values(used=True)
    if tx.conn.execute(used).rowcount != 1:
        raise Fenced(f"grant {grant_id} is used, revoked or expired")


def _reserve(tx: Tx, locked: LockedTask, write: Reserve) -> None:
    values: Values = {
        "spend_id": write.spend_id,
        "task_id": locked.task.task_id,
        "person_id": write.person_id,
        "thread_id": write.thread_id,
        "at": write.at,
        "usd": write.usd,
        "settled": False,
        "epoch": locked.task.epoch,
        "model": "",
        "input_tokens": 0,
        "output_tokens": 0,
    }
    tx.conn.execute(_ADD_SPEND, values)


def _settle(tx: Tx, locked: LockedTask, write: Settle) -> None:
    values: Values = {
        "of_spend": write.spend_id,
        "of_task": locked.task.task_id,
        "settled": True,
        "usd": write.usd,
        "model": write.model,
        "input_tokens": write.input_tokens,
        "output_tokens": write.output_tokens,
    }
    if tx.conn.execute(_SETTLE, values).rowcount != 1:
        raise Bug(f"spend {write.spend_id!r} was never reserved or is settled already")
