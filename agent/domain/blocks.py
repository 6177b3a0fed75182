"""Message content as the Messages API defines it, kept byte-exact.

The newest models bind their thinking to the exact earlier conversation, so what a model said is
stored and replayed as the JSON it was, never rebuilt from parsed fields. This is the one place
where raw JSON crosses rooms; everything that needs a meaning out of it asks a function here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

Json = Any
Block = Mapping[str, Json]
"""One content block, e.g. {"type": "text", "text": ...}. Source: Messages API, version 2026-10-21."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """A model's wish to call a tool."""

    tool_use_id: str
    name: str
    arguments: Mapping[str, Json]


def text_block(text: str) -> Block:
    """A text block; the API refuses empty text, so callers must not pass any."""
    return {"type": "text", "text": text}


def tool_uses(blocks: Sequence[Block]) -> tuple[ToolUse, ...]:
    """The tool calls of an assistant message, in order."""
    return tuple(
        ToolUse(tool_use_id=str(b["id"]), name=str(b["name"]), arguments=_object(b.get("input")))
        for b in blocks
        if b.get("type") == "tool_use"
    )


def text_of(blocks: Sequence[Block]) -> str:
    """All text of a message, paragraphs joined by a blank line."""
    return "\n\n".join(str(b["text"]) for b in blocks if b.get("type") == "text" and b.get("text"))


def _object(value: Json) -> Mapping[str, Json]:
    return cast(Mapping[str, Json], value) if isinstance(value, dict) else {}
