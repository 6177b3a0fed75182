"""The fake itself: sets the parts up, serves them, and is what a test holds in its hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import Any, Literal, TypeVar

from aiohttp import web
from simcord.backend.models import Channel, Guild, Overwrite
from simcord.backend.serializers import thread_payload
from simcord.enums import OverwriteType

import discord
from tests.fakes.discord import plain, schema
from tests.fakes.discord.api import BASE, Called, application
from tests.fakes.discord.faults import Faults
from tests.fakes.discord.gateway import Gateway
from tests.fakes.discord.humans import Human
from tests.fakes.discord.interactions import Interactions
from tests.fakes.discord.lint import lint
from tests.fakes.discord.rates import Rates
from tests.fakes.discord.seen import Form, Message
from tests.fakes.discord.sharding import Limits
from tests.fakes.discord.world import World

T = TypeVar("T")
Mode = Literal["gateway", "http"]
PERMISSIONS = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    create_public_threads=True,
    read_message_history=True,
    attach_files=True,
    add_reactions=True,
)
"""What the application is invited with."""
MESSAGE_CONTENT_FLAG = 1 << 19
TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GfAkE1.fake-token-for-tests-only-000000000000"


class DiscordFake:
    """One guild with the application in it, heard of over the first of two connections. `permissions`: what its role
    may do there; `limits`: which connections are taken."""

    def __init__(
        self, mode: Mode = "gateway", *, permissions: discord.Permissions = PERMISSIONS, limits: Limits | None = None
    ) -> None:
        self.mode = mode
        self.token = TOKEN
        self.world = World()
        self.world.http_interactions = mode == "http"
        self.faults = Faults()
        self.rates = Rates()
        self.called: list[Called] = []
        self.origin = ""
        self.gateway = Gateway(self.world, self.token, lambda: self.gateway_url, limits or Limits())
        self.interactions = Interactions(self)
        self._earlier: dict[int, list[dict[str, Any]]] = {}
        self._runner: web.AppRunner | None = None
        self.permissions = permissions
        self.guild = self.server("Acme", shard=0)
        self.world.backend.subscribers.append(self._remember)

    # What a test looks at

    @property
    def bot_id(self) -> int:
        return self.world.backend.bot_user.id

    @property
    def application_id(self) -> int:
        return self.world.backend.application_id

    @property
    def application_flags(self) -> int:
        """The switches of the portal, as the API tells them."""
        return MESSAGE_CONTENT_FLAG if self.world.message_content else 0

    @property
    def verify_key(self) -> str:
        return self.interactions.public_key

    @property
    def mention(self) -> str:
        return f"<@{self.bot_id}>"

    @property
    def problems(self) -> list[str]:
        return self.world.problems

    @property
    def names(self) -> Mapping[str, str]:
        """User id → name."""
        return {str(user.id): user.name for user in self.world.backend.users.values()}

    @property
    def url(self) -> str:
        """Base URL of the API, without a slash at the end."""
        return f"{self.origin}{BASE}"

    @property
    def gateway_url(self) -> str:
        return f"{self.origin.replace('http', 'ws', 1)}/gateway/"

    @property
    def rate_limits(self) -> str:
        """`off` or `real`."""
        return self.rates.mode

    @rate_limits.setter
    def rate_limits(self, mode: Literal["off", "real"]) -> None:
        self.rates.mode = mode

    def env(self) -> dict[str, str]:
        """Settings with which the app finds this fake."""
        settings = {
            "DISCORD_TOKEN": self.token,
            "GOFER_DISCORD_API_URL": self.url,
            "GOFER_DISCORD_GATEWAY_URL": self.gateway_url,
            "GOFER_DISCORD_MESSAGE_CONTENT": "true" if self.world.message_content else "false",
        }
        return settings | ({"DISCORD_PUBLIC_KEY": self.interactions.public_key} if self.mode == "http" else {})

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def messages(self, channel: Channel | int) -> list[Message]:
        """What stands in a channel or thread now, oldest first; private ones are left out."""
        channel_id = channel if isinstance(channel, int) else channel.id
        models = self.world.backend.messages.get(channel_id, {}).values()
        return [Message(self, model) for model in sorted(models, key=lambda m: m.id) if not model.is_ephemeral]

    def ephemerals(self, human: Human) -> list[Message]:
        """Private messages that the person still sees, oldest first; those that only say "thinking…" are left out."""
        everything = (m for channel in self.world.backend.messages.values() for m in channel.values())
        mine = [m for m in everything if m.is_ephemeral and m.visible_to(human.user_id) and not m.flags & 1 << 7]
        return [Message(self, model) for model in sorted(mine, key=lambda m: m.id)]

    def forms(self, human: Human) -> list[Form]:
        """Modals that are open before the person."""
        records = self.world.backend.interactions.values()
        return [Form(self, r) for r in records if r.user_id == human.user_id and r.modal and not r.modal_consumed]

    def find(self, channel_id: int, message_id: int) -> Message:
        return Message(self, self.world.backend.get_message(channel_id, message_id))

    def earlier(self, message: Message) -> list[Mapping[str, Any]]:
        """Buttons that were on a message at some time, the latest first."""
        return list(reversed(self._earlier.get(message.id, [])))

    def calls(self, name: str | None = None) -> list[Called]:
        """Calls, all or those of a name such as `POST /channels/*/messages`."""
        return [called for called in self.called if name in (None, called.name)]

    @property
    def refusals(self) -> list[Called]:
        """Calls that were not carried out."""
        return [called for called in self.called if called.status >= 400]

    @staticmethod
    def lint(name: str, body: Any) -> list[str]:
        """What Discord would refuse about this call; empty when nothing. Needs no running fake."""
        return lint(name, body)

    def link(self, message: Message) -> str:
        """What "Copy message link" gives."""
        guild = message.channel.guild_id or "@me"
        return f"https://discord.com/channels/{guild}/{message.model.channel_id}/{message.id}"

    # Making a world

    def server(self, name: str, members: Collection[Human] = (), *, shard: int, count: int = 2) -> Guild:
        """A guild with the application in it, which a connection of so many hears of."""
        guild = self.world.backend.create_guild(name, shard_id=shard, shard_count=count)
        role = next(r for r in guild.roles.values() if r.managed)
        role.permissions = self.permissions.value
        for human in members:
            self.world.backend.add_member(guild.id, human.user_id)
        return guild

    def user(self, name: str, *, bot: bool = False, member: bool = True) -> Human:
        """A person, in the guild unless `member` is false."""
        user = self.world.backend.make_user(name, bot=bot)
        if member:
            self.world.backend.add_member(self.guild.id, user.id)
        return Human(self, user.id, name)

    def role(self, name: str, members: Collection[Human] = (), **rights: bool) -> int:
        """A role with these people and rights; gives its id."""
        value = discord.Permissions(**rights).value
        role = self.world.backend.create_role(self.guild.id, name, permissions=value)
        for human in members:
            self.world.backend.add_member_role(self.guild.id, human.user_id, role.id)
        return role.id

    def channel(
        self, name: str, *, members: Collection[Human] | None = None, denied: str = "", server: Guild | None = None
    ) -> Channel:
        """A text channel. `members`: only they see it; `denied`: rights that the application lacks there; `server`:
        another one than the first."""
        guild_id = (server or self.guild).id
        view = discord.Permissions(view_channel=True).value
        overwrites: list[Overwrite] = []
        if members is not None:
            overwrites.append(Overwrite(guild_id, OverwriteType.ROLE, deny=view))
            inside = [*(human.user_id for human in members), self.bot_id]
            overwrites += [Overwrite(user, OverwriteType.MEMBER, allow=view) for user in inside]
        if denied:
            value = discord.Permissions(**dict.fromkeys(denied.split(), True)).value
            overwrites = [o for o in overwrites if o.target_id != self.bot_id]
            overwrites.append(Overwrite(self.bot_id, OverwriteType.MEMBER, deny=value, allow=view & ~value))
        return self.world.backend.create_channel(guild_id, name, overwrites=overwrites)

    def deny(self, channel: Channel, rights: str) -> None:
        """Take rights from the application in a channel and its threads."""
        value = discord.Permissions(**dict.fromkeys(rights.split(), True)).value
        channel.overwrites.append(Overwrite(self.bot_id, OverwriteType.MEMBER, deny=value))

    def dm(self, human: Human) -> Channel:
        """The direct messages between a person and the application."""
        return self.world.backend.get_dm_channel(human.user_id)

    def thread_from(self, called: Called) -> dict[str, Any]:
        """The application begins a thread on a message; the rules were checked before."""
        message = self.world.backend.get_message(called.ids[0], called.ids[1])
        minutes = int(called.body.get("auto_archive_duration") or 1440)
        thread = self.world.begin_thread(message, called.body["name"], self.bot_id, minutes=minutes)
        return dict(thread_payload(self.world.backend, thread))

    def archive(self, thread: Channel | int, *, locked: bool = False, archived: bool = True) -> None:
        """Archive a thread (and lock it), as moderators do."""
        thread_id = thread if isinstance(thread, int) else thread.id
        self.world.backend.edit_channel(thread_id, {}, thread_metadata={"archived": archived, "locked": locked})

    def delete_channel(self, channel: Channel | int) -> None:
        self.world.backend.delete_channel(channel if isinstance(channel, int) else channel.id)

    # Waiting

    async def wait_for(self, predicate: Callable[[], T], timeout: float = 30) -> T:
        """The predicate's value as soon as it is true, asked again whenever anything changes.

        A `LookupError` counts as not yet. Raises `AssertionError` with the state of everything after `timeout`
        seconds, and at once when there are problems.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        while True:
            try:
                value = predicate()
            except LookupError:
                value = None
            if value:
                return value
            if self.problems:
                raise AssertionError(f"problems: {self.problems}\n{self.dump()}")
            if loop.time() >= until:
                raise AssertionError(f"did not happen within {timeout} s\n{self.dump()}")
            # Now and then also without news: the predicate may look at things outside the fake.
            await self.world.news.wait(min(0.5, max(0.0, until - loop.time())))

    def dump(self) -> str:
        """Everything in words, for a failed test."""
        lines = [f"sockets: {self.gateway.shards}, identified {self.gateway.identified}"]
        for channel_id, models in self.world.backend.messages.items():
            if models:
                lines += [f"#{self.world.backend.channels[channel_id].name} ({channel_id})"]
                lines += [f"  {Message(self, model)!r}" for model in models.values()]
        for record in self.world.backend.interactions.values():
            lines.append(f"interaction {record.id} of {record.user_id}: {record.response_kind}")
        lines += ["last calls:", *(f"  {called!r}" for called in self.called[-20:])]
        return "\n".join(lines)

    def _remember(self, event: str, payload: Mapping[str, Any]) -> None:
        """Keep the buttons of every state of a message: a client may show an old one."""
        if event in ("MESSAGE_CREATE", "MESSAGE_UPDATE"):
            kept = self._earlier.setdefault(int(payload["id"]), [])
            kept += [dict(button) for button in plain.buttons_in(payload.get("components"))]

    # Life

    async def __aenter__(self) -> DiscordFake:
        runner = web.AppRunner(application(self), access_log=None, shutdown_timeout=1)
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self.world.cdn.origin = self.origin
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.faults.close()
        await self.gateway.shut()
        assert self._runner is not None
        await self._runner.cleanup()
        schema.sent += [(called.name, called.body) for called in self.called if called.ok and called.body is not None]
        if self.problems and error is None:
            raise AssertionError("\n".join(["problems:", *self.problems]))
