"""Reading Slack's JSON. Pure. What has another type than expected counts as absent: a payload is never trusted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

Payload = Mapping[str, Any]
_EMPTY: Payload = {}


def text(payload: Payload, *path: str) -> str:
    """The string at this path; empty when there is none."""
    found = _at(payload, path)
    return found if isinstance(found, str) else ""


def part(payload: Payload, *path: str) -> Payload:
    """The object at this path; empty when there is none."""
    found = _at(payload, path)
    return cast(Payload, found) if isinstance(found, dict) else _EMPTY


def parts(payload: Payload, *path: str) -> tuple[Payload, ...]:
    """The objects of the list at this path, without what is no object."""
    found = _at(payload, path)
    items = cast(list[Any], found) if isinstance(found, list) else []
    return tuple(cast(Payload, item) for item in items if isinstance(item, dict))


def flag(payload: Payload, *path: str) -> bool:
    """Whether there is a true at this path."""
    return _at(payload, path) is True


def moment(ts: str, otherwise: datetime) -> datetime:
    """A Slack timestamp ("1764000000.000100") as a time."""
    try:
        return datetime.fromtimestamp(float(ts), UTC)
    except (ValueError, OverflowError, OSError):
        return otherwise


def pack(value: str, thread_id: str) -> str:
    """A value with the thread it belongs to: what the `private_metadata` of a form carries, because what Slack sends of
    a form does not say where it was opened."""
    return f"{value}|{thread_id}" if thread_id else value


def unpack(packed: str) -> tuple[str, str]:
    """The value and the thread id, which is empty where none was packed."""
    value, _, thread_id = packed.partition("|")
    return value, thread_id


def _at(payload: Payload, path: tuple[str, ...]) -> object:
    found: object = payload
    for key in path:
        if not isinstance(found, dict):
            return None
        found = cast(dict[str, object], found).get(key)
    return found
