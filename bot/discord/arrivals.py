"""What of Discord's events is kept, and under which keys. Pure: one event in, `Arrival`s out.

None means: it cannot matter to Gofer. Kept are
- messages said to Gofer alone, that mention it (a reply that pings it does), or within a thread (whether Gofer works
  there is looked up later); edits and deletions of the same; deleted threads and channels;
- reactions with an emoji that Gofer understands; those that approve or deny only on messages of its own;
- clicks and sent forms of its own, and its commands. Autocomplete is answered on the spot and never kept.
What programs and webhooks say is never kept: no bot may hand over work, and two bots could talk for ever.

The keys: messages and interactions have ids. An edit is known by its time, so that a link that unfurls later is not a
second one. A mention that an edit adds is kept as the message it now is, under the twin of the message, so that it
counts where it was not heard before and nowhere else. Reactions have no id at all: see `reaction_again`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, cast

from agent.service import Arrival
from bot.discord.payload import Payload, flag, number, part, parts, snowflake, strings, text
from bot.phrases import Word, emoji_word

Kind = Literal["message", "edit", "delete", "gone", "reaction", "click", "form", "command"]

SAID = frozenset({0, 19})
"""Types of messages that somebody wrote: ordinary ones and replies. The others tell of joins, pins and threads."""
THREADS = frozenset({10, 11, 12})
"""Types of channels that are threads: of an announcement channel, public, private."""
DIRECT = "@me"
COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5
"""Types of interactions."""
_OURS = re.compile(r"g\d+\??:")
"""How a `bot.cards.Token` of any version begins."""


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """What never changes about a channel: Discord's type, and for threads the channel they are in."""

    type: int
    parent_id: str = ""

    @property
    def thread(self) -> bool:
        """Whether it is a thread, or a post of a forum, which is one too."""
        return self.type in THREADS


FactsOf = Callable[[str], ChannelFacts | None]
"""What is known of a channel without asking anybody; None: nothing."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The body of an arrival: the event as Discord sent it, and what was known of its channel."""

    event: str
    payload: Payload
    channel: ChannelFacts | None

    def write(self) -> str:
        """As JSON. Numbers beyond 53 bits do not occur: Discord's ids are strings."""
        channel = {"type": self.channel.type, "parent_id": self.channel.parent_id} if self.channel else None
        body = {"event": self.event, "payload": self.payload, "channel": channel}
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"))

    @staticmethod
    def read(body: str) -> Stored:
        """What `write` wrote."""
        found = cast(Payload, json.loads(body))
        channel = part(found, "channel")
        facts = ChannelFacts(number(channel, "type"), text(channel, "parent_id")) if channel else None
        return Stored(text(found, "event"), part(found, "payload"), facts)


def arrivals_of(event: str, payload: Payload, user_id: str, facts_of: FactsOf, now: datetime) -> tuple[Arrival, ...]:
    """The rows to store for an event of the gateway, in this order. `user_id`: Gofer's own."""
    match event:
        case "MESSAGE_CREATE":
            return _message(payload, user_id, facts_of, now)
        case "MESSAGE_UPDATE":
            return _edit(payload, user_id, facts_of, now)
        case "MESSAGE_DELETE":
            return _delete(payload, facts_of, now)
        case "MESSAGE_DELETE_BULK":
            whole = {key: value for key, value in payload.items() if key != "ids"}
            each = (_delete({**whole, "id": gone}, facts_of, now) for gone in strings(payload, "ids"))
            return tuple(arrival for found in each for arrival in found)
        case "THREAD_DELETE" | "CHANNEL_DELETE":
            return _gone(event, payload, now)
        case "MESSAGE_REACTION_ADD":
            return _reaction(payload, user_id, facts_of, now)
        case "INTERACTION_CREATE":
            return _interaction(payload, now)
        case _:
            return ()


def mentions(message: Payload, user_id: str) -> bool:
    """Whether a message mentions this user: by name or by a reply that pings. @everyone is no mention of anybody."""
    return bool(user_id) and any(snowflake(user, "id") == user_id for user in parts(message, "mentions"))


def by_program(message: Payload) -> bool:
    """Whether a bot or a webhook wrote it; what names no author counts as such."""
    author = part(message, "author")
    return not snowflake(author, "id") or flag(author, "bot") or bool(snowflake(message, "webhook_id"))


def reaction_key(payload: Payload) -> str:
    """One person's one emoji on one message."""
    emoji = snowflake(payload, "emoji", "id") or text(payload, "emoji", "name")
    return f"{snowflake(payload, 'message_id')}:{snowflake(payload, 'user_id')}:{emoji}"


def reaction_again(arrival: Arrival, now: datetime) -> Arrival:
    """The same reaction put on once more, after it was taken off: another key, and no twin."""
    return replace(arrival, arrival_id=f"{arrival.arrival_id}:{now.isoformat()}", twin="")


def _message(payload: Payload, user_id: str, facts_of: FactsOf, now: datetime) -> tuple[Arrival, ...]:
    if not _written(payload) or not _concerns(payload, user_id, facts_of):
        return ()
    message_id = snowflake(payload, "id")
    twin = f"message:{message_id}"
    return (_arrival("message", f"message:{message_id}", "MESSAGE_CREATE", payload, facts_of, now, twin=twin),)


def _edit(payload: Payload, user_id: str, facts_of: FactsOf, now: datetime) -> tuple[Arrival, ...]:
    edited = text(payload, "edited_timestamp")
    if not edited or not _written(payload) or not _concerns(payload, user_id, facts_of):
        return ()
    message_id = snowflake(payload, "id")
    key = f"edit:{message_id}:{edited}"
    arrival = _arrival("edit", key, "MESSAGE_UPDATE", payload, facts_of, now)
    if not mentions(payload, user_id):
        return (arrival,)
    twin = f"message:{message_id}"
    now_said = _arrival("message", f"{key}:mention", "MESSAGE_CREATE", payload, facts_of, now, twin=twin)
    return (now_said, arrival)


def _delete(payload: Payload, facts_of: FactsOf, now: datetime) -> tuple[Arrival, ...]:
    """Discord says ids and nothing else of what was deleted. Who wrote it is looked up later, and most mean nothing."""
    message_id = snowflake(payload, "id")
    if not message_id or not snowflake(payload, "channel_id"):
        return ()
    return (_arrival("delete", f"delete:{message_id}", "MESSAGE_DELETE", payload, facts_of, now),)


def _gone(event: str, payload: Payload, now: datetime) -> tuple[Arrival, ...]:
    """A thread or channel of a server that was deleted. Discord tells of a channel's threads no more then."""
    channel_id = snowflake(payload, "id")
    if not channel_id or not snowflake(payload, "guild_id"):
        return ()
    facts = ChannelFacts(number(payload, "type"), snowflake(payload, "parent_id"))
    there = {"id": channel_id, "channel_id": channel_id, "guild_id": snowflake(payload, "guild_id")}
    return (_arrival("gone", f"gone:{channel_id}", event, there, lambda _: facts, now),)


def _reaction(payload: Payload, user_id: str, facts_of: FactsOf, now: datetime) -> tuple[Arrival, ...]:
    word = emoji_word(text(payload, "emoji", "name"))
    if word is None or snowflake(payload, "emoji", "id"):
        return ()  # an emoji of a server's own may be called anything
    if snowflake(payload, "user_id") in ("", user_id) or flag(payload, "member", "user", "bot"):
        return ()
    author = snowflake(payload, "message_author_id")
    if author not in ("", user_id) and word in (Word.APPROVE, Word.DENY):
        return ()
    key = f"reaction:{reaction_key(payload)}"
    arrival = _arrival("reaction", key, "MESSAGE_REACTION_ADD", payload, facts_of, now)
    # On the message's own lane: that is its thread's where it begins one.
    return (replace(arrival, lane=f"discord:{snowflake(payload, 'message_id')}"),)


def _interaction(payload: Payload, now: datetime) -> tuple[Arrival, ...]:
    kind = kind_of_interaction(payload)
    interaction_id = snowflake(payload, "id")
    if kind is None or not interaction_id:
        return ()
    arrival = _arrival(kind, f"interaction:{interaction_id}", "INTERACTION_CREATE", payload, channel_in(payload), now)
    # No lane for clicks and commands: a dialog has to open within seconds, and a message of this thread may be
    # fetching a large file. A form that was sent comes in order with what its thread says.
    return (replace(arrival, lane=arrival.lane if kind == "form" else "", urgent=True),)


def kind_of_interaction(payload: Payload) -> Literal["click", "form", "command"] | None:
    """What an interaction is to Gofer; None: nothing."""
    custom_id = text(payload, "data", "custom_id")
    match number(payload, "type"):
        case 2:
            return "command"
        case 3 if _OURS.match(custom_id):
            return "click"
        case 5 if _OURS.match(custom_id):
            return "form"
        case _:
            return None


def channel_in(payload: Payload) -> FactsOf:
    """An interaction brings its channel along."""
    channel = part(payload, "channel")
    known = ChannelFacts(number(channel, "type"), snowflake(channel, "parent_id")) if channel else None

    def facts_of(channel_id: str) -> ChannelFacts | None:
        return known

    return facts_of


def _arrival(
    kind: Kind, key: str, event: str, payload: Mapping[str, Any], facts_of: FactsOf, now: datetime, *, twin: str = ""
) -> Arrival:
    channel_id = snowflake(payload, "channel_id") or snowflake(payload, "channel", "id")
    facts = facts_of(channel_id)
    direct = not snowflake(payload, "guild_id")
    # A thread that begins with a message has that message's id, so both are one lane whether it exists yet or not.
    inside = direct or (facts is not None and facts.thread)
    lane = channel_id if inside else snowflake(payload, "id") or channel_id
    # The token of an interaction stays: answering needs it, and it is good for a quarter of an hour.
    return Arrival(
        arrival_id=f"discord:{key}",
        twin=f"discord:{twin}" if twin else "",
        surface="discord",
        lane=f"discord:{lane}",
        kind=kind,
        body=Stored(event, payload, facts).write(),
        at=now,
    )


def _written(message: Payload) -> bool:
    if by_program(message) or not snowflake(message, "id") or not snowflake(message, "channel_id"):
        return False
    return number(message, "type") in SAID


def _concerns(message: Payload, user_id: str, facts_of: FactsOf) -> bool:
    if not snowflake(message, "guild_id") or mentions(message, user_id):
        return True
    facts = facts_of(snowflake(message, "channel_id"))
    return facts is None or facts.thread
