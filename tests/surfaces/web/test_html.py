"""Cards as HTML: complete, escaped, whatever is in them."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings

from agent.domain.people import Actor
from bot.cards import Card, Form
from bot.forms import form_for
from bot.render import card_for_ask, result_card, status_card
from bot.web.html import Html
from bot.web.signing import Signer
from tests.surfaces import examples
from tests.surfaces.strategies import cards, forms

VIEWER = Actor("slack:T1:U0ADA", "Ada")
HTML = Html(Signer(b"k" * 32, lambda: datetime(2026, 11, 22, tzinfo=UTC)))
VOID = {"br", "hr", "img", "input", "meta", "link"}
UNSAFE = {"script", "style", "iframe", "object", "embed", "base", "meta", "link", "svg", "math", "template"}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>[x](javascript:alert(1)) \u202egnp.exe"


class Check(HTMLParser):
    """Reads a fragment and notes whatever must not be in one."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.text = ""
        self.tokens: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in UNSAFE:
            self.wrong.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.wrong.append(name)
            if name in ("href", "src") and not (value or "").startswith(("/", "http://", "https://", "mailto:")):
                self.wrong.append(f"{name}={value}")
            if name == "data-token":
                self.tokens.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.text += data


def checked(html: str) -> Check:
    check = Check()
    check.feed(html)
    check.close()
    assert (check.wrong, check.open) == ([], [])
    return check


def drawn(card: Card, *, folded: bool = False) -> Check:
    return checked(HTML.card(card, VIEWER, task_id="t_1", folded=folded))


@pytest.mark.parametrize("name", sorted(examples.ASKS))
def test_every_ask_is_drawn_with_its_buttons(name: str) -> None:
    ask = examples.ASKS[name]
    card = card_for_ask(ask, examples.asked(ask))
    check = drawn(card)
    assert check.tokens == [*(s.token.encode() for s in card.selects), *(a.token.encode() for a in card.actions)]
    assert card.title in check.text


def test_every_argument_of_an_approval_is_shown_exactly() -> None:
    ask = examples.call_ask({"to": "a@b.example", "body": HOSTILE + "\n" + "x" * 5000, "count": 3, "empty": ""})
    text = drawn(card_for_ask(ask, examples.asked(ask))).text
    for part in ("a@b.example", "<script>alert(1)</script>", "x" * 5000, "\\u202egnp.exe", "count", '""'):
        assert part in text


def test_progress_and_results_are_drawn() -> None:
    for card in (status_card(examples.working()), result_card(examples.finished(files=3))):
        assert card.title in drawn(card).text


@given(card=cards())
@settings(max_examples=60, deadline=None)
def test_no_card_brings_its_own_markup(card: Card) -> None:
    drawn(card)
    drawn(card, folded=True)


@given(form=forms())
@settings(max_examples=30, deadline=None)
def test_no_form_brings_its_own_markup(form: Form) -> None:
    checked(HTML.form(form))


def test_the_edit_form_holds_the_steps_as_they_are() -> None:
    form = form_for(examples.plan_ask(), "revise")
    assert form is not None
    assert "Read the 14 receipts\nBuild the workbook" in checked(HTML.form(form)).text
