"""What stored arrivals mean: Slack's payloads become `bot.surface.Incoming`.

A translation may run twice and gives the same. It asks Slack for names and standings only, through the directory, and
raises `SurfaceDown` when these cannot be had now. Everything is of the workspace in which Gofer is installed, also in
channels shared with others: a person of another organisation is `slack:OURS:THEIRS` with the standing of an outsider.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from agent.domain.people import Actor, Standing
from agent.service import Arrival
from bot.cards import Token
from bot.slack.arrivals import Kind, is_direct, is_tombstone, mentions, root_of
from bot.slack.directory import Directory
from bot.slack.forms import files_of, values_of
from bot.slack.mrkdwn import plain_text, users_in
from bot.slack.payload import Payload, flag, moment, part, parts, text, unpack
from bot.slack.workspace import Workspace
from bot.surface import (
    Incoming,
    IncomingChoice,
    IncomingCommand,
    IncomingFile,
    IncomingForm,
    IncomingMessage,
    IncomingReaction,
    MessageRef,
    ThreadRef,
    Trigger,
)

logger = logging.getLogger(__name__)

_MOST_NAMES = 50
"""People whose names are looked up for one message; the others stay ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that is about Slack and not about work: Slack's own room deals with it.

    `home` and `messages`: somebody opened that tab of Gofer's; `joined`: Gofer came into a channel, `person` is who
    invited it; `renamed`: somebody gave a session the title `text`; `gone`: Gofer was removed from the workspace.
    """

    kind: Literal["home", "messages", "joined", "renamed", "gone"]
    event_id: str
    at: datetime
    """When it happened, which may be long before Slack could tell us."""
    thread: ThreadRef
    """For `home`, `messages` and `joined` the channel, without a root."""
    person: Actor | None = None
    text: str = ""


class Intake:
    """Translates the arrivals of one workspace."""

    def __init__(
        self,
        workspace: Workspace,
        directory: Directory,
        files: Callable[[Payload], Awaitable[IncomingFile]],
        happened: Callable[[Happening], Awaitable[None]],
    ) -> None:
        """`files` makes a file out of Slack's description of it. `happened` takes what is not about work; it may see
        the same one twice, and what it raises puts the arrival off."""
        self._here, self._directory, self._files, self._happened = workspace, directory, files, happened

    async def translate(self, arrival: Arrival) -> Incoming | None:
        """What this arrival means; None: nothing for Gofer, or it was a happening. Raises `SurfaceDown`."""
        body = cast(Payload, json.loads(arrival.body))
        event = part(body, "event")
        match cast(Kind, arrival.kind):
            case "message":
                return await self._message(arrival, event, event)
            case "edit":
                return await self._edited(arrival, event)
            case "delete":
                return await self._deleted(arrival, event)
            case "reaction":
                return await self._reaction(arrival, event)
            case "click":
                return await self._click(arrival, body)
            case "form":
                return await self._form(arrival, body)
            case "shortcut":
                return await self._shortcut(arrival, body)
            case "command":
                return await self._command(arrival, body)
            case "stopped":
                return await self._stopped(arrival, event)
            case "home" | "joined" | "renamed" | "gone" as kind:
                await self._happen(arrival, body, kind)
                return None

    # -- messages

    async def _message(
        self, arrival: Arrival, event: Payload, message: Payload, *, edited: bool = False
    ) -> IncomingMessage:
        channel, ts = text(event, "channel"), text(message, "ts")
        thread = self._here.thread(channel, root_of(message))
        written = text(message, "text")
        shared = tuple(item for item in parts(message, "attachments") if flag(item, "is_share"))
        names = await self._names((written, *(text(item, "text") for item in shared)))
        quoted = (self._quoted(item, names) for item in shared)
        files = (*parts(message, "files"), *(file for item in shared for file in parts(item, "files")))
        return IncomingMessage(
            event_id=arrival.twin or arrival.arrival_id,
            thread=thread,
            person=await self._actor(text(message, "user"), channel),
            at=moment(ts, arrival.at),
            message=MessageRef(thread, ts),
            text="\n\n".join(said for said in (self._said(written, names), *quoted) if said),
            mentioned=self._mentioned(event, written),
            direct=is_direct(event),
            root=thread.thread == ts,
            edited=edited,
            addressed=self._addressed(written),
            files=tuple([await self._files(file) for file in files if text(file, "mode") != "tombstone"]),
        )

    async def _edited(self, arrival: Arrival, event: Payload) -> IncomingMessage:
        message, before = part(event, "message"), part(event, "previous_message")
        # A mention that was added makes it a message to Gofer, as if it had been written so.
        now, then = (self._mentioned(event, text(one, "text")) for one in (message, before))
        added = now and not then and bool(before) and not is_direct(event)
        return await self._message(arrival, event, message, edited=not added)

    async def _deleted(self, arrival: Arrival, event: Payload) -> IncomingMessage:
        message = part(event, "previous_message")
        if not is_tombstone(part(event, "message")) and text(event, "deleted_ts"):
            message = {**message, "ts": text(event, "deleted_ts")}
        channel, ts = text(event, "channel"), text(message, "ts")
        thread = self._here.thread(channel, root_of(message))
        return IncomingMessage(
            event_id=arrival.twin or arrival.arrival_id,
            thread=thread,
            person=await self._actor(text(message, "user"), channel),  # Slack does not say who deleted it
            at=moment(text(event, "event_ts"), arrival.at),
            message=MessageRef(thread, ts),
            text="",
            mentioned=self._mentioned(event, text(message, "text")),
            direct=is_direct(event),
            root=thread.thread == ts,
            deleted=True,
        )

    async def _reaction(self, arrival: Arrival, event: Payload) -> IncomingReaction:
        channel, ts = text(event, "item", "channel"), text(event, "item", "ts")
        # Slack does not say which thread the message is in: here it stands for one of its own.
        thread = self._here.thread(channel, ts)
        return IncomingReaction(
            event_id=arrival.arrival_id,
            thread=thread,
            person=await self._actor(text(event, "user"), channel),
            at=moment(text(event, "event_ts"), arrival.at),
            message=MessageRef(thread, ts),
            emoji=text(event, "reaction"),
            added=text(event, "type") == "reaction_added",
        )

    # -- clicks, forms, commands

    async def _click(self, arrival: Arrival, body: Payload) -> IncomingChoice:
        action = parts(body, "actions")[0]
        channel = text(body, "channel", "id") or text(body, "container", "channel_id")
        ts = text(body, "container", "message_ts") or text(body, "message", "ts")
        # What one person alone sees begins no thread: Slack knows none by that timestamp.
        begun = "" if flag(body, "container", "is_ephemeral") else ts
        root = text(body, "message", "thread_ts") or text(body, "container", "thread_ts") or begun
        thread = self._here.thread(channel, root if channel else "")
        return IncomingChoice(
            event_id=arrival.arrival_id,
            thread=thread,
            person=await self._actor(text(body, "user", "id"), channel),
            at=moment(text(action, "action_ts"), arrival.at),
            message=MessageRef(thread, ts or text(body, "view", "id")),
            token=_token(action),
            picked=text(action, "selected_option", "value"),
            trigger=_trigger(body),
        )

    async def _form(self, arrival: Arrival, body: Payload) -> IncomingForm:
        view = part(body, "view")
        token, thread_id = unpack(text(view, "private_metadata"))
        thread = self._thread_of_form(thread_id)
        return IncomingForm(
            event_id=arrival.arrival_id,
            thread=thread,
            person=await self._actor(text(body, "user", "id"), thread.channel),
            at=arrival.at,
            token=text(view, "callback_id") or token,
            values=values_of(view),
            files=tuple([await self._files(file) for file in files_of(view)]),
            trigger=_trigger(body),
        )

    async def _shortcut(self, arrival: Arrival, body: Payload) -> IncomingCommand:
        message = part(body, "message")
        channel = text(body, "channel", "id")
        thread = self._here.thread(channel, root_of(message) if channel else "")
        written = text(message, "text")
        return IncomingCommand(
            event_id=arrival.arrival_id,
            thread=thread,
            person=await self._actor(text(body, "user", "id"), channel),
            at=moment(text(body, "action_ts"), arrival.at),
            name=text(body, "callback_id"),
            text=self._said(written, await self._names((written,))),
            message=MessageRef(thread, text(message, "ts")) if channel and message else None,
            files=tuple([await self._files(file) for file in parts(message, "files")]),
            trigger=_trigger(body),
        )

    async def _command(self, arrival: Arrival, body: Payload) -> IncomingCommand:
        written = text(body, "text")
        said = self._said(written, await self._names((written,)))
        channel = text(body, "channel_id")
        return IncomingCommand(
            event_id=arrival.arrival_id,
            thread=self._here.thread(channel, ""),  # slash commands do not work in threads
            person=await self._actor(text(body, "user_id"), channel),
            at=arrival.at,
            name="gofer",  # whatever it is called in this workspace: it is the only one
            words=tuple(said.split()),
            text=said,
            trigger=_trigger(body),
        )

    async def _stopped(self, arrival: Arrival, event: Payload) -> IncomingCommand:
        channel = text(event, "channel")
        return IncomingCommand(
            event_id=arrival.arrival_id,
            thread=self._here.thread(channel, text(event, "thread_ts")),
            person=await self._actor(text(event, "user"), channel),
            at=moment(text(event, "event_ts"), arrival.at),
            name="stop",
        )

    async def _happen(
        self, arrival: Arrival, body: Payload, kind: Literal["home", "joined", "renamed", "gone"]
    ) -> None:
        event = part(body, "event")
        channel = text(event, "channel")
        user = text(event, "inviter") if kind == "joined" else text(event, "user")
        tab: Literal["home", "messages"] = "messages" if text(event, "tab") == "messages" else "home"
        happening = Happening(
            kind=tab if kind == "home" else kind,
            event_id=arrival.arrival_id,
            at=moment(text(event, "event_ts") or str(body.get("event_time", "")), arrival.at),
            thread=self._here.thread(channel, text(event, "thread_ts")),
            person=await self._actor(user, channel) if user and kind != "gone" else None,
            text=text(event, "title"),
        )
        await self._happened(happening)

    # -- words and people

    async def _actor(self, user_id: str, channel: str) -> Actor:
        if not user_id:  # Slack leaves it out where it cannot say
            return Actor(self._here.person_id(""), place=self._here.place(channel), standing=Standing.OUTSIDER)
        return await self._directory.actor(user_id, channel)

    async def _names(self, written: Iterable[str]) -> Mapping[str, str]:
        users = [user for user in users_in(written) if user != self._here.bot_user_id]
        return await self._directory.names(users[:_MOST_NAMES])

    def _mentioned(self, event: Payload, written: str) -> bool:
        return text(event, "type") == "app_mention" or mentions(written, self._here.bot_user_id)

    def _addressed(self, written: str) -> tuple[str, ...]:
        users = users_in((written,))
        return tuple(self._here.person_id(user) for user in users if user != self._here.bot_user_id)

    def _said(self, written: str, names: Mapping[str, str]) -> str:
        """A text without the mention of Gofer, and with what speaks to it: "<@U0>, add these" is "add these"."""
        gofer = rf"<@{re.escape(self._here.bot_user_id)}(?:\|[^>]*)?>"
        written = re.sub(rf"^\s*{gofer}[ \t]*[,:]?[ \t]*", "", written)
        written = re.sub(rf"[ \t]*{gofer}", "", written)
        return plain_text(written, names).strip()

    def _quoted(self, shared: Payload, names: Mapping[str, str]) -> str:
        """A forwarded message as a quotation: somebody else's words, to be told apart from the person's own."""
        who = text(shared, "author_name") or text(shared, "author_subname") or "somebody"
        where = f" ({link})" if (link := text(shared, "from_url")) else ""
        said = self._said(text(shared, "text") or text(shared, "fallback"), names)
        return "\n".join((f"Forwarded message of {who}{where}:", *(f"> {line}" for line in said.splitlines())))

    def _thread_of_form(self, thread_id: str) -> ThreadRef:
        try:
            thread = ThreadRef.parse(thread_id)
        except ValueError:
            return self._here.thread("", "")
        return thread if (thread.surface, thread.space) == ("slack", self._here.team_id) else self._here.thread("", "")


def _token(action: Payload) -> str:
    """Buttons and selects carry their token as `action_id`, groups of buttons (feedback) as the value of each."""
    value, action_id = text(action, "value"), text(action, "action_id")
    return value if Token.parse(value) is not None else action_id


def _trigger(body: Payload) -> Trigger | None:
    value = text(body, "trigger_id")
    return Trigger("slack", value) if value else None
