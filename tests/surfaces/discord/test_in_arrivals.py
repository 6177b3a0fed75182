"""Which of Discord's events are kept, and that the same thing told twice has the same key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from agent.service import Arrival
from bot.cards import Token, Verb
from bot.discord.arrivals import ChannelFacts, Stored, arrivals_of, reaction_again

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
GOFER, ANN, SERVER, CHANNEL, THREAD, ROOT = "900", "1", "50", "60", "70", "80"
FACTS = {CHANNEL: ChannelFacts(0), THREAD: ChannelFacts(11, CHANNEL), "99": ChannelFacts(1)}


def message(**more: Any) -> dict[str, Any]:
    base = {
        "id": ROOT,
        "type": 0,
        "channel_id": CHANNEL,
        "guild_id": SERVER,
        "author": {"id": ANN, "username": "ann"},
        "member": {"roles": []},
        "content": "hello",
        "mentions": [],
    }
    return base | more


def mention(**more: Any) -> dict[str, Any]:
    return message(content=f"<@{GOFER}> hello", mentions=[{"id": GOFER, "username": "gofer"}], **more)


def reaction(**more: Any) -> dict[str, Any]:
    base = {
        "user_id": ANN,
        "channel_id": THREAD,
        "message_id": "81",
        "guild_id": SERVER,
        "message_author_id": GOFER,
        "emoji": {"id": None, "name": "✅"},
        "member": {"user": {"id": ANN}},
    }
    return base | more


def kept(event: str, payload: dict[str, Any]) -> tuple[Arrival, ...]:
    return arrivals_of(event, payload, GOFER, FACTS.get, NOW)


def one(event: str, payload: dict[str, Any]) -> Arrival:
    (arrival,) = kept(event, payload)
    return arrival


@pytest.mark.parametrize(
    "payload",
    [
        mention(),
        message(channel_id=THREAD),
        message(channel_id="99", guild_id=None),
        message(channel_id="61"),  # nothing is known of this channel yet: it may be a thread
        mention(type=19),
    ],
    ids=["mention", "in a thread", "direct", "in an unknown channel", "reply that pings"],
)
def test_what_may_be_meant_for_gofer_is_kept(payload: dict[str, Any]) -> None:
    assert one("MESSAGE_CREATE", payload).kind == "message"


@pytest.mark.promise("members-only")
@pytest.mark.parametrize(
    "payload",
    [
        message(),
        message(content="@everyone hello", mention_everyone=True),
        mention(author={"id": "2", "username": "rob", "bot": True}),
        mention(webhook_id="5"),
        message(channel_id=THREAD, author={"id": GOFER, "username": "gofer", "bot": True}),
        message(channel_id=THREAD, type=21),
        message(channel_id=THREAD, type=18),
        mention(id=None),
        mention(author=None),
        {},
    ],
    ids=["talk", "everyone", "bot", "webhook", "own", "starter", "thread made", "no id", "no author", "empty"],
)
def test_what_cannot_matter_is_dropped(payload: dict[str, Any]) -> None:
    assert kept("MESSAGE_CREATE", payload) == ()


def test_a_message_told_twice_has_one_key_and_the_lane_of_the_thread_it_may_begin() -> None:
    first, again = one("MESSAGE_CREATE", mention()), one("MESSAGE_CREATE", mention())
    assert first == again
    assert first.arrival_id == "discord:message:80"
    assert first.lane == "discord:80"
    assert one("MESSAGE_CREATE", message(channel_id=ROOT)).lane == "discord:80"
    assert one("MESSAGE_CREATE", message(channel_id=THREAD)).lane == "discord:70"


def test_what_is_stored_is_what_discord_sent() -> None:
    stored = Stored.read(one("MESSAGE_CREATE", message(channel_id=THREAD, content="größer ✅")).body)
    assert stored.payload == message(channel_id=THREAD, content="größer ✅")
    assert stored.channel == ChannelFacts(11, CHANNEL)
    assert Stored.read(one("MESSAGE_CREATE", mention(channel_id="61")).body).channel is None


def test_a_link_that_unfurls_is_no_edit_and_an_edit_counts_once() -> None:
    assert kept("MESSAGE_UPDATE", message(channel_id=THREAD, edited_timestamp=None)) == ()
    edit = message(channel_id=THREAD, edited_timestamp="2026-11-28T11:00:00+00:00")
    unfurled = edit | {"embeds": [{"title": "a page"}]}
    assert one("MESSAGE_UPDATE", edit).arrival_id == one("MESSAGE_UPDATE", unfurled).arrival_id
    later = one("MESSAGE_UPDATE", edit | {"edited_timestamp": "2026-11-28T11:05:00+00:00"})
    assert later.arrival_id != one("MESSAGE_UPDATE", edit).arrival_id


def test_a_mention_that_an_edit_adds_is_a_message_and_one_that_was_there_is_not_heard_twice() -> None:
    said, edit = kept("MESSAGE_UPDATE", mention(edited_timestamp="2026-11-28T11:00:00+00:00"))
    assert (said.kind, edit.kind) == ("message", "edit")
    assert said.twin == one("MESSAGE_CREATE", mention()).twin
    assert edit.twin == ""


def test_deleted_messages_are_kept_one_by_one() -> None:
    gone = kept("MESSAGE_DELETE_BULK", {"ids": ["80", "81"], "channel_id": CHANNEL, "guild_id": SERVER})
    assert [arrival.arrival_id for arrival in gone] == ["discord:delete:80", "discord:delete:81"]
    alone = one("MESSAGE_DELETE", {"id": "80", "channel_id": CHANNEL, "guild_id": SERVER})
    assert alone.arrival_id == gone[0].arrival_id
    assert gone[0].lane == one("MESSAGE_CREATE", mention()).lane


def test_reactions_that_decide_count_on_own_messages_only() -> None:
    assert one("MESSAGE_REACTION_ADD", reaction()).kind == "reaction"
    assert kept("MESSAGE_REACTION_ADD", reaction(message_author_id=ANN)) == ()
    stop = reaction(message_author_id=ANN, emoji={"id": None, "name": "🛑"})
    assert one("MESSAGE_REACTION_ADD", stop).kind == "reaction"


@pytest.mark.parametrize(
    "payload",
    [
        reaction(emoji={"id": None, "name": "🎉"}),
        reaction(emoji={"id": "12", "name": "white_check_mark"}),
        reaction(user_id=GOFER),
        reaction(member={"user": {"id": "2", "bot": True}}),
        reaction(user_id=None),
    ],
    ids=["means nothing", "of the server", "own", "of a bot", "of nobody"],
)
def test_reactions_that_cannot_matter_are_dropped(payload: dict[str, Any]) -> None:
    assert kept("MESSAGE_REACTION_ADD", payload) == ()


def test_one_persons_emoji_has_one_key_until_it_is_put_on_anew() -> None:
    first, other = one("MESSAGE_REACTION_ADD", reaction()), one("MESSAGE_REACTION_ADD", reaction(user_id="2"))
    assert first.arrival_id == one("MESSAGE_REACTION_ADD", reaction()).arrival_id
    assert first.arrival_id != other.arrival_id
    assert reaction_again(first, NOW).arrival_id != first.arrival_id


def interaction(kind: int, data: dict[str, Any], **more: Any) -> dict[str, Any]:
    base = {"id": "300", "type": kind, "token": "t", "application_id": "901", "data": data, "guild_id": SERVER}
    return base | {"channel_id": THREAD, "channel": {"id": THREAD, "type": 11, "parent_id": CHANNEL}} | more


OURS = Token(verb=Verb.STOP, subject_id="t_1").encode()


@pytest.mark.parametrize(
    ("payload", "kind", "lane"),
    [
        (interaction(2, {"name": "task"}), "command", ""),
        (interaction(3, {"custom_id": OURS}), "click", ""),
        (interaction(5, {"custom_id": OURS}), "form", "discord:70"),
    ],
    ids=["command", "click", "form"],
)
def test_what_gofer_has_put_up_comes_back_urgently(payload: dict[str, Any], kind: str, lane: str) -> None:
    arrival = one("INTERACTION_CREATE", payload)
    assert (arrival.kind, arrival.lane, arrival.urgent) == (kind, lane, True)
    assert arrival.arrival_id == "discord:interaction:300"
    assert Stored.read(arrival.body).channel == ChannelFacts(11, CHANNEL)


@pytest.mark.parametrize(
    "payload",
    [interaction(4, {"name": "task"}), interaction(3, {"custom_id": "somebody-elses"}), interaction(1, {})],
    ids=["typing", "not ours", "ping"],
)
def test_interactions_that_nothing_hangs_on_are_not_kept(payload: dict[str, Any]) -> None:
    assert kept("INTERACTION_CREATE", payload) == ()


def test_events_about_other_things_are_not_kept() -> None:
    assert kept("GUILD_CREATE", {"id": SERVER}) == ()
    assert kept("MESSAGE_REACTION_REMOVE", reaction()) == ()
