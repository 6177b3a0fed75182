"""What Slack sends to the app: envelopes over sockets, or signed requests; redelivered when nobody acknowledges.

Events are tried again (`retry_schedule_s`); buttons, forms and commands are not, the person sees a warning instead.
Slack's real schedule is minutes long, so only the first attempt is lost when nobody listens; each later one waits for
the app to come back. What was said meanwhile arrives as a retry.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

import aiohttp
from aiohttp import WSMsgType, web

from tests.fakes.slack.news import News
from tests.fakes.slack.world import World

Kind = Literal["events_api", "interactive", "slash_commands"]
SOCKETS_MAX = 10
_LOOK_AGAIN_S = 0.05


@dataclass(eq=False)
class Delivery:
    """One attempt to hand a payload to the app."""

    kind: Kind
    payload: dict[str, Any]
    attempt: int
    envelope_id: str
    retry_reason: str = ""
    acked: bool = False
    ack_ms: float | None = None
    """Also of an acknowledgement that came too late (`acked` stays false)."""
    failure: str = ""
    """Why it counts as not delivered: http_timeout, http_error, connection_failed, nobody_listens, no_retry."""
    status: int = 0
    response: Any = None
    """The payload of the acknowledgement, if any: JSON or text."""
    sent_at: float = field(default_factory=time.monotonic)

    @property
    def event_id(self) -> str:
        return self.payload.get("event_id", "")

    @property
    def event(self) -> dict[str, Any]:
        return self.payload.get("event", {})


@dataclass(eq=False)
class _Socket:
    ws: web.WebSocketResponse
    transport: asyncio.Transport | None
    leaving: bool = False


class Courier:
    """Deliveries in one mode. Settings may be changed at any time."""

    def __init__(self, world: World, news: News, mode: Literal["socket", "http"], signing_secret: str) -> None:
        self.mode = mode
        self.ack_timeout_s = 3.0
        self.goodbye_s = 5.0
        """So long a socket that was asked to reconnect stays open without another one."""
        self.retry_schedule_s: Sequence[float] = (0.05, 0.2, 0.5)
        self.urls: list[str] = []
        self.deliveries: list[Delivery] = []
        self.tickets: set[str] = set()
        self._world = world
        self._news = news
        self._secret = signing_secret
        self._sockets: list[_Socket] = []
        self._turn = 0
        self._waiting: dict[str, tuple[Delivery, asyncio.Future[str], _Socket]] = {}
        self._late: dict[str, Delivery] = {}
        self._running: set[asyncio.Task[Any]] = set()
        self._client: aiohttp.ClientSession | None = None

    @property
    def socket_count(self) -> int:
        return len(self._sockets)

    @property
    def busy(self) -> bool:
        return bool(self._running)

    async def close(self) -> None:
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for socket in list(self._sockets):
            await socket.ws.close()
        if self._client is not None:
            await self._client.close()

    def send(self, body: dict[str, Any]) -> None:
        """Deliver an event, in the background."""
        self.spawn(self._carry(body))

    def spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    async def ask(self, kind: Kind, body: dict[str, Any]) -> Delivery:
        """Deliver what a person waits for. Sent again only when the connection broke under it."""
        delivery = await self._attempt(kind, body, 0, "", self.ack_timeout_s)
        for _ in range(2):
            if delivery.failure != "connection_failed":
                break
            delivery = await self._attempt(kind, body, 0, "", self.ack_timeout_s)
        return delivery

    async def redeliver(self, body: dict[str, Any], times: int) -> None:
        """Send an event again, acknowledged or not."""
        for attempt in range(1, times + 1):
            await self._attempt("events_api", body, attempt, "http_timeout", None)

    async def drop(self, *, graceful: bool) -> None:
        """Lose every socket. Graceful: they are asked to reconnect first, and closed when another one is open, or after
        `goodbye_s`."""
        sockets = list(self._sockets)
        for socket in sockets:
            socket.leaving = True
            if graceful:
                await socket.ws.send_json({"type": "disconnect", "reason": "refresh_requested", "debug_info": {}})
            elif socket.transport is not None:
                socket.transport.abort()
        async with asyncio.timeout(self.goodbye_s + 5):
            patience = asyncio.get_running_loop().time() + self.goodbye_s
            while any(socket in self._sockets for socket in sockets):
                await self._news.wait(0.5)
                relieved = any(not socket.leaving for socket in self._sockets)
                if graceful and (relieved or asyncio.get_running_loop().time() > patience):
                    for socket in sockets:
                        await socket.ws.close()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The WebSocket endpoint; a ticket of `apps.connections.open` opens it once."""
        ticket = request.query.get("ticket", "")
        if ticket not in self.tickets:
            return web.Response(status=403, text="invalid ticket")
        self.tickets.discard(ticket)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        if len(self._sockets) >= SOCKETS_MAX:
            await ws.send_json({"type": "disconnect", "reason": "too_many_websockets", "debug_info": {}})
            await ws.close()
            return ws
        info = {"num_connections": len(self._sockets) + 1, "connection_info": {"app_id": "A0FAKE"}}
        await ws.send_json({"type": "hello", "debug_info": {"host": "fake"}, **info})
        socket = _Socket(ws, request.transport)
        self._sockets.append(socket)
        self._world.changed()
        try:
            async for message in ws:
                if message.type is WSMsgType.TEXT:
                    self._acknowledge(message.data)
        finally:
            self._sockets.remove(socket)
            for _, future, used in list(self._waiting.values()):
                if used is socket and not future.done():
                    future.set_result("connection_failed")
            self._world.changed()
        return ws

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._world.problem(f"the fake failed: {error!r}")
        self._world.changed()

    async def _carry(self, body: dict[str, Any]) -> None:
        reason = ""
        for attempt, pause_s in enumerate((0.0, *self.retry_schedule_s)):
            if pause_s:
                await asyncio.sleep(pause_s)
            patience_s = None if attempt else 0.0
            delivery = await self._attempt("events_api", body, attempt, reason, patience_s)
            if delivery.acked or delivery.failure == "no_retry":
                return
            reason = "connection_failed" if delivery.failure == "nobody_listens" else delivery.failure

    async def _attempt(
        self, kind: Kind, body: dict[str, Any], attempt: int, reason: str, patience_s: float | None
    ) -> Delivery:
        delivery = Delivery(kind, body, attempt, str(uuid.uuid4()), reason)
        self.deliveries.append(delivery)
        self._world.changed()
        give_up_at = None if patience_s is None else time.monotonic() + patience_s
        try:
            async with asyncio.timeout(patience_s):
                target = await self._listener()
        except TimeoutError:
            delivery.failure = "nobody_listens"
            return delivery
        delivery.sent_at = time.monotonic()
        if isinstance(target, _Socket):
            delivery.failure = await self._by_socket(target, delivery)
        else:
            while (failure := await self._by_http(target, delivery)) == "nobody_listens":
                if give_up_at is not None and time.monotonic() > give_up_at:
                    break
                await asyncio.sleep(_LOOK_AGAIN_S)
                target = self._next_url()
                delivery.sent_at = time.monotonic()
            delivery.failure = failure
        delivery.acked = not delivery.failure
        if delivery.acked:
            delivery.ack_ms = (time.monotonic() - delivery.sent_at) * 1000
        self._world.changed()
        return delivery

    async def _listener(self) -> _Socket | str:
        """Who gets the next payload, in turn: a socket, or an address."""
        while True:
            self._turn += 1
            ready = [socket for socket in self._sockets if not socket.leaving and not socket.ws.closed]
            if self.mode == "socket" and ready:
                return ready[self._turn % len(ready)]
            if self.mode == "http" and self.urls:
                return self._next_url()
            await self._news.wait()

    def _next_url(self) -> str:
        self._turn += 1
        return self.urls[self._turn % len(self.urls)]

    async def _by_socket(self, socket: _Socket, delivery: Delivery) -> str:
        envelope: dict[str, Any] = {
            "envelope_id": delivery.envelope_id,
            "type": delivery.kind,
            "payload": delivery.payload,
            "accepts_response_payload": delivery.kind != "events_api",
        }
        if delivery.kind == "events_api":
            envelope |= {"retry_attempt": delivery.attempt, "retry_reason": delivery.retry_reason}
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[delivery.envelope_id] = (delivery, future, socket)
        try:
            async with asyncio.timeout(self.ack_timeout_s):
                await socket.ws.send_json(envelope)
                return await future
        except TimeoutError:
            self._late[delivery.envelope_id] = delivery
            return "http_timeout"
        except ConnectionError:
            return "connection_failed"
        finally:
            del self._waiting[delivery.envelope_id]

    def _acknowledge(self, raw: str) -> None:
        try:
            ack = json.loads(raw)
            envelope_id = ack["envelope_id"]
        except (ValueError, KeyError, TypeError):
            self._world.problem(f"the app sent something else than an acknowledgement over its socket: {raw[:200]}")
            return
        if envelope_id in self._waiting:
            delivery, future, _ = self._waiting[envelope_id]
            delivery.response = ack.get("payload")
            if not future.done():
                future.set_result("")
        elif envelope_id in self._late:
            late = self._late[envelope_id]
            late.ack_ms = (time.monotonic() - late.sent_at) * 1000
        else:
            self._world.problem(f"the app acknowledged an envelope that was never sent: {envelope_id}")

    async def _by_http(self, url: str, delivery: Delivery) -> str:
        if self._client is None:
            self._client = aiohttp.ClientSession()
        raw, headers = self.signed(delivery)
        try:
            async with (
                asyncio.timeout(self.ack_timeout_s),
                self._client.post(url, data=raw, headers=headers, allow_redirects=False) as response,
            ):
                body = await response.read()
        except TimeoutError:
            return "http_timeout"
        except aiohttp.ClientConnectorError:
            return "nobody_listens"
        except aiohttp.ClientError:
            return "connection_failed"
        delivery.status = response.status
        if response.status != 200:
            return "no_retry" if response.headers.get("x-slack-no-retry") == "1" else "http_error"
        if body:
            is_json = response.content_type == "application/json"
            delivery.response = json.loads(body) if is_json else body.decode()
        return ""

    def signed(self, delivery: Delivery) -> tuple[bytes, dict[str, str]]:
        """Body and headers of the HTTP request for a delivery."""
        match delivery.kind:
            case "events_api":
                raw, kind = json.dumps(delivery.payload).encode(), "application/json"
            case "interactive":
                form = urlencode({"payload": json.dumps(delivery.payload)})
                raw, kind = form.encode(), "application/x-www-form-urlencoded"
            case "slash_commands":
                raw, kind = urlencode(delivery.payload).encode(), "application/x-www-form-urlencoded"
        stamp = str(int(time.time()))
        digest = hmac.new(self._secret.encode(), b":".join((b"v0", stamp.encode(), raw)), hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": kind,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest}",
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        }
        if delivery.attempt:
            headers |= {"X-Slack-Retry-Num": str(delivery.attempt), "X-Slack-Retry-Reason": delivery.retry_reason}
        return raw, headers
