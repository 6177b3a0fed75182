"""Commands about one chat platform."""

from __future__ import annotations

import typer

from agent.domain.errors import Refused
from bot.cli.main import run, settings
from bot.settings import Settings


def register(app: typer.Typer) -> None:
    """Add these commands."""
    discord = typer.Typer(help="Discord.", no_args_is_help=True)
    discord.callback()(_discord)
    discord.command("sync")(discord_sync)
    app.add_typer(discord, name="discord")


def _discord() -> None:
    """Discord."""


def discord_sync() -> None:
    """Register Gofer's commands at Discord: once, and after an update that says so."""
    run(_discord_sync(settings()))


async def _discord_sync(loaded: Settings) -> int:
    if not loaded.discord_token.get_secret_value():
        raise Refused("DISCORD_TOKEN is not set.", next_step="docs/discord.md says where it comes from.")
    from bot.discord.commands import sync
    from bot.discord.login import visiting
    from bot.surface import SurfaceDown, SurfaceRefused

    async with visiting(loaded) as (web, bot, _):
        try:
            names = await sync(web, bot.application_id)
        except (SurfaceDown, SurfaceRefused) as error:
            raise Refused(f"Discord did not take the commands: {error}", next_step="Try again later.") from error
    typer.echo(f"Discord has these commands of {bot.name} now: {', '.join(names)}.")
    return 0
