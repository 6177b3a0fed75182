"""A chat in memory and a surface on it: strict about the protocol, and it fails where a test says so.

The chat is the platform: it outlives the surfaces, as a platform outlives the processes that talk to it. What breaks
the protocol raises `AssertionError` and stays in `Chat.broken`, so that nobody can swallow it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from agent.domain.people import Actor
from bot.cards import Card, Form
from bot.fit import plain
from bot.surface import (
    Abilities,
    MessageRef,
    OutFile,
    Posted,
    Presence,
    Receive,
    Said,
    SurfaceName,
    SurfaceRefused,
    ThreadRef,
    Trigger,
)

ABILITIES = Abilities(
    edit=True,
    buttons=True,
    forms=True,
    reactions=True,
    threads=True,
    direct=True,
    private=True,
    streams=False,
    max_text_chars=4_000,
    max_choices=25,
    max_file_bytes=1_000_000,
    max_files=10,
    edit_every_s=0.0,
)


@dataclass(slots=True)
class Shown:
    """A message as people see it. `card` None: it holds only files."""

    message: MessageRef
    key: str
    card: Card | None = None
    pinged: tuple[str, ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
    edits: int = 0
    used_up: bool = False

    @property
    def text(self) -> str:
        """The whole card as plain text."""
        return plain(self.card) if self.card else ""

    @property
    def buttons(self) -> tuple[str, ...]:
        """What its buttons say."""
        return tuple(action.label for action in self.card.actions) if self.card else ()


@dataclass(slots=True)
class Chat:
    """The platform: its messages in order, and what it shows besides."""

    messages: list[Shown] = field(default_factory=list[Shown])
    whispers: list[tuple[str, Card]] = field(default_factory=list[tuple[str, Card]])
    forms: list[Form] = field(default_factory=list[Form])
    reactions: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Message id and emoji of Gofer's."""
    said: list[Said] = field(default_factory=list[Said])
    """What people wrote before."""
    presences: list[tuple[ThreadRef, Presence]] = field(default_factory=list[tuple[ThreadRef, Presence]])
    closed: set[ThreadRef] = field(default_factory=set[ThreadRef])
    """Threads that Gofer may not write in."""
    broken: list[str] = field(default_factory=list[str])
    _count: int = 0

    def of(self, thread: ThreadRef) -> list[Shown]:
        """The messages of a thread."""
        return [shown for shown in self.messages if shown.message.thread == thread]

    def keys(self, thread: ThreadRef) -> list[str]:
        """What the messages of a thread are for, in order."""
        return [shown.key for shown in self.of(thread)]

    def one(self, key: str) -> Shown:
        """The message with this key."""
        (shown,) = (shown for shown in self.messages if shown.key == key)
        return shown

    def at(self, message: MessageRef) -> Shown | None:
        """The message, if it is there."""
        return next((shown for shown in self.messages if shown.message == message), None)

    def add(self, thread: ThreadRef, key: str, card: Card | None, files: Iterable[tuple[str, bytes]] = ()) -> Shown:
        """A new message, at the end."""
        self.check(all(s.key != key for s in self.of(thread)), f"{key} was posted twice")
        self._count += 1
        pinged = tuple(person.person_id for person in card.notify) if card else ()
        shown = Shown(MessageRef(thread, f"m{self._count}"), key, card, pinged, tuple(files))
        self.messages.append(shown)
        return shown

    def check(self, kept: bool, rule: str) -> None:
        """Raise, and remember it, when a rule was broken."""
        if not kept:
            self.broken.append(rule)
            raise AssertionError(rule)


class Moment(NamedTuple):
    """Just before or after something is done on the platform."""

    method: str
    key: str
    after: bool


@dataclass(slots=True)
class Trap:
    """What happens at a moment, so many times."""

    method: str
    key: str
    after: bool
    times: int
    error: Exception | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def fits(self, moment: Moment) -> bool:
        """Whether it goes off."""
        same = self.method == moment.method and self.after == moment.after
        return self.times > 0 and same and moment.key.startswith(self.key)


class MemorySurface:
    """A surface on a chat in memory."""

    def __init__(self, chat: Chat, *, name: SurfaceName = "slack", abilities: Abilities = ABILITIES) -> None:
        self.chat = chat
        self.abilities = abilities
        self.calls: list[tuple[str, str]] = []
        self.every: Callable[[Moment], Awaitable[None]] | None = None
        """Awaited at each moment."""
        self._name: SurfaceName = name
        self._traps: list[Trap] = []

    @property
    def name(self) -> SurfaceName:
        return self._name

    def fail(self, method: str, error: Exception, *, key: str = "", after: bool = False, times: int = 1) -> Trap:
        """The next `times` calls for keys that begin so raise; `after`: it was done, only the reply is lost."""
        return self._trap(Trap(method, key, after, times, error))

    def hold(self, method: str, *, key: str = "", times: int = 1) -> Trap:
        """The next `times` calls wait until `release` is set; `reached` is set when one waits."""
        return self._trap(Trap(method, key, after=False, times=times))

    async def run(self, receive: Receive) -> None:
        await asyncio.Event().wait()

    async def post(self, thread: ThreadRef, card: Card, *, key: str, files: Sequence[OutFile] = ()) -> Posted:
        await self._before("post", key, thread)
        shown = self.chat.add(thread, key, card, [await self._read(file) for file in files])
        await self._moment(Moment("post", key, after=True))
        return Posted(shown.message)

    async def begin(self, place: ThreadRef, person_id: str, card: Card, *, key: str) -> MessageRef:
        await self._before("begin", key, place)
        known = next((shown.message for shown in self.chat.messages if shown.key == key), None)
        if known is not None:
            return known
        thread = replace(place, channel=place.channel or f"D-{person_id}", thread=f"root-{key}")
        return self.chat.add(thread, key, card).message

    async def find(self, thread: ThreadRef, key: str) -> MessageRef | None:
        await self._before("find", key, thread)
        return next((shown.message for shown in self.chat.of(thread) if shown.key == key), None)

    async def edit(self, message: MessageRef, card: Card) -> bool:
        shown = self.chat.at(message)
        await self._before("edit", shown.key if shown else "", message.thread)
        shown = self.chat.at(message)
        if shown is None:
            raise SurfaceRefused("That message is gone.")
        if shown.used_up:
            return False
        self.chat.check(shown.card is not None, f"{shown.key} has no card to edit")
        shown.card = card
        shown.edits += 1
        await self._moment(Moment("edit", shown.key, after=True))
        return True

    async def retire(self, message: MessageRef) -> None:
        shown = self.chat.at(message)
        await self._before("retire", shown.key if shown else "", message.thread)
        if shown is not None and shown in self.chat.messages:
            self.chat.messages.remove(shown)
        await self._moment(Moment("retire", shown.key if shown else "", after=True))

    async def presence(self, thread: ThreadRef, state: Presence, *, title: str = "", person: str = "") -> None:
        await self._before("presence", state, thread)
        self.chat.presences.append((thread, state))

    async def history(
        self, thread: ThreadRef, *, before: MessageRef | None = None, limit: int = 50, reader: str = ""
    ) -> tuple[Said, ...]:
        await self._before("history", "", thread)
        return tuple(said for said in self.chat.said if said.message.thread == thread)[-limit:]

    async def send_files(
        self, thread: ThreadRef, files: Sequence[OutFile], *, key: str, comment: str = ""
    ) -> tuple[OutFile, ...]:
        await self._before("send_files", key, thread)
        self.chat.check(0 < len(files) <= self.abilities.max_files, f"{len(files)} files in one message")
        small = [file for file in files if file.size_bytes <= self.abilities.max_file_bytes]
        if small and not any(shown.key == key for shown in self.chat.of(thread)):
            self.chat.add(thread, key, None, [await self._read(file) for file in small])
        await self._moment(Moment("send_files", key, after=True))
        return tuple(file for file in files if file not in small)

    async def whisper(self, thread: ThreadRef, person: Actor, card: Card, *, trigger: Trigger | None = None) -> None:
        await self._moment(Moment("whisper", card.key, after=False))
        self.chat.whispers.append((person.person_id, card))

    async def open_form(self, trigger: Trigger, form: Form, thread: ThreadRef) -> bool:
        await self._before("open_form", form.title, thread)
        if trigger.value == "too late":
            return False
        self.chat.forms.append(form)
        return True

    async def react(self, message: MessageRef, emoji: str, *, on: bool = True) -> None:
        await self._before("react", emoji, message.thread)
        self.chat.reactions.append((message.message_id, emoji))

    def _trap(self, trap: Trap) -> Trap:
        self._traps.append(trap)
        return trap

    async def _before(self, method: str, key: str, thread: ThreadRef) -> None:
        self.chat.check(thread.surface == self._name, f"{thread} is not a thread of {self._name}")
        self.calls.append((method, key))
        await self._moment(Moment(method, key, after=False))
        if thread in self.chat.closed:
            raise SurfaceRefused("Gofer is not in this channel any more. Invite it again.")

    async def _moment(self, moment: Moment) -> None:
        await asyncio.sleep(0)
        if self.every is not None:
            await self.every(moment)
        for trap in [trap for trap in self._traps if trap.fits(moment)]:
            trap.times -= 1
            trap.reached.set()
            if trap.error is not None:
                raise trap.error
            await trap.release.wait()

    async def _read(self, file: OutFile) -> tuple[str, bytes]:
        stream: AsyncIterator[bytes] = file.open()
        data = b"".join([chunk async for chunk in stream])
        self.chat.check(len(data) == file.size_bytes, f"{file.name} has {len(data)} bytes, not {file.size_bytes}")
        return file.name, data
