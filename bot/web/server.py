"""The application: routes, handlers and errors put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from agent.domain.errors import UserFacing
from agent.service import Service
from bot.desk import Desk
from bot.web.api import Api
from bot.web.guard import Guard, known_hosts
from bot.web.html import FOLDER, Html
from bot.web.meters import Meters
from bot.web.outside import OutsideDoor, outside_routes
from bot.web.pages import Pages
from bot.web.parts import Subscribe, Web
from bot.web.problems import Json, NotSignedIn, from_http, problem_json, status_of, wants_page
from bot.web.routes import Endpoint, api_table, openapi
from bot.web.sessions import Sessions
from bot.web.signing import Signer


def create_app(
    service: Service,
    *,
    sessions: Sessions,
    live: Subscribe,
    ready: Callable[[], bool],
    model: str,
    sandbox: Callable[[], str],
    api_token: str | None,
    public_url: str = "",
    doors: tuple[OutsideDoor, ...] = (),
) -> Starlette:
    """The web chat and the API.

    `live`: pieces of a task from now on (`LiveBus.listen`). `ready`: whether tasks are taken; `sandbox`: which one,
    or why none. `api_token`: opens the API as terminal:local; None: nobody has it. `public_url`: the address people
    use besides 127.0.0.1 and localhost; requests for other hosts are refused. `doors`: of other surfaces
    (Slack's events, its installation), which check their own requests.
    """
    signer = Signer(sessions.key, sessions.now)
    web = Web(
        service=service,
        desk=Desk(service),
        sessions=sessions,
        signer=signer,
        html=Html(signer),
        live=live,
        ready=ready,
        model=model,
        sandbox=sandbox,
        api_token=api_token,
        public_url=public_url,
        meters=Meters(sessions.now(), {"version": version("gofer"), "model": model}),
    )
    pages = Pages(web)
    table = api_table(Api(web))
    app = Starlette(
        routes=[*_page_routes(pages), *_api_routes(web, table), *outside_routes(web, doors)],
        middleware=[Middleware(Guard, hosts=known_hosts(public_url), meters=web.meters)],
        exception_handlers=_handlers(pages),
    )
    app.state.web = web
    return app


def web_of(app: Starlette) -> Web:
    """What an application is made of."""
    return cast(Web, app.state.web)


def _page_routes(pages: Pages) -> list[BaseRoute]:
    return [
        Route("/", pages.home),
        Route("/t/{thread}", pages.thread),
        Route("/t/{thread}/stream", pages.stream),
        Route("/signin", pages.sign_in),
        Route("/signin", pages.sign_in_as, methods=["POST"]),
        Route("/signout", pages.sign_out, methods=["POST"]),
        Route("/files/{token}", pages.file),
        Route("/healthz", pages.health),
        Route("/readyz", pages.ready),
        Route("/metrics", pages.metrics),
        Mount("/static", StaticFiles(directory=FOLDER / "static")),
    ]


def _api_routes(web: Web, table: Sequence[Endpoint]) -> list[BaseRoute]:
    description = openapi(tuple(table))

    async def described(request: Request) -> Response:
        return Json(description)

    routes = [Route(e.path, _guarded(web, e), methods=[e.method]) for e in table]
    return [Route("/api/openapi.json", described), *routes]


def _guarded(web: Web, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        return await endpoint.handler(request, web.visitor(request))

    return handle


def _handlers(pages: Pages) -> dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]:
    async def user_facing(request: Request, error: Exception) -> Response:
        known = cast(UserFacing, error)
        if not wants_page(request):
            return problem_json(known)
        if isinstance(known, NotSignedIn):
            return pages.not_signed_in(known)
        return pages.problem(known.message, known.next_step, status_of(known))

    async def http(request: Request, error: Exception) -> Response:
        known = cast(HTTPException, error)
        message, next_step = from_http(known)
        if wants_page(request):
            return pages.problem(message, next_step, known.status_code)
        return Json({"error": message, "next_step": next_step}, status_code=known.status_code, headers=known.headers)

    async def fault(request: Request, error: Exception) -> Response:
        message, next_step = "Something went wrong inside Gofer.", "Try again; the log names the fault."
        if wants_page(request):
            return pages.problem(message, next_step, 500)
        return Json({"error": message, "next_step": next_step}, status_code=500)

    return {UserFacing: user_facing, HTTPException: http, Exception: fault}
