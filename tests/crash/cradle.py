"""Processes that begin with everything imported: a parent that runs nothing else forks one for each job.

Importing takes a second, a forked process starts in milliseconds; a sweep starts hundreds.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from agent.store import crash
from tests.crash.job import STEPS, Job, open_office
from tests.crash.script import left_sandboxes
from tests.crash.verdict import Verdict, judge

LIMIT_S = 60
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class End:
    """How a process ended. The rest is known only of one that ended by itself: commits it made, and its verdict."""

    killed: bool
    commits: int = 0
    verdict: Verdict = field(default_factory=Verdict)


class Cradle:
    """`with Cradle() as cradle:` — one child at a time."""

    def __enter__(self) -> Cradle:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.cradle"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._parent:
            pass  # its input ends, and so does it

    def begin(self, job: Job) -> int:
        """Start the job; its process id. It stays ours to kill until `end`, even when it has ended."""
        return int(self._ask(json.dumps(asdict(job))))

    def end(self) -> End:
        """Wait for the job. Raises `RuntimeError` with its traceback when it failed instead of ending or dying."""
        answer = json.loads(self._ask("wait"))
        if answer["error"]:
            raise RuntimeError(answer["error"])
        return End(answer["killed"], answer["commits"], Verdict(**answer["verdict"]))

    def run(self, job: Job) -> End:
        """Start the job and wait for it."""
        self.begin(job)
        return self.end()

    def _ask(self, line: str) -> str:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(line + "\n")
        self._parent.stdin.flush()
        return self._parent.stdout.readline()


async def _do(job: Job) -> End:
    """The job. Raises `AssertionError` when a task at rest holds a sandbox."""
    async with asyncio.timeout(LIMIT_S), open_office(job) as office:
        for step in range(job.step, STEPS if job.finish else min(job.step + 1, STEPS)):
            if step == 0:
                await office.start()
            elif step % 2 == 0:
                await office.press()
            else:
                await office.work()
                left = left_sandboxes(job.sandbox, job.home, job.installation)
                assert left == 0, f"{left} sandboxes were left when the task rested after step {step}"
        verdict = await judge(office, job) if job.finish else Verdict()
        return End(killed=False, commits=crash.CRASH.commits, verdict=verdict)


def _fork(job: Job) -> tuple[int, int]:
    """The child's process id and the pipe it reports on."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    report: dict[str, Any] = {}
    try:
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(2, 1)
        os.environ[crash.VARIABLE] = job.crash
        wanted = crash.from_environment()  # it was read when the parent imported it, before there was a job
        crash.CRASH.number, crash.CRASH.moment = wanted.number, wanted.moment
        report = asdict(asyncio.run(_do(job)))
    except BaseException:  # noqa: BLE001  whatever it is, the driver raises it
        report["error"] = traceback.format_exc()
    finally:
        os.write(writing, json.dumps(report).encode())
        os._exit(0)  # not through the parent's own clean-up


def _serve() -> None:
    importlib.import_module("agent.store.listen")  # imported at need: each child on PostgreSQL would do it anew
    for line in sys.stdin:
        pid, reading = _fork(Job(**json.loads(line)))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        sys.stdin.readline()
        with os.fdopen(reading, "rb") as pipe:
            report = pipe.read()
        _, status = os.waitpid(pid, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        lost = "" if killed or report else f"ended with status {status} without a report"
        answer: dict[str, Any] = {"commits": 0, "verdict": {}, "error": lost, "killed": killed}
        answer |= json.loads(report) if report and not killed else {}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
