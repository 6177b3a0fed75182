"""The host's end of the line to a tool server: many requests at once over one duplex byte stream."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, Protocol, TypeVar

from agent.domain.errors import Bug, SandboxGone, ToolFailed
from agent.sandbox.inside import frames

HELLO_TIMEOUT_S = 30.0
"""A tool server that has not said hello by then is not coming."""
_MOST_WAITING = 4 * frames.WINDOW
_MOST_FRAMES = 200_000
"""An honest tool server stays far below both; one that a command has taken over is hung up on."""


T = TypeVar("T")


class Duplex(Protocol):
    """Bytes both ways, whatever carries them."""

    async def read(self) -> bytes:
        """Some bytes; empty at the end."""
        ...

    async def write(self, data: bytes) -> None:
        """Send all of it, waiting while the other side is slow. Raises OSError when nobody reads any more."""
        ...

    async def close(self) -> None:
        """Let go; the tool server sees the end of its input."""
        ...


class Request:
    """One open stream: send, then take the answers in order."""

    def __init__(self, channel: Channel, number: int) -> None:
        self._channel = channel
        self._number = number
        # Bounded by `_waiting`, because the bound that counts is bytes.
        self._inbox: asyncio.Queue[frames.Frame | None] = asyncio.Queue()
        self._waiting = 0
        self.ended = False
        self._credit = frames.WINDOW
        self._credit_came = asyncio.Event()
        self._owed = 0

    def arrived(self, frame: frames.Frame | None) -> None:
        """Called by the channel with each frame of this stream; None when the line broke."""
        if frame is not None and frame.kind == frames.CREDIT:
            self._credit += frames.credit_of(frame)
            self._credit_came.set()
            return
        if frame is None or frame.kind in (frames.END, frames.ERROR):
            self.ended = True
        else:
            self._waiting += len(frame.payload)
            if self._waiting > _MOST_WAITING or self._inbox.qsize() > _MOST_FRAMES:
                raise ValueError("the tool server sends more than it was given credit for")
        self._inbox.put_nowait(frame)
        self._credit_came.set()

    async def message(self, value: dict[str, Any]) -> None:
        """Send a small object."""
        frame = frames.pack_json(frames.MESSAGE, self._number, value)
        self._credit -= len(frame) - frames.HEADER.size
        await self._channel.send(frame)

    async def send(self, data: bytes) -> None:
        """Send bytes as fast as the other side takes them."""
        for start in range(0, len(data), frames.CHUNK):
            while self._credit <= 0:
                self._channel.check()
                self._credit_came.clear()
                if not self._inbox.empty():
                    # An answer before we were done can only be an ERROR; `next` raises it.
                    await self._next()
                await self._credit_came.wait()
            piece = data[start : start + frames.CHUNK]
            self._credit -= len(piece)
            await self._channel.send(frames.pack(frames.DATA, self._number, piece))

    async def send_value(self, value: Any) -> None:
        """Send a JSON value of any size."""
        body = json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii")
        await self.message({"size": len(body)})
        await self.send(body)

    async def answer(self) -> dict[str, Any]:
        """The next MESSAGE. DATA before it is a fault of the tool server."""
        frame = await self._next()
        if frame.kind != frames.MESSAGE:
            raise SandboxGone("The sandbox's tool server answered out of turn.")
        return parsed(frame.json)

    async def body(self, size: int) -> bytes:
        """The next `size` bytes."""
        body = bytearray()
        async for piece in self.parts(size):
            body += piece
        return bytes(body)

    async def parts(self, size: int) -> AsyncIterator[bytes]:
        """The next `size` bytes as they come."""
        done = 0
        while done < size:
            frame = await self._next()
            if frame.kind != frames.DATA:
                raise SandboxGone("The sandbox's tool server sent less than it said.")
            done += len(frame.payload)
            yield frame.payload

    async def value(self) -> Any:
        """A JSON value of any size."""
        body = await self.body(whole_number(await self.answer(), "size"))
        return parsed(lambda: json.loads(body))

    async def until_message(self) -> AsyncIterator[frames.Frame]:
        """DATA frames as they come, and the MESSAGE that ends them."""
        while True:
            frame = await self._next()
            yield frame
            if frame.kind == frames.MESSAGE:
                return

    async def _next(self) -> frames.Frame:
        frame = await self._inbox.get()
        if frame is None:
            raise SandboxGone("The sandbox is no more.")
        if frame.kind == frames.ERROR:
            error = parsed(frame.json)
            message = str(error.get("message"))
            raise ToolFailed(message) if error.get("kind") == "failed" else Bug(f"tool server: {message}")
        if frame.kind == frames.END:
            raise SandboxGone("The sandbox's tool server ended a request early.")
        self._waiting -= len(frame.payload)
        self._owed += len(frame.payload)
        if self._owed >= frames.WINDOW // 2:
            owed, self._owed = self._owed, 0
            await self._channel.send(frames.pack_credit(self._number, owed))
        return frame


def parsed(parse: Callable[[], T]) -> T:
    """What the tool server sent, parsed; a command that has taken it over can send anything."""
    try:
        return parse()
    except (ValueError, TypeError, RecursionError) as error:
        raise SandboxGone("The sandbox's tool server talks nonsense.") from error


def whole_number(row: Mapping[str, Any], name: str) -> int:
    """A number that the tool server sent."""
    value = row.get(name)
    if not isinstance(value, int) or value < 0:
        raise SandboxGone("The sandbox's tool server talks nonsense.")
    return int(value)


class Channel:
    """A line to one tool server. When it breaks, every open and every later request raises `SandboxGone`."""

    def __init__(self, line: Duplex, program: bytes) -> None:
        self._line = line
        self._numbers = itertools.count(1, 2)
        self._open: dict[int, Request] = {}
        self._hello: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        # Guards the line: a frame must not be cut by another request's frame.
        self._writing = asyncio.Lock()
        self._reader = asyncio.create_task(self._read())
        self._background: set[asyncio.Task[None]] = set()
        self._broken = False
        self._program = program

    async def hello(self) -> dict[str, Any]:
        """Send the tool server's program; returns what it says of itself once it serves."""
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                await self.send(self._program)
                return await asyncio.shield(self._hello)
        except TimeoutError:
            raise SandboxGone("The sandbox's tool server did not start in time.") from None

    @contextlib.asynccontextmanager
    async def request(self, verb: str, **arguments: Any) -> AsyncGenerator[Request]:
        """An open request; leaving the block tells the tool server that we are done with it."""
        self.check()
        number = next(self._numbers)
        request = self._open[number] = Request(self, number)
        try:
            await self.send(frames.pack_json(frames.OPEN, number, {"verb": verb, **arguments}))
            yield request
        finally:
            self._open.pop(number, None)
            if not self._broken and not request.ended:
                # Not waited for, so that a cancelled caller still says it.
                self._in_background(self._write(frames.pack(frames.CANCEL, number)))

    async def call(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Ask for something whose answer is one small object."""
        async with self.request(verb, **arguments) as request:
            return await request.answer()

    @property
    def broken(self) -> bool:
        """Whether the line is down."""
        return self._broken

    def check(self) -> None:
        """Raise `SandboxGone` when the line is down."""
        if self._broken:
            raise SandboxGone("The sandbox is no more.")

    async def send(self, frame: bytes) -> None:
        """Write one frame, whole."""
        # In a task of its own: a cancelled caller must not leave half a frame on the line, nor wait for a line on
        # which nobody reads.
        await asyncio.shield(self._in_background(self._write(frame)))

    async def _write(self, frame: bytes) -> None:
        async with self._writing:
            self.check()
            try:
                await self._line.write(frame)
            except OSError as error:
                self._break()
                raise SandboxGone("The sandbox is no more.") from error

    async def close(self) -> None:
        """Hang up."""
        self._break()
        tasks = [self._reader, *self._background]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._line.close()

    def _in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled():
            task.exception()  # seen: whoever waited for it has it as well

    async def _read(self) -> None:
        decoder = frames.Decoder()
        try:
            while data := await self._line.read():
                for frame in decoder.feed(data):
                    if frame.stream == 0 and not self._hello.done():
                        self._hello.set_result(frame.json())
                    elif request := self._open.get(frame.stream):
                        request.arrived(frame)
        except (OSError, ValueError):
            # Not a tool server any more, or none of ours: hang up rather than guess.
            pass
        finally:
            self._break()

    def _break(self) -> None:
        self._broken = True
        if not self._hello.done():
            self._hello.set_exception(SandboxGone("The sandbox's tool server could not be started."))
            self._hello.exception()  # seen: nobody may ask for it
        for request in self._open.values():
            request.arrived(None)
