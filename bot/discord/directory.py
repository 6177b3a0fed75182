"""Who acts on Discord: their name, roles and standing, as Discord says at that moment.

What happens in a server brings the member along; elsewhere it is asked for. In a direct conversation somebody counts by
the servers they share with Gofer: with none, they are an outsider who may nothing. Rights hang on the answers, so
nothing is guessed; when Discord cannot be reached `SurfaceDown` is raised.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from agent.domain.people import Actor, Standing
from bot.discord.arrivals import DIRECT
from bot.discord.payload import Payload, flag, part, snowflake, strings
from bot.discord.sight import Sight
from bot.discord.web import Web
from bot.discord.words import name_of

KEPT_S = 60.0
MOST_SERVERS = 25
"""Looked at for somebody who writes in private; those named in the policy come first."""


class Directory:
    """The people of one application."""

    def __init__(
        self, web: Web, sight: Sight, *, groups: frozenset[str] = frozenset(), now: Callable[[], float] = time.monotonic
    ) -> None:
        """`groups`: those that the policy mentions, of which `discord:SERVER:ROLE` are ours."""
        self._web, self._sight, self._now = web, sight, now
        self._first = tuple(sorted({name.split(":")[1] for name in groups if _is_role(name)}))
        self._servers: tuple[float, tuple[str, ...]] = (0.0, ())

    async def actor(self, user: Payload, member: Payload, space: str, channel: str) -> Actor:
        """Somebody who acts in a channel of a server, or in a direct conversation (`@me`). `member` as the event
        brought it, or empty. Raises `SurfaceDown`."""
        user_id = snowflake(user, "id")
        place = f"discord:{space}:{channel}" if channel else ""
        if not user_id or flag(user, "bot"):
            standing = Standing.BOT if user_id else Standing.OUTSIDER
            return Actor(person_id_of(user_id), name_of(user), place, standing=standing)
        if space == DIRECT:
            return await self._alone(user, place)
        here = member or await self._sight.member(space, user_id)
        return Actor(
            person_id_of(user_id),
            name_of({**part(here, "user"), **user}, here),
            place,
            groups=_groups(space, here),
            standing=Standing.MEMBER if here else Standing.OUTSIDER,
        )

    async def _alone(self, user: Payload, place: str) -> Actor:
        user_id = snowflake(user, "id")
        groups: frozenset[str] = frozenset()
        shared = False
        for server in await self._known_servers():
            if shared and server not in self._first:
                continue
            if member := await self._sight.member(server, user_id):
                shared = True
                groups |= _groups(server, member)
                user = {**part(member, "user"), **user}
        standing = Standing.MEMBER if shared else Standing.OUTSIDER
        return Actor(person_id_of(user_id), name_of(user), place, groups=groups, standing=standing)

    async def _known_servers(self) -> tuple[str, ...]:
        until, known = self._servers
        if until <= self._now():
            found = await self._web.many("GET", "/users/@me/guilds")
            known = tuple(snowflake(server, "id") for server in found)
            self._servers = (self._now() + KEPT_S, known)
        named = [server for server in self._first if server in known]
        return tuple(dict.fromkeys([*named, *known]))[:MOST_SERVERS]


def person_id_of(user_id: str) -> str:
    """A person of Discord belongs to all of it, whatever the server."""
    return f"discord:{user_id}"


def _groups(space: str, member: Payload) -> frozenset[str]:
    return frozenset(f"discord:{space}:{role}" for role in strings(member, "roles"))


def _is_role(name: str) -> bool:
    parts = name.split(":")
    return len(parts) == 3 and parts[0] == "discord"
