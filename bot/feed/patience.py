"""Trying again, and waiting for what comes first."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from bot.feed.parts import Clock
from bot.surface import SurfaceDown

logger = logging.getLogger(__name__)

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
FAULTS_BORNE = 5
"""So often a step may end in a fault of ours before it is left alone."""


async def persist(clock: Clock, task_id: str, step: Callable[[], Awaitable[None]]) -> bool:
    """Do a step until it succeeds; False when it was left alone after faults, all of them logged.

    A platform that is down is waited for, for ever, in growing steps or as long as it asked for.
    """
    wait_s, faults = FIRST_WAIT_S, 0
    while True:
        try:
            await step()
        except SurfaceDown as error:
            pause_s = max(wait_s, error.retry_after_s or 0.0)
            fields = {"action": "surface_down", "task_id": task_id, "why": str(error), "pause_s": pause_s}
            logger.warning("the platform cannot be reached", extra=fields)
        except Exception:
            faults += 1
            logger.exception("feed step failed", extra={"action": "feed_failed", "task_id": task_id})
            if faults == FAULTS_BORNE:
                return False
            pause_s = wait_s
        else:
            return True
        await clock.sleep(pause_s)
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)


async def wait_for(clock: Clock, event: asyncio.Event, seconds: float) -> None:
    """Until the event is set, at most so long."""
    waiting: list[asyncio.Future[Any]] = [
        asyncio.ensure_future(event.wait()),
        asyncio.ensure_future(clock.sleep(seconds)),
    ]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
