"""Logging in: who Gofer is on Discord, asked with its token."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
import discord

from agent.domain.errors import Refused
from bot.discord.gateway import BAD_LOGIN, BAD_LOGIN_NEXT, WAITS_S, make_client
from bot.discord.web import Identity, Web
from bot.pump import Clock
from bot.settings import Settings
from bot.surface import SurfaceDown

logger = logging.getLogger(__name__)

ONCE_S = 30.0
"""For a command in a terminal, where somebody waits."""


async def log_in(settings: Settings, clock: Clock) -> tuple[discord.Client, Identity]:
    """A client that is logged in, and who it is; waits until Discord can be reached. The caller closes it. Raises
    `Refused` when Discord does not accept the token."""
    failed = 0
    while True:
        try:
            return await _log_in(settings)
        except SurfaceDown as error:
            wait_s = WAITS_S[min(failed, len(WAITS_S) - 1)]
            failed += 1
            logger.warning("%s Next try in %.0f s.", error, wait_s)
            await clock.sleep(wait_s)


@asynccontextmanager
async def visiting(settings: Settings) -> AsyncGenerator[tuple[Web, Identity, discord.AppInfo]]:
    """Discord's REST API for a moment, without listening. Raises `Refused`."""
    try:
        async with asyncio.timeout(ONCE_S):
            client, bot = await _log_in(settings)
    except (SurfaceDown, TimeoutError) as error:
        raise Refused("Discord cannot be reached.", next_step="Check the connection, or try again later.") from error
    try:
        application = client.application
        if application is None:
            raise Refused("Discord does not say which application this token is of.", next_step="Make a new token.")
        yield Web(client), bot, application
    finally:
        await client.close()


async def _log_in(settings: Settings) -> tuple[discord.Client, Identity]:
    client = make_client(settings)
    try:
        await client.login(settings.discord_token.get_secret_value())
        user, application_id = client.user, client.application_id
        if user is None or application_id is None:
            raise SurfaceDown("Discord did not say who Gofer is.")
    except discord.LoginFailure as error:
        await client.close()
        raise Refused(BAD_LOGIN, next_step=BAD_LOGIN_NEXT) from error
    except (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError) as error:
        await client.close()
        raise SurfaceDown(f"Discord cannot be reached ({type(error).__name__}).") from error
    except BaseException:
        await client.close()
        raise
    return client, Identity(str(user.id), str(application_id), user.name)
