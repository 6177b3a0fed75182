"""The wire format between host and tool server: length-prefixed frames on numbered streams.

A frame is `u32 payload length, u8 kind, u32 stream` and the payload. The host opens streams with odd numbers; even
numbers are kept for streams that begin inside (egress). Each direction of a stream starts with WINDOW bytes of credit;
DATA and MESSAGE payloads use it up, CREDIT gives it back once the receiver has consumed them. So one big transfer never
starves the others and no queue grows without bound. A sender may overdraw by one frame.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

OPEN = 1  # JSON {"verb": ..., arguments}: begins a stream
MESSAGE = 2  # JSON
DATA = 3  # raw bytes; how many belong together was said by the MESSAGE before ({"size": n})
END = 4  # this side has sent everything on this stream
ERROR = 5  # JSON {"kind": "failed" | "bug", "message": ...}: ends the stream
CREDIT = 6  # u32: so many more bytes may be sent on this stream
CANCEL = 7  # the other side is no longer interested; ends the stream
EGRESS = 16  # kept: a connection that begins inside and leaves through the host's policy proxy
PREVIEW = 17  # kept: a connection of a person's browser to a port inside

HEADER = struct.Struct("!IBI")
WINDOW = 512 * 1024
CHUNK = 64 * 1024
MAX_PAYLOAD = 256 * 1024


class Frame(NamedTuple):
    """One frame as received."""

    kind: int
    stream: int
    payload: bytes

    def json(self) -> dict[str, Any]:
        """The payload as an object; raises ValueError when it is something else."""
        value = json.loads(self.payload)
        if not isinstance(value, dict):
            raise ValueError("expected an object")
        return value  # pyright: ignore[reportUnknownVariableType]


def pack(kind: int, stream: int, payload: bytes = b"") -> bytes:
    """The bytes of one frame."""
    return HEADER.pack(len(payload), kind, stream) + payload


def pack_json(kind: int, stream: int, value: dict[str, Any]) -> bytes:
    """A frame with a JSON payload. Names that are not UTF-8 travel as lone surrogates, which ASCII JSON can carry."""
    return pack(kind, stream, json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii"))


def pack_credit(stream: int, amount: int) -> bytes:
    """A CREDIT frame."""
    return pack(CREDIT, stream, struct.pack("!I", amount))


def credit_of(frame: Frame) -> int:
    """How much a CREDIT frame gives."""
    return int(struct.unpack("!I", frame.payload)[0])


class Decoder:
    """Cuts a byte stream into frames. Raises ValueError for a frame larger than any we send."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete now."""
        self._buffer += data
        frames: list[Frame] = []
        position = 0
        while len(self._buffer) - position >= HEADER.size:
            length, kind, stream = HEADER.unpack_from(self._buffer, position)
            if length > MAX_PAYLOAD:
                raise ValueError(f"a frame of {length} bytes is too large")
            end = position + HEADER.size + length
            if len(self._buffer) < end:
                break
            frames.append(Frame(kind, stream, bytes(self._buffer[position + HEADER.size : end])))
            position = end
        del self._buffer[:position]
        return iter(frames)
