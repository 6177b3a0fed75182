"""`gofer doctor`: is everything that is configured usable, and how to mend what is not."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from agent.domain.errors import UserFacing
from bot.checks import Check
from bot.cli.main import print_json, run
from bot.settings import Settings, load_settings

SIGNS = {"ok": "✓", "warn": "!", "fail": "✗", "skip": "–"}


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("doctor")(doctor)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="The report as JSON on stdout.")] = False) -> None:
    """Check settings, database, model, sandbox, skills, Slack and Discord. Exit code 1 when something is not usable."""
    run(_doctor(as_json))


async def _doctor(as_json: bool) -> int:
    checks = await examine()
    ok = all(check.state != "fail" for check in checks)
    if as_json:
        print_json({"ok": ok, "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            typer.echo(f"{SIGNS[check.state]} {check.name}: {check.detail}")
            if check.fix:
                typer.echo(f"    {check.fix}")
    return 0 if ok else 1


async def examine() -> list[Check]:
    """All checks, in order; a broken one never hides the others."""
    try:
        settings = load_settings()
    except UserFacing as error:
        return [Check("settings", "fail", error.message, error.next_step)]
    return [
        Check("settings", "ok", f"data folder {settings.home}"),
        await _database(settings),
        await _model(settings),
        await _sandbox(settings),
        _skills(settings),
        *await _slack(settings),
        *await _discord(settings),
    ]


async def _database(settings: Settings) -> Check:
    from bot.app import tend_database

    try:
        return Check("database", "ok", await tend_database(settings, "check"))
    except UserFacing as error:
        return Check("database", "fail", error.message, error.next_step)


async def _model(settings: Settings) -> Check:
    if settings.model_name == "offline":
        return Check(
            "model",
            "warn",
            "offline: runs ready-made skills only, there is no language model behind it",
            "Set ANTHROPIC_API_KEY to use Claude.",
        )
    if settings.model_name != "scripted" and not settings.anthropic_api_key.get_secret_value():
        return Check("model", "fail", f"{settings.model_name} needs a key", "Set ANTHROPIC_API_KEY.")
    return Check("model", "ok", settings.model_name)


async def _sandbox(settings: Settings) -> Check:
    from bot.app import choose_sandbox, lacking

    try:
        host = await choose_sandbox(settings)
    except UserFacing as error:
        return Check("sandbox", "fail", error.message, error.next_step)
    result = await host.selftest()
    await host.close()
    if result.ok and (missing := lacking(settings, host.name)):
        return Check("sandbox", "warn", f"{host.name}: {missing}", "Run `gofer sandbox build`, or `make run`.")
    return Check("sandbox", "ok" if result.ok else "fail", result.detail, result.fix)


def _skills(settings: Settings) -> Check:
    from bot.app import open_skills

    catalog = open_skills(settings)
    problems = catalog.problems()
    count = len(catalog.skills())
    if problems:
        return Check("skills", "warn", f"{count} usable; " + "; ".join(problems), "Mend or remove those folders.")
    return Check("skills", "ok", f"{count} usable")


async def _slack(settings: Settings) -> list[Check]:
    secrets = (settings.slack_bot_token, settings.slack_app_token)
    if not any(secret.get_secret_value() for secret in secrets) and not settings.slack_client_id:
        return [Check("slack", "skip", "not set up", "docs/slack.md adds Gofer to a workspace in ten minutes.")]
    from bot.app import given_up, heard
    from bot.slack.doctor import examine as examine_slack

    return await examine_slack(settings, await heard(settings, "slack"), await given_up(settings, "slack"))


async def _discord(settings: Settings) -> list[Check]:
    if not settings.discord_token.get_secret_value():
        return [Check("discord", "skip", "not set up", "docs/discord.md adds Gofer to a server in ten minutes.")]
    from bot.app import given_up, heard
    from bot.discord.doctor import examine as examine_discord

    return await examine_discord(settings, await heard(settings, "discord"), await given_up(settings, "discord"))
