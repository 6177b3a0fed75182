"""Discord opened in the test's own process, against the strict Discord."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from agent.ports.clock import SystemClock
from agent.service import Mailbox
from bot.discord.office import Shop, open_discord
from bot.pump import Clock
from bot.settings import Settings
from tests.fakes.discord import DiscordFake
from tests.kit import Kit


class Lines(list[str]):
    """What was said to whoever started Gofer."""


def settings_for(discord: DiscordFake, folder: Path, **more: object) -> Settings:
    """Settings that find this Discord."""
    there = {"discord_api_url": discord.url, "discord_gateway_url": discord.gateway_url}
    return Settings.model_validate({"home": folder, "discord_token": SecretStr(discord.token), **there, **more})


async def never() -> None:
    """Nothing arrived yet."""


@asynccontextmanager
async def opened(
    kit: Kit,
    discord: DiscordFake,
    folder: Path,
    owner: str,
    *,
    clock: Clock | None = None,
    heard_at: Callable[[], Awaitable[datetime | None]] = never,
    **more: object,
) -> AsyncGenerator[Lines]:
    """Gofer in Discord, beside others on the same journal."""
    lines = Lines()
    shop = Shop(
        settings=settings_for(discord, folder, **more),
        service=kit.service,
        mailbox=Mailbox(kit.journal.mail),
        clock=clock or SystemClock(),
        groups=frozenset(),
        connect=lambda space, chat: None,
        link=None,
        sign_in=None,
        say=lines.append,
        heard_at=heard_at,
    )
    async with open_discord(shop, owner=owner, alone=False):
        yield lines
