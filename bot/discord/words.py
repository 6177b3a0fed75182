"""What a message of Discord says, as plain text: mentions as names, emoji as words, forwarded and drawn text too. Pure.

Nothing here is trusted, and nothing that comes out of it is an instruction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from bot.discord.payload import Payload, flag, number, part, parts, snowflake, text
from bot.markup import one_line

THREADS = frozenset({10, 11, 12})
"""Types of channels that are threads."""
FORUMS = frozenset({15, 16})
FORWARD = 1
_SAID = frozenset({0, 19, 20, 23})
"""Types of messages that somebody wrote: ordinary ones, replies, answers of programs to commands."""
_SIGN = re.compile(
    r"<(?:@!?(?P<user>\d+)|@&(?P<role>\d+)|#(?P<channel>\d+)|a?:(?P<emoji>\w+):\d+"
    r"|t:(?P<time>-?\d+)(?::\w)?|(?P<command>/[^:>]+):\d+)>"
)
_SPOKEN_TO = re.compile(r"<@!?\d+>")
_ESCAPED = re.compile(r"\\([^\w\s]|_)")
_LINK = re.compile(r"https://(?:\w+\.)?discord(?:app)?\.com/channels/(@me|\d+)/(\d+)/(\d+)")


def name_of(author: Payload, member: Payload | None = None) -> str:
    """What somebody is called: here, else everywhere, else their account."""
    nick = text(member, "nick") if member else ""
    return nick.strip() or text(author, "global_name").strip() or text(author, "username") or snowflake(author, "id")


def says_something(message: Payload) -> bool:
    """Whether somebody wrote or sent something by it, as far as Gofer may see it."""
    return number(message, "type") in _SAID and bool(words_of(message) or parts(message, "attachments"))


def is_bot(message: Payload) -> bool:
    """Whether a program wrote it."""
    return flag(message, "author", "bot") or bool(snowflake(message, "webhook_id"))


def words_of(message: Payload) -> str:
    """All that is written in a message itself: its text, or what a program drew instead. What it forwards is apart."""
    names = {snowflake(user, "id"): name_of(user, part(user, "member")) for user in parts(message, "mentions")}
    written = text(message, "content")
    drawn = [written, *_drawn(message)] if written else list(_drawn(message))
    return "\n".join(plain_text(one, names) for one in drawn if one.strip())


def heading_of(message: Payload) -> str:
    """What a thread on this message can be called: its words, without those whom it speaks to, else its files."""
    content = _SPOKEN_TO.sub("", text(message, "content"))
    words = words_of({**message, "content": content})
    # A card of Gofer's begins with a title that says nothing of the work.
    own = words.split("\n", 1)[-1] if words.startswith("## ") else words
    files = ", ".join(text(file, "filename") for file in parts(message, "attachments"))
    return one_line(_ESCAPED.sub(r"\1", own)) or one_line(files)


def snapshots(message: Payload) -> tuple[Payload, ...]:
    """The messages that it forwards. They name no author: Discord does not tell."""
    return tuple(part(one, "message") for one in parts(message, "message_snapshots"))


def links(message: Payload) -> tuple[tuple[str, str, str], ...]:
    """Messages that a text points at, each once: space, channel, message."""
    return tuple(dict.fromkeys((m[1], m[2], m[3]) for m in _LINK.finditer(text(message, "content"))))


def link_parts(link: str) -> tuple[str, str, str] | None:
    """Where the link to a message leads: space, channel, message; None: it is none."""
    found = _LINK.match(link.strip().strip("<>"))
    return (found[1], found[2], found[3]) if found else None


def link_to(space: str, channel: str, message_id: str) -> str:
    """A permanent link."""
    return f"https://discord.com/channels/{space}/{channel}/{message_id}"


def plain_text(written: str, names: Mapping[str, str]) -> str:
    """Discord's signs as people see them. `names` are by user id."""

    def shown(found: re.Match[str]) -> str:
        if user := found["user"]:
            return f"@{names.get(user, user)}"
        if found["role"]:
            return f"@role {found['role']}"
        if found["channel"]:
            return f"#{found['channel']}"
        if found["emoji"]:
            return f":{found['emoji']}:"
        if found["time"]:
            return _time(found["time"]) or found[0]
        return found["command"]

    return _SIGN.sub(shown, written).strip()


def _time(seconds: str) -> str:
    try:
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, OSError, ValueError):
        return ""


def _drawn(message: Payload) -> Iterator[str]:
    """Text displays of Components V2, and the words of embeds."""
    for embed in parts(message, "embeds"):
        yield from (text(embed, "title"), text(embed, "description"))
        yield from (f"{text(field, 'name')}: {text(field, 'value')}" for field in parts(embed, "fields"))
    yield from _displays(parts(message, "components"))


def _displays(components: tuple[Payload, ...]) -> Iterator[str]:
    for component in components:
        if number(component, "type") == 10:
            yield text(component, "content")
        yield from _displays(parts(component, "components"))
