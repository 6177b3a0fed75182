"""Content-addressed bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

PIECE_BYTES = 256 * 1024
"""The largest piece that a blob is read in; also what a file that comes in takes in memory."""
IN_FLIGHT_BYTES = 16 * 1024 * 1024
"""Of all files that come in at a time, in one process; further ones wait."""


class Incoming(Protocol):
    """Bytes on their way in."""

    @property
    def sha256(self) -> str:
        """Of what was written so far."""
        ...

    async def write(self, piece: bytes) -> None:
        """Add to them. Raises `Refused` when the disk is full."""
        ...

    async def keep(self) -> str:
        """Store durably what was written, as `BlobStore.put` does, and return its sha256. Once, and nothing after."""
        ...


class BlobStore(Protocol):
    """Bytes by their sha256, immutable once there."""

    async def put(self, data: bytes) -> str:
        """Store these bytes durably (flushed to disk on return) and return their sha256. Storing twice is harmless.

        Raises `Refused` naming the folder when the disk is full.
        """
        ...

    def incoming(self) -> AbstractAsyncContextManager[Incoming]:
        """A file that comes piece by piece and is never held whole; what was not kept when the block ends is gone.

        Entering waits while files of `IN_FLIGHT_BYTES` are coming in: begin to read the source inside.
        """
        ...

    def pieces(self, sha256: str) -> AsyncIterator[bytes]:
        """The bytes in pieces of at most `PIECE_BYTES`. Raises as `get`, but `Bug` only after the last piece."""
        ...

    async def get(self, sha256: str) -> bytes:
        """The bytes. Raises `NotFound` for an unknown digest and `Bug` when the stored bytes no longer match it."""
        ...

    async def missing(self, sha256s: Iterable[str]) -> set[str]:
        """Those of the digests that are not stored."""
        ...

    async def delete(self, sha256: str) -> None:
        """Remove the bytes; what is not stored is no fault. Only for digests that nothing refers to: whoever stores the
        same bytes at this moment may lose them."""
        ...
