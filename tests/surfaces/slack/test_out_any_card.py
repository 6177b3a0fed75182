"""Whatever a card contains, Slack takes it: as it is posted, edited, streamed, whispered and drawn more simply."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.domain.people import Actor
from bot.cards import Card, CardKind, CardState, Person, StepLine, Steps, Table, Text
from bot.slack.blocks import render_bare, render_card
from bot.slack.native import NATIVE
from tests.fakes.slack import SlackFake, lint
from tests.surfaces.slack.out import approval, opened, place
from tests.surfaces.strategies import NASTY, cards

FEW = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.differing_executors],
)
MANY = settings(FEW, max_examples=80)


def faults(card: Card, **how: Any) -> list[str]:
    posted = lint("chat.postMessage", {"channel": "C1", **render_card(card, **how).card})
    given_up = [render_bare(card, mention=how.get("mention") or (), buttons=buttons) for buttons in (True, False)]
    plain = [lint("chat.update", {"channel": "C1", "ts": "1.2", **body}) for body in given_up]
    return [*posted, *plain[0], *plain[1]]


@MANY
@given(cards(), st.sampled_from([(), NATIVE]), st.booleans(), st.sampled_from([12_000, 5_000]))
def test_any_drawing_of_any_card_is_valid(card: Card, native: Any, told: bool, most_chars: int) -> None:
    mention = [person.person_id for person in card.notify] if told else []
    assert faults(card, native=native, mention=mention, most_chars=most_chars) == []


@pytest.mark.parametrize("nasty", NASTY, ids=range(len(NASTY)))
def test_nasty_strings_everywhere_are_valid(nasty: str) -> None:
    table = Table((nasty, "n"), tuple((nasty, str(n)) for n in range(60)))
    steps = Steps(tuple(StepLine(nasty, "running", nasty) for _ in range(200)), label=nasty)
    card = approval(
        Text(nasty), table, steps, title=nasty, fallback=nasty, notify=(Person("slack:T1:U0123456", nasty),)
    )
    assert faults(replace(card, kind=CardKind.STATUS), native=NATIVE, mention=["slack:T1:U0123456"]) == []


def test_a_table_of_sixty_rows_is_shown_whole_where_it_can_be_paged() -> None:
    table = Table(("name", "size", "id"), tuple((f"file {n}.csv", f"{n * 1_000:,}", f"00{n}") for n in range(60)))
    blocks = render_card(approval(table), native=NATIVE).card["blocks"]
    (drawn,) = [block for block in blocks if block["type"] == "data_table"]
    assert len(drawn["rows"]) == 61
    assert drawn["rows"][3][1] == {"type": "raw_number", "value": 2_000.0, "text": "2,000"}
    assert drawn["rows"][3][2] == {"type": "raw_text", "text": "002"}  # an id is no number


@pytest.mark.parametrize(("columns", "rows"), [(1, 0), (9, 0), (25, 0), (25, 1), (1, 300), (20, 300)])
def test_tables_of_any_size_are_valid(columns: int, rows: int) -> None:
    table = Table(tuple(map(str, range(columns))), tuple(tuple(map(str, range(columns))) for _ in range(rows)))
    assert faults(approval(table), native=NATIVE) == []


@pytest.mark.parametrize(
    ("columns", "rows", "kind"),
    [
        (2, 1, "table"),
        (2, 10, "table"),
        (3, 60, "data_table"),
        (9, 2, "data_table"),
        (20, 4, "data_table"),
        (21, 2, "rich_text"),  # wider than any of Slack's
        (1, 250, "rich_text"),  # longer
        (20, 60, "rich_text"),  # more than fits into a message: as text at least a part of it
    ],
)
@pytest.mark.parametrize("native", [NATIVE, frozenset()], ids=["native", "bare"])
def test_a_table_in_a_text_is_drawn_as_one_where_slack_takes_it(
    columns: int, rows: int, kind: str, native: Any
) -> None:
    lines = ["| " + " | ".join(f"{row}.{n}" for n in range(columns)) + " |" for row in range(rows + 1)]
    grid = "\n".join([lines[0], "|---" * columns + "|", *lines[1:]])
    # Only the first one is drawn: a message takes no second.
    second = "" if kind == "rich_text" else f"\n\n{lines[0]}\n{'|---' * columns}|\n{lines[0]}"
    card = approval(Text(f"These:\n\n{grid}\n\nAnd so on.{second}"))
    assert faults(card, native=native) == []
    blocks = render_card(card, native=native).card["blocks"]
    tables = [block for block in blocks if block["type"] in ("table", "data_table")]
    assert [block["type"] for block in tables] == ([kind] if native and kind != "rich_text" else [])
    if tables:
        assert [cell["text"] for cell in tables[0]["rows"][rows]] == [f"{rows}.{n}" for n in range(columns)]
        place = blocks.index(tables[0])
        assert "These:" in str(blocks[place - 1])
        assert "And so on." in str(blocks[place + 1])


def test_a_table_in_a_text_gives_way_to_the_preview_of_a_file() -> None:
    preview = Table(("name", "size"), (("a.csv", "1"),))
    blocks = render_card(approval(Text("| a |\n|---|\n| b |"), preview), native=NATIVE).card["blocks"]
    (drawn,) = [block for block in blocks if block["type"] == "table"]
    assert drawn["rows"][0][0]["text"] == "name"


def test_a_small_table_stays_a_plain_one() -> None:
    table = Table(("a", "b"), (("1", "2"),))
    assert "table" in [block["type"] for block in render_card(approval(table), native=NATIVE).card["blocks"]]


def in_slack(story: Callable[[SlackFake], Awaitable[None]]) -> None:
    async def run() -> None:
        async with SlackFake("socket") as slack:
            await story(slack)
            assert [repr(call) for call in slack.refusals] == []

    asyncio.run(run())


@FEW
@given(cards(), cards())
def test_any_card_is_taken_at_the_first_try(first: Card, second: Card) -> None:
    async def story(slack: SlackFake) -> None:
        ann = slack.user("ann")
        general = slack.channel("general", members=[ann])
        me = f"slack:{slack.team_id}:{ann.id}"
        thread = place(slack, general, await ann.says(general, "please"))
        # As they would come: only people of this workspace are told.
        posted, changed = (replace(card, notify=(Person(me),)) for card in (first, second))
        async with opened(slack) as surface:
            await surface.presence(thread, "working", title=first.title, person=me)
            message = (await surface.post(thread, posted, key=f"status:{first.kind}")).message
            assert await surface.find(thread, f"status:{first.kind}") == message
            assert await surface.edit(message, changed) in (True, False)
            assert await surface.edit(message, replace(changed, state=CardState.DONE)) in (True, False)
            await surface.whisper(thread, Actor(me), changed)
            await surface.publish_home(ann.id, changed)

    in_slack(story)


@FEW
@given(cards(), cards())
def test_any_status_is_taken_by_a_stream(first: Card, second: Card) -> None:
    async def story(slack: SlackFake) -> None:
        ann = slack.user("ann")
        hello = await ann.says(slack.dm(ann), "please")
        running = {"kind": CardKind.STATUS, "state": CardState.RUNNING, "notify": ()}
        async with opened(slack) as surface:
            thread = place(slack, slack.dm(ann), hello)
            message = (await surface.post(thread, replace(first, **running), key="status:t_1")).message
            assert len(slack.calls("chat.startStream")) == 1
            assert await surface.edit(message, replace(second, **running)) in (True, False)

    in_slack(story)
