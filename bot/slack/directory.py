"""Who people are and which channels they see, as Slack says now: kept for a minute, asked for once at a time.

Rights hang on the answers, so nothing is guessed: what Slack does not know, or does not tell us, counts as an outsider
who sees nothing. When Slack cannot be reached `SurfaceDown` is raised, so that the question is asked again later
instead of a member being turned away.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from slack_sdk.web.async_client import AsyncWebClient

from agent.domain.people import Actor, Standing
from bot.slack.payload import Payload, flag, part, text
from bot.slack.web import SlackRefused, ask
from bot.surface import SurfaceDown

logger = logging.getLogger(__name__)

KEPT_S = 60.0
_MOST_KEPT = 1_000
_MEMBERS_A_PAGE = 500
_MOST_PAGES = 100
"""Members beyond this count as none."""

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Somebody. `tz`: name of their time zone, empty when they keep it to themselves."""

    user_id: str
    name: str
    standing: Standing
    tz: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A conversation that Gofer can look at."""

    channel_id: str
    name: str
    private: bool
    """Not for every full member: private channels and direct conversations."""
    shared: bool
    """With another organisation (Slack Connect)."""
    joined: bool
    """Gofer is in it."""
    direct: bool = False
    archived: bool = False


class Directory:
    """The people and channels of one workspace."""

    def __init__(
        self,
        client: AsyncWebClient,
        team_id: str,
        *,
        groups: Iterable[str] = (),
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`groups`: those that the policy mentions (`slack:T1:S3`; of other workspaces are ignored). Only these are
        looked up, and none at all costs no calls."""
        self._client, self._team_id = client, team_id
        prefix = f"slack:{team_id}:"
        self._groups = tuple(sorted(g.removeprefix(prefix) for g in set(groups) if g.startswith(f"{prefix}S")))
        self._profiles = _Kept(self._look_up_person, now)
        self._channels = _Kept(self._look_up_channel, now)
        self._members = _Kept(self._look_up_members, now)
        self._group_members = _Kept(self._look_up_group, now)

    async def actor(self, user_id: str, channel: str = "") -> Actor:
        """Somebody acting in a channel; without one: nowhere in particular. Raises `SurfaceDown`."""
        profile = await self.person(user_id)
        return Actor(
            person_id=f"slack:{self._team_id}:{user_id}",
            name=profile.name,
            place=f"slack:{self._team_id}:{channel}" if channel else "",
            groups=await self._groups_of(user_id),
            standing=profile.standing,
        )

    async def person(self, user_id: str) -> Profile:
        """Somebody's name, standing and time zone; for an unknown id an outsider. Raises `SurfaceDown`."""
        return await self._profiles.get(user_id)

    async def names(self, user_ids: Iterable[str]) -> Mapping[str, str]:
        """The names people are called by. Raises `SurfaceDown`."""
        return {user_id: (await self.person(user_id)).name for user_id in user_ids}

    async def channel(self, channel_id: str) -> Channel | None:
        """A channel; None: there is none such, or Gofer may not look at it. Raises `SurfaceDown`."""
        return await self._channels.get(channel_id)

    async def can_see(self, user_id: str, channel_id: str) -> bool:
        """Whether somebody may read a channel: full members the public ones, everybody else what they are in.

        Raises `SurfaceDown`.
        """
        standing = (await self.person(user_id)).standing
        channel = None if standing is Standing.BOT else await self.channel(channel_id)
        if channel is None:
            return False
        if standing is Standing.MEMBER and not channel.private:
            return True
        return user_id in await self._members.get(channel_id)

    async def _groups_of(self, user_id: str) -> frozenset[str]:
        found = [group for group in self._groups if user_id in await self._group_members.get(group)]
        return frozenset(f"slack:{self._team_id}:{group}" for group in found)

    # -- asking Slack

    async def _look_up_person(self, user_id: str) -> Profile:
        answer = await self._ask("users.info", user=user_id)
        user = part(answer or {}, "user")
        if not user:
            return Profile(user_id=user_id, name=user_id, standing=Standing.OUTSIDER)
        names = (text(user, "profile", "display_name"), text(user, "profile", "real_name"), text(user, "real_name"))
        name = next((name for name in (*names, text(user, "name")) if name.strip()), user_id)
        return Profile(user_id=user_id, name=name.strip(), standing=_standing(user, self._team_id), tz=text(user, "tz"))

    async def _look_up_channel(self, channel_id: str) -> Channel | None:
        answer = await self._ask("conversations.info", channel=channel_id)
        channel = part(answer or {}, "channel")
        if not channel:
            return None
        direct = flag(channel, "is_im")
        return Channel(
            channel_id=channel_id,
            name=text(channel, "name"),
            private=not _is_public(channel),
            shared=flag(channel, "is_ext_shared") or flag(channel, "is_pending_ext_shared"),
            joined=flag(channel, "is_member") or direct,
            direct=direct,
            archived=flag(channel, "is_archived"),
        )

    async def _look_up_members(self, channel_id: str) -> frozenset[str]:
        members: set[str] = set()
        cursor = ""
        for _ in range(_MOST_PAGES):
            answer = await self._ask(
                "conversations.members",
                channel=channel_id,
                limit=_MEMBERS_A_PAGE,
                **({"cursor": cursor} if cursor else {}),
            )
            members |= _strings(answer, "members")
            cursor = text(answer or {}, "response_metadata", "next_cursor")
            if not cursor:
                return frozenset(members)
        logger.warning("A channel has more members than are looked at", extra={"channel": channel_id})
        return frozenset(members)

    async def _look_up_group(self, group: str) -> frozenset[str]:
        return frozenset(_strings(await self._ask("usergroups.users.list", usergroup=group), "users"))

    async def _ask(self, method: str, **arguments: Any) -> Payload | None:
        try:
            return await ask(self._client, method, **arguments)
        except SlackRefused as error:
            if error.shut_out:
                raise SurfaceDown(str(error)) from error  # until an admin has installed Gofer again, nothing is known
            # Fail closed, and say why: a missing scope would otherwise only show as people being turned away.
            logger.warning("Slack does not tell: %s", error, extra={"method": method, "error": error.error})
            return None


def _standing(user: Payload, team_id: str) -> Standing:
    if flag(user, "is_bot") or flag(user, "is_workflow_bot") or text(user, "id") == "USLACKBOT":
        return Standing.BOT
    # In an organisation with several workspaces `team_id` is the one somebody joined first.
    ours = team_id in {text(user, "team_id"), *_strings(part(user, "enterprise_user"), "teams")}
    if not ours or flag(user, "is_stranger") or flag(user, "deleted"):
        return Standing.OUTSIDER
    if flag(user, "is_restricted") or flag(user, "is_ultra_restricted"):
        return Standing.GUEST
    return Standing.MEMBER


def _is_public(channel: Payload) -> bool:
    """Only what Slack calls a channel and nothing else besides."""
    return flag(channel, "is_channel") and not any(flag(channel, key) for key in ("is_private", "is_mpim", "is_im"))


def _strings(payload: Payload | None, key: str) -> set[str]:
    found = (payload or {}).get(key)
    items = cast(list[Any], found) if isinstance(found, list) else []
    return {item for item in items if isinstance(item, str)}


class _Kept(Generic[Key, Value]):
    """Answers that are good for a while. Several who ask for the same at a time share one look-up, and its failure."""

    def __init__(self, look_up: Callable[[Key], Awaitable[Value]], now: Callable[[], float]) -> None:
        self._look_up, self._now = look_up, now
        self._answers: dict[Key, tuple[float, Value]] = {}
        self._asking: dict[Key, asyncio.Future[Value]] = {}

    async def get(self, key: Key) -> Value:
        while True:
            if (answer := self._answers.get(key)) is not None and answer[0] > self._now():
                return answer[1]
            if (asking := self._asking.get(key)) is None:
                return await self._ask(key)
            await asyncio.wait({asking})
            if not asking.cancelled():  # else whoever asked was stopped, and it is our turn
                return asking.result()

    async def _ask(self, key: Key) -> Value:
        asking = self._asking[key] = asyncio.get_running_loop().create_future()
        try:
            value = await self._look_up(key)
        except Exception as error:
            asking.set_exception(error)
            asking.exception()  # seen: there may be nobody else to see it
            raise
        else:
            if len(self._answers) >= _MOST_KEPT:
                now = self._now()
                self._answers = {kept: answer for kept, answer in self._answers.items() if answer[0] > now}
            if len(self._answers) >= _MOST_KEPT:
                self._answers.clear()
            self._answers[key] = (self._now() + KEPT_S, value)
            asking.set_result(value)
            return value
        finally:
            del self._asking[key]
            asking.cancel()
