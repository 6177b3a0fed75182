"""One connection: what it tells us, and what the library remembers meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from agent.ports.clock import SystemClock
from agent.store.sole import ProcessLeaders
from bot.discord.gateway import Gateway, facts_of
from bot.discord.login import log_in
from bot.discord.payload import Payload
from bot.discord.shard import WHOLE
from bot.discord.starts import Starts
from bot.discord.web import Web
from tests.fakes.discord import DiscordFake
from tests.surfaces.discord.inside import settings_for


async def test_a_deleted_channel_is_told_of_and_known_no_more(tmp_path: Path) -> None:
    heard: list[tuple[str, Payload]] = []

    async def room() -> None:
        """There always is."""

    async with DiscordFake() as discord:
        channel = discord.channel("general")
        clock = SystemClock()
        client, bot = await log_in(settings_for(discord, tmp_path), clock)
        starts = Starts(Web(client), bot.application_id, ProcessLeaders().lead, clock, lambda line: None)
        gateway = Gateway(
            client,
            WHOLE,
            lambda event, payload: heard.append((event, payload)),
            lambda: None,
            room,
            clock.sleep,
            lambda line: None,
            starts,
            url=discord.gateway_url,
        )
        listening = asyncio.create_task(gateway.run())
        try:
            await discord.wait_for(lambda: facts_of(client, str(channel.id)) is not None)
            discord.delete_channel(channel)
            await discord.wait_for(lambda: [event for event, _ in heard] == ["CHANNEL_DELETE"])
            await discord.wait_for(lambda: facts_of(client, str(channel.id)) is None)
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
            await starts.close()
            await client.close()
