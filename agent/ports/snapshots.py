"""Snapshots of workspaces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from agent.domain.files import Manifest


class SnapshotStore(Protocol):
    """Manifests by their digest; the file bytes are in the blob store."""

    async def save(self, manifest: Manifest) -> str:
        """Store a manifest and return its digest."""
        ...

    async def load(self, digest: str) -> Manifest:
        """The manifest; the empty digest is the empty workspace. Raises `NotFound`."""
        ...

    async def unneeded(self, gone: Iterable[str], *, snapshots: Iterable[str], files: Iterable[str]) -> tuple[str, ...]:
        """The blobs that may be deleted once nobody names the digests of `gone` any more: those, and what the
        manifests among them name, but for `files` and all that the manifests `snapshots` name.

        In the order to delete them: manifests last, so that whoever dies in between finds the rest again.
        """
        ...
