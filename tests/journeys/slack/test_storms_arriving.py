"""A burst of 200 messages: each is acknowledged at its first delivery, and who clicks meanwhile gets the form."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.journeys.slack.counting import POEM, TURNS
from tests.journeys.slack.serving import MODES, Mode, office

MESSAGES = 200


@pytest.mark.parametrize("mode", MODES)
async def test_a_burst_is_taken_in_and_a_form_opens_in_time(tmp_path: Path, mode: Mode) -> None:
    async with office(tmp_path, TURNS, mode=mode) as gofer:
        slack = gofer.slack
        slack.rate_limits = "real"
        root = await gofer.asks("count the words", files=[POEM])
        plan = await gofer.card(root, "Count", button="Edit")
        before = len(slack.deliveries)
        for n in range(MESSAGES):
            # Half of them are for the task, the others begin threads of their own that Gofer has no part in.
            await gofer.ben.says(gofer.general, f"remark {n}", thread=root if n % 2 else None)
        clicking = asyncio.create_task(gofer.ann.clicks(plan, "Edit"))
        (form,) = await gofer.until(lambda: slack.views(gofer.ann))
        assert "Count" in str(form.blocks)
        assert (await clicking).acked
        await slack.settled()
        burst = slack.deliveries[before:]
        assert {(delivery.attempt, delivery.acked) for delivery in burst} == {(0, True)}
        assert sum(d.event.get("type") == "message" for d in burst) >= MESSAGES
        assert all(call.ok for call in slack.calls("views.open"))
