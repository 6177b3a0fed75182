"""`kill -9` between the acknowledgement and the work, and during a download: what was said is neither lost nor done
twice."""

from __future__ import annotations

from pathlib import Path

from tests.journeys.discord.counting import DONE, POEM, TURNS, assert_told_once, statuses
from tests.journeys.discord.serving import office

ACKNOWLEDGE = "POST /interactions/*/*/callback"


async def test_killed_after_the_message_came_and_before_the_work(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        # The first thing that Gofer does about a message is a call to Discord; by then it is stored.
        gate = gofer.discord.faults.hold("*")
        root = await gofer.asks("count the words", files=[POEM])
        await gate.reached
        await gofer.server.kill()
        await gofer.start()
        plan = await gofer.card(root, "Count", button="Approve")

        # A click, too, is on disk before it is acknowledged.
        gate = gofer.discord.faults.hold(ACKNOWLEDGE, after="done")
        await gofer.ann.clicks(plan, "Approve")
        await gate.reached
        await gofer.server.kill()
        await gofer.start()
        await gofer.card(root, DONE)
        assert_told_once(gofer, root)
        assert await statuses(gofer) == ["finished"]


async def test_killed_during_a_download(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        gate = gofer.discord.faults.hold("download")
        root = await gofer.asks("count the words", files=[POEM])
        await gate.reached
        await gofer.server.kill()
        await gofer.start()
        await gofer.ann.clicks(await gofer.card(root, "Count", button="Approve"), "Approve")
        await gofer.card(root, DONE)
        assert_told_once(gofer, root)
        assert await statuses(gofer) == ["finished"]


async def test_what_comes_twice_acts_once(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        gateway = gofer.discord.gateway
        root = await gofer.asks("count the words", files=[POEM])
        told = next(payload for event, payload in gateway.delivered if payload.get("id") == str(root.id))
        gateway.again("MESSAGE_CREATE", told)
        plan = await gofer.card(root, "Count", button="Approve")
        gateway.again("MESSAGE_CREATE", told)
        await gofer.ann.clicks(plan, "Approve")
        gofer.discord.interactions.again(gofer.discord.interactions.sent[-1])
        await gofer.card(root, DONE)
        assert_told_once(gofer, root)
        assert await statuses(gofer) == ["finished"]
        assert gofer.discord.ephemerals(gofer.ann) == []
