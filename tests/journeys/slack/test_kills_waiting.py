"""`kill -9` while people decide: what they do while nobody is there, and afterwards, counts once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.slack import NotAnswered
from tests.journeys.slack.counting import DONE, POEM, TURNS, assert_told_once, statuses
from tests.journeys.slack.serving import MODES, Mode, office

EDITED: list[dict[str, object]] = [
    TURNS[0],
    {"tools": [{"name": "plan", "input": {"steps": ["Count twice", "Write"], "files": ["outputs/words.txt"]}}]},
    *TURNS[1:],
]


@pytest.mark.parametrize("mode", MODES)
async def test_a_click_while_nobody_is_there_warns_and_a_reaction_counts_later(tmp_path: Path, mode: Mode) -> None:
    async with office(tmp_path, TURNS, mode=mode) as gofer:
        root = await gofer.asks("count the words", files=[POEM])
        plan = await gofer.card(root, "Count", button="Approve")
        await gofer.server.kill()
        gofer.slack.ack_timeout_s = 0.2
        with pytest.raises(NotAnswered):
            await gofer.ann.clicks(plan, "Reject")
        gofer.slack.ack_timeout_s = 3.0
        await gofer.ann.reacts(plan, "white_check_mark")  # Slack keeps events for who does not answer
        await gofer.server.start()
        await gofer.card(root, DONE)
        await gofer.until(lambda: gofer.slack.sessions[gofer.general, root].status == "closed")
        assert "ann" in plan.plain
        assert_told_once(gofer, root)


@pytest.mark.parametrize("mode", MODES)
async def test_a_button_of_before_the_death_works_after_it_and_only_once(tmp_path: Path, mode: Mode) -> None:
    async with office(tmp_path, TURNS, mode=mode) as gofer:
        root = await gofer.asks("count the words", files=[POEM])
        plan = await gofer.card(root, "Count", button="Approve")
        await gofer.server.kill()
        await gofer.server.start()
        await gofer.ann.clicks(plan, "Approve")
        await gofer.ann.clicks(plan, "Approve", stale=True)
        await gofer.card(root, DONE)
        await gofer.until(lambda: gofer.slack.ephemerals(gofer.ann))
        await gofer.until(lambda: gofer.slack.sessions[gofer.general, root].status == "closed")
        assert_told_once(gofer, root)
        assert await statuses(gofer) == ["finished"]


async def test_a_form_opened_before_the_death_is_sent_after_it(tmp_path: Path) -> None:
    async with office(tmp_path, EDITED) as gofer:
        root = await gofer.asks("count the words", files=[POEM])
        first = await gofer.card(root, "Count", button="Edit")
        await gofer.ann.clicks(first, "Edit")
        (form,) = await gofer.until(lambda: gofer.slack.views(gofer.ann))
        await gofer.server.kill()
        await gofer.server.start()
        (steps,) = (b["block_id"] for b in form.blocks if b.get("element", {}).get("initial_value") == "Count\nWrite")
        assert await gofer.ann.submits(form, {steps: "Count twice\nWrite"}) is None
        second = await gofer.card(root, "Count twice", button="Approve")
        assert first.button_labels == []
        assert gofer.slack.ephemerals(gofer.ann) == []
        await gofer.ann.clicks(second, "Approve")
        await gofer.card(root, DONE)
        assert await statuses(gofer) == ["finished"]
