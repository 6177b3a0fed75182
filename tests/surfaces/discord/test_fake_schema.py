"""Discord's own schema judges what we send, and finds nothing in our cards and forms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.cards import Card, Form
from bot.discord.components import confirmation, render_card, render_form
from bot.forms import change_form, form_for, new_form, steer_form
from bot.render import card_for_ask, result_card, status_card
from tests.fakes.discord import lint, schema
from tests.surfaces import examples, strategies

pytestmark = pytest.mark.skipif(
    not schema.installed(), reason="Discord's schema is not there: python -m tests.fakes.discord.schema"
)
POST = "POST /channels/*/messages"
MODAL = "POST /interactions/*/*/callback"
WRONG: list[tuple[str, Any]] = [
    (POST, {"content": "x" * 4_001}),
    (POST, {"content": "x", "unheard_of": True}),
    (POST, {"nonce": "x" * 26}),
    (POST, {"flags": 1 << 15, "components": [{"type": 10}]}),
    (POST, {"components": [{"type": 1, "components": [{"type": 2, "style": 9, "custom_id": "x"}]}]}),
    (POST, {"allowed_mentions": {"parse": ["nobody"]}}),
    ("POST /channels/*/messages/*/threads", {"name": "x" * 101}),
    (MODAL, {"type": 9, "data": {"title": "x" * 46, "custom_id": "x", "components": [{"type": 10, "content": "y"}]}}),
]


@pytest.mark.parametrize(("name", "body"), WRONG)
def test_it_finds_what_is_wrong(name: str, body: Any) -> None:
    assert len(schema.complaints([(name, body)])) == 1


def bodies(*cards: Card) -> Iterator[tuple[str, Any]]:
    for card in cards:
        for payload in render_card(card).payloads:
            yield POST, {**payload, "nonce": "n1", "enforce_nonce": True}


def opened(form: Form) -> tuple[str, Any]:
    return MODAL, {"type": 9, "data": render_form(form).payload}


def test_it_finds_nothing_in_our_cards_and_forms() -> None:
    cards = [card_for_ask(ask, examples.asked(ask)) for ask in examples.ASKS.values()]
    cards += [status_card(examples.working()), result_card(examples.finished(files=3))]
    forms = [new_form(), steer_form("t_00001"), change_form("t_00001")]
    choices = ((ask, choice.value) for ask in examples.ASKS.values() for choice in ask.choices)
    forms += [form for ask, choice in choices if (form := form_for(ask, choice)) is not None]
    sure = (MODAL, {"type": 4, "data": confirmation(forms[0].token, "Yes")})
    calls = [*bodies(*cards), *map(opened, forms), sure]
    assert schema.complaints(calls) == []
    assert [found for name, body in calls for found in lint(name, body)] == []


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(strategies.cards(), min_size=10, max_size=10))
def test_it_finds_nothing_in_any_card(cards: list[Card]) -> None:
    calls = list(bodies(*cards))
    assert schema.complaints(calls) == []
    assert [found for name, body in calls for found in lint(name, body)] == []
