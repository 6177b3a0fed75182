"""Only one at a time. Workers: by a lock file beside SQLite, by a session's advisory lock on PostgreSQL. Leaders: by
such a lock on PostgreSQL; SQLite has one process, so within it."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol

from agent.domain.errors import FolderInUse


class SoleWorker(Protocol):
    """The right to run tasks of this journal."""

    def hold(self) -> AbstractAsyncContextManager[None]:
        """Hold it. Raises `FolderInUse` when another worker does."""
        ...

    def check(self) -> None:
        """Raises `Refused` when it was held and is lost."""
        ...


class Leaders(Protocol):
    """Who may do what only one at a time does, by name."""

    def lead(self, name: str) -> AbstractAsyncContextManager[asyncio.Event]:
        """Wait until nobody else leads under this name, then do; the event is set when that was lost."""
        ...


def another_works() -> FolderInUse:
    """The sentence for a second worker."""
    return FolderInUse(
        "Another Gofer worker already runs the tasks of this database.",
        next_step="Stop it first, or run `gofer serve --no-worker` beside it.",
    )


@contextmanager
def alone(database: Path) -> Generator[None]:
    """Keep workers off an SQLite file. Raises `FolderInUse` when one is there."""
    with database.with_name(database.name + ".worker").open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise another_works() from None
        yield


class FileSole:
    """A lock on a file beside the database; the kernel ends it with the process."""

    def __init__(self, database: Path) -> None:
        self._database = database

    @asynccontextmanager
    async def hold(self) -> AsyncGenerator[None]:
        """Hold it. Raises `FolderInUse` when another worker does, in this process too."""
        with alone(self._database):
            yield

    def check(self) -> None:
        """It cannot be lost."""


class ProcessLeaders:
    """Leaders of the one process that an SQLite database has."""

    def __init__(self) -> None:
        # Each lock guards nothing but the turn to lead; there are as many as names in our code.
        self._turns: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def lead(self, name: str) -> AsyncGenerator[asyncio.Event]:
        """Wait for the turn; it cannot be lost."""
        async with self._turns.setdefault(name, asyncio.Lock()):
            yield asyncio.Event()
