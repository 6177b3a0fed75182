"""What Gofer cannot take up, however often it tries, is told to whoever sent it and to the admins."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from agent.ports.clock import SystemClock
from agent.service import Mailbox
from agent.store import SqlJournal
from bot.pump import MAX_TRIES
from bot.settings import Settings
from tests.journeys.slack.serving import Office, office


@asynccontextmanager
async def database(folder: Path) -> AsyncGenerator[Mailbox]:
    settings = Settings.model_validate({"GOFER_HOME": folder / "home", "GOFER_DATABASE_URL": ""})
    journal = await SqlJournal.open(settings.database, home=settings.home, clock=SystemClock())
    try:
        yield Mailbox(journal.mail)
    finally:
        await journal.close()


async def dies_of_it_each_time(gofer: Office, folder: Path) -> None:
    """The server was started again and again, and died of what it has in hand."""
    await gofer.server.kill()
    async with database(folder) as mailbox:
        await mailbox.free("slack")
        while any(one.tries < MAX_TRIES for one in await mailbox.claim("slack", "dead", limit=9)):
            await mailbox.free("slack")
    await gofer.server.start()


async def test_who_wrote_what_is_given_up_is_told_alone_and_admins_see_it(tmp_path: Path) -> None:
    async with office(tmp_path, [{"text": "Yes."}]) as gofer:
        gate = gofer.slack.faults.hold("users.info")
        root = await gofer.asks("count the words of this")
        await gate.reached
        await gofer.slack.settled()
        await dies_of_it_each_time(gofer, tmp_path)
        (told,) = await gofer.until(lambda: gofer.slack.ephemerals(gofer.ann))
        assert told.plain.startswith("I could not take this up")
        assert "count the words of this" in told.plain
        assert "Please send it again." in told.plain
        assert gofer.thread(root) == []

        doctor = await asyncio.to_thread(gofer.server.program.run, "doctor", "--json")
        (check,) = [check for check in json.loads(doctor.out)["checks"] if check["name"] == "slack lost"]
        assert check["state"] == "warn"
        assert check["detail"].startswith("1 given up in the last 30 days, the last one at ")
        assert check["detail"].endswith(f"(tried {MAX_TRIES} times, never to an end)")

        again = await gofer.asks("is four even?")
        await gofer.card(again, "Yes.")
