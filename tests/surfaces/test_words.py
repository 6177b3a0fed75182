"""Words and emoji that decide, tokens and thread ids that come back as they went."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.asks import AskKind, Risk
from agent.domain.task import Status
from bot import phrases
from bot.cards import (
    MAX_ACTIONS,
    Action,
    Attachment,
    Card,
    CardKind,
    CardState,
    Code,
    Form,
    Option,
    Select,
    Text,
    TextField,
    Token,
    Verb,
)
from bot.fit import fallback
from bot.markup import clip, reveal, safe_url, units
from bot.phrases import Word, emoji_word, word_of
from bot.surface import ThreadRef, text_file
from tests.surfaces.strategies import tokens


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("approve", Word.APPROVE),
        ("Yes!", Word.APPROVE),
        ("yes, please", Word.APPROVE),
        ("OK", Word.APPROVE),
        ("👍🏽", Word.APPROVE),
        (":white_check_mark:", Word.APPROVE),
        ("deny", Word.DENY),
        ("No thanks.", Word.DENY),
        ("don’t", Word.DENY),
        ("❌", Word.DENY),
        ("stop", Word.STOP),
        ("STOP IT!!!", Word.STOP),
        ("please stop", Word.STOP),
        ("pause", Word.PAUSE),
        ("resume", Word.RESUME),
        ("carry on", Word.RESUME),
        ("undo", Word.UNDO),
        ("status?", None),
        ("status", Word.STATUS),
        ("mute", Word.MUTE),
        ("forget", Word.FORGET),
        ("try again", Word.RETRY),
        ("yes, but use euros", None),
        ("not ok", None),
        ("no problem, approve the rest later", None),
        ("stop using euros", None),
        ("", None),
        ("x", None),
    ],
)
def test_only_a_message_that_is_a_deciding_word_decides(said: str, meant: Word | None) -> None:
    assert word_of(said) == meant


@pytest.mark.parametrize(
    ("emoji", "meant"),
    [
        ("✅", Word.APPROVE),
        ("+1", Word.APPROVE),
        ("+1::skin-tone-3", Word.APPROVE),
        ("👍🏿", Word.APPROVE),
        ("heavy_check_mark", Word.APPROVE),
        ("✔️", Word.APPROVE),
        ("❌", Word.DENY),
        ("-1", Word.DENY),
        ("octagonal_sign", Word.STOP),
        ("🛑", Word.STOP),
        ("⏸️", Word.PAUSE),
        ("double_vertical_bar", Word.PAUSE),
        ("🔁", Word.RETRY),
        ("eyes", None),
        ("tada", None),
        ("", None),
    ],
)
def test_reactions_decide_by_character_and_by_name(emoji: str, meant: Word | None) -> None:
    assert emoji_word(emoji) == meant


@given(st.text())
def test_any_text_is_read_without_error(text: str) -> None:
    assert word_of(text) in {*Word, None}
    assert emoji_word(text) in {*Word, None}


def test_there_is_a_phrase_for_every_case() -> None:
    assert set(phrases.ASK_TITLES) == set(AskKind)
    assert set(phrases.STATUS) == set(Status)
    assert set(phrases.RISKS) == set(Risk)
    assert set(phrases.STATE_SIGNS) == {state.value for state in CardState}


@pytest.mark.parametrize(
    ("size_bytes", "shown"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1.0 KB"),
        (12_345, "12 KB"),
        (999_950, "1.0 MB"),
        (5 * 10**13, "50 TB"),
    ],
)
def test_sizes_are_short(size_bytes: int, shown: str) -> None:
    assert phrases.size(size_bytes) == shown


def test_money_below_a_cent_is_not_nothing() -> None:
    assert [phrases.money(cost) for cost in (0, 0.001, 0.12, 1234.5)] == ["$0.00", "under $0.01", "$0.12", "$1,234.50"]


@given(tokens)
def test_a_token_comes_back_as_it_went_and_is_short(token: Token) -> None:
    assert Token.parse(token.encode()) == token
    assert len(token.encode()) <= 100


@pytest.mark.parametrize(
    "text", ["", "x", "g2:stop:t_1:0:", "g1:explode:t_1:0:", "g1:stop:t 1:0:", "g1:stop:t_1:0:a:b"]
)
def test_a_foreign_token_is_none(text: str) -> None:
    assert Token.parse(text) is None


def test_a_token_refuses_what_would_not_come_back() -> None:
    with pytest.raises(ValueError, match="cannot carry"):
        Token(verb=Verb.STOP, subject_id="a:b")
    with pytest.raises(ValueError, match="cannot carry"):
        Token(verb=Verb.STOP, subject_id="a", choice="x" * 33)


@given(st.sampled_from(["slack", "discord", "web", "terminal"]), st.text(), st.text(), st.text(min_size=1))
def test_a_thread_id_comes_back_as_it_went(surface: str, space: str, channel: str, thread: str) -> None:
    ref = ThreadRef(surface, space, channel, thread)  # type: ignore[arg-type]
    try:
        text = ref.thread_id
    except UnicodeEncodeError:
        return  # half a surrogate pair is no platform's id
    assert ThreadRef.parse(text) == ref
    assert text.count(":") == 3


def test_thread_ids_are_readable_and_strict() -> None:
    assert ThreadRef("discord", "@me", "123", "123").thread_id == "discord:@me:123:123"
    assert ThreadRef("slack", "T1", "C1", "1700000000.0001").thread_id == "slack:T1:C1:1700000000.0001"


def test_people_are_known_in_their_workspace_and_on_discord_everywhere() -> None:
    slack, discord = ThreadRef("slack", "T1", "C1", "1.1"), ThreadRef("discord", "5", "6", "7")
    assert [slack.knows(person) for person in ("slack:T1:U1", "slack:T2:U1", "discord:1", "system")] == [
        True,
        *[False] * 3,
    ]
    assert [discord.knows(person) for person in ("discord:1", "slack:T1:U1", "web:owner")] == [True, False, False]
    for wrong in ("", "slack:T1:C1", "irc:a:b:c", "slack:a:b:c:d"):
        with pytest.raises(ValueError, match="not a thread id"):
            ThreadRef.parse(wrong)


def test_too_much_for_any_platform_is_refused_when_it_is_made() -> None:
    action = Action(Token(verb=Verb.STOP, subject_id="t"), "Stop")
    made = {"key": "k", "kind": CardKind.STATUS, "state": CardState.DONE, "title": "t"}
    with pytest.raises(ValueError, match="buttons"):
        Card(**made, actions=(action,) * (MAX_ACTIONS + 1))
    with pytest.raises(ValueError, match="do the same"):
        Card(**made, actions=(action, action))
    with pytest.raises(ValueError, match="options"):
        Select(action.token, "Pick", ())
    with pytest.raises(ValueError, match="same value"):
        Select(action.token, "Pick", (Option("a", "A"), Option("a", "B")))
    field = TextField(name="a", label="A")
    with pytest.raises(ValueError, match="fields"):
        Form(token=action.token, title="F", fields=(field,) * 6)
    with pytest.raises(ValueError, match="told apart"):
        Form(token=action.token, title="F", fields=(field, field))


def test_the_fallback_line_is_never_empty() -> None:
    made = {"key": "k", "kind": CardKind.STATUS, "state": CardState.DONE}
    assert fallback(Card(**made, title="", fallback=" \n")) == "Gofer"
    assert fallback(Card(**made, title="Done", blocks=(Code("x"), Text("**All** of [it](https://e.example)")))) == (
        "Done: All of it (https://e.example)"
    )


@given(st.text(), st.integers(1, 20))
def test_a_clipped_text_has_at_most_the_length_asked_for(text: str, limit: int) -> None:
    assert units(clip(text, limit)) <= limit


def test_unsafe_addresses_are_not_linked() -> None:
    assert safe_url('https://example.com/a b"<>') == "https://example.com/a%20b%22%3C%3E"
    assert [safe_url(url) for url in ("javascript:x", "data:,x", "file:///etc", "//x", "http://[x", "")] == [""] * 6


def test_invisible_characters_are_revealed_and_ordinary_ones_stay() -> None:
    assert reveal("a\u200bb\u202ec") == "a\\u200bb\\u202ec"
    assert reveal("Grüße, 你好 ✅\n\tok") == "Grüße, 你好 ✅\n\tok"


async def test_an_attachment_becomes_a_file_to_send() -> None:
    file = text_file(Attachment("plan.md", "Größe"))
    assert b"".join([part async for part in file.open()]) == "Größe".encode()
    assert (file.name, file.size_bytes) == ("plan.md", 7)
