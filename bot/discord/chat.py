"""`DiscordChat`: what a task may read and write in a server beside its own conversation.

Everything is bounded by several views at once: the channels Gofer can read, and those that each of the people who
direct the task can, all as Discord says at the call. A channel outside any of them does not exist here. Applications
cannot search Discord, so `search` reads the newest messages of the readable channels itself and says which.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from agent.domain.chat import ChatMessage, ChatPage
from agent.domain.errors import Bug, NotAllowed, NotFound, Refused
from bot.cards import Person
from bot.discord.citations import EPOCH, Site, all_words, channel_name, cited, is_hidden, was_said
from bot.discord.components import TEXT_CHARS, render_words
from bot.discord.markdown import code_block, markdown, user_id
from bot.discord.marks import marked
from bot.discord.payload import Payload, number, snowflake, text, when
from bot.discord.posting import PAGE, Poster, pages
from bot.discord.sight import SEND_IN_THREADS, SEND_MESSAGES, VIEW_CHANNEL, Sight
from bot.discord.threads import DIRECT, MESSAGE, MESSAGES, Threads
from bot.discord.web import DiscordRefused, Identity, Web
from bot.discord.words import THREADS, link_parts
from bot.markup import parse, units
from bot.surface import SurfaceDown, SurfaceRefused, ThreadRef

CHANNELS = 20
"""Searched at most."""
CHANNEL_PAGES = 3
"""Of a hundred messages, the newest ones of each channel."""
OPEN_THREADS = 10
"""Searched besides: those that were written to last."""
LISTED = 20
"""Channels named in a refusal."""
_AT_ONCE = 4
_TEXT_TYPES = frozenset({0, 5})
"""Types of channels with messages: text, announcements."""

_HIDDEN = (
    "Discord keeps from Gofer what people say without mentioning it, unless the host sets "
    "GOFER_DISCORD_MESSAGE_CONTENT."
)

T = TypeVar("T")
Users = tuple[str, ...]
"""User ids of all who direct a task, the requester's first."""


@dataclass(frozen=True, slots=True)
class _Scanned:
    """A channel or thread as far as it was read. `whole`: there is nothing before that."""

    site: Site
    messages: tuple[Payload, ...]
    whole: bool


class DiscordChat:
    """One application, in all its servers. Satisfies `agent.ports.chat.Chat`."""

    def __init__(self, web: Web, bot: Identity) -> None:
        self._web, self._bot = web, bot
        self._sight = Sight(web)
        self._poster = Poster(web, Threads(web), bot.user_id)

    async def search(
        self, people: tuple[str, ...], thread_id: str, query: str, *, cursor: str = "", limit: int = 20
    ) -> ChatPage:
        """Newest first. `cursor` is the id of the last message of the page before."""
        async with _told_plainly():
            users, own = _users(people), ThreadRef.parse(thread_id)
            before = _number_in(cursor)
            sites, left_out = await self._readable(users, own)
            threads = await self._open_threads(users, own, sites)
            scanned = await _in_turn(self._scan(site, CHANNEL_PAGES) for site in sites)
            scanned_threads = await _in_turn(self._scan(site, 1) for site in threads)
            words = query.casefold().split()
            found = {
                int(snowflake(message, "id")): (one.site, message)
                for one in (*scanned, *scanned_threads)
                for message in one.messages
                if was_said(message) and all(word in all_words(message).casefold() for word in words)
            }
            ids = sorted((at for at in found if before is None or at < before), reverse=True)
            told = tuple(cited(*found[at]) for at in ids[:limit])
            covered = self._covered(scanned, scanned_threads, left_out)
            return ChatPage(messages=told, cursor=str(ids[limit - 1]) if len(ids) > limit else "", covered=covered)

    async def history(
        self,
        people: tuple[str, ...],
        thread_id: str,
        channel: str,
        *,
        thread: str = "",
        cursor: str = "",
        limit: int = 50,
    ) -> ChatPage:
        """A page; `cursor` is the id of its last message."""
        async with _told_plainly():
            users, own = _users(people), ThreadRef.parse(thread_id)
            _number_in(cursor)
            site = await self._spot(users, own, channel, thread)
            most = max(1, min(limit, PAGE))
            side = ("after", cursor or "0") if site.thread else ("before", cursor)
            params = {"limit": most} | ({side[0]: side[1]} if side[1] else {})
            page = await self._web.many("GET", MESSAGES, {"channel_id": site.place}, params=params)
            shown = sorted(page, key=lambda message: int(snowflake(message, "id")), reverse=not site.thread)
            more = snowflake(shown[-1], "id") if len(page) == most else ""
            if site.thread and not cursor:
                shown = [*await self._root(site), *shown]
            told = tuple(cited(site, message) for message in shown if was_said(message))
            covered = _HIDDEN if any(is_hidden(message, self._bot.user_id) for message in shown) else ""
            return ChatPage(messages=told, cursor=more, covered=covered)

    async def post(
        self, people: tuple[str, ...], thread_id: str, channel: str, text: str, *, thread: str = "", key: str
    ) -> ChatMessage:
        """Looks first for what was posted with this key, and again when Discord's answer was lost."""
        async with _told_plainly():
            users, own = _users(people), ThreadRef.parse(thread_id)
            if channel.strip() or thread.strip():
                where = await self._writable(users, await self._spot(users, own, channel, thread, begin=True))
            else:  # where the task's own cards go anyway
                where = own
            posted = await self._poster.find(where, key)
            if posted is None:
                words = markdown(parse(text))
                body = marked(render_words(words if units(words) <= TEXT_CHARS else code_block(text)), key)
                try:
                    posted = await self._poster.put(where, body, key=key, title=text)
                except SurfaceDown as error:
                    if error.retry_after_s is not None:
                        raise  # it was not even looked at
                    posted = await self._found_after_all(where, key, error)
            return cited(await self._site_of(where, posted), posted)

    # -- where

    async def _spot(self, users: Users, own: ThreadRef, channel: str, thread: str, *, begin: bool = False) -> Site:
        """The channel or thread that is named, if all can read it. Raises `NotFound` and `Refused`.

        `begin`: a message without a thread may get one.
        """
        linked = link_parts(thread) if thread.strip() else None
        if thread.strip() and linked is None:
            raise Refused(f"{thread!r} is no link to a message.", next_step="Take the link that comes with a message.")
        channel_id, name = channel_name(channel)
        if linked is None:
            return await self._site(users, own, channel_id or ("" if name else own.channel), name)
        _, linked_id, message_id = linked
        site = await self._site(users, own, linked_id, "")
        if (channel_id or name) and (await self._site(users, own, channel_id, name)).channel != site.channel:
            raise Refused("The thread is not in that channel.", next_step="Name the one it is in, or none.")
        if site.thread or site.space == DIRECT:
            return site
        with_thread = Site(site.space, site.channel, site.label, message_id)
        if begin or await self._sight.channel(message_id):
            return with_thread
        raise Refused("This message has no thread.", next_step="Read its channel instead.")

    async def _site(self, users: Users, own: ThreadRef, channel_id: str, name: str) -> Site:
        """A channel by id or name, if all can read it. Raises `NotFound`, in the same words for all others."""
        if own.space == DIRECT:
            if channel_id == own.channel:
                return Site(DIRECT, own.channel, "direct messages")
            raise NotFound("From direct messages no channel can be read.", next_step="Ask in a channel of the server.")
        seen = [] if channel_id else await self._seen(users, own)
        channel = await self._sight.channel(channel_id)
        if channel and snowflake(channel, "guild_id") == own.space and await self._all(users, channel):
            return await self._named(channel)
        for site in seen:
            if site.label.casefold() == f"#{name}":
                return site
        names = ", ".join(site.label for site in (seen or await self._seen(users, own))[:LISTED])
        named = f"#{name}" if name else channel_id
        raise NotFound(
            f"There is no channel {named} that Gofer and everybody who directs this task can read.",
            next_step=f"There is: {names}." if names else "",
        )

    async def _named(self, channel: Payload) -> Site:
        """A channel; a thread stands under the name of the one it is in."""
        space, channel_id = snowflake(channel, "guild_id"), snowflake(channel, "id")
        if number(channel, "type") not in THREADS:
            return Site(space, channel_id, f"#{text(channel, 'name')}")
        parent_id = snowflake(channel, "parent_id")
        parent = await self._sight.channel(parent_id)
        return Site(space, parent_id, f"#{text(parent, 'name')}", channel_id)

    async def _all(self, users: Users, channel: Payload) -> bool:
        """Whether all of them can read a channel, and Gofer."""
        for user in (*users, self._bot.user_id):
            if not await self._sight.sees(user, channel):
                return False
        return True

    async def _seen(self, users: Users, own: ThreadRef) -> list[Site]:
        """The channels of the server that all can read, in its order, that of the conversation first."""
        if own.space == DIRECT:
            return [Site(DIRECT, own.channel, "direct messages")]
        channels = [one for one in await self._sight.channels(own.space) if number(one, "type") in _TEXT_TYPES]
        channels.sort(key=lambda one: (snowflake(one, "id") != own.channel, number(one, "position")))
        return [await self._named(one) for one in channels if await self._all(users, {**one, "guild_id": own.space})]

    async def _readable(self, users: Users, own: ThreadRef) -> tuple[list[Site], int]:
        """The channels to search, and how many are left out."""
        seen = await self._seen(users, own)
        return seen[:CHANNELS], len(seen[CHANNELS:])

    async def _open_threads(self, users: Users, own: ThreadRef, sites: Sequence[Site]) -> list[Site]:
        """The conversation's own thread, and those of the channels searched that were written to last."""
        labels = {site.channel: site.label for site in sites}
        if own.space == DIRECT:
            return []
        threads = [one for one in await self._sight.active_threads(own.space) if snowflake(one, "parent_id") in labels]
        threads.sort(key=lambda one: (snowflake(one, "id") == own.thread, _last(one)), reverse=True)
        found: list[Site] = []
        for one in threads:
            if len(found) < OPEN_THREADS and await self._all(users, {**one, "guild_id": own.space}):
                parent_id = snowflake(one, "parent_id")
                found.append(Site(own.space, parent_id, labels[parent_id], snowflake(one, "id")))
        return found

    async def _writable(self, users: Users, site: Site) -> ThreadRef:
        """Where to post. Gofer writes nowhere for somebody who could not write there themselves."""
        channel = await self._sight.channel(site.channel)
        right = SEND_IN_THREADS if site.thread else SEND_MESSAGES
        for user in users:
            if site.space != DIRECT and not await self._sight.sees(user, channel, VIEW_CHANNEL | right):
                raise Refused(
                    f"Not everybody who directs this task may write in {site.label}.", next_step="Name another channel."
                )
        return ThreadRef("discord", site.space, site.channel, site.thread)

    async def _site_of(self, where: ThreadRef, posted: Payload) -> Site:
        """Where a message of ours came to stand."""
        place = snowflake(posted, "channel_id")
        if where.space == DIRECT:
            return Site(DIRECT, where.channel, "direct messages")
        channel = await self._sight.channel(where.channel)
        inside = place != where.channel
        return Site(where.space, where.channel, f"#{text(channel, 'name')}", place if inside else "")

    # -- reading and writing

    async def _scan(self, site: Site, most: int) -> _Scanned:
        try:
            messages = tuple([message async for message in pages(self._web, site.place, most)])
        except DiscordRefused:
            return _Scanned(site, (), whole=True)  # somebody took the right away just now
        return _Scanned(site, messages, whole=len(messages) < most * PAGE)

    async def _root(self, site: Site) -> list[Payload]:
        """The message that a thread began with, where it began with one that stands."""
        try:
            found = await self._web.one("GET", MESSAGE, {"channel_id": site.channel, "message_id": site.thread})
        except DiscordRefused:
            return []
        return [found]

    async def _found_after_all(self, where: ThreadRef, key: str, lost: SurfaceDown) -> Payload:
        """What was posted though Discord's answer was lost. Raises `Refused` when nobody can tell."""
        with suppress(SurfaceDown):
            if (posted := await self._poster.find(where, key)) is not None:
                return posted
        raise Refused(
            "Discord did not answer, so the message may have been posted.",
            next_step="Look with chat_history before you post it again.",
        ) from lost

    def _covered(self, scanned: Sequence[_Scanned], threads: Sequence[_Scanned], left_out: int) -> str:
        """What was looked at."""
        if not scanned:
            return "There is no channel that Gofer and everybody who directs this task can read."
        told: list[str] = []
        for one in scanned:
            oldest = when(snowflake(one.messages[-1], "id"), EPOCH) if one.messages else EPOCH
            told.append(one.site.label if one.whole else f"{one.site.label} (back to {oldest:%Y-%m-%d})")
        sentence = f"Looked at {', '.join(told)}, and at {len(threads)} of the threads that are open there."
        if left_out:
            sentence += f" {left_out} more channels were not looked at."
        read = (message for one in (*scanned, *threads) for message in one.messages)
        hidden = any(is_hidden(message, self._bot.user_id) for message in read)
        return f"{sentence} {_HIDDEN}" if hidden else sentence


def _users(people: tuple[str, ...]) -> Users:
    """Their user ids. Raises `NotAllowed` for people of elsewhere."""
    users = tuple(user_id(Person(person_id)) for person_id in people)
    if not users:
        raise Bug("a task without a requester")
    if not all(users):
        raise NotAllowed(
            "Somebody who asked for this work or steered it is nobody of Discord, so Gofer may not look around there "
            "for them.",
            next_step="Only people of the server can have that done, in a task of their own.",
        )
    return users


def _number_in(cursor: str) -> int | None:
    """Where the page before ended. Raises `Refused`."""
    if not cursor:
        return None
    if not cursor.isdecimal():
        raise Refused(f"{cursor!r} is no cursor of this search.", next_step="Search again without it.")
    return int(cursor)


def _last(thread: Payload) -> int:
    """A number that grows with the newest message of a thread."""
    return int(snowflake(thread, "last_message_id") or snowflake(thread, "id") or 0)


@asynccontextmanager
async def _told_plainly() -> AsyncGenerator[None]:
    """Discord's troubles as sentences for whoever asked."""
    try:
        yield
    except SurfaceRefused as error:
        raise Refused(str(error)) from error
    except SurfaceDown as error:
        raise Refused("Discord cannot be reached now.", next_step="Try again in some minutes.") from error


async def _in_turn(jobs: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Their results in order, some at a time; the first failure ends the others."""
    turns = asyncio.Semaphore(_AT_ONCE)  # guards Discord from a burst

    async def run(job: Coroutine[Any, Any, T]) -> T:
        async with turns:
            return await job

    tasks = [asyncio.create_task(run(job)) for job in jobs]
    try:
        return [await task for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
