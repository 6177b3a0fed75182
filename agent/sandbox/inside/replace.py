"""Making a workspace equal to a manifest, reusing every byte that is there already."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import cast

from agent.sandbox.inside.files import OURS, STAGE, Failed, Row, Steps, Workspace, remove_tree


class Replacement:
    """One `push`: `prepare`, then `receive` each digest of `needed`, then `place`."""

    def __init__(self, workspace: Workspace, wanted: list[Row]) -> None:
        self._workspace = workspace
        self._wanted = {row[0]: row for row in wanted}
        self._in_place: set[str] = set()
        self._folder = os.open(workspace.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._stage = os.path.join(workspace.root, STAGE)
        self.needed: dict[str, int] = {}

    def prepare(self) -> Steps:
        """Set aside what can be reused, delete what has no place, and find out what is missing."""
        self._clear(OURS)
        os.mkdir(STAGE, 0o700, dir_fd=self._folder)
        have: list[Row] = []
        try:
            yield from self._workspace.rows(have)
        except Failed:
            # Too large or too deep to look through. It need not be kept, so it must not stop us from replacing it.
            have.clear()
            self._clear("")
            os.mkdir(STAGE, 0o700, dir_fd=self._folder)
        for path in [row[0] for row in have if row[1] == "dir"]:
            os.chmod(self._at(path), 0o700)
        for path in self._workspace.left_out:
            self._remove(path)
        self._in_place = {row[0] for row in have if self._same(row)}
        contents = {row[4]: row[2] for row in self._wanted.values() if row[1] == "file"}
        for path, kind, _, _, content in have:
            if kind == "file" and content in contents:
                # A second name for the same file: it survives the deletions below and costs nothing.
                with contextlib.suppress(FileExistsError):
                    os.link(self._at(path), self._staged(content), follow_symlinks=False)
        for path, kind, _, _, _ in reversed(have):
            wanted = self._wanted.get(path)
            if path not in self._in_place and (wanted is None or wanted[1] != kind or kind != "dir"):
                self._remove(path)
        yield
        for path, kind, _, size, content in self._wanted.values():
            if kind == "file" and path not in self._in_place and not os.path.exists(self._staged(content)):
                self.needed[content] = size

    def receive(self, content: str) -> str:
        """Where the bytes of this digest are to be written."""
        if content not in self.needed:
            raise Failed("These bytes were not asked for.")
        return self._staged(content)

    def place(self) -> Steps:
        """Put everything where it belongs, folders' modes last because a read-only folder takes no files."""
        folders: list[Row] = []
        uses: dict[str, int] = {}
        for row in self._wanted.values():
            if row[1] == "file" and row[0] not in self._in_place:
                uses[row[4]] = uses.get(row[4], 0) + 1
        kept = {self._wanted[path][4] for path in self._in_place}
        for path, kind, mode, size, content in sorted(self._wanted.values()):
            target = self._at(path)
            if kind == "dir":
                os.makedirs(target, 0o700, exist_ok=True)
                os.chmod(target, 0o700)
                folders.append((path, kind, mode, size, content))
            elif path not in self._in_place:
                os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
                if kind == "link":
                    os.symlink(content, target)
                    continue
                uses[content] -= 1
                # The last user of the bytes gets the file itself, all others a copy: two names for one file would
                # let an edit of one change the other.
                if uses[content] or content in kept:
                    shutil.copyfile(self._staged(content), target)
                else:
                    os.rename(self._staged(content), target)
                os.chmod(target, mode & 0o777)
                yield
        for path, _, mode, _, _ in reversed(folders):
            os.chmod(self._at(path), mode & 0o777)

    def close(self) -> None:
        """Remove the stage."""
        with contextlib.suppress(OSError):
            remove_tree(STAGE, self._folder)
        os.close(self._folder)

    def _clear(self, prefix: str) -> None:
        for name in os.listdir(self._folder):
            if name.startswith(prefix):
                remove_tree(name, self._folder)

    def _same(self, row: Row) -> bool:
        return row[1] != "dir" and self._wanted.get(row[0]) == row

    def _at(self, path: str) -> str:
        return os.path.join(self._workspace.root, path)

    def _staged(self, content: str) -> str:
        return os.path.join(self._stage, content)

    def _remove(self, path: str) -> None:
        parent, name = os.path.split(self._at(path))
        with contextlib.suppress(FileNotFoundError):
            folder = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                remove_tree(name, folder)
            finally:
                os.close(folder)


def checked_rows(value: object) -> list[Row]:
    """The rows of a manifest that came over the wire; raises Failed for a path that is not plainly inside."""
    rows: list[Row] = []
    if not isinstance(value, list):
        raise Failed("This is not a manifest.")
    for path, kind, mode, size, content in cast("list[Row]", value):
        parts = str(path).split("/")
        if not path or path.startswith("/") or "\0" in path or any(part in ("", ".", "..") for part in parts):
            raise Failed(f"{path!r} cannot be a path of a workspace.")
        if kind == "file" and (len(content) != 64 or not content.isalnum()):
            raise Failed(f"{path!r} has no digest.")
        rows.append((path, kind, mode, size, content))
    solid = {row[0] for row in rows if row[1] != "dir"}
    for path, _, _, _, _ in rows:
        above = os.path.dirname(path)
        while above:
            if above in solid:
                raise Failed(f"{path!r} lies below something that is not a folder.")
            above = os.path.dirname(above)
    return rows
