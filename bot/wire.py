"""Stored events as JSON, for the API and `gofer do --json`, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from agent.domain.events import Event
from agent.domain.files import WorkFile

_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])
_FILES: TypeAdapter[tuple[WorkFile, ...]] = TypeAdapter(tuple[WorkFile, ...])

Plain = Mapping[str, Any]


def event_to_json(event: Event) -> Plain:
    """The event as plain JSON values; `kind` names it, `seq` numbers it, `at` is ISO 8601 in UTC."""
    return _EVENT.dump_python(event, mode="json")


def event_from_json(value: Plain) -> Event:
    """Reads what `event_to_json` wrote. Raises ValueError on anything else."""
    return _EVENT.validate_python(value)


def files_to_json(files: tuple[WorkFile, ...]) -> list[Plain]:
    """Files as plain JSON values."""
    return _FILES.dump_python(files, mode="json")


def files_from_json(value: object) -> tuple[WorkFile, ...]:
    """Reads what `files_to_json` wrote. Raises ValueError on anything else."""
    return _FILES.validate_python(value)
