"""Files on their way from a person to a task: stored, and named by nothing yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from agent.domain.errors import Refused
from agent.domain.events import Event, FileDelivered, Steered, TaskAccepted
from agent.domain.files import WorkFile
from agent.ports.blobs import BlobStore
from agent.ports.clock import Clock
from agent.ports.journal import Journal
from agent.ports.snapshots import SnapshotStore
from agent.service.paths import clean_path

UPLOAD_LIMIT_BYTES = 64 * 1024 * 1024
REMEMBERED = timedelta(days=8)
"""So long a file may wait for the message it belongs to; a receipt of the web chat is good for less."""


class Uploads:
    """Stores what people hand over, and removes what is forgotten. One per process.

    Another process may store the same bytes at the moment they are forgotten here; `start` finds that out.
    """

    def __init__(self, journal: Journal, blobs: BlobStore, snapshots: SnapshotStore, clock: Clock) -> None:
        self._journal, self._blobs, self._snapshots, self._clock = journal, blobs, snapshots, clock
        self._loose: dict[tuple[str, str], datetime] = {}
        """When the files of a conversation (sha256; no conversation: not known yet) came that no task has."""
        # Held while a file gets its name, while a task gets files, and while what nobody needs is looked for and
        # removed: neither of these may happen in the middle of another.
        self._naming = asyncio.Lock()

    async def keep(self, path: str, pieces: AsyncIterator[bytes], media_type: str, *, thread_id: str) -> WorkFile:
        """Store a file, never held whole. Raises `Refused` for an impossible name, for more than 64 MiB, and when its
        conversation was forgotten while it came."""
        clean, began, size = clean_path(path), self._clock.now(), 0
        async with self._blobs.incoming() as incoming:
            async for piece in pieces:
                size += len(piece)
                if size > UPLOAD_LIMIT_BYTES:
                    raise too_big(clean)
                await incoming.write(piece)
            async with self._naming:
                if thread_id:
                    thread = await self._journal.thread(thread_id)
                    if thread is not None and thread.forgotten_at is not None and thread.forgotten_at >= began:
                        raise Refused("This conversation was forgotten while it came.", next_step="Send it again.")
                sha256 = await incoming.keep()
                self._note(thread_id, sha256)
        return WorkFile(path=clean, size_bytes=size, sha256=sha256, media_type=media_type or "application/octet-stream")

    @asynccontextmanager
    async def given(self, files: Collection[WorkFile], thread_id: str) -> AsyncGenerator[None]:
        """A block in which a task of this conversation gets these files. Raises `Refused` when they were forgotten."""
        if not files:
            yield
            return
        async with self._naming:
            if await self._blobs.missing({file.sha256 for file in files}):
                raise Refused("A file of this message is no longer there.", next_step="Send it again.")
            yield
            self._drop(files, thread_id)

    async def discard(self, files: Iterable[WorkFile], thread_id: str) -> None:
        """Remove files that no task got after all."""
        files = tuple(files)
        if not files:
            return
        async with self._naming:
            self._drop(files, thread_id)
            await self._remove({file.sha256 for file in files})

    async def forget(self, thread_id: str) -> None:
        """Forget a conversation and remove its files, those included that had just come."""
        async with self._naming:
            gone = set(await self._journal.forget(thread_id, self._clock.now()))
            for key in [key for key in self._loose if key[0] == thread_id]:
                del self._loose[key]
                gone.add(key[1])
            await self._remove(gone)

    async def _remove(self, gone: set[str]) -> None:
        # Before the journal is read: what leaves this list is named there already.
        loose = {sha256 for _, sha256 in self._loose}
        needed = await self._journal.referenced()
        for sha256 in await self._snapshots.unneeded(gone, snapshots=needed.snapshots, files=needed.files | loose):
            await self._blobs.delete(sha256)

    def _note(self, thread_id: str, sha256: str) -> None:
        now = self._clock.now()
        self._loose = {key: at for key, at in self._loose.items() if now - at < REMEMBERED}
        self._loose[thread_id, sha256] = now

    def _drop(self, files: Iterable[WorkFile], thread_id: str) -> None:
        for file in files:
            if self._loose.pop((thread_id, file.sha256), None) is None:
                self._loose.pop(("", file.sha256), None)


def files_of(events: Iterable[Event]) -> set[str]:
    """The files that a task was given and has delivered, previews included."""
    found: set[str] = set()
    for event in events:
        match event:
            case TaskAccepted(files=files) | Steered(files=files):
                found |= {file.sha256 for file in files}
            case FileDelivered(file=file, previews=previews):
                found |= {file.sha256, *(preview.sha256 for preview in previews)}
            case _:
                pass
    return found


def too_big(name: str) -> Refused:
    """What is said of a file that is larger than fits; the same wherever it is handed over."""
    return Refused(f"{name} is larger than {UPLOAD_LIMIT_BYTES // 1024**2} MiB.", next_step="Split it.")


async def in_one_piece(data: bytes) -> AsyncIterator[bytes]:
    """Bytes that are there already."""
    yield data
