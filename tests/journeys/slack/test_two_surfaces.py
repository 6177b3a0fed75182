"""Two processes that talk to Slack and one that works, on one PostgreSQL: sockets drop, and a process dies."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.pump import LEASE_S
from tests.fakes.slack import SlackFake
from tests.fakes.slack.world import Message
from tests.journeys.program import scripted
from tests.journeys.slack.counting import DONE, POEM, TURNS, assert_told_once, statuses
from tests.journeys.slack.serving import MODES, Mode, Office, Server, free_port
from tests.store.databases import fresh_database

TASKS = 4
PATIENCE_S = LEASE_S + 60.0
"""What a process had in hand when it died is taken over by the other one when its lease ends."""


@dataclass
class Pair:
    """Both surface processes; `office` looks at the first. Each task is in a channel of its own."""

    office: Office
    surfaces: tuple[Server, Server]
    worker: Server

    async def begin(self, count: int) -> list[tuple[Office, Message]]:
        slack, ann = self.office.slack, self.office.ann
        places = [replace(self.office, general=slack.channel(f"job-{n}", members=[ann])) for n in range(count)]
        return [(place, await place.asks("count the words", files=[POEM])) for place in places]

    async def reached(self) -> None:
        """Wait until Slack delivers to both."""
        slack = self.office.slack
        if slack.mode == "socket":
            await slack.wait_for(lambda: slack.socket_count == 2)

    async def approve(self, jobs: list[tuple[Office, Message]]) -> None:
        for place, root in jobs:
            await place.ann.clicks(await place.card(root, "Count", button="Approve"), "Approve")

    async def finish(self, jobs: list[tuple[Office, Message]]) -> None:
        sessions = self.office.slack.sessions
        for place, root in jobs:
            await place.card(root, DONE)
            await place.until(lambda place=place, root=root: sessions[place.general, root].status == "closed")
            assert_told_once(place, root)


@asynccontextmanager
async def pair(folder: Path, url: str, mode: Mode) -> AsyncGenerator[Pair]:
    async with AsyncExitStack() as stack:
        fake = await stack.enter_async_context(SlackFake(mode))
        ann, ben = fake.user("ann"), fake.user("ben")
        general = fake.channel("general", members=[ann, ben])
        (folder / "gofer.toml").write_text('[access]\nstart = ["everyone"]\n', encoding="utf-8")
        gofer = scripted(folder, TURNS, **fake.env(), GOFER_WEB_PORT="0", GOFER_DATABASE_URL=url)
        assert gofer.run("db", "upgrade").code == 0
        worker = Server(gofer, ("worker",), "Worker ready")
        ports = [str(free_port()) for _ in range(2)]
        each = [replace(gofer, settings={**gofer.settings, "GOFER_WEB_PORT": port}) for port in ports]
        surfaces = [Server(one, ("serve", "--no-worker"), "mention @Gofer") for one in each]
        fake.deliver_to(*(f"http://127.0.0.1:{port}/slack/events" for port in ports))
        running = Pair(Office(fake, surfaces[0], ann, ben, general, PATIENCE_S), (surfaces[0], surfaces[1]), worker)
        try:
            for server in (worker, *surfaces):
                await server.start()
            await running.reached()
            yield running
        finally:
            for server in (*surfaces, worker):
                if server.alive:
                    assert await server.stop() == 0, server.log


@pytest.mark.postgres
@pytest.mark.parametrize("mode", MODES)
async def test_sockets_drop_and_a_process_dies_while_tasks_run(tmp_path: Path, mode: Mode) -> None:
    with fresh_database("postgresql", tmp_path, migrated=False) as url:
        async with pair(tmp_path, url, mode) as both:
            slack = both.office.slack
            first = await both.begin(TASKS)
            await slack.drop_sockets(graceful=False)
            await both.reached()
            await both.approve(first)
            await slack.drop_sockets()
            await both.finish(first)

            # Each of the two dies once, so that whichever feeds dies while there is something to feed.
            for number, dying in enumerate(both.surfaces):
                jobs = await both.begin(TASKS)
                place, root = jobs[0]
                await place.card(root, "Count", button="Approve")
                await dying.kill()
                await both.approve(jobs)
                await both.finish(jobs)
                await dying.start()
                await both.reached()
                assert await statuses(both.office) == ["finished"] * TASKS * (number + 2)
