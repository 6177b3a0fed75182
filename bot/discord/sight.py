"""Who sees which channels, as Discord says now: computed from roles and overwrites, kept for a minute.

Rights hang on the answers, so nothing is guessed: whom or what Discord does not know, or does not tell us, sees
nothing. When Discord cannot be reached `SurfaceDown` is raised, so that the question is asked again later.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from bot.discord.payload import Payload, number, part, parts, snowflake, strings, text
from bot.discord.web import DiscordRefused, Web
from bot.discord.words import THREADS

KEPT_S = 60.0
MOST_KEPT = 2_000
ADMINISTRATOR = 1 << 3
VIEW_CHANNEL = 1 << 10
SEND_MESSAGES = 1 << 11
MANAGE_THREADS = 1 << 34
READ_HISTORY = 1 << 16
SEND_IN_THREADS = 1 << 38
EVERYTHING = (1 << 64) - 1
_DIRECT = 1
_PRIVATE_THREAD = 12
_ROLE, _MEMBER = 0, 1


def rights_of(guild: Payload, member: Payload, channel: Payload | None = None) -> int:
    """The rights of a member of a server, in one of its channels (for a thread: that which it is in). Pure."""
    user_id, guild_id = snowflake(member, "user", "id"), snowflake(guild, "id")
    if user_id and user_id == snowflake(guild, "owner_id"):
        return EVERYTHING
    own = set(strings(member, "roles"))
    found = 0
    for role in parts(guild, "roles"):
        if snowflake(role, "id") in own | {guild_id}:
            found |= _bits(role, "permissions")
    if found & ADMINISTRATOR:
        return EVERYTHING
    overwrites = parts(channel or {}, "permission_overwrites")
    everybody = [one for one in overwrites if snowflake(one, "id") == guild_id]
    roles = [one for one in overwrites if snowflake(one, "id") in own and number(one, "type") == _ROLE]
    alone = [one for one in overwrites if snowflake(one, "id") == user_id and number(one, "type") == _MEMBER]
    for level in (everybody, roles, alone):
        allow = deny = 0
        for overwrite in level:
            allow |= _bits(overwrite, "allow")
            deny |= _bits(overwrite, "deny")
        found = (found & ~deny) | allow
    return found


class Sight:
    """What people of Discord see, asked with the eyes of one application."""

    def __init__(self, web: Web, now: Callable[[], float] = time.monotonic) -> None:
        self._web, self._now = web, now
        self._answers: dict[str, tuple[float, Payload]] = {}

    async def channel(self, channel_id: str) -> Payload:
        """A channel or thread; empty: there is none such, or Gofer may not look at it."""
        return await self._get("/channels/{channel_id}", channel_id=channel_id)

    async def guild(self, guild_id: str) -> Payload:
        """A server; empty: Gofer is not in it."""
        return await self._get("/guilds/{guild_id}", guild_id=guild_id)

    async def member(self, guild_id: str, user_id: str) -> Payload:
        """A member of a server; empty: they are none."""
        return await self._get("/guilds/{guild_id}/members/{user_id}", guild_id=guild_id, user_id=user_id)

    async def channels(self, guild_id: str) -> tuple[Payload, ...]:
        """The channels of a server, without its threads; also those that Gofer may not read."""
        return parts(await self._get("/guilds/{guild_id}/channels", guild_id=guild_id), "all")

    async def active_threads(self, guild_id: str) -> tuple[Payload, ...]:
        """The open threads of a server, as they are now: they come and go. Raises `DiscordRefused`."""
        answer = await self._web.one("GET", "/guilds/{guild_id}/threads/active", {"guild_id": guild_id})
        return parts(answer, "threads")

    async def can_see(self, user_id: str, channel_id: str) -> bool:
        """Whether somebody may read what was written in a channel or thread."""
        channel = await self.channel(channel_id)
        if not channel:
            return False
        if number(channel, "type") == _DIRECT:
            return any(snowflake(one, "id") == user_id for one in parts(channel, "recipients"))
        return await self.sees(user_id, channel)

    async def sees(self, user_id: str, channel: Payload, needed: int = VIEW_CHANNEL | READ_HISTORY) -> bool:
        """Whether somebody has these rights in a channel or thread of a server."""
        guild_id = snowflake(channel, "guild_id")
        guild = await self.guild(guild_id)
        member = await self.member(guild_id, user_id)
        if not guild or not member:
            return False
        inside = number(channel, "type") in THREADS
        over = await self.channel(snowflake(channel, "parent_id")) if inside else channel
        if not over:
            return False
        rights = rights_of(guild, member, over)
        if rights & needed != needed:
            return False
        if number(channel, "type") == _PRIVATE_THREAD and not rights & MANAGE_THREADS:
            return bool(await self._thread_member(snowflake(channel, "id"), user_id))
        return True

    async def _thread_member(self, thread_id: str, user_id: str) -> Payload:
        path = "/channels/{channel_id}/thread-members/{user_id}"
        return await self._get(path, channel_id=thread_id, user_id=user_id)

    async def _get(self, path: str, **ids: str) -> Payload:
        """An answer that is good for a while; a list is under `all`. What Discord refuses is empty, and asked again:
        a thread may begin and a person may join at any moment."""
        if not all(one.isdecimal() for one in ids.values()):
            return {}
        key = path.format(**ids)
        kept = self._answers.get(key)
        if kept is not None and kept[0] > self._now():
            return kept[1]
        try:
            answer = await self._web.call("GET", path, ids)
        except DiscordRefused as error:
            if error.status == 401:
                raise
            return {}
        found: Payload = {"all": answer} if isinstance(answer, list) else part({"one": answer}, "one")
        self._keep(key, found)
        return found

    def _keep(self, key: str, found: Payload) -> None:
        if len(self._answers) >= MOST_KEPT:
            self._answers = {name: kept for name, kept in self._answers.items() if kept[0] > self._now()}
        if len(self._answers) >= MOST_KEPT:
            self._answers.clear()
        self._answers[key] = (self._now() + KEPT_S, found)


def _bits(payload: Payload, name: str) -> int:
    """A set of rights: Discord writes it as a string of digits."""
    written = text(payload, name)
    return int(written) if written.isdecimal() else 0
