"""The HTTP side: reads a call as Discord does, refuses or runs it, plays the faults, keeps the record."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, web
from simcord.backend.errors import BackendError
from simcord.backend.serializers import message_payload
from simcord.http import routes as _routes  # declares every route
from simcord.http.router import RouteNotImplemented, UnsupportedField, dispatch

from tests.fakes.discord import rules
from tests.fakes.discord.lint import house_rules
from tests.fakes.discord.rates import Rates, limit_headers
from tests.fakes.discord.world import signature

if TYPE_CHECKING:
    from tests.fakes.discord.fake import DiscordFake

BASE = "/api/v10"
BODY_MAX = 1 << 28
_DECLARED = _routes
_OPEN = ("interactions", "webhooks")
"""Paths whose token is the permission: no other is asked for."""


@dataclass
class Upload:
    """A file of a call."""

    filename: str
    fp: io.BytesIO
    description: str | None = None


@dataclass(eq=False)
class Called:
    """A call as it arrived and what came of it. `status` is 0 while it is under way."""

    method: str
    path: str
    at: float
    rates: Rates
    body: Any = None
    files: list[Upload] = field(default_factory=list[Upload])
    params: dict[str, str] = field(default_factory=dict[str, str])
    status: int = 0
    code: int = 0
    answer: Any = None

    @property
    def name(self) -> str:
        """The method and the path with `*` for every id, token and emoji."""
        return f"{self.method} /{'/'.join(self._parts()[0])}"

    @property
    def ids(self) -> list[int]:
        """The ids in the path, in order."""
        return self._parts()[1]

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def _parts(self) -> tuple[list[str], list[int]]:
        segments = self.path.strip("/").split("/")
        names: list[str] = []
        for place, segment in enumerate(segments):
            token = place == 2 and segments[0] in _OPEN
            emoji = place > 0 and segments[place - 1] == "reactions"
            message = place == 4 and segments[0] == "webhooks"
            names.append("*" if segment.isdigit() or token or emoji or message else segment)
        return names, [int(segment) for segment in segments if segment.isdigit()]

    def __repr__(self) -> str:
        told = json.dumps(self.body, default=str)[:160] if self.body is not None else ""
        return f"<{self.method} {self.path} {self.status or 'under way'} {self.code or ''} {told}>"


class Cut(Exception):
    """Cut the connection instead of answering."""


def application(fake: DiscordFake) -> web.Application:
    """All routes of the fake."""
    app = web.Application(client_max_size=BODY_MAX)
    app.router.add_get("/gateway/", fake.gateway.serve)
    app.router.add_get("/attachments/{channel}/{id}/{name}", partial(_download, fake))
    app.router.add_route("*", BASE + "/{rest:.*}", partial(_call, fake))
    app.router.add_route("*", "/{rest:.*}", partial(_nowhere, fake))
    return app


async def _nowhere(fake: DiscordFake, request: web.Request) -> web.Response:
    fake.world.problem(f"the app asked for {request.method} {request.path}, which Discord does not have")
    return web.Response(status=404, text="not found")


async def _download(fake: DiscordFake, request: web.Request) -> web.StreamResponse:
    called = Called("GET", request.path, fake.now(), fake.rates)
    fake.called.append(called)
    told = {"name": request.match_info["name"]}
    if (gate := fake.faults.take("hold", "download", told)) and gate.gate and not await gate.gate.pass_through(told):
        return _cut(request)
    if fault := fake.faults.take("refuse", "download", told):
        called.status = fault.status
        return web.Response(status=fault.status)
    data = fake.world.cdn.get(request.rel_url.raw_path)
    if data is None or request.query.get("hm") != signature(request.rel_url.raw_path):
        called.status = 404
        return web.Response(status=404, text="This content is no longer available.")
    called.status = 200
    return web.Response(body=data, content_type="application/octet-stream")


async def _call(fake: DiscordFake, request: web.Request) -> web.StreamResponse:
    called = Called(request.method, request.path.removeprefix(BASE), fake.now(), fake.rates)
    fake.called.append(called)
    try:
        return await _answer(fake, request, called)
    except Cut:
        called.code = -1
        return _cut(request)
    except Exception as error:
        fake.world.problem(f"the fake failed in {called.name}: {error!r}")
        raise
    finally:
        fake.world.changed()


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _answer(fake: DiscordFake, request: web.Request, called: Called) -> web.Response:
    size_bytes = await _read(request, called)
    fake.world.changed()
    if not _known(fake, request, called):
        return _error(called, 401, 0, "401: Unauthorized")
    told = called.body if isinstance(called.body, dict) else {}
    faults = fake.faults
    if (gate := faults.take("hold", called.name, told)) and gate.gate and not await gate.gate.pass_through(told):
        raise Cut
    if fault := faults.take("refuse", called.name, told):
        if fault.status == 429 and fault.error == "ratelimited":
            return _limited(called, fault.retry_after_s)
        code, _, message = fault.error.partition(" ")
        if not code.isdigit():
            called.status = fault.status
            return web.Response(status=fault.status, text="<html>out of order</html>", content_type="text/html")
        return _error(called, fault.status, int(code), message)
    verdict = fake.rates.judge(called.name, str(called.ids[0]) if called.ids else called.path)
    if verdict.wait_s:
        return _limited(called, verdict.wait_s, verdict.headers, everywhere=verdict.everywhere)
    answered = _run(fake, called, size_bytes)
    answered.headers.update(verdict.headers)
    called.status = called.status or answered.status
    if faults.take("lose", called.name, told):
        raise Cut
    if (gate := faults.take("hold_done", called.name, told)) and gate.gate and not await gate.gate.pass_through(told):
        raise Cut
    return answered


def _run(fake: DiscordFake, called: Called, size_bytes: int) -> web.Response:
    try:
        rules.check(fake.world, called, called.files, size_bytes)
        for problem in house_rules(called.name, called.body):
            fake.world.problem(problem)
        called.answer = _done(fake, called)
    except rules.Limited as limited:
        return _limited(called, limited.wait_s, code=limited.code, message=limited.message)
    except (RouteNotImplemented, UnsupportedField) as gap:
        fake.world.problem(f"the backend does not know {called.name}: {gap}")
        return _error(called, 501, 0, str(gap))
    except BackendError as refusal:
        return _error(called, refusal.status, refusal.code, refusal.message)
    if called.answer is None:
        return web.Response(status=204)
    return web.Response(body=json.dumps(called.answer).encode(), headers={"Content-Type": "application/json"})


def _done(fake: DiscordFake, called: Called) -> Any:
    """What the call gives, done."""
    world = fake.world
    if called.name in ("GET /gateway", "GET /gateway/bot"):
        return {"url": fake.gateway_url, **fake.gateway.limits.told()}
    if called.name == "POST /channels/*/messages/*/threads":
        return fake.thread_from(called)
    if called.name == "PATCH /channels/*" and world.channel(called.ids[0]).is_thread:
        return rules.edit_thread(world, world.channel(called.ids[0]), dict(called.body or {}))
    if (known := rules.remembered(world, called)) is not None:
        message = world.backend.get_message(called.ids[0], known)
        return {**message_payload(world.backend, message), "nonce": called.body["nonce"]}
    params = dict(called.params)
    if called.name == "GET /channels/*/messages" and "after" in params:
        params["limit"] = "1000000"  # the backend gives the newest ones, Discord those that come next
    answer = dispatch(
        world.backend,
        called.method,
        called.path,
        json=called.body,
        params=params,
        files=called.files,
        message_content_access=world.message_content,
    )
    if params != called.params:
        answer = answer[-int(called.params.get("limit", 50)) :]
    if called.name == "GET /oauth2/applications/@me":
        endpoint = fake.interactions.url or None
        answer |= {
            "flags": fake.application_flags,
            "verify_key": fake.verify_key,
            "interactions_endpoint_url": endpoint,
        }
    if called.name == "POST /channels/*/messages" and (nonce := (called.body or {}).get("nonce")):
        world.nonces[called.ids[0], str(nonce)] = int(answer["id"])
        answer["nonce"] = nonce
    return answer


def _known(fake: DiscordFake, request: web.Request, called: Called) -> bool:
    """Whether Discord knows who calls."""
    if called.path.startswith(tuple(f"/{name}/" for name in _OPEN)):
        return True
    if not request.headers.get("User-Agent", "").startswith("DiscordBot ("):
        fake.world.problem(f"{called.name} without the User-Agent that Discord asks for")
    return request.headers.get("Authorization") == f"Bot {fake.token}"


async def _read(request: web.Request, called: Called) -> int:
    """Fill in what came along; its size."""
    called.params = dict(request.query)
    if request.content_type != "multipart/form-data":
        data = await request.read()
        called.body = json.loads(data) if data else None
        return len(data)
    size_bytes = 0
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        assert isinstance(part, BodyPartReader)
        data = bytes(await part.read(decode=False))
        size_bytes += len(data)
        if part.filename is not None:
            called.files.append(Upload(part.filename, io.BytesIO(data)))
        elif part.name == "payload_json":
            called.body = json.loads(data)
    declared = (called.body or {}).get("attachments") or (called.body or {}).get("data", {}).get("attachments") or []
    for entry in declared:
        number = str(entry.get("id", ""))
        if number.isdigit() and int(number) < len(called.files):
            called.files[int(number)].description = entry.get("description")
    return size_bytes


def _error(called: Called, status: int, code: int, message: str) -> web.Response:
    called.status, called.code = status, code
    called.answer = {"message": message, "code": code}
    return web.Response(
        status=status, body=json.dumps(called.answer).encode(), headers={"Content-Type": "application/json"}
    )


def _limited(
    called: Called,
    wait_s: float,
    headers: dict[str, str] | None = None,
    *,
    everywhere: bool = False,
    code: int = 0,
    message: str = "You are being rate limited.",
) -> web.Response:
    called.status, called.code = 429, code
    body = {"message": message, "retry_after": wait_s, "global": everywhere} | ({"code": code} if code else {})
    told = (headers or {}) | limit_headers(wait_s, everywhere=everywhere) | {"Content-Type": "application/json"}
    return web.Response(status=429, body=json.dumps(body).encode(), headers=told)
