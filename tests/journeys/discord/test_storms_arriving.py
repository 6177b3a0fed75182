"""A burst of 200 messages: who clicks meanwhile gets the form in time."""

from __future__ import annotations

from pathlib import Path

from tests.journeys.discord.counting import POEM, TURNS
from tests.journeys.discord.serving import office

MESSAGES = 200


async def test_a_burst_is_taken_in_and_a_form_opens_in_time(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        discord = gofer.discord
        discord.rate_limits = "real"
        root = await gofer.asks("count the words", files=[POEM])
        plan = await gofer.card(root, "Count", button="Edit")
        for n in range(MESSAGES):
            # Half of them are for the task, the others are talk that Gofer has no part in.
            await gofer.ben.says(gofer.general, f"remark {n}", thread=root if n % 2 else None)
        await gofer.ann.clicks(plan, "Edit")
        (form,) = discord.forms(gofer.ann)
        assert "Count" in form.plain
        late = [c for c in discord.calls("POST /interactions/*/*/callback") if not c.ok]
        assert late == []
