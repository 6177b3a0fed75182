"""An independent judge: llmock breaks the service and watches how our client behaves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from agent.domain.blocks import text_block
from agent.domain.errors import ContextExceeded, LlmUnavailable
from agent.llm.anthropic import AnthropicLlm
from agent.llm.retry import PatientLlm
from agent.ports.llm import Llm, Message, Prefix

TOOL = {"name": "bash", "description": "Run.", "input_schema": {"type": "object", "properties": {}}}
PREFIX = Prefix(model="claude-opus-4-8", system=(text_block("You help."),), tools=())
HELLO = (Message("user", (text_block("Hello there, how are you today?"),)),)


@pytest.fixture
async def llm(llmock: Any) -> AsyncIterator[Llm]:
    """Our client with our patience, at a tenth of its usual pace: llmock measures real waits."""
    adapter = AnthropicLlm("test-key", llmock.base_url("anthropic"), idle_timeout_s=0.5)
    yield PatientLlm(adapter, first_wait_s=0.1, longest_wait_s=1.0, patience_s=3.0)
    await adapter.close()


@pytest.mark.parametrize("fault", ["truncate", "disconnect", "malformed", "stall"])
async def test_a_broken_stream_is_asked_for_again(llm: Llm, llmock: Any, fault: str) -> None:
    {
        "truncate": lambda: llmock.truncate(after_chunks=4),
        "disconnect": lambda: llmock.disconnect(after_chunks=4),
        "malformed": lambda: llmock.corrupt(after_chunks=4),
        "stall": lambda: llmock.stall(seconds=2.0, after_chunks=4),
    }[fault]()
    reply = await llm.respond(PREFIX, HELLO)
    assert reply.stop_reason == "end_turn"
    assert len(llmock.requests) == 2
    # After a malformed piece the rest may be on its way already: the judge then cannot see that we stopped reading,
    # and warns. That we asked again is seen above.
    llmock.assert_resilient(strict=fault != "malformed")


@pytest.mark.parametrize("status", [500, 503, 529])
async def test_an_overloaded_service_is_asked_again_with_growing_waits(llm: Llm, llmock: Any, status: int) -> None:
    llmock.fail(status, times=2, retry_after=0.2)
    assert (await llm.respond(PREFIX, HELLO)).stop_reason == "end_turn"
    llmock.assert_resilient(strict=True)


async def test_a_rate_limit_is_kept(llm: Llm, llmock: Any) -> None:
    llmock.rate_limit(times=2, retry_after=0.3)
    assert (await llm.respond(PREFIX, HELLO)).stop_reason == "end_turn"
    llmock.assert_resilient(strict=True)


async def test_an_outage_is_given_up_after_a_few_attempts(llm: Llm, llmock: Any) -> None:
    llmock.outage()
    with pytest.raises(LlmUnavailable) as caught:
        await llm.respond(PREFIX, HELLO)
    assert caught.value.retry_after_s == 60
    llmock.assert_resilient()


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_refusal_is_asked_once(llm: Llm, llmock: Any, status: int) -> None:
    llmock.fail(status, times=None)
    with pytest.raises(LlmUnavailable):
        await llm.respond(PREFIX, HELLO)
    assert len(llmock.requests) == 1
    llmock.assert_resilient(strict=True)


async def test_a_conversation_too_long_is_asked_once(llm: Llm, llmock: Any) -> None:
    llmock.context_overflow()
    with pytest.raises(ContextExceeded):
        await llm.respond(PREFIX, HELLO)
    llmock.assert_resilient(strict=True)


async def test_broken_tool_arguments_are_asked_for_again(llm: Llm, llmock: Any) -> None:
    llmock.break_tool_call("malformed_arguments")
    prefix = Prefix(model=PREFIX.model, system=PREFIX.system, tools=(TOOL,))
    reply = await llm.respond(prefix, HELLO)
    assert (reply.stop_reason, reply.content[-1]["name"], reply.content[-1]["input"]) == ("tool_use", "bash", {})
    assert len(llmock.requests) == 2
