"""The outgoing side of Discord against the strict fake: a surface, and small things to send."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import discord
from discord.http import Route
from simcord.backend.models import Channel

from bot.cards import Action, Block, Card, CardKind, CardState, Note, StepLine, Steps, Text, Token, Verb
from bot.discord.surface import DiscordSurface
from bot.discord.web import Identity, Web
from bot.surface import MessageRef, OutFile, ThreadRef
from tests.fakes.discord import DiscordFake, Human, Message

STOP = Action(Token(verb=Verb.STOP, subject_id="t_1"), "Stop", "danger", "Stop it?")
ALLOW = Action(Token(verb=Verb.ANSWER, subject_id="a_1", revision=1, choice="allow"), "Allow once", "primary")
DENY = Action(Token(verb=Verb.ANSWER, subject_id="a_1", revision=1, choice="deny"), "Deny")
POST = "POST /channels/*/messages"
EDIT = "PATCH /channels/*/messages/*"
THREAD = "POST /channels/*/messages/*/threads"


@asynccontextmanager
async def reached(fake: DiscordFake) -> AsyncGenerator[Web]:
    """The fake's API, with a client that is signed in and listens to nothing."""
    known, Route.BASE = Route.BASE, fake.url
    client = discord.Client(intents=discord.Intents.none(), max_ratelimit_timeout=30)
    try:
        await client.login(fake.token)
        yield Web(client)
    finally:
        await client.close()
        Route.BASE = known


@asynccontextmanager
async def opened(fake: DiscordFake) -> AsyncGenerator[DiscordSurface]:
    """A surface of the fake's application, as if the process had just begun."""
    async with reached(fake) as web:
        surface = DiscordSurface(web, identity(fake), wall=lambda: fake.world.backend.clock.now().timestamp())
        try:
            yield surface
        finally:
            await surface.close()


def identity(fake: DiscordFake) -> Identity:
    return Identity(str(fake.bot_id), str(fake.application_id), "gofer")


def place(fake: DiscordFake, channel: Channel, root: Message | str = "") -> ThreadRef:
    """The conversation that a message of a channel begins, or the channel itself."""
    thread = str(root.id) if isinstance(root, Message) else root
    return ThreadRef("discord", str(fake.guild.id), str(channel.id), thread)


def direct(fake: DiscordFake, human: Human) -> ThreadRef:
    channel = str(fake.dm(human).id)
    return ThreadRef("discord", "@me", channel, channel)


def at(fake: DiscordFake, message: Message) -> MessageRef:
    """A message, in the conversation it is in or begins."""
    channel = message.channel
    if channel.guild_id is None:
        return MessageRef(ThreadRef("discord", "@me", str(channel.id), str(channel.id)), str(message.id))
    if channel.is_thread:
        thread = ThreadRef("discord", str(channel.guild_id), str(channel.parent_id), str(channel.id))
        return MessageRef(thread, str(message.id))
    return MessageRef(place(fake, channel, message), str(message.id))


def approval(*blocks: Block, **others: Any) -> Card:
    fields: dict[str, Any] = {"key": "ask:a_1", "title": "May I do this?", "actions": (ALLOW, DENY), **others}
    state = fields.pop("state", CardState.WAITING)
    return Card(kind=CardKind.APPROVAL, state=state, blocks=blocks or (Text("Send the mail"),), **fields)


def status(*steps: StepLine, state: CardState = CardState.RUNNING, **others: Any) -> Card:
    """The card of a running task."""
    fields: dict[str, Any] = {"key": "status:t_1", "title": "Working: sort the files", "actions": (STOP,), **others}
    shown = (Steps(steps),) if steps else ()
    return Card(kind=CardKind.STATUS, state=state, blocks=(*shown, Note(("Started.",))), **fields)


def out_file(name: str, data: bytes, *, media_type: str = "text/csv", title: str = "") -> OutFile:
    async def stream() -> AsyncIterator[bytes]:
        for begin in range(0, len(data), 1_000_000):
            yield data[begin : begin + 1_000_000]

    return OutFile(
        name=name, size_bytes=len(data), media_type=media_type, open=stream, path=f"outputs/{name}", title=title
    )
