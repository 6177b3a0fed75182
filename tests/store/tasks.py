"""Small domain objects and a hand-moved clock for the journal's suites."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from agent.domain.asks import (
    ALLOW_ONCE,
    DENY,
    PLAN_CHOICES,
    Answer,
    Ask,
    AskKind,
    CallSubject,
    Grant,
    PlanSubject,
    Risk,
    Scope,
)
from agent.domain.calls import ToolCall
from agent.domain.events import AskAnswered, Narrated, TaskAccepted
from agent.domain.task import Plan, Status, Step, Task, Thread
from agent.ports.journal import AddCalls, AppendMessage, Fence, InboxItem, Journal, OpenAsk, Record, SetStatus
from agent.ports.llm import Message

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
THREAD = "slack:T1:C1:1"


class HandClock:
    """Time that moves only by `advance`, which wakes whoever slept long enough."""

    def __init__(self) -> None:
        self._now = NOON
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        return self._now

    def advance(self, **by: float) -> None:
        self._now += timedelta(**by)
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        until = self._now + timedelta(seconds=seconds)
        while self._now < until:
            await self._moved.wait()


def thread(thread_id: str = THREAD) -> Thread:
    return Thread(thread_id=thread_id, owner_id="web:ann", title="Numbers", created_at=NOON)


def task(task_id: str, thread_id: str = THREAD, *, minute: int = 0) -> Task:
    return Task(
        task_id=task_id,
        thread_id=thread_id,
        asked_by="web:ann",
        request="Add the numbers",
        status=Status.QUEUED,
        created_at=NOON + timedelta(minutes=minute),
    )


async def queue(journal: Journal, task_id: str, thread_id: str = THREAD, *, minute: int = 0) -> Task:
    """A stored task that waits for a worker."""
    new = task(task_id, thread_id, minute=minute)
    accepted = TaskAccepted(task_id=task_id, at=NOON, thread_id=thread_id, asked_by="web:ann", request=new.request)
    assert await journal.create_task(new, thread(thread_id), (accepted,), inbox_id=f"in:{task_id}")
    return new


async def start(journal: Journal, task_id: str, thread_id: str = THREAD) -> Fence:
    """A stored task that a worker has claimed."""
    await queue(journal, task_id, thread_id)
    fence = await journal.claim("w1", NOON)
    assert fence is not None
    assert fence.task_id == task_id
    return fence


async def wait_for(journal: Journal, fence: Fence, *asks: Ask) -> None:
    """Let a claimed task wait for people."""
    assert await journal.commit(fence, *(OpenAsk(a) for a in asks), SetStatus(status=Status.WAITING))


async def say(journal: Journal, fence: Fence, seq: int, text: str, *calls: ToolCall) -> None:
    """Store an assistant message with its calls."""
    message = Message("assistant", ({"type": "text", "text": text},))
    stored = AppendMessage(seq=seq, message=message, stop_reason="tool_use")
    assert await journal.commit(fence, stored, AddCalls(calls))


def call(call_id: str, task_id: str, *, seq: int, position: int = 0) -> ToolCall:
    return ToolCall(
        call_id=call_id,
        task_id=task_id,
        message_seq=seq,
        position=position,
        tool_use_id=f"toolu_{call_id}",
        tool="bash",
        arguments={"command": "ls", "n": [1, 2.0, None]},
    )


def narrated(task_id: str, text: str) -> Narrated:
    return Narrated(task_id=task_id, at=NOON, text=text)


def record(task_id: str, *texts: str) -> Record:
    return Record(tuple(narrated(task_id, text) for text in texts))


def steer(task_id: str, inbox_id: str, text: str = "Use euros") -> InboxItem:
    return InboxItem(inbox_id=inbox_id, task_id=task_id, kind="steer", by="web:ann", at=NOON, text=text)


def call_ask(ask_id: str, task_id: str, *, revision: int = 1) -> Ask:
    subject = CallSubject(
        call_id="c1", tool="mail", summary="Send mail", arguments={"to": "a@example.com"}, digest="d" * 64
    )
    return Ask(
        ask_id=ask_id,
        task_id=task_id,
        kind=AskKind.CALL,
        revision=revision,
        prompt="Send this mail?",
        choices=(ALLOW_ONCE, DENY),
        subject=subject,
        risk=Risk.HIGH,
        asked_of="web:ann",
        opened_at=NOON,
        expires_at=NOON + timedelta(hours=72),
    )


def plan(revision: int) -> Plan:
    return Plan(revision=revision, steps=(Step(number=1, title="Add"),))


def plan_ask(ask_id: str, task_id: str, *, revision: int = 1) -> Ask:
    return Ask(
        ask_id=ask_id,
        task_id=task_id,
        kind=AskKind.PLAN,
        revision=revision,
        prompt="Go on like this?",
        choices=PLAN_CHOICES,
        subject=PlanSubject(call_id="c1", plan=plan(revision)),
        risk=Risk.LOW,
        asked_of="web:ann",
        opened_at=NOON,
        expires_at=NOON + timedelta(days=7),
    )


def answer(ask_id: str, choice: str, *, by: str = "web:ann", revision: int = 1) -> Answer:
    return Answer(ask_id=ask_id, revision=revision, choice=choice, by=by, at=NOON, via="button")


def answered(task_id: str, given: Answer) -> AskAnswered:
    return AskAnswered(task_id=task_id, at=NOON, answer=given)


def grant(grant_id: str, task_id: str, scope: Scope = "once", *, hours: int = 1) -> Grant:
    return Grant(
        grant_id=grant_id,
        scope=scope,
        granted_by="web:ann",
        task_id=task_id,
        tool="mail",
        digest="d" * 64,
        expires_at=NOON + timedelta(hours=hours),
    )
