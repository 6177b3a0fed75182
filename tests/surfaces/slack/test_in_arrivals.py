"""What of Slack's deliveries is kept, and under which keys."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.service import Arrival
from bot.slack.arrivals import WORKSPACE, arrival_of
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

IM: dict[str, Any] = {"channel": "D1", "channel_type": "im"}
REPLY: dict[str, Any] = {"thread_ts": "1763999999.000000"}
LANE = "slack:T1:C1:1764000001.000100"
THREAD_LANE = "slack:T1:C1:1763999999.000000"


def kept(body: Json) -> Arrival:
    found = arrival_of(body, HERE, NOW)
    assert found is not None
    return found


def keys(body: Json) -> tuple[str, str, str, str, bool]:
    found = kept(body)
    return found.kind, found.arrival_id, found.twin, found.lane, found.urgent


TWIN = "slack:T1:C1:1764000001.000100"
ADDED = edited("<@U0BOT> hi", message("hi"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (event(message("hi <@U0BOT>")), ("message", "slack:ev:Ev1", f"{TWIN}:message", LANE, False)),
        (event(message("hi <@U0BOT|gofer>")), ("message", "slack:ev:Ev1", f"{TWIN}:message", LANE, False)),
        (event(mention("hi <@U0BOT>"), "Ev2"), ("message", "slack:ev:Ev2", f"{TWIN}:message", LANE, False)),
        (event(message("faster", **REPLY)), ("message", "slack:ev:Ev1", f"{TWIN}:message", THREAD_LANE, False)),
        (
            event(message("", subtype="file_share", files=[{"id": "F1"}], **REPLY)),
            ("message", "slack:ev:Ev1", f"{TWIN}:message", THREAD_LANE, False),
        ),
        (
            event(message("hi", **IM)),
            (
                "message",
                "slack:ev:Ev1",
                "slack:T1:D1:1764000001.000100:message",
                "slack:T1:D1:1764000001.000100",
                False,
            ),
        ),
        (event(changed(ADDED, message("hi"))), ("edit", "slack:ev:Ev1", f"{TWIN}:edit:1764000008.000000", LANE, False)),
        (
            event(changed(edited("b", message("a", **REPLY)), message("a", **REPLY))),
            ("edit", "slack:ev:Ev1", f"{TWIN}:edit:1764000008.000000", THREAD_LANE, False),
        ),
        (event(deleted(message("<@U0BOT> a"))), ("delete", "slack:ev:Ev1", f"{TWIN}:delete", LANE, False)),
        (
            event(
                changed(
                    message("This message was deleted.", user="USLACKBOT", subtype="tombstone"), message("<@U0BOT> a")
                )
            ),
            ("delete", "slack:ev:Ev1", f"{TWIN}:delete", LANE, False),
        ),
        (
            event(reaction("+1::skin-tone-3")),
            ("reaction", "slack:ev:Ev1", "", "slack:T1:C1:1764000002.000200", False),
        ),
        (
            event(reaction("octagonal_sign", item_user="U1")),
            ("reaction", "slack:ev:Ev1", "", "slack:T1:C1:1764000002.000200", False),
        ),
        (
            event(reaction("white_check_mark", added=False, item_user="")),
            ("reaction", "slack:ev:Ev1", "", "slack:T1:C1:1764000002.000200", False),
        ),
        (click(), ("click", "slack:click:T1:U1:1764000004.000400:g1:answer:a_1:0:approve", "", "", True)),
        (submission(view({}, [])), ("form", "slack:form:T1:V1:1764000005.aaaa", "", LANE, True)),
        (shortcut("hand_over", message("x")), ("shortcut", "slack:shortcut:T1:13.7.short", "", "", True)),
        (shortcut("new_task"), ("shortcut", "slack:shortcut:T1:13.7.short", "", "", True)),
        (slash("status"), ("command", "slack:command:T1:13.7.slash", "", "", True)),
        (
            event({"type": "app_home_opened", "user": "U1", "channel": "D1", "tab": "home"}),
            ("home", "slack:ev:Ev1", "", "slack:T1::U1", False),
        ),
        (
            event({"type": "member_joined_channel", "user": "U0BOT", "channel": "C1", "event_ts": "7.1"}),
            ("joined", "slack:ev:Ev1", "slack:T1:C1:7.1:joined", "", False),
        ),
        (
            event({"type": "agent_session_stopped", "channel": "C1", "thread_ts": "5.1", "user": "U1"}),
            ("stopped", "slack:ev:Ev1", "", "", True),
        ),
        (
            event({"type": "agent_session_title_changed", "channel": "C1", "thread_ts": "5.1", "title": "A"}),
            ("renamed", "slack:ev:Ev1", "", "slack:T1:C1:5.1", False),
        ),
        (event({"type": "app_uninstalled"}), ("gone", "slack:ev:Ev1", "", "", False)),
        (event({"type": "tokens_revoked", "tokens": {"bot": ["U0BOT"]}}), ("gone", "slack:ev:Ev1", "", "", False)),
    ],
)
def test_what_can_matter_is_kept_under_its_keys(body: Json, expected: tuple[str, str, str, str, bool]) -> None:
    assert keys(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        event(message("just talk")),
        event(message("about <@U2>")),
        event(message("typed &lt;@U0BOT&gt; by hand")),
        event(message("group talk", channel="G1", channel_type="mpim")),
        event(message("<@U0BOT> x", bot_id="B9")),
        event(message("<@U0BOT> x", subtype="bot_message", bot_id="B9")),
        event(mention("<@U0BOT> x", bot_id="B9")),
        event(message("hi", user="USLACKBOT", **IM)),
        event(message("hi", user="U0BOT", **IM)),
        event(message("<@U0BOT> has joined", subtype="channel_join")),
        event(mention("<@U0BOT> late", edited={"user": "U1", "ts": "1764000008.000000"})),
        event(changed(edited("b", message("a")), message("a"))),
        event(changed(message("<@U0BOT> a", attachments=[{"from_url": "https://x"}]), message("<@U0BOT> a"))),
        event(changed(edited("<@U0BOT> a", message("")), edited("<@U0BOT> a", message("")))),
        event(changed(message("<@U0BOT> a", reply_count=1), message("<@U0BOT> a"))),
        event(changed(edited("b", message("a", bot_id="B0BOT", user="U0BOT", **REPLY)), message("a", **REPLY))),
        event(deleted(message("just talk"))),
        event(deleted(message("card", user="U0BOT", bot_id="B0BOT", **REPLY))),
        event(deleted(message("This message was deleted.", user="USLACKBOT", subtype="tombstone", **REPLY))),
        event(reaction("tada")),
        event(reaction("+1", item_user="U2")),
        event(reaction("+1", user="U0BOT")),
        event(reaction("+1", item={"type": "file", "file": "F1"})),
        event({"type": "member_joined_channel", "user": "U2", "channel": "C1"}),
        event({"type": "tokens_revoked", "tokens": {"oauth": ["U1"]}}),
        event({"type": "file_shared", "file_id": "F1", "user_id": "U1"}),
        event({"type": "app_context_changed", "user": "U1"}),
        event({"type": "something_new"}),
        event({}),
        event({"type": "message", "subtype": "message_changed"}),
        {"type": "view_closed", "view": {}},
        {"type": "block_suggestion", "value": "a"},
        {"type": "block_actions", "actions": []},
        click({"action_id": "aB3x", "type": "button", "value": ""}),
        {"type": "event_callback", "event": message("<@U0BOT> without an id")},
        {"type": ["event_callback"], "event": 7},
        {},
    ],
)
def test_what_cannot_matter_costs_no_row(body: Json) -> None:
    assert arrival_of(body, HERE, NOW) is None


def test_mention_and_message_share_a_twin_and_edits_and_deletions_have_their_own() -> None:
    said = message("<@U0BOT> add", files=[{"id": "F1"}], subtype="file_share")
    bodies = [
        event(said, "Ev1"),
        event(mention("<@U0BOT> add", files=[{"id": "F1"}]), "Ev2"),
        event(changed(edited("<@U0BOT> add all", said), said), "Ev3"),
        event(changed(edited("<@U0BOT> add none", said, "1764000009.000000"), said), "Ev4"),
        event(deleted(said), "Ev5"),
    ]
    twins = [kept(body).twin for body in bodies]
    assert twins[0] == twins[1]
    assert len(set(twins)) == 4
    assert len({kept(body).lane for body in bodies}) == 1


def test_body_is_kept_as_received_with_our_workspace_and_without_the_verification_token() -> None:
    body = event(message("<@U0BOT> grüezi 💡"))
    stored = kept(body)
    received = {key: value for key, value in body.items() if key != "token"}
    assert json.loads(stored.body) == received | {WORKSPACE: "T1"}
    assert "grüezi 💡" in stored.body
    assert "verification-token" not in kept(slash("x")).body
    assert (stored.surface, stored.at) == ("slack", NOW)


def test_retry_says_nothing_about_what_is_kept() -> None:
    body = event(message("<@U0BOT> a"))
    assert kept(body | {"retry_attempt": 3}).arrival_id == kept(body).arrival_id


def test_two_clicks_are_two_and_the_same_form_sent_twice_is_one() -> None:
    assert kept(click()).arrival_id != kept(click({"action_ts": "1764000004.000500"})).arrival_id
    assert kept(submission(view({}, []))).arrival_id == kept(submission(view({}, []), trigger_id="other")).arrival_id
