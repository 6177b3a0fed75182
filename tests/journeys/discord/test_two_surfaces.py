"""Two processes that talk to Discord and one that works, on one PostgreSQL: one of them listens, and one dies."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.fakes.discord import DiscordFake, Message, NotAnswered, NotPossible
from tests.journeys.discord.counting import DONE, POEM, TURNS, assert_told_once, statuses
from tests.journeys.discord.serving import ACCESS, READY, Office, Server
from tests.journeys.program import scripted
from tests.store.databases import fresh_database

TASKS = 3


@dataclass
class Pair:
    """Both surface processes; `office` looks at the first. Each task is in a channel of its own."""

    office: Office
    surfaces: tuple[Server, Server]
    worker: Server

    async def begin(self, count: int) -> list[tuple[Office, Message]]:
        discord = self.office.discord
        places = [replace(self.office, general=discord.channel(f"job-{n}")) for n in range(count)]
        return [(place, await place.asks("count the words", files=[POEM])) for place in places]

    async def approve(self, jobs: list[tuple[Office, Message]]) -> None:
        """Ann clicks until it counts: nobody answers while one process takes over from the other."""
        for place, root in jobs:
            plan = await place.card(root, "Count", button="Approve")
            while plan.button_labels:
                with suppress(NotAnswered, NotPossible):
                    await place.ann.clicks(plan, "Approve")
                await place.discord.world.news.wait(0.5)

    async def finish(self, jobs: list[tuple[Office, Message]]) -> None:
        for place, root in jobs:
            await place.card(root, DONE)
            assert_told_once(place, root)


@asynccontextmanager
async def pair(folder: Path, url: str) -> AsyncGenerator[Pair]:
    async with AsyncExitStack() as stack:
        fake = await stack.enter_async_context(DiscordFake())
        ann, ben = fake.user("ann"), fake.user("ben")
        general = fake.channel("general")
        (folder / "gofer.toml").write_text(ACCESS, encoding="utf-8")
        gofer = scripted(folder, TURNS, **fake.env(), GOFER_WEB_PORT="0", GOFER_DATABASE_URL=url)
        assert gofer.run("db", "upgrade").code == 0
        worker = Server(gofer, ("worker",), "Worker ready")
        surfaces = [Server(gofer, ("serve", "--no-worker"), READY) for _ in range(2)]
        running = Pair(Office(fake, surfaces[0], ann, ben, general), (surfaces[0], surfaces[1]), worker)
        try:
            for server in (worker, *surfaces):
                await server.start()
            await fake.wait_for(lambda: fake.gateway.connected)
            yield running
        finally:
            for server in (*surfaces, worker):
                if server.alive:
                    assert await server.stop() == 0, server.log


@pytest.mark.postgres
async def test_one_listens_and_the_other_takes_over(tmp_path: Path) -> None:
    with fresh_database("postgresql", tmp_path, migrated=False) as url:
        async with pair(tmp_path, url) as both:
            gateway = both.office.discord.gateway
            first = await both.begin(TASKS)
            gateway.drop()
            await both.approve(first)
            await both.finish(first)
            assert (gateway.connected, gateway.identified) == (1, 1)

            # Each of the two dies once, so that whichever listens dies while there is something to hear.
            for number, dying in enumerate(both.surfaces):
                jobs = await both.begin(TASKS)
                place, root = jobs[0]
                await place.card(root, "Count", button="Approve")
                await dying.kill()
                await both.approve(jobs)
                await both.finish(jobs)
                assert gateway.connected == 1
                await dying.start()
                assert await statuses(both.office) == ["finished"] * TASKS * (number + 2)
