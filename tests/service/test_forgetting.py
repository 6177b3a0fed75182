"""`forget` through the front door: the files are gone from the disk, those of others are not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent.domain.errors import NotAllowed
from agent.domain.files import Entry, Manifest
from agent.domain.task import Status
from agent.ports.clock import SystemClock
from agent.ports.journal import KeepWorkspace, SetStatus
from agent.service import Service
from agent.service.service import Entrance
from agent.store import FileBlobs
from agent.tools.builtin import toolbox
from agent.workspace import Snapshots
from tests.kit import MEMBER, OWNER, THREAD, Kit, NoSkills, open_kit

ANOTHER = "web:local::two"


async def work(kit: Kit, service: Service, blobs: FileBlobs, thread_id: str, *made: bytes) -> None:
    """A finished task that was given a file and made these."""
    given = await service.upload(OWNER, "given.csv", f"given to {thread_id}".encode())
    await service.start(OWNER, thread_id, "Sum it up", (given,), inbox_id=f"in:{thread_id}")
    fence = await kit.journal.claim("test", SystemClock().now())
    assert fence is not None
    entries = [
        Entry(path=f"{n}.txt", type="file", mode=0o644, size_bytes=len(data), content=await blobs.put(data))
        for n, data in enumerate(made)
    ]
    snapshot = await Snapshots(blobs).save(Manifest.of(entries))
    keep = KeepWorkspace(thread_id=thread_id, snapshot=snapshot, base_snapshot=snapshot)
    assert await kit.journal.commit(fence, keep, SetStatus(status=Status.FINISHED))


def stored(folder: Path) -> set[bytes]:
    return {path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_forgotten_files_leave_the_disk_and_those_of_others_stay(tmp_path: Path) -> None:
    blobs, clock, folder = FileBlobs(tmp_path / "blobs"), SystemClock(), tmp_path / "blobs"
    async with open_kit(tmp_path, ()) as kit:
        service = Service(
            Entrance(
                journal=kit.journal,
                mail=kit.journal.mail,
                access=kit.access,
                blobs=blobs,
                snapshots=Snapshots(blobs),
                tools=toolbox(),
                clock=clock,
                model="scripted",
                skills=NoSkills(),
            )
        )
        await work(kit, service, blobs, ANOTHER, b"shared", b"of the other")
        others = await asyncio.to_thread(stored, folder)
        await work(kit, service, blobs, THREAD, b"shared", b"mine")
        assert b"mine" in await asyncio.to_thread(stored, folder)
        with pytest.raises(NotAllowed):
            await service.forget(MEMBER, THREAD)
        await service.forget(OWNER, THREAD)
        assert await asyncio.to_thread(stored, folder) == others
        await service.start(OWNER, THREAD, "Something else", inbox_id="in:again")
        thread = await service.thread(OWNER, THREAD)
        assert thread is not None
        assert thread.title == "Something else"
