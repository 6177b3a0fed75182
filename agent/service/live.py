"""Live text and output: a bus inside one process. Nothing on it is a fact; losing a piece is harmless."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from agent.domain.events import Live

BACKLOG = 256
"""Pieces a slow listener may be behind before the oldest are dropped."""


class LiveBus:
    """Hands live pieces to whoever follows a task."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[asyncio.Queue[Live]]] = {}

    def publish(self, piece: Live) -> None:
        """Give a piece to the task's listeners; never waits."""
        for queue in self._listeners.get(piece.task_id, ()):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(piece)

    async def listen(self, task_id: str) -> AsyncIterator[Live]:
        """Pieces of a task from now on. For callers that have checked the actor's rights with `Service.task`."""
        queue: asyncio.Queue[Live] = asyncio.Queue(BACKLOG)
        self._listeners.setdefault(task_id, set()).add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners[task_id].discard(queue)
            if not self._listeners[task_id]:
                del self._listeners[task_id]
