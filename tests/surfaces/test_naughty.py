"""Every naughty string as request, file name, step, title and outcome: each surface takes the cards, nobody is called,
and no markup gets through."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from agent.domain.asks import AskKind, Choice, QuestionSubject
from agent.domain.errors import Refused
from agent.domain.events import AskOpened, FileDelivered, PlanProposed, StepStarted, TaskAccepted, TaskFinished
from agent.domain.files import WorkFile
from agent.domain.task import Plan, Step
from agent.domain.view import TaskView, fold
from agent.service.paths import clean_path
from bot.cards import Card
from bot.discord import components
from bot.fit import plain
from bot.forms import form_for
from bot.render import card_for_ask, result_card, status_card
from bot.slack import blocks
from bot.slack.native import NATIVE
from tests.fakes.slack import lint
from tests.journeys.slack.driver import mentioned
from tests.naughty import STRINGS
from tests.surfaces import examples
from tests.surfaces.limits import discord_faults, discord_modal_faults, slack_view_faults
from tests.surfaces.web.test_html import HTML, checked, drawn

TASK = "t_00001"
ASKER = "U0ADA"
"""Whom cards may mention."""


def named(text: str) -> str:
    """The path of a file that is called so; another one, where that is no name for a file."""
    try:
        return clean_path(f"{text}.txt")
    except Refused:
        return "refused.txt"


def task_of(text: str) -> tuple[TaskView, Card]:
    """A whole task made of this text, and its plan as it was asked."""
    file = WorkFile(path=named(text), size_bytes=1, sha256="0" * 64)
    steps = (Step(number=1, title=text), Step(number=2, title=f"{text}."))
    plan = Plan(revision=1, steps=steps, files=(file.path,), note=text, risky=(text,))
    ask = examples.plan_ask(plan)
    told = {"task_id": TASK, "at": examples.NOW}
    accepted = TaskAccepted(**told, thread_id="slack:T1:C1:1.1", asked_by="slack:T1:U0ADA", request=text, files=(file,))
    opened = AskOpened(**told, ask=replace(ask, prompt=text))
    begun = (accepted, PlanProposed(**told, plan=plan), opened, StepStarted(**told, number=1))
    delivered = FileDelivered(**told, file=replace(file, path=f"outputs/{file.path}"), title=text, checks=(text,))
    events = (*begun, delivered, TaskFinished(**told, text=f"{text}\nThis is the end."))
    numbered = [replace(event, seq=seq) for seq, event in enumerate(events, 1)]
    return fold(numbered), card_for_ask(opened.ask, fold(numbered[: len(begun)]))


@cache
def cards_of(text: str) -> tuple[Card, ...]:
    """All cards of such a task, and a question with it as an answer to choose."""
    view, plan = task_of(text)
    working = replace(view, status=examples.working().status)
    subject = QuestionSubject(call_id="c3", options=(text,))
    choices = (Choice("option1", text[:70].strip() or "?", positive=True),)
    question = examples.ask(AskKind.QUESTION, choices, subject, prompt=text)
    return plan, status_card(working), result_card(view), card_for_ask(question, examples.asked(question))


def on_slack(card: Card) -> list[str]:
    found: list[str] = []
    for native in ((), NATIVE):
        body = blocks.render_card(card, native=native).card
        found += lint("chat.postMessage", {"channel": "C1", **body})
        found += [f"calls {who}" for who in mentioned(body["blocks"]) - {ASKER}]
    return found


def on_discord(card: Card) -> list[str]:
    rendered = components.render_card(card)
    names = tuple(a.name for a in rendered.overflow) + tuple(u.name for u in rendered.uploads)
    return [
        fault
        for payload in rendered.payloads
        for fault in discord_faults(dict(payload), files=names if payload is rendered.card else ())
    ]


def test_the_list_is_the_long_one() -> None:
    assert len(STRINGS) >= 515
    assert "" in STRINGS


@pytest.mark.parametrize("faults", [on_slack, on_discord])
def test_every_card_of_every_string_is_valid(faults: object) -> None:
    assert callable(faults)
    found = {(text, card.kind): faults(card) for text in STRINGS for card in cards_of(text)}
    assert {key: wrong for key, wrong in found.items() if wrong} == {}


def test_no_string_brings_markup_of_its_own_into_the_page() -> None:
    for text in STRINGS:
        for card in cards_of(text):
            drawn(card)


def test_no_string_swallows_what_stands_behind_it() -> None:
    for text in STRINGS:
        *_, result, _ = cards_of(text)
        assert "This is the end." in plain(result), text


def test_every_string_makes_the_name_of_a_file_or_is_refused() -> None:
    for text in STRINGS:
        for name in (named(text), named(text * 9), named(f"{text}\\{text}//{text}")):
            parts = name.split("/")
            assert not {"", ".", ".."} & set(parts), text
            assert max(len(part.encode()) for part in parts) <= 200, text
            assert name.isprintable(), text


def test_every_string_can_be_edited_in_a_form() -> None:
    for text in STRINGS:
        ask = examples.plan_ask(Plan(revision=1, steps=(Step(number=1, title=text),), files=(named(text),), note=text))
        form = form_for(ask, "revise")
        assert form is not None
        assert slack_view_faults(dict(blocks.render_form(form).payload)) == [], text
        assert discord_modal_faults(dict(components.render_form(form).payload)) == [], text
        checked(HTML.form(form))
