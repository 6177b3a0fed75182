"""Errors as answers: both sentences, for people and for programs."""

from __future__ import annotations

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from agent.domain.errors import NotAllowed, NotFound, Refused, UserFacing

_BY_STATUS = {
    404: ("There is nothing at this address.", "Go back to the start page."),
    405: ("This address does not take that.", "The list of what it takes is /api/openapi.json."),
}


class NotSignedIn(UserFacing):
    """Nobody is known behind this request."""


class TooLarge(Refused):
    """More bytes than fit."""

    @staticmethod
    def over(limit_bytes: int) -> TooLarge:
        """The error for this limit."""
        size = f"{limit_bytes // 1024**2} MiB" if limit_bytes >= 1024**2 else f"{limit_bytes // 1024} KiB"
        return TooLarge(f"It is larger than {size}.", next_step="Split it, or hand it over as a file.")


class WrongHost(Refused):
    """The Host header names another site: a rebound DNS name, or an address nobody configured."""


class Malformed(Refused):
    """The request has another shape than the API's."""


class Json(Response):
    """JSON in ASCII: every text can be sent, half characters of hostile file names included."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def status_of(error: UserFacing) -> int:
    """The HTTP status that goes with an error."""
    match error:
        case NotSignedIn():
            return 401
        case NotAllowed():
            return 403
        case NotFound():
            return 404
        case TooLarge():
            return 413
        case Malformed():
            return 400
        case WrongHost():
            return 421
        case Refused():
            return 409
        case _:
            return 503


def problem_json(error: UserFacing) -> Json:
    """The error for a program."""
    return Json({"error": error.message, "next_step": error.next_step}, status_code=status_of(error))


def from_http(error: HTTPException) -> tuple[str, str]:
    """Both sentences for an error of the router."""
    return _BY_STATUS.get(error.status_code, (error.detail, "Go back to the start page."))


def wants_page(request: Request) -> bool:
    """Whether a person's browser asked for a page."""
    path = request.url.path
    return "text/html" in request.headers.get("accept", "") and not path.startswith("/api/")
