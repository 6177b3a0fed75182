"""Asks, Answers and Grants: how people decide. An Ask is a stored row, never a waiting coroutine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from agent.domain.blocks import Json
from agent.domain.files import ChangeSet
from agent.domain.task import Plan

Scope = Literal["once", "task", "always"]
Via = Literal["button", "emoji", "word", "command", "page", "flag"]


class Risk(StrEnum):
    """What a call can do at worst. A tool that declares none is high."""

    LOW = "low"  #: the effect stays in sandbox and workspace
    MEDIUM = "medium"  #: changes a person's file or a standing setting
    HIGH = "high"  #: leaves Gofer or cannot be undone


class AskKind(StrEnum):
    """What is asked."""

    PLAN = "plan"
    CALL = "call"
    CHANGES = "changes"
    QUESTION = "question"
    BUDGET = "budget"
    SKILL = "skill"
    CONNECTOR = "connector"
    EGRESS = "egress"
    MEMORY = "memory"
    SCHEDULE = "schedule"
    ACCESS = "access"


class AskStatus(StrEnum):
    """An ask leaves `pending` once and for ever."""

    PENDING = "pending"
    ANSWERED = "answered"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"  #: superseded by a newer revision, or its task ended


LIFETIME: Mapping[AskKind, timedelta] = {
    kind: timedelta(hours=72) if kind is AskKind.CALL else timedelta(days=7) for kind in AskKind
}
"""How long an ask stays open (DESIGN §5); then its task is paused and says so."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One button. `positive` choices let the work go on; `danger` ones are drawn in red."""

    value: str
    label: str
    positive: bool = False
    danger: bool = False
    scope: Scope = "once"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSubject:
    """The exact call that waits: every argument, and the digest a grant is bound to."""

    kind: Literal["call"] = "call"
    call_id: str
    tool: str
    summary: str
    """Written by the tool's own `describe`, never by the model."""
    arguments: Mapping[str, Json]
    digest: str
    pattern: str = ""
    """What *this task* and *always here* would allow; empty: only once is offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSubject:
    """The plan that waits for approval."""

    kind: Literal["plan"] = "plan"
    call_id: str
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesSubject:
    """What the work did to people's own files; Apply keeps it, Discard puts the files back."""

    kind: Literal["changes"] = "changes"
    changes: ChangeSet
    base: str
    head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSubject:
    """A question of the model. `options` may be empty; free text is always allowed."""

    kind: Literal["question"] = "question"
    call_id: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSubject:
    """A cap that was reached. `raise_to_usd` is what Allow sets for this task."""

    kind: Literal["budget"] = "budget"
    cap: str
    spent_usd: float
    limit_usd: float
    raise_to_usd: float


Subject = CallSubject | PlanSubject | ChangesSubject | QuestionSubject | BudgetSubject


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A decision somebody must take. `revision` changes when what is asked changes; old buttons are then void."""

    ask_id: str
    task_id: str
    kind: AskKind
    revision: int
    prompt: str
    choices: tuple[Choice, ...]
    subject: Subject
    risk: Risk
    asked_of: str
    opened_at: datetime
    expires_at: datetime
    status: AskStatus = AskStatus.PENDING

    def choice(self, value: str) -> Choice | None:
        """The offered choice with this value."""
        return next((choice for choice in self.choices if choice.value == value), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A decision. The first authorised one wins; `note` is free text (a reason, a revision, an answer)."""

    ask_id: str
    revision: int
    choice: str
    by: str
    at: datetime
    via: Via
    scope: Scope = "once"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A permission that outlives its click: bound to a digest (once) or to a pattern (task, always)."""

    grant_id: str
    scope: Scope
    granted_by: str
    task_id: str
    tool: str
    digest: str = ""
    pattern: str = ""
    definition: str = ""
    """Digest of the tool's definition; a changed tool voids the grant."""
    expires_at: datetime
    used: bool = False


ALLOW_ONCE = Choice("allow", "Allow once", positive=True)
DENY = Choice("deny", "Deny", danger=True)
PLAN_CHOICES = (
    Choice("approve", "Approve", positive=True),
    Choice("revise", "Edit"),
    Choice("reject", "Reject", danger=True),
)
CHANGES_CHOICES = (Choice("apply", "Apply", positive=True), Choice("discard", "Discard", danger=True))
BUDGET_CHOICES = (Choice("allow", "Allow more", positive=True), Choice("deny", "Stop here", danger=True))
ANSWER = Choice("answer", "Answer", positive=True)


def call_choices(pattern: str) -> tuple[Choice, ...]:
    """Buttons for a call: wider scopes only where the tool has a pattern, which is printed on them."""
    wider = (
        (
            Choice("allow_task", f"Allow {pattern} for this task", positive=True, scope="task"),
            Choice("allow_always", f"Always allow {pattern} here", positive=True, scope="always"),
        )
        if pattern
        else ()
    )
    return (ALLOW_ONCE, *wider, DENY)


def call_digest(tool: str, arguments: Mapping[str, Json], definition: str) -> str:
    """sha256 over tool, definition and canonical arguments: what is shown is what is granted."""
    canonical = json.dumps([tool, definition, arguments], sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
