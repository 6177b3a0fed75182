"""What every request passes first: the host it was sent to, the size of its body, the headers of its answer."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.domain.errors import Refused
from agent.service.uploads import UPLOAD_LIMIT_BYTES
from bot.web.meters import Meters
from bot.web.problems import TooLarge, WrongHost, problem_json

BODY_LIMIT_BYTES = 512 * 1024
UPLOAD_BODY_BYTES = UPLOAD_LIMIT_BYTES + 64 * 1024
"""The largest file and what multipart adds around it."""
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Say nothing about anybody; orchestrators ask for them by address, so any Host will do."""
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
FILE_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"
_HEADERS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "content-security-policy": PAGE_POLICY,
}


class Guard:
    """Pure ASGI, so that event streams pass through unbuffered."""

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str], meters: Meters) -> None:
        self._app = app
        self._hosts = hosts
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        limit = UPLOAD_BODY_BYTES if scope["path"] == "/api/uploads" else BODY_LIMIT_BYTES
        taken = 0

        async def measured_receive() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise TooLarge.over(limit)
            return message

        async def dressed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                # Browsers ask each time whether script and style are still the same; everything else is private.
                headers.setdefault("cache-control", "no-cache" if scope["path"].startswith("/static/") else "no-store")
            await send(message)

        try:
            refusal = self._refusal(scope, Headers(scope=scope), limit)
            if refusal is not None:
                await problem_json(refusal)(scope, receive, dressed_send)
            else:
                await self._app(scope, measured_receive, dressed_send)
        finally:
            route = getattr(scope.get("route"), "path", "-")
            self._meters.count(scope["method"], str(route), status)

    def _refusal(self, scope: Scope, headers: Headers, limit: int) -> Refused | None:
        if scope["path"] not in PROBES and host_name(headers.get("host", "")) not in self._hosts:
            return WrongHost(
                "This Gofer is not known under that address.", next_step="Set GOFER_PUBLIC_URL to the one you use."
            )
        length = headers.get("content-length", "0")
        return TooLarge.over(limit) if length.isdecimal() and int(length) > limit else None


def known_hosts(public_url: str) -> frozenset[str]:
    """Host names that requests may be sent to."""
    own = {"127.0.0.1", "localhost", "[::1]"}
    public = host_name(urlsplit(public_url).netloc)
    return frozenset(own | {public}) if public else frozenset(own)


def host_name(host: str) -> str:
    """The name without its port, lower case."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower().rstrip(".")
