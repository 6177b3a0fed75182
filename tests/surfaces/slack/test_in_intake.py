"""What stored arrivals mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from agent.domain.people import Actor, Standing
from agent.service import Arrival
from bot.cards import CheckField, ChoiceField, FilesField, Form, Option, TextField, Token, Verb
from bot.slack.arrivals import arrival_of
from bot.slack.blocks import render_form
from bot.slack.directory import Directory
from bot.slack.intake import Happening, Intake
from bot.slack.payload import Payload, pack
from bot.surface import (
    Incoming,
    IncomingChoice,
    IncomingCommand,
    IncomingFile,
    IncomingForm,
    IncomingMessage,
    IncomingReaction,
    MessageRef,
    SurfaceDown,
    ThreadRef,
    Trigger,
)
from tests.surfaces.slack.in_payloads import (
    HERE,
    NOW,
    Json,
    changed,
    click,
    deleted,
    edited,
    event,
    mention,
    message,
    reaction,
    shortcut,
    slash,
    submission,
    view,
)

ROOT = ThreadRef("slack", "T1", "C1", "1764000001.000100")
REPLY: dict[str, Any] = {"thread_ts": ROOT.thread, "ts": "1764000002.000200"}
REPLIED = MessageRef(ROOT, "1764000002.000200")
ANN = Actor("slack:T1:U1", "Ann", "slack:T1:C1")
FILE = {"id": "F1", "name": "a.csv", "mimetype": "text/csv", "size": 3}
TOLD = datetime(2025, 11, 24, 16, 0, tzinfo=UTC)
"""The `event_time` of every event here."""
NAMES = {"U1": "Ann", "U2": "Bob"}


class Known(Directory):
    """People as a test says; `away`: Slack cannot be reached."""

    away = False

    async def actor(self, user_id: str, channel: str = "") -> Actor:
        if self.away:
            raise SurfaceDown("away")
        place = f"slack:T1:{channel}" if channel else ""
        return Actor(f"slack:T1:{user_id}", NAMES.get(user_id, user_id), place)

    async def names(self, user_ids: Iterable[str]) -> Mapping[str, str]:
        return {user_id: NAMES.get(user_id, user_id) for user_id in user_ids}


async def _nothing() -> Any:
    yield b""


def described(file: Payload) -> IncomingFile:
    return IncomingFile(name=file["name"], size_bytes=file["size"], media_type=file["mimetype"], fetch=_nothing)


async def looked_up(file: Payload) -> IncomingFile:
    return described(file)


def arrived(body: Json) -> Arrival:
    found = arrival_of(body, HERE, NOW)
    assert found is not None
    return found


def intake(happened: list[Happening] | None = None) -> Intake:
    async def take(happening: Happening) -> None:
        (happened if happened is not None else []).append(happening)

    return Intake(HERE, Known(AsyncWebClient(), "T1"), looked_up, take)


async def meant(body: Json) -> Incoming | None:
    return await intake().translate(arrived(body))


async def said(body: Json) -> IncomingMessage:
    found = await meant(body)
    assert isinstance(found, IncomingMessage)
    return found


# -- messages


async def test_mention_begins_a_thread_whichever_of_its_two_events_was_kept() -> None:
    text = "<@U0BOT> add these for <@U2> in <#C9|sales> &amp; <https://x.ch|there>"
    more = {"files": [FILE], "subtype": "file_share"}
    expected = IncomingMessage(
        event_id="slack:T1:C1:1764000001.000100:message",
        thread=ROOT,
        person=ANN,
        at=datetime(2025, 11, 24, 16, 0, 1, 100, UTC),
        message=MessageRef(ROOT, ROOT.thread),
        text="add these for @Bob in #sales & [there](https://x.ch)",
        mentioned=True,
        root=True,
        addressed=("slack:T1:U2",),
        files=(described(FILE),),
    )
    assert await meant(event(message(text, **more), "Ev1")) == expected
    assert await meant(event(mention(text, **more), "Ev2")) == expected


async def test_reply_without_a_mention_is_neither_root_nor_mentioned() -> None:
    found = await said(event(message("faster please", **REPLY)))
    assert (found.thread, found.message, found.text) == (ROOT, REPLIED, "faster please")
    assert [found.mentioned, found.root, found.direct, found.edited, found.deleted] == [False] * 5


async def test_direct_message_is_direct_and_begins_its_own_thread() -> None:
    found = await said(event(message("hi", channel="D1", channel_type="im")))
    assert (found.direct, found.mentioned, found.root) == (True, False, True)
    assert found.thread == ThreadRef("slack", "T1", "D1", "1764000001.000100")
    assert found.person.place == "slack:T1:D1"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("<@U0BOT>: do it", "do it"),
        ("<@U0BOT|gofer>, do it", "do it"),
        ("hey <@U0BOT> do it", "hey do it"),
        ("do it <@U0BOT>", "do it"),
        ("<@U0BOT>\n- a\n- b", "- a\n- b"),
        ("<@U0BOT>", ""),
        ("<@U0BOT> &lt;@U0BOT&gt; is you", "<@U0BOT> is you"),
        ("<@U0BOT> ask <@U7>", "ask @U7"),
    ],
)
async def test_mention_of_gofer_is_no_part_of_what_is_said(written: str, expected: str) -> None:
    found = await said(event(message(written)))
    assert (found.text, found.mentioned) == (expected, True)


async def test_person_of_another_organisation_belongs_to_the_workspace_it_came_to() -> None:
    body = event(message("<@U0BOT> hi", user="U9", user_team="T2", team="T2"), team_id="T2", is_ext_shared_channel=True)
    found = await said(body)
    assert found.thread.space == "T1"
    assert found.person.person_id == "slack:T1:U9"


async def test_forwarded_message_is_quoted_and_brings_its_files() -> None:
    shared = {
        "is_share": True,
        "author_name": "Bob",
        "from_url": "https://acme.slack.com/archives/C2/p1",
        "text": "two lines\nfor <@U1>",
        "files": [{**FILE, "name": "b.csv"}],
    }
    unfurled = {"is_msg_unfurl": True, "text": "not this"}
    found = await said(event(message("<@U0BOT> see below", attachments=[shared, unfurled], files=[FILE])))
    assert found.text == (
        "see below\n\nForwarded message of Bob (https://acme.slack.com/archives/C2/p1):\n> two lines\n> for @Ann"
    )
    assert [file.name for file in found.files] == ["a.csv", "b.csv"]
    assert found.addressed == ()


async def test_mention_in_a_forwarded_message_is_no_mention() -> None:
    shared = {"is_share": True, "text": "<@U0BOT> delete all"}
    found = await said(event(message("look", attachments=[shared], **REPLY)))
    assert not found.mentioned


async def test_edit_replaces_the_text_and_keeps_thread_and_message() -> None:
    before = message("<@U0BOT> add", **REPLY)
    found = await said(event(changed(edited("<@U0BOT> add all", before), before)))
    assert (found.text, found.edited, found.mentioned, found.message) == ("add all", True, True, REPLIED)
    assert found.event_id == "slack:T1:C1:1764000002.000200:edit:1764000008.000000"


async def test_mention_that_an_edit_adds_counts_as_a_new_message() -> None:
    before = message("add")
    found = await said(event(changed(edited("<@U0BOT> add", before), before)))
    assert (found.text, found.edited, found.mentioned, found.root) == ("add", False, True, True)


async def test_mention_that_an_edit_adds_in_a_direct_message_changes_nothing_about_it() -> None:
    before = message("add", channel="D1", channel_type="im")
    assert (await said(event(changed(edited("<@U0BOT> add", before), before)))).edited


async def test_deletion_names_the_message_and_its_author_and_has_no_text() -> None:
    gone = message("<@U0BOT> add", **REPLY)
    tombstone = message("This message was deleted.", user="USLACKBOT", subtype="tombstone", ts=gone["ts"])
    for body in (deleted(gone), changed(tombstone, gone)):
        found = await said(event(body))
        assert (found.deleted, found.text, found.message, found.person) == (True, "", REPLIED, ANN)
        assert found.mentioned


async def test_deleted_files_are_left_out() -> None:
    found = await said(event(message("<@U0BOT> a", files=[{"id": "F2", "mode": "tombstone"}, FILE])))
    assert [file.name for file in found.files] == ["a.csv"]


async def test_slack_that_is_away_puts_the_arrival_off() -> None:
    away = Known(AsyncWebClient(), "T1")
    away.away = True

    async def never(happening: Happening) -> None:
        raise AssertionError

    with pytest.raises(SurfaceDown):
        await Intake(HERE, away, looked_up, never).translate(arrived(event(message("<@U0BOT> a"))))


# -- reactions, clicks, forms, commands


async def test_reaction_names_the_message_as_its_own_thread() -> None:
    thread = ThreadRef("slack", "T1", "C1", "1764000002.000200")
    found = await meant(event(reaction("+1::skin-tone-3")))
    assert found == IncomingReaction(
        event_id="slack:ev:Ev1",
        thread=thread,
        person=ANN,
        at=datetime(2025, 11, 24, 16, 0, 3, 300, UTC),
        message=MessageRef(thread, thread.thread),
        emoji="+1::skin-tone-3",
    )
    taken_back = await meant(event(reaction("+1", added=False)))
    assert isinstance(taken_back, IncomingReaction)
    assert not taken_back.added


async def test_click_carries_the_token_and_the_right_to_open_a_form() -> None:
    found = await meant(click())
    assert found == IncomingChoice(
        event_id="slack:click:T1:U1:1764000004.000400:g1:answer:a_1:0:approve",
        thread=ROOT,
        person=ANN,
        at=datetime(2025, 11, 24, 16, 0, 4, 400, UTC),
        message=REPLIED,
        token="g1:answer:a_1:0:approve",
        trigger=Trigger("slack", "13.7.abc"),
    )


async def test_select_gives_what_was_picked_and_feedback_its_own_token() -> None:
    select = {
        "type": "static_select",
        "action_id": "g1:answer:a_1:0:",
        "selected_option": {"text": {"type": "plain_text", "text": "B"}, "value": "o_2"},
    }
    found = await meant(click(select))
    assert isinstance(found, IncomingChoice)
    assert (found.token, found.picked) == ("g1:answer:a_1:0:", "o_2")
    feedback = {"type": "feedback_buttons", "action_id": "feedback", "value": "g1:retry:t_1:0:good"}
    found = await meant(click(feedback))
    assert isinstance(found, IncomingChoice)
    assert found.token == "g1:retry:t_1:0:good"


async def test_click_on_an_ephemeral_message_or_at_home_is_understood_too() -> None:
    body = click()
    del body["message"]
    found = await meant(body)
    assert isinstance(found, IncomingChoice)
    assert (found.thread, found.message) == (ROOT, REPLIED)
    del body["channel"]
    body |= {"container": {"type": "view", "view_id": "V9"}, "view": {"id": "V9", "type": "home"}}
    found = await meant(body)
    assert isinstance(found, IncomingChoice)
    assert found.thread == ThreadRef("slack", "T1", "", "")
    assert found.person.place == ""
    assert found.message.message_id == "V9"


FORM = Form(
    token=Token(verb=Verb.FORM, subject_id="a_1", choice="revise"),
    title="Edit",
    fields=(
        TextField(name="note", label="Note", required=False),
        ChoiceField(name="one", label="One", options=(Option("a", "A"), Option("b", "B"))),
        ChoiceField(name="many", label="Many", options=(Option("a", "A"), Option("b", "B")), many=True),
        CheckField(name="sure", label="Sure"),
        FilesField(name="files", label="Files"),
    ),
)


def picked(value: str) -> Json:
    return {"text": {"type": "plain_text", "text": value}, "value": value}


async def test_form_gives_each_field_its_kind_of_value_and_comes_from_its_thread() -> None:
    drawn = dict(render_form(FORM).payload)
    state = {
        "note": {"note": {"type": "plain_text_input", "value": "faster"}},
        "one": {"one": {"type": "radio_buttons", "selected_option": picked("b")}},
        "many": {"many": {"type": "checkboxes", "selected_options": [picked("a"), picked("b")]}},
        "sure": {"sure": {"type": "checkboxes", "selected_options": [picked("yes")]}},
        "files": {"files": {"type": "file_input", "files": [FILE]}},
    }
    sent = view(state, drawn["blocks"], callback_id=drawn["callback_id"])
    sent["private_metadata"] = pack(FORM.token.encode(), ROOT.thread_id)
    found = await meant(submission(sent))
    assert found == IncomingForm(
        event_id="slack:form:T1:V1:1764000005.aaaa",
        thread=ROOT,
        person=ANN,
        at=NOW,
        token=FORM.token.encode(),
        values={"note": "faster", "one": "b", "many": ("a", "b"), "sure": True},
        files=(described(FILE),),
        trigger=Trigger("slack", "13.7.form"),
    )


async def test_empty_form_gives_empty_values() -> None:
    drawn = render_form(FORM).payload
    state = {
        "note": {"note": {"type": "plain_text_input", "value": None}},
        "one": {"one": {"type": "radio_buttons", "selected_option": None}},
        "many": {"many": {"type": "checkboxes", "selected_options": []}},
        "sure": {"sure": {"type": "checkboxes", "selected_options": []}},
        "files": {"files": {"type": "file_input", "files": []}},
    }
    found = await meant(submission(view(state, drawn["blocks"])))
    assert isinstance(found, IncomingForm)
    assert found.values == {"note": "", "one": "", "many": (), "sure": False}


@pytest.mark.parametrize("note", ["", "g1:new:x:0:", "g1:new:x:0:|slack:T2:C1:1", "g1:new:x:0:|nonsense"])
async def test_form_of_no_thread_or_of_another_workspace_is_from_nowhere_in_particular(note: str) -> None:
    found = await meant(submission(view({}, [], private_metadata=note)))
    assert isinstance(found, IncomingForm)
    assert found.thread == ThreadRef("slack", "T1", "", "")


async def test_message_shortcut_hands_a_message_over() -> None:
    found = await meant(shortcut("hand_over", message("for <@U2>", user="U2", files=[FILE], **REPLY)))
    assert found == IncomingCommand(
        event_id="slack:shortcut:T1:13.7.short",
        thread=ROOT,
        person=ANN,
        at=datetime(2025, 11, 24, 16, 0, 6, 600, UTC),
        name="hand_over",
        text="for @Bob",
        message=REPLIED,
        files=(described(FILE),),
        trigger=Trigger("slack", "13.7.short"),
    )


async def test_global_shortcut_asks_for_a_new_task() -> None:
    found = await meant(shortcut("new_task"))
    assert isinstance(found, IncomingCommand)
    assert (found.name, found.thread, found.message) == ("new_task", ThreadRef("slack", "T1", "", ""), None)


async def test_slash_command_gives_its_words_and_the_channel() -> None:
    found = await meant(slash("run  merge <@U2|bob> a&amp;b"))
    assert found == IncomingCommand(
        event_id="slack:command:T1:13.7.slash",
        thread=ThreadRef("slack", "T1", "C1", ""),
        person=ANN,
        at=NOW,
        name="gofer",
        words=("run", "merge", "@Bob", "a&b"),
        text="run  merge @Bob a&b",
        trigger=Trigger("slack", "13.7.slash"),
    )


async def test_stop_button_of_a_session_is_a_stop_in_its_thread() -> None:
    inner = {"type": "agent_session_stopped", "channel": "C1", "thread_ts": ROOT.thread, "user": "U1"}
    found = await meant(event(inner | {"streaming_message_ts": []}))
    assert isinstance(found, IncomingCommand)
    assert (found.name, found.thread, found.person) == ("stop", ROOT, ANN)


async def test_stop_of_nobody_in_particular_is_an_outsiders() -> None:
    found = await meant(event({"type": "agent_session_stopped", "channel": "C1", "thread_ts": ROOT.thread}))
    assert found is not None
    assert found.person.standing is Standing.OUTSIDER


# -- what is about Slack itself


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        (
            {"type": "app_home_opened", "user": "U1", "channel": "D1", "tab": "home"},
            Happening(
                kind="home",
                event_id="slack:ev:Ev1",
                at=TOLD,
                thread=ThreadRef("slack", "T1", "D1", ""),
                person=replace(ANN, place="slack:T1:D1"),
            ),
        ),
        (
            {"type": "app_home_opened", "user": "U1", "channel": "D1", "tab": "messages"},
            Happening(
                kind="messages",
                event_id="slack:ev:Ev1",
                at=TOLD,
                thread=ThreadRef("slack", "T1", "D1", ""),
                person=replace(ANN, place="slack:T1:D1"),
            ),
        ),
        (
            {"type": "member_joined_channel", "user": "U0BOT", "channel": "C1", "inviter": "U1"},
            Happening(
                kind="joined",
                event_id="slack:ev:Ev1",
                at=TOLD,
                thread=ThreadRef("slack", "T1", "C1", ""),
                person=ANN,
            ),
        ),
        (
            {
                "type": "agent_session_title_changed",
                "channel": "C1",
                "thread_ts": ROOT.thread,
                "title": "Numbers",
                "user": "U1",
            },
            Happening(kind="renamed", event_id="slack:ev:Ev1", at=TOLD, thread=ROOT, person=ANN, text="Numbers"),
        ),
        (
            {"type": "app_uninstalled"},
            Happening(kind="gone", event_id="slack:ev:Ev1", at=TOLD, thread=ThreadRef("slack", "T1", "", "")),
        ),
    ],
)
async def test_what_is_about_slack_itself_goes_to_slacks_own_room(inner: Json, expected: Happening) -> None:
    happened: list[Happening] = []
    assert await intake(happened).translate(arrived(event(inner))) is None
    assert happened == [expected]


async def test_happening_that_cannot_be_dealt_with_now_puts_the_arrival_off() -> None:
    async def away(happening: Happening) -> None:
        raise SurfaceDown("away")

    reader = Intake(HERE, Known(AsyncWebClient(), "T1"), looked_up, away)
    with pytest.raises(SurfaceDown):
        await reader.translate(arrived(event({"type": "app_uninstalled"})))
