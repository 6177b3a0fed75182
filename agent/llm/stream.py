"""Assemble one reply from the events of a stream, keeping every block as the JSON it was.

Written here because the SDK's own accumulator hands back a reply without a stop reason when a stream
ends early, and builds typed objects, which is not the JSON that has to be sent back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NoReturn, cast, get_args

from agent.domain.blocks import Block, Json
from agent.domain.errors import Bug, LlmUnavailable
from agent.ports.llm import Reply, StopReason, TokenUse

_TOOL_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
# After these the last call's arguments may be cut off; the core runs tools on `tool_use` only.
_CUTS_ARGUMENTS = frozenset({"max_tokens", "model_context_window_exceeded", "refusal"})
# Passes already counted by the top-level figures; all others (compaction, advisor) come on top of them.
_COUNTED_PASSES = frozenset({"message", "fallback_message"})


class Assembler:
    """Feed it each event; `reply` gives the whole answer or says that there is none."""

    def __init__(self, *, on_text: Callable[[str], None] | None = None) -> None:
        self._on_text = on_text
        self._message: Mapping[str, Json] = {}
        self._blocks: list[dict[str, Json]] = []
        self._pieces: list[dict[str, list[str]]] = []
        self._usage: dict[str, Json] = {}
        self._stop: Mapping[str, Json] = {}

    def feed(self, event: Mapping[str, Json]) -> None:
        """Take one event in. Unknown kinds of event are skipped, as the API's versioning rules ask."""
        match event.get("type"):
            case "message_start":
                self._message = event["message"]
                self._merge_usage(self._message.get("usage"))
            case "content_block_start":
                if event["index"] != len(self._blocks):
                    garbled(f"block {event['index']} came as number {len(self._blocks)}")
                self._blocks.append(dict(event["content_block"]))
                self._pieces.append({})
            case "content_block_delta":
                if not 0 <= event["index"] < len(self._blocks):
                    garbled(f"a piece of block {event['index']}, which was not begun")
                self._delta(event["index"], event["delta"])
            case "message_delta":
                self._stop = event["delta"]
                self._merge_usage(event.get("usage"))
            case _:
                pass

    def reply(self, *, request_id: str) -> Reply:
        """The complete answer. Raises `LlmUnavailable` when the stream ended before its stop reason."""
        stop = self._stop.get("stop_reason")
        if not self._message or stop is None:
            raise LlmUnavailable("The model's answer broke off before its end.")
        if stop not in get_args(StopReason):
            raise Bug(f"The model stopped for a reason we do not know: {stop!r}.")
        blocks = [self._finished(i, str(stop)) for i in range(len(self._blocks))]
        return Reply(
            content=tuple(b for b in blocks if not _blank(b)),
            stop_reason=cast(StopReason, stop),
            use=token_use(self._usage),
            request_id=request_id,
            model=str(self._message.get("model", "")),
            refusal=_refusal(self._stop) if stop == "refusal" else "",
        )

    def _delta(self, index: int, delta: Mapping[str, Json]) -> None:
        block, pieces = self._blocks[index], self._pieces[index]
        match delta.get("type"):
            case "text_delta":
                pieces.setdefault("text", []).append(delta["text"])
                if self._on_text is not None and delta["text"]:
                    self._on_text(delta["text"])
            case "input_json_delta":
                pieces.setdefault("input", []).append(delta["partial_json"])
            case "thinking_delta":
                pieces.setdefault("thinking", []).append(delta["thinking"])
            case "signature_delta":
                block["signature"] = delta["signature"]
            case "citations_delta":
                block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
            case other:
                # A piece we cannot place would make the stored block differ from what the model said.
                raise Bug(f"The model sent a kind of piece that we do not know: {other!r}.")

    def _finished(self, index: int, stop: str) -> Block:
        block, pieces = self._blocks[index], self._pieces[index]
        for name in ("text", "thinking"):
            if name in pieces:
                block[name] = str(block.get(name) or "") + "".join(pieces[name])
        if block.get("type") in _TOOL_CALLS:
            block["input"] = _arguments("".join(pieces.get("input", ())), block.get("input"), stop)
        return block

    def _merge_usage(self, usage: Json) -> None:
        """Figures of a later event are running totals; those it leaves out stand."""
        if isinstance(usage, dict):
            self._usage.update({k: v for k, v in cast(dict[str, Json], usage).items() if v is not None})


def token_use(usage: Mapping[str, Json]) -> TokenUse:
    """The tokens of a `usage` object; cache writes without a split count as 5-minute writes."""
    split = cast(Mapping[str, Json], usage.get("cache_creation") or {})
    written, hour = _count(usage, "cache_creation_input_tokens"), _count(split, "ephemeral_1h_input_tokens")
    five = _count(split, "ephemeral_5m_input_tokens")
    passes = cast(list[Mapping[str, Json]], usage.get("iterations") or [])
    return TokenUse(
        input_tokens=_count(usage, "input_tokens"),
        output_tokens=_count(usage, "output_tokens"),
        cache_read_tokens=_count(usage, "cache_read_input_tokens"),
        cache_write_5m_tokens=max(five, written - hour),
        cache_write_1h_tokens=hour,
        iterations=tuple(token_use(p) for p in passes if p.get("type") not in _COUNTED_PASSES),
    )


def garbled(what: str) -> NoReturn:
    """Raise the error for a stream that makes no sense; a repetition of the request may."""
    raise LlmUnavailable(f"The model's answer was garbled: {what}.")


def _arguments(text: str, at_start: Json, stop: str) -> Json:
    if not text:
        return cast(Json, at_start) if isinstance(at_start, dict) else {}
    try:
        value: Json = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, dict):
        return cast(Json, value)
    if stop in _CUTS_ARGUMENTS:
        return {}
    garbled("the arguments of a tool call are not a JSON object")


def _blank(block: Block) -> bool:
    """A text block without text: the service sends some, and refuses them when they are sent back."""
    return block.get("type") == "text" and not str(block.get("text") or "").strip() and not block.get("citations")


def _refusal(stop: Mapping[str, Json]) -> str:
    details = cast(Mapping[str, Json], stop.get("stop_details") or {})
    return str(details.get("explanation") or details.get("category") or "")


def _count(usage: Mapping[str, Json], name: str) -> int:
    return int(usage.get(name) or 0)
