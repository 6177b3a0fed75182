"""What only the fake can do: scripted commands, and a folder that outlives the process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.domain.errors import SandboxGone, ToolFailed
from agent.ports.sandbox import ExecResult
from agent.sandbox.memory import MemoryFiles, MemoryHost


async def make_report(files: MemoryFiles, argv: Sequence[str]) -> ExecResult:
    files.write(argv[1], b"report")
    return ExecResult(code=0, stdout="done\n", stderr="")


async def wait_for_ever(_files: MemoryFiles, _argv: Sequence[str]) -> ExecResult:
    await asyncio.Event().wait()
    raise AssertionError


async def test_scripted_program_runs_alone_and_within_a_script() -> None:
    box = await MemoryHost(commands={"make-report": make_report}).open("thread")
    assert (await box.exec("1", ["make-report", "a"])).stdout == "done\n"
    assert (await box.exec("2", ["bash", "-lc", "mkdir out && make-report out/b; cat out/b > c"])).stdout == "done\n"
    assert await box.read("c") == b"report"


async def test_whole_script_can_be_scripted() -> None:
    box = await MemoryHost(commands={"for x in *; do y; done": make_report}).open("thread")
    assert (await box.exec("1", ["bash", "-c", "for x in *; do y; done"])).code == 0


async def test_unknown_program_is_not_found() -> None:
    box = await MemoryHost().open("thread")
    assert (await box.exec("1", ["bash", "-c", "curl example.com || echo no"])).stdout == "no\n"
    assert (await box.exec("2", ["curl"])).code == 127


async def test_lost_sandbox_is_gone_for_whoever_holds_it() -> None:
    host = MemoryHost()
    box = await host.open("thread")
    await host.lose(box.state)
    with pytest.raises(SandboxGone):
        await box.exec("1", ["true"])
    assert (await host.open("thread", state=box.state)).state != box.state


async def test_another_process_finds_files_and_finished_jobs(tmp_path: Path) -> None:
    commands = {"make-report": make_report, "wait": wait_for_ever}
    before = await MemoryHost(tmp_path, commands).open("thread")
    await before.exec("done", ["make-report", "a"])
    caller = asyncio.create_task(before.exec("cut", ["wait"]))
    async with asyncio.timeout(5):
        while await before.job_state("cut") != "running":  # noqa: ASYNC110 - the port tells no event of it
            await asyncio.sleep(0.01)
    after = await MemoryHost(tmp_path, commands).open("thread", state=before.state)
    assert (after.incarnation, await after.read("a")) == (before.incarnation, b"report")
    assert (await after.exec("done", ["make-report", "b"])).stdout == "done\n"
    assert [await after.job_state(job) for job in ("done", "cut", "never")] == ["done", "died", "absent"]
    with pytest.raises(ToolFailed, match="without a result"):
        await after.exec("cut", ["wait"])
    assert not after.files.exists("b")
    await before.close()
    await asyncio.gather(caller, return_exceptions=True)
