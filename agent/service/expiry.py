"""What time does by itself: asks that nobody decided in time, and what nobody needs any more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from agent.domain.events import AskExpired, TaskPaused
from agent.domain.people import SYSTEM
from agent.domain.task import Status
from agent.ports.clock import Clock
from agent.ports.journal import Journal

LOOK_EVERY = timedelta(minutes=1)
TIDY_EVERY = timedelta(days=1)


async def expire_due(journal: Journal, clock: Clock) -> int:
    """Expire every ask whose time is over and pause its task; returns how many."""
    now = clock.now()
    due = await journal.due_asks(now)
    for ask in due:
        reason = "Nobody decided in time. Resume the task to be asked again."
        expired = AskExpired(task_id=ask.task_id, at=now, ask_id=ask.ask_id, reason=reason)
        paused = TaskPaused(task_id=ask.task_id, at=now, by=SYSTEM.person_id, reason=reason)
        await journal.move(ask.task_id, Status.PAUSED, expired, paused)
    return len(due)


async def keep_expiring(journal: Journal, clock: Clock) -> None:
    """Do so for ever, once a minute; run beside the worker."""
    while True:
        await expire_due(journal, clock)
        await clock.sleep(LOOK_EVERY.total_seconds())


async def keep_tidy(tidy: Callable[[datetime], Awaitable[int]], clock: Clock) -> None:
    """Remove for ever, once a day, what is too old by then; run beside the worker."""
    while True:
        await tidy(clock.now())
        await clock.sleep(TIDY_EVERY.total_seconds())
