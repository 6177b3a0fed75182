"""Names of files that people hand over."""

from __future__ import annotations

from pathlib import PurePosixPath

from agent.domain.errors import Refused

NAME_BYTES = 200
"""Of one part, as UTF-8: file systems take 255, and a number may be put behind a name that is taken."""
_ENDING_BYTES = 20


def clean_path(path: str) -> str:
    """A relative path without `..`, dot parts and control characters; parts too long for a file system are cut before
    their ending. Raises `Refused` when nothing is left."""
    parts = ["".join(c for c in part if c.isprintable()).strip() for part in path.replace("\\", "/").split("/")]
    kept = [_cut(part) for part in parts if part not in ("", ".", "..")]
    if not kept:
        raise Refused(f"{path!r} is no usable file name.", next_step="Rename the file and try again.")
    return str(PurePosixPath(*kept))


def _cut(name: str) -> str:
    if len(name.encode()) <= NAME_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending.encode()) > _ENDING_BYTES:
        stem, dot, ending = name, "", ""
    room = NAME_BYTES - len((dot + ending).encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip() + dot + ending
