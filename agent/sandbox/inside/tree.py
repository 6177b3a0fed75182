"""Finding and ending processes inside a sandbox, including those that try to get away."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import NamedTuple


class Process(NamedTuple):
    """What /proc says of one process."""

    pid: int
    parent: int
    state: str
    rss_bytes: int
    uid: int


_PAGE = os.sysconf("SC_PAGE_SIZE")


def processes() -> dict[int, Process]:
    """Every process that is not a zombie, by pid."""
    found: dict[int, Process] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as stat:
                uid = os.fstat(stat.fileno()).st_uid
                fields = stat.read().rpartition(b")")[2].split()
        except OSError:
            continue  # it ended while we looked
        if fields and fields[0] not in (b"Z", b"X"):
            pid = int(name)
            found[pid] = Process(pid, int(fields[1]), fields[0].decode(), int(fields[21]) * _PAGE, uid)
    return found


def descendants(roots: set[int], table: dict[int, Process]) -> set[int]:
    """The pids below `roots`, without them."""
    children: dict[int, list[int]] = {}
    for process in table.values():
        children.setdefault(process.parent, []).append(process.pid)
    found: set[int] = set()
    todo = list(roots)
    while todo:
        for pid in children.get(todo.pop(), ()):
            if pid not in found and pid not in roots:
                found.add(pid)
                todo.append(pid)
    return found


def send(pids: set[int], number: int) -> None:
    """Signal them all; those that are gone or not ours are passed over."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def reap() -> bool:
    """Collect children that ended; False once there are none left, running or not."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True


def kill_below(root: int, limit_s: float = 10.0) -> bool:
    """Kill everything below `root`, our own pid and a child subreaper; True when nothing is left.

    First all are stopped, until a look finds no new one: what cannot run cannot fork. Then all are killed. Daemons
    that left their session are found as well, because a subreaper inherits them.
    """
    deadline = time.monotonic() + limit_s
    while reap():
        stopped: set[int] = set()
        while True:
            below = descendants({root}, processes())
            if not below - stopped or time.monotonic() > deadline:
                break
            send(below - stopped, signal.SIGSTOP)
            stopped |= below
        send(below, signal.SIGKILL)
        if time.monotonic() > deadline:
            return False
        if below:
            time.sleep(0.001)  # let the kernel tear them down before the next look
    return True


def kill_strays(spared: set[int], limit_s: float = 5.0) -> None:
    """Kill every process of our own user that is neither spared nor below a spared supervisor.

    For processes whose supervisor was killed by the command itself. Our own pid, pid 1 and other users' processes stay.
    """
    deadline = time.monotonic() + limit_s
    myself = os.getpid()
    while time.monotonic() < deadline:
        table = processes()
        keep = spared | descendants(spared, table) | {myself, 1}
        uid = os.getuid()
        strays = {pid for pid, process in table.items() if pid not in keep and process.uid == uid}
        # A process that made itself undumpable shows root as owner; only the signal tells whether it is ours.
        strays |= {pid for pid, process in table.items() if pid not in keep and process.uid == 0 and _ours(pid)}
        if not strays:
            return
        send(strays, signal.SIGSTOP)
        send(strays, signal.SIGKILL)
        time.sleep(0.001)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)


def _ours(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
