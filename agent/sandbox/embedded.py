"""Sandboxes without a container engine: bubblewrap, or the same made from the kernel's namespaces directly.

The sandbox is a child process and dies with this one. Memory of all its processes together is watched from outside,
because without a container engine there is no limit for a group of processes that every system grants.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from agent.domain.errors import SandboxGone
from agent.ports.sandbox import SelfTest
from agent.sandbox import launch, toold
from agent.sandbox.channel import Channel
from agent.sandbox.inside import tree
from agent.sandbox.limits import Limits
from agent.sandbox.remote import RemoteSandbox
from agent.sandbox.selftest import probe

Kind = Literal["bwrap", "unshare"]

_ETC = ("ld.so.cache", "alternatives", "fonts", "libreoffice", "ImageMagick-6", "mime.types", "localtime", "ssl/certs")
_PYTHON_ENV = "/opt/gofer-python"
"""Where the libraries for skills lie inside: not at their own path, which a tmpfs may cover, such as /tmp."""
_ROOT_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_WATCH_EVERY_S = 0.2
_FIRST_UID = 0x6F000000
"""User ids that no system hands out; each sandbox of a bot that runs as root gets one, so limits are not shared."""
_HINTS = (
    (
        ("uid map", "unshare: Operation not permitted", "Creating new namespace failed", "No permissions to create"),
        "This system does not let programs make user namespaces. Use Docker, or allow them: on Ubuntu "
        "`sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0` (or an AppArmor profile for bwrap), elsewhere "
        "`sudo sysctl kernel.unprivileged_userns_clone=1`.",
    ),
    (("mount /", "proc: Operation not permitted"), "Inside a container this needs Docker; set GOFER_SANDBOX=docker."),
)


class EmbeddedSandbox(RemoteSandbox):
    """One embedded sandbox."""

    def __init__(self, channel: Channel, process: asyncio.subprocess.Process, name: str, limits: Limits) -> None:
        super().__init__(channel)
        self._process = process
        self._state = f"{name}:{uuid.uuid4().hex}"
        self._watcher = asyncio.create_task(self._watch(limits.processes_bytes))

    @property
    def incarnation(self) -> str:
        return self._state

    @property
    def state(self) -> str:
        return self._state

    async def detach(self) -> None:
        await self.close()

    async def _new_line(self) -> Channel | None:
        return None

    async def _remove(self) -> None:
        self._watcher.cancel()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await asyncio.gather(self._watcher, self._process.wait(), return_exceptions=True)

    async def _watch(self, limit_bytes: int) -> None:
        """Kill the largest process while all together use more memory than the sandbox may."""
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            if self.commands_running:
                await asyncio.to_thread(_enforce, self._process.pid, limit_bytes)


class EmbeddedHost:
    """Makes embedded sandboxes.

    `python_env`: a virtual environment with the libraries that skills may use, put first on the PATH inside. It may
    be made later: each new sandbox looks whether it is there.
    """

    def __init__(self, kind: Kind, *, python_env: Path | None = None, limits: Limits | None = None) -> None:
        self._kind: Kind = kind
        self._python_env = python_env
        self._limits = limits or Limits()
        self._open: list[EmbeddedSandbox] = []

    @property
    def name(self) -> str:
        return self._kind

    async def selftest(self) -> SelfTest:
        if not sys.platform.startswith("linux"):
            return SelfTest(ok=False, detail=f"{self._kind} needs Linux.", fix="Start Docker.")
        if self._kind == "bwrap" and shutil.which("bwrap") is None:
            return SelfTest(
                ok=False,
                detail="bubblewrap is not installed.",
                fix="Install it: `apt install bubblewrap` or `dnf install bubblewrap`.",
            )
        try:
            return await probe(self)
        except (SandboxGone, OSError) as error:
            return SelfTest(ok=False, detail=str(error), fix=_fix_for(str(error)))

    async def open(self, thread_id: str, *, state: str = "") -> EmbeddedSandbox:
        for sandbox in self._open:
            if state and sandbox.state == state and not sandbox.ended:
                return sandbox
        process = await asyncio.create_subprocess_exec(
            *self._command(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={},
        )
        channel = Channel(_Pipes(process), toold.program(processes=self._limits.pids))
        try:
            await channel.hello()
        except SandboxGone as error:
            said = await _last_words(process)
            await channel.close()
            raise SandboxGone(said or str(error)) from None
        sandbox = EmbeddedSandbox(channel, process, self._kind, self._limits)
        self._open = [one for one in self._open if not one.ended] + [sandbox]
        return sandbox

    async def reap(self, keep: set[str]) -> int:
        doomed = [sandbox for sandbox in self._open if not sandbox.ended and sandbox.state not in keep]
        for sandbox in doomed:
            await sandbox.close()
        return len(doomed)

    async def close(self) -> None:
        await self.reap(set())

    def _command(self) -> Sequence[str]:
        python_env = self._python_env if self._python_env and (self._python_env / "pyvenv.cfg").exists() else None
        prefixes = _prefixes(python_env)
        python = str(Path(sys.executable).resolve())
        paths = [f"{_PYTHON_ENV}/bin"] if python_env else []
        paths += ["/usr/local/bin", "/usr/bin", "/bin", f"{sys.base_prefix}/bin"]
        limits = self._limits
        config = {
            "bwrap": shutil.which("bwrap") if self._kind == "bwrap" else "",
            "binds": _binds(prefixes) + ([(str(python_env), _PYTHON_ENV)] if python_env else []),
            "links": _links(),
            "uids": [_FIRST_UID + int.from_bytes(os.urandom(2)) * 16 + os.urandom(1)[0] % 16],
            "tmpfs": [
                ["/tmp", limits.tmp_bytes],  # noqa: S108 - a path in the sandbox
                ["/dev/shm", limits.shm_bytes],  # noqa: S108 - a path in the sandbox
                ["/workspace", limits.workspace_bytes],
                ["/skills", limits.skills_bytes],
                ["/run/jobs", limits.jobs_bytes],
            ],
            "env": environment(":".join(paths)),
            "rlimits": {
                "RLIMIT_CORE": 0,
                "RLIMIT_NOFILE": 4096,
                "RLIMIT_FSIZE": limits.workspace_bytes,
                "RLIMIT_DATA": limits.processes_bytes,
            },
        }
        return [python, "-I", "-S", str(Path(launch.__file__)), json.dumps(config), "--", *toold.command(python)]


class _Pipes:
    """The child's stdin and stdout."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None  # noqa: S101 - PIPE was asked for
        assert process.stdout is not None  # noqa: S101
        self._in, self._out = process.stdin, process.stdout

    async def read(self) -> bytes:
        return await self._out.read(256 * 1024)

    async def write(self, data: bytes) -> None:
        self._in.write(data)
        await self._in.drain()

    async def close(self) -> None:
        self._in.close()
        with contextlib.suppress(OSError):
            await self._in.wait_closed()


def environment(path: str) -> dict[str, str]:
    """All that a command finds in its environment."""
    return {
        "PATH": path,
        "LANG": "C.UTF-8",
        "USER": "gofer",
        "HOME": "/tmp/home",  # noqa: S108 - paths in the sandbox
        "TMPDIR": "/tmp",  # noqa: S108
        "XDG_RUNTIME_DIR": "/tmp/run",  # noqa: S108
        "MPLCONFIGDIR": "/tmp/mpl",  # noqa: S108
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _prefixes(python_env: Path | None) -> list[Path]:
    """Folders outside /usr that hold the interpreter and its libraries."""
    found = [Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent]
    if python_env is not None:
        for line in (python_env / "pyvenv.cfg").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition("=")
            if name.strip() == "home":
                found.append(Path(value.strip()).resolve().parent)
    outside = dict.fromkeys(path for path in found if not path.is_relative_to("/usr") and path != Path("/"))
    return [path for path in outside if not any(path != other and path.is_relative_to(other) for other in outside)]


def _binds(prefixes: Sequence[Path]) -> list[tuple[str, str]]:
    binds = [("/usr", "/usr")]
    binds += [(f"/{name}", f"/{name}") for name in _ROOT_LINKS if Path(f"/{name}").is_dir() and not _is_link(name)]
    binds += [(f"/etc/{name}", f"/etc/{name}") for name in _ETC]
    return binds + [(str(path), str(path)) for path in prefixes]


def _links() -> list[tuple[str, str]]:
    return [(str(Path(f"/{name}").readlink()), f"/{name}") for name in _ROOT_LINKS if _is_link(name)]


def _is_link(name: str) -> bool:
    return Path(f"/{name}").is_symlink()


def _enforce(root: int, limit_bytes: int) -> None:
    table = tree.processes()
    below = [table[pid] for pid in tree.descendants({root}, table)]
    if sum(process.rss_bytes for process in below) > limit_bytes:
        largest = max(below, key=lambda process: process.rss_bytes)
        with contextlib.suppress(ProcessLookupError):
            os.kill(largest.pid, signal.SIGKILL)


async def _last_words(process: asyncio.subprocess.Process) -> str:
    """What the child complained of before it ended."""
    assert process.stderr is not None  # noqa: S101 - PIPE was asked for
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    said = await process.stderr.read(4096)
    await process.wait()
    return said.decode("utf-8", "replace").strip()


def _fix_for(text: str) -> str:
    for marks, fix in _HINTS:
        if any(mark in text for mark in marks):
            return fix
    return "Use Docker, or see the message above."
