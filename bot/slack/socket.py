"""Socket Mode: deliveries over WebSockets that Gofer opens, so that it needs no public address.

slack_sdk has a client for this. It is not used, because it keeps trying one address when the first connection to it
fails, although an address is good for one connection within seconds; after a lost connection it may wait ten seconds
before it opens another, while Slack gives a delivery three; it closes the old connection before it opens the new one
when Slack asks for a change; and what it has at work is not waited for when it closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.app import Reply
from bot.slack.payload import Payload, part, text
from bot.slack.web import ask, close_client, make_client
from bot.surface import SurfaceDown, SurfaceRefused

logger = logging.getLogger(__name__)

WAITS_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Between tries to connect; the last one again and again."""
HEARTBEAT_S = 10.0
"""A ping after so much silence; without an answer within half of it the connection counts as lost."""
HELLO_S = 30.0
"""Slack greets a connection before it delivers on it."""
GRACE_S = 3.0
"""For what is at work when the socket is closed."""
LEFT_S = 60.0
"""How long Slack may still deliver on a connection after it asked for another."""
_SHORT_S = 10.0
_SHORT_ONES = 3
"""So many connections in a row that lasted so short are a fault, and no reason for another at once."""
_HINT = "Check SLACK_APP_TOKEN (xapp-…, with the scope connections:write) and that Socket Mode is on for the app."
_REASONS = {
    "warning": "the connection ends in a moment, another is opened.",
    "refresh_requested": "the connection is replaced by a fresh one.",
    "too_many_websockets": "too many connections are open for this app; Slack allows ten.",
    "link_disabled": "Socket Mode was switched off for this app.",
}

Take = Callable[[Payload], Awaitable[Reply]]


class Socket:
    """Keeps one connection open; `run` until cancelled. Several processes may each have one: Slack gives each delivery
    to one of them."""

    def __init__(
        self,
        app_token: str,
        take: Take,
        *,
        base_url: str = "",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`app_token` (xapp-…) opens the connections. `base_url`: GOFER_SLACK_API_URL."""
        self._app_token, self._base_url, self._take, self._sleep = app_token, base_url, take, sleep
        self._serving: set[asyncio.Task[None]] = set()
        self._at_work: set[asyncio.Task[None]] = set()
        self.connected = asyncio.Event()
        """Set while Slack delivers here."""

    async def run(self) -> None:
        """Connect, and again whenever the connection is lost or Slack asks for another. Ends only by cancelling: then
        what is at work is finished and acknowledged within the grace time, and the connection closed."""
        client = make_client(self._app_token, self._base_url)
        try:
            async with aiohttp.ClientSession() as http:
                try:
                    await self._keep_connected(client, http)
                finally:
                    await self._finish()
        finally:
            await close_client(client)

    async def _keep_connected(self, client: AsyncWebClient, http: aiohttp.ClientSession) -> None:
        clock = asyncio.get_running_loop().time
        failed = short = 0
        while True:
            try:
                socket = await self._connect(client, http)
            except (SurfaceDown, SurfaceRefused) as error:
                await self._pause(failed, error)
                failed += 1
                continue
            failed, since = 0, clock()
            await self._serve_until_relieved(socket)
            short = short + 1 if clock() - since < _SHORT_S else 0
            if short >= _SHORT_ONES:
                await self._pause(short - _SHORT_ONES, SurfaceDown("Connections end as soon as they begin."))

    async def _pause(self, before: int, error: SurfaceDown | SurfaceRefused) -> None:
        wait_s = WAITS_S[min(before, len(WAITS_S) - 1)]
        if isinstance(error, SurfaceDown):
            wait_s = max(wait_s, error.retry_after_s or 0)
            logger.warning("Slack: no connection: %s Next try in %.0f s.", error, wait_s)
        else:
            logger.error("Slack: no connection: %s %s Next try in %.0f s.", error, _HINT, wait_s)
        await self._sleep(wait_s)

    async def _serve_until_relieved(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Returns when another connection is needed; this one may still deliver for a while."""
        relieved = asyncio.Event()
        serving = asyncio.create_task(self._serve(socket, relieved))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        self.connected.set()
        await relieved.wait()
        if socket.closed:
            self.connected.clear()

    async def _finish(self) -> None:
        self.connected.clear()
        try:
            if self._at_work:
                await asyncio.wait(self._at_work, timeout=GRACE_S)
        finally:
            left = [*self._at_work, *self._serving]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    # -- one connection

    async def _connect(self, client: AsyncWebClient, http: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        url = text(await ask(client, "apps.connections.open"), "url")
        proxy = None if proxy_bypass(urlsplit(url).hostname or "") else client.proxy
        try:
            socket = await http.ws_connect(url, proxy=proxy, heartbeat=HEARTBEAT_S, max_msg_size=0)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise SurfaceDown(f"The connection could not be opened ({type(error).__name__}).") from error
        try:
            async with asyncio.timeout(HELLO_S):
                greeting = await socket.receive()
        except TimeoutError as error:
            await _hang_up(socket)
            raise SurfaceDown("Slack opened the connection and said nothing.") from error
        except BaseException:
            await _hang_up(socket)
            raise
        said = _read(greeting)
        if text(said, "type") == "hello":
            logger.info("Slack: connected", extra={"connections": said.get("num_connections")})
            return socket
        await _hang_up(socket)
        raise SurfaceDown(_farewell(said))

    async def _serve(self, socket: aiohttp.ClientWebSocketResponse, relieved: asyncio.Event) -> None:
        """Take what comes; `relieved` is set when another connection is needed."""
        try:
            async with asyncio.timeout(None) as left:
                async for message in socket:
                    said = _read(message)
                    if text(said, "type") == "disconnect":
                        logger.info("Slack: %s", _farewell(said))
                        left.reschedule(asyncio.get_running_loop().time() + LEFT_S)
                        relieved.set()
                    elif text(said, "envelope_id"):
                        work = asyncio.create_task(self._answer(socket, said))
                        self._at_work.add(work)
                        work.add_done_callback(self._at_work.discard)
        except TimeoutError:
            pass  # Slack has said goodbye and did not hang up
        finally:
            await _hang_up(socket)
            if not relieved.is_set():
                logger.info("Slack: the connection was lost")
                relieved.set()

    async def _answer(self, socket: aiohttp.ClientWebSocketResponse, envelope: Payload) -> None:
        try:
            reply = await self._take(part(envelope, "payload"))
        except Exception:
            logger.exception("A delivery of Slack could not be read", extra={"envelope": text(envelope, "envelope_id")})
            return
        if reply.status != 200:
            return  # Slack delivers again
        answer: dict[str, Any] = {"envelope_id": text(envelope, "envelope_id")}
        if reply.body:
            answer["payload"] = json.loads(reply.body) if reply.body.startswith("{") else {"text": reply.body}
        # On the connection it came by. Where that is gone, Slack delivers again and the store knows it.
        with contextlib.suppress(ConnectionError, aiohttp.ClientError):
            await socket.send_str(json.dumps(answer))


async def _hang_up(socket: aiohttp.ClientWebSocketResponse) -> None:
    # Slack answers a goodbye late or not at all; aiohttp would wait ten seconds for it.
    with contextlib.suppress(TimeoutError, ConnectionError, aiohttp.ClientError):
        async with asyncio.timeout(1):
            await socket.close()


def _read(message: aiohttp.WSMessage) -> Payload:
    if message.type is not aiohttp.WSMsgType.TEXT:
        return {}
    try:
        said = json.loads(message.data)
    except ValueError:
        return {}
    return cast(Payload, said) if isinstance(said, dict) else {}


def _farewell(said: Payload) -> str:
    """Why Slack ends a connection."""
    reason = text(said, "reason")
    return _REASONS.get(reason, f"the connection ends ({reason or 'no reason given'}).")
