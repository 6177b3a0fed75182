"""The limits of a sandbox, in one place."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024

FILE_LIMIT_BYTES = 256 * MIB
"""A single file larger than this is refused by `pull`: files travel whole between store and sandbox."""
ENTRY_LIMIT = 50_000
"""More files, folders and links than this make `pull` refuse."""
DEPTH_LIMIT = 64
"""Folders nested deeper than this make `pull` refuse."""
UID = 1000
"""Who commands are, inside every sandbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one sandbox may use. A host admin may raise these, a task may not."""

    cpus: float = 2.0
    processes_bytes: int = 1536 * MIB
    workspace_bytes: int = 1024 * MIB
    tmp_bytes: int = 512 * MIB
    skills_bytes: int = 64 * MIB
    jobs_bytes: int = 64 * MIB
    shm_bytes: int = 64 * MIB
    pids: int = 256
    inodes: int = 2 * ENTRY_LIMIT
    life_s: int = 8 * 3600

    @property
    def memory_bytes(self) -> int:
        """Processes and every tmpfs together.

        Less than the sum, and the OOM killer would fire before a full disk is reported as such.
        """
        disks = self.workspace_bytes + self.tmp_bytes + self.skills_bytes + self.jobs_bytes + self.shm_bytes
        return self.processes_bytes + disks
