"""`kill -9` again and again at any moments of one task: one plan, one file, one result."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path

import pytest

from tests.fakes.slack import NotAnswered, NotPossible
from tests.journeys.slack.counting import DONE, POEM, TURNS, assert_told_once, commands_undone, statuses
from tests.journeys.slack.serving import Office, office

MOMENTS = 40
"""A life lasts up to so many news of Slack: calls that arrive or are answered, deliveries, acknowledgements."""


class Death:
    """`due` is set after so many news."""

    def __init__(self, gofer: Office, news: int) -> None:
        self.due = asyncio.Event()
        self._left = news
        self._calls = gofer.slack.world.on_change

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
        deciding = asyncio.create_task(_approve(gofer, root.ts))
        try:
            for _ in range(deaths):
                with Death(gofer, chance.randint(1, MOMENTS)) as death:
                    await gofer.until(lambda death=death: death.due.is_set() or _ended(gofer, root.ts))
                await gofer.server.kill()
                await gofer.server.start()
            await gofer.until(lambda: _ended(gofer, root.ts))
        finally:
            deciding.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await deciding
        await gofer.slack.settled()
        assert_told_once(gofer, root, undone=await commands_undone(gofer))
        assert await statuses(gofer) == ["finished"]


def _ended(gofer: Office, ts: str) -> bool:
    root = gofer.general.messages[ts]
    session = gofer.slack.sessions.get((gofer.general, root))
    return session is not None and session.status == "closed" and any(DONE in m.plain for m in gofer.thread(root))


async def _approve(gofer: Office, ts: str) -> None:
    """Ann clicks whenever there is a button, until it is gone: her clicks may be lost, too."""
    root = gofer.general.messages[ts]
    while True:
        for plan in (m for m in gofer.thread(root) if "Approve" in m.button_labels):
            with contextlib.suppress(NotAnswered, NotPossible):
                await gofer.ann.clicks(plan, "Approve")
        await gofer.slack.news.wait(0.5)


async def test_killed_eight_times(tmp_path: Path) -> None:
    await lives(tmp_path, deaths=8, seed=random.SystemRandom().randrange(1_000_000))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
async def test_killed_many_times(tmp_path: Path, seed: int) -> None:
    await lives(tmp_path, deaths=16, seed=seed)
