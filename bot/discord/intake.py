"""What stored arrivals mean: Discord's events become `bot.surface.Incoming`.

A translation may run twice and gives the same. It asks Discord for people, channels and messages only, and raises
`SurfaceDown` when these cannot be had now.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import cast

from agent.domain.people import SYSTEM, Actor
from agent.service import Arrival
from bot.cards import Token, Verb
from bot.discord.arrivals import DIRECT, SAID, ChannelFacts, Kind, Stored, by_program, mentions
from bot.discord.commands import HAND_OVER, command_of
from bot.discord.directory import Directory, person_id_of
from bot.discord.forms import files_of, values_of
from bot.discord.interactions import interaction_of
from bot.discord.payload import Payload, number, part, parts, snowflake, strings, text, when
from bot.discord.sight import Sight
from bot.discord.triggers import pack
from bot.discord.words import name_of, snapshots, words_of
from bot.surface import (
    Incoming,
    IncomingChoice,
    IncomingCommand,
    IncomingFile,
    IncomingForm,
    IncomingGone,
    IncomingMessage,
    IncomingReaction,
    MessageRef,
    ThreadRef,
)

_REPLY = 19
_PRIVATE_THREAD = 12


class Intake:
    """Translates the arrivals of one application."""

    def __init__(
        self,
        user_id: str,
        directory: Directory,
        sight: Sight,
        files: Callable[[Payload], IncomingFile],
        asked_by: Callable[[MessageRef], Awaitable[str]],
    ) -> None:
        """`user_id`: Gofer's. `files` makes a file out of Discord's description of it. `asked_by` says whose task a
        message began, empty where it began none."""
        self._user_id, self._directory, self._sight = user_id, directory, sight
        self._files, self._asked_by = files, asked_by

    async def translate(self, arrival: Arrival) -> Incoming | None:
        """What this arrival means; None: nothing for Gofer. Raises `SurfaceDown`."""
        stored = Stored.read(arrival.body)
        payload = stored.payload
        space = snowflake(payload, "guild_id") or DIRECT
        facts = stored.channel or await self._facts(space, snowflake(payload, "channel_id"))
        if facts is None:
            return None  # the channel is gone, or Gofer may not see it any more
        match cast(Kind, arrival.kind):
            case "message" | "edit":
                return await self._message(arrival, payload, facts)
            case "delete":
                return await self._deleted(arrival, payload, facts)
            case "gone":
                return _gone(arrival, payload, facts)
            case "reaction":
                return await self._reaction(arrival, payload, facts)
            case "click":
                return await self._click(arrival, payload, facts)
            case "form":
                return await self._form(arrival, payload, facts)
            case "command":
                return await self._command(arrival, payload, facts)

    # -- messages and reactions

    async def _message(self, arrival: Arrival, payload: Payload, facts: ChannelFacts) -> IncomingMessage | None:
        mentioned, direct = mentions(payload, self._user_id), not snowflake(payload, "guild_id")
        if not (mentioned or direct or facts.thread):
            return None  # its channel was not known when it came
        words = "\n\n".join(said for said in (self._said(payload), *self._quoted(payload, facts)) if said)
        files = self._attached(payload, facts)
        if not (mentioned or direct or words or files):
            return None  # without the privileged intent Discord tells that something was said, and not what
        message = self._goes_on(payload, facts) or self._ref(payload, facts)
        author = part(payload, "author")
        here = message.thread
        others = [snowflake(user, "id") for user in parts(payload, "mentions")]
        answered = part(payload, "referenced_message")
        replied = snowflake(answered, "author", "id")
        return IncomingMessage(
            event_id=arrival.twin or arrival.arrival_id,
            thread=here,
            person=await self._directory.actor(author, part(payload, "member"), here.space, here.channel),
            at=when(message.message_id, arrival.at),
            message=message,
            text=words,
            mentioned=mentioned,
            direct=direct,
            root=message.message_id == here.thread,
            edited=arrival.kind == "edit",
            # Whom a reply answers is in the list of mentions, too, though the words speak to nobody.
            addressed=tuple(
                person_id_of(other)
                for other in others
                if other != self._user_id and (other != replied or f"<@{other}>" in text(payload, "content"))
            ),
            reply_to=MessageRef(here, snowflake(answered, "id")) if answered else None,
            files=tuple(self._files(file) for file in files),
        )

    async def _deleted(self, arrival: Arrival, payload: Payload, facts: ChannelFacts) -> IncomingMessage | None:
        message = self._ref(payload, facts)
        person_id = await self._asked_by(message)
        if not person_id:
            return None  # nothing of ours hung on it
        here = message.thread
        author: Payload = {"id": person_id.removeprefix("discord:")}
        return IncomingMessage(
            event_id=arrival.arrival_id,
            thread=here,
            person=await self._directory.actor(author, {}, here.space, here.channel),  # Discord does not say who did it
            at=arrival.at,
            message=message,
            text="",
            direct=here.space == DIRECT,
            root=message.message_id == here.thread,
            deleted=True,
        )

    async def _reaction(self, arrival: Arrival, payload: Payload, facts: ChannelFacts) -> IncomingReaction:
        message = self._ref({**payload, "id": snowflake(payload, "message_id")}, facts)
        here, member = message.thread, part(payload, "member")
        user = part(member, "user") or {"id": snowflake(payload, "user_id")}
        return IncomingReaction(
            event_id=arrival.arrival_id,
            thread=here,
            person=await self._directory.actor(user, part(payload, "member"), here.space, here.channel),
            at=arrival.at,
            message=message,
            emoji=text(payload, "emoji", "name"),
        )

    # -- clicks, forms, commands

    async def _click(self, arrival: Arrival, payload: Payload, facts: ChannelFacts) -> IncomingChoice:
        thread = self._place(payload, facts)
        return IncomingChoice(
            event_id=arrival.arrival_id,
            thread=thread,
            person=await self._clicker(payload, thread),
            at=when(snowflake(payload, "id"), arrival.at),
            message=MessageRef(thread, snowflake(payload, "message", "id")),
            token=text(payload, "data", "custom_id"),
            picked=next(iter(strings(payload, "data", "values")), ""),
            trigger=pack(interaction_of(payload)),
        )

    async def _form(self, arrival: Arrival, payload: Payload, facts: ChannelFacts) -> IncomingForm:
        thread = self._place(payload, facts)
        custom_id = text(payload, "data", "custom_id")
        token = Token.parse(custom_id)
        begins = token is not None and token.verb is Verb.NEW
        return IncomingForm(
            event_id=arrival.arrival_id,
            thread=_out_of_sight(thread, facts) if begins else thread,
            person=await self._clicker(payload, thread),
            at=when(snowflake(payload, "id"), arrival.at),
            token=custom_id,
            values=values_of(payload),
            files=tuple(self._files(file) for file in files_of(payload)),
            trigger=pack(interaction_of(payload)),
        )

    async def _command(self, arrival: Arrival, payload: Payload, facts: ChannelFacts) -> IncomingCommand | None:
        said = command_of(payload)
        if said is None:
            return None  # of an earlier version, and not taken away since
        thread = self._place(payload, facts)
        person = await self._clicker(payload, thread)
        if said.name in ("begin", "new_task") or said.words[:1] == ("run",):
            thread = _out_of_sight(thread, facts)
        message: MessageRef | None = None
        words, files = said.text, said.files
        if said.name == HAND_OVER and said.message:
            # It is told without its server.
            pointed = {**said.message, **{key: payload[key] for key in ("guild_id", "channel_id") if key in payload}}
            message = self._ref(pointed, facts)
            words = "\n\n".join(w for w in (self._said(pointed), *self._quoted(pointed, facts)) if w)
            files = self._attached(pointed, facts)
        return IncomingCommand(
            event_id=arrival.arrival_id,
            thread=message.thread if message else thread,
            person=person,
            at=when(snowflake(payload, "id"), arrival.at),
            name=said.name,
            words=said.words,
            text=words,
            message=message,
            files=tuple(self._files(file) for file in files),
            trigger=pack(interaction_of(payload)),
        )

    async def _clicker(self, payload: Payload, thread: ThreadRef) -> Actor:
        user = part(payload, "member", "user") or part(payload, "user")
        return await self._directory.actor(user, part(payload, "member"), thread.space, thread.channel)

    # -- where

    async def _facts(self, space: str, channel_id: str) -> ChannelFacts | None:
        if space == DIRECT:
            return ChannelFacts(1)
        channel = await self._sight.channel(channel_id)
        return ChannelFacts(number(channel, "type"), snowflake(channel, "parent_id")) if channel else None

    def _ref(self, message: Payload, facts: ChannelFacts) -> MessageRef:
        """A message, in the thread it belongs to: outside of one it stands for a thread of its own."""
        space = snowflake(message, "guild_id") or DIRECT
        channel_id, message_id = snowflake(message, "channel_id"), snowflake(message, "id")
        return MessageRef(_thread(space, channel_id, facts, message_id), message_id)

    def _goes_on(self, message: Payload, facts: ChannelFacts) -> MessageRef | None:
        """A reply to Gofer in a channel goes on with the work that Gofer spoke of; None: it is none. A card there
        answers the message that the work began with, or began it itself."""
        answered, space = part(message, "referenced_message"), snowflake(message, "guild_id")
        if not space or facts.thread or snowflake(answered, "author", "id") != self._user_id:
            return None
        begun = snowflake(answered, "message_reference", "message_id") or snowflake(answered, "id")
        thread = _thread(space, snowflake(message, "channel_id"), facts, begun)
        return MessageRef(thread, snowflake(message, "id"))

    def _place(self, payload: Payload, facts: ChannelFacts) -> ThreadRef:
        """Where somebody clicked or typed a command. In a channel, a card of ours answers the message that its work
        began with."""
        space = snowflake(payload, "guild_id") or DIRECT
        channel_id = snowflake(payload, "channel_id") or snowflake(payload, "channel", "id")
        begun = snowflake(payload, "message", "message_reference", "message_id")
        return _thread(space, channel_id, facts, begun or snowflake(payload, "message", "id"))

    # -- words

    def _said(self, message: Payload) -> str:
        """A text without the mention of Gofer, and with what speaks to it: "<@1>, add these" is "add these"."""
        gofer = rf"<@!?{re.escape(self._user_id)}>"
        written = re.sub(rf"^\s*{gofer}[ \t]*[,:]?[ \t]*", "", text(message, "content"))
        written = re.sub(rf"[ \t]*{gofer}", "", written)
        return words_of({**message, "content": written}).strip()

    def _quoted(self, message: Payload, facts: ChannelFacts) -> list[str]:
        """What it forwards, and what it answers outside of a thread: somebody else's words, told apart from its own."""
        found = [_quote("Forwarded message", self._said(one)) for one in snapshots(message)]
        if (answered := self._answered(message, facts)) is not None:
            found.append(_quote(f"In reply to {name_of(part(answered, 'author'))}", self._said(answered)))
        return [quotation for quotation in found if quotation]

    def _attached(self, message: Payload, facts: ChannelFacts) -> tuple[Payload, ...]:
        answered = self._answered(message, facts)
        beside = [*snapshots(message), *([answered] if answered is not None else [])]
        return (*parts(message, "attachments"), *(file for one in beside for file in parts(one, "attachments")))

    def _answered(self, message: Payload, facts: ChannelFacts) -> Payload | None:
        """What a reply answers, where the conversation does not hold it anyway: the thread begins with the reply."""
        answered = part(message, "referenced_message")
        if not answered or number(message, "type") != _REPLY or facts.thread or not snowflake(message, "guild_id"):
            return None
        if snowflake(answered, "author", "id") == self._user_id or number(answered, "type") not in SAID:
            return None
        return None if by_program(answered) and not parts(answered, "attachments") else answered


def _gone(arrival: Arrival, payload: Payload, facts: ChannelFacts) -> IncomingGone:
    space, channel_id = snowflake(payload, "guild_id"), snowflake(payload, "id")
    channel, thread = (facts.parent_id, channel_id) if facts.thread else (channel_id, "")
    there = ThreadRef("discord", space, channel, thread)
    return IncomingGone(event_id=arrival.arrival_id, thread=there, person=SYSTEM, at=arrival.at)


def _thread(space: str, channel_id: str, facts: ChannelFacts, message_id: str) -> ThreadRef:
    if space == DIRECT:
        return ThreadRef("discord", DIRECT, channel_id, channel_id)
    if facts.thread:
        return ThreadRef("discord", space, facts.parent_id, channel_id)
    return ThreadRef("discord", space, channel_id, message_id)


def _out_of_sight(place: ThreadRef, facts: ChannelFacts) -> ThreadRef:
    """Where a task begins that was handed over by command: of a private thread not in its channel, which others see,
    but with the person alone."""
    return replace(place, channel="", thread="") if facts.type == _PRIVATE_THREAD else place


def _quote(title: str, said: str) -> str:
    return "\n".join((f"{title}:", *(f"> {line}" for line in said.splitlines()))) if said else ""
