"""A plain client for the Discord fake: it sends what it is told, without a library that would repair it."""

from __future__ import annotations

import asyncio
import io
import json
import zlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from simcord.backend.models import Channel

from tests.fakes.discord import DiscordFake, Human, Message

Json = dict[str, Any]
NO_PINGS: Json = {"parse": []}
GUILDS, GUILD_MESSAGES, REACTIONS, DIRECT_MESSAGES, CONTENT = 1 << 0, 1 << 9, 1 << 10, 1 << 12, 1 << 15
INTENTS = GUILDS | GUILD_MESSAGES | REACTIONS | DIRECT_MESSAGES
PATIENCE_S = 5.0


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Any
    data: Any

    @property
    def code(self) -> int:
        return int(self.data.get("code", 0)) if isinstance(self.data, dict) else 0


@dataclass
class Line:
    """A gateway socket. `told`: everything that was dispatched on it."""

    ws: aiohttp.ClientWebSocketResponse
    told: list[Json] = field(default_factory=list[Json])
    _inflate: Any = None

    async def next(self) -> Json:
        """The next frame; a close is `{"op": "close", "d": code}`."""
        async with asyncio.timeout(PATIENCE_S):
            message = await self.ws.receive()
        if message.type == aiohttp.WSMsgType.BINARY:
            frame = json.loads(self._inflate.decompress(message.data))
        elif message.type == aiohttp.WSMsgType.TEXT:
            frame = json.loads(message.data)
        else:
            return {"op": "close", "d": self.ws.close_code}
        if frame["op"] == 0:
            self.told.append(frame)
        return frame

    async def until(self, event: str) -> Json:
        """Read on until this event; what it carries."""
        while True:
            frame = await self.next()
            assert frame["op"] != "close", f"closed with {frame['d']}"
            if frame.get("t") == event:
                return frame["d"]

    async def identify(self, token: str, intents: int = INTENTS, shard: tuple[int, int] | None = None) -> None:
        told: Json = {"token": token, "intents": intents, "properties": {}} | ({"shard": shard} if shard else {})
        await self.ws.send_json({"op": 2, "d": told})

    @property
    def seq(self) -> int:
        return max((frame["s"] for frame in self.told), default=0)

    def events(self) -> list[str]:
        return [frame["t"] for frame in self.told]


@dataclass
class Bare:
    """A fake with two people and a channel in it."""

    discord: DiscordFake
    session: aiohttp.ClientSession
    ann: Human
    ben: Human
    general: Channel

    async def call(
        self, method: str, path: str, body: Any = None, files: Sequence[tuple[str, bytes]] = (), *, token: str = ""
    ) -> Answer:
        headers = {
            "Authorization": f"Bot {token or self.discord.token}",
            "User-Agent": "DiscordBot (tests, 1)",
        }
        more: dict[str, Any] = {"json": body} if body is not None else {}
        if files:
            form = aiohttp.FormData()
            form.add_field("payload_json", json.dumps(body or {}))
            for number, (name, data) in enumerate(files):
                form.add_field(
                    f"files[{number}]", io.BytesIO(data), filename=name, content_type="application/octet-stream"
                )
            more = {"data": form}
        async with self.session.request(method, self.discord.url + path, headers=headers, **more) as response:
            data = await response.read()
            readable = response.headers.get("Content-Type") == "application/json"
            return Answer(response.status, response.headers, json.loads(data) if readable else data)

    async def post(self, channel: Channel | int, *, files: Sequence[tuple[str, bytes]] = (), **body: Any) -> Answer:
        """Post a message; nonce and mentions are filled in as the house wants them."""
        channel_id = channel if isinstance(channel, int) else channel.id
        told = {"allowed_mentions": NO_PINGS, "nonce": f"n{len(self.discord.called)}", "enforce_nonce": True} | body
        return await self.call("POST", f"/channels/{channel_id}/messages", told, files)

    async def edit(self, channel_id: int, message_id: Any, **body: Any) -> Answer:
        told = {"allowed_mentions": NO_PINGS} | body
        return await self.call("PATCH", f"/channels/{channel_id}/messages/{message_id}", told)

    async def thread(self, message: Message, name: str = "work", **body: Any) -> Answer:
        path = f"/channels/{message.model.channel_id}/messages/{message.id}/threads"
        return await self.call("POST", path, {"name": name, **body})

    async def callback(self, told: Json, kind: int, **data: Any) -> Answer:
        """Answer an interaction."""
        body: Json = {"type": kind} | ({"data": data} if data else {})
        return await self.call("POST", f"/interactions/{told['id']}/{told['token']}/callback", body)

    @asynccontextmanager
    async def line(self, *, compressed: bool = False) -> AsyncGenerator[Line]:
        """A socket that has said hello and nothing else."""
        url = self.discord.gateway_url + ("?compress=zlib-stream" if compressed else "")
        async with self.session.ws_connect(url) as ws:
            line = Line(ws, _inflate=zlib.decompressobj())
            assert (await line.next())["op"] == 10
            yield line

    @asynccontextmanager
    async def online(self, intents: int = INTENTS | CONTENT) -> AsyncGenerator[Line]:
        """A socket that is identified and has heard of the guild."""
        async with self.line() as line:
            await line.identify(self.discord.token, intents)
            await line.until("GUILD_CREATE")
            yield line


@asynccontextmanager
async def bare(**settings: Any) -> AsyncGenerator[Bare]:
    async with DiscordFake(**settings) as discord, aiohttp.ClientSession() as session:
        ann, ben = discord.user("ann"), discord.user("ben")
        yield Bare(discord, session, ann, ben, discord.channel("general"))


def card(*components: Json, **more: Any) -> Json:
    """A body of Components V2."""
    return {"flags": 1 << 15, "components": list(components), **more}


def text(words: str) -> Json:
    return {"type": 10, "content": words}


def button(label: str, custom_id: str = "") -> Json:
    inner = {"type": 2, "style": 1, "label": label, "custom_id": custom_id or f"id-{label}"}
    return {"type": 1, "components": [inner]}
