"""A workspace that is a dict, optionally mirrored to one file so that another process finds it again."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from agent.domain.errors import ToolFailed
from agent.domain.files import EntryType


@dataclass(frozen=True, slots=True)
class Node:
    """One path: a file's bytes, a link's target (as bytes), or nothing for a folder."""

    type: EntryType
    mode: int
    data: bytes = b""


class MemoryFiles:
    """The workspace a scripted command sees. All paths are relative to its root; nothing else can be reached."""

    def __init__(self, mirror: Path | None = None) -> None:
        self._mirror = mirror
        self._nodes: dict[str, Node] = {}
        if mirror is not None and mirror.exists():
            rows = json.loads(mirror.read_text(encoding="utf-8"))
            self._nodes = {path: Node(kind, mode, base64.b64decode(data)) for path, kind, mode, data in rows}

    def read(self, path: str) -> bytes:
        """A file's bytes; links inside the workspace are followed. Raises `ToolFailed` where there is no file."""
        key = self._follow(_clean(path))
        node = self._nodes.get(key)
        if node is None:
            raise ToolFailed(f"There is no file {path!r} in the workspace.")
        if node.type != "file":
            raise ToolFailed(f"{path!r} is not a regular file.")
        return node.data

    def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Create or replace a file, making its parent folders."""
        key = _clean(path)
        node = self._nodes.get(key)
        if not key or (node is not None and node.type == "dir"):
            raise ToolFailed(f"{path!r} is a folder.")
        self._parents(key)
        self._nodes[key] = Node("file", mode, data)
        self._save()

    def mkdir(self, path: str, *, mode: int = 0o755) -> None:
        """A folder and its parents."""
        key = _clean(path)
        self._parents(key)
        if key and self._nodes.setdefault(key, Node("dir", mode)).type != "dir":
            raise ToolFailed(f"{path!r} exists and is not a folder.")
        self._save()

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        key = _clean(path)
        self._parents(key)
        self._nodes[key] = Node("link", 0o777, target.encode("utf-8", "surrogateescape"))
        self._save()

    def remove(self, path: str) -> bool:
        """Remove a path with all below it; False where there was nothing."""
        key = _clean(path)
        gone = [name for name in self._nodes if name == key or name.startswith(f"{key}/")]
        for name in gone:
            del self._nodes[name]
        self._save()
        return bool(gone)

    def exists(self, path: str) -> bool:
        """Whether the path, or its link's end, is there."""
        key = self._follow(_clean(path))
        return not key or key in self._nodes

    def is_dir(self, path: str) -> bool:
        """Whether the path is a folder."""
        key = self._follow(_clean(path))
        return not key or (key in self._nodes and self._nodes[key].type == "dir")

    def list(self, path: str = ".") -> list[str]:
        """The names directly in a folder, sorted."""
        key = self._follow(_clean(path))
        prefix = f"{key}/" if key else ""
        return sorted(
            name[len(prefix) :] for name in self._nodes if name.startswith(prefix) and "/" not in name[len(prefix) :]
        )

    def walk(self) -> Iterator[tuple[str, Node]]:
        """Every path with its node, sorted."""
        yield from sorted(self._nodes.items())

    def replace_all(self, nodes: dict[str, Node]) -> None:
        """Make the workspace equal to these nodes."""
        self._nodes = dict(nodes)
        self._save()

    @property
    def size_bytes(self) -> int:
        """Sum of all files."""
        return sum(len(node.data) for node in self._nodes.values())

    def _parents(self, key: str) -> None:
        for parent in list(PurePosixPath(key).parents)[-2::-1]:
            if self._nodes.setdefault(str(parent), Node("dir", 0o755)).type == "file":
                raise ToolFailed(f"{str(parent)!r} is a file, not a folder.")

    def _follow(self, key: str) -> str:
        for _ in range(16):
            node = self._nodes.get(key)
            if node is None or node.type != "link":
                return key
            target = node.data.decode("utf-8", "surrogateescape")
            key = _clean(str(PurePosixPath(key).parent / target))
        raise ToolFailed(f"{key!r} is a chain of too many links.")

    def _save(self) -> None:
        if self._mirror is None:
            return
        rows = [[path, n.type, n.mode, base64.b64encode(n.data).decode("ascii")] for path, n in self._nodes.items()]
        draft = self._mirror.with_suffix(".new")
        draft.write_text(json.dumps(rows), encoding="utf-8")
        draft.replace(self._mirror)


def _clean(path: str) -> str:
    """The path without `.` and `..`; raises ToolFailed for one that leaves the workspace."""
    if path.startswith("/"):
        root, _, rest = path.partition("/workspace")
        if root or (rest and not rest.startswith("/")):
            raise ToolFailed(f"{path!r} is outside the workspace.")
        path = rest.lstrip("/")
    parts: list[str] = []
    for part in PurePosixPath(path).parts:
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            raise ToolFailed(f"{path!r} is outside the workspace.")
    return "/".join(parts)
