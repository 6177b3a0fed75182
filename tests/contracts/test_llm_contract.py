"""The contract of `agent.ports.llm.Llm`, the same for every adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from agent.domain.blocks import text_block, text_of, tool_uses
from agent.domain.errors import Bug, ContextExceeded, GoferError, LlmUnavailable
from agent.llm.anthropic import AnthropicLlm
from agent.llm.retry import PatientLlm
from agent.llm.scripted import Entry, ScriptedLlm, turns_of
from agent.ports.llm import Llm, Message, Prefix
from tests.fakes.messages import FakeMessages

PREFIX = Prefix(
    model="claude-opus-5-5",
    system=(text_block("You help."),),
    tools=({"name": "bash", "description": "Run a command.", "input_schema": {"type": "object"}},),
)
HELLO = Message("user", (text_block("Which files are there?"),))
TURNS = [
    {"text": "I look into the folder first.", "tools": [{"name": "bash", "input": {"command": "ls"}}]},
    {"text": "There are two."},
]
# What goes wrong, as the fake's fault and as the error a scripted model raises.
WRONG: dict[str, tuple[str, GoferError]] = {
    "rate_limit": ("429:3600", LlmUnavailable("rate limit", retry_after_s=3600)),
    "overload": ("529", LlmUnavailable("overloaded")),
    "key": ("401", LlmUnavailable("key", retryable=False)),
    "too_long": ("toolong", ContextExceeded("too long")),
}
Make = Callable[..., AbstractAsyncContextManager[Llm]]


@asynccontextmanager
async def scripted(turns: Sequence[dict[str, Any]], wrong: str = "") -> AsyncIterator[Llm]:
    script: list[Entry] = [*turns_of({"turns": turns})]
    yield ScriptedLlm([WRONG[wrong][1], *script] if wrong else script)


@asynccontextmanager
async def anthropic(turns: Sequence[dict[str, Any]], wrong: str = "") -> AsyncIterator[Llm]:
    fake = FakeMessages(turns, faults=[WRONG[wrong][0]] if wrong else [])
    async with fake.serving() as url:
        yield AnthropicLlm("test-key", url)


@asynccontextmanager
async def patient(turns: Sequence[dict[str, Any]], wrong: str = "") -> AsyncIterator[Llm]:
    async with scripted(turns, wrong) as llm:
        yield PatientLlm(llm, patience_s=0)


@pytest.fixture(params=[scripted, anthropic, patient])
def make(request: pytest.FixtureRequest) -> Make:
    return request.param


async def test_a_turn_is_complete_and_its_content_can_be_sent_back_as_it_is(make: Make) -> None:
    async with make(TURNS) as llm:
        first = await llm.respond(PREFIX, [HELLO])
        assert (first.stop_reason, text_of(first.content)) == ("tool_use", "I look into the folder first.")
        (use,) = tool_uses(first.content)
        assert (use.name, use.arguments) == ("bash", {"command": "ls"})
        result = {"type": "tool_result", "tool_use_id": use.tool_use_id, "content": "a\nb"}
        messages = [HELLO, Message("assistant", first.content), Message("user", (result,))]
        second = await llm.respond(PREFIX, messages)
        assert (second.stop_reason, second.content) == ("end_turn", (text_block("There are two."),))
        assert second.use.output_tokens > 0
        assert second.model == PREFIX.model
        await llm.close()


async def test_text_is_told_while_it_comes(make: Make) -> None:
    pieces: list[str] = []
    async with make(TURNS) as llm:
        await llm.respond(PREFIX, [HELLO], on_text=pieces.append)
        await llm.close()
    assert len(pieces) > 1
    assert "".join(pieces) == "I look into the folder first."


@pytest.mark.parametrize(("wrong", "retryable", "wait_s"), [("rate_limit", True, 3600), ("key", False, None)])
async def test_a_model_that_cannot_answer_says_whether_waiting_helps(
    make: Make, wrong: str, *, retryable: bool, wait_s: float | None
) -> None:
    async with make(TURNS, wrong) as llm:
        with pytest.raises(LlmUnavailable) as caught:
            await llm.respond(PREFIX, [HELLO])
        await llm.close()
    assert (caught.value.retryable, caught.value.retry_after_s) == (retryable, wait_s)


async def test_after_an_overload_the_same_request_is_answered(make: Make) -> None:
    async with make(TURNS, "overload") as llm:
        with pytest.raises(LlmUnavailable) as caught:
            await llm.respond(PREFIX, [HELLO])
        assert caught.value.retryable
        assert (await llm.respond(PREFIX, [HELLO])).stop_reason == "tool_use"
        await llm.close()


async def test_a_conversation_too_long_is_told_apart(make: Make) -> None:
    async with make(TURNS, "too_long") as llm:
        with pytest.raises(ContextExceeded):
            await llm.respond(PREFIX, [HELLO])
        await llm.close()


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [Message("assistant", (text_block("Hi"),)), HELLO],
        [Message("user", (text_block(""),))],
        [HELLO, Message("assistant", ({"type": "tool_use", "id": "t", "name": "bash", "input": {}},)), HELLO],
        [HELLO, Message("system", (text_block("Note."),)), HELLO],
    ],
    ids=["none", "assistant_first", "empty_text", "call_without_result", "system_before_user"],
)
async def test_an_invalid_request_is_a_bug(make: Make, messages: list[Message]) -> None:
    async with make(TURNS) as llm:
        with pytest.raises(Bug):
            await llm.respond(PREFIX, messages)
        await llm.close()


async def test_an_unknown_model_is_no_error_to_ask_about(make: Make) -> None:
    async with make(TURNS) as llm:
        info = await llm.info("nobody")
        await llm.close()
    assert info.model == "nobody"


async def test_closing_twice_is_allowed(make: Make) -> None:
    async with make(TURNS) as llm:
        await llm.close()
        await llm.close()
