"""Cards in Slack: what is escaped, what is native, what a click carries."""

from __future__ import annotations

from typing import Any

import pytest

from bot.cards import (
    Action,
    Block,
    Card,
    CardKind,
    CardState,
    CheckField,
    ChoiceField,
    Field,
    Fields,
    FileLine,
    Files,
    FilesField,
    Form,
    Moment,
    Note,
    Option,
    Person,
    Select,
    StepLine,
    Steps,
    Table,
    Text,
    TextField,
    Token,
    Verb,
)
from bot.slack.blocks import render_card, render_form
from tests.surfaces.examples import NOW
from tests.surfaces.limits import walk

TOKEN = Token(verb=Verb.ANSWER, subject_id="a_1", revision=2, choice="allow")
SHOUT = "<!channel> <@U0EVIL> & co"


def card(*blocks: Block, title: str = "Title", **others: Any) -> Card:
    return Card(key="k", kind=CardKind.STATUS, state=CardState.RUNNING, title=title, blocks=blocks, **others)


def drawn(*blocks: Block, **others: Any) -> list[dict[str, Any]]:
    """The blocks below the title."""
    return list(render_card(card(*blocks, **others)).card["blocks"])[1:]


def rich(*blocks: Block) -> list[dict[str, Any]]:
    return [element for block in drawn(*blocks) for element in block["elements"]]


def test_foreign_text_cannot_mention_anybody() -> None:
    contents = (
        Text(SHOUT),
        Fields((Field(SHOUT, SHOUT),)),
        Steps((StepLine(SHOUT),)),
        Files((FileLine(SHOUT),)),
        Note((SHOUT,)),
        Table((SHOUT,), ((SHOUT,),)),
    )
    payload = render_card(card(*contents, title=SHOUT, fallback=SHOUT)).card
    assert "<!" not in payload["text"]
    for node in walk(payload["blocks"]):
        assert node.get("type") not in ("user", "broadcast", "usergroup")
        if node.get("type") in ("mrkdwn", "plain_text"):
            assert "<" not in node["text"]


def test_rich_text_keeps_every_character_as_it_is() -> None:
    assert rich(Fields((Field("a", SHOUT, exact=True),)))[0]["elements"][1] == {
        "type": "text",
        "text": SHOUT,
        "style": {"code": True},
    }


def test_our_own_people_are_mentioned_and_others_are_named() -> None:
    note = Note((Person("slack:T1:U0ADA"), " and ", Person("discord:123456789", "Bob <3")))
    assert drawn(note)[0]["elements"][0]["text"] == "<@U0ADA> and Bob &lt;3"
    assert rich(Fields((Field("Who", Person("slack:T1:U0ADA")),)))[0]["elements"][1] == {
        "type": "user",
        "user_id": "U0ADA",
    }


def test_times_show_on_the_readers_clock() -> None:
    stamp = int(NOW.timestamp())
    assert f"<!date^{stamp}^" in drawn(Note((Moment(NOW),)))[0]["elements"][0]["text"]
    assert rich(Fields((Field("When", Moment(NOW)),)))[0]["elements"][1]["timestamp"] == stamp


def test_markdown_becomes_structure() -> None:
    text = "# Head\nSome **bold** [link](https://example.com) `code`\n\n- one\n  1. two\n\n> said\n\n```py\nx < 1\n```"
    kinds = [(e["type"], e.get("style"), e.get("indent")) for e in rich(Text(text))]
    assert kinds == [
        ("rich_text_section", None, None),
        ("rich_text_list", "bullet", 0),
        ("rich_text_list", "ordered", 1),
        ("rich_text_quote", None, None),
        ("rich_text_preformatted", None, None),
    ]
    assert rich(Text(text))[0]["elements"] == [
        {"type": "text", "text": "Head", "style": {"bold": True}},
        {"type": "text", "text": "\n\n"},
        {"type": "text", "text": "Some "},
        {"type": "text", "text": "bold", "style": {"bold": True}},
        {"type": "text", "text": " "},
        {"type": "link", "text": "link", "url": "https://example.com"},
        {"type": "text", "text": " "},
        {"type": "text", "text": "code", "style": {"code": True}},
    ]


@pytest.mark.parametrize("answer", ["5.", "5)", "-", "*", "#", ">", "- a\n-\n- b", "1.\n2."])
def test_signs_without_words_are_an_answer_too(answer: str) -> None:
    shown = "".join(str(node.get("text", "")) for element in rich(Text(answer)) for node in walk(element))
    assert [sign for sign in answer.split() if sign not in shown and sign != "-"] == []
    assert shown.strip()


def test_literal_text_is_not_markdown() -> None:
    assert rich(Text("**not bold**", literal=True))[0]["elements"] == [{"type": "text", "text": "**not bold**"}]


def test_links_are_never_unfurled() -> None:
    payload = render_card(card()).card
    assert (payload["unfurl_links"], payload["unfurl_media"]) == (False, False)


def test_a_click_carries_the_token_and_danger_asks_first() -> None:
    stop = Action(Token(verb=Verb.STOP, subject_id="t_1"), "Stop", "danger", "Really?")
    buttons = drawn(actions=(Action(TOKEN, "Allow once", "primary"), stop))[0]["elements"]
    assert [Token.parse(button["action_id"]) for button in buttons] == [TOKEN, stop.token]
    assert [button.get("style") for button in buttons] == ["primary", "danger"]
    assert buttons[1]["confirm"]["text"]["text"] == "Really?"


def test_a_select_carries_its_token_and_options() -> None:
    select = Select(TOKEN, "Pick", (Option("option1", "2025"), Option("option2", "2026")))
    element = drawn(selects=(select,))[0]["elements"][0]
    assert Token.parse(element["action_id"]) == TOKEN
    assert [option["value"] for option in element["options"]] == ["option1", "option2"]


def test_steps_are_a_native_plan_only_when_asked_for() -> None:
    steps = Steps((StepLine("One", "done"), StepLine("Two", "running"), StepLine("Three", "failed")))
    assert drawn(steps)[0]["type"] == "rich_text"
    plan = render_card(card(steps), native=("plan",)).card["blocks"][1]
    assert [(task["title"], task["status"]) for task in plan["tasks"]] == [
        ("One", "complete"),
        ("Two", "in_progress"),
        ("Three", "error"),
    ]


def test_a_second_table_becomes_text() -> None:
    table = Table(("a", "b"), (("1",), ("3", "4")))
    first, second = drawn(table, table)
    assert [len(row) for row in first["rows"]] == [2, 2, 2]
    assert second["type"] == "rich_text"


def test_every_kind_of_field_has_its_input() -> None:
    options = (Option("a", "A"), Option("b", "B"))
    many = tuple(Option(f"o{n}", str(n)) for n in range(20))
    form = Form(
        token=Token(verb=Verb.FORM, subject_id="a_1", choice="revise"),
        title="A title that is longer than Slack wants it",
        fields=(
            TextField(name="text", label="Text", value="before", multiline=True, hint="A hint"),
            ChoiceField(name="one", label="One", options=options, value=("b",)),
            ChoiceField(name="many", label="Many", options=many, value=("o3", "o4"), many=True, required=False),
            FilesField(name="files", label="Files"),
            CheckField(name="check", label="Check", value=True),
        ),
    )
    view = render_form(form).payload
    assert Token.parse(view["callback_id"]) == form.token
    assert [block["element"]["type"] for block in view["blocks"]] == [
        "plain_text_input",
        "radio_buttons",
        "multi_static_select",
        "file_input",
        "checkboxes",
    ]
    assert [block["block_id"] for block in view["blocks"]] == ["text", "one", "many", "files", "check"]
    assert view["blocks"][0]["element"]["initial_value"] == "before"
    assert view["blocks"][1]["element"]["initial_option"]["value"] == "b"
    assert [option["value"] for option in view["blocks"][2]["element"]["initial_options"]] == ["o3", "o4"]
    assert [block["optional"] for block in view["blocks"]] == [False, False, True, True, True]
