"""Discord as one of Gofer's surfaces: one application, in all servers that invited it, and in direct messages.

What arrives is stored by the front door (`door`), worked through by a pump, translated (`intake`) and received. What
tasks have to show is posted by a feed. Each connection to the gateway is held by one of all processes on a database
(`shards`); each process may take interactions over HTTP.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

import discord

from agent.domain.errors import Refused
from agent.domain.people import SYSTEM
from agent.service import Mailbox, Service
from bot.accounts import SignIn
from bot.discord.arrivals import DIRECT
from bot.discord.chat import DiscordChat
from bot.discord.commands import suggestions
from bot.discord.directory import Directory
from bot.discord.door import FrontDoor
from bot.discord.gateway import facts_of
from bot.discord.intake import Intake
from bot.discord.interactions import PATH, Answering, HttpDoor, Reply, Visit
from bot.discord.login import log_in
from bot.discord.missed import Missed
from bot.discord.payload import Payload, part, snowflake
from bot.discord.shards import Shards
from bot.discord.surface import DiscordSurface
from bot.discord.triggers import unpack
from bot.discord.web import Identity, Web
from bot.feed import Feed, Link
from bot.pump import Clock, Pump
from bot.reception import Reception, message_key
from bot.settings import Settings
from bot.surface import Incoming, MessageRef, SurfaceDown, trigger_of

logger = logging.getLogger(__name__)

FAULT_WAIT_S = 5.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """What the office works with."""

    settings: Settings
    service: Service
    mailbox: Mailbox
    clock: Clock
    groups: frozenset[str]
    connect: Callable[[str, DiscordChat], None]
    """Lets tasks of Discord's threads (`discord`) read and write there."""
    link: Link | None
    sign_in: SignIn | None
    """Makes links to the web chat; None: nobody but this machine reaches it."""
    say: Say
    heard_at: Callable[[], Awaitable[datetime | None]]
    """When anything arrived from Discord last, in whatever process; None: never."""


@dataclass(frozen=True, slots=True)
class Door:
    """A path on the web server and who answers there."""

    path: str
    method: Literal["GET", "POST"]
    handle: Callable[[Visit], Coroutine[Any, Any, Reply]]


class Branch:
    """Everything of one application that is logged in."""

    def __init__(self, shop: Shop, client: discord.Client, bot: Identity, *, owner: str, alone: bool) -> None:
        self._shop, self._bot, self._client = shop, bot, client
        service, mailbox, clock = shop.service, shop.mailbox, shop.clock
        web = Web(client)
        shop.connect("discord", DiscordChat(web, bot))
        self.surface = DiscordSurface(web, bot)
        sight = self.surface.sight
        self._directory = Directory(web, sight, groups=shop.groups)
        self._intake = Intake(bot.user_id, self._directory, sight, self.surface.incoming_file, self._asked_by)
        self._reception = Reception(service, self.surface, mailbox, sign_in=shop.sign_in)
        self._answering = Answering(web, clock.sleep, self._suggest)
        known = partial(facts_of, client)
        self.door = FrontDoor(mailbox.take_in, bot.user_id, known, clock.now, clock.sleep, self._answering)
        self._missed = Missed(web, service, mailbox, bot.user_id, clock.now)
        self._pump = Pump(
            mailbox,
            "discord",
            owner,
            self._intake.translate,
            self._receive,
            clock,
            dead_owners="" if alone else None,
            lost=self._reception.lost,
        )
        self._feed = Feed(service, mailbox, self.surface, space="", clock=clock, link=shop.link)

    async def run(self) -> None:
        """Work until cancelled; what is at work is finished then."""
        storing = asyncio.create_task(self.door.run(), name="gofer-discord-door")
        others = [
            asyncio.create_task(work, name=f"gofer-discord-{name}")
            for name, work in (
                ("gateway", self._listen()),
                ("pump", self._pump.run()),
                ("feed", self._feed.run()),
            )
        ]
        try:
            # Not `gather`: cancelled, it would cancel the storing with all the others.
            ended, _ = await asyncio.wait([storing, *others], return_when=asyncio.FIRST_EXCEPTION)
            for task in ended:
                task.result()
        finally:
            others[0].cancel()  # nothing new comes in; what came is stored
            await asyncio.wait(others[:1])  # whatever it ended by: the rest is ended too
            await self.door.close()
            await self._pump.close()
            for task in (storing, *others):
                task.cancel()
            await asyncio.gather(storing, *others, return_exceptions=True)
            await self.surface.close()

    async def _listen(self) -> None:
        """Hold the connections that no other process does."""
        shop = self._shop
        shards = Shards(
            self._client,
            self._bot.application_id,
            self.door,
            self._missed,
            shop.mailbox.leader,
            shop.clock,
            shop.say,
            heard_at=shop.heard_at,
            url=shop.settings.discord_gateway_url,
        )
        await shards.run()

    async def _receive(self, incoming: Incoming) -> None:
        await self._reception.receive(incoming)
        if (trigger := trigger_of(incoming)) is not None:
            await self._answering.clear_up(unpack(trigger))

    async def _asked_by(self, message: MessageRef) -> str:
        task = await self._shop.service.started_by(SYSTEM, message_key(message))
        return task.asked_by if task is not None else ""

    async def _suggest(self, payload: Payload) -> Sequence[tuple[str, str]]:
        space = snowflake(payload, "guild_id") or DIRECT
        channel = snowflake(payload, "channel", "parent_id") or snowflake(payload, "channel_id")
        user = part(payload, "member", "user") or part(payload, "user")
        actor = await self._directory.actor(user, part(payload, "member"), space, channel)
        return await suggestions(self._shop.service, actor, payload)


class DiscordOffice:
    """Discord, of this process. Made by `open_discord`."""

    def __init__(self, shop: Shop, *, owner: str, alone: bool) -> None:
        self._shop, self._owner, self._alone = shop, owner, alone
        self._branch: Branch | None = None
        key = shop.settings.discord_public_key
        self._http = HttpDoor(key, self._interact) if key else None

    def doors(self) -> tuple[Door, ...]:
        """What Discord asks for over HTTP."""
        return (Door(PATH, "POST", self._http.handle),) if self._http is not None else ()

    async def run(self) -> None:
        """Work until cancelled. What Discord refuses is said and leaves the other surfaces alone."""
        while True:
            try:
                client, bot = await log_in(self._shop.settings, self._shop.clock)
            except Refused as error:
                self._shop.say(f"{error.message} {error.next_step} `gofer doctor` says more.")
                return
            try:
                self._branch = Branch(self._shop, client, bot, owner=self._owner, alone=self._alone)
                self._shop.say(f"  Discord {bot.name}: mention it, or write to it")
                self._warn_of_lost_clicks(client)
                await self._branch.run()
                return  # the journal was closed
            except Exception:
                logger.exception("Discord stopped by a fault of ours, and is opened again")
                await self._shop.clock.sleep(FAULT_WAIT_S)
            finally:
                self._branch = None
                await client.close()

    def _warn_of_lost_clicks(self, client: discord.Client) -> None:
        url = client.application.interactions_endpoint_url if client.application else None
        if url and self._http is None:
            self._shop.say(
                f"Discord posts clicks and commands to {url}, so they do not arrive here. Set DISCORD_PUBLIC_KEY, or "
                "empty Interactions Endpoint URL (discord.com/developers → your application → General Information)."
            )

    async def _interact(self, payload: Payload) -> None:
        if self._branch is None:
            raise SurfaceDown("Gofer has not reached Discord yet.")
        await self._branch.door.interact(payload)


async def connect_chat(settings: Settings, clock: Clock, connect: Callable[[str, DiscordChat], None], say: Say) -> None:
    """For a process that only runs tasks: lets them read and write in Discord, until cancelled."""
    try:
        client, bot = await log_in(settings, clock)
    except Refused as error:
        say(f"{error.message} {error.next_step} `gofer doctor` says more.")
        return
    try:
        connect("discord", DiscordChat(Web(client), bot))
        await asyncio.Event().wait()
    finally:
        await client.close()


@asynccontextmanager
async def open_discord(shop: Shop, *, owner: str, alone: bool) -> AsyncGenerator[DiscordOffice]:
    """Discord at work until the context ends. `owner`: this process; `alone`: no other process is on the database."""
    office = DiscordOffice(shop, owner=owner, alone=alone)
    async with AsyncExitStack() as stack:
        running = asyncio.create_task(office.run(), name="gofer-discord")

        async def end() -> None:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

        stack.push_async_callback(end)
        yield office
