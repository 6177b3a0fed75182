"""A reply as a stream of events, and every way in which such a stream can go wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from tests.fakes.messages.http import Answer

_PIECE_CHARS = 7
_FAULT_AFTER_DELTAS = 2
_SLOW_S = 0.002
_STREAMED = {"text": "text_delta", "thinking": "thinking_delta"}
Event = dict[str, Any]


class Broken(Exception):
    """The connection is to be dropped now."""


@dataclass(frozen=True)
class Reply:
    message_id: str
    model: str
    content: list[dict[str, Any]]
    stop_reason: str
    usage: dict[str, Any]
    stop_details: dict[str, Any] | None = None
    cut: bool = False
    """The last block breaks off, as at max_tokens."""

    def replaced(self, **changes: Any) -> Reply:
        return replace(self, **changes)

    def message(self) -> dict[str, Any]:
        return {
            "id": self.message_id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": self.content,
            "stop_reason": self.stop_reason,
            "stop_sequence": None,
            "stop_details": self.stop_details,
            "usage": self.usage,
        }


def events(reply: Reply, *, broken_arguments: bool = False) -> Iterator[Event]:
    """All events of a reply, in order."""
    first = {k: v for k, v in reply.usage.items() if k != "iterations"} | {"output_tokens": 1}
    message = reply.message() | {"content": [], "stop_reason": None, "stop_details": None, "usage": first}
    yield {"type": "message_start", "message": message}
    yield {"type": "ping"}
    for index, block in enumerate(reply.content):
        cut = reply.cut and index == len(reply.content) - 1
        yield from _block(index, block, cut=cut, broken_arguments=broken_arguments)
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": reply.stop_reason, "stop_sequence": None, "stop_details": reply.stop_details},
        "usage": {k: v for k, v in reply.usage.items() if k != "cache_creation"},
    }
    yield {"type": "message_stop"}


async def send(answer: Answer, all_events: Iterator[Event], fault: str) -> None:
    """Send the events; a fault strikes after some deltas, at the latest before the end of the message."""
    deltas = 0
    for event in all_events:
        last = event["type"] == "message_delta"
        if fault and (last or deltas == _FAULT_AFTER_DELTAS) and await _strike(answer, fault):
            return
        if fault == "slow":
            await asyncio.sleep(_SLOW_S)
        await answer.chunk(_encoded(event))
        deltas += event["type"] == "content_block_delta"
    await answer.end()


async def _strike(answer: Answer, fault: str) -> bool:
    """Break the stream; False for a fault that is not of this kind."""
    match fault:
        case "disconnect":
            raise Broken
        case "truncate":
            await answer.end()
        case "malformed":
            await answer.chunk(b'event: content_block_delta\ndata: {"type":"content_block_delta","in\n\n')
            await answer.end()
        case "sse_error":
            error = {"type": "overloaded_error", "message": "Overloaded"}
            await answer.chunk(_encoded({"type": "error", "error": error}))
            await answer.end()
        case "hang":
            await asyncio.Event().wait()
        case "pings":
            while True:
                await answer.chunk(_encoded({"type": "ping"}))
                await asyncio.sleep(_SLOW_S)
        case _:
            return False
    return True


def _block(index: int, block: dict[str, Any], *, cut: bool, broken_arguments: bool) -> Iterator[Event]:
    start, kind, text = dict(block), "", ""
    if block["type"] in _STREAMED:
        name = block["type"]
        start |= {name: ""}
        kind, text = _STREAMED[name], block[name]
        if name == "thinking":
            start |= {"signature": ""}
        if name == "text" and "citations" in block:
            start |= {"citations": []}
    elif block["type"] in {"tool_use", "server_tool_use"}:
        start |= {"input": {}}
        kind, text = "input_json_delta", json.dumps(block["input"], ensure_ascii=False)
        if broken_arguments:
            text = text[:-1] + ', "broken": }'
    if cut:
        text = text[: len(text) // 2]
    yield {"type": "content_block_start", "index": index, "content_block": start}
    if kind == "input_json_delta":
        yield _delta(index, kind, "")
    for at in range(0, len(text), _PIECE_CHARS):
        yield _delta(index, kind, text[at : at + _PIECE_CHARS])
    if kind == "text_delta":
        for citation in block.get("citations") or ():
            delta = {"type": "citations_delta", "citation": citation}
            yield {"type": "content_block_delta", "index": index, "delta": delta}
    if kind == "thinking_delta":
        delta = {"type": "signature_delta", "signature": block["signature"]}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _delta(index: int, kind: str, piece: str) -> Event:
    field = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}[kind]
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, field: piece}}


def _encoded(event: Event) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
