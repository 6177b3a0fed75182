"""What was said in Discord before a request: its thread, what the messages there forward, and what they link to."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.domain.people import Actor, Standing
from bot.discord.files import Files
from bot.discord.payload import Payload, number, part, parts, snowflake, when
from bot.discord.posting import CHANNEL_PAGES, THREAD_PAGES, pages
from bot.discord.sight import Sight
from bot.discord.threads import DIRECT, MESSAGE, Threads
from bot.discord.web import (
    MISSING_PERMISSIONS,
    NO_ACCESS,
    UNKNOWN_CHANNEL,
    UNKNOWN_MESSAGE,
    WRONG_CHANNEL_TYPE,
    DiscordRefused,
    Web,
)
from bot.discord.words import THREADS, is_bot, link_to, links, name_of, says_something, snapshots, words_of
from bot.surface import MessageRef, Said, ThreadRef

logger = logging.getLogger(__name__)

LINKS_MAX = 10
"""Links followed for one request."""
_GONE = frozenset({UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, NO_ACCESS, MISSING_PERMISSIONS, WRONG_CHANNEL_TYPE})
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class _Reader:
    """For whom it is read, and what they have seen already: what they may not see is not behind any link."""

    user_id: str
    seen: set[str]


class History:
    """The messages of one application, as far as it may read them. `user_id`: Gofer's own."""

    def __init__(self, web: Web, threads: Threads, sight: Sight, files: Files, user_id: str) -> None:
        self._web, self._threads, self._sight, self._files = web, threads, sight, files
        self._user_id = user_id

    async def before(
        self, thread: ThreadRef, *, before: MessageRef | None, limit: int, reader: str = ""
    ) -> tuple[Said, ...]:
        """What was said, oldest first: the newest `limit`, with what they forward or link to.

        A link is followed where Gofer can read it, and both whoever posted it and the `reader` (a user id) may. What
        `before` itself forwards or answers is left to those who read it; what it links to is here.
        """
        until = before.message_id if before is not None else ""
        request: Payload = await self._request(before) if before is not None else {}
        told = await self._told(thread, until, max(limit, 1))
        seen = {snowflake(message, "id") for message in (*told, request)}
        eyes = _Reader(reader or snowflake(request, "author", "id"), seen)
        said: list[Said] = []
        budget = LINKS_MAX
        for message in (*told, *([request] if request else [])):
            if message is not request:
                said += [self._forwarded(one, message, thread) for one in snapshots(message)]
            for space, channel, message_id in links(message):
                if budget and message_id not in eyes.seen:
                    eyes.seen.add(message_id)
                    budget -= 1
                    author = snowflake(message, "author", "id")
                    if (found := await self._linked(space, channel, message_id, author, eyes.user_id)) is not None:
                        said.append(found)
            if message is not request and (words_of(message) or parts(message, "attachments")):
                said.append(self._said(message, thread))
        return tuple(said[-limit:])

    # -- reading

    async def _request(self, message: MessageRef) -> Payload:
        """A message; empty when it is gone."""

        async def get(channel: str) -> Payload:
            return await self._web.one("GET", MESSAGE, {"channel_id": channel, "message_id": message.message_id})

        try:
            return await self._threads.on(message, get)
        except DiscordRefused as error:
            if error.code not in _GONE:
                raise
            return {}

    async def _told(self, thread: ThreadRef, until: str, limit: int) -> list[Payload]:
        """The newest messages before one, oldest first, with that which the thread began with."""
        inside = thread.space != DIRECT and thread.thread not in ("", thread.channel)
        if inside and until == thread.thread:
            return []  # it begins with the request
        home = await self._threads.known(thread)
        if home is None:
            return []
        if home.reply_to:
            return await self._replies(home.channel, home.reply_to, until, limit)
        found: list[Payload] = []
        try:
            async for message in pages(self._web, home.channel, THREAD_PAGES, before=until):
                if says_something(message) or snapshots(message):
                    found.append(message)
                if len(found) == limit:
                    break
        except DiscordRefused as error:
            if error.code not in _GONE:
                raise
            return []
        if inside and len(found) < limit:
            root = await self._request(MessageRef(thread, thread.thread))
            if root and snowflake(root, "id") not in {snowflake(message, "id") for message in found}:
                found.append(root)
        return found[::-1]

    async def _replies(self, channel: str, root: str, until: str, limit: int) -> list[Payload]:
        """A conversation without a thread: what answers its first message, and what answers that."""
        earlier = [message async for message in pages(self._web, channel, CHANNEL_PAGES, before=until)]
        within = {root}
        found: list[Payload] = []
        for message in reversed(earlier):
            if snowflake(message, "id") == root or snowflake(message, "message_reference", "message_id") in within:
                within.add(snowflake(message, "id"))
                found.append(message)
        return [message for message in found if says_something(message) or snapshots(message)][-limit:]

    async def _linked(self, space: str, channel_id: str, message_id: str, author: str, reader: str) -> Said | None:
        """The message behind a link that `author` posted; None: not for Gofer, or not for one of them."""
        for user in (author, reader or author):
            if not await self._sight.can_see(user, channel_id):
                return None
        ids = {"channel_id": channel_id, "message_id": message_id}
        try:
            found = await self._web.one("GET", MESSAGE, ids)
        except DiscordRefused as error:
            logger.info("a link could not be followed", extra={"action": "link_refused", "why": str(error)})
            return None
        if not says_something(found):
            return None
        channel = await self._sight.channel(channel_id)
        inside = number(channel, "type") in THREADS
        where = ThreadRef(
            "discord",
            snowflake(channel, "guild_id") or DIRECT,
            snowflake(channel, "parent_id") if inside else channel_id,
            channel_id if inside else message_id,
        )
        return self._said(found, where)

    # -- telling

    def _said(self, message: Payload, thread: ThreadRef) -> Said:
        author, message_id = part(message, "author"), snowflake(message, "id")
        ours = snowflake(author, "id") == self._user_id
        person = Actor(
            f"discord:{snowflake(author, 'id')}",
            name_of(author, part(message, "member")),
            f"discord:{thread.space}:{thread.channel}",
            standing=Standing.BOT if is_bot(message) else Standing.MEMBER,
        )
        return Said(
            message=MessageRef(thread, message_id),
            person=person,
            text=words_of(message),
            at=when(message_id, _EPOCH),
            by_gofer=ours,
            files=() if ours else tuple(self._files.incoming(file) for file in parts(message, "attachments")),
            link=link_to(thread.space, snowflake(message, "channel_id") or thread.channel, message_id),
        )

    def _forwarded(self, snapshot: Payload, message: Payload, thread: ThreadRef) -> Said:
        """A message that somebody shared here. Discord shows it to everybody and tells nobody whose it was."""
        source = part(message, "message_reference")
        message_id, channel = snowflake(source, "message_id"), snowflake(source, "channel_id")
        space = snowflake(source, "guild_id") or thread.space
        return Said(
            message=MessageRef(ThreadRef("discord", space, channel, message_id), message_id),
            person=Actor("discord:", "somebody", standing=Standing.OUTSIDER),
            text=words_of(snapshot),
            at=when(message_id, when(snowflake(message, "id"), _EPOCH)),
            files=tuple(self._files.incoming(file) for file in parts(snapshot, "attachments")),
            link=link_to(space, channel, message_id) if channel and message_id else "",
        )
