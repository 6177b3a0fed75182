"""How Gofer's own messages are known again after a crash, without anything that people see. Pure.

Discord keeps a message's nonce for minutes only and shows it to nobody later. What it does keep is the `id` of each
component, a number of 31 bits that the application may choose: the first component of a message bears a digest of the
key under which it was posted. The nonce makes a repeated call of the same minutes give back the first message.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

from bot.discord.payload import Payload, number, parts

NONCE_CHARS = 25
_FIRST_MARK = 1 << 16
"""Smaller ones may be given by Discord itself, which counts from one."""


def nonce(key: str) -> dict[str, Any]:
    """The part of a body that makes a second post of this key the first one."""
    return {"nonce": hashlib.sha256(key.encode()).hexdigest()[:NONCE_CHARS], "enforce_nonce": True}


def mark_of(key: str) -> int:
    """The component id that stands for a key."""
    digest = int.from_bytes(hashlib.sha256(b"mark " + key.encode()).digest()[:8], "big")
    return _FIRST_MARK + digest % ((1 << 31) - _FIRST_MARK)


def marked(body: Payload, key: str) -> dict[str, Any]:
    """The body of a Components V2 message, bearing the key."""
    components = cast(Sequence[Mapping[str, Any]], body["components"])
    return {**body, "components": [{**components[0], "id": mark_of(key)}, *components[1:]]}


def bears(message: Payload, key: str) -> bool:
    """Whether a message was posted under this key."""
    return any(number(component, "id") == mark_of(key) for component in parts(message, "components")[:1])
