"""A `Sandbox` that is a line to a tool server; what carries the line is the backend's part."""

from __future__ import annotations

import abc
import asyncio
import codecs
import functools
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, TypeVar

from agent.domain.errors import CommandTimeout, SandboxGone, ToolFailed
from agent.domain.files import Entry, Manifest
from agent.ports.blobs import BlobStore
from agent.ports.sandbox import OUTPUT_LIMIT_BYTES, ExecResult, JobState, Usage
from agent.sandbox import output
from agent.sandbox.channel import Channel, Request, parsed, whole_number
from agent.sandbox.inside import frames
from agent.sandbox.limits import FILE_LIMIT_BYTES

GRACE_S = 30.0
"""A tool server that is silent for so long after a command's time is over was stopped by the command."""
ANSWER_S = 120.0
"""For everything that is not a command."""
_PULL_TRIES = 3
_MANIFEST_LIMIT_BYTES = 64 * 1024 * 1024
_STATES: Mapping[str, JobState] = {s: s for s in ("absent", "running", "done", "died")}
_RESULT = ("code", "timed_out", "stdout", "stderr", "out", "err")
_SKILL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

T = TypeVar("T")


class RemoteSandbox(abc.ABC):
    """Implements the port over a `Channel`. Backends say how to re-make the line and how to end the sandbox."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._ended = False
        # Guards the re-making of a broken line: several requests notice it at once.
        self._reviving = asyncio.Lock()
        self._last: tuple[Manifest, BlobStore] | None = None
        self.commands_running = 0

    @property
    @abc.abstractmethod
    def incarnation(self) -> str: ...

    @property
    @abc.abstractmethod
    def state(self) -> str: ...

    @abc.abstractmethod
    async def _new_line(self) -> Channel | None:
        """A new line to the same sandbox after the old one broke, or None where the sandbox is gone with it."""

    @abc.abstractmethod
    async def _remove(self) -> None:
        """End the sandbox and all in it. Called once."""

    async def exec(
        self,
        job_id: str,
        argv: Sequence[str],
        *,
        cwd: str = ".",
        timeout_s: float = 120.0,
        on_output: Callable[[str], None] | None = None,
    ) -> ExecResult:
        if not argv or any("\0" in word for word in argv):
            raise ToolFailed("A command needs a program, and no zero bytes.")
        self.commands_running += 1
        try:
            # Asking again after a broken line is safe: the same job never starts twice.
            row, streams = await self._asked(
                lambda: self._exec(job_id, list(argv), cwd, timeout_s, on_output), timeout_s + GRACE_S
            )
        finally:
            self.commands_running -= 1
        half = row["out"]
        ended = output.result(
            row["code"], streams[:half], streams[half:], stdout_bytes=row["stdout"], stderr_bytes=row["stderr"]
        )
        if row["timed_out"]:
            said = ended.stdout + ended.stderr
            raise CommandTimeout(f"The command ran longer than {timeout_s:g} s and was stopped.", output=said)
        return ended

    async def _exec(
        self,
        job_id: str,
        argv: list[str],
        cwd: str,
        timeout_s: float,
        on_output: Callable[[str], None] | None,
    ) -> tuple[dict[str, int], bytes]:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        arguments = {"job": job_id, "argv": argv, "cwd": cwd, "timeout": timeout_s, "limit": OUTPUT_LIMIT_BYTES}
        async with self._channel.request("exec", **arguments) as request:
            row: dict[str, Any] = {}
            async for frame in request.until_message():
                if frame.kind == frames.MESSAGE:
                    row = parsed(frame.json)
                elif on_output is not None and (text := decoder.decode(frame.payload)):
                    on_output(text)
            if row.get("died"):
                raise ToolFailed(
                    "The command was started and ended without a result; check what it did before repeating it."
                )
            ended = {name: whole_number(row, name) for name in _RESULT}
            if ended["out"] + ended["err"] > 2 * OUTPUT_LIMIT_BYTES + frames.CHUNK:
                raise SandboxGone("The sandbox's tool server talks nonsense.")
            return ended, await request.body(ended["out"] + ended["err"])

    async def job_state(self, job_id: str) -> JobState:
        answer = await self._asked(lambda: self._channel.call("job_state", job=job_id))
        return _STATES.get(str(answer.get("state")), "died")

    async def kill_all(self) -> None:
        await self._asked(lambda: self._channel.call("kill_all"))

    async def read(self, path: str, *, max_bytes: int = 64 * 1024 * 1024) -> bytes:
        async def ask() -> bytes:
            async with self._channel.request("read", path=path, max=max_bytes) as request:
                return await _sized_body(request, max_bytes)

        return await self._asked(ask)

    async def write(self, path: str, data: bytes) -> None:
        async def ask() -> None:
            async with self._channel.request("write", path=path, size=len(data)) as request:
                await request.send(data)
                await request.answer()

        await self._asked(ask)

    async def install(self, name: str, files: Mapping[str, bytes]) -> str:
        if not _SKILL_NAME.fullmatch(name):
            raise ToolFailed(f"{name!r} cannot be the name of a folder.")

        async def ask() -> str:
            async with self._channel.request("install", name=name, files=len(files)) as request:
                for path, data in files.items():
                    mode = 0o755 if PurePosixPath(path).parts[0] == "scripts" else 0o644
                    await request.message({"path": path, "mode": mode, "size": len(data)})
                    await request.send(data)
                await request.answer()
                return f"/skills/{name}"

        return await self._asked(ask)

    async def push(self, manifest: Manifest, blobs: BlobStore) -> None:
        rows = [[e.path, e.type, e.mode, e.size_bytes, e.content] for e in manifest.entries]
        contents = {e.content: e.size_bytes for e in manifest.entries if e.type == "file"}

        async def ask() -> None:
            async with self._channel.request("push") as request:
                await request.send_value(rows)
                for digest in await request.value():
                    if digest not in contents:
                        raise SandboxGone("The sandbox's tool server asked for bytes that are not its own.")
                    await request.message({"content": digest, "size": contents[digest]})
                    async for piece in blobs.pieces(digest):
                        await request.send(piece)
                await request.answer()

        await self._asked(ask, ANSWER_S * 5)

    async def pull(self, blobs: BlobStore) -> Manifest:
        for _ in range(_PULL_TRIES):
            manifest = await self._asked(lambda: self._manifest(blobs), ANSWER_S * 5)
            store = functools.partial(self._store, manifest, blobs)
            if self._last == (manifest, blobs) or await self._asked(store, ANSWER_S * 5):
                self._last = (manifest, blobs)
                return manifest
        raise ToolFailed("Files of the workspace changed while they were being collected; stop what writes them.")

    async def _manifest(self, blobs: BlobStore) -> Manifest:
        known = self._last[0] if self._last is not None and self._last[1] is blobs else None
        async with self._channel.request("manifest", have=known.digest if known else "") as request:
            head = await request.answer()
            if known is not None and head.get("same"):
                return known
            size = whole_number(head, "size")
            if size > _MANIFEST_LIMIT_BYTES:
                raise ToolFailed("The workspace holds more than can be kept.")
            return _checked(await request.body(size))

    async def _store(self, manifest: Manifest, blobs: BlobStore) -> bool:
        """Bring over what `blobs` lacks; False when a file was no longer what the manifest says."""
        by_digest = {entry.content: entry for entry in manifest.files().values()}
        wanted = [by_digest[digest] for digest in sorted(await blobs.missing(by_digest))]
        if not wanted:
            return True
        async with self._channel.request("fetch") as request:
            await request.send_value([entry.path for entry in wanted])
            for entry in wanted:
                async with blobs.incoming() as incoming:
                    async for piece in request.parts(await _size(request, FILE_LIMIT_BYTES)):
                        await incoming.write(piece)
                    if incoming.sha256 != entry.content:
                        return False
                    await incoming.keep()
        return True

    async def usage(self) -> Usage:
        answer = await self._asked(lambda: self._channel.call("usage"))
        memory, workspace, processes = (whole_number(answer, name) for name in ("memory", "workspace", "processes"))
        return Usage(memory_bytes=memory, workspace_bytes=workspace, processes=processes)

    async def detach(self) -> None:
        self._ended = True
        await self._channel.close()

    async def close(self) -> None:
        if not self._ended:
            self._ended = True
            await self._channel.close()
            await self._remove()

    @property
    def ended(self) -> bool:
        """Whether this object was closed or detached."""
        return self._ended

    async def _asked(self, ask: Callable[[], Awaitable[T]], limit_s: float = ANSWER_S) -> T:
        """The answer; asked once more on a new line where the backend can make one. Requests may all be repeated."""
        if self._ended:
            raise SandboxGone("The sandbox is no more.")
        try:
            async with asyncio.timeout(limit_s):
                try:
                    return await ask()
                except SandboxGone:
                    if not await self._revive():
                        raise
                return await ask()
        except TimeoutError:
            await self.close()
            raise SandboxGone("The sandbox did not answer any more and was removed.") from None

    async def _revive(self) -> bool:
        async with self._reviving:
            if self._ended:
                return False
            if self._channel.broken:
                line = await self._new_line()
                if line is None:
                    return False
                await self._channel.close()
                self._channel = line
            return True


async def _sized_body(request: Request, max_bytes: int) -> bytes:
    return await request.body(await _size(request, max_bytes))


async def _size(request: Request, max_bytes: int) -> int:
    size = whole_number(await request.answer(), "size")
    if size > max_bytes:
        raise ToolFailed(f"The file has {size} bytes, more than the {max_bytes} that can be read at once.")
    return size


def _checked(data: bytes) -> Manifest:
    """The manifest, if every path in it is plainly inside a workspace: it was written where hostile code runs."""
    try:
        manifest = Manifest.from_json(data)
        for entry in manifest.entries:
            _check_entry(entry)
    except (ValueError, TypeError, RecursionError) as error:
        raise SandboxGone("The sandbox's tool server sent a manifest that is none.") from error
    if len({entry.path for entry in manifest.entries}) != len(manifest.entries):
        raise SandboxGone("The sandbox's tool server sent a manifest that is none.")
    return manifest


def _check_entry(entry: Entry) -> None:
    parts = entry.path.split("/")
    if not entry.path or "\0" in entry.path or any(part in ("", ".", "..") for part in parts):
        raise ValueError(entry.path)
    if entry.type not in ("file", "dir", "link") or not 0 <= entry.mode <= 0o777 or entry.size_bytes < 0:
        raise ValueError(entry.path)
    if entry.type == "file" and (len(entry.content) != 64 or not set(entry.content) <= set("0123456789abcdef")):
        raise ValueError(entry.path)
