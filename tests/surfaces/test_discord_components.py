"""Cards in Discord: what is escaped, who is pinged, what a click carries, which files go along."""

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
    Code,
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
    Rule,
    Select,
    StepLine,
    Steps,
    Table,
    Text,
    TextField,
    Token,
    Verb,
)
from bot.discord.components import EPHEMERAL, IS_COMPONENTS_V2, confirmation, render_card, render_form, safe_name
from bot.discord.markdown import code_block, escape
from tests.surfaces.examples import NOW
from tests.surfaces.limits import discord_faults, walk

TOKEN = Token(verb=Verb.ANSWER, subject_id="a_1", revision=2, choice="allow")


def card(*blocks: Block, title: str = "Title", **others: Any) -> Card:
    return Card(key="k", kind=CardKind.RESULT, state=CardState.DONE, title=title, blocks=blocks, **others)


def text(*blocks: Block, **others: Any) -> str:
    """All text of the card."""
    payload = render_card(card(*blocks, **others)).card
    return "\n".join(node["content"] for node in walk(payload) if node.get("type") == 10)


@pytest.mark.parametrize(
    ("foreign", "written"),
    [
        ("**b** _i_ ~~s~~ `c` ||x||", "\\*\\*b\\*\\* \\_i\\_ \\~\\~s\\~\\~ \\`c\\` \\|\\|x\\|\\|"),
        ("<@123456> <#1> <:a:1>", "\\<@123456> \\<#1> \\<:a:1>"),
        ("@everyone @HERE", "@\u200beveryone @\u200bHERE"),
        ("# big\n> quote\n- item\n1. one", "\\# big\n\\> quote\n\\- item\n1\\. one"),
        ("[a](https://evil.example)", "\\[a\\](https\\://evil.example)"),
    ],
)
def test_foreign_text_is_shown_as_it_was_written(foreign: str, written: str) -> None:
    assert escape(foreign) == written


def test_a_code_block_cannot_be_left() -> None:
    assert code_block("```\n@everyone", "py; x").count("```") == 2


def test_nothing_in_a_card_pings() -> None:
    shout = "@everyone <@&123456> <@123456789>"
    contents = (
        Text(shout),
        Fields((Field(shout, shout),)),
        Steps((StepLine(shout),)),
        Files((FileLine(shout),)),
        Table((shout,), ((shout,),)),
        Note((shout,)),
    )
    shown = text(*contents, title=shout)
    outside_code = "".join(shown.split("```")[::2])
    assert "@everyone" not in outside_code
    assert all(outside_code[at - 1] == "\\" for at in range(len(outside_code)) if outside_code[at] == "<")
    assert render_card(card(*contents)).card["allowed_mentions"] == {"parse": []}


def test_people_to_notify_get_a_plain_line_before_the_card() -> None:
    told = card(notify=(Person("discord:123456789"), Person("slack:T1:U1")), fallback="Please *decide*")
    lead, body = render_card(told).payloads
    assert lead["content"] == "<@123456789> Please \\*decide\\*"
    assert lead["allowed_mentions"] == {"parse": [], "users": ["123456789"]}
    assert body["flags"] == IS_COMPONENTS_V2
    assert "content" not in body


def test_without_people_of_discord_the_card_stands_alone() -> None:
    assert len(render_card(card(notify=(Person("web:owner"),))).payloads) == 1


def test_people_and_times_are_discords_own() -> None:
    shown = text(Note((Person("discord:123456789"), " and ", Person("slack:T1:U1", "Bob"), Moment(NOW, relative=True))))
    assert f"-# <@123456789> and Bob<t:{int(NOW.timestamp())}:R>" in shown


def test_markdown_is_written_anew() -> None:
    source = "# Head\n**bold** [link](https://example.com/a_(b)) `code`\n\n- one\n  1. two\n\n> said\n\n```py\nx\n```"
    assert text(Text(source)).split("\n", 1)[1] == (
        "### Head\n\n**bold** [link](<https://example.com/a_%28b%29>) `code`\n\n"
        "- one\n  1. two\n> said\n\n```py\nx\n```"
    )


def test_pictures_are_links_and_misleading_links_show_their_target() -> None:
    shown = text(Text("![p](https://t.example/x.png) [https://bank.example](https://evil.example)"))
    assert "[p](<https://t.example/x.png>)" in shown
    assert "<https://evil.example>" in shown
    assert "bank" not in shown


def test_a_click_carries_the_token_and_danger_is_marked_for_confirmation() -> None:
    stop = Action(Token(verb=Verb.STOP, subject_id="t_1"), "Stop", "danger", "Really?")
    payload = render_card(card(actions=(Action(TOKEN, "Allow once", "primary"), stop))).card
    buttons = [node for node in walk(payload) if node.get("type") == 2]
    assert [Token.parse(button["custom_id"]) for button in buttons] == [
        TOKEN,
        Token(verb=Verb.STOP, subject_id="t_1", confirm=True),
    ]
    assert [button["style"] for button in buttons] == [1, 4]


def test_a_confirmation_is_private_and_carries_the_bare_token() -> None:
    payload = dict(confirmation(Token(verb=Verb.STOP, subject_id="t_1", confirm=True), "Stop"))
    assert payload["flags"] & EPHEMERAL
    assert discord_faults(payload) == []
    (button,) = [node for node in walk(payload) if node.get("type") == 2]
    assert Token.parse(button["custom_id"]) == Token(verb=Verb.STOP, subject_id="t_1")


def test_a_select_carries_its_token() -> None:
    payload = render_card(card(selects=(Select(TOKEN, "Pick", (Option("option1", "2025"),)),))).card
    (select,) = [node for node in walk(payload) if node.get("type") == 3]
    assert Token.parse(select["custom_id"]) == TOKEN


def test_files_are_shown_under_safe_names_and_the_rest_is_named() -> None:
    files = Files(tuple(FileLine("Größe & co.xlsx", n, path=f"outputs/{n}") for n in range(12)))
    rendered = render_card(card(files))
    assert [upload.name for upload in rendered.uploads][:2] == ["Gr_e_co.xlsx", "Gr_e_co-2.xlsx"]
    assert len(rendered.uploads) == 10
    assert [line.path for line in rendered.left_out] == ["outputs/10", "outputs/11"]
    shown = [node["file"]["url"] for node in walk(rendered.card) if node.get("type") == 13]
    assert shown == [f"attachment://{upload.name}" for upload in rendered.uploads]


@pytest.mark.parametrize("name", ["", "...", "../../etc/passwd", "a" * 300 + ".pdf", "日本語.docx", "CON"])
def test_any_name_becomes_one_that_discord_can_attach(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert len(safe) <= 80
    assert set(safe) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert safe_name(name, [safe]) != safe


def test_a_rule_divides_and_neighbours_share_one_text() -> None:
    payload = render_card(card(Text("a"), Code("b"), Rule(), Text("c"))).card
    assert [child["type"] for child in payload["components"][0]["components"]] == [10, 14, 10]


def test_every_kind_of_field_has_its_component() -> None:
    options = (Option("a", "A"), Option("b", "B"))
    form = Form(
        token=Token(verb=Verb.FORM, subject_id="a_1", choice="revise"),
        title="Edit",
        fields=(
            TextField(name="text", label="Text", value="before", multiline=True, hint="A hint"),
            ChoiceField(name="one", label="One", options=options, value=("a", "b")),
            ChoiceField(name="lone", label="Lone", options=options[:1]),
            FilesField(name="files", label="Files", required=True),
            CheckField(name="check", label="Check", value=True),
        ),
    )
    payload = render_form(form).payload
    assert Token.parse(payload["custom_id"]) == form.token
    inner = [label["component"] for label in payload["components"]]
    assert [component["type"] for component in inner] == [4, 21, 3, 19, 23]
    assert [component["custom_id"] for component in inner] == ["text", "one", "lone", "files", "check"]
    assert [option.get("default") for option in inner[1]["options"]] == [True, None]
    assert inner[0]["value"] == "before"
    assert inner[3]["min_values"] == 1
