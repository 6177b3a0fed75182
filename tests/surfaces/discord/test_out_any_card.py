"""Whatever a card or form contains, Discord takes it: as it is posted, edited, whispered and shown without files."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.domain.people import Actor
from bot.cards import Card, CardKind, Person, StepLine, Steps, Table, Text
from bot.discord.components import IS_COMPONENTS_V2, render_card, render_files, render_form, render_words, without_files
from bot.discord.marks import NONCE_CHARS, bears, mark_of, marked, nonce
from tests.fakes.discord import DiscordFake, lint
from tests.surfaces.discord.out import EDIT, POST, approval, at, opened, place
from tests.surfaces.strategies import NASTY, cards, forms

FEW = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.differing_executors],
)
MANY = settings(FEW, max_examples=80)


def faults(card: Card) -> list[str]:
    rendered = render_card(card)
    body = marked(rendered.card, card.key)
    bare = without_files(body)
    return [
        *(fault for payload in rendered.payloads for fault in lint(POST, {**payload, **nonce(card.key)})),
        *lint(EDIT, body),
        *lint(POST, bare),
    ]


@MANY
@given(cards())
def test_any_drawing_of_any_card_is_valid(card: Card) -> None:
    assert faults(card) == []
    assert bears(marked(render_card(card).card, card.key), card.key)


@MANY
@given(forms())
def test_any_form_is_valid(form: object) -> None:
    payload = render_form(form).payload  # type: ignore[arg-type]
    assert lint("POST /interactions/*/*/callback", {"type": 9, "data": payload}) == []


@pytest.mark.parametrize("nasty", NASTY, ids=range(len(NASTY)))
def test_nasty_strings_everywhere_are_valid(nasty: str) -> None:
    table = Table((nasty, "n"), tuple((nasty, str(n)) for n in range(60)))
    steps = Steps(tuple(StepLine(nasty, "running", nasty) for _ in range(200)), label=nasty)
    card = approval(
        Text(nasty), table, steps, title=nasty, fallback=nasty, notify=(Person("discord:123456789", nasty),)
    )
    assert faults(replace(card, kind=CardKind.STATUS)) == []


@given(st.text(), st.text())
def test_a_mark_tells_keys_apart_and_leaves_discords_own_numbers_alone(one: str, other: str) -> None:
    assert (1 << 16) <= mark_of(one) < (1 << 31)
    assert len(nonce(one)["nonce"]) == NONCE_CHARS
    body = marked(render_words("hello"), one)
    assert bears(body, one)
    assert bears(body, other) is (one == other)


def test_every_file_of_a_message_is_shown() -> None:
    body = render_files("3 files", ["a.csv", "b.png", "c.png"], ["b.png", "c.png"])
    assert body["flags"] == IS_COMPONENTS_V2
    urls = [node["file"]["url"] for node in body["components"] if node["type"] == 13]
    urls += [item["media"]["url"] for node in body["components"] if node["type"] == 12 for item in node["items"]]
    assert urls == ["attachment://a.csv", "attachment://b.png", "attachment://c.png"]


@FEW
@given(cards(), cards())
def test_discord_takes_any_card_and_any_change_of_it(first: Card, second: Card) -> None:
    asyncio.run(_shown(first, second))


async def _shown(first: Card, second: Card) -> None:
    async with DiscordFake() as discord:
        ann = discord.user("ann")
        general = discord.channel("general")
        request = await ann.says(general, "please")
        async with opened(discord) as surface:
            posted = await surface.post(place(discord, general, request), first, key=first.key)
            assert await surface.edit(posted.message, replace(second, kind=CardKind.NOTICE))
            await surface.whisper(posted.message.thread, Actor(f"discord:{ann.user_id}"), second)
        assert discord.refusals == []
        assert at(discord, discord.messages(request.id)[-1]) == posted.message
        allowed = {person.person_id for person in first.notify}
        rung = {name for message in discord.messages(request.id) for name in message.rung}
        assert {f"discord:{name}" for name in rung} <= allowed
