"""The real `gofer serve` against the strict Discord: one guild with two people, a channel, and Gofer in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcord.backend.models import Channel

from tests.fakes.discord import Called, DiscordFake, File, Human, Message, plain, schema
from tests.journeys.program import scripted
from tests.journeys.slack.serving import PATIENCE_S, Server

READY = "Gofer is ready"
ACCESS = '[access]\nstart = ["everyone"]\n'


@dataclass(frozen=True, slots=True)
class Shown:
    """What Gofer posted at once: a card and, before it, the line that rings somebody, which no card can."""

    parts: tuple[Message, ...]

    @property
    def card(self) -> Message:
        return self.parts[-1]

    @property
    def plain(self) -> str:
        return "\n".join(part.plain for part in self.parts)

    @property
    def button_labels(self) -> list[str]:
        return [label for part in self.parts for label in part.button_labels]

    @property
    def choices(self) -> list[str]:
        """What can be chosen in fields of the card."""
        selects = plain.selects_in(self.card.components)
        return [str(option["label"]) for select in selects for option in select.get("options") or []]

    @property
    def rung(self) -> set[str]:
        return {name for part in self.parts for name in part.rung}

    @property
    def files(self) -> list[File]:
        return [file for part in self.parts for file in part.files]


def together(messages: Sequence[Message]) -> list[Shown]:
    """A plain line directly before a card belongs to it."""
    return list(_together(messages))


def _together(messages: Sequence[Message]) -> Iterator[Shown]:
    waiting: Message | None = None
    for message in messages:
        if waiting is not None:
            if message.is_card:
                yield Shown((waiting, message))
                waiting = None
                continue
            yield Shown((waiting,))
            waiting = None
        if message.is_card or message.files:
            yield Shown((message,))
        else:
            waiting = message
    if waiting is not None:
        yield Shown((waiting,))


@dataclass
class Office:
    """A guild with two people and a channel, and Gofer in it."""

    discord: DiscordFake
    server: Server
    ann: Human
    ben: Human
    general: Channel

    def refused(self) -> list[Called]:
        """What Discord did not carry out; that a thread is not there yet is no refusal, it is an answer."""
        return [call for call in self.discord.refusals if call.method != "GET"]

    async def asks(self, text: str, **more: Any) -> Message:
        """Ann mentions Gofer in the channel."""
        return await self.ann.says(self.general, f"{self.discord.mention} {text}", **more)

    def said(self, root: Message) -> list[Message]:
        """Gofer's messages in the thread on a message."""
        return [m for m in self.discord.messages(root.id) if m.author_id == self.discord.bot_id]

    def thread(self, root: Message) -> list[Shown]:
        """What Gofer posted in the thread on a message."""
        return together(self.said(root))

    async def card(self, root: Message, words: str, *, button: str = "") -> Message:
        """Wait for a card of Gofer's in this thread with these words (and this button)."""

        def found() -> Message | None:
            fitting = (shown for shown in self.thread(root) if shown.card.is_card and words in shown.plain)
            return next((shown.card for shown in fitting if not button or button in shown.button_labels), None)

        return await self.until(found)

    async def until(self, found: Any) -> Any:
        """Wait until this gives something. On a timeout the world and the log are shown."""
        try:
            return await self.discord.wait_for(found, timeout=PATIENCE_S)
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- log\n{self.server.log}") from error

    async def start(self) -> None:
        """Start Gofer again and wait until it hears Discord."""
        await self.server.start()
        await self.until(lambda: self.discord.gateway.connected)


@asynccontextmanager
async def office(
    folder: Path, turns: list[dict[str, Any]], *, discord: DiscordFake | None = None, toml: str = "", **settings: str
) -> AsyncGenerator[Office]:
    """Gofer at work in a guild; ended orderly and without a problem of the fake's."""
    async with AsyncExitStack() as stack:
        fake = await stack.enter_async_context(discord or DiscordFake())
        ann, ben = fake.user("ann"), fake.user("ben")
        general = fake.channel("general")
        (folder / "gofer.toml").write_text(toml or ACCESS, encoding="utf-8")
        gofer = scripted(folder, turns, **{**fake.env(), "GOFER_WEB_PORT": "0", **settings})
        running = Office(fake, Server(gofer, ("serve",), READY), ann, ben, general)
        await running.start()
        try:
            yield running
        finally:
            if running.server.alive:
                assert await running.server.stop() == 0, running.server.log
        await assert_schema_agrees(fake)


async def assert_schema_agrees(fake: DiscordFake) -> None:
    """Discord's own schema, where it is there, finds nothing in what was sent."""
    if schema.installed():
        calls = [(called.name, called.body) for called in fake.called if called.ok and called.body is not None]
        assert await asyncio.to_thread(schema.complaints, calls) == []
