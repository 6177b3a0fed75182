"""The composition root: the one file that may know everybody. Wires ports to adapters, starts and stops them."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from agent import store
from agent.core.loop import Loop
from agent.core.parts import Caps, Parts, Rules
from agent.domain.errors import Refused, UserFacing
from agent.domain.ids import new_id
from agent.domain.people import TERMINAL, Role
from agent.engine import FolderLock, LocalDispatcher
from agent.llm.command import CommandingLlm
from agent.llm.prices import PriceTable
from agent.ports.chat import Chat
from agent.ports.clock import Clock, SystemClock
from agent.ports.llm import Llm
from agent.ports.sandbox import SandboxHost
from agent.ports.skills import SkillCatalog
from agent.service import Access, AccessRules, Mailbox, PlaceRules, Service
from agent.service.expiry import keep_expiring, keep_tidy
from agent.service.live import LiveBus
from agent.service.service import Entrance
from agent.skillset import FolderCatalog, builtin_root
from agent.store import FileBlobs, SqlJournal
from agent.tools.builtin import toolbox
from agent.tools.registry import Tool
from agent.workspace import Snapshots
from bot import phrases
from bot.settings import Settings

logger = logging.getLogger(__name__)


class Chats:
    """The workspaces that tasks of their own threads may read and write in, as far as they are connected now."""

    def __init__(self) -> None:
        self._by_space: dict[str, Chat] = {}

    def connect(self, space: str, chat: Chat) -> None:
        """`space`: what ids of its threads begin with, `slack:T1`; `discord` for all of Discord."""
        self._by_space[space] = chat

    def of(self, thread_id: str) -> Chat | None:
        """The workspace of this thread; None: it has none, or it is not connected."""
        surface, space = [*thread_id.split(":"), ""][:2]
        return self._by_space.get(f"{surface}:{space}") or self._by_space.get(surface)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A running Gofer."""

    settings: Settings
    service: Service
    access: Access
    journal: SqlJournal
    mailbox: Mailbox
    skills: FolderCatalog
    live: LiveBus
    clock: Clock
    chats: Chats
    sandboxes: SandboxHost | None
    """None where this process runs no tasks."""


@asynccontextmanager
async def open_app(
    settings: Settings, *, worker: bool, sandboxes: SandboxHost | None = None, tools: tuple[Tool, ...] = ()
) -> AsyncGenerator[App]:
    """Open the journal, build the service and, with `worker`, run tasks until the context ends.

    `sandboxes` and `tools` are for embedding and tests: a ready sandbox host, tools beside the built-in ones.
    Raises `UserFacing` errors for a locked data folder, a database of another version, no usable sandbox.
    """
    clock = SystemClock()
    settings.home.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        if settings.database.startswith("sqlite"):
            stack.enter_context(FolderLock(settings.home))
        journal = await SqlJournal.open(settings.database, home=settings.home, clock=clock)
        stack.push_async_callback(journal.close)
        access = Access(journal, clock, admins=settings.admins, rules=make_access(settings))
        await access.admit(TERMINAL.person_id, TERMINAL.name, Role.ADMIN)
        blobs = FileBlobs(settings.home / "blobs")
        snapshots = Snapshots(blobs)
        box = toolbox(*tools)
        live, chats = LiveBus(), Chats()
        skills = open_skills(settings)
        entrance = Entrance(
            journal=journal,
            mail=journal.mail,
            access=access,
            blobs=blobs,
            snapshots=snapshots,
            tools=box,
            clock=clock,
            model=settings.model_name,
            skills=skills,
            caps=settings.budgets.model_dump(),
        )
        if worker:
            from agent.sandbox.switching import SwitchingHost

            sandboxes = sandboxes or SwitchingHost(await choose_sandbox(settings))
            stack.push_async_callback(sandboxes.close)
            llm = CommandingLlm(make_llm(settings, skills))
            stack.push_async_callback(llm.close)
            parts = Parts(
                journal=journal,
                llm=llm,
                model=settings.model_name,
                prices=PriceTable.load({name: price.model_dump() for name, price in settings.prices.items()}),
                sandboxes=sandboxes,
                blobs=blobs,
                snapshots=snapshots,
                skills=skills,
                tools=box,
                clock=clock,
                rules=make_rules(settings),
                caps=Caps(**settings.budgets.model_dump()),
                effort=settings.effort,
                live=live.publish,
                chat_of=chats.of,
            )
            dispatcher = LocalDispatcher(journal, worker_id=new_id("w"), clock=clock)
            # Before any segment runs: a sandbox that one has just opened is not in the journal yet.
            await sandboxes.reap(await journal.live_sandboxes())
            await dispatcher.start(Loop(parts).run_segment)
            stack.push_async_callback(dispatcher.stop)
            tidying = (keep_tidy(journal.mail.tidy, clock), keep_tidy(blobs.tidy, clock))
            for keeper in (keep_expiring(journal, clock), *tidying):
                stack.callback(asyncio.create_task(keeper).cancel)
        yield App(
            settings=settings,
            service=Service(entrance),
            access=access,
            journal=journal,
            mailbox=Mailbox(journal.mail),
            skills=skills,
            live=live,
            clock=clock,
            chats=chats,
            sandboxes=sandboxes,
        )


Target = Literal["core", "office"]
DatabaseAction = Literal["upgrade", "check", "backup", "restore"]


async def tend_database(settings: Settings, action: DatabaseAction, path: Path | None = None) -> str:
    """Upgrade, check, back up to `path` or restore from it; returns a sentence on what was done."""
    settings.home.mkdir(parents=True, exist_ok=True)
    match action:
        case "upgrade":
            return await store.upgrade(settings.database)
        case "check":
            return await store.check(settings.database)
        case "backup":
            return await store.backup(settings.database, path or settings.home / "gofer.backup.sqlite3")
        case "restore":
            with FolderLock(settings.home):  # nobody may write to the database that is being replaced
                return await store.restore(settings.database, path or settings.home / "gofer.backup.sqlite3")


async def heard(settings: Settings, surface: str) -> Mapping[str, datetime]:
    """What lately arrived from a chat surface: each kind of delivery with its last time."""
    return await store.heard(settings.database, surface)


async def given_up(settings: Settings, surface: str) -> Sequence[tuple[datetime, str]]:
    """When deliveries to a chat surface were given up lately, and why; newest first."""
    return await store.given_up(settings.database, surface)


def open_skills(settings: Settings) -> FolderCatalog:
    """The skills of this installation: the built-in ones, shadowed by those in the data folder."""
    return FolderCatalog([builtin_root(), settings.home / "skills"])


def make_access(settings: Settings) -> AccessRules:
    """Who may hand over work and decide, and where."""
    places = {
        place: PlaceRules(
            start=None if channel.start is None else tuple(channel.start),
            decide=None if channel.decide is None else tuple(channel.decide),
        )
        for place, channel in settings.channels.items()
    }
    return AccessRules(start=tuple(settings.access.start), decide=tuple(settings.access.decide), places=places)


def make_rules(settings: Settings) -> Rules:
    """The permission rules of this installation."""
    policy = settings.policy
    return Rules(
        deny=tuple(policy.deny),
        ask=tuple(policy.ask),
        allow=tuple(policy.allow),
        plan=policy.plan,
        channels={place: channel.plan for place, channel in settings.channels.items() if channel.plan is not None},
    )


def make_llm(settings: Settings, skills: SkillCatalog) -> Llm:
    """The model in force. Raises `Refused` when a real one is named and there is no key."""
    match settings.model_name:
        case "offline":
            from agent.llm.offline import OfflineLlm

            return OfflineLlm(skills)
        case "scripted":
            from agent.llm.scripted import ScriptedLlm

            return ScriptedLlm.load(Path(settings.script))
        case model:
            from agent.llm.anthropic import AnthropicLlm
            from agent.llm.retry import PatientLlm

            key = settings.anthropic_api_key.get_secret_value()
            if not key:
                raise Refused(
                    f"The model {model} needs a key.",
                    next_step="Set ANTHROPIC_API_KEY, or GOFER_MODEL=offline to try Gofer without one.",
                )
            return PatientLlm(AnthropicLlm(key, settings.anthropic_base_url))


async def choose_sandbox(settings: Settings, *, target: Target = "office") -> SandboxHost:
    """The sandbox host in force: it has passed its self-test. Raises `UserFacing` with what to install."""
    from agent.sandbox.choose import choose

    return await choose(
        "docker" if settings.require_docker else settings.sandbox,
        home=settings.home,
        image=settings.sandbox_image,
        engines=settings.docker_engines,
        target=target,
    )


def lacking(settings: Settings, sandbox: str) -> str:
    """What a sandbox of this kind still lacks here, with the command that brings it; empty: nothing."""
    from agent.sandbox import python_env as environment
    from agent.sandbox.choose import PYTHON_ENV

    if sandbox not in ("bwrap", "unshare") or environment.ready(settings.home / PYTHON_ENV):
        return ""
    return phrases.NO_LIBRARIES


async def build_sandbox(settings: Settings, target: Target, base: str, say: Callable[[str], None]) -> None:
    """Build what the sandbox in force needs: libraries for the embedded kinds, the image where Docker may be used."""
    from agent.sandbox import image
    from agent.sandbox import python_env as environment
    from agent.sandbox.choose import PYTHON_ENV

    if settings.sandbox != "docker" and not settings.require_docker:
        folder = settings.home / PYTHON_ENV
        if environment.ready(folder):
            say("The Python environment of the sandbox is up to date.")
        else:
            await environment.build(folder, say)
    if settings.sandbox in ("auto", "docker"):
        try:
            present = await image.find(target, engine_url=engine_url(settings))
        except Refused as error:
            if settings.sandbox == "docker" or settings.require_docker:
                raise
            say(f"No Docker image is built: {error.message}")
            return
        if present:
            say(f"The image {present} is there.")
            return
        say(f"Building the sandbox image ({target}); this takes minutes, once ...")
        built = await image.build(target, engine_url=engine_url(settings), base=base, on_progress=say)
        say(f"The image {built} is ready.")


async def prepare_sandbox(app: App, say: Callable[[str], None]) -> None:
    """In the background of `serve`: build what is missing and switch to Docker once its image is there."""
    from agent.sandbox.switching import SwitchingHost

    settings, host = app.settings, app.sandboxes
    if not isinstance(host, SwitchingHost) or host.name == "docker":
        return
    try:
        await build_sandbox(settings, "office", "", _steps_only(say))
        better = await choose_sandbox(settings)
    except UserFacing as error:
        say(f"Sandbox: still {host.name}. {error.message} {error.next_step}")
        return
    host.switch(better)
    say(f"Sandbox: new tasks now use {better.name}.")


def _steps_only(say: Callable[[str], None]) -> Callable[[str], None]:
    """Progress for people: of the image builder's hundreds of lines only which step it is at."""

    def progress(line: str) -> None:
        step = re.match(r"Step (\d+)/(\d+)", line)
        if step is not None:
            say(f"Sandbox image: step {step[1]} of {step[2]}")
        else:
            logger.debug("sandbox build: %s", line)

    return progress


def engine_url(settings: Settings) -> str:
    """The Docker engine in force; empty: the environment's own."""
    return settings.docker_engines[0] if settings.docker_engines else ""
