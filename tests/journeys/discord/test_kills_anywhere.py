"""`kill -9` again and again at any moments of one task: one plan, one file, one result."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path

import pytest

from tests.fakes.discord import Message, NotAnswered, NotPossible
from tests.journeys.discord.counting import DONE, POEM, TURNS, assert_told_once, statuses
from tests.journeys.discord.serving import Office, office

MOMENTS = 24
"""A life lasts up to so many news of Discord: calls that arrive or are answered, and events that are told."""


class Death:
    """`due` is set after so many news."""

    def __init__(self, gofer: Office, news: int) -> None:
        self.due = asyncio.Event()
        self._left = news
        self._calls = gofer.discord.world.on_change

    def __enter__(self) -> Death:
        self._calls.append(self._tell)
        return self

    def __exit__(self, *_: object) -> None:
        self._calls.remove(self._tell)

    def _tell(self) -> None:
        self._left -= 1
        if self._left <= 0:
            self.due.set()


async def lives(folder: Path, *, deaths: int, seed: int) -> None:
    """Hand a task over, kill Gofer so often at moments that the seed gives, and look at what is left."""
    print(f"seed {seed}")  # noqa: T201 - to repeat a run that failed
    chance = random.Random(seed)  # noqa: S311 - no secret
    async with office(folder, TURNS) as gofer:
        root = await gofer.asks("count the words", files=[POEM])
        # Discord tells nobody again what was said while no session was open: the first word has to arrive.
        await gofer.until(lambda: root.reactions or gofer.said(root))
        deciding = asyncio.create_task(_approve(gofer, root))
        try:
            for _ in range(deaths):
                with Death(gofer, chance.randint(1, MOMENTS)) as death:
                    await gofer.until(lambda death=death: death.due.is_set() or _ended(gofer, root))
                await gofer.server.kill()
                await gofer.start()
                if _ended(gofer, root):
                    break
            await gofer.until(lambda: _ended(gofer, root))
        finally:
            deciding.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await deciding
        assert_told_once(gofer, root, worked_on=False)
        assert await statuses(gofer) == ["finished"]


def _ended(gofer: Office, root: Message) -> bool:
    return any(shown.card.is_card and DONE in shown.plain for shown in gofer.thread(root))


async def _approve(gofer: Office, root: Message) -> None:
    """Ann clicks whenever there is a button, until it is gone: her clicks may be lost, too."""
    while True:
        for shown in gofer.thread(root):
            with contextlib.suppress(NotAnswered, NotPossible):
                await gofer.ann.clicks(shown.card, "Approve")
        await gofer.discord.world.news.wait(0.5)


async def test_killed_eight_times(tmp_path: Path) -> None:
    await lives(tmp_path, deaths=8, seed=random.SystemRandom().randrange(1_000_000))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
async def test_killed_many_times(tmp_path: Path, seed: int) -> None:
    await lives(tmp_path, deaths=16, seed=seed)
