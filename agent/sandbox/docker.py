"""Sandboxes that are Docker containers. Commands outlive this process: the next one finds their results."""

from __future__ import annotations

import asyncio
import contextlib
import struct

from agent.domain.errors import Refused, SandboxGone
from agent.ports.sandbox import SelfTest
from agent.sandbox import engine, toold
from agent.sandbox.channel import Channel
from agent.sandbox.embedded import environment
from agent.sandbox.limits import Limits
from agent.sandbox.remote import RemoteSandbox
from agent.sandbox.selftest import probe

_PATH = "/opt/venv/bin:/usr/local/bin:/usr/bin:/bin"
_PYTHON = "python3"
_PREFIX = "docker:"
_STDOUT = 1


class DockerSandbox(RemoteSandbox):
    """One container and the line to its tool server."""

    def __init__(self, host: DockerHost, container_id: str, channel: Channel) -> None:
        super().__init__(channel)
        self._host = host
        self._container_id = container_id

    @property
    def incarnation(self) -> str:
        return self._container_id

    @property
    def state(self) -> str:
        return _PREFIX + self._container_id

    async def _new_line(self) -> Channel | None:
        with contextlib.suppress(SandboxGone, Refused):
            if await self._host.lives(self._container_id):
                return await self._host.connect(self._container_id)
        return None

    async def _remove(self) -> None:
        await self._host.remove(self._container_id)


class DockerHost:
    """Makes Docker sandboxes on one engine.

    `image`: its name, see `agent.sandbox.image`. `installation`: labels our containers, so that `reap` of one bot
    never removes those of another on the same engine. `engine_url`: empty = DOCKER_HOST or the default socket.
    """

    def __init__(self, image: str, *, installation: str, engine_url: str = "", limits: Limits | None = None) -> None:
        self._image = image
        self._installation = installation
        self._url = engine_url
        self._limits = limits or Limits()
        self._open: list[DockerSandbox] = []

    @property
    def name(self) -> str:
        return "docker"

    async def selftest(self) -> SelfTest:
        try:
            if not await asyncio.to_thread(engine.has_image, self._url, self._image):
                return SelfTest(
                    ok=False, detail=f"The image {self._image} does not exist.", fix="Run `gofer sandbox build`."
                )
            return await probe(self)
        except Refused as error:
            return SelfTest(ok=False, detail=error.message, fix=error.next_step)
        except SandboxGone as error:
            return SelfTest(ok=False, detail=str(error), fix="See `docker info`, or set GOFER_SANDBOX=bwrap.")

    async def open(self, thread_id: str, *, state: str = "") -> DockerSandbox:
        container_id = state.removeprefix(_PREFIX) if state.startswith(_PREFIX) else ""
        if not container_id or not await self.lives(container_id):
            container_id = await self._create(thread_id)
        sandbox = DockerSandbox(self, container_id, await self.connect(container_id))
        self._open = [one for one in self._open if not one.ended] + [sandbox]
        return sandbox

    async def reap(self, keep: set[str]) -> int:
        ids = await asyncio.to_thread(engine.ours, self._url, self._installation)
        doomed = [container_id for container_id in ids if _PREFIX + container_id not in keep]
        for container_id in doomed:
            await self.remove(container_id)
        return len(doomed)

    async def close(self) -> None:
        for sandbox in self._open:
            await sandbox.close()
        self._open.clear()

    async def lives(self, container_id: str) -> bool:
        """Whether this container runs and belongs to this installation."""
        return await asyncio.to_thread(engine.lives, self._url, container_id, self._installation)

    async def remove(self, container_id: str) -> None:
        """End a container."""
        await asyncio.to_thread(engine.remove, self._url, container_id)

    async def connect(self, container_id: str) -> Channel:
        """A line to a fresh tool server in this container; an older one ends itself."""
        wire = await asyncio.to_thread(engine.attach, self._url, container_id, toold.command(_PYTHON))
        channel = Channel(_Hijacked(wire), toold.program())
        try:
            await channel.hello()
        except SandboxGone:
            await channel.close()
            raise
        return channel

    async def _create(self, thread_id: str) -> str:
        return await asyncio.to_thread(
            engine.create,
            self._url,
            self._image,
            installation=self._installation,
            thread_id=thread_id,
            limits=self._limits,
            env=environment(_PATH),
        )


class _Hijacked:
    """The exec's socket. What comes back is cut into Docker's own frames: stream, three zero bytes, length."""

    def __init__(self, wire: engine.Wire) -> None:
        self._wire = wire
        self._buffer = bytearray()
        self._left = 0
        self._is_stdout = False
        if wire.plain:
            wire.sock.setblocking(False)

    async def read(self) -> bytes:
        while True:
            if self._left == 0 and len(self._buffer) >= 8:
                stream, self._left = struct.unpack(">BxxxI", self._buffer[:8])
                del self._buffer[:8]
                self._is_stdout = stream == _STDOUT
            if self._left and self._buffer:
                data = bytes(self._buffer[: self._left])
                del self._buffer[: len(data)]
                self._left -= len(data)
                if self._is_stdout:
                    return data
                continue  # a traceback of the tool server; its end will be noticed anyway
            if self._left == 0 and len(self._buffer) >= 8:
                continue
            more = await self._receive()
            if not more:
                return b""
            self._buffer += more

    async def _receive(self) -> bytes:
        if self._wire.plain:
            return await asyncio.get_running_loop().sock_recv(self._wire.sock, 256 * 1024)
        return await asyncio.to_thread(self._wire.sock.recv, 256 * 1024)

    async def write(self, data: bytes) -> None:
        if self._wire.plain:
            await asyncio.get_running_loop().sock_sendall(self._wire.sock, data)
        else:
            await asyncio.to_thread(self._wire.sock.sendall, data)

    async def close(self) -> None:
        for part in (self._wire.sock, self._wire.owner):
            with contextlib.suppress(OSError):
                part.close()
