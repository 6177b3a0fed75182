"""A BlobStore in a dict, for suites that need one."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager

from agent.domain.errors import NotFound
from agent.ports.blobs import PIECE_BYTES


class MemoryBlobs:
    """Bytes by sha256; `puts` counts what was stored, for tests of what is sent."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self.puts = 0

    async def put(self, data: bytes) -> str:
        self.puts += 1
        digest = hashlib.sha256(data).hexdigest()
        self._blobs[digest] = data
        return digest

    @asynccontextmanager
    async def incoming(self) -> AsyncGenerator[MemoryIncoming]:
        yield MemoryIncoming(self)

    async def pieces(self, sha256: str) -> AsyncIterator[bytes]:
        data = await self.get(sha256)
        for at in range(0, len(data), PIECE_BYTES):
            yield data[at : at + PIECE_BYTES]

    async def get(self, sha256: str) -> bytes:
        if sha256 not in self._blobs:
            raise NotFound(f"There is no blob {sha256!r}.")
        return self._blobs[sha256]

    async def missing(self, sha256s: Iterable[str]) -> set[str]:
        return {digest for digest in sha256s if digest not in self._blobs}

    async def delete(self, sha256: str) -> None:
        self._blobs.pop(sha256, None)


class MemoryIncoming:
    """Bytes on their way into one."""

    def __init__(self, blobs: MemoryBlobs) -> None:
        self._blobs, self._data = blobs, bytearray()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self._data).hexdigest()

    async def write(self, piece: bytes) -> None:
        self._data += piece

    async def keep(self) -> str:
        return await self._blobs.put(bytes(self._data))
