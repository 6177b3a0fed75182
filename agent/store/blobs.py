"""Content-addressed bytes in a folder: `ab/abcdef…`, written once, flushed before they are named."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, TypeVar

from agent.domain.errors import Bug, NotFound
from agent.ports.blobs import IN_FLIGHT_BYTES, PIECE_BYTES
from agent.store.faults import disk_full

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_NEW = ".new-"
BROKEN_OFF = timedelta(days=1)
"""Nothing takes so long to come in."""

T = TypeVar("T")


class FileBlobs:
    """The blob store of one data folder; several processes may share it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        # Guards the memory: each file that comes in holds one piece of itself.
        self._room = asyncio.Semaphore(IN_FLIGHT_BYTES // PIECE_BYTES)

    async def put(self, data: bytes) -> str:
        """Store these bytes durably and return their sha256. Raises `Refused` when the disk is full."""
        return await asyncio.to_thread(self._put, data)

    @asynccontextmanager
    async def incoming(self) -> AsyncGenerator[FileIncoming]:
        """A file that comes piece by piece, first under a name of its own."""
        async with self._room:
            incoming = FileIncoming(self)
            try:
                yield incoming
            finally:
                await asyncio.to_thread(incoming.drop)

    async def pieces(self, sha256: str) -> AsyncIterator[bytes]:
        """The bytes, a piece at a time."""
        digest = hashlib.sha256()
        try:
            file = await asyncio.to_thread(self._path(sha256).open, "rb")
        except FileNotFoundError:
            raise _unknown(sha256) from None
        try:
            while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
                digest.update(piece)
                yield piece
        finally:
            await asyncio.to_thread(file.close)
        if digest.hexdigest() != sha256:
            raise _damaged(sha256)

    async def get(self, sha256: str) -> bytes:
        """The bytes. Raises `NotFound`, and `Bug` when they are damaged."""
        return await asyncio.to_thread(self._get, sha256)

    async def missing(self, sha256s: Iterable[str]) -> set[str]:
        """Those of the digests that are not stored."""
        return await asyncio.to_thread(self._missing, set(sha256s))

    async def delete(self, sha256: str) -> None:
        """Remove the bytes for good; what is not stored, or is no sha256, is no fault."""
        await asyncio.to_thread(self._delete, sha256)

    async def tidy(self, now: datetime) -> int:
        """Remove what came in and never got its name, because its process was killed; returns how many. What was
        written to within a day may still be coming."""
        return await asyncio.to_thread(self._tidy, (now - BROKEN_OFF).timestamp())

    def _put(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        if path.exists() and path.stat().st_size == len(data):
            return digest
        incoming = FileIncoming(self)
        try:
            incoming.add(data)
            return incoming.place()
        finally:
            incoming.drop()

    def temporary(self) -> tuple[int, Path]:
        """A new file beside the blobs, open for writing. Blocks; for `FileIncoming`."""
        _make_folder(self._root)
        handle, name = tempfile.mkstemp(dir=self._root, prefix=_NEW)
        return handle, Path(name)

    def place(self, temporary: Path, digest: str) -> None:
        """Give a flushed file its name. Blocks; for `FileIncoming`."""
        path = self._path(digest)
        _make_folder(path.parent)
        temporary.replace(path)
        _flush_folder(path.parent)

    def bearing(self, work: Callable[[], T]) -> T:
        """What `work` gives; `Refused` where the disk is full. For `FileIncoming`."""
        try:
            return work()
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise disk_full(self._root) from error
            raise

    def _get(self, sha256: str) -> bytes:
        try:
            data = self._path(sha256).read_bytes()
        except FileNotFoundError:
            raise _unknown(sha256) from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise _damaged(sha256)
        return data

    def _missing(self, sha256s: set[str]) -> set[str]:
        return {digest for digest in sha256s if not self._path(digest).exists()}

    def _tidy(self, before: float) -> int:
        gone = 0
        for path in self._root.glob(f"{_NEW}*"):
            with suppress(FileNotFoundError):  # it has just got its name, in another process
                if path.stat().st_mtime < before:
                    path.unlink()
                    gone += 1
        return gone

    def _delete(self, sha256: str) -> None:
        if _DIGEST.fullmatch(sha256) and (path := self._path(sha256)).exists():
            path.unlink(missing_ok=True)
            _flush_folder(path.parent)

    def _path(self, sha256: str) -> Path:
        # Digests come from manifests and links; nothing else may become a path.
        if not _DIGEST.fullmatch(sha256):
            raise NotFound(f"{sha256!r} is not a sha256.")
        return self._root / sha256[:2] / sha256


class FileIncoming:
    """A file that is being written. `add`, `place` and `drop` block."""

    def __init__(self, blobs: FileBlobs) -> None:
        self._blobs = blobs
        self._hash = hashlib.sha256()
        self._held = bytearray()
        self._file: BinaryIO | None = None
        self._path: Path | None = None

    @property
    def sha256(self) -> str:
        """Of what was written so far."""
        return self._hash.hexdigest()

    async def write(self, piece: bytes) -> None:
        """Add to it. Small pieces are gathered, so that not each of them costs a trip to a thread."""
        self._hash.update(piece)
        self._held += piece
        if len(self._held) >= PIECE_BYTES:
            held, self._held = self._held, bytearray()
            await asyncio.to_thread(self._append, held)

    async def keep(self) -> str:
        """Flush it and give it its name."""
        return await asyncio.to_thread(self.place)

    def add(self, data: bytes) -> None:
        """Add to it at once."""
        self._hash.update(data)
        self._append(data)

    def place(self) -> str:
        """Flush it and give it its name."""
        self._append(self._held)
        return self._blobs.bearing(self._place)

    def drop(self) -> None:
        """Remove what was not placed."""
        if self._file is not None:
            # A full disk shows once more when the rest is flushed; the file goes anyway.
            with suppress(OSError):
                self._file.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _append(self, data: bytes | bytearray) -> None:
        self._blobs.bearing(lambda: self._open().write(data))

    def _open(self) -> BinaryIO:
        if self._file is None:
            handle, self._path = self._blobs.temporary()
            self._file = os.fdopen(handle, "wb")
        return self._file

    def _place(self) -> str:
        file = self._open()
        file.flush()
        os.fsync(file.fileno())
        file.close()
        if self._path is None:
            raise Bug("a file without a path")
        self._blobs.place(self._path, self.sha256)
        self._path = None
        return self.sha256


def _unknown(sha256: str) -> NotFound:
    return NotFound(f"There is no stored file {sha256!r}.")


def _damaged(sha256: str) -> Bug:
    return Bug(f"the stored bytes of {sha256} are damaged")


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _flush_folder(folder.parent)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
