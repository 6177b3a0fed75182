"""Files of a workspace: entries, manifests (snapshots) and the difference between two."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

EntryType = Literal["file", "dir", "link"]
ChangeType = Literal["created", "overwritten", "deleted", "moved"]
ChartKind = Literal["bar", "line", "area", "pie"]

INPUTS = PurePosixPath("inputs")
"""Folder of the workspace that holds what people handed over."""
OUTPUTS = PurePosixPath("outputs")
"""Folder of the workspace for finished files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableExcerpt:
    """The first rows of a delivered table, read inside the sandbox from the very file. `sheet` is empty for text files.

    `rows_total` and `columns_total` are those of the file, the header not counted; all rows are as wide as `header`.
    """

    sheet: str = ""
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    rows_total: int
    columns_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartSeries:
    """One line, or one colour of bars: a value for each label."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartExcerpt:
    """A chart of a delivered workbook as numbers, whole: at most 20 labels and 12 series."""

    kind: ChartKind
    title: str = ""
    labels: tuple[str, ...]
    series: tuple[ChartSeries, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One path of a workspace. `content` is the sha256 of a file, the target of a link, empty for a folder."""

    path: str
    type: EntryType
    mode: int
    size_bytes: int
    content: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole workspace at one moment, sorted by path; its digest names the Snapshot."""

    entries: tuple[Entry, ...] = ()

    @staticmethod
    def of(entries: Iterable[Entry]) -> Manifest:
        """The manifest of these entries, in canonical order."""
        return Manifest(tuple(sorted(entries, key=lambda entry: entry.path)))

    def to_json(self) -> bytes:
        """Canonical bytes: equal workspaces give equal bytes."""
        rows = [[e.path, e.type, e.mode, e.size_bytes, e.content] for e in self.entries]
        return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogateescape")

    @staticmethod
    def from_json(data: bytes) -> Manifest:
        """Reads what `to_json` wrote; raises ValueError on anything else."""
        rows = json.loads(data.decode("utf-8", "surrogateescape"))
        return Manifest(tuple(Entry(path=p, type=t, mode=m, size_bytes=s, content=c) for p, t, m, s, c in rows))

    @property
    def digest(self) -> str:
        """sha256 of the canonical bytes."""
        return hashlib.sha256(self.to_json()).hexdigest()

    def files(self) -> Mapping[str, Entry]:
        """The regular files by path."""
        return {e.path: e for e in self.entries if e.type == "file"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkFile:
    """A file a person can get: path in the workspace, size, digest."""

    path: str
    size_bytes: int
    sha256: str
    media_type: str = "application/octet-stream"

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One file that differs between two manifests. `was` is the older path of a moved file."""

    type: ChangeType
    path: str
    size_bytes: int
    was: str = ""


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What became different, sorted by path."""

    changes: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes)

    def count(self, type_: ChangeType) -> int:
        """How many changes are of this type."""
        return sum(change.type == type_ for change in self.changes)


def compare(old: Manifest, new: Manifest, *, below: PurePosixPath | None = None) -> ChangeSet:
    """The ChangeSet from `old` to `new`, optionally only for paths below one folder.

    A file that vanished and whose bytes appear under a new path counts as moved, once; of several equal ones, the one
    with the same name.
    """
    before, after = _below(old, below), _below(new, below)
    gone = {path: entry for path, entry in before.items() if path not in after}
    changes: list[Change] = []
    by_content: dict[str, list[str]] = {}
    for path, entry in gone.items():
        by_content.setdefault(entry.content, []).append(path)
    for path, entry in after.items():
        if path in before:
            if before[path].content != entry.content:
                changes.append(Change(type="overwritten", path=path, size_bytes=entry.size_bytes))
        elif sources := by_content.get(entry.content):
            name = PurePosixPath(path).name
            was = next((source for source in sources if PurePosixPath(source).name == name), sources[0])
            sources.remove(was)
            del gone[was]
            changes.append(Change(type="moved", path=path, was=was, size_bytes=entry.size_bytes))
        else:
            changes.append(Change(type="created", path=path, size_bytes=entry.size_bytes))
    changes += [Change(type="deleted", path=p, size_bytes=e.size_bytes) for p, e in gone.items()]
    return ChangeSet(tuple(sorted(changes, key=lambda change: change.path)))


def _below(manifest: Manifest, folder: PurePosixPath | None) -> dict[str, Entry]:
    files = manifest.files()
    if folder is None:
        return dict(files)
    return {path: entry for path, entry in files.items() if PurePosixPath(path).is_relative_to(folder)}
