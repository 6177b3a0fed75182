"""The place where commands run: one disposable sandbox per active thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from agent.domain.files import Manifest
from agent.ports.blobs import BlobStore

JobState = Literal["absent", "running", "done", "died"]
OUTPUT_LIMIT_BYTES = 64 * 1024
"""Each stream of a command is kept up to this: half from its head, half from its tail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    """How a command ended. `truncated`: a stream was longer than `OUTPUT_LIMIT_BYTES`; totals are the real lengths."""

    code: int
    stdout: str
    stderr: str
    truncated: bool = False
    stdout_bytes: int = 0
    stderr_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a sandbox uses now."""

    memory_bytes: int
    workspace_bytes: int
    processes: int


class Sandbox(Protocol):
    """One workspace with a shell and no network. All paths are POSIX, relative to the workspace root.

    Every method raises `SandboxGone` when the sandbox is no more; never as a command's output.
    """

    @property
    def incarnation(self) -> str:
        """Changes whenever the sandbox is made anew, so that a job absent in another incarnation proves nothing."""
        ...

    @property
    def state(self) -> str:
        """Opaque text with which `SandboxHost.open` finds this sandbox again after a restart."""
        ...

    async def exec(
        self,
        job_id: str,
        argv: Sequence[str],
        *,
        cwd: str = ".",
        timeout_s: float = 120.0,
        on_output: Callable[[str], None] | None = None,
    ) -> ExecResult:
        """Run one command exactly once per `job_id` and wait for it.

        `argv`: never a shell string. `cwd`: below the workspace. The same `job_id` again re-attaches to the
        running command, or returns the stored result of the finished one: it never starts a second time.
        Each stream is cut to `OUTPUT_LIMIT_BYTES` (`truncated` tells). `on_output` gets decoded text as it comes.
        Raises `CommandTimeout` after `timeout_s` (the process tree is dead by then, the sandbox lives on).
        A missing program is a normal result, code 127; killed by signal N is code 128+N.
        """
        ...

    async def job_state(self, job_id: str) -> JobState:
        """Whether this job was started here, runs, has ended with a result, or died without one."""
        ...

    async def kill_all(self) -> None:
        """Kill every running command and all of its descendants; the sandbox lives on."""
        ...

    async def read(self, path: str, *, max_bytes: int = 64 * 1024 * 1024) -> bytes:
        """A regular file's bytes. Symlinks are not followed out of the workspace.

        Raises `ToolFailed` when there is no such file, it is not a regular file, or it is larger than `max_bytes`.
        """
        ...

    async def write(self, path: str, data: bytes) -> None:
        """Create or replace a file (by rename), making parent folders. Raises `ToolFailed` when it does not fit."""
        ...

    async def install(self, name: str, files: Mapping[str, bytes]) -> str:
        """Put a folder (a skill) beside the workspace, not part of any snapshot; returns its absolute path inside.

        `files`: relative path → bytes; a path below `scripts/` is made executable. Installing again replaces it.
        """
        ...

    async def push(self, manifest: Manifest, blobs: BlobStore) -> None:
        """Make the workspace equal to the manifest, sending only bytes that are not there already."""
        ...

    async def pull(self, blobs: BlobStore) -> Manifest:
        """The workspace as it is now; bytes that `blobs` lacks are stored there before this returns.

        Sockets, devices and FIFOs are left out; links are kept as links and never followed. Raises `ToolFailed`
        when the workspace is above its limits.
        """
        ...

    async def usage(self) -> Usage:
        """Memory, workspace size and process count."""
        ...

    async def detach(self) -> None:
        """Let go of the sandbox without stopping it, where the backend can find it again; else as `close`."""
        ...

    async def close(self) -> None:
        """Remove the sandbox with all that runs in it. Closing twice is harmless."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """Result of running a probe in a real sandbox. `detail` is a sentence; `fix` says what to do when not ok."""

    ok: bool
    detail: str
    fix: str = ""


class SandboxHost(Protocol):
    """Makes sandboxes of one kind."""

    @property
    def name(self) -> str:
        """`docker`, `bwrap`, `unshare` or `memory`."""
        ...

    async def selftest(self) -> SelfTest:
        """Open a sandbox, prove that commands run and that network, host files and environment are out of reach."""
        ...

    async def open(self, thread_id: str, *, state: str = "") -> Sandbox:
        """The thread's sandbox: the one `state` names if it still lives, else a new one with an empty workspace."""
        ...

    async def reap(self, keep: set[str]) -> int:
        """Remove sandboxes of this installation whose `state` is not in `keep`; returns how many."""
        ...

    async def close(self) -> None:
        """Close every sandbox this process opened and is still attached to."""
        ...
