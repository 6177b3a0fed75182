"""The tool server's verbs and its loop. One thread, one pipe in, one pipe out."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import json
import os
import resource
import select
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from agent.sandbox.inside import frames, jobs, seccomp, tree
from agent.sandbox.inside.files import Draft, Failed, Limits, Row, Workspace, canonical, each_chunk, remove_tree
from agent.sandbox.inside.replace import Replacement, checked_rows
from agent.sandbox.inside.streams import BUSY, WAIT, Outgoing, Stream, Turns

_FULL = (errno.ENOSPC, errno.EDQUOT)
Head = dict[str, Any]


class Verbs:
    """What the host can ask for. Each handler sends its answer on the stream; raising ends the stream with an ERROR."""

    def __init__(self, config: Head, watch: Callable[[int], None], unwatch: Callable[[int], None]) -> None:
        self._skills: str = config["skills"]
        self._jobs: str = config["jobs"]
        self._workspace = Workspace(
            config["workspace"], Limits(config["entries"], config["depth"], config["file_bytes"])
        )
        self._watch = watch
        self._unwatch = unwatch

    def ping(self, stream: Stream, _head: Head) -> Turns:
        stream.message({})
        return
        yield

    def exec(self, stream: Stream, head: Head) -> Turns:
        job = jobs.Job(self._jobs, head["job"])
        if job.state() == "absent":
            cwd = self._workspace.folder(head["cwd"])
            try:
                job.start(jobs.Spec(head["argv"], cwd, head["timeout"], head["limit"]))
            except OSError as error:
                raise Failed(f"The command could not be started: {error.strerror}.") from None
        yield from self._attach(stream, job)

    def attach(self, stream: Stream, head: Head) -> Turns:
        job = jobs.Job(self._jobs, head["job"])
        if job.state() == "absent":
            raise Failed("This command was never started here.")
        yield from self._attach(stream, job)

    def _attach(self, stream: Stream, job: jobs.Job) -> Turns:
        if job.state() == "running":
            live = job.open_live()
            self._watch(live)
            try:
                while True:
                    try:
                        data = os.read(live, frames.CHUNK)
                    except BlockingIOError:
                        yield WAIT
                        continue
                    if not data:
                        break
                    stream.offer(data)
            finally:
                self._unwatch(live)
                os.close(live)
        # The end of the output is the supervisor's exit, and with that the result is there or never will be. Its lock
        # may be let go a moment later, and until then it would count as running.
        stored = job.result()
        if stored is None:
            while job.state() == "running":
                time.sleep(0.001)
                yield BUSY
            tree.kill_strays(set(jobs.supervisors(self._jobs)))
            stream.message({"died": True})
            return
        line, _, streams = stored.partition(b"\n")
        stream.message(json.loads(line))
        yield from stream.send(streams)

    def job_state(self, stream: Stream, head: Head) -> Turns:
        stream.message({"state": jobs.Job(self._jobs, head["job"]).state()})
        return
        yield

    def kill_all(self, stream: Stream, _head: Head) -> Turns:
        deadline = time.monotonic() + 5
        running = jobs.supervisors(self._jobs)
        tree.send(set(running), signal.SIGTERM)
        for job in running.values():
            while job.state() == "running" and time.monotonic() < deadline:
                tree.reap()
                time.sleep(0.002)
                yield BUSY
        tree.kill_strays(set())
        stream.message({})

    def read(self, stream: Stream, head: Head) -> Turns:
        descriptor = self._workspace.open_file(head["path"])
        try:
            size = os.fstat(descriptor).st_size
            if size > head["max"]:
                raise Failed(
                    f"{head['path']!r} has {size} bytes, more than the {head['max']} that can be read at once."
                )
            stream.message({"size": size})
            for chunk in each_chunk(descriptor, size, frames.CHUNK):
                yield from stream.send(chunk)
        finally:
            os.close(descriptor)

    def write(self, stream: Stream, head: Head) -> Turns:
        yield from self._receive_file(stream, int(head["size"]), self._workspace.write(head["path"]))
        stream.message({})

    def install(self, stream: Stream, head: Head) -> Turns:
        target = os.path.join(self._skills, head["name"])
        fresh = Workspace(os.path.join(self._skills, ".new." + head["name"]), Limits(0, 0, 0))
        shutil.rmtree(fresh.root, ignore_errors=True)
        os.makedirs(fresh.root)
        for _ in range(head["files"]):
            item = (yield from stream.receive()).json()
            yield from self._receive_file(stream, int(item["size"]), fresh.write(item["path"], item["mode"]))
        folder = os.open(self._skills, os.O_RDONLY | os.O_DIRECTORY)
        try:
            remove_tree(head["name"], folder)
        finally:
            os.close(folder)
        os.rename(fresh.root, target)
        stream.message({})

    def manifest(self, stream: Stream, head: Head) -> Turns:
        rows: list[Row] = []
        for _ in self._workspace.rows(rows):
            yield BUSY
        data = canonical(rows)
        digest = hashlib.sha256(data).hexdigest()
        same = digest == head["have"]
        stream.message({"same": same, "size": 0 if same else len(data)})
        if not same:
            yield from stream.send(data)

    def fetch(self, stream: Stream, _head: Head) -> Turns:
        for path in (yield from stream.receive_value()):
            descriptor = self._workspace.open_file(path)
            try:
                size = os.fstat(descriptor).st_size
                stream.message({"size": size})
                for chunk in each_chunk(descriptor, size, frames.CHUNK):
                    yield from stream.send(chunk)
            finally:
                os.close(descriptor)

    def push(self, stream: Stream, _head: Head) -> Turns:
        rows = checked_rows((yield from stream.receive_value()))
        replacement = Replacement(self._workspace, rows)
        try:
            for _ in replacement.prepare():
                yield BUSY
            yield from stream.send_value(sorted(replacement.needed))
            for _ in range(len(replacement.needed)):
                item = (yield from stream.receive()).json()
                folder, name = self._workspace.parent_of(replacement.receive(item["content"]))
                yield from self._receive_file(stream, int(item["size"]), Draft(folder, name, "a file", 0o600))
            for _ in replacement.place():
                yield BUSY
        finally:
            replacement.close()
        stream.message({})

    def usage(self, stream: Stream, _head: Head) -> Turns:
        spared = {os.getpid(), *jobs.supervisors(self._jobs)}
        mine = [p for p in tree.processes().values() if p.pid not in spared and p.uid == os.getuid()]
        disk = os.statvfs(self._workspace.root)
        stream.message(
            {
                "memory": sum(process.rss_bytes for process in mine),
                "workspace": (disk.f_blocks - disk.f_bfree) * disk.f_frsize,
                "processes": len(mine),
            }
        )
        return
        yield

    def _receive_file(self, stream: Stream, size: int, draft: Draft) -> Turns:
        left = size
        try:
            while left > 0:
                frame = yield from stream.receive()
                if frame.kind != frames.DATA:
                    raise Failed("The data ended early.")
                left -= len(frame.payload)
                draft.add(frame.payload)
            draft.commit()
        finally:
            draft.discard()


class Server:
    """Reads frames, gives every open request its turns, writes frames; ends when the host is gone."""

    def __init__(self, config: Head) -> None:
        self._poll = select.poll()
        self._outgoing = Outgoing()
        self._streams: dict[int, Stream] = {}
        self._decoder = frames.Decoder()
        self._verbs = Verbs(config, self._watch, self._poll.unregister)
        self._wake, wake = os.pipe()
        for descriptor in (0, 1, self._wake, wake):
            os.set_blocking(descriptor, False)
        signal.signal(signal.SIGCHLD, _ignore)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._poll.register(0, select.POLLIN)
        self._poll.register(self._wake, select.POLLIN)

    def run(self, hello: Head) -> None:
        """Serve until the host closes the channel."""
        self._outgoing.add(frames.pack_json(frames.MESSAGE, 0, hello))
        while True:
            busy = self._give_turns()
            if not self._write_some():
                return
            for descriptor, _ in self._poll.poll(0 if busy else None):
                if descriptor == 0 and not self._read_some():
                    return
                if descriptor == self._wake:
                    os.read(self._wake, 4096)
                    tree.reap()

    def _watch(self, descriptor: int) -> None:
        self._poll.register(descriptor, select.POLLIN)

    def _read_some(self) -> bool:
        data = os.read(0, 256 * 1024)
        for frame in self._decoder.feed(data):
            stream = self._streams.get(frame.stream)
            if frame.kind == frames.OPEN and stream is None:
                self._open(frame)
            elif frame.kind == frames.CANCEL and stream is not None:
                del self._streams[frame.stream]
                if stream.turns is not None:
                    stream.turns.close()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
            elif stream is not None:
                stream.arrived(frame)
        return bool(data)

    def _write_some(self) -> bool:
        try:
            while self._outgoing:
                frame = self._outgoing.take()
                written = os.write(1, frame)
                if written < len(frame):
                    self._outgoing.put_back(frame[written:])
        except BlockingIOError:
            self._outgoing.put_back(frame)  # pyright: ignore[reportPossiblyUnboundVariable]
        except BrokenPipeError:
            return False
        if self._outgoing:
            self._poll.register(1, select.POLLOUT)
        else:
            with contextlib.suppress(KeyError):
                self._poll.unregister(1)
        return True

    def _open(self, frame: frames.Frame) -> None:
        stream = self._streams[frame.stream] = Stream(frame.stream, self._outgoing)
        head = frame.json()
        verb = str(head.pop("verb"))
        handler = None if verb.startswith("_") else getattr(self._verbs, verb, None)
        stream.turns = _guarded(handler, stream, head) if handler else _unknown(stream, verb)

    def _give_turns(self) -> bool:
        busy = False
        for stream in list(self._streams.values()):
            turns = stream.turns
            if turns is None:
                continue
            try:
                busy = next(turns) or busy
            except StopIteration:
                del self._streams[stream.number]
        return busy


def _guarded(handler: Callable[[Stream, Head], Turns], stream: Stream, head: Head) -> Turns:
    """The handler's turns; what it raises becomes the stream's ERROR."""
    try:
        yield from handler(stream, head)
        stream.end()
    except Failed as error:
        stream.fail("failed", str(error))
    except OSError as error:
        full = error.errno in _FULL
        stream.fail("failed", "There is no space left in the sandbox." if full else str(error))
    except Exception:  # noqa: BLE001 - the host raises it as a Bug; other requests go on
        stream.fail("bug", traceback.format_exc())


def _ignore(_number: int, _frame: object) -> None:
    """A signal whose only use is to wake the poll."""


def _unknown(stream: Stream, verb: str) -> Turns:
    stream.fail("bug", f"unknown verb {verb!r}")
    return
    yield


def main(config: Head) -> None:
    """Run the tool server on stdin and stdout."""
    os.umask(0o022)
    # Other processes of this user must not read our memory nor write to the host through our descriptors.
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
    missing = seccomp.install(watched=bool(config["processes"]))
    if config["processes"]:
        # Set here and not by whoever starts us: within its own user namespace a sandbox is counted alone.
        resource.setrlimit(resource.RLIMIT_NPROC, (config["processes"], config["processes"]))
    for folder in (config["jobs"], os.environ.get("HOME", "/tmp"), os.environ.get("XDG_RUNTIME_DIR", "/tmp")):  # noqa: S108
        os.makedirs(folder, 0o700, exist_ok=True)
    os.chdir(config["workspace"])
    # An older server on a broken connection, and whatever outlived its supervisor.
    tree.kill_strays(set(jobs.supervisors(config["jobs"])))
    jobs.forget_old(config["jobs"])
    Server(config).run({"filter": missing, "python": sys.version.split()[0]})
