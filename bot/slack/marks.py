"""How Gofer's own messages are known again: by a key that Slack keeps with them and nobody sees. Pure."""

from __future__ import annotations

import hashlib
from typing import Any

from bot.slack.payload import Payload, part, parts, text

EVENT_TYPE = "gofer_card"
_KEY_CHARS = 200


def metadata(key: str) -> dict[str, Any]:
    """The `metadata` of a message that is posted under this key."""
    return {"event_type": EVENT_TYPE, "event_payload": {"key": short(key)}}


def block_id(key: str) -> str:
    """The `block_id` that marks messages which can have no metadata: those with files."""
    return f"gofer:{short(key)}"


def bears(message: Payload, key: str) -> bool:
    """Whether a message was posted under this key."""
    if text(message, "metadata", "event_type") == EVENT_TYPE:
        return text(message, "metadata", "event_payload", "key") == short(key)
    return any(text(block, "block_id") == block_id(key) for block in parts(message, "blocks"))


def is_bare(message: Payload) -> bool:
    """Whether a message bears no key at all: of Gofer's own, only a stream that has not been ended."""
    marked = any(text(block, "block_id").startswith("gofer:") for block in parts(message, "blocks"))
    return not (marked or part(message, "metadata") or parts(message, "files") or text(message, "subtype"))


def short(key: str) -> str:
    """The key, or a digest of one that is too long for a block id of 255 characters."""
    return key if len(key) <= _KEY_CHARS else hashlib.sha256(key.encode()).hexdigest()
