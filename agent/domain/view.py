"""The fold: what a task looks like now, from all its events. Renderers see only this."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from agent.domain.asks import Answer, Ask, AskStatus
from agent.domain.events import (
    AskAnswered,
    AskExpired,
    AskOpened,
    Event,
    FileDelivered,
    Narrated,
    PlanProposed,
    SpendUpdated,
    Steered,
    StepFinished,
    StepStarted,
    TaskAccepted,
    TaskCancelled,
    TaskFailed,
    TaskFinished,
    TaskPaused,
    TaskResumed,
    ToolCalled,
    ToolReturned,
)
from agent.domain.files import ChartExcerpt, TableExcerpt, WorkFile
from agent.domain.task import Plan, Status, StepStatus

ACTIVITY_KEPT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One tool call as people see it. `ok` None: still runs."""

    call_id: str
    tool: str
    summary: str
    ok: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A finished file with what was checked."""

    file: WorkFile
    title: str
    checks: tuple[str, ...] = ()
    previews: tuple[WorkFile, ...] = ()
    table: TableExcerpt | None = None
    chart: ChartExcerpt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskView:
    """An ask and, once decided, the decision."""

    ask: Ask
    answer: Answer | None = None

    @property
    def pending(self) -> bool:
        """Somebody may still decide."""
        return self.ask.status is AskStatus.PENDING and self.answer is None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """Everything a card needs. `activity` keeps the newest few calls, oldest first.

    `worked_s`: seconds since the start, without those in which it waited for a person or was paused.
    """

    task_id: str = ""
    thread_id: str = ""
    asked_by: str = ""
    request: str = ""
    model: str = ""
    status: Status = Status.QUEUED
    started_at: datetime | None = None
    updated_at: datetime | None = None
    worked_s: float = 0.0
    inputs: tuple[WorkFile, ...] = ()
    plan: Plan | None = None
    activity: tuple[Activity, ...] = ()
    calls: int = 0
    narration: str = ""
    asks: tuple[AskView, ...] = ()
    delivered: tuple[Delivered, ...] = ()
    steered: tuple[str, ...] = ()
    spent_usd: float = 0.0
    priced: bool = True
    outcome: str = ""
    next_step: str = ""
    seq: int = 0
    denied: tuple[str, ...] = field(default=())

    @property
    def pending(self) -> tuple[Ask, ...]:
        """Asks that wait for a decision."""
        return tuple(item.ask for item in self.asks if item.pending)


def fold(events: Iterable[Event], start: TaskView | None = None) -> TaskView:
    """The view after these events. An event at or below the view's `seq` is ignored, so a repeat is harmless."""
    view = start or TaskView()
    for event in events:
        if event.seq > view.seq:
            worked_s = view.worked_s + _work_s(view, event)
            view = replace(_apply(view, event), seq=event.seq, updated_at=event.at, worked_s=worked_s)
    return view


def _work_s(view: TaskView, event: Event) -> float:
    """Seconds of work that end with this event. Clocks of two machines may differ, so they are never less than none."""
    if view.updated_at is None or view.status.final or view.status in (Status.WAITING, Status.PAUSED):
        return 0.0
    return max(0.0, (event.at - view.updated_at).total_seconds())


def _apply(view: TaskView, event: Event) -> TaskView:
    match event:
        case TaskAccepted():
            return replace(
                view,
                task_id=event.task_id,
                thread_id=event.thread_id,
                asked_by=event.asked_by,
                request=event.request,
                model=event.model,
                inputs=event.files,
                started_at=event.at,
                status=Status.PLANNING,
            )
        case PlanProposed():
            return replace(view, plan=event.plan)
        case AskOpened():
            return replace(view, asks=(*view.asks, AskView(ask=event.ask)), status=Status.WAITING)
        case AskAnswered():
            return _answered(view, event.answer)
        case AskExpired():
            asks = tuple(
                replace(a, ask=replace(a.ask, status=AskStatus.EXPIRED)) if a.ask.ask_id == event.ask_id else a
                for a in view.asks
            )
            return replace(view, asks=asks)
        case StepStarted():
            return _step(view, event.number, StepStatus.RUNNING)
        case StepFinished():
            return _step(view, event.number, StepStatus.SKIPPED if event.skipped else StepStatus.DONE)
        case Narrated():
            return replace(view, narration=event.text)
        case ToolCalled():
            started = Activity(call_id=event.call_id, tool=event.tool, summary=event.summary)
            activity = (*view.activity, started)[-ACTIVITY_KEPT:]
            return replace(view, activity=activity, calls=view.calls + 1, status=Status.RUNNING)
        case ToolReturned():
            activity = tuple(replace(a, ok=event.ok) if a.call_id == event.call_id else a for a in view.activity)
            return replace(view, activity=activity)
        case FileDelivered():
            new = Delivered(
                file=event.file,
                title=event.title,
                checks=event.checks,
                previews=event.previews,
                table=event.table,
                chart=event.chart,
            )
            kept = tuple(d for d in view.delivered if d.file.path != event.file.path)
            return replace(view, delivered=(*kept, new))
        case Steered():
            return replace(view, steered=(*view.steered, event.text))
        case SpendUpdated():
            return replace(view, spent_usd=event.spent_usd, priced=view.priced and event.priced)
        case TaskPaused():
            return replace(view, status=Status.PAUSED, next_step=event.reason)
        case TaskResumed():
            return replace(view, status=Status.RUNNING, next_step="")
        case TaskFinished():
            return _ended(view, Status.FINISHED, event.text)
        case TaskFailed():
            return _ended(view, Status.FAILED, event.reason, event.next_step)
        case TaskCancelled():
            return _ended(view, Status.CANCELLED, event.reason)
        case _:
            return view


def _answered(view: TaskView, answer: Answer) -> TaskView:
    asks = tuple(
        replace(a, answer=answer, ask=replace(a.ask, status=AskStatus.ANSWERED)) if a.ask.ask_id == answer.ask_id else a
        for a in view.asks
    )
    asked = next((a.ask for a in asks if a.ask.ask_id == answer.ask_id), None)
    denied = view.denied
    if asked is not None and answer.choice in ("deny", "reject", "discard"):
        denied = (*denied, asked.prompt)
    open_left = any(a.pending for a in asks)
    return replace(view, asks=asks, denied=denied, status=Status.WAITING if open_left else Status.RUNNING)


def _step(view: TaskView, number: int, status: StepStatus) -> TaskView:
    if view.plan is None:
        return view
    steps = tuple(replace(s, status=status) if s.number == number else s for s in view.plan.steps)
    return replace(view, plan=replace(view.plan, steps=steps))


def _ended(view: TaskView, status: Status, outcome: str, next_step: str = "") -> TaskView:
    asks = tuple(replace(a, ask=replace(a.ask, status=AskStatus.WITHDRAWN)) if a.pending else a for a in view.asks)
    activity = tuple(replace(a, ok=False) if a.ok is None else a for a in view.activity)
    return replace(view, status=status, outcome=outcome, next_step=next_step, asks=asks, activity=activity)
