"""Slack as one of Gofer's surfaces: a front door for all workspaces, and a branch for each of them.

What arrives is stored by the front door (`app`), worked through by one pump, translated by the branch it belongs to
and received there. What tasks have to show is posted by each branch's feed.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

from slack_sdk.web.async_client import AsyncWebClient

from agent.domain.errors import Refused
from agent.domain.people import Actor
from agent.service import Arrival, Mailbox, Service
from bot import phrases
from bot.accounts import SignIn
from bot.commands import home
from bot.doorway import Pass, Right, authorise
from bot.feed import Feed, Link
from bot.notices import notice
from bot.pump import Clock, Pump
from bot.reception import Reception
from bot.settings import Settings
from bot.slack.app import PATH, FrontDoor, Reply
from bot.slack.arrivals import WORKSPACE
from bot.slack.chat import SlackChat
from bot.slack.directory import Directory
from bot.slack.install import INSTALL_PATH, REDIRECT_PATH, Page, check_settings, open_installer
from bot.slack.installations import Installation, Installations
from bot.slack.intake import Happening, Intake
from bot.slack.pacer import Pacer
from bot.slack.payload import Payload, text
from bot.slack.sessions import Prompt
from bot.slack.socket import Socket
from bot.slack.surface import SlackSurface
from bot.slack.vault import open_key
from bot.slack.web import SlackRefused, Web, ask, close_client, make_client
from bot.slack.workspace import Workspace
from bot.surface import Incoming, SurfaceDown, SurfaceRefused

logger = logging.getLogger(__name__)

RETRY_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Between tries to reach Slack at the start; the last one again and again."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """What all branches share."""

    settings: Settings
    service: Service
    mailbox: Mailbox
    clock: Clock
    groups: frozenset[str]
    connect: Callable[[str, SlackChat], None]
    """Lets tasks of a workspace's threads (`slack:T1`) read and write there."""
    link: Link | None
    sign_in: SignIn | None
    """Makes links to the web chat; None: nobody but this machine reaches it."""
    say: Say


class Visit(Protocol):
    """A request as the web server passes it on."""

    @property
    def body(self) -> bytes: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def query(self) -> Mapping[str, str]: ...

    @property
    def cookies(self) -> Mapping[str, str]: ...

    @property
    def owner(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Door:
    """A path on the web server and who answers there."""

    path: str
    method: Literal["GET", "POST"]
    handle: Callable[[Visit], Coroutine[Any, Any, Reply | Page]]


class Branch:
    """Gofer in one workspace."""

    def __init__(self, shop: Shop, workspace: Workspace, client: AsyncWebClient) -> None:
        self._shop, self.workspace = shop, workspace
        self.directory = Directory(client, workspace.team_id, groups=shop.groups)
        self.surface = SlackSurface(client, workspace, self.directory)
        self.chat = SlackChat(self.surface.web, self.directory, workspace)
        self.reception = Reception(shop.service, self.surface, shop.mailbox, sign_in=shop.sign_in)
        self.gone: Callable[[Happening], Coroutine[Any, Any, None]] | None = None
        self._intake = Intake(workspace, self.directory, self.surface.incoming_file, self._happened)
        self._feed = Feed(
            shop.service, shop.mailbox, self.surface, space=workspace.team_id, clock=shop.clock, link=shop.link
        )

    async def translate(self, arrival: Arrival) -> Incoming | None:
        """What an arrival of this workspace means."""
        return await self._intake.translate(arrival)

    async def run(self) -> None:
        """Feed until cancelled."""
        try:
            await self._feed.run()
        finally:
            await self.surface.close()

    async def _happened(self, happening: Happening) -> None:
        """What is about Slack and not about work. Nobody's work hangs on it, so what Slack refuses is only logged."""
        try:
            await self._deal_with(happening)
        except SurfaceRefused as error:
            logger.warning("slack: %s", error, extra={"action": "happening_refused", "kind": happening.kind})

    async def _deal_with(self, happening: Happening) -> None:
        person = happening.person
        if person is not None:
            standing = await authorise(self._shop.service, person, happening.thread.thread_id, Right.ASK)
            if standing is not Pass.IN:
                return
        match happening.kind:
            case "home" if person is not None:
                await self._publish_home(person)
            case "messages" if person is not None:
                await self.surface.suggest(happening.thread, [Prompt(*prompt) for prompt in phrases.PROMPTS])
            case "joined" if person is not None:
                card = notice("joined", phrases.JOINED, phrases.JOINED_NEXT)
                await self.surface.whisper(happening.thread, person, card)
            case "gone" if self.gone is not None:
                await self.gone(happening)
            case _:
                pass

    async def _publish_home(self, person: Actor) -> None:
        card = await home(self._shop.service, person, web_chat=self._shop.sign_in is not None)
        await self.surface.publish_home(person.person_id.rpartition(":")[2], card)


class SlackOffice:
    """Slack, of this process. Made by `open_slack`."""

    def __init__(self, shop: Shop, *, owner: str, alone: bool, installations: Installations | None) -> None:
        settings = shop.settings
        self._shop = shop
        self._branches: dict[str, Branch] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._door = FrontDoor(
            shop.mailbox.take_in,
            self._workspace_of,
            shop.clock.now,
            signing_secret=settings.slack_signing_secret.get_secret_value(),
        )
        self._pump = Pump(
            shop.mailbox,
            "slack",
            owner,
            self._translate,
            self._receive,
            shop.clock,
            lost=self._lost,
            dead_owners="" if alone else None,
        )
        self._installations = installations
        self._installer = open_installer(settings, installations, self._open_installation) if installations else None

    def doors(self) -> tuple[Door, ...]:
        """What Slack and browsers ask for over HTTP."""
        doors = [Door(PATH, "POST", self._events)]
        if self._installer is not None:
            doors += [
                Door(INSTALL_PATH, "GET", self._installer.begin),
                Door(REDIRECT_PATH, "GET", self._installer.finish),
            ]
        return tuple(doors)

    async def _events(self, visit: Visit) -> Reply:
        return await self._door.handle(visit.body, visit.headers)

    async def run(self) -> None:
        """Work until cancelled. What Slack refuses is said and leaves the other surfaces alone."""
        settings = self._shop.settings
        async with asyncio.TaskGroup() as group:
            if settings.slack_bot_token.get_secret_value():
                group.create_task(self._open_only_branch())
            elif self._installations is not None:
                for installation in await self._installations.all():
                    await self._open_installation(installation)
            group.create_task(self._pump.run())
            if settings.slack_mode == "socket":
                token = settings.slack_app_token.get_secret_value()
                group.create_task(Socket(token, self._door.take, base_url=settings.slack_api_url).run())

    async def _open_installation(self, installation: Installation) -> None:
        """Begin to serve a workspace, or serve it with its new token."""
        await self._close(installation.team_id)
        client = make_client(installation.bot_token, self._shop.settings.slack_api_url)
        branch = Branch(self._shop, installation.workspace, client)
        branch.gone = self._uninstalled
        self._open(branch)

    async def close(self) -> None:
        """Finish what is at work."""
        await self._pump.close()
        for team_id in tuple(self._branches):
            await self._close(team_id)

    async def _open_only_branch(self) -> None:
        settings = self._shop.settings
        client = make_client(settings.slack_bot_token.get_secret_value(), settings.slack_api_url)
        try:
            workspace = await who_am_i(client, self._shop.clock)
        except SlackRefused as error:
            self._shop.say(f"Slack does not let Gofer in: {error} `gofer doctor` says more.")
            await close_client(client)
        else:
            self._open(Branch(self._shop, workspace, client))

    def _open(self, branch: Branch) -> None:
        team_id = branch.workspace.team_id
        self._shop.connect(f"slack:{team_id}", branch.chat)
        self._branches[team_id] = branch
        self._running[team_id] = asyncio.create_task(branch.run(), name=f"gofer-slack-{team_id}")
        self._shop.say(f"  Slack   {branch.workspace.name or team_id}: mention @Gofer, or write to it")

    async def _close(self, team_id: str) -> None:
        self._branches.pop(team_id, None)
        running = self._running.pop(team_id, None)
        if running is not None:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    async def _uninstalled(self, happening: Happening) -> None:
        team_id = happening.thread.space
        if self._installations is not None and await self._installations.gone(team_id, happening.at):
            logger.info("slack: removed from a workspace", extra={"action": "slack_gone", "team_id": team_id})
            closing = asyncio.create_task(self._close(team_id))
            closing.add_done_callback(lambda done: done.exception() if not done.cancelled() else None)

    async def _workspace_of(self, team_id: str) -> Workspace | None:
        """The installation that a delivery belongs to; in a shared channel it may name another team than ours."""
        branch = self._branches.get(team_id)
        if branch is None and self._installations is None:
            branch = next(iter(self._branches.values()), None)
            if branch is None:
                raise SurfaceDown("Gofer does not know yet who it is in Slack.")
        return branch.workspace if branch else None

    async def _translate(self, arrival: Arrival) -> Incoming | None:
        branch = self._branches.get(text(cast(Payload, json.loads(arrival.body)), WORKSPACE))
        if branch is None:
            raise SurfaceDown("This workspace is not open now.")
        return await branch.translate(arrival)

    async def _receive(self, incoming: Incoming) -> None:
        await self._reception_of(incoming).receive(incoming)

    async def _lost(self, incoming: Incoming) -> None:
        await self._reception_of(incoming).lost(incoming)

    def _reception_of(self, incoming: Incoming) -> Reception:
        branch = self._branches.get(incoming.thread.space)
        if branch is None:
            raise SurfaceDown("This workspace is not open now.")
        return branch.reception


async def who_am_i(client: AsyncWebClient, clock: Clock) -> Workspace:
    """The workspace of this token; waits until Slack can be reached. Raises `SlackRefused`."""
    waits = iter(RETRY_S)
    while True:
        try:
            answer = await ask(client, "auth.test")
        except SurfaceDown as error:
            logger.warning("slack cannot be reached: %s", error, extra={"action": "slack_unreachable"})
            await clock.sleep(next(waits, RETRY_S[-1]))
        else:
            return Workspace(
                team_id=text(answer, "team_id"),
                bot_user_id=text(answer, "user_id"),
                bot_id=text(answer, "bot_id"),
                name=text(answer, "team"),
                url=text(answer, "url"),
            )


async def connect_chat(settings: Settings, clock: Clock, connect: Callable[[str, SlackChat], None], say: Say) -> None:
    """For a process that only runs tasks: lets them read and write in the workspace, until cancelled."""
    client = make_client(settings.slack_bot_token.get_secret_value(), settings.slack_api_url)
    try:
        workspace = await who_am_i(client, clock)
        web = Web(client, Pacer())
        connect(f"slack:{workspace.team_id}", SlackChat(web, Directory(client, workspace.team_id), workspace))
        await asyncio.Event().wait()
    except SlackRefused as error:
        say(f"Slack does not let Gofer in: {error} `gofer doctor` says more.")
    finally:
        await close_client(client)


@asynccontextmanager
async def open_slack(shop: Shop, *, owner: str, alone: bool) -> AsyncGenerator[SlackOffice]:
    """Slack at work until the context ends. `owner`: this process; `alone`: no other process is on the database.

    Raises `Refused` for settings that cannot work.
    """
    settings = shop.settings
    check(settings)
    installations: Installations | None = None
    if not settings.slack_bot_token.get_secret_value():
        check_settings(settings)
        installations = Installations(settings.home, open_key(settings.home, settings.secret_key.get_secret_value()))
    office = SlackOffice(shop, owner=owner, alone=alone, installations=installations)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(office.close)
        running = asyncio.create_task(office.run(), name="gofer-slack")

        async def end() -> None:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

        stack.push_async_callback(end)
        yield office


def check(settings: Settings) -> None:
    """Raises `Refused` naming the setting that is missing."""
    if settings.slack_mode == "socket" and not settings.slack_app_token.get_secret_value():
        raise Refused(
            "Slack's Socket Mode needs SLACK_APP_TOKEN.",
            next_step="Make one with the scope connections:write (Basic Information → App-Level Tokens).",
        )
    if settings.slack_mode == "http" and not settings.slack_signing_secret.get_secret_value():
        raise Refused(
            "Slack over HTTP needs SLACK_SIGNING_SECRET.",
            next_step="It is under Basic Information → App Credentials of your Slack app.",
        )
