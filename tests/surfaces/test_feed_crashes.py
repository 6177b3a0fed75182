"""A feed that dies at any point, and the next one: no message is lost, none is there twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.surface import MemorySurface, Moment
from tests.store.databases import fresh_database
from tests.surfaces.feeding import ANN, JOB, THREAD, Scene, open_scene

NEVER = 1_000_000


class Bomb:
    """Stops whoever comes to the `at`-th moment, for ever."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.count = 0
        self.exploded = asyncio.Event()

    async def __call__(self, moment: Moment) -> None:
        self.count += 1
        if self.count >= self.at:
            self.exploded.set()
            await asyncio.Event().wait()


class Lives:
    """Feeds one after the other, each with a bomb of its own; the last one lives."""

    def __init__(self, scene: Scene, bombs: Sequence[Bomb]) -> None:
        self._scene = scene
        self._bombs = [*bombs, Bomb(NEVER)]
        self._life = AsyncExitStack()

    async def __aenter__(self) -> Lives:
        await self._begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._life.aclose()

    async def until(self, reached: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Wait for something, if need be from a later feed."""
        while not await self._lives_until(reached()):
            await self._life.aclose()
            del self._bombs[0]
            await self._begin()

    async def _begin(self) -> None:
        surface = MemorySurface(self._scene.chat)
        await self._life.enter_async_context(self._scene.feed(surface, every=self._bombs[0]))

    async def _lives_until(self, reached: Coroutine[Any, Any, None]) -> bool:
        waiting = asyncio.create_task(reached)
        dying = asyncio.create_task(self._bombs[0].exploded.wait())
        await asyncio.wait([waiting, dying], return_when=asyncio.FIRST_COMPLETED)
        alive = waiting.done()
        for task in (waiting, dying):
            task.cancel()
        await asyncio.gather(waiting, dying, return_exceptions=True)
        if alive:
            waiting.result()
        return alive


async def live(home: Path, *bombs: Bomb) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """The thread after an ordinary task during which the bombs went off, if they did."""
    with fresh_database("sqlite", home) as database:
        async with open_scene(home, JOB, database=database) as it, Lives(it, bombs) as lives:
            task = await it.start("Write the report")
            await lives.until(lambda: it.caught_up(task))
            async with it.at_work(it.decide(task, "approve")):
                await lives.until(lambda: it.until(lambda: "▶ 1." in it.chat.of(THREAD)[-1].text))
            await lives.until(lambda: it.caught_up(task))
            await it.decide(task, "allow")
            await lives.until(lambda: it.caught_up(task))
            assert "Done in" in it.chat.one(f"status:{task.task_id}").text
            return [(shown.key.partition(":")[0], shown.pinged, shown.buttons) for shown in it.chat.of(THREAD)]


@pytest.mark.promise("posted-once")
async def test_two_crashes_at_any_points_lose_and_double_nothing(tmp_path: Path) -> None:
    whole = Bomb(NEVER)
    wanted = await live(folder(tmp_path, "whole"), whole)
    assert [kind for kind, _, _ in wanted] == ["ask", "status", "ask", "files", "result"]
    assert [pinged for _, pinged, _ in wanted if pinged] == [(ANN.person_id,)] * 3
    for at in range(1, whole.count + 1):
        lived = await live(folder(tmp_path, f"{at}"), Bomb(at), Bomb(at % 7 + 1))
        assert lived == wanted, f"crash at moment {at}"


def folder(home: Path, name: str) -> Path:
    """A fresh one."""
    made = home / name
    made.mkdir()
    return made
