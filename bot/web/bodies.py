"""The shapes of request bodies. Unknown fields are refused, so that a misspelt one is noticed."""

from __future__ import annotations

import json
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from agent.domain.asks import Via
from bot.web.problems import Malformed

EventId = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\w.:@-]+$")]
"""Yours, unique for each message: the same one again never acts twice."""


class Body(BaseModel):
    """What all bodies share."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class FileRef(Body):
    """A file as `POST /api/uploads` gave it; browsers must give its `receipt` back, too."""

    path: str = Field(max_length=2_000)
    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    media_type: str = Field("application/octet-stream", max_length=200)
    receipt: str = Field("", max_length=4_000)


Files = Annotated[list[FileRef], Field(max_length=500)]


class NewTask(Body):
    """A piece of work. Without `thread_id` it begins a conversation."""

    thread_id: str = Field("", max_length=300)
    request: str
    files: Files = []
    inbox_id: EventId


class NewMessage(Body):
    """Something said in a conversation: a deciding word, an answer, steering, or a new task."""

    thread_id: str = Field("", max_length=300)
    text: str
    files: Files = []
    event_id: EventId


class SteerBody(Body):
    """An instruction for a task at work."""

    text: str
    files: Files = []
    inbox_id: EventId
    interrupt: bool = False


class StopBody(Body):
    """Why, in a sentence; may be empty."""

    reason: str = Field("", max_length=1_000)


class NoBody(Body):
    """Nothing."""


class AnswerBody(Body):
    """A decision. `via` counts only with the token; a session always decides by its page."""

    revision: int = Field(ge=0)
    choice: str = Field(max_length=64)
    note: str = Field("", max_length=50_000)
    via: Via = "command"


class PressBody(Body):
    """A button of a card, or a form it opened (`sent`)."""

    token: str = Field(max_length=100)
    task_id: str = Field("", max_length=60)
    event_id: EventId
    sent: bool = False
    picked: str = Field("", max_length=32)
    values: dict[str, str | bool | list[str]] = {}
    files: Files = []


class LinkBody(Body):
    """What a link is for."""

    purpose: Literal["signin"] = "signin"


B = TypeVar("B", bound=Body)


async def body_of(request: Request, shape: type[B]) -> B:
    """The parsed body; an empty one counts as `{}`. Raises `Malformed` naming the first wrong field."""
    raw = await request.body()
    try:
        return shape.model_validate(json.loads(raw or b"{}"))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise Malformed(f"{where}: {first['msg']}.", next_step="The shapes are in /api/openapi.json.") from error
    except (ValueError, RecursionError) as error:
        raise Malformed("The body is no JSON.", next_step="Send a JSON object.") from error
