"""Manifests by their digest."""

from __future__ import annotations

import re
from collections.abc import Iterable

from agent.domain.errors import Bug, NotFound
from agent.domain.files import Manifest
from agent.ports.blobs import BlobStore

_SHA256 = re.compile("[0-9a-f]{64}")


class Snapshots:
    """Saves and loads the manifest of a workspace; the empty digest is the one nothing was ever put into."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    async def save(self, manifest: Manifest) -> str:
        """Its digest, once it is stored durably. The files' bytes must be stored before: a committed snapshot may never
        name bytes that are not there."""
        return await self._blobs.put(manifest.to_json())

    async def load(self, digest: str) -> Manifest:
        """The manifest. Raises `NotFound` for an unknown digest, `Bug` for one of something else."""
        if not digest:
            return Manifest()
        data = await self._blobs.get(digest)
        try:
            return Manifest.from_json(data)
        except (ValueError, TypeError) as error:
            raise Bug(f"blob {digest} is not a snapshot") from error

    async def unneeded(self, gone: Iterable[str], *, snapshots: Iterable[str], files: Iterable[str]) -> tuple[str, ...]:
        """What of `gone`, and of what the manifests in it name, nobody else needs; manifests last."""
        needed = set(snapshots)
        kept = needed | set(files)
        for digest in needed:
            try:
                kept |= _contents(await self.load(digest))
            except NotFound:
                continue  # nobody can go back to it
        first: set[str] = set()
        last: set[str] = set()
        for digest in {*gone} - kept:
            try:
                manifest = _manifest_in(await self._blobs.get(digest))
            except NotFound:
                continue
            except Bug:  # damaged
                manifest = None
            if manifest is None:
                first.add(digest)
            else:
                first |= _contents(manifest) - kept
                last.add(digest)
        return (*sorted(first - last), *sorted(last))


def _manifest_in(data: bytes) -> Manifest | None:
    """A file of somebody's may read as a manifest, too: what it names is deleted only if nobody needs it."""
    if data != b"[]" and not data.startswith(b'[["'):
        return None
    try:
        return Manifest.from_json(data)
    except (ValueError, TypeError, RecursionError):
        return None


def _contents(manifest: Manifest) -> set[str]:
    return {str(e.content) for e in manifest.entries if e.type == "file" and _SHA256.fullmatch(str(e.content))}
