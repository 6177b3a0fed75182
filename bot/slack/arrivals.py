"""What of Slack's deliveries is kept, and under which keys. Pure: one payload in, one `Arrival` or None out.

None means: acknowledge and forget, it cannot matter to Gofer. Kept are
- messages in a direct conversation, with a mention of Gofer, or within a thread (whether Gofer works in that thread is
  looked up later, out of the three seconds that an acknowledgement may take); edits and deletions of the same;
- reactions with an emoji that Gofer understands; those that approve or deny only on messages of its own, because the
  most common emoji of all are among them;
- clicks, sent forms, shortcuts and slash commands: all of them come from things that Gofer has put up;
- Gofer's invitation to a channel, its opened home, the stop button and the title of a session, the end of an install.
Messages of programs are never kept, whatever they say: no bot may hand over work, and two bots could talk for ever.

The keys: an event has its `event_id`. Interactions have none, so what cannot be the same twice is put together. The
twin is where Slack says one thing twice: a message with a mention comes as `message` and as `app_mention`, with the
same text and files in both, in either order; only one is kept. Retry headers are never looked at: Socket Mode sets one
on first deliveries too, and what was sent while nobody listened comes as a retry only.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from agent.service import Arrival
from bot.phrases import Word, emoji_word
from bot.slack.payload import Payload, part, parts, text, unpack
from bot.slack.workspace import Workspace

Kind = Literal[
    "message",
    "edit",
    "delete",
    "reaction",
    "click",
    "form",
    "shortcut",
    "command",
    "home",
    "joined",
    "stopped",
    "renamed",
    "gone",
]

WORKSPACE = "gofer_workspace"
"""Added to what is stored: the installation it came to, which payloads of shared channels do not name."""
_SAID = frozenset({"", "file_share", "thread_broadcast", "me_message"})
"""Subtypes of messages that somebody wrote; the others tell of joins, topics, pins and the like."""
_SLACKBOT = "USLACKBOT"
_OURS = re.compile(r"g\d+\??:")
"""How a `bot.cards.Token` of any version begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    kind: Kind
    arrival_id: str = ""
    """Empty: the event's own."""
    twin: str = ""
    lane: str = ""
    urgent: bool = False


def arrival_of(body: Payload, workspace: Workspace, now: datetime) -> Arrival | None:
    """The row to store before this delivery is acknowledged; None: it needs none."""
    kept = _kept(body, workspace)
    if kept is None:
        return None
    arrival_id = kept.arrival_id or f"ev:{text(body, 'event_id')}"
    # Slack's verification token is a secret of old, of no use to us.
    stored = {key: value for key, value in body.items() if key != "token"} | {WORKSPACE: workspace.team_id}
    return Arrival(
        arrival_id=f"slack:{arrival_id}",
        twin=f"slack:{workspace.team_id}:{kept.twin}" if kept.twin else "",
        surface="slack",
        lane=kept.lane,
        kind=kept.kind,
        body=json.dumps(stored, ensure_ascii=False, separators=(",", ":")),
        at=now,
        urgent=kept.urgent,
    )


def mentions(said: str, user_id: str) -> bool:
    """Whether a text mentions this user. Slack writes the token for real mentions only: a typed `<` arrives escaped."""
    return bool(user_id) and re.search(rf"<@{re.escape(user_id)}(?:\|[^>]*)?>", said) is not None


def is_direct(event: Payload) -> bool:
    """Said to Gofer alone. Conversations of several people count as channels."""
    return text(event, "channel_type") == "im" or text(event, "channel").startswith("D")


def is_tombstone(message: Payload) -> bool:
    """What Slack leaves of a deleted message that has replies: an "edit" of it, not a deletion."""
    return text(message, "subtype") == "tombstone"


def root_of(message: Payload) -> str:
    """Timestamp of the thread's first message; of its own where it is none's reply."""
    return text(message, "thread_ts") or text(message, "ts")


def _kept(body: Payload, workspace: Workspace) -> _Kept | None:
    match text(body, "type"):
        case "event_callback" if text(body, "event_id"):
            return _event(part(body, "event"), workspace)
        case "block_actions":
            return _click(body, workspace)
        case "view_submission":
            view = part(body, "view")
            _, thread_id = unpack(text(view, "private_metadata"))
            key = f"form:{workspace.team_id}:{text(view, 'id')}:{text(view, 'hash')}"
            return _Kept(kind="form", arrival_id=key, lane=thread_id, urgent=True)
        case "message_action" | "shortcut":
            key = f"shortcut:{workspace.team_id}:{text(body, 'trigger_id') or text(body, 'action_ts')}"
            return _Kept(kind="shortcut", arrival_id=key, urgent=True)
        case "" if text(body, "command"):
            key = f"command:{workspace.team_id}:{text(body, 'trigger_id')}"
            return _Kept(kind="command", arrival_id=key, urgent=True)
        case _:
            return None


def _click(body: Payload, workspace: Workspace) -> _Kept | None:
    actions = parts(body, "actions")
    if not actions:
        return None
    action = actions[0]
    if not any(_OURS.match(text(action, key)) for key in ("action_id", "value")):
        return None  # a button that is a link: the client has followed it already
    key = ":".join((text(body, "user", "id"), text(action, "action_ts"), text(action, "action_id")))
    # No lane: Slack gives three seconds to open a form, and a message of this thread may be fetching a large file.
    return _Kept(kind="click", arrival_id=f"click:{workspace.team_id}:{key}", urgent=True)


def _event(event: Payload, workspace: Workspace) -> _Kept | None:
    channel = text(event, "channel")
    thread_ts = text(event, "thread_ts")
    match text(event, "type"):
        case "message" if text(event, "subtype") == "message_changed":
            return _changed(event, workspace)
        case "message" if text(event, "subtype") == "message_deleted":
            return _deleted(event, part(event, "previous_message"), workspace)
        case "message" | "app_mention":
            return _message(event, workspace)
        case "reaction_added" | "reaction_removed":
            return _reaction(event, workspace)
        case "app_home_opened":
            return _Kept(kind="home", lane=workspace.thread("", "").thread_id + text(event, "user"))
        case "member_joined_channel" if text(event, "user") == workspace.bot_user_id:
            return _Kept(kind="joined", twin=f"{channel}:{text(event, 'event_ts')}:joined")
        case "agent_session_stopped" if thread_ts:
            # No lane: a stop never waits behind what it is to stop.
            return _Kept(kind="stopped", urgent=True)
        case "agent_session_title_changed" if thread_ts:
            return _Kept(kind="renamed", lane=workspace.thread(channel, thread_ts).thread_id)
        case "app_uninstalled":
            return _Kept(kind="gone")
        case "tokens_revoked" if part(event, "tokens").get("bot"):
            return _Kept(kind="gone")
        case _:
            return None


def _message(event: Payload, workspace: Workspace) -> _Kept | None:
    if text(event, "subtype") not in _SAID or _by_program(event, workspace):
        return None
    if not _concerns(event, event, workspace):
        return None
    if part(event, "edited"):
        return None  # `app_mention` for an edit: `message_changed` comes beside it and tells what was there before
    return _kept_message("message", event, event, workspace)


def _changed(event: Payload, workspace: Workspace) -> _Kept | None:
    message, before = part(event, "message"), part(event, "previous_message")
    if is_tombstone(message):
        return _deleted(event, before, workspace)
    if _by_program(message, workspace) or text(message, "subtype") not in _SAID:
        return None
    edited_ts = text(message, "edited", "ts")
    if not edited_ts or (before and _content(message) == _content(before)):
        return None  # a link was unfurled, a reply was counted
    if not _concerns(event, message, workspace) and not _concerns(event, before, workspace):
        return None
    return _kept_message("edit", event, message, workspace, edited_ts)


def _deleted(event: Payload, message: Payload, workspace: Workspace) -> _Kept | None:
    if _by_program(message, workspace) or text(message, "subtype") not in _SAID:
        return None
    if not _concerns(event, message, workspace):
        return None
    return _kept_message("delete", event, message, workspace)


def _kept_message(
    kind: Literal["message", "edit", "delete"],
    event: Payload,
    message: Payload,
    workspace: Workspace,
    edited_ts: str = "",
) -> _Kept | None:
    channel, ts = text(event, "channel"), text(message, "ts")
    if not channel or not ts:
        return None
    twin = ":".join((channel, ts, kind, edited_ts)).rstrip(":")
    return _Kept(kind=kind, twin=twin, lane=workspace.thread(channel, root_of(message)).thread_id)


def _reaction(event: Payload, workspace: Workspace) -> _Kept | None:
    item = part(event, "item")
    word = emoji_word(text(event, "reaction"))
    if word is None or text(item, "type") != "message" or text(event, "user") == workspace.bot_user_id:
        return None
    # Left out for authors that are no users, so only somebody else's stated name tells that it is not Gofer's message.
    others = text(event, "item_user") not in ("", workspace.bot_user_id)
    if others and word in (Word.APPROVE, Word.DENY):
        return None
    # The thread is not said. Putting an emoji on one message and taking it back stays in order.
    return _Kept(kind="reaction", lane=workspace.thread(text(item, "channel"), text(item, "ts")).thread_id)


def _by_program(message: Payload, workspace: Workspace) -> bool:
    user = text(message, "user")
    return user in ("", _SLACKBOT, workspace.bot_user_id) or bool(text(message, "bot_id"))


def _concerns(event: Payload, message: Payload, workspace: Workspace) -> bool:
    mentioned = text(event, "type") == "app_mention" or mentions(text(message, "text"), workspace.bot_user_id)
    return is_direct(event) or mentioned or bool(text(message, "thread_ts"))


def _content(message: Payload) -> tuple[str, tuple[str, ...]]:
    return text(message, "text"), tuple(text(file, "id") for file in parts(message, "files"))
