"""The workspace as the tool server sees it: safe look-ups, one walk with remembered digests, exact replacement."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator

OURS = ".gofer."
"""What begins so at the workspace's root is work of ours in progress; never part of a manifest."""
STAGE = OURS + "stage"
_RACY_NS = 50_000_000
"""A file changed so shortly before it was read could change again within the same clock tick: it is not remembered."""
_CHUNK = 1024 * 1024
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DIR = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC

Row = tuple[str, str, int, int, str]  # path, type, mode, size, content: as in a Manifest
Steps = Iterator[None]
"""A piece of work that gives others a turn at each step."""


class Failed(Exception):
    """The request cannot be done; the text goes to whoever asked."""


class Limits:
    """How large a workspace may be to be collected."""

    def __init__(self, entries: int, depth: int, file_bytes: int) -> None:
        self.entries = entries
        self.depth = depth
        self.file_bytes = file_bytes


class Workspace:
    """One folder and everything below it; nothing outside is ever reached through it."""

    def __init__(self, root: str, limits: Limits) -> None:
        self.root = root
        self._limits = limits
        self.left_out: list[str] = []
        """Sockets, devices and FIFOs seen by the last `rows`."""
        self._index: dict[tuple[int, int, int, int, int], str] = {}

    def open_file(self, path: str) -> int:
        """A descriptor of a regular file. Links are followed as long as they stay inside."""
        folder, name = self.parent_of(path)
        try:
            descriptor = _open_anyhow(name, _FILE, folder, 0o600)
        finally:
            os.close(folder)
        if descriptor < 0:
            raise Failed(f"There is no file {path!r} in the workspace.")
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise Failed(f"{path!r} is not a regular file.")
        return descriptor

    def folder(self, path: str) -> str:
        """The absolute path of an existing folder of the workspace."""
        descriptor, _ = self._walk_to(path, make=False, whole=True)
        try:
            return os.readlink(f"/proc/self/fd/{descriptor}")
        finally:
            os.close(descriptor)

    def parent_of(self, path: str, *, make: bool = False) -> tuple[int, str]:
        """A descriptor of the folder that holds this path, and the name in it, all links resolved."""
        return self._walk_to(path, make=make, whole=False)

    def write(self, path: str, mode: int = 0o644) -> Draft:
        """A draft that becomes this file."""
        folder, name = self.parent_of(path, make=True)
        return Draft(folder, name, path, mode)

    def rows(self, found: list[Row]) -> Steps:
        """Fill `found` with every path, sorted; digests of unchanged files come from memory."""
        fresh: dict[tuple[int, int, int, int, int], str] = {}
        self.left_out = []
        root = os.open(self.root, _DIR)
        try:
            yield from self._rows_below(root, "", 0, found, fresh)
        finally:
            os.close(root)
        self._index = fresh
        found.sort(key=lambda row: row[0])

    def _rows_below(
        self,
        folder: int,
        prefix: str,
        depth: int,
        found: list[Row],
        fresh: dict[tuple[int, int, int, int, int], str],
    ) -> Steps:
        if depth > self._limits.depth:
            raise Failed(f"The folders in the workspace are nested deeper than {self._limits.depth}.")
        for name in sorted(os.listdir(folder)):
            if depth == 0 and name.startswith(OURS):
                continue
            path = prefix + name
            if len(found) % 256 == 255:
                yield
            try:
                info = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                continue
            mode = stat.S_IMODE(info.st_mode) & 0o777
            if stat.S_ISDIR(info.st_mode):
                mode |= 0o500
                below = _open_anyhow(name, _DIR, folder, mode)
                if below >= 0:
                    os.fchmod(below, mode)
                    found.append((path, "dir", mode, 0, ""))
                    try:
                        yield from self._rows_below(below, path + "/", depth + 1, found, fresh)
                    finally:
                        os.close(below)
            elif stat.S_ISLNK(info.st_mode):
                with contextlib.suppress(OSError):
                    found.append((path, "link", 0o777, 0, os.readlink(name, dir_fd=folder)))
            elif stat.S_ISREG(info.st_mode):
                yield from self._file_row(folder, name, path, found, fresh)
            else:
                self.left_out.append(path)
            if len(found) > self._limits.entries:
                raise Failed(f"The workspace holds more than {self._limits.entries} files and folders.")

    def _file_row(
        self,
        folder: int,
        name: str,
        path: str,
        found: list[Row],
        fresh: dict[tuple[int, int, int, int, int], str],
    ) -> Steps:
        info = os.stat(name, dir_fd=folder, follow_symlinks=False)
        digest = self._index.get(_identity(info), "") if stat.S_ISREG(info.st_mode) else ""
        if not digest:
            descriptor = _open_anyhow(name, _FILE, folder, stat.S_IMODE(info.st_mode) & 0o777 | 0o400)
            if descriptor < 0:
                return
            try:
                info = os.fstat(descriptor)
                if not stat.S_ISREG(info.st_mode):
                    return
                if info.st_size > self._limits.file_bytes:
                    limit = self._limits.file_bytes
                    raise Failed(f"{path!r} has {info.st_size} bytes; files up to {limit} can be kept.")
                began = time.time_ns()
                hasher = hashlib.sha256()
                size = 0
                while chunk := os.read(descriptor, _CHUNK):
                    hasher.update(chunk)
                    size += len(chunk)
                    yield
                digest = hasher.hexdigest()
                unchanged = _identity(os.fstat(descriptor)) == _identity(info) and size == info.st_size
            finally:
                os.close(descriptor)
            if unchanged and began - info.st_ctime_ns > _RACY_NS:
                fresh[_identity(info)] = digest
            found.append((path, "file", stat.S_IMODE(info.st_mode) & 0o777, size, digest))
            return
        fresh[_identity(info)] = digest
        found.append((path, "file", stat.S_IMODE(info.st_mode) & 0o777, info.st_size, digest))

    def _walk_to(self, path: str, *, make: bool, whole: bool) -> tuple[int, str]:
        todo = [part for part in self._relative(path, path).split("/") if part][::-1]
        stack = [os.open(self.root, _DIR)]
        hops = 0
        try:
            while todo:
                part = todo.pop()
                if part == ".":
                    continue
                if part == "..":
                    if len(stack) == 1:
                        raise Failed(f"{path!r} is outside the workspace.")
                    os.close(stack.pop())
                    continue
                last = not todo and not whole
                target = _target(part, stack[-1])
                if target is not None and not (last and make):
                    hops += 1
                    if hops > 20:
                        raise Failed(f"{path!r} is a chain of too many links.")
                    if target.startswith("/"):
                        while len(stack) > 1:
                            os.close(stack.pop())
                    todo += [name for name in self._relative(target, path).split("/") if name][::-1]
                    continue
                if last:
                    return os.dup(stack[-1]), part
                stack.append(_enter(part, stack[-1], path, make=make))
            if not whole:
                raise Failed(f"{path!r} is a folder.")
            return os.dup(stack[-1]), ""
        finally:
            for descriptor in stack:
                os.close(descriptor)

    def _relative(self, path: str, asked: str) -> str:
        if "\0" in path:
            raise Failed("A path cannot hold a zero byte.")
        if not path.startswith("/"):
            return path
        if path == self.root or path.startswith(self.root + "/"):
            return path[len(self.root) :]
        raise Failed(f"{asked!r} is outside the workspace.")


class Draft:
    """A file being written beside its final place, and moved there when whole."""

    def __init__(self, folder: int, name: str, shown: str, mode: int) -> None:
        self._folder = folder
        self._name = name
        self._shown = shown
        self._temporary = OURS + os.urandom(8).hex()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._file = os.open(self._temporary, flags, 0o600, dir_fd=folder)
            os.fchmod(self._file, mode & 0o777)
        except OSError:
            os.close(folder)
            raise

    def add(self, data: bytes) -> None:
        """Append bytes."""
        while data:
            data = data[os.write(self._file, data) :]

    def commit(self) -> None:
        """Put the file in its place, over what was there."""
        try:
            os.rename(self._temporary, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except IsADirectoryError:
            self.discard()
            raise Failed(f"{self._shown!r} is a folder.") from None
        self._close()

    def discard(self) -> None:
        """Forget it. Harmless after `commit`."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                os.unlink(self._temporary, dir_fd=self._folder)
            self._close()

    def _close(self) -> None:
        os.close(self._file)
        os.close(self._folder)
        self._file = -1


def canonical(rows: list[Row]) -> bytes:
    """The bytes of a manifest: the same as the host's `Manifest.to_json`."""
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogateescape")


def remove_tree(name: str, folder: int) -> None:
    """Remove whatever is at this name, without following a link, even where the command took its own rights away.

    Folders are moved up beside it one by one, so that no depth of nesting is too deep.
    """
    if _unlinked(name, folder):
        return
    todo = [name]
    while todo:
        current = todo.pop()
        below = _open_anyhow(current, _DIR, folder, 0o700)
        if below < 0:
            continue
        try:
            os.fchmod(below, 0o700)
            for child in os.listdir(below):
                if not _unlinked(child, below):
                    os.chmod(child, 0o700, dir_fd=below)  # or its `..` could not be changed
                    todo.append(OURS + os.urandom(8).hex())
                    os.rename(child, todo[-1], src_dir_fd=below, dst_dir_fd=folder)
        finally:
            os.close(below)
        os.rmdir(current, dir_fd=folder)


def _unlinked(name: str, folder: int) -> bool:
    """Whether nothing is at this name any more; False for a folder."""
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno not in (errno.EISDIR, errno.EPERM):
            raise
        return False
    return True


def each_chunk(descriptor: int, size: int, chunk: int) -> Iterator[bytes]:
    """Exactly `size` bytes: a file that shrank meanwhile is filled up with zeros, which its digest will show."""
    left = size
    while left:
        data = os.read(descriptor, min(chunk, left)) or bytes(min(chunk, left))
        left -= len(data)
        yield data


def _identity(info: os.stat_result) -> tuple[int, int, int, int, int]:
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns


def _open_anyhow(name: str, flags: int, folder: int, mode: int) -> int:
    """A descriptor even of something whose owner took his own rights away; -1 where it is gone or became another.

    It gets `mode`, for good: what cannot be read cannot be kept.
    """
    for _ in range(2):
        try:
            return os.open(name, flags, dir_fd=folder)
        except PermissionError:
            with contextlib.suppress(OSError):
                if not stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                    os.chmod(name, mode, dir_fd=folder)
        except OSError:
            return -1
    return -1


def _target(name: str, folder: int) -> str | None:
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError:
        return None


def _enter(name: str, folder: int, path: str, *, make: bool) -> int:
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=folder)
    try:
        return os.open(name, _DIR, dir_fd=folder)
    except FileNotFoundError:
        raise Failed(f"There is no folder {path!r} in the workspace.") from None
    except OSError as error:
        raise Failed(f"{path!r} cannot be opened: {error.strerror}") from None
