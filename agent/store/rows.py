"""Rows to domain objects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Row

from agent.domain.asks import Answer, Ask, AskStatus, Grant
from agent.domain.calls import CallState, ToolCall
from agent.domain.events import Event
from agent.domain.people import Role
from agent.domain.task import Status, Task, Thread
from agent.ports.journal import InboxItem, PersonRecord, StoredMessage
from agent.ports.llm import Message
from agent.store.codec import dump, dump_blocks, dumps, load, load_blocks, load_event, load_files

AnyRow = Row[Any]
Values = dict[str, Any]


def to_person(row: AnyRow) -> PersonRecord:
    """From gofer_person."""
    return PersonRecord(person_id=row.person_id, name=row.name, role=Role(row.role), since=row.since)


def to_thread(row: AnyRow) -> Thread:
    """From gofer_thread."""
    return Thread(
        thread_id=row.thread_id,
        owner_id=row.owner_id,
        title=row.title,
        created_at=row.created_at,
        snapshot=row.snapshot,
        base_snapshot=row.base_snapshot,
        sandbox_state=row.sandbox_state,
        muted=row.muted,
        forgotten_at=row.forgotten_at,
    )


def to_task(row: AnyRow) -> Task:
    """From gofer_task."""
    return Task(
        task_id=row.task_id,
        thread_id=row.thread_id,
        asked_by=row.asked_by,
        request=row.request,
        status=Status(row.status),
        created_at=row.created_at,
        epoch=row.epoch,
        ended_at=row.ended_at,
        not_before=row.not_before,
        cap_usd=row.cap_usd,
        files=load_files(row.files),
    )


def to_message(row: AnyRow) -> StoredMessage:
    """From gofer_message."""
    return StoredMessage(
        seq=row.seq,
        message=Message(row.role, load_blocks(row.content)),
        stop_reason=row.stop_reason,
        fresh_start=row.fresh_start,
    )


def to_call(row: AnyRow) -> ToolCall:
    """From gofer_call."""
    return ToolCall(
        call_id=row.call_id,
        task_id=row.task_id,
        message_seq=row.message_seq,
        position=row.position,
        tool_use_id=row.tool_use_id,
        tool=row.tool,
        arguments=_object(row.arguments),
        state=CallState(row.state),
        epoch=row.epoch,
        incarnation=row.incarnation,
        ask_id=row.ask_id,
        result=load_blocks(row.result),
        is_error=row.is_error,
    )


def from_call(call: ToolCall) -> Values:
    """For gofer_call."""
    return {
        "call_id": call.call_id,
        "task_id": call.task_id,
        "message_seq": call.message_seq,
        "position": call.position,
        "tool_use_id": call.tool_use_id,
        "tool": call.tool,
        "arguments": dumps(dict(call.arguments)),
        "state": call.state.value,
        "epoch": call.epoch,
        "incarnation": call.incarnation,
        "ask_id": call.ask_id,
        "result": dump_blocks(call.result),
        "is_error": call.is_error,
    }


def to_event(row: AnyRow) -> Event:
    """From gofer_event."""
    return load_event(row.task_id, row.seq, row.at, row.kind, row.body)


def to_ask(row: AnyRow) -> tuple[Ask, Answer | None]:
    """From gofer_ask. The status column is the truth, the body keeps the ask as it was opened."""
    ask = replace(load(Ask, row.body), status=AskStatus(row.status))
    return ask, load(Answer, row.answer) if row.answer else None


def from_ask(ask: Ask) -> Values:
    """For gofer_ask."""
    return {
        "ask_id": ask.ask_id,
        "revision": ask.revision,
        "task_id": ask.task_id,
        "kind": ask.kind.value,
        "status": ask.status.value,
        "expires_at": ask.expires_at,
        "body": dump(ask),
        "answer": "",
    }


def to_inbox_item(row: AnyRow) -> InboxItem:
    """From gofer_inbox."""
    return load(InboxItem, row.body)


def to_grant(row: AnyRow) -> Grant:
    """From gofer_grant."""
    return replace(load(Grant, row.body), used=row.used)


def from_grant(grant: Grant, place: str) -> Values:
    """For gofer_grant."""
    return {
        "grant_id": grant.grant_id,
        "scope": grant.scope,
        "task_id": grant.task_id,
        "place": place,
        "expires_at": grant.expires_at,
        "used": grant.used,
        "revoked": False,
        "body": dump(grant),
    }


def _object(text: str) -> Mapping[str, Any]:
    return json.loads(text)
