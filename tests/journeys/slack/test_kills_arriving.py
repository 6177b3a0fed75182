"""`kill -9` between the acknowledgement and the work, and during a download: what was said is neither lost nor done
twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.slack.counting import DONE, POEM, TURNS, assert_told_once, statuses
from tests.journeys.slack.serving import MODES, Mode, office


@pytest.mark.parametrize("mode", MODES)
async def test_killed_after_the_acknowledgement_and_before_the_work(tmp_path: Path, mode: Mode) -> None:
    async with office(tmp_path, TURNS, mode=mode) as gofer:
        # The work on a message begins with who it is from.
        gate = gofer.slack.faults.hold("users.info")
        root = await gofer.asks("count the words", files=[POEM])
        await gate.reached
        await gofer.slack.settled()
        mention = [d for d in gofer.slack.deliveries if d.event.get("type") == "app_mention"]
        assert any(d.acked for d in mention)
        await gofer.server.kill()
        await gofer.server.start()
        plan = await gofer.card(root, "Count", button="Approve")
        # Slack did not hear all acknowledgements, as far as it says.
        await gofer.slack.redeliver(times=3)

        # A click, too, is on disk before it is acknowledged. The new process does not know Ann's name by heart.
        await gofer.server.kill()
        await gofer.server.start()
        gate = gofer.slack.faults.hold("users.info")
        assert (await gofer.ann.clicks(plan, "Approve")).acked
        await gate.reached
        await gofer.server.kill()
        await gofer.server.start()
        await gofer.card(root, DONE)
        await gofer.until(lambda: gofer.slack.sessions[gofer.general, root].status == "closed")
        assert_told_once(gofer, root)
        assert await statuses(gofer) == ["finished"]


async def test_killed_during_a_download(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        gate = gofer.slack.faults.hold("download")
        root = await gofer.asks("count the words", files=[POEM])
        await gate.reached
        await gofer.server.kill()
        await gofer.server.start()
        await gofer.ann.clicks(await gofer.card(root, "Count", button="Approve"), "Approve")
        await gofer.card(root, DONE)
        await gofer.until(lambda: gofer.slack.sessions[gofer.general, root].status == "closed")
        assert_told_once(gofer, root)
        assert await statuses(gofer) == ["finished"]
