"""The lock on a data folder: one process owns it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import IO

from agent.domain.errors import FolderInUse

NAME = "gofer.lock"


class FolderLock:
    """`with FolderLock(home):` owns the folder until the block, or the process, ends.

    Raises `FolderInUse`, naming the owner's process, when somebody else has it. The file holds the owner's process id
    and is never removed: whoever removes a locked file lets a third process lock a new one.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._file: IO[str] | None = None

    def __enter__(self) -> FolderLock:
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Opened without truncating: it is still the owner's when the lock is refused.
        handle = os.open(self._home / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        file = os.fdopen(handle, "r+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = file.read().strip() or "unknown"
            file.close()
            raise FolderInUse(
                f"Another Gofer already uses this data folder (process {owner}): {self._home}",
                next_step="Stop it, or give this one a folder of its own with GOFER_HOME.",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
