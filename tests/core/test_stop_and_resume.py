"""Stopping, pausing and resuming work that is going on, with the dispatcher that ships."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from agent.domain.task import Status, Task
from agent.engine import LocalDispatcher
from agent.ports.clock import SystemClock
from agent.ports.sandbox import ExecResult
from agent.sandbox.memory import MemoryFiles, MemoryHost
from tests.kit import OWNER, THREAD, Kit, call, open_kit, say


class Slow:
    """A command that runs until it is told to end."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.starts = 0

    async def __call__(self, files: MemoryFiles, argv: Sequence[str]) -> ExecResult:
        self.starts += 1
        self.begun.set()
        await self.may_end.wait()
        return ExecResult(code=0, stdout="ended\n", stderr="")


@asynccontextmanager
async def at_work(home: Path, slow: Slow) -> AsyncGenerator[tuple[Kit, Task, MemoryHost, LocalDispatcher]]:
    """A task in the middle of its slow command, run by the dispatcher."""
    host = MemoryHost(commands={"slow": slow})
    script = [call("bash", command="slow"), call("bash", command="slow"), say("done")]
    async with open_kit(home, script, sandboxes=host) as kit:
        dispatcher = LocalDispatcher(kit.journal, worker_id="w1", clock=SystemClock())
        await dispatcher.start(kit.loop.run_segment)
        task = await kit.service.start(OWNER, THREAD, "work", inbox_id="m1")
        try:
            async with asyncio.timeout(5):
                await slow.begun.wait()
            yield kit, task, host, dispatcher
        finally:
            await dispatcher.stop()


async def until(kit: Kit, task: Task, status: Status) -> None:
    """Wait until the task has this status."""
    async with asyncio.timeout(5):
        async for _ in kit.journal.changes(task.task_id):
            if (await kit.service.task(OWNER, task.task_id)).status is status:
                return


async def test_stop_ends_the_running_command_and_leaves_no_sandbox(tmp_path: Path) -> None:
    slow = Slow()
    async with at_work(tmp_path, slow) as (kit, task, host, dispatcher):
        assert await kit.service.stop(OWNER, task.task_id)
        async with asyncio.timeout(5):
            await dispatcher.interrupt(task.task_id)
        assert await host.reap(set()) == 0
        view = await kit.view(task)
        assert view.status is Status.CANCELLED
        assert view.activity[-1].ok is False


async def test_a_paused_task_goes_on_after_resume_and_is_told_what_was_undone(tmp_path: Path) -> None:
    slow = Slow()
    async with at_work(tmp_path, slow) as (kit, task, *_):
        assert await kit.service.pause(OWNER, task.task_id)
        slow.may_end.set()
        assert await kit.service.resume(OWNER, task.task_id)
        await until(kit, task, Status.FINISHED)
        first_result = str(kit.llm.requests[1][1][-1].content)  # type: ignore[attr-defined]
        assert "Interrupted" in first_result or "ended" in first_result


async def test_a_stopped_task_cannot_be_resumed_and_a_new_one_starts_in_its_workspace(tmp_path: Path) -> None:
    slow = Slow()
    async with at_work(tmp_path, slow) as (kit, task, *_):
        await kit.service.stop(OWNER, task.task_id)
        assert not await kit.service.resume(OWNER, task.task_id)
        slow.may_end.set()
        again = await kit.service.start(OWNER, THREAD, "again", inbox_id="m2")
        await until(kit, again, Status.FINISHED)
