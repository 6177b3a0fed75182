"""Changes to somebody's own files wait for them on one card."""

from __future__ import annotations

import pytest

from tests.journeys.brain import call, say
from tests.journeys.scenarios import POEM
from tests.journeys.slack.driver import SlackChat

CHANGE = call("bash", command="echo four > inputs/poem.txt; echo five > outside.txt")
SHOW = call("bash", command="cat inputs/poem.txt")


@pytest.mark.parametrize(
    ("label", "decided", "left"), [("Apply", "Applied", "four"), ("Discard", "Discarded", "one two three")]
)
async def test_changes_to_files_that_were_handed_over_are_decided_on_one_card(
    chat: SlackChat, label: str, decided: str, left: str
) -> None:
    chat.model(CHANGE, say("Changed."))
    await chat.ask("change it", [POEM])
    card = await chat.card("poem.txt", button="Apply")
    assert card.buttons == ["Apply", "Review", "Discard"]
    assert card.rung == {"ann"}
    assert "overwritten" in card.text
    await chat.click(card, "Review")
    await chat.told("poem.txt")
    await chat.click(card, label)
    await chat.card(f"{decided} by ann", without="Apply")
    await chat.card("Changed.", button="Change something")
    talk = chat.model(SHOW, say("Shown."))
    await chat.ask("show it")
    await chat.card("Shown.")
    assert left in talk.seen[-1].rpartition("cat inputs/poem.txt")[2]
