"""Reading Discord's JSON. Pure. What has another type than expected counts as absent: a payload is never trusted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

Payload = Mapping[str, Any]
_EMPTY: Payload = {}
_EPOCH_MS = 1_420_070_400_000
"""Discord's ids count milliseconds from the start of 2015."""


def text(payload: Payload, *path: str) -> str:
    """The string at this path; empty when there is none."""
    found = _at(payload, path)
    return found if isinstance(found, str) else ""


def number(payload: Payload, *path: str) -> int:
    """The whole number at this path; -1 when there is none, which no code, type or size of Discord is."""
    found = _at(payload, path)
    return found if isinstance(found, int) and not isinstance(found, bool) else -1


def snowflake(payload: Payload, *path: str) -> str:
    """The id at this path, whether it came as a string or as a number; empty when there is none."""
    found = _at(payload, path)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) and found.isascii() and found.isdigit() else ""


def part(payload: Payload, *path: str) -> Payload:
    """The object at this path; empty when there is none."""
    found = _at(payload, path)
    return cast(Payload, found) if isinstance(found, dict) else _EMPTY


def parts(payload: Payload, *path: str) -> tuple[Payload, ...]:
    """The objects of the list at this path, without what is no object."""
    found = _at(payload, path)
    items = cast(list[Any], found) if isinstance(found, list) else []
    return tuple(cast(Payload, item) for item in items if isinstance(item, dict))


def strings(payload: Payload, *path: str) -> tuple[str, ...]:
    """The strings of the list at this path; numbers (ids sometimes are) count as such."""
    found = _at(payload, path)
    items = cast(list[Any], found) if isinstance(found, list) else []
    return tuple(str(item) for item in items if isinstance(item, str | int) and not isinstance(item, bool))


def flag(payload: Payload, *path: str) -> bool:
    """Whether there is a true at this path."""
    return _at(payload, path) is True


def when(snowflake_id: str, otherwise: datetime) -> datetime:
    """When the thing with this id was made."""
    try:
        return datetime.fromtimestamp(((int(snowflake_id) >> 22) + _EPOCH_MS) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return otherwise


def moment(stamp: str, otherwise: datetime) -> datetime:
    """A time as Discord writes it, "2026-11-22T10:00:00.000000+00:00"."""
    try:
        found = datetime.fromisoformat(stamp)
    except ValueError:
        return otherwise
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _at(payload: Payload, path: tuple[str, ...]) -> object:
    found: object = payload
    for key in path:
        if not isinstance(found, dict):
            return None
        found = cast(dict[str, object], found).get(key)
    return found
