"""The legal moves of a task."""

from __future__ import annotations

from collections.abc import Mapping

from agent.domain.errors import Bug
from agent.domain.task import Status

_RUNS = frozenset({Status.PLANNING, Status.RUNNING})
_ENDS = frozenset({Status.FINISHED, Status.FAILED, Status.CANCELLED})

MOVES: Mapping[Status, frozenset[Status]] = {
    Status.QUEUED: _RUNS | {Status.PAUSED, Status.CANCELLED, Status.FAILED},
    Status.PLANNING: _RUNS | _ENDS | {Status.QUEUED, Status.WAITING, Status.PAUSED},
    Status.RUNNING: _RUNS | _ENDS | {Status.QUEUED, Status.WAITING, Status.PAUSED},
    Status.WAITING: frozenset({Status.QUEUED, Status.PAUSED, Status.CANCELLED, Status.FAILED}),
    Status.PAUSED: frozenset({Status.QUEUED, Status.CANCELLED}),
    Status.FINISHED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELLED: frozenset(),
}


def may_move(old: Status, new: Status) -> bool:
    """Whether a task may go from one status to the other; staying is always allowed but in a final one."""
    return new in MOVES[old] or (old is new and not old.final)


def check_move(old: Status, new: Status) -> None:
    """Raises `Bug` for an illegal move."""
    if not may_move(old, new):
        raise Bug(f"a task may not go from {old} to {new}")
