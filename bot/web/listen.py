"""Serving the application on a port."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Generator

import uvicorn
from starlette.applications import Starlette

from agent.domain.errors import Refused
from bot.web.server import web_of

GRACE_S = 5
"""How long running requests may take after the stop."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        # Whoever called `listening` decides when to stop; uvicorn would take the signals away from it.
        yield


@contextlib.asynccontextmanager
async def listening(app: Starlette, host: str, port: int) -> AsyncGenerator[str]:
    """Serve until the context ends; gives the local address, e.g. http://127.0.0.1:8765. Port 0: any free one.

    At the end, event streams are closed first and other requests may finish. Raises `Refused` when the port is taken.
    """
    web = web_of(app)
    await web.sessions.prepare()
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        http="h11",
        loop="asyncio",
        timeout_graceful_shutdown=GRACE_S,
    )
    with _bound(host, port) as bound:
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        try:
            yield f"http://{_local_name(bound)}:{bound.getsockname()[1]}"
        finally:
            web.closing.set()
            server.should_exit = True
            await serving


def _bound(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise Refused(f"{host} is no address of this machine.", next_step="Set GOFER_WEB_HOST to one.") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        # From here on the kernel takes connections, so that the address works as soon as it is given out.
        bound.listen(256)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        raise Refused(
            f"Port {port} of {host} cannot be used: {error.strerror}.", next_step="Set GOFER_WEB_PORT to a free one."
        ) from error
    return bound


def _local_name(bound: socket.socket) -> str:
    name = str(bound.getsockname()[0])
    if name in ("0.0.0.0", "::"):  # noqa: S104  listening everywhere; from here it is reached as localhost
        return "127.0.0.1"
    return f"[{name}]" if ":" in name else name
