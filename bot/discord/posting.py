"""Putting a message where it belongs: into the thread, which is begun or opened again for it, or into the channel.

Every message says whom it may ring, and carries a nonce: the same key posts once, as long as Discord remembers it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from secrets import token_hex

from bot.discord.components import NO_PINGS, render_words
from bot.discord.markdown import escape
from bot.discord.marks import bears, marked, nonce
from bot.discord.payload import Payload, parts, snowflake
from bot.discord.threads import ARCHIVE_MINUTES, CHANNEL, DIRECT, MESSAGES, Home, Threads
from bot.discord.web import Body, Web
from bot.surface import ThreadRef

logger = logging.getLogger(__name__)

PAGE = 100
POSTS_LOOKED_AT = 20
THREAD_PAGES = 10
CHANNEL_PAGES = 3
"""Pages of a conversation in which Gofer looks for what it wrote itself: of a thread a thousand messages, of a channel
or direct messages the newest 300."""


class Poster:
    """Posts for one application. `user_id`: Gofer's own."""

    def __init__(self, web: Web, threads: Threads, user_id: str) -> None:
        self._web, self._threads, self._user_id = web, threads, user_id

    async def put(
        self, thread: ThreadRef, body: Payload, *, key: str, title: str = "", files: Sequence[Body] = ()
    ) -> Payload:
        """Post into a conversation; gives Discord's message. `title` names the thread where it has to be begun."""
        home = await self._threads.open(thread, title)
        if home.why_here:
            await self._say_why(thread, home)
        return await self.into(home.channel, body, key=f"{thread.thread}:{key}", files=files, reply_to=home.reply_to)

    async def into(
        self, channel: str, body: Payload, *, key: str = "", files: Sequence[Body] = (), reply_to: str = ""
    ) -> Payload:
        """Post into a channel or thread. Without a key it is a message of its own each time."""
        told = {"allowed_mentions": NO_PINGS, **body, **nonce(key or token_hex())}
        if reply_to:
            told["message_reference"] = {"message_id": reply_to, "fail_if_not_exists": False}
            told["allowed_mentions"] = {**told["allowed_mentions"], "replied_user": False}
        return await self._threads.awake(
            channel, lambda: self._web.one("POST", MESSAGES, {"channel_id": channel}, json=told, files=files)
        )

    async def begin_post(
        self, space: str, forum: str, name: str, body: Payload, *, key: str, files: Sequence[Body] = ()
    ) -> tuple[str, str]:
        """Begin a post in a forum, which has no messages of its own, with a message that bears the key; gives the
        post's thread and that message. One that bears it already is not repeated: posts have no nonce."""
        answer = await self._web.one("GET", "/guilds/{guild_id}/threads/active", {"guild_id": space})
        ours = [one for one in parts(answer, "threads") if snowflake(one, "parent_id") == forum]
        for post in [one for one in ours if snowflake(one, "owner_id") == self._user_id][-POSTS_LOOKED_AT:]:
            post_id = snowflake(post, "id")
            if (found := await self.find(ThreadRef("discord", space, forum, post_id), key)) is not None:
                return post_id, snowflake(found, "id")
        told = {"name": name, "auto_archive_duration": ARCHIVE_MINUTES, "message": body}
        made = await self._web.one("POST", f"{CHANNEL}/threads", {"channel_id": forum}, json=told, files=files)
        return snowflake(made, "id"), snowflake(made, "message", "id") or snowflake(made, "id")

    async def find(self, thread: ThreadRef, key: str) -> Payload | None:
        """Gofer's own message with this key, if it is there."""
        async for message in self.own(thread):
            if bears(message, key):
                return message
        return None

    async def own(self, thread: ThreadRef) -> AsyncIterator[Payload]:
        """What Gofer wrote in a conversation, newest first; in a channel only the newest."""
        home = await self._threads.known(thread)
        channel = home.channel if home else thread.channel
        inside = thread.space != DIRECT and channel == thread.thread
        async for message in pages(self._web, channel, THREAD_PAGES if inside else CHANNEL_PAGES):
            if snowflake(message, "author", "id") == self._user_id:
                yield message

    async def _say_why(self, thread: ThreadRef, home: Home) -> None:
        """Why the answer does not come in a thread, once for each conversation."""
        self._threads.explained(thread)
        key = f"nothread:{thread.thread_id}"
        if await self.find(thread, key) is None:
            body = marked(render_words(f"-# {escape(home.why_here)}"), key)
            await self.into(home.channel, body, key=key, reply_to=home.reply_to)


async def pages(web: Web, channel: str, most: int, *, before: str = "", after: str = "") -> AsyncIterator[Payload]:
    """The messages of a channel or thread, newest first, at most so many pages. `before`: only older ones; `after`:
    none so old."""
    params: dict[str, str] = {"limit": str(PAGE)} | ({"before": before} if before else {})
    for _ in range(most):
        page = await web.many("GET", MESSAGES, {"channel_id": channel}, params=params)
        for message in page:
            if after and int(snowflake(message, "id") or 0) <= int(after):
                return
            yield message
        if len(page) < PAGE:
            return
        params["before"] = snowflake(page[-1], "id")
    if most > 1:
        logger.info("a conversation is too long to be read whole", extra={"action": "thread_long"})
