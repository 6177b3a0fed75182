"""Making asks."""

from __future__ import annotations

from agent.core.run import Run
from agent.domain.asks import LIFETIME, Ask, AskKind, Choice, Risk, Subject
from agent.domain.events import AskOpened
from agent.domain.ids import new_id
from agent.ports.journal import OpenAsk, Record, Write


def make_ask(
    run: Run,
    kind: AskKind,
    prompt: str,
    choices: tuple[Choice, ...],
    subject: Subject,
    *,
    risk: Risk,
    revision: int = 1,
) -> Ask:
    """A new pending ask to the task's requester, open for as long as its kind allows."""
    now = run.parts.clock.now()
    return Ask(
        ask_id=new_id("a"),
        task_id=run.task.task_id,
        kind=kind,
        revision=revision,
        prompt=prompt,
        choices=choices,
        subject=subject,
        risk=risk,
        asked_of=run.task.asked_by,
        opened_at=now,
        expires_at=now + LIFETIME[kind],
    )


def opening(run: Run, ask: Ask) -> tuple[Write, ...]:
    """The writes that open an ask."""
    return OpenAsk(ask), Record((AskOpened(task_id=run.task.task_id, at=ask.opened_at, ask=ask),))
