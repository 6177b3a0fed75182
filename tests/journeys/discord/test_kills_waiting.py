"""`kill -9` while people decide: what was there before works afterwards, and counts once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.discord import NotAnswered
from tests.journeys.discord.counting import DONE, POEM, TURNS, assert_told_once, statuses
from tests.journeys.discord.serving import office

EDITED: list[dict[str, object]] = [
    TURNS[0],
    {"tools": [{"name": "plan", "input": {"steps": ["Count twice", "Write"], "files": ["outputs/words.txt"]}}]},
    *TURNS[1:],
]


async def test_a_click_while_nobody_is_there_warns_and_a_later_one_counts(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        root = await gofer.asks("count the words", files=[POEM])
        plan = await gofer.card(root, "Count", button="Approve")
        await gofer.server.kill()
        gofer.discord.interactions.ack_timeout_s = 0.2
        with pytest.raises(NotAnswered):
            await gofer.ann.clicks(plan, "Reject")
        gofer.discord.interactions.ack_timeout_s = 3.0
        await gofer.start()
        await gofer.ann.clicks(plan, "Approve")
        await gofer.card(root, DONE)
        assert_told_once(gofer, root)


async def test_what_people_do_while_nobody_is_there_counts_afterwards(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        root = await gofer.asks("count the words", files=[POEM])
        plan = await gofer.card(root, "Count", button="Approve")
        await gofer.server.kill()
        gofer.discord.gateway.invalidate()  # nobody is told later what happened now
        await gofer.ann.reacts(plan, "✅")
        other = await gofer.asks("count them again", files=[POEM])
        await gofer.start()
        await gofer.card(root, DONE)
        assert_told_once(gofer, root)
        await gofer.ann.clicks(await gofer.card(other, "Count", button="Approve"), "Approve")
        await gofer.card(other, DONE)
        assert await statuses(gofer) == ["finished", "finished"]


async def test_a_button_of_before_the_death_works_after_it_and_only_once(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        root = await gofer.asks("count the words", files=[POEM])
        plan = await gofer.card(root, "Count", button="Approve")
        await gofer.server.kill()
        await gofer.start()
        await gofer.ann.clicks(plan, "Approve")
        await gofer.ann.clicks(plan, "Approve", stale=True)
        await gofer.card(root, DONE)
        await gofer.until(lambda: gofer.discord.ephemerals(gofer.ann))
        assert_told_once(gofer, root)
        assert await statuses(gofer) == ["finished"]


async def test_a_field_to_choose_in_of_before_the_death_works_after_it(tmp_path: Path) -> None:
    question = {"question": "Which?", "options": ["one", "two", "three", "four", "five"]}
    async with office(tmp_path, [{"tools": [{"name": "ask", "input": question}]}, {"text": DONE}]) as gofer:
        root = await gofer.asks("count the words", files=[POEM])
        asked = await gofer.card(root, "Which?")
        await gofer.server.kill()
        await gofer.start()
        await gofer.ann.chooses(asked, "four")
        await gofer.card(root, DONE)
        assert "four" in asked.plain
        assert await statuses(gofer) == ["finished"]


async def test_a_form_with_a_file_opened_before_the_death_is_sent_after_it(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        root = await gofer.asks("count the words", files=[POEM])
        await gofer.ann.clicks(await gofer.card(root, "Count", button="Approve"), "Approve")
        await gofer.ann.clicks(await gofer.card(root, DONE, button="Change something"), "Change something")
        (form,) = await gofer.until(lambda: gofer.discord.forms(gofer.ann))
        await gofer.server.kill()
        await gofer.start()
        await gofer.ann.submits(form, {"note": "and this one", "files": [("more.txt", b"four five\n")]})
        await gofer.ann.clicks(await gofer.card(root, "and this one", button="Approve"), "Approve")
        await gofer.until(lambda: b"5\n" in [file.data for shown in gofer.thread(root) for file in shown.files])
        await gofer.until(lambda: sum(DONE in shown.plain for shown in gofer.thread(root)) == 2)


async def test_a_form_opened_before_the_death_is_sent_after_it(tmp_path: Path) -> None:
    async with office(tmp_path, EDITED) as gofer:
        root = await gofer.asks("count the words", files=[POEM])
        first = await gofer.card(root, "Count", button="Edit")
        await gofer.ann.clicks(first, "Edit")
        (form,) = await gofer.until(lambda: gofer.discord.forms(gofer.ann))
        await gofer.server.kill()
        await gofer.start()
        (steps,) = (name for name, field in form.fields.items() if field.get("value") == "Count\nWrite")
        await gofer.ann.submits(form, {steps: "Count twice\nWrite"})
        second = await gofer.card(root, "Count twice", button="Approve")
        await gofer.until(lambda: first.button_labels == [])
        await gofer.ann.clicks(second, "Approve")
        await gofer.card(root, DONE)
        assert await statuses(gofer) == ["finished"]
