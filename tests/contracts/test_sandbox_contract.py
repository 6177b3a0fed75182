"""The contract of `agent.ports.sandbox`, on the fake and on every real kind this machine can run."""

from __future__ import annotations

import asyncio
import hashlib
import uuid

import pytest

from agent.domain.errors import CommandTimeout, SandboxGone, ToolFailed
from agent.domain.files import Entry, Manifest
from agent.ports.sandbox import ExecResult, Sandbox, SandboxHost
from tests.contracts.blobs_memory import MemoryBlobs
from tests.sandbox import boxes
from tests.sandbox.boxes import sh, until_running
from tests.sandbox.hosts import REAL

HOSTILE_NAMES = ("-rf", "new\nline", "mark\u202egpj.exe", "\udcff\udcfe", " lead", "umlaut ä", "a'b\"c;$(touch x)")


anyio_backend, shared, box = boxes.anyio_backend, boxes.shared, boxes.box
host = boxes.hosts_of("memory", *REAL)


def file(path: str, data: bytes, mode: int = 0o644) -> Entry:
    content = hashlib.sha256(data).hexdigest()
    return Entry(path=path, type="file", mode=mode, size_bytes=len(data), content=content)


async def stored(*contents: bytes) -> MemoryBlobs:
    blobs = MemoryBlobs()
    for data in contents:
        await blobs.put(data)
    return blobs


async def test_command_returns_its_code_and_output(box: Sandbox) -> None:
    assert await sh(box, "echo one; echo two; exit 3") == ExecResult(
        code=3, stdout="one\ntwo\n", stderr="", stdout_bytes=8, stderr_bytes=0
    )


async def test_missing_program_is_code_127(box: Sandbox) -> None:
    ended = await box.exec(uuid.uuid4().hex, ["no-such-program"])
    assert (ended.code, ended.stdout) == (127, "")
    assert "no-such-program" in ended.stderr


async def test_same_job_runs_once_and_gives_the_same_result(box: Sandbox) -> None:
    job = uuid.uuid4().hex
    assert await box.job_state(job) == "absent"
    first = await box.exec(job, ["bash", "-c", "echo ran >> log; echo ran"])
    again = await box.exec(job, ["bash", "-c", "echo ran >> log; echo other"])
    assert first == again
    assert await box.read("log") == b"ran\n"
    assert await box.job_state(job) == "done"


async def test_output_is_seen_as_it_comes(box: Sandbox) -> None:
    seen: list[str] = []
    await box.exec(uuid.uuid4().hex, ["bash", "-c", "echo early; sleep 0.05; echo späte"], on_output=seen.append)
    assert "".join(seen) == "early\nspäte\n"


async def test_command_over_its_time_is_stopped_and_the_sandbox_lives_on(box: Sandbox) -> None:
    job = uuid.uuid4().hex
    for _ in range(2):
        with pytest.raises(CommandTimeout, match=r"0\.2 s"):
            await box.exec(job, ["bash", "-c", "sleep 600"], timeout_s=0.2)
    assert (await sh(box, "echo alive")).stdout == "alive\n"


async def test_cancelled_caller_leaves_the_command_running(box: Sandbox) -> None:
    job = uuid.uuid4().hex
    started = asyncio.Event()
    script = ["bash", "-c", "echo go >> log; sleep 0.4; echo end"]
    caller = asyncio.create_task(box.exec(job, script, on_output=lambda _: started.set()))
    await until_running(box, job)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    assert await box.job_state(job) == "running"
    assert (await box.exec(job, script)).code == 0
    assert await box.read("log") == b"go\n"


async def test_kill_all_stops_what_runs_and_the_sandbox_lives_on(box: Sandbox) -> None:
    job = uuid.uuid4().hex
    running = asyncio.create_task(box.exec(job, ["bash", "-c", "sleep 600"]))
    await until_running(box, job)
    await box.kill_all()
    assert (await running).code == 137
    assert await box.job_state(job) == "done"
    assert (await sh(box, "echo alive")).stdout == "alive\n"


async def test_command_runs_in_the_folder_asked_for(box: Sandbox) -> None:
    await box.write("deep/er/file", b"x")
    ended = await box.exec(uuid.uuid4().hex, ["true"], cwd="deep/er")
    assert ended.code == 0
    for bad in ("nowhere", "..", "/etc"):
        job = uuid.uuid4().hex
        with pytest.raises(ToolFailed):
            await box.exec(job, ["true"], cwd=bad)
        assert await box.job_state(job) == "absent"


async def test_file_is_read_back_as_it_was_written(box: Sandbox) -> None:
    big = bytes(range(256)) * 12_000
    await box.write("new/folder/a.bin", b"first")
    await box.write("new/folder/a.bin", big)
    await box.write("empty", b"")
    assert await box.read("new/folder/a.bin") == big
    assert await box.read("./new/../empty") == b""


@pytest.mark.parametrize("path", ["absent", "folder", "../out", "/etc/passwd", "folder/../../etc/passwd", "f/under"])
async def test_what_is_no_file_of_the_workspace_cannot_be_read(box: Sandbox, path: str) -> None:
    await box.write("folder/a", b"x")
    await box.write("f", b"x")
    with pytest.raises(ToolFailed):
        await box.read(path)


async def test_file_larger_than_asked_for_is_refused(box: Sandbox) -> None:
    await box.write("a", b"12345")
    with pytest.raises(ToolFailed, match="5 bytes"):
        await box.read("a", max_bytes=4)
    assert await box.read("a", max_bytes=5) == b"12345"


async def test_folder_cannot_be_overwritten_by_a_file(box: Sandbox) -> None:
    await box.write("folder/a", b"x")
    for path in ("folder", "folder/a/b"):
        with pytest.raises(ToolFailed):
            await box.write(path, b"y")
    assert await box.read("folder/a") == b"x"


async def test_workspace_comes_back_as_it_was_pushed(box: Sandbox) -> None:
    contents = {name: name.encode("utf-8", "surrogateescape") for name in HOSTILE_NAMES}
    manifest = Manifest.of(
        [
            *(file(name, data) for name, data in contents.items()),
            *(file(f"twice/{index}", b"same bytes") for index in range(2)),
            Entry(path="twice", type="dir", mode=0o755, size_bytes=0, content=""),
            Entry(path="bare", type="dir", mode=0o700, size_bytes=0, content=""),
            Entry(path="away", type="link", mode=0o777, size_bytes=0, content="/etc/passwd"),
            file("run.sh", b"#!/bin/sh\n", 0o755),
            file("locked", b"", 0o400),
        ]
    )
    await box.push(manifest, await stored(b"same bytes", b"#!/bin/sh\n", b"", *contents.values()))
    blobs = MemoryBlobs()
    assert await box.pull(blobs) == manifest
    assert {e.path: await blobs.get(e.content) for e in manifest.files().values() if e.path in contents} == contents


async def test_push_removes_what_the_manifest_lacks(box: Sandbox) -> None:
    for path in ("stays", "goes", "folder/goes", "becomes/file"):
        await box.write(path, path.encode())
    wanted = Manifest.of([file("stays", b"stays"), file("becomes", b"goes"), file("moved", b"folder/goes")])
    blobs = await stored(b"stays", b"goes", b"folder/goes")
    await box.push(wanted, blobs)
    assert await box.pull(blobs) == wanted


async def test_link_out_of_the_workspace_is_kept_but_never_followed(box: Sandbox) -> None:
    link = Entry(path="away", type="link", mode=0o777, size_bytes=0, content="/etc/passwd")
    await box.push(Manifest.of([link]), MemoryBlobs())
    blobs = MemoryBlobs()
    assert (await box.pull(blobs), blobs.puts) == (Manifest.of([link]), 0)
    with pytest.raises(ToolFailed):
        await box.read("away")


async def test_pull_stores_only_what_is_missing(box: Sandbox) -> None:
    await box.write("a", b"A")
    blobs = MemoryBlobs()
    first = await box.pull(blobs)
    assert await box.pull(blobs) == first
    await box.write("b", b"B")
    await box.write("copy", b"A")
    assert set((await box.pull(blobs)).files()) == {"a", "b", "copy"}
    assert blobs.puts == 2


async def test_another_store_gets_the_bytes_as_well(box: Sandbox) -> None:
    await box.write("a", b"A")
    await box.pull(MemoryBlobs())
    other = MemoryBlobs()
    entry = (await box.pull(other)).files()["a"]
    assert await other.get(entry.content) == b"A"


async def test_installed_folder_is_no_part_of_the_workspace(box: Sandbox) -> None:
    await box.install("writer", {"SKILL.md": b"old", "gone.txt": b"x"})
    path = await box.install("writer", {"SKILL.md": b"new", "scripts/run.py": b"#!/usr/bin/env python3\n"})
    assert path.endswith("/writer")
    assert await box.pull(MemoryBlobs()) == Manifest()


async def test_usage_counts_the_workspace(box: Sandbox) -> None:
    await box.write("a", b"x" * 100_000)
    usage = await box.usage()
    assert 100_000 <= usage.workspace_bytes < 2_000_000
    assert usage.processes == 0


async def test_closed_sandbox_is_gone(host: SandboxHost) -> None:
    box = await host.open("short")
    await box.close()
    await box.close()
    for ask in (box.exec("job", ["true"]), box.usage(), box.read("a"), box.pull(MemoryBlobs())):
        with pytest.raises(SandboxGone):
            await ask


async def test_detached_sandbox_is_found_again_or_is_another_one(host: SandboxHost) -> None:
    box = await host.open("again")
    await box.exec("job", ["bash", "-c", "echo x > made"])
    state, incarnation = box.state, box.incarnation
    await box.detach()
    with pytest.raises(SandboxGone):
        await box.usage()
    back = await host.open("again", state=state)
    if host.name in ("memory", "docker"):
        assert (back.incarnation, await back.job_state("job")) == (incarnation, "done")
        assert await back.read("made") == b"x\n"
    else:
        assert (back.incarnation != incarnation, await back.job_state("job")) == (True, "absent")
    await back.close()


async def test_unknown_state_means_a_new_empty_sandbox(host: SandboxHost) -> None:
    box = await host.open("new", state="nobody:knows")
    assert await box.pull(MemoryBlobs()) == Manifest()
    await box.close()


async def test_reap_removes_all_but_those_to_keep(host: SandboxHost, shared: Sandbox) -> None:
    kept, lost = await host.open("kept"), await host.open("lost")
    assert await host.reap({kept.state, shared.state}) == 1
    assert (await kept.exec("job", ["true"])).code == 0
    with pytest.raises(SandboxGone):
        await lost.exec("job", ["true"])
    await kept.close()


async def test_sandbox_passes_its_own_test(host: SandboxHost) -> None:
    tested = await host.selftest()
    assert tested.ok, tested
