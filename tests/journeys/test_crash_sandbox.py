"""A sandbox that dies under a task costs time, never files."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from agent.domain.events import SandboxLost
from agent.domain.task import Status
from agent.llm.scripted import Turn
from agent.ports.sandbox import ExecResult
from agent.sandbox.memory import MemoryFiles, MemoryHost, MemorySandbox
from tests.kit import OWNER, call, open_kit, say


class BusyHost(MemoryHost):
    """Lets others run before it opens a sandbox, as an engine does that has to start one."""

    opened = 0

    async def open(self, thread_id: str, *, state: str = "") -> MemorySandbox:
        self.opened += 1
        await asyncio.sleep(0)
        return await super().open(thread_id, state=state)


async def test_files_read_side_by_side_are_read_in_one_sandbox(tmp_path: Path) -> None:
    root, host = tmp_path / "sandboxes", BusyHost(tmp_path / "sandboxes")
    both = Turn(tools=(("read", {"path": "inputs/a.txt"}), ("read", {"path": "inputs/b.txt"})))
    async with open_kit(tmp_path, [both, say("ok")], sandboxes=host) as kit:
        task = await kit.start("read", {"a.txt": b"1", "b.txt": b"2"})
        assert (await kit.view(task)).status is Status.FINISHED
        assert (host.opened, list(root.iterdir())) == (1, [])


async def test_sandbox_that_is_lost_again_and_again_leaves_the_workspace_as_it_was(tmp_path: Path) -> None:
    root = tmp_path / "sandboxes"

    losing: list[asyncio.Task[None]] = []

    async def vanish(_files: MemoryFiles, _argv: Sequence[str]) -> ExecResult:
        (place,) = root.iterdir()
        losing.append(asyncio.create_task(host.lose(place.name)))
        await asyncio.Event().wait()
        raise AssertionError("it ends with its sandbox")

    host = MemoryHost(root, {"vanish": vanish})
    script = [call("write", path="a.txt", content="kept"), call("bash", command="vanish"), say("It was lost.")]
    async with open_kit(tmp_path, script, sandboxes=host) as kit:
        task = await kit.start("try", {"in.txt": b"mine"})
        events = await kit.service.events(OWNER, task.task_id)
        assert sum(isinstance(event, SandboxLost) for event in events) == 2
        files = (await kit.service.workspace(OWNER, task.task_id)).files()
        assert sorted(files) == ["a.txt", "inputs/in.txt"]
        assert (await kit.view(task)).status is Status.FINISHED
