"""The gateway: sessions that are identified, lose their socket, come back and are told what they missed."""

from __future__ import annotations

import asyncio
import copy
import json
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import WSMsgType, web
from simcord import intents as rules
from simcord.backend.serializers import guild_create_payload, user_payload

import discord
from tests.fakes.discord.sharding import Limits, Shard
from tests.fakes.discord.world import World

REMEMBERED = 1_000
"""Events that a session is told again when it resumes."""
HEARTBEAT_MS = 41_250
FOR_GOOD = frozenset({4004, 4010, 4011, 4012, 4013, 4014})
"""Closed with one of these, a session is over."""
Op = Literal[1, 2, 3, 6, 8]


@dataclass(eq=False)
class Session:
    """What was identified. `socket` is None while it is away; events are kept for it meanwhile."""

    session_id: str
    intents: discord.Intents
    shard: Shard
    seq: int = 0
    sent: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    socket: Socket | None = None


class Socket:
    """One WebSocket, compressed when it was asked to be. What is put in goes out in order."""

    def __init__(self, ws: web.WebSocketResponse, *, compressed: bool) -> None:
        self.ws = ws
        self._zlib = zlib.compressobj() if compressed else None
        self._out: asyncio.Queue[str | int] = asyncio.Queue()
        self.flushed = asyncio.create_task(self._flush())

    def put(self, frame: str) -> None:
        self._out.put_nowait(frame)

    def close(self, code: int) -> None:
        """Close after what was put in before."""
        self._out.put_nowait(code)

    def cut(self) -> None:
        """Lose the connection without a word."""
        self.flushed.cancel()
        transport = self.ws.get_extra_info("socket") and self.ws._req and self.ws._req.transport
        if transport:
            transport.abort()

    async def _flush(self) -> None:
        while True:
            frame = await self._out.get()
            try:
                if isinstance(frame, int):
                    await self.ws.close(code=frame)
                    return
                if self._zlib is None:
                    await self.ws.send_str(frame)
                else:
                    data = self._zlib.compress(frame.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
                    await self.ws.send_bytes(data)
            except ConnectionError:
                return


class Gateway:
    """All sessions of the application. `deaf`: refuse new sockets; `unparseable`: see `garble`."""

    def __init__(self, world: World, token: str, url: Any, limits: Limits) -> None:
        self.world = world
        self.token = token
        self.limits = limits
        self._url = url
        self.sessions: dict[str, Session] = {}
        self.identified = 0
        self.resumed = 0
        self.hurried = 0
        """Sessions that were asked for too soon after another."""
        self.refused: list[int] = []
        """Codes with which sockets were closed by us."""
        self.deaf = False
        self.resume_url = ""
        """Where sessions are told to resume; empty: here."""
        self.delivered: list[tuple[str, Mapping[str, Any]]] = []
        self._number = 0
        self._sockets: set[Socket] = set()
        world.backend.subscribers.append(self.feed)

    @property
    def connected(self) -> int:
        """Sessions with a socket."""
        return sum(session.socket is not None for session in self.sessions.values())

    @property
    def shards(self) -> list[tuple[int, int]]:
        """Those of the sessions with a socket: number and count."""
        sessions = [session for session in self.sessions.values() if session.socket is not None]
        return sorted((session.shard.number, session.shard.count) for session in sessions)

    # What people and the API do

    def feed(self, event: str, payload: Mapping[str, Any]) -> None:
        """An event for every session that asked for it."""
        if event == "INTERACTION_CREATE" and self.world.http_interactions:
            return
        for session in list(self.sessions.values()):
            if (told := self._for(session, event, payload)) is not None:
                self._dispatch(session, event, told)
        self.world.changed()

    def garble(self) -> None:
        """Send events that no client can read: of the kind that the app reads itself and of those that its library
        does."""
        for session in self.sessions.values():
            self._dispatch(session, "MESSAGE_CREATE", {"id": "not a number", "channel_id": None})
            self._dispatch(
                session, "CHANNEL_CREATE", {"id": None, "guild_id": str(next(iter(self.world.backend.guilds)))}
            )
            self._dispatch(session, "GUILD_UPDATE", {"id": "x", "roles": 3})

    def mumble(self) -> None:
        """Send a frame that is no JSON at all."""
        for session in self.sessions.values():
            if session.socket is not None:
                session.socket.put('{"op": 0, "t": "MESSAGE_')

    def again(self, event: str, payload: Mapping[str, Any]) -> None:
        """Tell an event a second time, as happens after a resume."""
        self.feed(event, payload)

    def drop(self, shard: int | None = None) -> None:
        """Lose every socket, or those of one connection; sessions may resume."""
        for session in self._of(shard):
            if session.socket is not None:
                session.socket.cut()
                session.socket = None

    def invalidate(self, shard: int | None = None) -> None:
        """End every session, or those of one connection: who comes back has to identify anew, and what happened
        meanwhile is lost."""
        for session in self._of(shard):
            self.sessions.pop(session.session_id)
            if session.socket is not None:
                session.socket.put(json.dumps({"op": 9, "d": False}))
                session.socket = None

    def close(self, code: int, shard: int | None = None) -> None:
        """Close every socket with a code, or those of one connection."""
        for session in self._of(shard):
            if code in FOR_GOOD:
                self.sessions.pop(session.session_id)
            if session.socket is not None:
                self.refused.append(code)
                session.socket.close(code)
                session.socket = None

    def _of(self, shard: int | None) -> Iterator[Session]:
        return (session for session in list(self.sessions.values()) if shard in (None, session.shard.number))

    async def shut(self) -> None:
        for socket in list(self._sockets):
            socket.cut()
        await asyncio.gather(*(socket.flushed for socket in self._sockets), return_exceptions=True)

    # The protocol

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if self.deaf:
            return web.Response(status=503)
        ws = web.WebSocketResponse(heartbeat=None, max_msg_size=0)
        await ws.prepare(request)
        socket = Socket(ws, compressed=request.query.get("compress") == "zlib-stream")
        self._sockets.add(socket)
        socket.put(json.dumps({"op": 10, "d": {"heartbeat_interval": HEARTBEAT_MS, "_trace": []}}))
        session: Session | None = None
        try:
            async for message in ws:
                if message.type != WSMsgType.TEXT:
                    break
                given = json.loads(message.data)
                session = self._heard(socket, session, given)
        except ConnectionError:
            pass
        finally:
            if session is not None and session.socket is socket:
                session.socket = None
            socket.flushed.cancel()
            self._sockets.discard(socket)
            self.world.changed()
        return ws

    def _heard(self, socket: Socket, session: Session | None, given: Mapping[str, Any]) -> Session | None:
        told: Any = given.get("d")
        match given["op"]:
            case 1:
                socket.put(json.dumps({"op": 11}))
            case 2 if session is None:
                return self._identify(socket, told)
            case 6 if session is None:
                return self._resume(socket, told)
            case 2 | 6:
                self._refuse(socket, 4005)
            case 3:
                pass
            case 8:
                self.world.problem("the app asked for the list of members, which takes a privileged intent")
            case _:
                self._refuse(socket, 4001)
        return session

    def _identify(self, socket: Socket, told: Mapping[str, Any]) -> Session | None:
        intents = discord.Intents._from_value(int(told.get("intents", 0)))
        if told.get("token") != self.token:
            return self._refuse(socket, 4004)
        if intents.members or intents.presences or (intents.message_content and not self.world.message_content):
            return self._refuse(socket, 4014)
        shard = self.limits.shard(told.get("shard"))
        if isinstance(shard, int):
            return self._refuse(socket, shard)
        if self.limits.remaining <= 0:
            self.world.problem("the app began more sessions than Discord allows a day")
        if not self.limits.in_time(shard, asyncio.get_running_loop().time()):
            self.hurried += 1
            socket.put(json.dumps({"op": 9, "d": False}))
            return None
        self._number += 1
        self.identified += 1
        session = Session(f"session-{self._number}", intents, shard, socket=socket)
        self.sessions[session.session_id] = session
        backend = self.world.backend
        guilds = [guild for guild in backend.guilds.values() if shard.hears("GUILD_CREATE", {"id": guild.id})]
        ready = {
            "v": 10,
            "user": dict(user_payload(backend.bot_user)),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.session_id,
            "session_type": "normal",
            "resume_gateway_url": self.resume_url or self._url(),
            "private_channels": [],
            "application": {"id": str(backend.application_id), "flags": 0},
            **({"shard": told["shard"]} if told.get("shard") else {}),
        }
        self._dispatch(session, "READY", ready)
        for guild in guilds:
            if (payload := self._for(session, "GUILD_CREATE", guild_create_payload(backend, guild))) is not None:
                self._dispatch(session, "GUILD_CREATE", payload)
        self.world.changed()
        return session

    def _resume(self, socket: Socket, told: Mapping[str, Any]) -> Session | None:
        session = self.sessions.get(str(told.get("session_id")))
        if told.get("token") != self.token:
            return self._refuse(socket, 4004)
        if session is None or (session.sent and session.sent[0][0] > int(told["seq"] or 0) + 1):
            socket.put(json.dumps({"op": 9, "d": False}))
            return None
        if session.socket is not None:
            session.socket.close(4000)
        session.socket = socket
        self.resumed += 1
        for seq, frame in list(session.sent):
            if seq > int(told["seq"] or 0):
                socket.put(frame)
        self._dispatch(session, "RESUMED", {"_trace": []})
        self.world.changed()
        return session

    def _refuse(self, socket: Socket, code: int) -> None:
        self.refused.append(code)
        socket.close(code)
        self.world.changed()

    def _dispatch(self, session: Session, event: str, payload: Mapping[str, Any]) -> None:
        session.seq += 1
        frame = json.dumps({"op": 0, "t": event, "s": session.seq, "d": payload})
        session.sent.append((session.seq, frame))
        self.delivered.append((event, payload))
        if session.socket is not None:
            session.socket.put(frame)

    def _for(self, session: Session, event: str, payload: Mapping[str, Any]) -> dict[str, Any] | None:
        """What this session is told: nothing of other servers or outside its intents, no words that it may not read."""
        if not session.shard.hears(event, payload):
            return None
        needed = rules.required_intent(event, payload)
        if needed is not None and not getattr(session.intents, needed):
            return None
        told: dict[str, Any] = copy.deepcopy(dict(payload))
        backend = self.world.backend
        bot_id = backend.bot_user.id
        if event in ("MESSAGE_CREATE", "MESSAGE_UPDATE") and not session.intents.message_content:
            rules.censor_message(told, bot_id, backend=backend)
        if event == "MESSAGE_REACTION_ADD":
            message = backend.messages[int(told["channel_id"])][int(told["message_id"])]
            told["message_author_id"] = str(message.author_id)
        if event == "GUILD_CREATE":
            rules.prune_guild_create(told, session.intents, bot_id)
            told["threads"] = [t for t in told["threads"] if not t["thread_metadata"]["archived"]]
        return told
