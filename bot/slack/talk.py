"""What was said in Slack: the thread before a request, and Gofer's own messages by their keys."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agent.domain.people import Actor, Standing
from bot.slack.directory import Directory
from bot.slack.files import Files, described_files
from bot.slack.marks import bears, is_bare
from bot.slack.mrkdwn import plain_text, users_in
from bot.slack.pacer import Priority
from bot.slack.payload import Payload, flag, moment, parts, text
from bot.slack.web import GONE, SlackRefused, Web
from bot.slack.workspace import Workspace
from bot.surface import IncomingFile, MessageRef, Said, SurfaceRefused, ThreadRef

logger = logging.getLogger(__name__)

PAGE = 200
PAGES_MAX = 25
"""Messages of a thread beyond these are not looked at: the newest of a longer one are unknown."""
RECENT_PAGES = 2
"""Of a channel, when a message without a thread is looked for."""
LINKS_MAX = 10
"""Links followed for one request."""
_SAID = frozenset({"", "file_share", "thread_broadcast", "me_message", "bot_message"})
_LINK = re.compile(
    r"https://[\w.-]+\.slack(?:-gov)?\.com/archives/([CDG][A-Z0-9]{2,})/p(\d{10})(\d{6})(?:\?[^\s|<>]*?thread_ts=(\d{10}\.\d{6}))?"
)
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class _Link:
    """A message that another one points at. `root`: its thread, as far as the address says."""

    channel: str
    ts: str
    root: str


class Talk:
    """The messages of one workspace, as far as Gofer may read them."""

    def __init__(self, web: Web, workspace: Workspace, directory: Directory, files: Files) -> None:
        self._web, self._here, self._directory, self._files = web, workspace, directory, files

    async def find(self, thread: ThreadRef, key: str) -> str | None:
        """The timestamp of Gofer's message with this key in a thread, or among the newest of a channel.

        A status card may also be a stream that was never ended: then it bears no key, as nothing else of Gofer's.
        """
        bare: str | None = None
        try:
            async for message in self._messages(thread):
                if not self._is_ours(message):
                    continue
                if bears(message, key):
                    return text(message, "ts")
                if thread.thread and is_bare(message):
                    bare = max(bare or "", text(message, "ts"))
        except SlackRefused as error:
            if error.error not in GONE:
                raise
        return bare if key.startswith("status:") else None

    async def history(
        self, thread: ThreadRef, *, before: MessageRef | None, limit: int, reader: str = ""
    ) -> tuple[Said, ...]:
        """What was said, oldest first: the newest `limit`, with what they forward or link to.

        A link is followed where Gofer is in the channel, and both whoever posted it and the `reader` may see it. That
        is the user for whom all this is read, without one the author of `before`. What `before` itself forwards is
        left to those who read it; what it links to is here.
        """
        until = before.message_id if before is not None else ""
        known: list[Payload] = []
        request: Payload = {}
        try:
            async for message in self._messages(thread, until):
                if until and text(message, "ts") == until:
                    request = message
                elif text(message, "subtype") in _SAID and (not until or text(message, "ts") < until):
                    known.append(message)
        except SlackRefused as error:
            if error.error not in GONE:
                raise
        told = sorted(known, key=lambda message: text(message, "ts"))[-max(limit, 1) :]
        reader = reader or text(request, "user")
        seen = {(thread.channel, text(message, "ts")) for message in (*told, request)}
        said: list[Said] = []
        budget = LINKS_MAX
        for message in (*told, *([request] if request else [])):
            shared = [item for item in parts(message, "attachments") if flag(item, "is_share")]
            if message is not request:
                said += [await self._forwarded(item, thread) for item in shared]
            seen |= {(text(item, "channel_id"), text(item, "ts")) for item in shared}
            for link in _links(message):
                if budget and (link.channel, link.ts) not in seen:
                    seen.add((link.channel, link.ts))
                    budget -= 1
                    if (found := await self._linked(link, text(message, "user"), reader)) is not None:
                        said.append(found)
            if message is not request:
                said.append(await self._said(message, thread))
        return tuple(said[-limit:])

    def link_to(self, channel: str, ts: str, root: str = "") -> str:
        """The permanent address of a message; empty where the workspace's own address is not known."""
        if not self._here.url:
            return ""
        thread = f"?thread_ts={root}&cid={channel}" if root and root != ts else ""
        return f"{self._here.url.rstrip('/')}/archives/{channel}/p{ts.replace('.', '')}{thread}"

    # -- reading

    async def _messages(self, thread: ThreadRef, until: str = "") -> AsyncGenerator[Payload]:
        """All messages up to a timestamp, it included. Threads come oldest first, channels newest first."""
        arguments: dict[str, Any] = {"channel": thread.channel, "limit": PAGE, "include_all_metadata": True}
        if until:
            arguments |= {"latest": until, "inclusive": True}
        method, pages = "conversations.history", RECENT_PAGES
        if thread.thread:
            arguments["ts"] = thread.thread
            method, pages = "conversations.replies", PAGES_MAX
        for _ in range(pages):
            answer = await self._web.call(method, Priority.STATE, **arguments)
            for message in parts(answer, "messages"):
                yield message
            cursor = text(answer, "response_metadata", "next_cursor")
            if not cursor:
                return
            arguments["cursor"] = cursor
        if thread.thread:
            logger.warning("a thread is too long to be read whole", extra={"action": "thread_long"})

    async def _linked(self, link: _Link, user: str, reader: str) -> Said | None:
        """The message behind a link that `user` posted; None: not for Gofer, or not for one of them."""
        channel = await self._directory.channel(link.channel)
        if channel is None or not channel.joined:
            return None
        for one in (user, reader or user):
            if not (one and await self._directory.can_see(one, link.channel)):
                return None
        try:
            answer = await self._web.call(
                "conversations.replies",
                Priority.STATE,
                channel=link.channel,
                ts=link.root or link.ts,
                oldest=link.ts,
                latest=link.ts,
                inclusive=True,
                limit=2,
            )
        except SurfaceRefused as error:
            logger.info("a link could not be followed", extra={"action": "link_refused", "why": str(error)})
            return None
        found = next((message for message in parts(answer, "messages") if text(message, "ts") == link.ts), None)
        if found is None or text(found, "subtype") not in _SAID:
            return None
        root = text(found, "thread_ts") or link.ts
        return await self._said(found, ThreadRef("slack", self._here.team_id, link.channel, root))

    # -- telling

    async def _said(self, message: Payload, thread: ThreadRef) -> Said:
        ts = text(message, "ts")
        written = text(message, "text") or _words(message)
        ours = self._is_ours(message)
        return Said(
            message=MessageRef(thread, ts),
            person=await self._author(message, thread.channel),
            text=plain_text(written, await self._names(written)),
            at=moment(ts, _EPOCH),
            by_gofer=ours,
            files=() if ours else await self._taken(message),
            link=self.link_to(thread.channel, ts, text(message, "thread_ts")),
        )

    async def _forwarded(self, item: Payload, thread: ThreadRef) -> Said:
        """A message that somebody shared here: Slack shows it to everybody, wherever it is from."""
        channel, ts = text(item, "channel_id") or thread.channel, text(item, "ts")
        written = text(item, "text") or _words(item) or text(item, "fallback")
        author = text(item, "author_id")
        name = text(item, "author_name") or text(item, "author_subname")
        person = Actor(self._here.person_id(author), name, self._here.place(thread.channel), standing=Standing.OUTSIDER)
        return Said(
            message=MessageRef(ThreadRef("slack", self._here.team_id, channel, ts), ts),
            person=await self._directory.actor(author, thread.channel) if author else person,
            text=plain_text(written, await self._names(written)),
            at=moment(ts, _EPOCH),
            by_gofer=author == self._here.bot_user_id,
            files=await self._taken(item),
            link=text(item, "from_url"),
        )

    async def _author(self, message: Payload, channel: str) -> Actor:
        if user := text(message, "user"):
            return await self._directory.actor(user, channel)
        name = text(message, "username") or text(message, "bot_profile", "name") or "a program"
        author = self._here.person_id(text(message, "bot_id"))
        return Actor(author, name, self._here.place(channel), standing=Standing.BOT)

    async def _names(self, written: str) -> dict[str, str]:
        return dict(await self._directory.names(users_in([written])[:PAGE]))

    async def _taken(self, message: Payload) -> tuple[IncomingFile, ...]:
        return tuple([self._files.incoming(await self._files.complete(file)) for file in described_files(message)])

    def _is_ours(self, message: Payload) -> bool:
        user, bot = text(message, "user"), text(message, "bot_id")
        return user == self._here.bot_user_id or (bool(bot) and bot == self._here.bot_id)


def _links(message: Payload) -> Iterable[_Link]:
    """Messages that a text points at, each once."""
    written = text(message, "text").replace("&amp;", "&")
    found = (_Link(m[1], f"{m[2]}.{m[3]}", m[4] or "") for m in _LINK.finditer(written))
    return dict.fromkeys(found)


def _words(payload: Payload) -> str:
    """What is written in the blocks of a message that has no text, as some programs send them."""
    words: list[str] = []

    def gather(value: object) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():  # type: ignore[reportUnknownVariableType]  # any JSON
                if name == "text" and isinstance(inner, str):
                    words.append(inner)
                else:
                    gather(inner)  # type: ignore[reportUnknownArgumentType]
        elif isinstance(value, list):
            for inner in value:  # type: ignore[reportUnknownVariableType]
                gather(inner)  # type: ignore[reportUnknownArgumentType]

    gather(payload.get("blocks"))
    gather(payload.get("message_blocks"))
    return " ".join(words)
