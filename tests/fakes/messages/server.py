"""The server: routes, script and faults."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.messages.checks import MODELS, ApiError, Model, check_body, check_headers, estimate, parsed
from tests.fakes.messages.http import Answer, HttpServer, Request
from tests.fakes.messages.prefix import PromptCache, check_bound, sign
from tests.fakes.messages.sse import Broken, Reply, events, send

Script = Mapping[str, Any] | Sequence[Mapping[str, Any]] | Callable[[dict[str, Any]], Mapping[str, Any]]
_REFUSALS: Mapping[str, tuple[int, str, str]] = {
    "400": (400, "something is wrong with this request", ""),
    "401": (401, "invalid x-api-key", ""),
    "402": (402, "Payment is required", ""),
    "403": (403, "Your API key does not have permission to use the specified resource.", ""),
    "404": (404, "model: unknown", ""),
    "413": (413, "Request exceeds the maximum size", ""),
    "toolong": (400, "prompt is too long: 208310 tokens > 200000 maximum", ""),
    "429": (429, "This request would exceed your organization's rate limit.", ""),
    "spend": (429, "The spend limit is reached.", "enforced_spend_limit_reached"),
    "ramp": (429, "Usage grew too fast.", "ramp_limit_exceeded"),
    "credit": (400, "Your credit balance is too low to access the API.", ""),
    "500": (500, "Internal server error", ""),
    "503": (503, "Service unavailable", ""),
    "504": (504, "Timed out", ""),
    "529": (529, "Overloaded", ""),
}
FAULTS = frozenset(_REFUSALS) | {
    *("reset", "disconnect", "truncate", "malformed", "badtool", "sse_error", "hang", "pings", "slow"),
    *("empty", "maxtok", "refusal", "html"),
}


@dataclass
class Seen:
    """One request as it arrived and what came of it."""

    headers: Mapping[str, str]
    raw: bytes
    fault: str = ""
    status: int = 0
    usage: dict[str, Any] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.raw)


class FakeMessages:
    """Plays `script`: {"turns": [...]}, a list of turns, or a function of the request's body.

    The turn is chosen by the number of assistant messages. A turn: {"text", "tools": [{"name", "input"}], "thinking",
    "stop_reason"}, or {"content": [raw blocks], "stop_reason"}; "usage" adds to the figures. `faults`: for each request
    to come, the name of a fault of FAULTS ("429:7" asks for 7 seconds), or "" for none; tests may extend the queue.
    `before` is awaited with each good request's body before it is answered: a model that takes its time.
    """

    def __init__(
        self,
        script: Script,
        *,
        faults: Iterable[str] = (),
        key: str = "test-key",
        models: Mapping[str, Model] = MODELS,
        clock: Callable[[], float] = time.monotonic,
        cache_min_tokens: int = 0,
        before: Callable[[dict[str, Any]], Awaitable[None]] | None = None,
    ) -> None:
        self.script = script
        self._before = before
        self._key = key
        self._models = models
        self._cache = PromptCache(clock, cache_min_tokens)
        self.faults: deque[str] = deque(faults)
        self.seen: list[Seen] = []

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """The base URL, served by the running loop."""
        async with HttpServer(self._handle) as server:
            yield server.url

    @contextmanager
    def in_thread(self) -> Iterator[str]:
        """The base URL, served by a loop of its own: for tests that are not async, or start another process."""
        ready: deque[str] = deque()
        started, loops = threading.Event(), deque[tuple[asyncio.AbstractEventLoop, asyncio.Event]]()

        async def run() -> None:
            stop = asyncio.Event()
            async with self.serving() as url:
                loops.append((asyncio.get_running_loop(), stop))
                ready.append(url)
                started.set()
                await stop.wait()

        thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        thread.start()
        if not started.wait(5):
            raise TimeoutError("the fake did not start")
        try:
            yield ready[0]
        finally:
            loop, stop = loops[0]
            loop.call_soon_threadsafe(stop.set)
            thread.join(5)

    async def _handle(self, request: Request, answer: Answer) -> None:
        path = request.path.partition("?")[0]
        headers = {"request-id": f"req_{len(self.seen) + 1:04d}", "anthropic-ratelimit-requests-limit": "4000"}
        try:
            check_headers(request.headers, self._key)
            match (request.method, path):
                case ("POST", "/v1/messages"):
                    await self._messages(request, answer, headers)
                case ("POST", "/v1/messages/count_tokens"):
                    body = parsed(request.body)
                    check_body(body, request.headers.get("anthropic-beta", ""), self._models, counting=True)
                    await answer.as_json(200, {"input_tokens": estimate(body)}, headers)
                case ("GET", "/v1/models"):
                    data = [_model(name, model) for name, model in self._models.items()]
                    await answer.as_json(200, {"data": data, "has_more": False}, headers)
                case ("GET", _) if path.removeprefix("/v1/models/") in self._models:
                    name = path.removeprefix("/v1/models/")
                    await answer.as_json(200, _model(name, self._models[name]), headers)
                case _:
                    raise ApiError(404, "Not found")
        except ApiError as error:
            await answer.as_json(error.status, error.body, {**headers, **error.headers})

    async def _messages(self, request: Request, answer: Answer, headers: dict[str, str]) -> None:
        fault, _, argument = (self.faults.popleft() if self.faults else "").partition(":")
        if fault and fault not in FAULTS:
            raise AssertionError(f"unknown fault {fault!r}")
        seen = Seen(request.headers, request.body, fault)
        self.seen.append(seen)
        try:
            body = parsed(request.body)
            model = check_body(body, request.headers.get("anthropic-beta", ""), self._models)
            if model.binds_thinking:
                check_bound(body)
            if self._before is not None:
                await self._before(body)
            if fault in _REFUSALS:
                status, text, code = _REFUSALS[fault]
                raise ApiError(status, text, code=code, headers={"retry-after": argument} if argument else {})
            if fault == "reset":
                answer.cut()
                return
            if fault == "html":
                await answer.whole(200, b"<html>Sign in</html>", {"content-type": "text/html"})
                return
            seen.usage = self._cache.usage(body)
            reply = _broken(self._reply(body, seen.usage), fault)
            await self._send(body, reply, fault, answer, headers)
        except ApiError as error:
            seen.status = error.status
            raise
        seen.status = answer.status if answer.keep_alive else -1

    async def _send(
        self, body: Mapping[str, Any], reply: Reply, fault: str, answer: Answer, headers: dict[str, str]
    ) -> None:
        if not body.get("stream"):
            await answer.as_json(200, reply.message(), headers)
            return
        await answer.begin(200, {**headers, "content-type": "text/event-stream; charset=utf-8"})
        try:
            await send(answer, events(reply, broken_arguments=fault == "badtool"), fault)
        except Broken:
            answer.cut()

    def _reply(self, body: dict[str, Any], usage: Mapping[str, Any]) -> Reply:
        number = sum(m["role"] == "assistant" for m in body["messages"])
        turn = self._turn(body, number)
        content = [dict(b) for b in turn.get("content") or ()]
        if thinking := turn.get("thinking"):
            signature = sign(body, body["messages"], thinking)
            content.append({"type": "thinking", "thinking": thinking, "signature": signature})
        if turn.get("text"):
            content.append({"type": "text", "text": turn["text"]})
        for i, call in enumerate(turn.get("tools") or ()):
            call_id = f"toolu_{number}_{i}"
            content.append({"type": "tool_use", "id": call_id, "name": call["name"], "input": call.get("input") or {}})
        calls = any(b["type"] == "tool_use" for b in content)
        stop = turn.get("stop_reason") or ("tool_use" if calls else "end_turn")
        if body["max_tokens"] == 0:
            content, stop = [], "max_tokens"
        output = int(len(json.dumps(content)) / 3.5) + 1
        return Reply(
            message_id=f"msg_{len(self.seen):04d}",
            model=body["model"],
            content=content,
            stop_reason=stop,
            usage={**usage, "output_tokens": output, **(turn.get("usage") or {})},
            stop_details=turn.get("stop_details"),
        )

    def _turn(self, body: dict[str, Any], number: int) -> Mapping[str, Any]:
        if callable(self.script):
            return self.script(body)
        turns = self.script["turns"] if isinstance(self.script, Mapping) else self.script
        if number >= len(turns):
            raise ApiError(500, f"the script has {len(turns)} turns", headers={"x-should-retry": "false"})
        return turns[number]


def _broken(reply: Reply, fault: str) -> Reply:
    match fault:
        case "empty":
            return reply.replaced(content=[], stop_reason="end_turn")
        case "refusal":
            details = {"type": "refusal", "category": "cyber", "explanation": "It could enable harm."}
            return reply.replaced(content=[], stop_reason="refusal", stop_details=details)
        case "maxtok":
            return reply.replaced(stop_reason="max_tokens", cut=True)
        case _:
            return reply


def _model(name: str, model: Model) -> dict[str, Any]:
    return {
        "type": "model",
        "id": name,
        "display_name": model.label,
        "created_at": "2026-09-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": model.context_tokens,
        "max_tokens": 128_000,
    }
