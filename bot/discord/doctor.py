"""What `gofer doctor` looks at on Discord, without changing anything there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import discord

from agent.domain.errors import Refused
from bot.checks import Check, lost
from bot.discord.commands import known, registered
from bot.discord.interactions import PATH
from bot.discord.login import visiting
from bot.discord.payload import Payload, parts, snowflake, text
from bot.discord.sight import Sight, rights_of
from bot.discord.starts import Advice
from bot.discord.web import Identity, Web
from bot.settings import Settings
from bot.surface import SurfaceDown, SurfaceRefused

PORTAL = "discord.com/developers → your application"
RIGHTS: Mapping[str, int] = {
    "View Channels": 1 << 10,
    "Send Messages": 1 << 11,
    "Send Messages in Threads": 1 << 38,
    "Create Public Threads": 1 << 35,
    "Read Message History": 1 << 16,
    "Attach Files": 1 << 15,
    "Add Reactions": 1 << 6,
}
"""What Gofer has to be allowed in a server, and nothing else."""
_FEW_STARTS = 20
MOST_SERVERS = 10
"""Named one by one."""


async def examine(
    settings: Settings, heard: Mapping[str, datetime], given_up: Sequence[tuple[datetime, str]] = ()
) -> list[Check]:
    """All checks. `heard`: the kinds of events that arrived in the last 30 days, each with its last time; `given_up`:
    what of them could not be worked on, with the reasons."""
    try:
        async with visiting(settings) as (web, bot, application):
            checks = await _examine(settings, web, bot, application, heard)
            return [*checks, *lost("discord", given_up)]
    except Refused as error:
        return [Check("discord token", "fail", error.message, error.next_step)]
    except (SurfaceDown, SurfaceRefused) as error:
        return [Check("discord token", "warn", f"Discord did not answer all questions: {error}", "Try again later.")]


def invitation(application_id: str) -> str:
    """The link that invites Gofer to a server, with the rights that it needs."""
    rights = sum(RIGHTS.values())
    scopes = "bot+applications.commands"
    return f"https://discord.com/oauth2/authorize?client_id={application_id}&scope={scopes}&permissions={rights}"


async def _examine(
    settings: Settings, web: Web, bot: Identity, application: discord.AppInfo, heard: Mapping[str, datetime]
) -> list[Check]:
    gateway = await web.one("GET", "/gateway/bot")
    servers = await web.many("GET", "/users/@me/guilds")
    return [
        Check("discord token", "ok", f"{bot.name}, application {bot.application_id}"),
        _intent(settings, application),
        _starts(gateway),
        *await _servers(web, bot, servers),
        _commands(await known(web, bot.application_id)),
        _interactions(settings, application),
        _events(heard),
    ]


def _intent(settings: Settings, application: discord.AppInfo) -> Check:
    flags = application.flags
    switched = flags.gateway_message_content or flags.gateway_message_content_limited
    if not settings.discord_message_content:
        return Check("discord intents", "ok", "no privileged ones: replies count where they mention or answer Gofer")
    if switched:
        return Check("discord intents", "ok", "message content: replies in threads count without a mention")
    return Check(
        "discord intents",
        "fail",
        "GOFER_DISCORD_MESSAGE_CONTENT is set, but Discord does not grant it, so that no connection is opened",
        f"{PORTAL} → Bot → Privileged Gateway Intents: switch on Message Content Intent. Or unset the setting.",
    )


def _starts(gateway: Payload) -> Check:
    advice = Advice.read(gateway)
    wants = f"Discord wants {advice.shards} connection{'s' if advice.shards > 1 else ''}"
    if advice.remaining < 0:
        return Check("discord gateway", "ok", wants)
    starts = f"{wants}; {advice.remaining} of {advice.total} may still be opened today"
    if advice.remaining < max(_FEW_STARTS, advice.shards):
        return Check("discord gateway", "warn", starts, "Look at the log: it says why so many were needed.")
    return Check("discord gateway", "ok", starts)


async def _servers(web: Web, bot: Identity, servers: Sequence[Payload]) -> list[Check]:
    link = invitation(bot.application_id)
    if not servers:
        return [Check("discord servers", "warn", "Gofer is in no server yet", f"Invite it: {link}")]
    checks: list[Check] = []
    sight = Sight(web)
    for server in servers[:MOST_SERVERS]:
        name = text(server, "name") or snowflake(server, "id")
        server_id = snowflake(server, "id")
        held = rights_of(await sight.guild(server_id), await sight.member(server_id, bot.user_id))
        lacking = [right for right, bit in RIGHTS.items() if not held & bit]
        if lacking:
            fix = f"Give its role these rights, or invite it again: {link}"
            checks.append(Check("discord rights", "fail", f"{name}: missing {', '.join(lacking)}", fix))
        else:
            checks.append(Check("discord rights", "ok", f"{name}: all {len(RIGHTS)}, where channels do not take some"))
    if more := len(servers) - MOST_SERVERS:
        checks += [Check("discord rights", "skip", f"{more} more servers were not looked at")] if more > 0 else []
    return checks


def _commands(there: Sequence[Payload]) -> Check:
    """Whether Discord has the commands of this version."""
    wanted = {_shape(command) for command in registered()}
    found = {_shape(command) for command in there}
    if wanted <= found:
        return Check("discord commands", "ok", ", ".join(sorted(text(command, "name") for command in there)))
    what = "are of another version" if found else "are not registered"
    return Check("discord commands", "fail" if not found else "warn", what, "Run `gofer discord sync`.")


def _shape(command: Payload) -> tuple[object, ...]:
    """What people see of a command."""
    options = tuple(_shape(option) for option in parts(command, "options"))
    return (text(command, "name"), text(command, "description"), options)


def _interactions(settings: Settings, application: discord.AppInfo) -> Check:
    url, key = application.interactions_endpoint_url, settings.discord_public_key
    if not url and not key:
        return Check("discord interactions", "ok", "clicks and commands come over the gateway")
    where = f"{PORTAL} → General Information"
    if not key:
        return Check(
            "discord interactions",
            "fail",
            f"Discord posts clicks and commands to {url}, and DISCORD_PUBLIC_KEY is not set",
            f"{where}: copy the public key into DISCORD_PUBLIC_KEY, or empty Interactions Endpoint URL there.",
        )
    if key.lower() != application.verify_key.lower():
        fix = f"Copy it again from {where}."
        return Check("discord interactions", "fail", "DISCORD_PUBLIC_KEY is of another application", fix)
    if not url:
        fix = f"{where}: set Interactions Endpoint URL to GOFER_PUBLIC_URL and {PATH}, or unset DISCORD_PUBLIC_KEY."
        return Check("discord interactions", "warn", "DISCORD_PUBLIC_KEY is set, and Discord posts nothing to it", fix)
    return Check("discord interactions", "ok", f"clicks and commands are posted to {url}")


def _events(heard: Mapping[str, datetime]) -> Check:
    if not heard:
        fix = "Send Gofer a direct message while it runs."
        return Check("discord events", "warn", "nothing has arrived from Discord in the last 30 days", fix)
    last = max(heard.values()).astimezone(UTC)
    kinds = ", ".join(sorted(heard))
    return Check("discord events", "ok", f"the last one came at {last:%Y-%m-%d %H:%M} UTC; so far: {kinds}")
