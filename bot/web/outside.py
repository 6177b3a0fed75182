"""Doors of other surfaces on the web server: they check their own requests, this room only carries them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from agent.domain.people import WEB_OWNER
from bot.web.parts import Web


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request. `owner`: the browser is signed in as Gofer's owner."""

    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str]
    cookies: Mapping[str, str]
    owner: bool


class Answer(Protocol):
    """What goes back."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def body(self) -> str: ...


@dataclass(frozen=True, slots=True)
class OutsideDoor:
    """A path and who answers there."""

    path: str
    method: Literal["GET", "POST"]
    handle: Callable[[Visit], Awaitable[Answer]]


def outside_routes(web: Web, doors: tuple[OutsideDoor, ...]) -> list[BaseRoute]:
    """The routes of these doors."""
    return [Route(door.path, _endpoint(web, door), methods=[door.method]) for door in doors]


def _endpoint(web: Web, door: OutsideDoor) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        known = web.known(request)
        visit = Visit(
            body=await request.body(),
            headers=request.headers,
            query=request.query_params,
            cookies=request.cookies,
            owner=known is not None and known.person_id == WEB_OWNER.person_id,
        )
        answer = await door.handle(visit)
        return Response(answer.body, status_code=answer.status, headers=dict(answer.headers))

    return handle
