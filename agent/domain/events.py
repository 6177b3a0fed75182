"""Every fact of a task, in the past tense, appended once.

`seq` counts from 1 without gaps within a task and is given by the journal (0: not stored yet).
Each class carries a `kind` literal; a kind this version does not know loads as `UnknownEvent`,
so that an older version can read a newer log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from agent.domain.asks import Answer, Ask
from agent.domain.blocks import Json
from agent.domain.files import ChangeSet, ChartExcerpt, TableExcerpt, WorkFile
from agent.domain.task import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What all events share."""

    task_id: str
    at: datetime
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAccepted(Fact):
    kind: Literal["TaskAccepted"] = "TaskAccepted"
    thread_id: str
    asked_by: str
    request: str
    files: tuple[WorkFile, ...] = ()
    model: str = ""
    context: str = ""
    """What was said before the request, gathered by the surface: data, never an instruction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanProposed(Fact):
    kind: Literal["PlanProposed"] = "PlanProposed"
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOpened(Fact):
    kind: Literal["AskOpened"] = "AskOpened"
    ask: Ask


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAnswered(Fact):
    kind: Literal["AskAnswered"] = "AskAnswered"
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class AskExpired(Fact):
    """Nobody decided in time, or what was asked became void (`reason`)."""

    kind: Literal["AskExpired"] = "AskExpired"
    ask_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Fact):
    kind: Literal["StepStarted"] = "StepStarted"
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished(Fact):
    kind: Literal["StepFinished"] = "StepFinished"
    number: int
    skipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillLoaded(Fact):
    kind: Literal["SkillLoaded"] = "SkillLoaded"
    name: str
    version: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrated(Fact):
    """The model said something between calls."""

    kind: Literal["Narrated"] = "Narrated"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCalled(Fact):
    """Written before the effect. `summary` comes from the tool's own `describe`."""

    kind: Literal["ToolCalled"] = "ToolCalled"
    call_id: str
    tool: str
    summary: str
    arguments: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolReturned(Fact):
    kind: Literal["ToolReturned"] = "ToolReturned"
    call_id: str
    tool: str
    ok: bool
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesChanged(Fact):
    """A call changed the workspace; `snapshot` is its new digest."""

    kind: Literal["FilesChanged"] = "FilesChanged"
    snapshot: str
    changes: ChangeSet


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDelivered(Fact):
    """A finished file for the person. `checks` are sentences on what was and what could not be verified; `table` is
    how it begins, where it is a table, and `chart` its first chart."""

    kind: Literal["FileDelivered"] = "FileDelivered"
    file: WorkFile
    title: str
    checks: tuple[str, ...] = ()
    previews: tuple[WorkFile, ...] = ()
    table: TableExcerpt | None = None
    chart: ChartExcerpt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Steered(Fact):
    kind: Literal["Steered"] = "Steered"
    by: str
    text: str
    files: tuple[WorkFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtaskStarted(Fact):
    kind: Literal["SubtaskStarted"] = "SubtaskStarted"
    subtask_id: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtaskFinished(Fact):
    kind: Literal["SubtaskFinished"] = "SubtaskFinished"
    subtask_id: str
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextCompacted(Fact):
    kind: Literal["ContextCompacted"] = "ContextCompacted"
    messages_before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendUpdated(Fact):
    """`spent_usd` is the task's total. `priced` is False when the model had no price and the dearest one counted."""

    kind: Literal["SpendUpdated"] = "SpendUpdated"
    spent_usd: float
    input_tokens: int = 0
    output_tokens: int = 0
    priced: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxLost(Fact):
    kind: Literal["SandboxLost"] = "SandboxLost"
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPaused(Fact):
    kind: Literal["TaskPaused"] = "TaskPaused"
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResumed(Fact):
    kind: Literal["TaskResumed"] = "TaskResumed"
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFinished(Fact):
    kind: Literal["TaskFinished"] = "TaskFinished"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFailed(Fact):
    kind: Literal["TaskFailed"] = "TaskFailed"
    reason: str
    next_step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCancelled(Fact):
    kind: Literal["TaskCancelled"] = "TaskCancelled"
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvent(Fact):
    """A fact of a newer version: kept, never shown."""

    kind: Literal["UnknownEvent"] = "UnknownEvent"
    original_kind: str
    body: Mapping[str, Json]


Event = (
    TaskAccepted
    | PlanProposed
    | AskOpened
    | AskAnswered
    | AskExpired
    | StepStarted
    | StepFinished
    | SkillLoaded
    | Narrated
    | ToolCalled
    | ToolReturned
    | FilesChanged
    | FileDelivered
    | Steered
    | SubtaskStarted
    | SubtaskFinished
    | ContextCompacted
    | SpendUpdated
    | SandboxLost
    | TaskPaused
    | TaskResumed
    | TaskFinished
    | TaskFailed
    | TaskCancelled
    | UnknownEvent
)

KINDS: frozenset[str] = frozenset(cls.__name__ for cls in get_args(Event)) - {"UnknownEvent"}
"""Every kind this version can read."""


@dataclass(frozen=True, slots=True)
class TextStreamed:
    """Live only, never stored: a piece of the model's text."""

    task_id: str
    text: str


@dataclass(frozen=True, slots=True)
class OutputStreamed:
    """Live only, never stored: a piece of a command's output."""

    task_id: str
    call_id: str
    text: str


Live = TextStreamed | OutputStreamed
