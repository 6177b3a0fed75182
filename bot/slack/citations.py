"""Messages as a task reads them: who, when, where, the words, and the link that proves it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.domain.chat import ChatMessage
from bot.slack.mrkdwn import plain_text
from bot.slack.payload import Payload, moment, parts, text

_LINK = re.compile(
    r"<?https://[\w.-]+/archives/(?P<channel>[A-Z0-9]+)/p(?P<s>\d{10})(?P<us>\d{6})"
    r"(?:\?(?:[^\s|>]*&)?thread_ts=(?P<root>\d{10}\.\d{6}))?"
)
_TS = re.compile(r"\d{10}\.\d{6}")
_CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{6,}")
_NO_WORDS = frozenset(
    {
        *("channel_join", "channel_leave", "channel_topic", "channel_purpose", "channel_name", "channel_archive"),
        *("channel_unarchive", "group_join", "group_leave", "group_topic", "group_purpose", "group_name"),
        *("tombstone", "pinned_item", "unpinned_item", "bot_add", "bot_remove", "reminder_add"),
    }
)
"""Subtypes in which nobody says anything."""
EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Spot:
    """A channel, or with `root` (a timestamp) a thread of it."""

    channel: str
    root: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """A channel that may be read. `label`: `#general`."""

    channel: str
    label: str


def spot_of(link: str) -> Spot | None:
    """Where the link to a message leads; None: it is none."""
    found = _LINK.match(link.strip())
    return Spot(found["channel"], found["root"] or f"{found['s']}.{found['us']}") if found else None


def is_ts(said: str) -> bool:
    """Whether this is a Slack timestamp."""
    return _TS.fullmatch(said) is not None


def channel_name(said: str) -> tuple[str, str]:
    """A channel as somebody writes it (`#general`, `general`, `C0123456`, `<#C0123456|general>`, a link to a message):
    its id, or else its name."""
    if (spot := spot_of(said)) is not None:
        return spot.channel, ""
    bare = said.strip()
    if bare.startswith("<#"):
        bare = bare.strip("<#>").partition("|")[0]
    bare = bare.removeprefix("#")
    return (bare, "") if _CHANNEL_ID.fullmatch(bare) else ("", bare.casefold())


def says_something(message: Payload) -> bool:
    """Whether somebody wrote or sent something by it."""
    return text(message, "subtype") not in _NO_WORDS and bool(text(message, "ts"))


def link_to(url: str, channel: str, message: Payload) -> str:
    """A permanent link. `url`: of the workspace, `https://team.slack.com/`."""
    ts, root = text(message, "ts"), text(message, "thread_ts")
    link = f"{url or 'https://slack.com/'}archives/{channel}/p{ts.replace('.', '')}"
    return f"{link}?thread_ts={root}&cid={channel}" if root and root != ts else link


def words_of(message: Payload, names: Mapping[str, str]) -> str:
    """All that is written in a message: its text, what it forwards or links to, the names of its files."""
    quoted = (text(one, "text") or text(one, "fallback") for one in parts(message, "attachments"))
    said = [plain_text(one, names) for one in (text(message, "text"), *quoted) if one.strip()]
    files = ", ".join(text(file, "name") for file in parts(message, "files") if text(file, "name"))
    return "\n".join((*said, f"(files: {files})") if files else said)


def cited(site: Site, message: Payload, names: Mapping[str, str], url: str) -> ChatMessage:
    """A message with its source. `names` are by user id."""
    user, ts, root = text(message, "user"), text(message, "ts"), text(message, "thread_ts")
    other = text(message, "username") or text(message, "bot_profile", "name") or "an app"
    begun = {"ts": root}
    return ChatMessage(
        channel=site.label,
        author=(names.get(user) or user) if user else other,
        at=moment(ts, EPOCH),
        text=words_of(message, names),
        link=link_to(url, site.channel, message),
        thread=link_to(url, site.channel, begun) if root else "",
    )
