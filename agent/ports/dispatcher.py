"""Where segments run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from agent.ports.journal import Fence

RunSegment = Callable[[Fence], Awaitable[None]]
"""Runs a task from its journal until it is done or parked, then returns. Swallows `Fenced`; raises nothing else."""


class Dispatcher(Protocol):
    """Runs segments of runnable tasks on some worker, each task at most once at a time.

    A task is runnable when the journal says so; nobody has to tell the dispatcher. A crash of a worker makes its
    tasks runnable again.
    """

    async def start(self, run_segment: RunSegment) -> None:
        """Begin claiming. Returns at once; raises `Refused` when another worker owns the journal."""
        ...

    async def drain(self) -> None:
        """Claim nothing more and wait until the running segments have ended."""
        ...

    async def stop(self) -> None:
        """Claim nothing more and interrupt the running segments; they are taken up again at the next start."""
        ...

    async def interrupt(self, task_id: str) -> None:
        """Cut short the segment of this task if it runs here (it was stopped, paused or steered by mention)."""
        ...
