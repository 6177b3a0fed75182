"""The HTTP side: reads a call as Slack does, refuses or runs it, plays the faults, keeps the record."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.slack import (
    methods_agents,
    methods_auth,
    methods_chat,
    methods_files,
    methods_people,
    methods_streams,
    methods_views,
)
from tests.fakes.slack.lint import faults_of
from tests.fakes.slack.registry import METHODS, Call, Method, Refused, need_scope
from tests.fakes.slack.world import Team

if TYPE_CHECKING:
    from tests.fakes.slack.fake import SlackFake

_FAMILIES = (
    *(methods_agents, methods_auth, methods_chat, methods_files, methods_people),
    *(methods_streams, methods_views),
)
"""Imported for what they declare."""
BODY_MAX = 1 << 31


@dataclass(eq=False)
class Called:
    """A call as it arrived and what came of it. `ok` is None while it is under way."""

    method: str
    args: dict[str, Any]
    at: float
    team_id: str = ""
    ok: bool | None = None
    error: str = ""
    status: int = 200
    answer: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        told = {name: str(value)[:60] for name, value in self.args.items()}
        return f"<{self.method} {'ok' if self.ok else self.error or self.status} {told}>"


class Cut(Exception):
    """Cut the connection instead of answering."""


def application(fake: SlackFake) -> web.Application:
    """All routes of the fake."""
    app = web.Application(client_max_size=BODY_MAX)
    app.router.add_route("*", "/api/{method}", partial(_call, fake))
    app.router.add_get("/link/", fake.courier.serve)
    app.router.add_post("/upload/v1/{file_id}", partial(methods_files.receive, fake))
    app.router.add_get("/files-pri/{file}/{name}", partial(methods_files.download, fake))
    app.router.add_get("/files-pri/{file}/download/{name}", partial(methods_files.download, fake))
    app.router.add_post("/actions/{team}/{key}", partial(_respond, fake))
    app.router.add_get("/oauth/v2/authorize", partial(methods_auth.authorize, fake))
    app.router.add_route("*", "/{rest:.*}", partial(_nowhere, fake))
    return app


async def _nowhere(fake: SlackFake, request: web.Request) -> web.Response:
    fake.world.problem(f"the app asked for {request.method} {request.path}, which Slack does not have")
    return web.Response(status=404, text="not found")


async def _respond(fake: SlackFake, request: web.Request) -> web.Response:
    called = Called("response_url", {}, fake.clock.now(), request.match_info["team"])
    fake.called.append(called)
    try:
        called.args = json.loads(await request.read())
        fake.interactions.respond(fake, request.match_info["key"], called.args)
    except Refused as refusal:
        called.ok, called.error = False, refusal.error
        status = 404 if refusal.error.endswith("_url") else 400
        return web.json_response({"ok": False, "error": refusal.error, "why": refusal.why}, status=status)
    except ValueError:
        called.ok, called.error = False, "invalid_payload"
        return web.Response(status=400, text="invalid_payload")
    called.ok = True
    fake.world.changed()
    return web.Response(text="ok")


async def _call(fake: SlackFake, request: web.Request) -> web.StreamResponse:
    name = request.match_info["method"]
    called = Called(name, {}, fake.clock.now())
    fake.called.append(called)
    try:
        return await _answer(fake, request, name, called)
    except Cut:
        called.ok = bool(called.answer)
        called.error = "connection cut"
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
    except Exception as error:
        fake.world.problem(f"the fake failed in {name}: {error!r}")
        raise
    finally:
        fake.world.changed()


async def _answer(fake: SlackFake, request: web.Request, name: str, called: Called) -> web.StreamResponse:
    team: Team | None = None
    headers: dict[str, str] = {}
    try:
        given, from_json, token = await _given(request, reads_json=name not in METHODS or METHODS[name].json_body)
        called.args = dict(given)
        fake.world.changed()
        if (gate := fake.faults.take("hold", name, given)) and gate.gate and not await gate.gate.pass_through(given):
            raise Cut
        if fault := fake.faults.take("refuse", name, given):
            called.ok, called.error, called.status = False, fault.error or f"HTTP {fault.status}", fault.status
            if fault.status == 429:
                return _limited(fault.retry_after_s)
            if fault.error:
                raise Refused(fault.error)
            return web.Response(status=fault.status, text="<html>out of order</html>", content_type="text/html")
        found = _method(fake, name)
        team = _team(fake, found, token)
        if team is not None:
            called.team_id = team.team_id
            headers["X-OAuth-Scopes"] = ",".join(team.scopes)
        call = _checked(fake, found, team, given, from_json, token)
        called.args = call.args
        if wait_s := fake.rates.wait_s(called.team_id, name, str(call.args.get("channel", ""))):
            called.ok, called.error, called.status = False, "ratelimited", 429
            return _limited(wait_s)
        answer = {"ok": True, **await found.run(call)}
    except Refused as refusal:
        called.ok, called.error = False, refusal.error
        answer = {"ok": False, "error": refusal.error, **refusal.extra}
        if refusal.why:
            answer["response_metadata"] = {"messages": list(refusal.why)}
        return web.json_response(answer, headers=headers)
    called.answer = answer
    if fake.faults.take("lose", name, given):
        raise Cut
    if (gate := fake.faults.take("hold_done", name, given)) and gate.gate and not await gate.gate.pass_through(given):
        raise Cut
    called.ok = True
    return web.json_response(answer, headers=headers)


def _limited(retry_after_s: float) -> web.Response:
    headers = {"Retry-After": f"{retry_after_s:g}"}
    return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)


def _method(fake: SlackFake, name: str) -> Method:
    for prefix, error in fake.disabled_methods.items():
        if name.startswith(prefix):
            raise Refused(error, req_method=name)
    found = METHODS.get(name)
    if found is None:
        fake.world.problem(f"the app called {name}, which the fake does not have")
        raise Refused("unknown_method", req_method=name)
    return found


async def _given(request: web.Request, *, reads_json: bool) -> tuple[dict[str, Any], frozenset[str], str]:
    """(arguments, those that came as JSON, token) from query string, form or JSON body."""
    given: dict[str, Any] = dict(request.query)
    from_json: frozenset[str] = frozenset()
    if request.content_type == "application/json" and request.can_read_body:
        raw = await request.read()
        try:
            body = json.loads(raw) if raw.strip() else {}
        except ValueError as error:
            raise Refused("invalid_json") from error
        if not isinstance(body, dict):
            raise Refused("json_not_object")
        if reads_json:
            given |= body
            from_json = frozenset(body)
    elif request.can_read_body:
        given |= {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    header = request.headers.get("Authorization", "")
    token = str(given.pop("token", ""))
    if header.startswith("Bearer "):
        token = header.removeprefix("Bearer ")
    elif header.startswith("Basic "):
        client_id, _, secret = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
        given |= {"client_id": client_id, "client_secret": secret}
    return given, from_json, token


def _team(fake: SlackFake, found: Method, token: str) -> Team | None:
    if found.token == "none":
        return None
    if not token:
        raise Refused("not_authed")
    if found.token == "app":
        if token == fake.app_token:
            return fake.team
        raise Refused("not_allowed_token_type" if fake.team_of_token(token) else "invalid_auth")
    if token == fake.app_token:
        raise Refused("not_allowed_token_type")
    team = fake.team_of_token(token)
    if team is None:
        raise Refused("token_revoked" if token in fake.revoked_tokens else "invalid_auth")
    return team


def _checked(
    fake: SlackFake,
    found: Method,
    team: Team | None,
    given: dict[str, Any],
    from_json: frozenset[str],
    token: str,
) -> Call:
    """The call with its arguments read, scopes and contents checked."""
    if team is not None:
        need_scope(Call(fake, team, {}), *found.scopes)
    args = found.arguments.read(given, from_json=from_json)
    faults = faults_of(found.name, args, fake.missing_blocks)
    if faults:
        raise Refused(faults[0].error, *(f"[ERROR] {fault.text or fault.error}" for fault in faults))
    return Call(fake, team or fake.team, args, token)
