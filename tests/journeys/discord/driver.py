"""`tests.journeys.chat.Chat` in Discord: a channel for each scenario, and one real `gofer serve` for all of them."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from simcord.backend.models import Channel

from bot import phrases
from tests.fakes.discord import DiscordFake, Form, Human, Message, Mode
from tests.journeys.brain import Brain, Talk, Turn
from tests.journeys.chat import NewFile
from tests.journeys.discord.serving import READY, Server, Shown, assert_schema_agrees, together
from tests.journeys.program import program

PATIENCE_S = 40.0
ASKS = "Bash(publish*)"
"""Calls that the policy of these tests asks about."""
T = TypeVar("T")
CONFIRM = "g1?:"
"""How the key of a button begins that asks "Are you sure?" first."""
EMOJI = {
    "eyes": "👀",
    "pray": "🙏",
    "thumbsup::skin-tone-4": "👍🏽",
    "+1": "👍",
    "white_check_mark": "✅",
    "x": "❌",
    "octagonal_sign": "🛑",
    "double_vertical_bar": "⏸️",
    "repeat": "🔁",
}


@dataclass(frozen=True, slots=True)
class Card:
    """What Gofer posted, as a scenario sees it."""

    shown: Shown

    @property
    def message(self) -> Message:
        return self.shown.card

    @property
    def text(self) -> str:
        return self.shown.plain

    @property
    def buttons(self) -> list[str]:
        return self.shown.button_labels

    @property
    def rung(self) -> set[str]:
        return self.shown.rung


@dataclass
class Company:
    """A guild with people in it, and Gofer at work."""

    discord: DiscordFake
    server: Server
    brain: Brain
    people: Mapping[str, Human]
    approvals: Channel
    """The channel where the role `leads` (that is, lea) decides."""
    signing: Channel
    """The channel where ben decides."""
    numbers: Any = field(default_factory=lambda: itertools.count(1))
    read: set[int] = field(default_factory=set[int])
    """Private messages that were read: they are not read twice."""

    def chat(self, channel: Channel | None = None) -> DiscordChat:
        """A new channel, and no thread yet."""
        number = next(self.numbers)
        return DiscordChat(self, channel or self.discord.channel(f"job-{number}"), f"(job {number}.)")

    def alone(self, who: str = "ann") -> DiscordChat:
        """The direct messages of somebody with Gofer."""
        return DiscordChat(self, self.discord.dm(self.people[who]), f"(job {next(self.numbers)}.)")

    async def until(self, found: Callable[[], T]) -> T:
        """Wait until this gives something; on a timeout the world and the log are shown."""
        try:
            return await self.discord.wait_for(found, timeout=PATIENCE_S)
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- log\n{self.server.log}") from error

    async def synchronise(self) -> None:
        """Tell Discord of the commands, as an operator does once."""
        done = await asyncio.to_thread(self.server.program.run, "discord", "sync")
        assert done.code == 0, done.err

    def private(self, person: Human) -> list[Shown]:
        """What was told to somebody alone and is not read yet."""
        bot = self.discord.bot_id
        direct = [m for m in self.discord.messages(self.discord.dm(person)) if m.author_id == bot]
        shown = [*together(self.discord.ephemerals(person)), *together(direct)]
        return [each for each in shown if not self.read & {part.id for part in each.parts}]


@dataclass
class DiscordChat:
    """See `tests.journeys.chat.Chat`. `tag` stands behind the first request, so that the model knows its talk."""

    company: Company
    channel: Channel
    tag: str
    root: Message | None = None

    @property
    def discord(self) -> DiscordFake:
        return self.company.discord

    def person(self, who: str) -> Human:
        return self.company.people[who]

    def model(self, *turns: Turn) -> Talk:
        return self.company.brain.plays(self.tag, turns)

    # -- saying

    async def begin(self, text: str, files: Sequence[NewFile] = (), *, who: str = "ann") -> Message:
        self.root = await self.person(who).says(self.channel, text, files=list(files))
        return self.root

    async def ask(self, text: str, files: Sequence[NewFile] = (), *, who: str = "ann", **more: Any) -> Message:
        direct = self.channel.guild_id is None
        words = text if text.startswith("!") else f"{text} {self.tag}"  # no model hears a command
        words = words if direct else f"{self.discord.mention} {words}"
        said = await self.person(who).says(self.channel, words, thread=self.root, files=list(files), **more)
        self.root = self.root or said
        return said

    async def reply(
        self, text: str, files: Sequence[NewFile] = (), *, who: str = "ann", mention: bool = False, to: str = ""
    ) -> Message:
        head = [self.discord.mention] if mention else []
        head += [self.person(to).mention] if to else []
        return await self.person(who).says(self.channel, " ".join([*head, text]), thread=self.root, files=list(files))

    async def edit(self, said: Message, text: str) -> None:
        await self._author(said).edits(said, f"{self.discord.mention} {text} {self.tag}")

    async def delete(self, said: Message) -> None:
        await self._author(said).deletes(said)

    def _author(self, said: Message) -> Human:
        return next(human for human in self.company.people.values() if human.user_id == said.author_id)

    # -- looking

    def thread(self) -> list[Shown]:
        """What Gofer posted in the thread; in direct messages, since the first request."""
        if self.root is None:
            return []
        inside = self.root.id if self.channel.guild_id is not None else self.channel.id
        bot = self.discord.bot_id
        return together([m for m in self.discord.messages(inside) if m.author_id == bot and m.id > self.root.id])

    def messages(self) -> Sequence[Card]:
        return [Card(shown) for shown in self.thread()]

    async def card(self, words: str, *, button: str = "", without: str = "") -> Card:
        return Card(await self.company.until(lambda: _first(self.thread(), words, button, without)))

    async def noticed(self, said: Message, emoji: str) -> None:
        bot = self.discord.bot_id
        await self.company.until(lambda: bot in said.reactions.get(EMOJI[emoji], ()))

    async def told(self, words: str, *, who: str = "ann") -> Card:
        person = self.person(who)
        return self._read(await self.company.until(lambda: _first(self.company.private(person), words)))

    async def files(self, *names: str) -> Mapping[str, bytes]:
        def found() -> dict[str, bytes] | None:
            brought = {file.name: file.data for shown in self.thread() for file in shown.files}
            return brought if set(names) <= set(brought) else None

        return await self.company.until(found)

    async def status(self, *, who: str = "ann") -> Card:
        await self.reply("status", who=who)
        person = self.person(who)
        words = tuple(phrases.STATUS.values())

        def found() -> Shown | None:
            told = self.company.private(person)
            return next((each for each in told if any(word in each.plain for word in words)), None)

        return self._read(await self.company.until(found))

    def _read(self, shown: Shown) -> Card:
        self.company.read |= {part.id for part in shown.parts}
        return Card(shown)

    # -- pressing

    async def click(self, card: Card, label: str, *, who: str = "ann", stale: bool = False) -> None:
        person = self.person(who)
        told = await person.clicks(card.message, label, stale=stale)
        payload = next(p for p in self.discord.interactions.sent if p["id"] == str(told.id))
        if payload["data"]["custom_id"].startswith(CONFIRM):
            sure = await self.told(phrases.SURE, who=who)
            await person.clicks(sure.message, sure.buttons[0])

    async def form(self, *, who: str = "ann") -> Form:
        """The form that opens."""
        person = self.person(who)
        return (await self.company.until(lambda: self.discord.forms(person)))[-1]

    async def fill(self, values: Mapping[str, Any], *, who: str = "ann") -> None:
        await self.person(who).submits(await self.form(who=who), dict(values))

    async def react(self, message: Message | Card, emoji: str, *, who: str = "ann") -> None:
        target = message.message if isinstance(message, Card) else message
        await self.person(who).reacts(target, EMOJI[emoji])


def _first(shown: Iterable[Shown], words: str, button: str = "", without: str = "") -> Shown | None:
    for each in shown:
        labels = each.button_labels
        if not each.card.is_card:
            continue  # the card of this line is on its way
        if words in each.plain and (not button or button in labels) and not (without and without in labels):
            return each
    return None


@asynccontextmanager
async def company(
    folder: Path, mode: Mode = "gateway", *, fake: DiscordFake | None = None, admin: bool = True, **more: str
) -> AsyncGenerator[Company]:
    """A guild with Gofer in it. `more`: settings.

    ann and ben are staff, who may hand over work; eve is the admin; lea leads; zoe is new; rob is a program.
    """
    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(fake or DiscordFake(mode))
        people = {name: discord.user(name) for name in ("ann", "ben", "eve", "lea", "zoe")}
        people["rob"] = discord.user("rob", bot=True)
        staff = discord.role("staff", [people["ann"], people["ben"]])
        leads = discord.role("leads", [people["lea"]])
        approvals, signing = discord.channel("approvals"), discord.channel("signing")
        brain = await stack.enter_async_context(Brain().serving())
        (folder / "gofer.toml").write_text(
            _toml(discord, people["ben"], staff, leads, approvals, signing), encoding="utf-8"
        )
        port = _free_port()
        settings = {**discord.env(), **brain.env, "GOFER_WEB_PORT": str(port), **more}
        if admin:
            settings["GOFER_ADMINS"] = f"discord:{people['eve'].user_id}"
        gofer = program(folder, **settings)
        server = Server(gofer, ("serve",), READY)
        if discord.mode == "http":
            discord.interactions.url = f"http://127.0.0.1:{port}/discord/interactions"
        await server.start()
        opened = Company(discord, server, brain, people, approvals, signing)
        await opened.until(lambda: discord.gateway.connected)
        try:
            yield opened
        finally:
            if server.alive:
                assert await server.stop() == 0, server.log
        await assert_schema_agrees(discord)


def _toml(discord: DiscordFake, ben: Human, staff: int, leads: int, approvals: Channel, signing: Channel) -> str:
    here = f"discord:{discord.guild.id}"
    return f"""
[access]
start = ["{here}:{staff}"]
[policy]
ask = ["{ASKS}"]
[channels."{here}:{approvals.id}"]
decide = ["{here}:{leads}"]
[channels."{here}:{signing.id}"]
decide = ["discord:{ben.user_id}"]
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
