"""The fake sandbox: scripted commands on a dict. It never starts a program, so it is safe and instant in tests."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO

from agent.domain.errors import CommandTimeout, SandboxGone, ToolFailed
from agent.domain.files import Entry, Manifest
from agent.ports.blobs import BlobStore
from agent.ports.sandbox import ExecResult, JobState, SelfTest, Usage
from agent.sandbox import output
from agent.sandbox.memory_files import MemoryFiles, Node
from agent.sandbox.memory_shell import Command, run

__all__ = ["Command", "MemoryFiles", "MemoryHost", "MemorySandbox"]


class _Job:
    """One command: running here (`task`), or known only by what its folder says."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lock: IO[bytes] | None = None
        self.task: asyncio.Task[ExecResult] | None = None
        self.result: ExecResult | None = None
        self.timed_out = False
        if folder is not None and (done := folder / "result.json").exists():
            row = json.loads(done.read_text(encoding="utf-8"))
            self.timed_out = row.pop("timed_out")
            self.result = ExecResult(**row)

    def start(self) -> None:
        """Leave the marks that a process that comes later understands: a folder = started, a lock held = alive."""
        if self._folder is not None:
            self._folder.mkdir(parents=True)
            self._lock = (self._folder / "lock").open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def finish(self, result: ExecResult, *, timed_out: bool) -> None:
        self.result, self.timed_out = result, timed_out
        if self._folder is not None and self._lock is not None:
            draft = self._folder / "result.new"
            draft.write_text(json.dumps({**asdict(result), "timed_out": timed_out}), encoding="utf-8")
            draft.replace(self._folder / "result.json")
        self.let_go()

    def let_go(self) -> None:
        """No longer count as alive."""
        if self._lock is not None:
            self._lock.close()

    @property
    def state(self) -> JobState:
        if self.result is not None:
            return "done"
        return "running" if self.task is not None else "died"


class _Place:
    """All that makes up one sandbox; several `MemorySandbox` objects may look at it, one after another."""

    def __init__(self, state: str, folder: Path | None) -> None:
        self.state = state
        self.folder = folder
        if folder is not None:
            (folder / "jobs").mkdir(parents=True, exist_ok=True)
        self.files = MemoryFiles(folder / "workspace.json" if folder is not None else None)
        self.skills: dict[str, dict[str, bytes]] = {}
        self.jobs: dict[str, _Job] = {}
        self.gone = False

    def job(self, job_id: str) -> _Job | None:
        if job_id not in self.jobs and self.folder is not None and self._job_folder(job_id).exists():
            self.jobs[job_id] = _Job(self._job_folder(job_id))
        return self.jobs.get(job_id)

    def new_job(self, job_id: str) -> _Job:
        job = self.jobs[job_id] = _Job(self._job_folder(job_id) if self.folder is not None else None)
        job.start()
        return job

    def _job_folder(self, job_id: str) -> Path:
        assert self.folder is not None  # noqa: S101 - both callers have just looked
        return self.folder / "jobs" / hashlib.sha256(job_id.encode()).hexdigest()[:32]

    async def kill_all(self) -> None:
        tasks = [job.task for job in self.jobs.values() if job.task is not None and not job.task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def remove(self) -> None:
        self.gone = True
        await self.kill_all()
        if self.folder is not None:
            await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)


class MemorySandbox:
    """A sandbox of `MemoryHost`; same promises as the real ones, without a process."""

    def __init__(self, place: _Place, commands: Mapping[str, Command]) -> None:
        self._here = place
        self._commands = commands
        self._closed = False

    @property
    def incarnation(self) -> str:
        return self._here.state

    @property
    def state(self) -> str:
        return self._here.state

    @property
    def files(self) -> MemoryFiles:
        """The workspace itself, for tests that look inside."""
        return self._place().files

    async def exec(
        self,
        job_id: str,
        argv: Sequence[str],
        *,
        cwd: str = ".",
        timeout_s: float = 120.0,
        on_output: Callable[[str], None] | None = None,
    ) -> ExecResult:
        place = self._place()
        job = place.job(job_id)
        if job is None:
            if not place.files.is_dir(cwd):
                raise ToolFailed(f"There is no folder {cwd!r} in the workspace.")
            job = place.new_job(job_id)
            job.task = asyncio.create_task(self._run(place, job, list(argv), timeout_s, on_output))
        if job.task is not None:
            # The command belongs to the sandbox, not to the caller: a cancelled caller leaves it running.
            await asyncio.wait([job.task])
        self._place()
        if job.result is None:
            raise ToolFailed(
                "The command was started and ended without a result; check what it did before repeating it."
            )
        if job.timed_out:
            raise CommandTimeout(
                f"The command ran longer than {timeout_s:g} s and was stopped.", output=job.result.stdout
            )
        return job.result

    async def _run(
        self, place: _Place, job: _Job, argv: list[str], timeout_s: float, on_output: Callable[[str], None] | None
    ) -> ExecResult:
        timed_out = False
        try:
            async with asyncio.timeout(timeout_s):
                ended = await run(place.files, argv, self._commands)
        except TimeoutError:
            timed_out, ended = True, ExecResult(code=137, stdout="", stderr="")
        except asyncio.CancelledError:
            ended = ExecResult(code=137, stdout="", stderr="")
        stdout, stderr = (text.encode("utf-8", "surrogateescape") for text in (ended.stdout, ended.stderr))
        cut = output.result(ended.code, stdout, stderr)
        if place.gone:
            job.let_go()
        else:
            job.finish(cut, timed_out=timed_out)
        for text in (cut.stdout, cut.stderr):
            if text and on_output is not None:
                on_output(text)
        return cut

    async def job_state(self, job_id: str) -> JobState:
        job = self._place().job(job_id)
        return "absent" if job is None else job.state

    async def kill_all(self) -> None:
        await self._place().kill_all()

    async def read(self, path: str, *, max_bytes: int = 64 * 1024 * 1024) -> bytes:
        data = self._place().files.read(path)
        if len(data) > max_bytes:
            raise ToolFailed(f"{path!r} has {len(data)} bytes, more than the {max_bytes} that can be read at once.")
        return data

    async def write(self, path: str, data: bytes) -> None:
        self._place().files.write(path, data)

    async def install(self, name: str, files: Mapping[str, bytes]) -> str:
        self._place().skills[name] = dict(files)
        return f"/skills/{name}"

    async def push(self, manifest: Manifest, blobs: BlobStore) -> None:
        place = self._place()
        nodes: dict[str, Node] = {}
        for entry in manifest.entries:
            match entry.type:
                case "file":
                    nodes[entry.path] = Node("file", entry.mode, await blobs.get(entry.content))
                case "link":
                    nodes[entry.path] = Node("link", entry.mode, entry.content.encode("utf-8", "surrogateescape"))
                case "dir":
                    nodes[entry.path] = Node("dir", entry.mode)
        place.files.replace_all(nodes)

    async def pull(self, blobs: BlobStore) -> Manifest:
        contents: dict[str, bytes] = {}
        entries: list[Entry] = []
        for path, node in self._place().files.walk():
            content = node.data.decode("utf-8", "surrogateescape") if node.type == "link" else ""
            if node.type == "file":
                content = hashlib.sha256(node.data).hexdigest()
                contents[content] = node.data
            size = len(node.data) if node.type == "file" else 0
            entries.append(Entry(path=path, type=node.type, mode=node.mode, size_bytes=size, content=content))
        for digest in await blobs.missing(contents):
            await blobs.put(contents[digest])
        return Manifest.of(entries)

    async def usage(self) -> Usage:
        place = self._place()
        running = sum(job.state == "running" for job in place.jobs.values())
        return Usage(memory_bytes=0, workspace_bytes=place.files.size_bytes, processes=running)

    async def detach(self) -> None:
        self._closed = True

    async def close(self) -> None:
        self._closed = True
        await self._here.remove()

    def _place(self) -> _Place:
        if self._closed or self._here.gone:
            raise SandboxGone("The sandbox is no more.")
        return self._here


class MemoryHost:
    """Makes memory sandboxes.

    `root`: a folder in which workspaces and the results of finished commands outlive the process; a command that
    ran when the process died is `died` for the next one. `commands`: scripted programs by argv[0], or by the whole
    text of a `bash -c` script; a few file commands are built in, everything else is code 127.
    """

    def __init__(self, root: Path | None = None, commands: Mapping[str, Command] | None = None) -> None:
        self._root = root
        self._commands = commands or {}
        self._places: dict[str, _Place] = {}
        self._opened: list[MemorySandbox] = []

    @property
    def name(self) -> str:
        return "memory"

    async def selftest(self) -> SelfTest:
        return SelfTest(ok=True, detail="Commands are scripted and run no program; for tests only.")

    async def open(self, thread_id: str, *, state: str = "") -> MemorySandbox:
        place = self._places.get(state)
        if place is None and self._folder(state) is not None:
            place = self._places[state] = _Place(state, self._folder(state))
        if place is None or place.gone:
            fresh = uuid.uuid4().hex
            place = self._places[fresh] = _Place(fresh, self._root / fresh if self._root else None)
        sandbox = MemorySandbox(place, self._commands)
        self._opened.append(sandbox)
        return sandbox

    async def lose(self, state: str) -> None:
        """Make a sandbox vanish as a crashed machine would: whoever holds it sees `SandboxGone`."""
        if place := self._places.pop(state, None):
            await place.remove()

    async def reap(self, keep: set[str]) -> int:
        self._places = {state: place for state, place in self._places.items() if not place.gone}
        known = set(self._places)
        if self._root is not None and self._root.exists():
            known |= {folder.name for folder in self._root.iterdir() if folder.is_dir()}
        doomed = known - keep
        for state in doomed:
            place = self._places.pop(state, None) or _Place(state, self._folder(state))
            await place.remove()
        return len(doomed)

    async def close(self) -> None:
        for sandbox in self._opened:
            with contextlib.suppress(SandboxGone):
                if not sandbox._closed:  # pyright: ignore[reportPrivateUsage]
                    await sandbox.close()
        self._opened.clear()

    def _folder(self, state: str) -> Path | None:
        """Where this state's sandbox is kept; a state is our own hex, anything else is nobody's."""
        if self._root is None or not state.isalnum() or not (self._root / state).is_dir():
            return None
        return self._root / state
