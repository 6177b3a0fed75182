"""What must be true when the task has ended, however often its processes died."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from agent.domain.blocks import tool_uses
from agent.domain.events import AskAnswered, AskOpened, Event, FileDelivered, TaskFinished, ToolCalled, ToolReturned
from agent.ports.journal import StoredMessage
from agent.store.database import make_engine, normal_url
from agent.store.rows import to_message
from agent.store.tables import MESSAGE
from tests.crash.job import Job, Office
from tests.crash.script import LOG, RANG, UNKNOWN
from tests.kit import OWNER

OUTCOME_UNKNOWN = "interrupted, outcome unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Sentences on what was lost, doubled or otherwise wrong; and what people were told."""

    lost: list[str] = field(default_factory=list[str])
    doubled: list[str] = field(default_factory=list[str])
    wrong: list[str] = field(default_factory=list[str])
    unknown: bool = False
    """The model was told that nobody knows whether the bell rang."""
    log_begun_at: float = 0.0
    """When the command began whose line is in the log."""
    log_known_at: float = 0.0
    """When its result was written down."""

    @property
    def faults(self) -> list[str]:
        """All of them; empty: nothing is wrong."""
        return [*self.lost, *self.doubled, *self.wrong]

    def count(self, what: str, number: int, *, least: int = 1) -> None:
        """There must be one, or with `least=0` at most one."""
        if number < least:
            self.lost.append(f"{what}: {number} instead of 1")
        if number > 1:
            self.doubled.append(f"{what}: {number} instead of 1")


async def judge(office: Office, job: Job) -> Verdict:
    """The verdict on the life that took place here."""
    tasks = await office.journal.tasks()
    if len(tasks) != 1:
        return Verdict(wrong=[f"{len(tasks)} tasks instead of 1"])
    task_id = tasks[0].task_id
    events = await office.service.events(OWNER, task_id)
    log = (await office.service.workspace_file(OWNER, task_id, LOG)).decode().split()
    delivered = [event for event in events if isinstance(event, FileDelivered)]
    posted = [(await office.service.download(OWNER, task_id, event.file.sha256)).split() for event in delivered]
    unknown = any(isinstance(e, ToolReturned) and e.summary == OUTCOME_UNKNOWN for e in events)
    known = [e.at.timestamp() for e in events if isinstance(e, ToolReturned) and e.tool == "bash" and e.ok]
    verdict = Verdict(unknown=unknown, log_begun_at=float(log[0]) if log else 0.0, log_known_at=max(known, default=0.0))
    verdict.count("line in the workspace", len(log))
    verdict.count("delivered file", len(delivered))
    verdict.count("line in the delivered file", max(map(len, posted), default=0))
    rung = job.rung.read_text(encoding="utf-8").splitlines() if job.rung.exists() else []
    verdict.count("ring of the bell", len(rung), least=0 if unknown else 1)
    _judge_events(verdict, events)
    _judge_messages(verdict, await asyncio.to_thread(_messages, job.database))
    return verdict


def _judge_events(verdict: Verdict, events: Sequence[Event]) -> None:
    ends = [event for event in events if isinstance(event, TaskFinished)]
    verdict.count("end", len(ends))
    told = UNKNOWN if verdict.unknown else RANG
    if ends and ends[0].text != told:
        verdict.wrong.append(f"the task ended with {ends[0].text!r} instead of {told!r}")
    if [event.seq for event in events] != list(range(1, len(events) + 1)):
        verdict.wrong.append(f"events are numbered {[event.seq for event in events]}")
    answers = Counter(event.answer.ask_id for event in events if isinstance(event, AskAnswered))
    opened = Counter(event.ask.ask_id for event in events if isinstance(event, AskOpened))
    verdict.count("plan and call ask", len(opened) - 1)
    for ask_id in opened:
        verdict.count("asking", opened[ask_id])
        verdict.count("answer to an ask", answers[ask_id])
    begun = Counter(event.call_id for event in events if isinstance(event, ToolCalled))
    ended = Counter(event.call_id for event in events if isinstance(event, ToolReturned))
    for call_id in begun | ended:
        verdict.count(f"beginning of {call_id}", begun[call_id])
        verdict.count(f"result of {call_id}", ended[call_id])


def _judge_messages(verdict: Verdict, messages: Sequence[StoredMessage]) -> None:
    if [m.seq for m in messages] != list(range(1, len(messages) + 1)):
        verdict.wrong.append(f"messages are numbered {[m.seq for m in messages]}")
    wanted = Counter(use.tool_use_id for m in messages for use in tool_uses(m.message.content))
    given = Counter(
        str(block["tool_use_id"]) for m in messages for block in m.message.content if block["type"] == "tool_result"
    )
    for use_id in wanted | given:
        verdict.count(f"call {use_id}", wanted[use_id])
        verdict.count(f"result block of {use_id}", given[use_id])
    said = Counter(str(m.message.content) for m in messages)
    verdict.doubled.extend(f"message said {n} times: {text[:80]}" for text, n in said.items() if n > 1)


def _messages(database: str) -> list[StoredMessage]:
    engine = make_engine(normal_url(database, home=Path()))
    with engine.connect() as conn:
        rows = conn.execute(select(MESSAGE).order_by(MESSAGE.c.seq)).all()
    engine.dispose()
    return [to_message(row) for row in rows]
