"""The command tree and its one error handler."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine
from importlib.metadata import version
from typing import Annotated, Any

import typer

from agent.domain.errors import UserFacing
from bot import logs
from bot.settings import Settings, load_settings

app = typer.Typer(
    name="gofer",
    help="A coworker for your team's chat: plans, asks, works on files in a sandbox, posts checked files back.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def main() -> None:
    """Entry point of the console script."""
    from bot.cli import admin, doctor, platforms, work

    work.register(app)
    doctor.register(app)
    admin.register(app)
    platforms.register(app)
    try:
        app()
    except UserFacing as error:
        fail(error)
    except KeyboardInterrupt:
        sys.exit(130)


def fail(error: UserFacing) -> None:
    """Say what happened and what to do next, and exit with 1."""
    typer.secho(error.message, err=True, fg="red")
    if error.next_step:
        typer.secho(error.next_step, err=True)
    sys.exit(1)


def run(work: Coroutine[Any, Any, int]) -> None:
    """Run a command's coroutine and exit with its code."""
    sys.exit(asyncio.run(work))


def settings(*, service: bool = False) -> Settings:
    """The settings in force, with logging set up: by the settings for a service, else only what goes wrong."""
    loaded = load_settings()
    logs.set_up(loaded.log_level if service else "warning")
    return loaded


def print_json(value: object) -> None:
    """Data on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gofer {version('gofer')}")
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of every command."""
