"""Where the messages of a conversation are: in its thread, which is begun when Gofer first writes, or in its channel.

A thread that begins with a message has that message's id, so nothing has to be remembered to find it again. Where
Gofer may not begin one (no right, the server's limit, a kind of channel without threads) it answers in the channel
and says so once.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from bot import phrases
from bot.discord.payload import flag
from bot.discord.web import (
    ARCHIVED,
    LOCKED,
    MISSING_PERMISSIONS,
    NO_ACCESS,
    THREAD_EXISTS,
    THREADS_FULL,
    UNKNOWN_CHANNEL,
    UNKNOWN_MESSAGE,
    WRONG_CHANNEL_TYPE,
    DiscordRefused,
    Web,
)
from bot.discord.words import heading_of
from bot.markup import clip, one_line
from bot.surface import MessageRef, ThreadRef

logger = logging.getLogger(__name__)

DIRECT = "@me"
NAME_CHARS = 90
"""Discord takes 100; moderators and Gofer's own signs get the rest."""
ARCHIVE_MINUTES = 10_080
"""A thread without news stays open for a week."""
KEPT = 10_000
_NO_THREAD = {
    THREADS_FULL: phrases.THREADS_FULL,
    MISSING_PERMISSIONS: phrases.NO_THREADS,
    WRONG_CHANNEL_TYPE: phrases.NO_THREADS,
}
"""Why a thread cannot be begun, though one can write in the channel."""

CHANNEL = "/channels/{channel_id}"
MESSAGES = f"{CHANNEL}/messages"
MESSAGE = f"{MESSAGES}/{{message_id}}"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Home:
    """The channel to write in. `reply_to`: a message that all of it answers, where there is no thread; `why_here`:
    what to say about that."""

    channel: str
    reply_to: str = ""
    why_here: str = ""


class Threads:
    """The threads of one application."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._homes: OrderedDict[ThreadRef, Home] = OrderedDict()
        self._elsewhere: OrderedDict[str, str] = OrderedDict()
        """Channels of messages that are not where their thread is."""

    async def open(self, thread: ThreadRef, title: str) -> Home:
        """Where to write, begun where need be. `title` names a new thread that its first message does not name."""
        home = self._settled(thread) or await self._begin(thread, title)
        return self._keep(thread, home)

    async def known(self, thread: ThreadRef) -> Home | None:
        """Where a conversation is; None: nothing was written in it yet, as far as Discord tells."""
        if (home := self._settled(thread)) is not None:
            return home
        if await self._exists(thread.thread):
            return self._keep(thread, Home(thread.thread))
        return None

    def explained(self, thread: ThreadRef) -> None:
        """It was said why there is no thread."""
        self._keep(thread, replace(self._homes[thread], why_here=""))

    async def channel_of(self, message: MessageRef) -> str:
        """The channel of a message: the one that begins a thread stands above it."""
        thread = message.thread
        if (elsewhere := self._elsewhere.get(message.message_id)) is not None:
            return elsewhere
        if message.message_id == thread.thread:
            return thread.channel
        home = await self.known(thread)
        return home.channel if home else thread.channel

    async def on(self, message: MessageRef, do: Callable[[str], Awaitable[T]]) -> T:
        """Do something to a message, given its channel. An archived thread is opened for it; a message that is not
        where it should be is looked for in the thread (a forum's first message) or the channel."""
        channel = await self.channel_of(message)
        try:
            return await self.awake(channel, lambda: do(channel))
        except DiscordRefused as error:
            thread = message.thread
            other = thread.thread if channel == thread.channel else thread.channel
            if error.code not in (UNKNOWN_MESSAGE, UNKNOWN_CHANNEL, WRONG_CHANNEL_TYPE) or other in ("", channel):
                raise
            try:
                done = await self.awake(other, lambda: do(other))
            except DiscordRefused:
                raise error from None
        self._elsewhere[message.message_id] = other
        while len(self._elsewhere) > KEPT:
            self._elsewhere.popitem(last=False)
        return done

    async def awake(self, channel: str, do: Callable[[], Awaitable[T]]) -> T:
        """Do something in a thread, opening it again where it is archived."""
        try:
            return await do()
        except DiscordRefused as error:
            if error.code != ARCHIVED:
                raise
            known = await self._web.one("GET", CHANNEL, {"channel_id": channel})
            if flag(known, "thread_metadata", "locked"):
                raise DiscordRefused(error.what, error.status, LOCKED) from error  # whatever Gofer's rights are
            try:
                await self._web.call("PATCH", CHANNEL, {"channel_id": channel}, json={"archived": False})
            except DiscordRefused:
                raise error from None
        return await do()

    def _settled(self, thread: ThreadRef) -> Home | None:
        """What needs no asking: direct messages, and a channel as such."""
        if thread.space == DIRECT or thread.thread in ("", thread.channel):
            return Home(thread.channel)
        return self._homes.get(thread)

    async def _begin(self, thread: ThreadRef, title: str) -> Home:
        try:
            name = await self._name(thread, title)
            await self._web.call(
                "POST",
                f"{MESSAGE}/threads",
                {"channel_id": thread.channel, "message_id": thread.thread},
                json={"name": name, "auto_archive_duration": ARCHIVE_MINUTES},
            )
        except DiscordRefused as error:
            if error.code == THREAD_EXISTS or await self._exists(thread.thread):
                return Home(thread.thread)
            why = _NO_THREAD.get(error.code)
            if why is None:
                raise
            logger.info("no thread can be begun", extra={"action": "thread_refused", "code": error.code})
            return Home(thread.channel, thread.thread, why)
        return Home(thread.thread)

    async def _name(self, thread: ThreadRef, title: str) -> str:
        """The words of the message that begins it, as far as Gofer may read them."""
        message = await self._web.one("GET", MESSAGE, {"channel_id": thread.channel, "message_id": thread.thread})
        words = heading_of(message) or one_line(title)
        return clip(words, NAME_CHARS) or phrases.NAME

    async def _exists(self, thread_id: str) -> bool:
        try:
            await self._web.call("GET", CHANNEL, {"channel_id": thread_id})
        except DiscordRefused as error:
            if error.code not in (UNKNOWN_CHANNEL, NO_ACCESS):
                raise
            return False
        return True

    def _keep(self, thread: ThreadRef, home: Home) -> Home:
        self._homes[thread] = home
        self._homes.move_to_end(thread)
        while len(self._homes) > KEPT:
            self._homes.popitem(last=False)
        return home
