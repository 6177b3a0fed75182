"""Messages as a task reads them: who, when, where, the words, and the link that proves it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.domain.chat import ChatMessage
from bot.discord.payload import Payload, number, part, parts, snowflake, text, when
from bot.discord.words import is_bot, link_parts, link_to, name_of, says_something, snapshots, words_of

HAS_THREAD = 1 << 5
"""Flag of a message that a thread began with, which has its id."""
EPOCH = datetime.fromtimestamp(0, UTC)
_MENTION = re.compile(r"<#(\d+)>")
_ID = re.compile(r"\d{15,20}")


@dataclass(frozen=True, slots=True)
class Site:
    """A channel that may be read, or a thread of it. `label`: `#general`."""

    space: str
    channel: str
    label: str
    thread: str = ""

    @property
    def place(self) -> str:
        """Where its messages are."""
        return self.thread or self.channel


def channel_name(said: str) -> tuple[str, str]:
    """A channel as somebody writes it (`#general`, `general`, its id, `<#123>`, a link to a message): its id, or else
    its name."""
    bare = said.strip()
    if (linked := link_parts(bare)) is not None:
        return linked[1], ""
    if found := _MENTION.fullmatch(bare):
        return found[1], ""
    return (bare, "") if _ID.fullmatch(bare) else ("", bare.removeprefix("#").casefold())


def was_said(message: Payload) -> bool:
    """Whether somebody wrote, sent or forwarded something by it, as far as Gofer may see it."""
    return says_something(message) or bool(snapshots(message))


def is_hidden(message: Payload, user_id: str) -> bool:
    """Whether Discord keeps from Gofer what somebody wrote: it has no part that could be empty by itself."""
    seen = ("attachments", "embeds", "components", "sticker_items", "message_snapshots")
    ours = is_bot(message) or snowflake(message, "author", "id") == user_id
    nothing = not text(message, "content") and not any(parts(message, name) for name in seen)
    return message.get("type") in (0, 19) and not ours and nothing and not part(message, "poll")


def all_words(message: Payload) -> str:
    """All that is written in a message: its text, what it forwards, the names of its files."""
    whole = (message, *snapshots(message))
    said = [words for one in whole if (words := words_of(one))]
    files = ", ".join(text(file, "filename") for one in whole for file in parts(one, "attachments"))
    return "\n".join((*said, f"(files: {files})") if files else said)


def cited(site: Site, message: Payload) -> ChatMessage:
    """A message with its source."""
    message_id = snowflake(message, "id")
    begun = site.thread or (message_id if number(message, "flags") & HAS_THREAD else "")
    # The message that a thread began with stands in the channel above it.
    place = site.channel if message_id == site.thread else site.place
    return ChatMessage(
        channel=site.label,
        author=name_of(part(message, "author"), part(message, "member")),
        at=when(message_id, EPOCH),
        text=all_words(message),
        link=link_to(site.space, place, message_id),
        thread=link_to(site.space, begun, begun) if begun else "",
    )
