"""Whatever a card contains, what leaves for Slack and Discord is something they accept."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings

from bot.cards import (
    MAX_ACTIONS,
    MAX_OPTIONS,
    Action,
    Block,
    Card,
    CardKind,
    CardState,
    Code,
    Field,
    Fields,
    FileLine,
    Files,
    Form,
    Note,
    Option,
    Rendered,
    Select,
    StepLine,
    Steps,
    Table,
    Text,
    TextField,
    Token,
    Verb,
)
from bot.discord import components
from bot.slack import blocks
from bot.slack.native import NATIVE
from tests.fakes.slack import lint
from tests.surfaces.limits import discord_faults, discord_modal_faults, slack_faults, slack_view_faults
from tests.surfaces.strategies import NASTY, cards, forms

RANDOM = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


on_both = pytest.mark.parametrize("render", [blocks.render_card, components.render_card], ids=["slack", "discord"])


def card(*contents: Block, title: str = "A card", **others: Any) -> Card:
    return Card(key="k", kind=CardKind.APPROVAL, state=CardState.WAITING, title=title, blocks=tuple(contents), **others)


def faults(given_card: Card) -> list[str]:
    """All faults of this card on both platforms."""
    slack, native = blocks.render_card(given_card), blocks.render_card(given_card, native=NATIVE)
    discord = components.render_card(given_card)
    found = [*slack_faults(dict(slack.card)), *lint("chat.postMessage", slack.card)]
    found += lint("chat.postMessage", native.card)
    for payload in discord.payloads:
        names = tuple(a.name for a in discord.overflow) + tuple(u.name for u in discord.uploads)
        found += discord_faults(dict(payload), files=names if payload is discord.card else ())
    for rendered in (slack, discord):
        found += ["an empty or broken attachment" for a in rendered.overflow if not a.name or a.text.encode() is None]
    return found


@RANDOM
@given(cards())
def test_any_card_is_valid_on_both_platforms(given_card: Card) -> None:
    assert faults(given_card) == []


def test_a_broken_name_of_the_file_that_holds_all_of_a_table_is_made_visible() -> None:
    table = Table(("n",), (("1",),) * 200, whole="all\ud800.csv")
    assert faults(card(table)) == []
    assert "more (in all\\ud800.csv)" in json.dumps(blocks.render_card(card(table)).card, ensure_ascii=False).replace(
        "\\\\", "\\"
    )


@RANDOM
@given(forms())
def test_any_form_is_valid_on_both_platforms(form: Form) -> None:
    assert slack_view_faults(dict(blocks.render_form(form).payload)) == []
    assert discord_modal_faults(dict(components.render_form(form).payload)) == []


@pytest.mark.parametrize("nasty", NASTY, ids=range(len(NASTY)))
def test_a_nasty_string_is_harmless_wherever_it_stands(nasty: str) -> None:
    contents: tuple[Block, ...] = (
        Text(nasty),
        Text(nasty, literal=True),
        Fields((Field(nasty, nasty), Field(nasty, nasty, exact=True))),
        Steps((StepLine(nasty, "running", nasty),), label=nasty),
        Files((FileLine(nasty, 1, nasty, nasty),), label=nasty),
        Code(nasty, nasty, nasty),
        Table((nasty, nasty), ((nasty,),)),
        Note((nasty, nasty)),
    )
    action = Action(Token(verb=Verb.STOP, subject_id="t"), nasty, "danger", nasty)
    select = Select(Token(verb=Verb.ANSWER, subject_id="a"), nasty, (Option("o", nasty),))
    assert faults(card(*contents, title=nasty, actions=(action,), selects=(select,), fallback=nasty)) == []
    for block in contents:
        assert faults(card(block)) == []
    form = Form(
        token=Token(verb=Verb.FORM, subject_id="a"),
        title=nasty,
        intro=nasty,
        fields=(TextField(name="a", label=nasty, value=nasty, hint=nasty),),
    )
    assert slack_view_faults(dict(blocks.render_form(form).payload)) == []
    assert discord_modal_faults(dict(components.render_form(form).payload)) == []


def test_a_card_that_is_full_of_everything_is_valid() -> None:
    actions = tuple(
        Action(
            Token(verb=Verb.ANSWER, subject_id="a" * 40, revision=n, choice="c" * 32), '"' * 200, "danger", "<" * 400
        )
        for n in range(MAX_ACTIONS)
    )
    picks = tuple(Option(f"{n:032}", "&" * 200) for n in range(MAX_OPTIONS))
    selects = tuple(Select(Token(verb=Verb.ANSWER, subject_id=f"s{n}"), "\\" * 300, picks) for n in range(2))
    uploads = Files(tuple(FileLine(f"{n}.xlsx", n, path=f"outputs/{n}.xlsx") for n in range(20)))
    contents = (*(Code('\\"<' * 3_000, label=str(n), file=f"{n}.txt") for n in range(30)), uploads)
    full = card(*contents, actions=actions, selects=selects)
    assert faults(full) == []
    assert faults(replace(full, blocks=())) == []
    assert len(components.render_card(full).uploads) + len(components.render_card(full).left_out) == 20


def overflow_of(rendered: Rendered, name: str) -> str:
    return next(attachment.text for attachment in rendered.overflow if attachment.name == name)


@on_both
def test_what_does_not_fit_is_complete_in_an_attachment_and_said(render: Any) -> None:
    steps = Steps(tuple(StepLine(f"Step number {n} of a long plan") for n in range(200)))
    rendered = render(replace(card(steps), kind=CardKind.PLAN))
    assert "more (in plan.md)" in str(rendered.card)
    assert "Step number 199 of a long plan" in overflow_of(rendered, "plan.md")
    assert "Step number 199 of a long plan" not in str(rendered.card)


@on_both
def test_the_running_step_of_a_long_plan_stays_in_sight(render: Any) -> None:
    steps = tuple(
        StepLine(f"Step {n}", "running" if n == 150 else "done" if n < 150 else "pending") for n in range(200)
    )
    assert "151. Step 150" in str(render(card(Steps(steps))).card)


@on_both
def test_a_long_text_gives_way_and_short_blocks_stay_whole(render: Any) -> None:
    long, short = Code("x" * 50_000, label="body", file="arguments.txt"), Fields((Field("To", "ada@example.com"),))
    rendered = render(card(long, short))
    assert "ada@example.com" in str(rendered.card)
    assert "the rest is in arguments.txt" in str(rendered.card)
    assert overflow_of(rendered, "arguments.txt") == "x" * 50_000


@on_both
def test_a_card_that_fits_has_no_attachment(render: Any) -> None:
    assert render(card(Text("All of it."), Steps((StepLine("One"),)))).overflow == ()


def test_a_large_table_is_a_preview_with_the_whole_as_csv() -> None:
    table = Table(("vendor", "amount"), tuple((f"vendor {n}", str(n)) for n in range(300)), file="rows.csv")
    rendered = blocks.render_card(card(table))
    shown = next(block for block in cast(list[dict[str, Any]], rendered.card["blocks"]) if block["type"] == "table")
    assert len(shown["rows"]) == 11
    assert overflow_of(rendered, "rows.csv").splitlines()[300] == "vendor 299,299"


def test_a_prefilled_text_that_is_too_long_to_edit_is_left_out_and_named() -> None:
    field = TextField(name="steps", label="Steps", value="x" * 3_500)
    form = Form(token=Token(verb=Verb.FORM, subject_id="a"), title="Edit", fields=(field,))
    assert blocks.render_form(form).emptied == ("steps",)
    assert components.render_form(form).emptied == ()
