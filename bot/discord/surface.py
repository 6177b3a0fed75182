"""Discord as a surface: what Gofer shows and asks in all servers of one application, and in direct messages.

People are mentioned by their ids, which show as names and ring nobody; only the line above a card rings, and only
those whom the card is to tell.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar
from weakref import WeakValueDictionary

from agent.domain.errors import Bug
from agent.domain.people import Actor
from bot import phrases
from bot.cards import Attachment, Card, CardKind, CardState, FileLine, Form, Person, Rendered
from bot.cards import Files as FileLines
from bot.discord.answers import Answers
from bot.discord.components import BODY_CHARS, render_card, render_words, without_files
from bot.discord.files import ENVELOPE_BYTES, MAX_FILE_BYTES, REQUEST_BYTES, TOGETHER, Files, read
from bot.discord.history import History
from bot.discord.markdown import code_block, user_id
from bot.discord.marks import marked
from bot.discord.payload import Payload, snowflake, text, when
from bot.discord.posting import Poster
from bot.discord.sight import Sight
from bot.discord.threads import CHANNEL, DIRECT, MESSAGE, NAME_CHARS, Threads
from bot.discord.triggers import unpack
from bot.discord.web import (
    MISSING_PERMISSIONS,
    UNKNOWN_EMOJI,
    UNKNOWN_MESSAGE,
    WRITES_NOT_HERE,
    WRONG_CHANNEL_TYPE,
    Body,
    DiscordRefused,
    Identity,
    Web,
)
from bot.markup import clip, one_line
from bot.surface import (
    Abilities,
    IncomingFile,
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

logger = logging.getLogger(__name__)

EDIT_EVERY_S = 1.5
EDITED_FOR_S = 50 * 60
"""So long a card that follows the work is edited: of messages that are an hour old Discord lets few edits through."""
SPOKEN_CHARS = 3_500
"""Of one message, where text cannot be attached."""
SPOKEN_MAX = 5
"""Messages that such a text may take."""
MARKS_KEPT = 5_000
_NO_POSTS = frozenset({WRITES_NOT_HERE, WRONG_CHANNEL_TYPE})
"""This channel takes no messages of its own, as a forum."""


Remembered = TypeVar("Remembered", str, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """A card as it is sent. `lead`: the line above it that rings; `left`: files of it that do not go along."""

    body: Payload
    lead: Payload | None
    files: tuple[Body, ...]
    overflow: tuple[Attachment, ...]
    left: tuple[FileLine, ...] = ()


class DiscordSurface:
    """One application. `bot.surface.Surface` tells what the methods promise. The client of `web` stays its owner's."""

    def __init__(self, web: Web, bot: Identity, *, wall: Callable[[], float] = time.time) -> None:
        self.web, self.bot, self._wall = web, bot, wall
        self.sight = Sight(web)
        """Who sees what, for others of this room."""
        self.threads = Threads(web)
        self.poster = Poster(web, self.threads, bot.user_id)
        self._files = Files(web, self.poster, self.sight, wall)
        self._history = History(web, self.threads, self.sight, self._files, bot.user_id)
        self._answers = Answers(web)
        self._alone: OrderedDict[str, str] = OrderedDict()
        """Direct conversations, by user: Discord looks askance at who opens many."""
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._rung: OrderedDict[str, None] = OrderedDict()
        """Keys of cards whose line above them was posted."""
        self._marks: OrderedDict[str, str] = OrderedDict()
        """Keys of messages, so that an edit keeps the mark."""

    @property
    def name(self) -> SurfaceName:
        return "discord"

    @property
    def abilities(self) -> Abilities:
        return Abilities(
            edit=True,
            buttons=True,
            forms=True,
            reactions=True,
            threads=True,
            direct=True,
            private=True,
            streams=False,
            max_text_chars=BODY_CHARS,
            max_choices=25,
            max_file_bytes=MAX_FILE_BYTES,
            max_files=TOGETHER,
            edit_every_s=EDIT_EVERY_S,
            paces_all=True,
        )

    async def run(self, receive: Receive) -> None:
        """Nothing comes in here: the office listens."""
        raise Bug("the Discord surface only sends")

    async def close(self) -> None:
        """End the connections that files come over."""
        await self._files.close()

    def incoming_file(self, described: Payload) -> IncomingFile:
        """A file out of Discord's description of an attachment."""
        return self._files.incoming(described)

    # -- cards

    async def post(self, thread: ThreadRef, card: Card, *, key: str, files: Sequence[OutFile] = ()) -> Posted:
        drawn = await self._draw(card, files, await self._files.cap(thread.space))
        title = one_line(card.title)
        await self.threads.open(thread, title)
        if drawn.lead is not None and key not in self._rung:
            if not await self._was_rung(thread, key, drawn.lead):
                await self.poster.put(thread, drawn.lead, key=f"{key}:lead", title=title)
            _remember(self._rung, key, None)
        body = marked(drawn.body, key)
        try:
            message = await self.poster.put(thread, body, key=key, title=title, files=drawn.files)
        except DiscordRefused as error:
            if error.code != MISSING_PERMISSIONS or not drawn.files:
                raise
            message = await self.poster.put(thread, without_files(body), key=key, title=title)
            await self._speak(thread, drawn.overflow, key)
            drawn = replace(drawn, left=_lines_of(files, card))
        ref = MessageRef(thread, snowflake(message, "id"))
        _remember(self._marks, ref.message_id, key)
        return Posted(ref, drawn.left)

    async def begin(self, place: ThreadRef, person_id: str, card: Card, *, key: str) -> MessageRef:
        if not place.channel:
            alone = await self._direct(person_id)
            place = ThreadRef("discord", DIRECT, alone, alone)
        there = await self.poster.find(place, key)
        if there is not None:
            return _begun(place, snowflake(there, "id"))
        drawn = await self._draw(card, (), MAX_FILE_BYTES)
        body = marked(drawn.body, key)
        try:
            there = await self.poster.into(place.channel, body, key=key, files=drawn.files)
        except DiscordRefused as error:
            if error.code not in _NO_POSTS or place.space == DIRECT:
                raise
            name = clip(one_line(card.title), NAME_CHARS) or phrases.NAME
            thread, message = await self.poster.begin_post(
                place.space, place.channel, name, body, key=key, files=drawn.files
            )
            return MessageRef(replace(place, thread=thread), message)
        return _begun(place, snowflake(there, "id"))

    async def find(self, thread: ThreadRef, key: str) -> MessageRef | None:
        found = await self.poster.find(thread, key)
        if found is None:
            return None
        _remember(self._marks, snowflake(found, "id"), key)
        return MessageRef(thread, snowflake(found, "id"))

    async def edit(self, message: MessageRef, card: Card) -> bool:
        follows = card.kind is CardKind.STATUS and card.state is CardState.RUNNING
        if follows and self._age_s(message.message_id) > EDITED_FOR_S:
            return False
        drawn = await self._draw(card, (), MAX_FILE_BYTES)
        key = self._marks.get(message.message_id)
        body = marked(drawn.body, key) if key else drawn.body
        try:
            async with await self._turn(message) if follows else nullcontext():
                await self._change(message, body, drawn.files)
        except DiscordRefused as error:
            if error.code == UNKNOWN_MESSAGE:
                return False
            if error.code != MISSING_PERMISSIONS or not drawn.files:
                raise
            await self._change(message, without_files(body), ())
        return True

    async def retire(self, message: MessageRef) -> None:
        async def delete(channel: str) -> None:
            await self.web.call("DELETE", MESSAGE, {"channel_id": channel, "message_id": message.message_id})

        try:
            await self.threads.on(message, delete)
        except DiscordRefused as error:
            if error.code != UNKNOWN_MESSAGE:
                raise
        self._marks.pop(message.message_id, None)

    async def whisper(self, thread: ThreadRef, person: Actor, card: Card, *, trigger: Trigger | None = None) -> None:
        drawn = await self._draw(replace(card, notify=()), (), MAX_FILE_BYTES)
        if trigger is not None and await self._answers.say(unpack(trigger), drawn.body, drawn.files):
            return
        channel = thread.channel if thread.space == DIRECT else await self._direct(person.person_id)
        await self.poster.into(channel, drawn.body, files=drawn.files)

    async def open_form(self, trigger: Trigger, form: Form, thread: ThreadRef) -> bool:
        return await self._answers.open_form(unpack(trigger), form)

    async def react(self, message: MessageRef, emoji: str, *, on: bool = True) -> None:
        async def put(channel: str) -> None:
            ids = {"channel_id": channel, "message_id": message.message_id, "emoji": emoji}
            await self.web.call("PUT" if on else "DELETE", f"{MESSAGE}/reactions/{{emoji}}/@me", ids)

        try:
            await self.threads.on(message, put)
        except DiscordRefused as error:
            if on or error.code not in (UNKNOWN_EMOJI, UNKNOWN_MESSAGE):
                raise

    # -- threads, files, history

    async def presence(self, thread: ThreadRef, state: Presence, *, title: str = "", person: str = "") -> None:
        """Discord shows typing for ten seconds, so only the beginning of work is shown by it: cards show the rest."""
        home = await self.threads.known(thread) if state == "working" else None
        if home is not None:
            await self.web.call("POST", f"{CHANNEL}/typing", {"channel_id": home.channel})

    async def history(
        self, thread: ThreadRef, *, before: MessageRef | None = None, limit: int = 50, reader: str = ""
    ) -> tuple[Said, ...]:
        return await self._history.before(thread, before=before, limit=limit, reader=user_id(Person(reader)))

    async def send_files(
        self, thread: ThreadRef, files: Sequence[OutFile], *, key: str, comment: str = ""
    ) -> tuple[OutFile, ...]:
        return await self._files.send(thread, files, key=key, comment=comment)

    # -- drawing

    async def _draw(self, card: Card, files: Sequence[OutFile], cap: int) -> _Drawn:
        """The card with those of its files that can go along; lines of the others only name them."""
        room = max(cap, REQUEST_BYTES) - ENVELOPE_BYTES
        fitting: dict[str, OutFile] = {}
        for file in files:
            if file.path and 0 < file.size_bytes <= min(cap, room):
                fitting[file.path] = file
                room -= file.size_bytes
        rendered = render_card(_naming(card, set(fitting)))
        bodies = [Body(item.name, item.text.encode("utf-8")) for item in rendered.overflow]
        bodies += await self._bodies(rendered, fitting)
        sent = {upload.file.path for upload in rendered.uploads}
        lead = rendered.payloads[0] if len(rendered.payloads) > 1 else None
        left = _lines_of([file for file in files if file.path not in sent], card)
        return _Drawn(body=rendered.card, lead=lead, files=tuple(bodies), overflow=rendered.overflow, left=left)

    async def _bodies(self, rendered: Rendered, files: dict[str, OutFile]) -> list[Body]:
        found: list[Body] = []
        for upload in rendered.uploads:
            body = await read(upload.name, files[upload.file.path])
            if body is None:
                raise SurfaceRefused(f"{upload.file.name} has another size than was announced.")
            found.append(body)
        return found

    async def _turn(self, message: MessageRef) -> asyncio.Lock:
        """Guards the few edits that Discord lets through in a channel: of those that only show progress one at a time
        waits there, so that a decision never stands behind many."""
        place = await self.threads.channel_of(message)
        turn = self._turns.get(place)
        if turn is None:
            turn = self._turns[place] = asyncio.Lock()
        return turn

    async def _change(self, message: MessageRef, body: Payload, files: Sequence[Body]) -> None:
        """Edit a message. Files of an earlier state go: what the card shows now comes with it."""
        told: Payload = body if files else {**body, "attachments": []}

        async def patch(channel: str) -> None:
            ids = {"channel_id": channel, "message_id": message.message_id}
            await self.web.call("PATCH", MESSAGE, ids, json=told, files=files)

        await self.threads.on(message, patch)

    # -- posting

    async def _was_rung(self, thread: ThreadRef, key: str, lead: Payload) -> bool:
        """Whether the line above this card was posted and then the process died: it is the last that Gofer wrote
        there, with no card below it."""
        async for message in self.poster.own(thread):
            return text(message, "content") == text(lead, "content")
        return False

    async def _speak(self, thread: ThreadRef, items: Sequence[Attachment], key: str) -> None:
        """Say what may not be attached, in a few messages."""
        for item in items:
            pieces = [item.text[at : at + SPOKEN_CHARS] for at in range(0, len(item.text), SPOKEN_CHARS)]
            for number, words in enumerate(pieces[:SPOKEN_MAX], 1):
                mark = f"{key}:{item.name}:{number}"
                head = f"{item.name} ({number}/{min(len(pieces), SPOKEN_MAX)})"
                if await self.poster.find(thread, mark) is None:
                    body = marked(render_words(f"{head}\n{code_block(words)}"), mark)
                    await self.poster.put(thread, body, key=mark)

    async def _direct(self, person_id: str) -> str:
        """The conversation with one person alone."""
        user = user_id(Person(person_id))
        if not user:
            raise SurfaceRefused(f"{person_id!r} is nobody of Discord.")
        if user not in self._alone:
            opened = await self.web.one("POST", "/users/@me/channels", json={"recipient_id": user})
            _remember(self._alone, user, snowflake(opened, "id"))
        return self._alone[user]

    def _age_s(self, message_id: str) -> float:
        now = datetime.fromtimestamp(self._wall(), UTC)
        return (now - when(message_id, now)).total_seconds()


def _begun(place: ThreadRef, message_id: str) -> MessageRef:
    """The message that begins a conversation; with one person alone it does not begin it anew."""
    return MessageRef(place if place.space == DIRECT else replace(place, thread=message_id), message_id)


def _naming(card: Card, paths: set[str]) -> Card:
    """The card whose file lines only name what is not among these files."""
    return replace(
        card,
        blocks=tuple(
            replace(block, items=tuple(i if i.path in paths else replace(i, path="") for i in block.items))
            if isinstance(block, FileLines)
            else block
            for block in card.blocks
        ),
    )


def _lines_of(left: Sequence[OutFile], card: Card) -> tuple[FileLine, ...]:
    """The lines of the card that show these files; lines of their own for others."""
    lines = {item.path: item for block in card.blocks if isinstance(block, FileLines) for item in block.items}
    return tuple(lines.get(file.path) or FileLine(file.name, file.size_bytes, path=file.path) for file in left)


def _remember(kept: OrderedDict[str, Remembered], key: str, value: Remembered) -> None:
    kept[key] = value
    while len(kept) > MARKS_KEPT:
        kept.popitem(last=False)
