"""An instruction that must be read at once: it cuts the model's running answer short."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from agent.core.run import Run
from agent.domain.errors import UserFacing
from agent.ports.llm import Reply

logger = logging.getLogger(__name__)


async def unless_interrupted(run: Run, request: Coroutine[Any, Any, Reply]) -> Reply | None:
    """The model's reply; None when somebody interrupted first: the request was cancelled and nothing of it is kept.

    A reply that is whole counts, even when the interruption comes at the same moment. Raises what the request raises,
    and `Fenced` when the task was taken over.
    """
    asking = asyncio.create_task(request, name=f"gofer-model-{run.task.task_id}")
    watching = asyncio.create_task(_interruption(run), name=f"gofer-interrupt-{run.task.task_id}")
    try:
        await asyncio.wait({asking, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not asking.done() and not watching.result():
            await asyncio.wait({asking})
        return asking.result() if asking.done() else None
    finally:
        await _end(asking, watching)


async def _interruption(run: Run) -> bool:
    """True once an interrupting instruction is unread; False when nobody can tell any more."""
    journal = run.parts.journal
    # The first look comes at once: whatever arrived since the request was made up is seen, too.
    async for _ in journal.changes(run.task.task_id):
        try:
            run.note_inbox(await journal.inbox(run.fence))
        except UserFacing as error:
            # The answer that is on its way is worth more than the interruption; the next ring looks again.
            logger.warning("cannot look: %s", error.message, extra={"action": "interrupt_unseen"})
        if run.interrupted:
            return True
    return False


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not log it as lost
