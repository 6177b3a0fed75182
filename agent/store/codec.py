"""Domain objects to JSON text and back.

The text is pure ASCII (`\\uXXXX`), so both databases take every character, NUL and lone surrogates included,
and message content comes back as the JSON it was: same order of keys, same numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, get_args

from pydantic import TypeAdapter, ValidationError

from agent.domain.asks import Answer, Ask, Grant
from agent.domain.blocks import Block, Json
from agent.domain.events import KINDS, Event, UnknownEvent
from agent.domain.files import WorkFile
from agent.ports.journal import InboxItem
from agent.ports.llm import Prefix

Document = Ask | Answer | Grant | InboxItem | Prefix
D = TypeVar("D", Ask, Answer, Grant, InboxItem, Prefix)

_EVENTS: Mapping[str, type[Event]] = {cls.__name__: cls for cls in get_args(Event) if cls.__name__ in KINDS}


def dumps(value: Json) -> str:
    """Compact ASCII JSON. Raises ValueError for NaN and infinity, which are not JSON."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def dump(document: Document) -> str:
    """JSON text of a domain object."""
    return dumps(_adapter(type(document)).dump_python(document, mode="json"))


def load(type_: type[D], text: str) -> D:
    """The domain object again. Raises pydantic's ValidationError for text of another shape."""
    return _adapter(type_).validate_python(json.loads(text))


def dump_blocks(blocks: Sequence[Block]) -> str:
    """Message content, untouched."""
    return dumps(list(blocks))


def load_blocks(text: str) -> tuple[Block, ...]:
    """Message content, untouched."""
    return tuple(json.loads(text))


def dump_files(files: Sequence[WorkFile]) -> str:
    """Files that came with something."""
    return dumps(_adapter(tuple[WorkFile, ...]).dump_python(tuple(files), mode="json")) if files else ""


def load_files(text: str) -> tuple[WorkFile, ...]:
    """Files that came with something."""
    return _adapter(tuple[WorkFile, ...]).validate_python(json.loads(text)) if text else ()


def dump_event(event: Event) -> tuple[str, str]:
    """Kind and body. An unknown event keeps the kind and body it came with."""
    if isinstance(event, UnknownEvent):
        return event.original_kind, dumps(dict(event.body))
    return event.kind, dumps(_adapter(type(event)).dump_python(event, mode="json"))


def load_event(task_id: str, seq: int, at: datetime, kind: str, text: str) -> Event:
    """The event; one that this version cannot read, for its kind or for a value in it, as `UnknownEvent`."""
    body = json.loads(text)
    if cls := _EVENTS.get(kind):
        try:
            return _adapter(cls).validate_python(body)
        except ValidationError:
            pass
    return UnknownEvent(task_id=task_id, at=at, seq=seq, original_kind=kind, body=body)


@cache
def _adapter(type_: Any) -> TypeAdapter[Any]:
    # Built at first use: building all of them at import would cost every `gofer --help` its time.
    return TypeAdapter(type_)
