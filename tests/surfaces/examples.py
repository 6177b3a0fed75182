"""Tasks and asks as they look in real life, for the tests of what people see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.domain.asks import (
    ANSWER,
    BUDGET_CHOICES,
    CHANGES_CHOICES,
    LIFETIME,
    PLAN_CHOICES,
    Answer,
    Ask,
    AskKind,
    BudgetSubject,
    CallSubject,
    ChangesSubject,
    Choice,
    PlanSubject,
    QuestionSubject,
    Risk,
    Subject,
    call_choices,
    call_digest,
)
from agent.domain.events import (
    AskAnswered,
    AskExpired,
    AskOpened,
    Event,
    FileDelivered,
    PlanProposed,
    SpendUpdated,
    StepFinished,
    StepStarted,
    TaskAccepted,
    TaskFinished,
    ToolCalled,
    ToolReturned,
)
from agent.domain.files import Change, ChangeSet, ChartExcerpt, ChartKind, ChartSeries, TableExcerpt, WorkFile
from agent.domain.task import Plan, Step
from agent.domain.view import TaskView, fold

NOW = datetime(2026, 11, 22, 14, 32, tzinfo=UTC)
PLAN = Plan(
    revision=2,
    steps=(Step(number=1, title="Read the 14 receipts"), Step(number=2, title="Build the workbook", changed=True)),
    files=("outputs/expenses.xlsx",),
    skills=("xlsx",),
    risky=("Send the summary to finance@example.com",),
    cost_usd=0.4,
)


def ask(kind: AskKind, choices: tuple[Choice, ...], subject: Subject, *, prompt: str, risk: Risk = Risk.LOW) -> Ask:
    return Ask(
        ask_id="a_00001",
        task_id="t_00001",
        kind=kind,
        revision=3,
        prompt=prompt,
        choices=choices,
        subject=subject,
        risk=risk,
        asked_of="slack:T1:U0ADA",
        opened_at=NOW,
        expires_at=NOW + LIFETIME[kind],
    )


def plan_ask(plan: Plan = PLAN) -> Ask:
    return ask(AskKind.PLAN, PLAN_CHOICES, PlanSubject(call_id="c1", plan=plan), prompt="Make an expense report")


def call_ask(arguments: Mapping[str, Any], *, pattern: str = "", risk: Risk = Risk.HIGH) -> Ask:
    digest = call_digest("mail_send", arguments, "")
    subject = CallSubject(
        call_id="c2", tool="mail_send", summary="Send a mail", arguments=arguments, digest=digest, pattern=pattern
    )
    return ask(AskKind.CALL, call_choices(pattern), subject, prompt="Send a mail", risk=risk)


def question_ask(options: tuple[str, ...]) -> Ask:
    choices = tuple(Choice(f"option{n}", option[:70], positive=True) for n, option in enumerate(options, 1))
    subject = QuestionSubject(call_id="c3", options=options)
    return ask(AskKind.QUESTION, (*choices, ANSWER), subject, prompt="Which **year** is meant?")


def changes_ask() -> Ask:
    changes = ChangeSet(
        (
            Change(type="created", path="inputs/new.txt", size_bytes=10),
            Change(type="deleted", path="inputs/old.txt", size_bytes=2_000),
            Change(type="moved", path="inputs/2026/b.txt", size_bytes=30, was="inputs/b.txt"),
        )
    )
    subject = ChangesSubject(changes=changes, base="b", head="h")
    return ask(AskKind.CHANGES, CHANGES_CHOICES, subject, prompt="Keep these changes?", risk=Risk.MEDIUM)


def budget_ask() -> Ask:
    subject = BudgetSubject(cap="task", spent_usd=2.01, limit_usd=2, raise_to_usd=4)
    return ask(AskKind.BUDGET, BUDGET_CHOICES, subject, prompt="The task's budget is used up.", risk=Risk.MEDIUM)


ASKS = {
    "plan": plan_ask(),
    "call": call_ask({"to": "ada@example.com"}, pattern="mail_send(*@example.com)"),
    "question": question_ask(("2025", "2026")),
    "long question": question_ask(tuple(f"Answer number {n} " + "x" * 80 for n in range(40))),
    "changes": changes_ask(),
    "budget": budget_ask(),
}


def view(*events: Event) -> TaskView:
    """The view after a task was accepted and these events happened."""
    accepted = TaskAccepted(
        task_id="t_00001",
        at=NOW,
        thread_id="slack:T1:C1:1700000000.0001",
        asked_by="slack:T1:U0ADA",
        request="Make an expense report <!channel>",
    )
    return fold(_numbered(accepted, *events))


def asked(asking: Ask) -> TaskView:
    return view(AskOpened(task_id="t_00001", at=NOW, ask=asking))


def decided(asking: Ask, choice: str, *, note: str = "", by: str = "slack:T1:U0ADA") -> TaskView:
    later = NOW + timedelta(minutes=5)
    answer = Answer(ask_id=asking.ask_id, revision=3, choice=choice, by=by, at=later, via="button", note=note)
    opened = AskOpened(task_id="t_00001", at=NOW, ask=asking)
    return view(opened, AskAnswered(task_id="t_00001", at=later, answer=answer))


def expired(asking: Ask) -> TaskView:
    opened = AskOpened(task_id="t_00001", at=NOW, ask=asking)
    return view(opened, AskExpired(task_id="t_00001", at=NOW, ask_id=asking.ask_id))


def working() -> TaskView:
    return view(*_work())


def excerpt(rows: int, total: int = 4_000) -> TableExcerpt:
    """The beginning of a delivered table."""
    numbered = tuple((f"name {n}", str(n)) for n in range(rows))
    return TableExcerpt(sheet="May", header=("Name", "Sum"), rows=numbered, rows_total=total, columns_total=2)


def chart(kind: ChartKind, series: tuple[tuple[str, tuple[float, float]], ...]) -> ChartExcerpt:
    """A chart of a delivered workbook."""
    drawn = tuple(ChartSeries(name=name, values=values) for name, values in series)
    return ChartExcerpt(kind=kind, title="Money", labels=("In", "Out"), series=drawn)


def finished(
    *,
    files: int = 1,
    worked: timedelta = timedelta(),
    table: TableExcerpt | None = None,
    chart: ChartExcerpt | None = None,
) -> TaskView:
    delivered = [
        FileDelivered(
            task_id="t_00001",
            at=NOW,
            file=WorkFile(path=f"outputs/expenses {n}.xlsx", size_bytes=12_345, sha256="0" * 64),
            title="Expense report",
            checks=("recalculated, no formula errors", "totals agree with the receipts"),
            table=table,
            chart=chart,
        )
        for n in range(files)
    ]
    return view(*_work(), *delivered, TaskFinished(task_id="t_00001", at=NOW + worked, text="Total: **$512.30**"))


def _work() -> tuple[Event, ...]:
    told = {"task_id": "t_00001", "at": NOW}
    return (
        PlanProposed(**told, plan=PLAN),
        StepStarted(**told, number=1),
        ToolCalled(**told, call_id="c1", tool="bash", summary="Ran ls", arguments={}),
        ToolReturned(**told, call_id="c1", tool="bash", ok=True),
        StepFinished(**told, number=1),
        StepStarted(**told, number=2),
        ToolCalled(**told, call_id="c2", tool="bash", summary="Builds the workbook", arguments={}),
        SpendUpdated(**told, spent_usd=0.123),
    )


def _numbered(*events: Event) -> list[Event]:
    return [replace(event, seq=seq) for seq, event in enumerate(events, 1)]
