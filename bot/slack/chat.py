"""`SlackChat`: what a task may read and write in a workspace beside its own conversation.

Everything is bounded by several views at once: the channels Gofer is in, and those that each of the people who direct
the task can see, all as Slack says at the call. A channel outside any of them does not exist here. Slack has no
search for bots without a user's token, so `search` reads the newest messages of the readable channels itself and says
which.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from agent.domain.chat import ChatMessage, ChatPage
from agent.domain.errors import Bug, NotAllowed, NotFound, Refused
from agent.domain.people import Standing
from bot.markup import parse
from bot.slack import rich_text
from bot.slack.citations import EPOCH, Site, Spot, channel_name, cited, is_ts, says_something, spot_of, words_of
from bot.slack.directory import Directory
from bot.slack.mrkdwn import users_in
from bot.slack.pacer import Priority, RateLimited
from bot.slack.payload import Payload, flag, moment, part, parts, text
from bot.slack.web import Web
from bot.slack.workspace import Workspace
from bot.surface import SurfaceDown, SurfaceRefused, ThreadRef

CHANNELS = 20
"""Searched at most: of the calls that Slack allows in a minute (tier 3) this is less than half."""
MESSAGES = 400
"""The newest ones of each channel; one call."""
THREADS = 10
"""Whose replies are searched: those that were written to last."""
REPLIES = 200
LISTED = 20
"""Channels named in a refusal."""
_PAGES = 10
_AT_ONCE = 4
_FOUND_PAGES = 5
_FIND_PAGE = 200
"""Messages looked through for one that was posted before: in a channel the newest page, in a thread five of them."""
BLOCKS_CHARS = 12_000
"""Of JSON; Slack refuses a message's blocks above about 13,200."""
EVENT_TYPE = "gofer_post"
_TYPES = "public_channel,private_channel"

T = TypeVar("T")
Users = tuple[str, ...]
"""User ids of all who direct a task, the requester's first."""


@dataclass(frozen=True, slots=True)
class _Joined:
    """A channel that Gofer is in."""

    site: Site
    public: bool


@dataclass(frozen=True, slots=True)
class _Scanned:
    """A channel as far as it was read. `whole`: there is nothing before that."""

    site: Site
    messages: tuple[Payload, ...]
    whole: bool


class SlackChat:
    """One workspace. Satisfies `agent.ports.chat.Chat`."""

    def __init__(self, web: Web, directory: Directory, workspace: Workspace) -> None:
        self._web, self._directory, self._here = web, directory, workspace

    async def search(
        self, people: tuple[str, ...], thread_id: str, query: str, *, cursor: str = "", limit: int = 20
    ) -> ChatPage:
        """Newest first. `cursor` is the place of the last message of the page before."""
        async with _told_plainly():
            users, own = self._users(people), self._own(thread_id)
            sites, left_out = await self._readable(users, own)
            scanned = await self._scan(sites)
            threads = await self._threads(scanned, own)
            words = query.casefold().split()
            found = {
                (text(message, "ts"), site.channel): (site, message)
                for site, messages in [*((one.site, one.messages) for one in scanned), *threads]
                for message in messages
                if says_something(message) and all(word in words_of(message, {}).casefold() for word in words)
            }
            before = _place_in(cursor)
            places = sorted((place for place in found if before is None or place < before), reverse=True)
            page = [found[place] for place in places[:limit]]
            more = "/".join(places[limit - 1]) if len(places) > limit else ""
            covered = _covered(scanned, len(threads), left_out)
            return ChatPage(messages=await self._cited(page), cursor=more, covered=covered)

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
        """A page as Slack cuts it; `cursor` is Slack's."""
        async with _told_plainly():
            users, own = self._users(people), self._own(thread_id)
            site, root = await self._spot(users, own, channel, thread)
            page = await self._page(site, root, cursor, limit)
            parents = {text(message, "thread_ts") for message in parts(page, "messages")} - {"", root}
            if root and parents:  # the link named a reply, and Slack gives nothing but that
                page = await self._page(site, parents.pop(), cursor, limit)
            said = [(site, message) for message in parts(page, "messages") if says_something(message)]
            return ChatPage(messages=await self._cited(said), cursor=text(page, "response_metadata", "next_cursor"))

    async def post(
        self, people: tuple[str, ...], thread_id: str, channel: str, text: str, *, thread: str = "", key: str
    ) -> ChatMessage:
        """Looks first for what was posted with this key, and again when Slack's answer was lost."""
        async with _told_plainly():
            users, own = self._users(people), self._own(thread_id)
            if channel.strip() or thread.strip():
                site, root = await self._spot(users, own, channel, thread)
            else:  # where the task's own cards go anyway
                site, root = Site(own.channel, "this conversation"), own.root
            posted = await self._find(site, root, key)
            if posted is None:
                try:
                    answer = await self._send(site, root, text, key)
                except RateLimited:
                    raise
                except SurfaceDown as error:
                    posted = await self._found_after_all(site, root, key, error)
                else:
                    posted = {**part(answer, "message"), "ts": answer.get("ts", ""), "thread_ts": root}
            return cited(site, posted, {self._here.bot_user_id: "Gofer"}, self._here.url)

    # -- who, and where

    def _users(self, people: tuple[str, ...]) -> Users:
        """Their user ids. Raises `NotAllowed` for people whom this workspace does not know."""
        users: list[str] = []
        for person_id in people:
            surface, _, rest = person_id.partition(":")
            team, _, user = rest.partition(":")
            if surface != "slack" or team != self._here.team_id or not user:
                raise NotAllowed(
                    "Somebody who asked for this work or steered it is not a member of this Slack workspace, so Gofer "
                    "may not look around in it for them.",
                    next_step="Only people of the workspace can have that done, in a task of their own.",
                )
            users.append(user)
        if not users:
            raise Bug("a task without a requester")
        return tuple(users)

    async def _all_see(self, users: Users, channel_id: str) -> bool:
        for user in users:
            if not await self._directory.can_see(user, channel_id):
                return False
        return True

    def _own(self, thread_id: str) -> Spot:
        thread = ThreadRef.parse(thread_id)
        return Spot(thread.channel, thread.thread)

    async def _spot(self, users: Users, own: Spot, channel: str, thread: str) -> tuple[Site, str]:
        """The channel and, where one is named, the root of the thread. Raises `NotFound` and `Refused`."""
        linked = spot_of(thread) if thread.strip() else None
        root = linked.root if linked else thread.strip()
        if root and not is_ts(root):
            raise Refused(f"{thread!r} is no link to a message.", next_step="Take the link that comes with a message.")
        channel_id, name = channel_name(channel)
        if linked is not None:
            if (channel_id or name) and channel_id != linked.channel:
                named = await self._site(users, own, channel_id, name)
                if named.channel != linked.channel:
                    raise Refused("The thread is not in that channel.", next_step="Name the one it is in, or none.")
            channel_id, name = linked.channel, ""
        return await self._site(users, own, channel_id or ("" if name else own.channel), name), root

    async def _site(self, users: Users, own: Spot, channel_id: str, name: str) -> Site:
        """A channel by id or name, if both can read it. Raises `NotFound`, in the same words for all others."""
        joined = await self._joined()
        if name:
            channel_id = next((one.site.channel for one in joined if one.site.label.casefold() == f"#{name}"), "")
        if channel_id and await self._all_see(users, channel_id):
            if channel_id == own.channel:
                return await self._own_site(own)
            for one in joined:
                if one.site.channel == channel_id:
                    return one.site
        names = ", ".join(site.label for site in (await self._seen(users, joined))[:LISTED])
        named = f"#{name}" if name else channel_id
        raise NotFound(
            f"There is no channel {named} that Gofer and everybody who directs this task can read.",
            next_step=f"There is: {names}." if names else "",
        )

    async def _own_site(self, own: Spot) -> Site:
        """The conversation's own channel, which may be direct messages: these are read from there alone. What somebody
        told Gofer in private is not for whoever steers their task in a channel."""
        channel = await self._directory.channel(own.channel)
        named = channel is not None and not channel.direct and channel.name
        return Site(own.channel, f"#{channel.name}" if channel is not None and named else "direct messages")

    async def _joined(self) -> list[_Joined]:
        """The channels Gofer is in."""
        return [
            _Joined(Site(text(one, "id"), f"#{text(one, 'name')}"), public=not flag(one, "is_private"))
            for one in await self._conversations()
        ]

    async def _conversations(self, user: str | None = None) -> list[Payload]:
        """The channels somebody is in, as far as Gofer may know of them; without a user those of Gofer."""
        found: list[Payload] = []
        cursor = None
        for _ in range(_PAGES):
            page = await self._read(
                "users.conversations", user=user, types=_TYPES, exclude_archived=True, limit=200, cursor=cursor
            )
            found += parts(page, "channels")
            cursor = text(page, "response_metadata", "next_cursor") or None
            if cursor is None:
                break
        return found

    async def _seen(self, users: Users, joined: Sequence[_Joined]) -> list[Site]:
        """Those that the requester is in, then the other ones they can see, of both what the others can see, too; told
        without asking for each."""
        inside, beside = await self._seen_by(users[0], joined)
        for user in users[1:]:
            theirs = {site.channel for part in await self._seen_by(user, joined) for site in part}
            inside = [site for site in inside if site.channel in theirs]
            beside = [site for site in beside if site.channel in theirs]
        return inside + beside

    async def _seen_by(self, user: str, joined: Sequence[_Joined]) -> tuple[list[Site], list[Site]]:
        """Of these channels those that somebody is in, and the other ones they can see."""
        theirs = {text(one, "id") for one in await self._conversations(user)}
        member = (await self._directory.person(user)).standing is Standing.MEMBER
        inside = [one.site for one in joined if one.site.channel in theirs]
        return inside, [one.site for one in joined if one.public and member and one.site.channel not in theirs]

    async def _readable(self, users: Users, own: Spot) -> tuple[list[Site], int]:
        """The channels to search, that of the conversation first, and how many are left out. `can_see` has the last
        word on each."""
        first = [await self._own_site(own)] if await self._all_see(users, own.channel) else []
        others = [site for site in await self._seen(users, await self._joined()) if site.channel != own.channel]
        most = CHANNELS - len(first)
        return (
            first + [site for site in others[:most] if await self._all_see(users, site.channel)],
            len(others[most:]),
        )

    # -- reading

    async def _read(self, method: str, **arguments: Any) -> Payload:
        return await self._web.call(method, Priority.STATE, **arguments)

    async def _page(self, site: Site, root: str, cursor: str, limit: int, **more: Any) -> Payload:
        arguments = {"channel": site.channel, "cursor": cursor or None, "limit": limit, **more}
        if root:
            return await self._read("conversations.replies", ts=root, **arguments)
        return await self._read("conversations.history", **arguments)

    async def _scan(self, sites: Sequence[Site]) -> list[_Scanned]:
        turns = asyncio.Semaphore(_AT_ONCE)  # guards Slack and the pacer's queue from a burst

        async def scan(site: Site) -> _Scanned:
            async with turns:
                page = await self._page(site, "", "", MESSAGES)
            return _Scanned(site, parts(page, "messages"), not flag(page, "has_more"))

        return await _all(scan(site) for site in sites)

    async def _threads(self, scanned: Sequence[_Scanned], own: Spot) -> list[tuple[Site, tuple[Payload, ...]]]:
        """The replies in the conversation's own thread and in those that were written to last."""
        written = [
            (text(message, "latest_reply"), one.site, text(message, "ts"))
            for one in scanned
            for message in one.messages
            if text(message, "latest_reply")
        ]
        written.sort(key=lambda item: (Spot(item[1].channel, item[2]) == own, item[0]), reverse=True)
        turns = asyncio.Semaphore(_AT_ONCE)

        async def replies(site: Site, root: str) -> tuple[Site, tuple[Payload, ...]]:
            async with turns:
                page = await self._page(site, root, "", REPLIES)
            return site, parts(page, "messages")

        return await _all(replies(site, root) for _, site, root in written[:THREADS])

    async def _cited(self, found: Sequence[tuple[Site, Payload]]) -> tuple[ChatMessage, ...]:
        users = {text(message, "user") for _, message in found} - {""}
        users.update(users_in(text(message, "text") for _, message in found))
        names = await self._directory.names(sorted(users))
        return tuple(cited(site, message, names, self._here.url) for site, message in found)

    # -- writing

    async def _send(self, site: Site, root: str, markdown: str, key: str) -> Payload:
        """Rich text is not parsed by Slack, and the fallback is escaped: nothing in either mentions anybody."""
        blocks = [{"type": "rich_text", "elements": rich_text.elements(parse(markdown))}]
        fits = blocks[0]["elements"] and len(json.dumps(blocks)) <= BLOCKS_CHARS
        return await self._web.call(
            "chat.postMessage",
            Priority.RESULT,
            lane=site.channel,
            channel=site.channel,
            thread_ts=root or None,
            text=rich_text.escape(markdown),
            blocks=blocks if fits else None,
            metadata={"event_type": EVENT_TYPE, "event_payload": {"key": key}},
            unfurl_links=False,
            unfurl_media=False,
        )

    async def _found_after_all(self, site: Site, root: str, key: str, lost: SurfaceDown) -> Payload:
        """What was posted though Slack's answer was lost. Raises `Refused` when nobody can tell."""
        with suppress(SurfaceDown):
            if (posted := await self._find(site, root, key)) is not None:
                return posted
        raise Refused(
            "Slack did not answer, so the message may have been posted.",
            next_step="Look with chat_history before you post it again.",
        ) from lost

    async def _find(self, site: Site, root: str, key: str) -> Payload | None:
        """What Gofer posted there with this key."""
        cursor = ""
        for _ in range(_FOUND_PAGES if root else 1):
            page = await self._page(site, root, cursor, _FIND_PAGE, include_all_metadata=True)
            for message in parts(page, "messages"):
                ours = text(message, "bot_id") == self._here.bot_id or text(message, "user") == self._here.bot_user_id
                kind, known = text(message, "metadata", "event_type"), text(message, "metadata", "event_payload", "key")
                if ours and (kind, known) == (EVENT_TYPE, key):
                    return message
            cursor = text(page, "response_metadata", "next_cursor")
            if not cursor:
                break
        return None


def _place_in(cursor: str) -> tuple[str, str] | None:
    """Where the page before ended. Raises `Refused`."""
    if not cursor:
        return None
    ts, slash, channel = cursor.partition("/")
    if not slash or not is_ts(ts):
        raise Refused(f"{cursor!r} is no cursor of this search.", next_step="Search again without it.")
    return ts, channel


def _covered(scanned: Sequence[_Scanned], threads: int, left_out: int) -> str:
    """What was looked at."""
    if not scanned:
        return "There is no channel that Gofer and everybody who directs this task can read."
    told: list[str] = []
    for one in scanned:
        oldest = min((text(message, "ts") for message in one.messages), default="")
        since = "" if one.whole or not oldest else f" (back to {moment(oldest, EPOCH):%Y-%m-%d})"
        told.append(f"{one.site.label}{since}")
    sentence = f"Looked at {', '.join(told)}, and at replies in {threads} of the newest threads there."
    return f"{sentence} {left_out} more channels were not looked at." if left_out else sentence


@asynccontextmanager
async def _told_plainly() -> AsyncGenerator[None]:
    """Slack's troubles as sentences for whoever asked."""
    try:
        yield
    except SurfaceRefused as error:
        raise Refused(str(error)) from error
    except SurfaceDown as error:
        raise Refused("Slack cannot be reached now.", next_step="Try again in some minutes.") from error


async def _all(jobs: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Their results in order; the first failure ends the others."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        return [await task for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
