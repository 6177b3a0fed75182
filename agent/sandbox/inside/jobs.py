"""Commands that are started at most once, and whose result outlives the tool server.

One folder per job: mkdir = started, `lock` held = its supervisor lives, `result` (by rename) = ended. The supervisor
is a fork of the tool server in a session of its own and a child subreaper; it runs the command, keeps head and tail of
both streams, enforces the time limit and kills whatever the command left behind. When the tool server dies, the
supervisor goes on; the next tool server finds the folder.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import select
import shutil
import signal
import subprocess
import time
from typing import Any, NamedTuple

from agent.sandbox.inside import tree

LIVE_LIMIT = 1024 * 1024
"""So much of a command's output is shown while it runs; the result has head and tail of all of it."""
KEPT_JOBS = 200
"""Results of so many finished jobs are kept; of older ones only the fact that they ended."""
_PIPE_ATOMIC = 4096
_SET_DUMPABLE, _SET_SUBREAPER = 4, 36
_OOM_SCORE = b"500"


class Spec(NamedTuple):
    """What to run."""

    argv: list[str]
    cwd: str
    timeout_s: float
    limit_bytes: int


class Job:
    """One job's folder."""

    def __init__(self, base: str, job_id: str) -> None:
        self.path = os.path.join(base, hashlib.sha256(job_id.encode("utf-8", "surrogatepass")).hexdigest()[:32])

    def start(self, spec: Spec) -> bool:
        """Start it unless it was started before; True when this call started it. Raises OSError when it cannot."""
        try:
            os.mkdir(self.path, 0o700)
        except FileExistsError:
            return False
        myself = os.getpid()
        try:
            lock = os.open(self._file("lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.mkfifo(self._file("live"), 0o600)
            # Read-write, because opening a FIFO for writing alone waits for a reader.
            live = os.open(self._file("live"), os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            # A request to stop must wait until the supervisor can take it.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            try:
                pid = os.fork()
            finally:
                if os.getpid() == myself:
                    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        except OSError:
            shutil.rmtree(self.path, ignore_errors=True)  # nothing ran, so it may be started again
            raise
        if pid == 0:
            try:
                _supervise(self, spec, lock, live)
            finally:
                os._exit(0)
        with open(self._file("pid"), "w", encoding="ascii") as file:
            file.write(str(pid))
        os.close(live)
        os.close(lock)
        return True

    def state(self) -> str:
        """absent, running, done or died."""
        if not os.path.isdir(self.path):
            return "absent"
        if os.path.exists(self._file("result")):
            return "done"
        if self._alive():
            return "running"
        # It may have ended between the two looks.
        return "done" if os.path.exists(self._file("result")) else "died"

    def supervisor(self) -> int | None:
        """The pid of the living supervisor."""
        if not self._alive():
            return None
        try:
            with open(self._file("pid"), encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError):
            return None

    def open_live(self) -> int:
        """A descriptor that gives the command's output as it comes and ends with the supervisor."""
        return os.open(self._file("live"), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def result(self) -> bytes | None:
        """One JSON line and both streams; None while there is no result."""
        try:
            with open(self._file("result"), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def finish(self, row: dict[str, Any], out: bytes, err: bytes) -> None:
        """Store the result, whole or not at all."""
        draft = self._file("result.new")
        with open(draft, "wb") as file:
            file.write(json.dumps({**row, "out": len(out), "err": len(err)}).encode("ascii") + b"\n" + out + err)
        os.rename(draft, self._file("result"))

    def _file(self, name: str) -> str:
        return os.path.join(self.path, name)

    def _alive(self) -> bool:
        try:
            lock = os.open(self._file("lock"), os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False


def supervisors(base: str) -> dict[int, Job]:
    """The living supervisors, by pid."""
    found: dict[int, Job] = {}
    for name in os.listdir(base):
        job = Job(base, "")
        job.path = os.path.join(base, name)
        pid = job.supervisor()
        if pid is not None:
            found[pid] = job
    return found


def forget_old(base: str) -> None:
    """Empty the results of the oldest finished jobs; that they ran stays known."""
    done: list[os.DirEntry[str]] = []
    with os.scandir(base) as entries:
        done = [entry for entry in entries if os.path.exists(os.path.join(entry.path, "result"))]
    for entry in sorted(done, key=lambda entry: entry.stat().st_mtime)[:-KEPT_JOBS]:
        path = os.path.join(entry.path, "result")
        with open(path, "rb") as file:
            row = json.loads(file.readline())
        if row["out"] or row["err"]:
            job = Job(base, "")
            job.path = entry.path
            job.finish(row, b"", b"")


class _Tail:
    """Head and tail of one stream, and its length."""

    def __init__(self, limit_bytes: int) -> None:
        self._half = limit_bytes // 2
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def add(self, data: bytes) -> None:
        self.total += len(data)
        room = self._half - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data[-self._half :]
        if len(self._tail) > 4 * self._half:
            del self._tail[: -self._half]

    def value(self) -> bytes:
        return bytes(self._head + self._tail[-self._half :])


class _Stopped(NamedTuple):
    code: int
    timed_out: bool


def _supervise(job: Job, spec: Spec, lock: int, live: int) -> None:
    _leave_the_server(lock, live)
    streams = (_Tail(spec.limit_bytes), _Tail(spec.limit_bytes))
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    wake_read, wake_write = os.pipe()
    for descriptor in (out_read, err_read, wake_read, wake_write):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    asked: list[int] = []
    # Handlers instead of SIG_IGN, which a command would inherit.
    for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, _ignore)
    signal.signal(signal.SIGTERM, lambda _number, _frame: asked.append(1))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    pid, code, complaint = _spawn(spec, out_write, err_write)
    os.close(out_write)
    os.close(err_write)
    stopped = _Stopped(code, False)
    readers = {out_read: streams[0], err_read: streams[1]}
    if pid:
        stopped = _watch(pid, spec, readers, wake_read, live, asked)
        tree.kill_below(os.getpid())
        _drain(readers, live)
    streams[1].add(complaint)
    row = {"code": stopped.code, "timed_out": stopped.timed_out, "stdout": streams[0].total, "stderr": streams[1].total}
    job.finish(row, streams[0].value(), streams[1].value())


def _ignore(_number: int, _frame: object) -> None:
    """A signal whose only use is to wake the poll."""


def _leave_the_server(lock: int, live: int) -> None:
    """Close the server's channel before becoming visible to other processes of this user, then begin a new session."""
    signal.set_wakeup_fd(-1)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    low, high = sorted((lock, live))
    os.closerange(3, low)
    os.closerange(low + 1, high)
    os.closerange(high + 1, 4096)
    os.setsid()
    libc = ctypes.CDLL(None)
    libc.prctl(_SET_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_SET_DUMPABLE, 1, 0, 0, 0)


def _spawn(spec: Spec, out: int, err: int) -> tuple[int, int, bytes]:
    """The command's pid; or 0, the code a shell would give, and its complaint."""
    try:
        _oom_score(_OOM_SCORE)  # inherited by the command: memory runs out on it, not on us
        child = subprocess.Popen(
            spec.argv, cwd=spec.cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
    except FileNotFoundError:
        return 0, 127, os.fsencode(f"{spec.argv[0]}: command not found\n")
    except (OSError, ValueError) as error:
        return 0, 126, os.fsencode("{}: {}\n".format(spec.argv[0], getattr(error, "strerror", None) or error))
    finally:
        _oom_score(b"0")
    child.returncode = 0  # we collect it ourselves
    return child.pid, 0, b""


def _oom_score(value: bytes) -> None:
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
        file.write(value)


def _watch(
    pid: int,
    spec: Spec,
    readers: dict[int, _Tail],
    wake: int,
    live: int,
    asked: list[int],
) -> _Stopped:
    """Copy output until the command itself ends, its time is over or somebody asks to stop."""
    deadline = time.monotonic() + spec.timeout_s
    poll = select.poll()
    for descriptor in (*readers, wake):
        poll.register(descriptor, select.POLLIN)
    shown = 0
    while True:
        # waitpid after each wake-up and never blocking: a blocking one would go on after a signal (PEP 475).
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return _Stopped(code if code >= 0 else 128 - code, False)
        left = deadline - time.monotonic()
        if left <= 0 or asked:
            return _Stopped(137, not asked)
        for descriptor, _ in poll.poll(left * 1000):
            if descriptor == wake:
                os.read(wake, 4096)
                continue
            data = _read(descriptor)
            if not data:
                poll.unregister(descriptor)
                continue
            readers[descriptor].add(data)
            shown += _show(live, data, shown)


def _drain(readers: dict[int, _Tail], live: int) -> None:
    """What was still in the pipes; all writers are dead by now."""
    for descriptor, stream in readers.items():
        while data := _read(descriptor):
            stream.add(data)
            _show(live, data, LIVE_LIMIT - len(data))


def _show(live: int, data: bytes, shown: int) -> int:
    """Pass output on to whoever looks now; what does not fit is left out, because showing must not slow a command."""
    done = 0
    while done < len(data) and shown + done < LIVE_LIMIT:
        piece = data[done : done + _PIPE_ATOMIC]
        try:
            os.write(live, piece)
        except BlockingIOError:
            break
        done += len(piece)
    return done


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 64 * 1024)
    except BlockingIOError:
        return b""
