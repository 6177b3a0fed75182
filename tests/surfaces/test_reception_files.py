"""Large files through the reception: never held whole, and gone when their conversation is forgotten."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from agent.store import FileBlobs
from bot.cards import Token, Verb
from bot.surface import IncomingFile
from tests.kit import say
from tests.surfaces.scene import ANN, THREAD, a_file, scene

MIB = 1024 * 1024


def large_file(name: str, size_bytes: int) -> IncomingFile:
    piece = bytes(64 * 1024)

    async def fetch() -> AsyncIterator[bytes]:
        for _ in range(size_bytes // len(piece)):
            yield piece

    return IncomingFile(name=name, size_bytes=size_bytes, media_type="application/zip", fetch=fetch)


def held_file(name: str, begun: asyncio.Event, go_on: asyncio.Event) -> IncomingFile:
    async def fetch() -> AsyncIterator[bytes]:
        yield b"mine, "
        begun.set()
        await go_on.wait()
        yield b"and private"

    return IncomingFile(name=name, size_bytes=17, media_type="text/csv", fetch=fetch)


def stored(folder: Path) -> set[bytes]:
    return {path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_many_large_files_at_once_take_little_memory(tmp_path: Path) -> None:
    async with scene(tmp_path, blobs=FileBlobs(tmp_path / "blobs")) as s:
        await s.says("hello", mention=True, work=False)
        tracemalloc.start()
        try:
            await asyncio.gather(
                *(
                    s.says(
                        "work",
                        mention=True,
                        thread=replace(THREAD, thread=f"{n}.1"),
                        files=(large_file(f"{n}.zip", 24 * MIB),),
                        work=False,
                    )
                    for n in range(20, 28)
                )
            )
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(await s.kit.journal.tasks()) == 9
        assert peak_bytes < 24 * MIB


async def test_a_file_that_comes_while_its_conversation_is_forgotten_is_not_kept(tmp_path: Path) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    async with scene(tmp_path, say("Done."), say("Again."), blobs=FileBlobs(tmp_path / "blobs")) as s:
        await s.says("work", mention=True, files=(a_file("a.csv"),))
        coming = asyncio.create_task(
            s.says("and this", mention=True, files=(held_file("b.csv", begun, go_on),), work=False)
        )
        async with asyncio.timeout(5):
            await begun.wait()
            await s.kit.service.forget(ANN, THREAD.thread_id)
            go_on.set()
            await coming
        assert await asyncio.to_thread(stored, tmp_path / "blobs") == set()
        assert "b.csv: This conversation was forgotten while it came. Send it again." in s.told()[-1]


async def test_a_file_that_has_just_come_is_forgotten_with_its_conversation(tmp_path: Path) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    async with scene(tmp_path, say("Done."), blobs=FileBlobs(tmp_path / "blobs")) as s:
        await s.says("work", mention=True)
        files = (a_file("a.csv", b"here already"), held_file("b.csv", begun, go_on))
        coming = asyncio.create_task(s.says("and these", mention=True, files=files, work=False))
        async with asyncio.timeout(5):
            await begun.wait()
            await s.kit.service.forget(ANN, THREAD.thread_id)
            go_on.set()
            await coming
        assert await asyncio.to_thread(stored, tmp_path / "blobs") == set()
        assert s.told()[-1] == "A file of this message is no longer there.\n\nSend it again."
        assert len(await s.tasks()) == 1


async def test_a_file_that_another_conversation_just_got_survives_the_forgetting(tmp_path: Path) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    async with scene(tmp_path, say("Done."), say("Done."), blobs=FileBlobs(tmp_path / "blobs")) as s:
        await s.says("work", mention=True, files=(a_file("a.csv", b"the same"),))
        other = replace(THREAD, thread="99.1")
        files = (a_file("a.csv", b"the same"), held_file("b.csv", begun, go_on))
        coming = asyncio.create_task(s.says("work", mention=True, thread=other, files=files, work=False))
        async with asyncio.timeout(5):
            await begun.wait()
            await s.kit.service.forget(ANN, THREAD.thread_id)
            go_on.set()
            await coming
        await s.kit.work()
        assert {b"the same", b"mine, and private"} <= await asyncio.to_thread(stored, tmp_path / "blobs")
        (task,) = await s.kit.journal.tasks(thread_id=other.thread_id)
        assert task.status.final


async def test_files_of_a_form_that_is_refused_are_not_kept(tmp_path: Path) -> None:
    async with scene(tmp_path, say("Done."), blobs=FileBlobs(tmp_path / "blobs")) as s:
        await s.says("work", mention=True)
        before = await asyncio.to_thread(stored, tmp_path / "blobs")
        steer = Token(verb=Verb.STEER, subject_id=(await s.task()).task_id)
        await s.sends(steer, {"note": "and this"}, files=(a_file("late.csv"),))
        assert "This task has ended." in s.told()[-1]
        assert await asyncio.to_thread(stored, tmp_path / "blobs") == before
