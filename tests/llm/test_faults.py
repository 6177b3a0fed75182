"""Every way an answer can fail, seen through the Anthropic adapter against the strict fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from agent.domain.blocks import text_block
from agent.domain.errors import Bug, ContextExceeded, GoferError, LlmUnavailable
from agent.llm.anthropic import AnthropicLlm
from agent.llm.faults import fault, retry_after_s
from agent.ports.llm import Message, Prefix, Reply
from tests.fakes.messages import FAULTS, MODELS, FakeMessages, Model

pytestmark = pytest.mark.usefixtures("sdk")

CALL = {"text": "I look into the folder.", "tools": [{"name": "bash", "input": {"command": "ls -la"}}]}
PREFIX = Prefix(
    model="claude-opus-5-5",
    system=(text_block("You help."),),
    tools=({"name": "bash", "description": "Run.", "input_schema": {"type": "object"}},),
)
HELLO = (Message("user", (text_block("Hello"),)),)


class Asked:
    """An adapter in front of a fake with one fault waiting."""

    def __init__(self, fake: FakeMessages, llm: AnthropicLlm) -> None:
        self.fake = fake
        self.llm = llm

    async def reply(self) -> Reply:
        async with asyncio.timeout(5):
            return await self.llm.respond(PREFIX, HELLO)

    async def error(self) -> GoferError:
        with pytest.raises(GoferError) as caught:
            await self.reply()
        assert len(self.fake.seen) == 1, "one request, no retry inside"
        return caught.value


@asynccontextmanager
async def asking(*faults: str, key: str = "test-key", **options: float) -> AsyncIterator[Asked]:
    fake = FakeMessages([CALL, {"text": "Done."}], faults=faults)
    async with fake.serving() as url:
        llm = AnthropicLlm(key, url, **{"idle_timeout_s": 5.0, **options})
        try:
            yield Asked(fake, llm)
        finally:
            await llm.close()


@pytest.mark.parametrize(
    "name", ["500", "503", "504", "529", "reset", "disconnect", "truncate", "malformed", "badtool", "sse_error", "html"]
)
async def test_a_passing_trouble_may_be_tried_again(name: str) -> None:
    async with asking(name) as asked:
        error = await asked.error()
        assert isinstance(error, LlmUnavailable)
        assert (error.retryable, error.retry_after_s) == (True, None)
        assert (await asked.reply()).stop_reason == "tool_use", "the same adapter goes on afterwards"


async def test_a_rate_limit_carries_the_wait_the_service_asks_for() -> None:
    async with asking("429:3600") as asked:
        error = await asked.error()
    assert isinstance(error, LlmUnavailable)
    assert (error.retryable, error.retry_after_s) == (True, 3600.0)


async def test_a_growth_limit_is_a_rate_limit() -> None:
    async with asking("ramp:20") as asked:
        error = await asked.error()
    assert isinstance(error, LlmUnavailable)
    assert (error.retryable, error.retry_after_s) == (True, 20.0)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("401", "refused the API key"),
        ("403", "may not use this model"),
        ("404", "GOFER_MODEL"),
        ("402", "spending limit or credit"),
        ("spend:5", "spending limit or credit"),
        ("credit", "spending limit or credit"),
    ],
)
async def test_a_trouble_no_wait_helps_with_is_not_tried_again(name: str, says: str) -> None:
    async with asking(name) as asked:
        error = await asked.error()
    assert isinstance(error, LlmUnavailable)
    assert (error.retryable, error.retry_after_s) == (False, None)
    assert says in str(error)


@pytest.mark.parametrize("name", ["toolong", "413"])
async def test_a_conversation_too_long_is_told_apart(name: str) -> None:
    async with asking(name) as asked:
        assert isinstance(await asked.error(), ContextExceeded)


async def test_a_request_the_service_calls_invalid_is_a_fault_of_ours() -> None:
    async with asking("400") as asked:
        error = await asked.error()
    assert isinstance(error, Bug)
    assert "something is wrong with this request" in str(error)
    assert "req_0001" in str(error)


async def test_a_stalled_stream_ends_in_an_error() -> None:
    async with asking("hang", idle_timeout_s=0.2) as asked:
        error = await asked.error()
    assert isinstance(error, LlmUnavailable)
    assert error.retryable


async def test_a_stream_of_pings_alone_ends_too() -> None:
    async with asking("pings", total_timeout_s=0.3) as asked:
        error = await asked.error()
    assert isinstance(error, LlmUnavailable)
    assert error.retryable


async def test_a_service_that_is_not_there_may_be_tried_again() -> None:
    async with FakeMessages([]).serving() as url:
        pass
    llm = AnthropicLlm("test-key", url)
    with pytest.raises(LlmUnavailable, match="connection") as caught:
        await llm.respond(PREFIX, HELLO)
    assert caught.value.retryable
    await llm.close()


async def test_a_slow_answer_arrives_whole() -> None:
    async with asking("slow") as asked:
        reply = await asked.reply()
    assert reply.content[1]["input"] == {"command": "ls -la"}


async def test_a_call_cut_off_at_max_tokens_has_no_input() -> None:
    async with asking("maxtok") as asked:
        reply = await asked.reply()
    assert reply.stop_reason == "max_tokens"
    assert [b["type"] for b in reply.content] == ["text", "tool_use"]
    assert reply.content[1]["input"] == {}


async def test_a_refusal_says_why() -> None:
    async with asking("refusal") as asked:
        reply = await asked.reply()
    assert (reply.stop_reason, reply.refusal, reply.content) == ("refusal", "It could enable harm.", ())


async def test_an_empty_answer_is_an_answer() -> None:
    async with asking("empty") as asked:
        reply = await asked.reply()
    assert (reply.stop_reason, reply.content) == ("end_turn", ())


async def test_a_model_that_turns_out_to_refuse_system_messages_gets_none_the_next_time() -> None:
    fake = FakeMessages([{"text": "Done."}], models={**MODELS, "claude-new": Model("New", takes_system_role=False)})
    messages = [*HELLO, Message("system", (text_block("It is Monday."),))]
    prefix = Prefix(model="claude-new", system=PREFIX.system, tools=PREFIX.tools)
    async with fake.serving() as url:
        llm = AnthropicLlm("test-key", url)
        with pytest.raises(LlmUnavailable) as caught:
            await llm.respond(prefix, messages)
        assert caught.value.retryable
        assert (await llm.respond(prefix, messages)).stop_reason == "end_turn"
        await llm.close()
    assert [m["role"] for m in fake.seen[-1].body["messages"]] == ["user"]


async def test_cancelling_a_request_frees_its_connection() -> None:
    asked = asyncio.Event()

    def answer(_: object) -> dict[str, str]:
        asked.set()
        return {"text": "Done."}

    fake = FakeMessages(answer, faults=["hang"])
    async with fake.serving() as url:
        llm = AnthropicLlm("test-key", url)
        async with asyncio.timeout(5):
            task = asyncio.create_task(llm.respond(PREFIX, HELLO))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await llm.respond(PREFIX, HELLO)).stop_reason == "end_turn"
        await llm.close()


def test_every_fault_of_the_fake_has_its_test() -> None:
    tested = {"500", "503", "504", "529", "reset", "disconnect", "truncate", "malformed", "badtool", "sse_error"}
    tested |= {"html", "429", "ramp", "401", "403", "404", "402", "spend", "credit", "toolong", "413", "400"}
    tested |= {"hang", "pings", "slow", "maxtok", "refusal", "empty"}
    assert tested == FAULTS


def test_retry_after_is_read_in_all_its_forms() -> None:
    now = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
    assert retry_after_s({"retry-after": "7"}) == 7.0
    assert retry_after_s({"retry-after-ms": "250", "retry-after": "7"}) == 0.25
    assert retry_after_s({"retry-after": "Mon, 23 Nov 2026 12:01:30 GMT"}, now=now) == 90.0
    assert retry_after_s({"retry-after": "Mon, 23 Nov 2026 11:00:00 GMT"}, now=now) == 0.0
    assert retry_after_s({"retry-after": "soon"}) is None
    assert retry_after_s({}) is None


def test_a_service_that_says_not_to_repeat_is_not_asked_again() -> None:
    error = fault(500, {"error": {"type": "api_error", "message": "no"}}, {"x-should-retry": "false"})
    assert isinstance(error, LlmUnavailable)
    assert not error.retryable


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "This model's maximum context length was exceeded.", "code": "context_length_exceeded"}},
        {"error": {"message": "the request exceeds the available context size", "type": "exceed_context_size_error"}},
        {"error": {"message": "input length and `max_tokens` exceed context limit: 190000 + 16000 > 200000"}},
    ],
)
def test_gateways_say_too_long_in_other_words(body: object) -> None:
    assert isinstance(fault(400, body, {}), ContextExceeded)


@pytest.mark.parametrize("body", [None, "<html>Bad gateway</html>", {"error": "plain"}, [], {"detail": "x"}])
def test_an_error_of_any_shape_is_still_an_error_of_ours(body: object) -> None:
    assert isinstance(fault(502, body, {}), LlmUnavailable)
