"""One message at a time, so that a crash at any point neither loses nor doubles it.

The row is written before the post and completed after it. A row that is not complete is looked for on the platform
before anything is posted again. Of two rows of one message the newer one counts: the older message could be changed
no more and is taken away.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from agent.domain.errors import NotFound
from agent.domain.people import SYSTEM, Actor
from agent.service import Mailbox, Post, Service
from bot.cards import Card
from bot.feed.parts import Clock, Names
from bot.feed.wanted import Batch, Message, Parcel, digest_of, people_in, with_names
from bot.surface import Fetch, MessageRef, OutFile, Surface, SurfaceRefused, ThreadRef

logger = logging.getLogger(__name__)

REFUSED = "refused:"
"""Begins the digest of a post that the platform refused, or refused to change; the event's number follows."""
LEFT = "left:"
"""Begins the digest of an upload; the numbers of the files that could not be sent follow."""
_CONTINUED = re.compile(r"(.+)#(\d+)")

Rows = dict[str, Post]
"""The post rows of a thread, or of one message of it, by key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where messages go and what for. `seq`: the newest event that they show; `spoke`: that a person caused."""

    thread: ThreadRef
    task_id: str = ""
    seq: int = 0
    spoke: int = 0


def base_of(key: str) -> str:
    """The message that a post row is for: `status:t_1` of `status:t_1#2`, its continuation."""
    found = _CONTINUED.fullmatch(key)
    return found[1] if found else key


def refused_at(row: Post) -> int | None:
    """The number of the event at which the platform refused it; None: it did not."""
    return int(row.digest.removeprefix(REFUSED)) if row.digest.startswith(REFUSED) else None


class Outbox:
    """Brings messages of one surface to what is wanted. `rows` are kept up to date; one caller at a time for a key."""

    def __init__(
        self, service: Service, mailbox: Mailbox, surface: Surface, *, clock: Clock, names: Names | None
    ) -> None:
        self._service = service
        self._mailbox = mailbox
        self._surface = surface
        self._clock = clock
        self._names = names

    async def rows(self, thread: ThreadRef) -> Rows:
        """What was posted in a thread, or was going to be."""
        return {post.key: post for post in await self._mailbox.posts(thread_id=thread.thread_id)}

    async def put(self, rows: Rows, target: Target, message: Message) -> None:
        """Post the message, or change it to what is wanted. Raises `SurfaceDown`, and `SurfaceRefused` when it cannot
        be posted; one that cannot be changed is left as it is."""
        line = _line_of(rows, message.key)
        row = line[-1] if line else None
        if row is not None and not row.sent:
            row = await self._look_for(rows, target, row)
        if row is not None and row.message_id:
            await self._change(rows, target, row, message.card)
        elif message.late or len(line) > 1:
            await self._post(rows, target, line[-1].key if line else message.key, message.card)
        elif line:
            await self._drop(rows, line[-1].key)
        for older in _line_of(rows, message.key)[:-1]:
            await self._retire(rows, target, older)

    async def upload(self, rows: Rows, target: Target, batch: Batch) -> tuple[Parcel, ...]:
        """Send the files of a batch, once; gives back the delivered ones that could not be sent."""
        row = rows.get(batch.key)
        if row is None:
            row = await self._intend(rows, target, batch.key)
        if not row.sent:
            files = [self._out_file(target.task_id, parcel) for parcel in batch.parcels]
            try:
                left = await self._surface.send_files(target.thread, files, key=batch.key)
            except (SurfaceRefused, NotFound) as error:  # the result still says that there are files
                fields = {"action": "files_refused", "task_id": target.task_id, "why": str(error)}
                logger.warning("files could not be sent", extra=fields)
                left = tuple(files)
            paths = {file.path for file in left}
            numbers = [str(n) for n, parcel in enumerate(batch.parcels) if parcel.file.path in paths]
            row = await self._sent(rows, row, message_id="", digest=LEFT + ",".join(numbers))
        listed = row.digest.removeprefix(LEFT)
        left_out = [batch.parcels[int(number)] for number in listed.split(",") if number]
        return tuple(parcel for parcel in left_out if parcel.delivered)

    async def tell_alone(self, rows: Rows, target: Target, person_id: str, card: Card) -> None:
        """Show a card to one person, where they can be written to. Tried once: it cannot be looked for afterwards."""
        if card.key in rows:
            return
        row = await self._intend(rows, target, card.key)
        await self._surface.whisper(target.thread, Actor(person_id), card)
        await self._sent(rows, row, message_id="", digest=digest_of(card))

    async def _look_for(self, rows: Rows, target: Target, row: Post) -> Post | None:
        """The row, completed, when a crash hid from us that the message was posted."""
        found = await self._surface.find(target.thread, row.key)
        if found is None:
            return None
        # What it shows is not known for sure: the next step changes it.
        return await self._sent(rows, row, message_id=found.message_id, digest="")

    async def _post(self, rows: Rows, target: Target, key: str, card: Card) -> None:
        row = rows.get(key)
        if row is None:
            row = await self._intend(rows, target, key)
            if row.sent:  # noted by another process meanwhile
                await self._change(rows, target, row, card)
                return
        try:
            posted = await self._surface.post(target.thread, await self._named(target, card), key=key)
        except SurfaceRefused:
            await self._sent(rows, row, message_id="", digest=f"{REFUSED}{target.seq}")
            raise
        await self._sent(rows, row, message_id=posted.message.message_id, digest=digest_of(card))

    async def _change(self, rows: Rows, target: Target, row: Post, card: Card) -> None:
        digest = digest_of(card)
        refused = refused_at(row)
        hopeless = refused is not None and refused >= target.spoke
        if row.digest == digest or hopeless or not self._surface.abilities.edit:
            return
        try:
            changed = await self._surface.edit(
                MessageRef(target.thread, row.message_id), await self._named(target, card)
            )
        except SurfaceRefused as error:  # as a rule somebody removed the message
            fields = {"action": "edit_refused", "task_id": target.task_id, "key": row.key, "why": str(error)}
            logger.warning("a message cannot be changed", extra=fields)
            await self._sent(rows, row, message_id=row.message_id, digest=f"{REFUSED}{target.seq}")
            return
        if changed:
            await self._sent(rows, row, message_id=row.message_id, digest=digest)
        else:
            await self._post(rows, target, _next_key(row.key), replace(card, notify=()))

    async def _retire(self, rows: Rows, target: Target, row: Post) -> None:
        if row.message_id:
            try:
                await self._surface.retire(MessageRef(target.thread, row.message_id))
            except SurfaceRefused as error:  # it stays, above the one that counts
                fields = {"action": "retire_refused", "task_id": target.task_id, "key": row.key, "why": str(error)}
                logger.warning("an outdated message cannot be taken away", extra=fields)
        await self._drop(rows, row.key)

    async def _intend(self, rows: Rows, target: Target, key: str) -> Post:
        post = Post(
            key=key,
            surface=self._surface.name,
            thread_id=target.thread.thread_id,
            task_id=target.task_id,
            at=self._clock.now(),
        )
        rows[key] = await self._mailbox.intend(post)
        return rows[key]

    async def _sent(self, rows: Rows, row: Post, *, message_id: str, digest: str) -> Post:
        await self._mailbox.sent(row.key, message_id=message_id, digest=digest)
        rows[row.key] = replace(row, message_id=message_id, digest=digest, sent=True)
        return rows[row.key]

    async def _drop(self, rows: Rows, key: str) -> None:
        await self._mailbox.drop_post(key)
        del rows[key]

    async def _named(self, target: Target, card: Card) -> Card:
        """The card with names for people whom the surface does not know. They are no part of what is compared."""
        if self._names is None:
            return card
        foreign = sorted(person_id for person_id in people_in(card) if not target.thread.knows(person_id))
        return with_names(card, {person_id: await self._names(person_id) for person_id in foreign})

    def _out_file(self, task_id: str, parcel: Parcel) -> OutFile:
        file = parcel.file
        return OutFile(
            name=parcel.name,
            size_bytes=file.size_bytes,
            media_type=file.media_type,
            open=self._opener(task_id, file.sha256),
            path=file.path,
            title=parcel.title,
        )

    def _opener(self, task_id: str, sha256: str) -> Fetch:
        async def stream() -> AsyncIterator[bytes]:
            async for piece in self._service.pieces(SYSTEM, task_id, sha256):
                yield piece

        return stream


def _number(key: str) -> int:
    found = _CONTINUED.fullmatch(key)
    return int(found[2]) if found else 1


def _next_key(key: str) -> str:
    return f"{base_of(key)}#{_number(key) + 1}"


def _line_of(rows: Rows, key: str) -> list[Post]:
    """The rows of a message, oldest first; all but the last one are of messages to be taken away."""
    return sorted((row for row in rows.values() if base_of(row.key) == key), key=lambda row: _number(row.key))
