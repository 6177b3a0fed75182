"""A tool server that a command has taken over can do nothing to the host but be hung up on."""

from __future__ import annotations

import asyncio

import pytest

from agent.domain.errors import SandboxGone
from agent.sandbox.channel import Channel
from agent.sandbox.inside import frames
from agent.sandbox.remote import RemoteSandbox
from tests.contracts.blobs_memory import MemoryBlobs

HELLO = frames.pack_json(frames.MESSAGE, 0, {})


class ScriptedLine:
    """A line whose other end answers the first request with given bytes."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = [HELLO, *answers]
        self._asked = asyncio.Semaphore(0)
        self.closed = False

    async def read(self) -> bytes:
        await self._asked.acquire()
        return self._answers.pop(0) if self._answers else b""

    async def write(self, data: bytes) -> None:
        self._asked.release()
        if len(self._answers) > 1:
            self._asked.release()

    async def close(self) -> None:
        self.closed = True


class LineSandbox(RemoteSandbox):
    """A sandbox that is nothing but its line."""

    incarnation = "line"
    state = "line"

    async def _new_line(self) -> Channel | None:
        return None

    async def _remove(self) -> None:
        pass


async def sandbox(*answers: bytes) -> LineSandbox:
    channel = Channel(ScriptedLine(*answers), b"program")
    await channel.hello()
    return LineSandbox(channel)


def manifest(*rows: list[object]) -> bytes:
    import json

    body = json.dumps(rows).encode()
    return frames.pack_json(frames.MESSAGE, 1, {"same": False, "size": len(body)}) + frames.pack(frames.DATA, 1, body)


DIGEST = "0" * 64


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n\r\n" * 3,
        frames.HEADER.pack(2**31, frames.DATA, 1),
        frames.pack(frames.MESSAGE, 1, b"no json"),
        frames.pack(frames.MESSAGE, 1, b"[" * 100_000),
        frames.pack_json(frames.MESSAGE, 1, {"same": False, "size": -1}),
        frames.pack_json(frames.MESSAGE, 1, {"same": False}),
        frames.pack_json(frames.MESSAGE, 1, {"same": False, "size": 5}) + frames.pack(frames.END, 1),
        manifest(["../out", "file", 0o644, 1, DIGEST]),
        manifest(["/etc/x", "file", 0o644, 1, DIGEST]),
        manifest(["a//b", "file", 0o644, 1, DIGEST]),
        manifest(["a", "device", 0o644, 1, ""]),
        manifest(["a", "file", 0o4755, 1, DIGEST]),
        manifest(["a", "file", 0o644, 1, "../../x"]),
        manifest(["a", "dir", 0o755, 0, ""], ["a", "dir", 0o755, 0, ""]),
        manifest(["a", "dir"]),
    ],
)
async def test_nonsense_means_the_sandbox_is_gone(answer: bytes) -> None:
    box = await sandbox(answer)
    async with asyncio.timeout(5):
        with pytest.raises(SandboxGone):
            await box.pull(MemoryBlobs())
    await box.close()


async def test_flood_is_cut_off() -> None:
    flood = frames.pack(frames.DATA, 1, bytes(frames.CHUNK)) * 100
    box = await sandbox(flood)
    async with asyncio.timeout(5):
        for _ in range(2):
            with pytest.raises(SandboxGone):
                await box.usage()
    await box.close()


async def test_line_on_which_nobody_reads_does_not_hold_up_closing() -> None:
    class Stuck(ScriptedLine):
        async def write(self, data: bytes) -> None:
            if data != b"program":
                await asyncio.Event().wait()
            await super().write(data)

    channel = Channel(Stuck(), b"program")
    await channel.hello()
    box = LineSandbox(channel)
    asking = asyncio.create_task(box.usage())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await box.close()
        with pytest.raises((SandboxGone, asyncio.CancelledError)):
            await asking
