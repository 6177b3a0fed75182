"""What was said and shown while nobody listened: asked for at the start of each session that was not resumed, in the
servers that it tells of (`lookback`).

Looked at are the conversations that Gofer worked in lately and their channels, then other channels that something was
said in since Gofer last heard anything: at most a day back, and a few pages each, the newest. Of unfinished tasks also
the reactions on Gofer's cards and on the request, however old. Everything has the same keys as if it had come live, so
what was heard already counts once.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from agent.domain.people import SYSTEM
from agent.domain.task import Task
from agent.service import Mailbox, Service
from bot.discord.arrivals import DIRECT
from bot.discord.payload import Payload, flag, parts, snowflake, text, when
from bot.discord.web import UNKNOWN_CHANNEL, DiscordRefused, Web
from bot.phrases import emoji_word
from bot.surface import ThreadRef

logger = logging.getLogger(__name__)

BACK = timedelta(days=1)
"""Who waited longer for an answer has asked again."""
OVERLAP = timedelta(minutes=1)
"""Looked at again, because what was in hand when a process died is not stored."""
MOST_TASKS = 200
MOST_CHANNELS = 60
PAGE = 100
MOST_PAGES = 3
MOST_CARDS = 60
"""Messages whose reactions are looked at."""

Hear = Callable[[str, Payload], Awaitable[None]]
"""Takes an event that Discord told when asked."""


class Missed:
    """Looks up what was missed, with the eyes of one application."""

    def __init__(self, web: Web, service: Service, mailbox: Mailbox, user_id: str, now: Callable[[], datetime]) -> None:
        self._web, self._service, self._mailbox = web, service, mailbox
        self._user_id, self._now = user_id, now

    async def catch_up(self, hear: Hear, ours: Callable[[str], bool]) -> frozenset[str]:
        """Tell everything that was missed where Gofer works or has worked lately, oldest first within a channel; gives
        back the channels that were looked at. `ours`: whether to look in this server, or at direct messages. Raises
        `SurfaceDown`; what Discord refuses is left out."""
        everything = await self._service.tasks(SYSTEM, limit=MOST_TASKS)
        tasks = [task for task in everything if (thread := _thread(task)) is not None and ours(thread.space)]
        open_ones = [task for task in tasks if not task.status.final]
        channels: dict[str, str] = {}
        for task in [*open_ones, *tasks]:
            thread = _thread(task)
            if thread is not None:
                for channel_id in (thread.thread, thread.channel):
                    channels.setdefault(channel_id, thread.space)
        channels = dict([*channels.items()][:MOST_CHANNELS])
        looked: set[str] = set()
        for channel_id, space in channels.items():
            await self._gone(hear, channel_id, space, open_ones)
            for message in await self._messages(channel_id, self._now() - BACK):
                await self._tell(hear, message, channel_id, space)
                if snowflake(message, "author", "id") == self._user_id and parts(message, "reactions"):
                    # A card that stood there when this process's predecessor died may not be noted as ours yet.
                    looked.add(snowflake(message, "id"))
                    await self._reactions(hear, message, channel_id, space)
        cards = [card for task in open_ones for card in await self._cards(task) if card[1] not in looked]
        for channel_id, message_id, space in cards[:MOST_CARDS]:
            ids = {"channel_id": channel_id, "message_id": message_id}
            for message in await self._get("/channels/{channel_id}/messages/{message_id}", ids, {}):
                await self._reactions(hear, message, channel_id, space)
        return frozenset(channels)

    async def look_around(self, hear: Hear, channels: Sequence[tuple[str, str]], since: datetime) -> None:
        """Tell what was said since then in these channels, each with its server. Raises `SurfaceDown`."""
        since = max(since - OVERLAP, self._now() - BACK)
        for channel_id, space in channels[:MOST_CHANNELS]:
            for message in await self._messages(channel_id, since):
                await self._tell(hear, message, channel_id, space)

    async def _gone(self, hear: Hear, channel_id: str, space: str, open_ones: Sequence[Task]) -> None:
        """Tell that a channel was deleted that these tasks are in. A thread that is not there may never have been
        begun, so nothing is told of threads."""
        threads = [thread for task in open_ones if (thread := _thread(task)) is not None]
        if space == DIRECT or all(thread.channel != channel_id for thread in threads):
            return
        try:
            await self._web.call("GET", "/channels/{channel_id}", {"channel_id": channel_id})
        except DiscordRefused as error:
            if error.code == UNKNOWN_CHANNEL:
                await hear("CHANNEL_DELETE", {"id": channel_id, "guild_id": space, "type": 0})

    async def _messages(self, channel_id: str, since: datetime) -> Sequence[Payload]:
        """The newest messages of a channel, as far back as that, oldest first."""
        messages: list[Payload] = []
        params: dict[str, object] = {"limit": PAGE}
        for _ in range(MOST_PAGES):
            found = await self._get("/channels/{channel_id}/messages", {"channel_id": channel_id}, params)
            found = tuple(sorted(found, key=lambda message: int(snowflake(message, "id") or 0), reverse=True))
            messages += [message for message in found if when(snowflake(message, "id"), since) > since]
            if len(found) < PAGE or len(messages) % PAGE:
                return messages[::-1]
            params = {"limit": PAGE, "before": snowflake(found[-1], "id")}
        logger.warning("more was said than is looked at", extra={"action": "missed_cut", "channel": channel_id})
        return messages[::-1]

    async def _tell(self, hear: Hear, message: Payload, channel_id: str, space: str) -> None:
        # What is asked for does not say which server it is of; what comes live does.
        where: Mapping[str, str] = {} if space == DIRECT else {"guild_id": space}
        told = {**message, "channel_id": channel_id, **where}
        await hear("MESSAGE_CREATE", told)
        if text(message, "edited_timestamp"):
            await hear("MESSAGE_UPDATE", told)

    async def _cards(self, task: Task) -> Sequence[tuple[str, str, str]]:
        """Where reactions count: Gofer's messages of a task, and the message that began it."""
        thread = _thread(task)
        if thread is None:
            return ()
        found = [(thread.channel, thread.thread, thread.space)] if thread.thread != thread.channel else []
        for post in await self._mailbox.posts(task_id=task.task_id):
            if post.message_id:
                found.append((thread.thread, post.message_id, thread.space))
        return found

    async def _reactions(self, hear: Hear, message: Payload, channel_id: str, space: str) -> None:
        where: Mapping[str, str] = {} if space == DIRECT else {"guild_id": space}
        ids = {"channel_id": channel_id, "message_id": snowflake(message, "id")}
        for reaction in parts(message, "reactions"):
            emoji = text(reaction, "emoji", "name")
            if snowflake(reaction, "emoji", "id") or emoji_word(emoji) is None:
                continue
            path = "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}"
            for user in await self._get(path, {**ids, "emoji": emoji}, {"limit": PAGE}):
                told: Payload = {
                    **ids,
                    **where,
                    "user_id": snowflake(user, "id"),
                    "message_author_id": snowflake(message, "author", "id"),
                    "emoji": {"id": None, "name": emoji},
                }
                if not flag(user, "bot"):
                    await hear("MESSAGE_REACTION_ADD", told)

    async def _get(self, path: str, ids: Mapping[str, str], params: Mapping[str, object]) -> tuple[Payload, ...]:
        """The objects that are there; nothing where Discord refuses."""
        try:
            answer = await self._web.call("GET", path, ids, params=params)
        except DiscordRefused as error:
            logger.info("cannot look back: %s", error, extra={"action": "missed_refused"})
            return ()
        return parts({"all": answer if isinstance(answer, list) else [answer]}, "all")


def _thread(task: Task) -> ThreadRef | None:
    try:
        thread = ThreadRef.parse(task.thread_id)
    except ValueError:
        return None
    return thread if thread.surface == "discord" and thread.thread and thread.channel else None
