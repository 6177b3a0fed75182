"""`gofer serve`: the surfaces and a worker in one process, until it is told to stop."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import sys
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

from agent.domain.ids import new_id
from agent.domain.people import WEB_OWNER, Role
from bot.accounts import SignIn
from bot.app import App, heard, open_app, prepare_sandbox
from bot.feed import Link
from bot.settings import Settings
from bot.terminal.front import RUN_FILE
from bot.web.downloads import SharedLinks, base_url
from bot.web.listen import listening
from bot.web.outside import OutsideDoor
from bot.web.server import create_app
from bot.web.sessions import PersonalLinks, Sessions
from bot.web.signing import Signer

SESSIONS_FILE = "web-sessions.json"


async def serve_until_stopped(settings: Settings, *, worker: bool) -> int:
    """Serve until SIGINT or SIGTERM; 0 after an orderly end."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(open_app(settings, worker=worker))
        await app.access.admit(WEB_OWNER.person_id, WEB_OWNER.name, Role.ADMIN)
        sessions = Sessions(settings.home / SESSIONS_FILE)
        reached_at = base_url(settings.public_url, settings.web_host, settings.web_port)
        link = SharedLinks(Signer(sessions.key, sessions.now), reached_at) if reached_at else None
        sign_in = PersonalLinks(sessions, reached_at) if reached_at else None
        doors = (*await _open_slack(stack, app, link, sign_in), *await _open_discord(stack, app, link, sign_in))
        token = secrets.token_urlsafe(32)
        web = create_app(
            app.service,
            sessions=sessions,
            live=app.live.listen,
            ready=lambda: not stopped.is_set(),
            model=settings.model_name,
            sandbox=lambda: app.sandboxes.name if app.sandboxes else "at the worker",
            api_token=token,
            public_url=reached_at,
            doors=doors,
        )
        url = await stack.enter_async_context(listening(web, settings.web_host, settings.web_port))
        _leave_address(settings.home, url, token)
        stack.callback((settings.home / RUN_FILE).unlink, missing_ok=True)
        await _greet(app, settings.public_url or url, sessions.new_link())
        if worker:
            building = asyncio.create_task(prepare_sandbox(app, say))
            stack.callback(building.cancel)
        await stopped.wait()
        say("Stopping: running tasks are kept and go on at the next start.")
    return 0


async def work_until_stopped(settings: Settings) -> int:
    """Run tasks beside surfaces in other processes, until SIGINT or SIGTERM; 0 after an orderly end."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with open_app(settings, worker=True) as app:
        chatting: list[asyncio.Task[None]] = []
        if settings.slack_bot_token.get_secret_value():
            from bot.slack import office as slack

            chatting.append(asyncio.create_task(slack.connect_chat(settings, app.clock, app.chats.connect, say)))
        if settings.discord_token.get_secret_value():
            from bot.discord import office as discord

            chatting.append(asyncio.create_task(discord.connect_chat(settings, app.clock, app.chats.connect, say)))
        say(f"Worker ready: model {settings.model_name}, sandbox {app.sandboxes.name if app.sandboxes else 'none'}.")
        await stopped.wait()
        for task in chatting:
            task.cancel()
        await asyncio.gather(*chatting, return_exceptions=True)
    return 0


async def _open_slack(
    stack: AsyncExitStack, app: App, link: Link | None, sign_in: SignIn | None
) -> tuple[OutsideDoor, ...]:
    """Slack, where it is configured: at work until the stack ends, with its doors on the web server."""
    settings = app.settings
    if not (settings.slack_bot_token.get_secret_value() or settings.slack_client_id):
        return ()
    from bot.slack import office  # Slack's libraries, for those who use it

    shop = office.Shop(
        settings=settings,
        service=app.service,
        mailbox=app.mailbox,
        clock=app.clock,
        groups=app.access.rules.names(),
        connect=app.chats.connect,
        link=link,
        sign_in=sign_in,
        say=say,
    )
    slack = await stack.enter_async_context(
        office.open_slack(shop, owner=new_id("p"), alone=settings.database.startswith("sqlite"))
    )
    return tuple(OutsideDoor(door.path, door.method, door.handle) for door in slack.doors())


async def _open_discord(
    stack: AsyncExitStack, app: App, link: Link | None, sign_in: SignIn | None
) -> tuple[OutsideDoor, ...]:
    """Discord, where it is configured: at work until the stack ends, with its doors on the web server."""
    settings = app.settings
    if not settings.discord_token.get_secret_value():
        return ()
    from bot.discord import office  # Discord's library, for those who use it

    async def heard_at() -> datetime | None:
        return max((await heard(settings, "discord")).values(), default=None)

    shop = office.Shop(
        settings=settings,
        service=app.service,
        mailbox=app.mailbox,
        clock=app.clock,
        groups=app.access.rules.names(),
        connect=app.chats.connect,
        link=link,
        sign_in=sign_in,
        say=say,
        heard_at=heard_at,
    )
    discord = await stack.enter_async_context(
        office.open_discord(shop, owner=new_id("p"), alone=settings.database.startswith("sqlite"))
    )
    return tuple(OutsideDoor(door.path, door.method, door.handle) for door in discord.doors())


def say(line: str) -> None:
    """A line for whoever started Gofer."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201  the terminal is where `serve` reports


async def _greet(app: App, url: str, link: str) -> None:
    model = app.settings.model_name
    note = " (no language model: it runs ready-made skills only; set ANTHROPIC_API_KEY for Claude)"
    say("")
    say("Gofer is ready.")
    say(f"  Open    {url}/signin?token={link}")
    say("          (this link signs you in once; `gofer serve` prints a new one at each start)")
    say(f"  Model   {model}{note if model == 'offline' else ''}")
    say(f"  Sandbox {app.sandboxes.name if app.sandboxes else 'none here: run `gofer worker` beside this'}")
    code = await app.access.new_claim_code()
    if code:
        say(f"  Admin   of a chat platform: whoever sends Gofer the direct message `claim {code}` first")
    say("")


def _leave_address(home: Path, url: str, token: str) -> None:
    """Tell commands of the same account where the API is. The file is readable by its owner only."""
    path = home / RUN_FILE
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps({"url": url, "token": token}), encoding="utf-8")
