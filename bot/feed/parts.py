"""What the feed is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from agent.domain.files import WorkFile


class Clock(Protocol):
    """Aware UTC time and waiting, so that tests can own both."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


Names = Callable[[str], Awaitable[str]]
"""The name of a person of another surface, by id; empty: unknown."""
Link = Callable[[str, WorkFile], str | None]
"""A signed address of a task's file, for one that is too big for the chat; None: there is none."""
