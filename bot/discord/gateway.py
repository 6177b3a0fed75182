"""A connection over which Discord tells what happens: opened, kept, resumed, and opened again whatever happens.

The events are taken at the parsers of the library's connection state, the one seam that all of them pass: our own
events raw, before anything reads them, the library's (guilds, channels, threads) into its cache, which all connections
share. An event that cannot be read is logged and skipped. The library's own loop is not used: there a first connect
that fails, or one such event, ends the client.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import discord
from discord.gateway import DiscordWebSocket, ReconnectWebSocket
from discord.http import Route

from bot.discord.arrivals import ChannelFacts
from bot.discord.payload import Payload, parts, snowflake, when
from bot.discord.shard import Shard
from bot.discord.starts import Recount, Starts
from bot.settings import Settings
from bot.surface import SurfaceDown, SurfaceRefused

logger = logging.getLogger(__name__)

API_URL = "https://discord.com/api/v10"
TAKEN = (
    "MESSAGE_CREATE",
    "MESSAGE_UPDATE",
    "MESSAGE_DELETE",
    "MESSAGE_DELETE_BULK",
    "MESSAGE_REACTION_ADD",
    "MESSAGE_REACTION_REMOVE",
    "INTERACTION_CREATE",
)
"""Events that we read ourselves."""
SHARED = ("THREAD_DELETE", "CHANNEL_DELETE")
"""Events that we read, and the library after us, so that its cache stays right."""
WAITS_S = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
"""Between tries to connect; the last one again and again."""
REFUSED_WAIT_S = 300.0
"""Before asking again what Discord has refused: each try counts against a thousand a day."""
CONNECT_S = 60.0
STEADY_S = 60.0
"""A connection that lasted so long was a good one: the next one is tried at once."""

Take = Callable[[str, Payload], None]
Say = Callable[[str], None]

SWITCH = (
    "Discord does not let Gofer read all messages: GOFER_DISCORD_MESSAGE_CONTENT is set, but the switch is off. "
    "Turn on Message Content Intent (discord.com/developers → your application → Bot), or unset it. Gofer tries "
    "again by itself."
)
BAD_LOGIN = "Discord does not accept DISCORD_TOKEN."
BAD_LOGIN_NEXT = (
    "Make a new one (discord.com/developers → your application → Bot → Reset Token), set it and start Gofer again."
)
VERSION = "Discord no longer speaks with this version of Gofer: install a newer one and start it again."


class End(Enum):
    """Why a connection is not opened again: Discord refuses for good, or wants another number of connections."""

    REFUSED = "refused"
    RECOUNT = "recount"


@dataclass(slots=True)
class _Session:
    """What a lost connection is resumed with."""

    session_id: str
    sequence: int | None
    gateway: Any


class Gateway:
    """One connection. `run` keeps it until it is cancelled, or there is to be none."""

    def __init__(
        self,
        client: discord.Client,
        shard: Shard,
        take: Take,
        ready: Callable[[], None],
        room: Callable[[], Awaitable[None]],
        sleep: Callable[[float], Coroutine[Any, Any, None]],
        say: Say,
        starts: Starts,
        *,
        url: str = "",
    ) -> None:
        """`take` gets our events; `ready` is told of each new session, before which things may have been missed;
        `room` is awaited between events and holds the connection back while what came is not stored yet."""
        self._client, self._shard, self._room = client, shard, room
        self._sleep, self._say, self._starts = sleep, say, starts
        self._url = type(DiscordWebSocket.DEFAULT_GATEWAY)(url) if url else None
        self._socket: DiscordWebSocket | None = None
        self._session: _Session | None = None
        self._opened_at: float | None = None
        self._parsers = _parsers(client, shard, take, ready)

    async def run(self) -> End:
        """Connect, and again whenever the connection is lost."""
        clock = asyncio.get_running_loop().time
        failed = 0
        try:
            while True:
                self._opened_at = None
                wait_s = await self._once(failed)
                if isinstance(wait_s, End):
                    return wait_s
                # Without the time that it waited for its turn: Discord counts what it begins.
                steady = self._opened_at is not None and clock() - self._opened_at >= STEADY_S
                failed = 0 if steady else failed + 1
                if wait_s:
                    await self._sleep(wait_s)
        finally:
            await self._hang_up()

    async def _once(self, failed: int) -> float | End:
        """One connection, to its end. How long to wait before the next, or why there is to be none."""
        wait_s = WAITS_S[min(failed, len(WAITS_S) - 1)]
        try:
            await self._connected()
        except ReconnectWebSocket as error:
            self._keep_session(resume=error.resume)
            # At once for the first time; connections that end as soon as they begin are not asked for in a hurry.
            return wait_s if failed else 0.0
        except discord.ConnectionClosed as error:
            return self._refused(error.code, wait_s)
        except Recount:
            return End.RECOUNT
        except SurfaceRefused as error:
            self._say(str(error))
            return REFUSED_WAIT_S
        except (OSError, aiohttp.ClientError, TimeoutError, discord.HTTPException, SurfaceDown) as error:
            self._keep_session(resume=True)
            logger.warning("Discord: no connection (%s). Next try in %.0f s.", _name(error), wait_s)
        except Exception:
            # What came over this connection could not be made out; a new one begins afresh.
            await self._hang_up()
            self._session = self._socket = None
            logger.exception("Discord: the connection failed. Next try in %.0f s.", wait_s)
        return wait_s

    async def _connected(self) -> None:
        """Open a connection and take what comes, until it ends by one of the library's exceptions."""
        if self._session is None:
            async with self._starts.turn(self._shard):
                socket = await self._open(None)
        else:
            socket = await self._open(self._session)
        cast(Any, socket)._discord_parsers = self._parsers
        self._socket, self._session = socket, None
        self._opened_at = asyncio.get_running_loop().time()
        while True:
            await socket.poll_event()
            await self._room()

    async def _open(self, session: _Session | None) -> DiscordWebSocket:
        async with asyncio.timeout(CONNECT_S):
            return await DiscordWebSocket.from_client(
                self._client,
                initial=session is None,
                gateway=self._url or (session.gateway if session else None),
                shard_id=self._shard.number,
                resume=session is not None,
                session=session.session_id if session else None,
                sequence=session.sequence if session else None,
            )

    def _keep_session(self, *, resume: bool) -> None:
        socket = cast(Any, self._socket)
        if not resume:
            self._session = None
        elif self._session is None and socket is not None and socket.session_id:
            self._session = _Session(socket.session_id, socket.sequence, socket.gateway)

    def _refused(self, code: int, wait_s: float) -> float | End:
        self._session = self._socket = None
        match code:
            case 4004:
                self._say(f"{BAD_LOGIN} {BAD_LOGIN_NEXT}")
                return End.REFUSED
            case 4013 | 4014:
                self._say(SWITCH)
                return REFUSED_WAIT_S
            case 4010 | 4011:
                return End.RECOUNT
            case 4012:
                self._say(VERSION)
                return End.REFUSED
            case _:
                logger.warning("Discord: the connection was closed (%s). Next try in %.0f s.", code, wait_s)
                return wait_s

    async def _hang_up(self) -> None:
        socket = self._socket
        if socket is not None and socket.open:
            with suppress(TimeoutError, OSError, aiohttp.ClientError):
                async with asyncio.timeout(2):
                    await socket.close(code=1000)


def make_client(settings: Settings) -> discord.Client:
    """A client that is not logged in yet, of the addresses in force. It keeps guilds, channels and threads in mind, but
    no members and no messages."""
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nobody is to be told what voice would need
    Route.BASE = (settings.discord_api_url or API_URL).rstrip("/")  # the library has no other way to say it
    intents = discord.Intents(
        guilds=True,
        guild_messages=True,
        guild_reactions=True,
        dm_messages=True,
        dm_reactions=True,
        message_content=settings.discord_message_content,
    )
    return discord.AutoShardedClient(
        intents=intents,
        max_messages=None,
        member_cache_flags=discord.MemberCacheFlags.none(),
        chunk_guilds_at_startup=False,
        allowed_mentions=discord.AllowedMentions.none(),
        max_ratelimit_timeout=60.0,
        proxy=_proxy(Route.BASE),
    )


def facts_of(client: discord.Client, channel_id: str) -> ChannelFacts | None:
    """What the client remembers of a channel; None: nothing."""
    channel = client.get_channel(int(channel_id)) if channel_id.isdigit() else None
    if isinstance(channel, discord.Thread):
        return ChannelFacts(cast(int, channel.type.value), str(channel.parent_id))
    if isinstance(channel, discord.abc.GuildChannel):
        return ChannelFacts(cast(int, channel.type.value))
    return None


def spoken_in(client: discord.Client, shard: Shard, since: datetime) -> list[tuple[str, str]]:
    """The channels of a connection's servers that Gofer can see and something was said in since then, each with its
    server; the latest first."""
    found: list[tuple[int, str, str]] = []
    for guild in _told_by(client, shard):
        for channel in (*guild.text_channels, *guild.threads):
            last = channel.last_message_id
            if last is None or when(str(last), since) <= since or guild.me is None:  # pyright: ignore[reportUnnecessaryComparison]  None before the server is known
                continue
            if channel.permissions_for(guild.me).read_message_history:
                found.append((last, str(channel.id), str(guild.id)))
    return [(channel_id, guild_id) for _, channel_id, guild_id in sorted(found, reverse=True)]


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for this address. Plain http is for machines nearby."""
    there = urlsplit(url)
    if there.scheme != "https" or proxy_bypass(there.hostname or ""):
        return None
    return getproxies().get("https")


def _told_by(client: discord.Client, shard: Shard) -> list[discord.Guild]:
    return [guild for guild in client.guilds if shard.tells_of(str(guild.id))]


def _parsers(
    client: discord.Client, shard: Shard, take: Take, ready: Callable[[], None]
) -> dict[str, Callable[[Any], None]]:
    """What a connection does with each event: the parsers of the client, and ourselves before them."""
    state = cast(Any, client)._connection
    parsers = {event: _guarded(event, parse) for event, parse in state.parsers.items()}
    for event in TAKEN:
        parsers[event] = _guarded(event, _taking(event, take))
    for event in SHARED:
        parsers[event] = _both(_guarded(event, _taking(event, take)), parsers[event])
    original = parsers["READY"]

    def began(payload: Any) -> None:
        logger.info("Discord: connected", extra={"action": "discord_connected", "shard": str(shard)})
        there = {snowflake(guild, "id") for guild in parts(payload, "guilds")}
        for guild in _told_by(client, shard):
            if str(guild.id) not in there:
                state._remove_guild(guild)  # left while nobody listened
        original(payload)
        ready()

    parsers["READY"] = began
    return parsers


def _taking(event: str, take: Take) -> Callable[[Any], None]:
    def parse(payload: Any) -> None:
        take(event, cast(Payload, copy.deepcopy(payload)))

    return parse


def _both(first: Callable[[Any], None], then: Callable[[Any], None]) -> Callable[[Any], None]:
    def parse(payload: Any) -> None:
        first(payload)
        then(payload)

    return parse


def _guarded(event: str, parse: Callable[[Any], None]) -> Callable[[Any], None]:
    """The edge of the listener: what cannot be read is skipped, because Discord would send it again for ever."""

    def guarded(payload: Any) -> None:
        try:
            parse(payload)
        except Exception:
            logger.exception("An event of Discord could not be read", extra={"event": event})

    return guarded


def _name(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
