"""A Task, its Plan and its Spend."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from agent.domain.files import WorkFile


class Status(StrEnum):
    """Where a task stands. The legal moves are in `lifecycle`."""

    QUEUED = "queued"  #: waits for a worker
    PLANNING = "planning"  #: runs, no plan yet
    RUNNING = "running"  #: runs
    WAITING = "waiting"  #: a person must decide; no process, no container
    PAUSED = "paused"  #: somebody paused it, or an ask expired
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """A final status is never re-opened."""
        return self in (Status.FINISHED, Status.FAILED, Status.CANCELLED)


class StepStatus(StrEnum):
    """Progress of one step."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a plan. `number` counts from 1 and stays the same within a revision."""

    number: int
    title: str
    status: StepStatus = StepStatus.PENDING
    changed: bool = False
    """Differs from the revision before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be done: shown whole before work begins."""

    revision: int
    steps: tuple[Step, ...]
    files: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    risky: tuple[str, ...] = ()
    """One line for each call of medium or high risk that is foreseen; each still asks when it comes."""
    note: str = ""
    cost_usd: float | None = None
    """Expected; None where the model has no price of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One piece of work somebody handed over."""

    task_id: str
    thread_id: str
    asked_by: str
    request: str
    status: Status
    created_at: datetime
    epoch: int = 0
    """Counts the takeovers; every write of a worker names it and is refused when it is old."""
    ended_at: datetime | None = None
    not_before: datetime | None = None
    cap_usd: float | None = None
    """This task's budget; None: the default cap."""
    files: tuple[WorkFile, ...] = ()
    """What came with the request; the bytes are in the blob store under their sha256."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A conversation with one persistent workspace."""

    thread_id: str
    owner_id: str
    title: str
    created_at: datetime
    snapshot: str = ""
    """Digest of the workspace's newest manifest; empty: nothing in it yet."""
    base_snapshot: str = ""
    """Digest of the last manifest people agreed to: what a ChangeSet and Undo compare with."""
    sandbox_state: str = ""
    muted: bool = False
    """Gofer looks only at what mentions it."""
    forgotten_at: datetime | None = None
    """When what was said and made here was last removed; None: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What a person thinks of a task's result. One per person and task: a later one takes the place of the first."""

    task_id: str
    person_id: str
    good: bool
    at: datetime
