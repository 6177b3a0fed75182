"""The thread's workspace during one segment: its sandbox, opened at the first need, and its snapshots."""

from __future__ import annotations

import asyncio
from pathlib import PurePosixPath

from agent.core.run import Run
from agent.domain.events import Event, FilesChanged
from agent.domain.files import INPUTS, ChangeSet, Entry, Manifest, WorkFile, compare
from agent.ports.journal import KeepWorkspace, Record, Write
from agent.ports.sandbox import Sandbox

SCRATCH = PurePosixPath(".gofer")
"""Our own folder in the workspace (spilled output, previews): kept in snapshots, never shown as a change."""


class Workshop:
    """Opens, restores and snapshots one sandbox. Whoever makes it closes it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._parts = run.parts
        self._sandbox: Sandbox | None = None
        self._filled = False
        self._left = run.thread.sandbox_state
        """A sandbox that an earlier segment could not remove: its worker died, or it was interrupted."""
        self._opening = asyncio.Lock()
        """Held while the sandbox is opened and filled: calls that read run side by side, and all of them want it."""

    async def sandbox(self) -> Sandbox:
        """The sandbox with the newest snapshot in it."""
        async with self._opening:
            sandbox = await self._open()
            if not self._filled:
                await self._fill(sandbox)
            return sandbox

    async def attach(self) -> Sandbox:
        """The sandbox as it is: a living one keeps what it holds, so that a job in it can be asked for its result."""
        async with self._opening:
            return await self._open()

    async def _open(self) -> Sandbox:
        if self._sandbox is None:
            thread = self._run.thread
            self._sandbox = await self._parts.sandboxes.open(thread.thread_id, state=thread.sandbox_state)
            self._left = ""
        return self._sandbox

    async def _fill(self, sandbox: Sandbox) -> None:
        await sandbox.push(await self._parts.snapshots.load(self._run.thread.snapshot), self._parts.blobs)
        self._filled = True

    def keep(self) -> None:
        """What an attached sandbox holds is right: do not restore the snapshot over it."""
        self._filled = True

    async def snapshot(self) -> tuple[Write, ...]:
        """Writes that record what changed in the workspace since the newest snapshot; none if nothing did."""
        # Filled first where it is new: an empty workspace would be taken for one that a call has emptied.
        sandbox = await self.sandbox()
        manifest = await sandbox.pull(self._parts.blobs)
        if manifest.digest == self._run.thread.snapshot:
            return ()
        old = await self._parts.snapshots.load(self._run.thread.snapshot)
        digest = await self._parts.snapshots.save(manifest)
        keep = KeepWorkspace(thread_id=self._run.thread.thread_id, snapshot=digest)
        visible = shown(compare(old, manifest))
        return (keep, Record((self._changed(digest, visible),))) if visible else (keep,)

    async def add_inputs(self, files: tuple[WorkFile, ...]) -> tuple[tuple[Write, ...], tuple[str, ...]]:
        """Put handed-over files into `inputs/`; returns the writes and the paths. Taken names get a number."""
        if not files:
            return (), ()
        thread = self._run.thread
        old = await self._parts.snapshots.load(thread.snapshot)
        new, paths = with_inputs(old, files)
        base, _ = with_inputs(await self._parts.snapshots.load(thread.base_snapshot), files, paths)
        digest, base_digest = await self._parts.snapshots.save(new), await self._parts.snapshots.save(base)
        if self._sandbox is not None:
            await self._sandbox.push(new, self._parts.blobs)
        keep = KeepWorkspace(thread_id=thread.thread_id, snapshot=digest, base_snapshot=base_digest)
        return (keep, Record((self._changed(digest, compare(old, new)),))), paths

    def _changed(self, digest: str, changes: ChangeSet) -> Event:
        return FilesChanged(
            task_id=self._run.task.task_id, at=self._parts.clock.now(), snapshot=digest, changes=changes
        )

    async def lose(self) -> None:
        """Forget a sandbox that is gone; the next use makes a new one from the snapshot."""
        if self._sandbox is not None:
            await self._sandbox.close()
        self._sandbox, self._filled = None, False

    async def close(self) -> None:
        """Remove the sandbox, one that was never used here included: a task that waits or has ended holds none."""
        if self._left:
            self._sandbox = await self._parts.sandboxes.open(self._run.thread.thread_id, state=self._left)
            self._left = ""
        if self._sandbox is not None:
            await self._sandbox.close()
            self._sandbox = None

    async def detach(self) -> None:
        """Leave the sandbox running for whoever takes the task up again."""
        if self._sandbox is not None:
            await self._sandbox.detach()
            self._sandbox = None


def shown(changes: ChangeSet) -> ChangeSet:
    """The changes without our own scratch folder."""
    return ChangeSet(tuple(c for c in changes.changes if not PurePosixPath(c.path).is_relative_to(SCRATCH)))


def with_inputs(
    manifest: Manifest, files: tuple[WorkFile, ...], paths: tuple[str, ...] = ()
) -> tuple[Manifest, tuple[str, ...]]:
    """The manifest with these files below `inputs/`, at `paths` when given, and the paths used."""
    entries = {entry.path: entry for entry in manifest.entries}
    used: list[str] = []
    for number, file in enumerate(files):
        path = paths[number] if paths else _free(f"{INPUTS}/{file.path}", entries)
        for parent in list(PurePosixPath(path).parents)[:-1]:
            folder = Entry(path=str(parent), type="dir", mode=0o755, size_bytes=0, content="")
            entries.setdefault(str(parent), folder)
        entries[path] = Entry(path=path, type="file", mode=0o644, size_bytes=file.size_bytes, content=file.sha256)
        used.append(path)
    return Manifest.of(entries.values()), tuple(used)


def _free(path: str, taken: dict[str, Entry]) -> str:
    pure, number = PurePosixPath(path), 2
    candidate = path
    while candidate in taken:
        candidate = str(pure.with_name(f"{pure.stem} ({number}){pure.suffix}"))
        number += 1
    return candidate
