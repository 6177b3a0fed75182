"""The strict fake refuses what the service refuses, and nothing else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest

from tests.fakes.messages import FakeMessages
from tests.llm.conversations import (
    ACCEPTED,
    HELLO,
    REFUSED,
    REFUSED_BY_THE_NEWEST,
    TOOL,
    Body,
    assistant,
    body,
    call,
    changed,
    mark,
    result,
    text,
    user,
)

HEADERS = {"x-api-key": "test-key", "anthropic-version": "2026-10-21"}


class RawClient:
    """Sends any body at all, as no well-behaved SDK would."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def post(self, sent: Any, path: str = "/v1/messages", **headers: str) -> httpx2.Response:
        content = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
        return await self._http.post(path, content=content, headers={**HEADERS, **headers})

    async def get(self, path: str) -> httpx2.Response:
        return await self._http.get(path, headers=HEADERS)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fake(clock: Clock) -> FakeMessages:
    return FakeMessages(lambda _: {"text": "Done."}, clock=clock)


@pytest.fixture
async def client(fake: FakeMessages) -> AsyncIterator[RawClient]:
    async with fake.serving() as url, httpx2.AsyncClient(base_url=url, trust_env=False) as http:
        yield RawClient(http)


@pytest.mark.parametrize("name", ACCEPTED)
async def test_a_valid_request_is_answered(client: RawClient, name: str) -> None:
    answer = await client.post(ACCEPTED[name])
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("name", [*REFUSED, *REFUSED_BY_THE_NEWEST])
async def test_an_invalid_request_is_refused(client: RawClient, name: str) -> None:
    answer = await client.post({**REFUSED, **REFUSED_BY_THE_NEWEST}[name])
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error"), answer.text


async def test_a_body_that_is_no_json_is_refused(client: RawClient) -> None:
    assert (await client.post(b"{")).status_code == 400
    assert (await client.post(b"[]")).status_code == 400


async def test_a_body_above_32_megabytes_is_refused(client: RawClient) -> None:
    answer = await client.post(body(user(text("x" * 34_000_000))))
    assert (answer.status_code, answer.json()["error"]["type"]) == (413, "request_too_large")


async def test_a_prompt_longer_than_the_window_is_refused(client: RawClient) -> None:
    long = body(user(text("word " * 800_000)))
    assert "prompt is too long" in (await client.post(long)).json()["error"]["message"]


async def test_a_wrong_key_a_missing_version_and_an_unknown_beta_are_refused(client: RawClient) -> None:
    assert (await client.post(body(HELLO), **{"x-api-key": "wrong"})).status_code == 401
    assert (await client.post(body(HELLO), **{"anthropic-version": ""})).status_code == 400
    assert (await client.post(body(HELLO), **{"anthropic-beta": "made-up-2026-01-01"})).status_code == 400
    assert (await client.post(body(HELLO), **{"anthropic-beta": "compact-2026-09-04"})).status_code == 200


async def test_a_field_of_a_beta_needs_its_header(client: RawClient) -> None:
    sent = body(HELLO, compaction={"type": "summarize"})
    assert (await client.post(sent)).status_code == 400
    assert (await client.post(sent, **{"anthropic-beta": "compact-2026-09-04"})).status_code == 200


async def test_an_unknown_model_is_not_found(client: RawClient) -> None:
    assert (await client.post(body(HELLO, model="claude-nobody"))).status_code == 404


async def test_models_are_listed_and_tokens_counted(client: RawClient) -> None:
    listed = (await client.get("/v1/models")).json()["data"]
    assert {"claude-opus-5-5", "claude-haiku-4-5"} <= {m["id"] for m in listed}
    assert (await client.get("/v1/models/claude-opus-5-5")).json()["max_input_tokens"] == 1_000_000
    counted = (await client.post(body(HELLO), "/v1/messages/count_tokens")).json()
    assert counted["input_tokens"] > 10


THOUGHT: Body = {"thinking": "First I look.", "text": "I look.", "tools": [{"name": "bash"}]}
CHANGES: dict[str, Callable[[Body], None]] = {
    "the first message": lambda b: b["messages"][0]["content"][0].update(text="Goodbye"),
    "the system prompt": lambda b: b["system"][0].update(text="You hinder."),
    "the tools": lambda b: b["tools"].append({**TOOL, "name": "more"}),
    "the order of fields in a tool": lambda b: b.update(tools=[dict(reversed(b["tools"][0].items()))]),
    "the thinking itself": lambda b: b["messages"][1]["content"][0].update(thinking="First I leap."),
}


@pytest.fixture
async def replay(client: RawClient, fake: FakeMessages) -> Body:
    """A conversation whose assistant message holds signed thinking."""
    fake.script = [THOUGHT, {"text": "Done."}]
    content = (await client.post(body(HELLO))).json()["content"]
    return body(HELLO, assistant(*content), user(result(0, tool_use_id=content[-1]["id"])))


async def test_thinking_replayed_as_it_was_is_accepted(client: RawClient, replay: Body) -> None:
    assert (await client.post(replay)).status_code == 200


async def test_moving_a_breakpoint_does_not_unbind_thinking(client: RawClient, replay: Body) -> None:
    moved = changed(replay, lambda b: b["messages"][0]["content"].__setitem__(0, mark(HELLO["content"][0])))
    assert (await client.post(moved)).status_code == 200


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_before_signed_thinking_is_refused(client: RawClient, replay: Body, name: str) -> None:
    answer = await client.post(changed(replay, CHANGES[name]))
    assert answer.status_code == 400
    assert "bound to a different conversation" in answer.json()["error"]["message"]


async def test_another_models_thinking_is_passed_over(client: RawClient, replay: Body) -> None:
    assert (await client.post({**replay, "model": "claude-sonnet-5-5"})).status_code == 200


CACHED = body(user(mark(text("a" * 700))), tools=[mark(TOOL)], system=[mark(text("s" * 700))])


async def usage(client: RawClient, sent: Body) -> dict[str, Any]:
    return (await client.post(sent)).json()["usage"]


async def test_a_repeated_prefix_is_read_from_the_cache(client: RawClient) -> None:
    first, second = await usage(client, CACHED), await usage(client, CACHED)
    assert first["cache_read_input_tokens"] == 0
    assert first["cache_creation_input_tokens"] == second["cache_read_input_tokens"] > 400
    assert second["cache_creation_input_tokens"] == second["input_tokens"] == 0


async def test_a_changed_system_prompt_keeps_only_the_tools_cached(client: RawClient) -> None:
    await usage(client, CACHED)
    again = await usage(client, {**CACHED, "system": [mark(text("t" * 700))]})
    assert 0 < again["cache_read_input_tokens"] < 60


@pytest.mark.parametrize(("ttl", "alive_s", "dead_s"), [("5m", 299, 301), ("1h", 3599, 3601)])
async def test_cache_entries_live_as_long_as_asked(
    client: RawClient, clock: Clock, ttl: str, alive_s: float, dead_s: float
) -> None:
    sent = body(user(mark(text("a" * 700), ttl)))
    written = await usage(client, sent)
    assert written["cache_creation"][f"ephemeral_{ttl}_input_tokens"] == written["cache_creation_input_tokens"] > 0
    clock.now += alive_s
    longer = body(*sent["messages"], assistant(text("b")), user(mark(text("c"))))
    assert (await usage(client, longer))["cache_read_input_tokens"] > 0
    clock.now += dead_s
    assert (await usage(client, sent))["cache_read_input_tokens"] == 0


async def test_a_breakpoint_more_than_twenty_blocks_back_is_not_found(client: RawClient) -> None:
    calls = [call(i) for i in range(12)]
    results = [result(i) for i in range(11)]
    wide = body(user(text("a" * 700)), assistant(*calls), user(*results, mark(result(11))))
    await usage(client, body(user(mark(text("a" * 700)))))
    assert (await usage(client, wide))["cache_read_input_tokens"] == 0


async def test_deferred_tools_do_not_touch_the_cached_prefix(client: RawClient) -> None:
    await usage(client, CACHED)
    more = {**CACHED, "tools": [*CACHED["tools"], {**TOOL, "name": "later", "defer_loading": True}]}
    assert (await usage(client, more))["cache_creation_input_tokens"] == 0


def test_the_fake_serves_other_processes_from_a_thread(fake: FakeMessages) -> None:
    with fake.in_thread() as url:
        answer = httpx2.post(f"{url}/v1/messages", json=body(HELLO), headers=HEADERS, trust_env=False)
    assert answer.json()["content"] == [text("Done.")]
