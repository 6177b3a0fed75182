"""Many requests over one pipe: each is a generator that is given turns, with credit for what it may send."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Generator, Iterator
from typing import Any

from agent.sandbox.inside import frames
from agent.sandbox.inside.files import Failed

BUSY, WAIT = True, False
"""What a request yields: it has more to do at once, or nothing until the next event."""
Turns = Generator[bool, None, None]
_OUTGOING_LIMIT = 512 * 1024


class Outgoing:
    """Frames on their way to the host."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._size = 0

    def add(self, frame: bytes) -> None:
        self._frames.append(frame)
        self._size += len(frame)

    @property
    def full(self) -> bool:
        return self._size >= _OUTGOING_LIMIT

    def __bool__(self) -> bool:
        return bool(self._frames)

    def take(self) -> bytes:
        frame = self._frames.popleft()
        self._size -= len(frame)
        return frame

    def put_back(self, rest: bytes) -> None:
        self._frames.appendleft(rest)
        self._size += len(rest)


class Stream:
    """One request as its handler sees it."""

    def __init__(self, number: int, outgoing: Outgoing) -> None:
        self.number = number
        self.turns: Iterator[bool] | None = None
        self._outgoing = outgoing
        self._credit = frames.WINDOW
        self._inbox: deque[frames.Frame] = deque()
        self._owed = 0

    def arrived(self, frame: frames.Frame) -> None:
        """Take what the host sent on this stream."""
        if frame.kind == frames.CREDIT:
            self._credit += frames.credit_of(frame)
        else:
            self._inbox.append(frame)

    def receive(self) -> Generator[bool, None, frames.Frame]:
        """The next MESSAGE, DATA or END."""
        while not self._inbox:
            yield WAIT
        frame = self._inbox.popleft()
        self._owed += len(frame.payload)
        if self._owed >= frames.WINDOW // 2:
            self._outgoing.add(frames.pack_credit(self.number, self._owed))
            self._owed = 0
        return frame

    def receive_body(self, size: int) -> Generator[bool, None, bytes]:
        """The next `size` bytes."""
        parts = bytearray()
        while len(parts) < size:
            frame = yield from self.receive()
            if frame.kind != frames.DATA:
                raise Failed("The data ended early.")
            parts += frame.payload
        return bytes(parts)

    def receive_value(self) -> Generator[bool, None, Any]:
        """A JSON value announced by a MESSAGE with its size."""
        head = (yield from self.receive()).json()
        body = yield from self.receive_body(int(head["size"]))
        return json.loads(body)

    def message(self, value: dict[str, Any]) -> None:
        """Send a MESSAGE, whatever the credit: messages are small and few."""
        frame = frames.pack_json(frames.MESSAGE, self.number, value)
        self._credit -= len(frame) - frames.HEADER.size
        self._outgoing.add(frame)

    def send(self, data: bytes) -> Turns:
        """Send bytes, as credit and the pipe allow."""
        view = memoryview(data)
        for start in range(0, len(view), frames.CHUNK):
            while self._credit <= 0 or self._outgoing.full:
                yield WAIT
            self.push(bytes(view[start : start + frames.CHUNK]))

    def offer(self, data: bytes) -> bool:
        """Send bytes if there is room for them now; for output that is only shown."""
        if self._credit <= 0 or self._outgoing.full:
            return False
        self.push(data)
        return True

    def push(self, data: bytes) -> None:
        self._credit -= len(data)
        self._outgoing.add(frames.pack(frames.DATA, self.number, data))

    def send_value(self, value: Any) -> Turns:
        """A JSON value of any size."""
        yield from self.send_body(json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii"))

    def send_body(self, data: bytes) -> Turns:
        """Bytes, announced by a MESSAGE with their size."""
        self.message({"size": len(data)})
        yield from self.send(data)

    def end(self) -> None:
        self._outgoing.add(frames.pack(frames.END, self.number))

    def fail(self, kind: str, message: str) -> None:
        self._outgoing.add(frames.pack_json(frames.ERROR, self.number, {"kind": kind, "message": message[:2000]}))
