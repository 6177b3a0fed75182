"""What goes over the wire, and what comes back, byte for byte."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from agent.domain.blocks import Block, text_block, tool_uses
from agent.domain.errors import Bug, LlmUnavailable
from agent.llm.anthropic import AnthropicLlm
from agent.llm.request import encode, refuses_system_role, request_body
from agent.llm.stream import Assembler, token_use
from agent.ports.llm import Message, ModelInfo, Prefix, Reply, TokenUse
from tests.fakes.messages import FakeMessages

TOOL = {"name": "bash", "description": "Run.", "input_schema": {"type": "object"}}
LATER = {**TOOL, "name": "later", "defer_loading": True}
PREFIX = Prefix(model="claude-opus-5-5", system=(text_block("You help." * 60),), tools=(TOOL, LATER))
HELLO = Message("user", (text_block("Hello"),))
MARK = {"type": "ephemeral"}


class Talk:
    """A conversation with the fake, kept as the core keeps it."""

    def __init__(self, fake: FakeMessages, llm: AnthropicLlm) -> None:
        self.fake = fake
        self.llm = llm
        self.messages: list[Message] = [HELLO]

    async def turn(self, prefix: Prefix = PREFIX) -> Reply:
        reply = await self.llm.respond(prefix, self.messages)
        self.messages.append(Message("assistant", reply.content))
        results = [
            {"type": "tool_result", "tool_use_id": use.tool_use_id, "content": "ok"} for use in tool_uses(reply.content)
        ]
        if results:
            self.messages.append(Message("user", tuple(results)))
        return reply


@pytest.fixture
def fake() -> FakeMessages:
    return FakeMessages([])


@pytest.fixture
async def talk(fake: FakeMessages) -> AsyncIterator[Talk]:
    async with fake.serving() as url:
        llm = AnthropicLlm("test-key", url)
        yield Talk(fake, llm)
        await llm.close()


def marked(body: Mapping[str, Any]) -> list[str]:
    """Where the breakpoints of a body are."""
    places = [f"tool {t['name']}" for t in body.get("tools", []) if "cache_control" in t]
    places += [f"system {i}" for i, b in enumerate(body.get("system", [])) if "cache_control" in b]
    for i, message in enumerate(body["messages"]):
        places += [f"message {i}.{j}" for j, b in enumerate(message["content"]) if "cache_control" in b]
    return places


async def test_a_long_task_with_bound_thinking_reads_nearly_all_of_its_prompt_from_the_cache(talk: Talk) -> None:
    calls = [{"name": "bash", "input": {"command": f"ls {i}"}} for i in range(11)]
    talk.fake.script = [{"thinking": "Hm.", "text": f"Step {i}.", "tools": calls} for i in range(39)] + [
        {"text": "Done."}
    ]
    for _ in range(40):
        await talk.turn()
    uses = [seen.usage for seen in talk.fake.seen]
    assert all(use["cache_read_input_tokens"] > 0 for use in uses[1:]), "22 blocks a turn are within reach all the same"
    read = sum(u["cache_read_input_tokens"] for u in uses)
    plain = sum(u["input_tokens"] for u in uses)
    written = sum(u["cache_creation_input_tokens"] for u in uses)
    assert plain == 0
    assert read / (read + written) > 0.9


async def test_each_request_begins_with_the_one_before(talk: Talk) -> None:
    talk.fake.script = [{"thinking": "Hm.", "tools": [{"name": "bash"}]}] * 3 + [{"text": "Done."}]
    for _ in range(4):
        await talk.turn()

    def plain(body: Any) -> Any:
        return json.loads(json.dumps(body).replace(', "cache_control": {"type": "ephemeral"}', ""))

    bodies = [plain(seen.body) for seen in talk.fake.seen]
    for before, after in itertools.pairwise(bodies):
        assert after["messages"][: len(before["messages"])] == before["messages"]
        assert {**after, "messages": []} == {**before, "messages": []}


async def test_what_the_model_said_comes_back_unchanged_with_fields_nobody_knows(talk: Talk) -> None:
    said: list[Block] = [
        {"type": "thinking", "thinking": "Ünï\u2028", "signature": "claude-other:x", "estimated_tokens": 7},
        {
            "type": "text",
            "text": 'He said "é\\n"\n',
            "citations": [{"type": "char_location", "x": 1.50}],
            "novel": None,
        },
        {
            "type": "tool_use",
            "id": "toolu_x",
            "name": "bash",
            "input": {"z": 1, "a": [1e3, None, "\\"]},
            "caller": {"a": 1},
        },
        {"type": "some_new_block", "payload": {"b": 1, "a": 2}},
    ]
    talk.fake.script = [{"content": said}, {"text": "Done."}]
    reply = await talk.turn()
    assert json.dumps(reply.content) == json.dumps(said)
    await talk.turn()
    assert json.dumps(talk.fake.seen[-1].body["messages"][1]["content"][:1]) == json.dumps(said[:1])


async def test_empty_text_from_the_model_is_not_sent_back(talk: Talk) -> None:
    talk.fake.script = [{"content": [text_block(""), text_block("Yes.")]}, {"text": "Done."}]
    assert (await talk.turn()).content == (text_block("Yes."),)


async def test_usage_counts_passes_the_top_figures_leave_out(talk: Talk) -> None:
    passes = [
        {"type": "compaction", "input_tokens": 900, "output_tokens": 40, "cache_read_input_tokens": 7},
        {"type": "message", "input_tokens": 5, "output_tokens": 6},
    ]
    figures = {"input_tokens": 5, "output_tokens": 6, "cache_read_input_tokens": 3, "iterations": passes}
    split = {
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
    }
    talk.fake.script = [{"text": "Hi.", "usage": {**figures, **split}}]
    reply = await talk.turn()
    assert reply.use == TokenUse(
        input_tokens=5,
        output_tokens=6,
        cache_read_tokens=3,
        cache_write_5m_tokens=10,
        cache_write_1h_tokens=20,
        iterations=(TokenUse(input_tokens=900, output_tokens=40, cache_read_tokens=7),),
    )
    assert (reply.model, reply.request_id) == ("claude-opus-5-5", "req_0001")


def test_cache_writes_without_a_split_count_as_five_minute_writes() -> None:
    assert token_use({"cache_creation_input_tokens": 9}) == TokenUse(cache_write_5m_tokens=9)


def test_breakpoints_end_tools_system_the_last_request_and_this_one() -> None:
    messages = [HELLO, Message("assistant", (text_block("Hi"),)), Message("user", (text_block("a"), text_block("b")))]
    body = request_body(PREFIX, messages, fold_system=False)
    assert marked(body) == ["tool bash", "system 0", "message 0.0", "message 2.1"]
    assert messages[0] == HELLO, "the caller's blocks stay as they are"


def test_a_first_request_has_three_breakpoints() -> None:
    assert marked(request_body(PREFIX, [HELLO], fold_system=False)) == ["tool bash", "system 0", "message 0.0"]


def test_a_breakpoint_skips_thinking() -> None:
    paused = Message(
        "assistant", ({"type": "server_tool_use", "id": "s", "name": "x", "input": {}}, {"type": "thinking"})
    )
    assert marked(request_body(PREFIX, [HELLO, paused], fold_system=False))[-1] == "message 1.0"


def test_effort_turns_thinking_on_and_its_absence_says_nothing() -> None:
    plain = request_body(PREFIX, [HELLO], fold_system=False)
    assert not {"thinking", "output_config", "temperature", "tool_choice"} & set(plain)
    eager = Prefix(model="claude-opus-5-5", system=(), tools=(), effort="low")
    body = request_body(eager, [HELLO], fold_system=False)
    assert (body["thinking"], body["output_config"]) == ({"type": "adaptive"}, {"effort": "low"})
    assert not {"system", "tools"} & set(body)


async def test_system_messages_pass_where_they_are_taken_and_fold_where_not(talk: Talk) -> None:
    talk.fake.script = [{"text": "Hi."}]
    talk.messages.append(Message("system", (text_block("It is Monday."),)))
    await talk.llm.respond(PREFIX, talk.messages)
    old = Prefix(model="claude-haiku-4-5", system=PREFIX.system, tools=PREFIX.tools)
    await talk.llm.respond(old, talk.messages)
    passed, folded = (seen.body["messages"] for seen in talk.fake.seen)
    assert [m["role"] for m in passed] == ["user", "system"]
    assert [(m["role"], len(m["content"])) for m in folded] == [("user", 2)]
    assert folded[0]["content"][1]["text"].startswith("[Note from the system")
    assert folded[0]["content"][1]["text"].endswith("It is Monday.")


@pytest.mark.parametrize(
    ("model", "refuses"),
    [
        ("claude-opus-5-5", False),
        ("claude-opus-4-8", False),
        ("claude-opus-4-8-20260528", False),
        ("claude-opus-4-7", True),
        ("claude-sonnet-4-6", True),
        ("claude-haiku-4-5-20251001", True),
        ("claude-opus-4-20250514", True),
        ("claude-3-5-sonnet-20241022", True),
        ("smollm2", False),
    ],
)
def test_models_known_to_refuse_system_messages(model: str, refuses: bool) -> None:
    assert refuses_system_role(model) is refuses


async def test_betas_are_sent_as_a_header(talk: Talk) -> None:
    talk.fake.script = [{"text": "Hi."}]
    betas = ("compact-2026-09-04", "task-budgets-2026-03-13")
    await talk.turn(Prefix(model="claude-opus-5-5", system=(), tools=(), betas=betas))
    headers = talk.fake.seen[0].headers
    assert (headers["anthropic-beta"], headers["anthropic-version"]) == (",".join(betas), "2026-10-21")


async def test_model_info_is_asked_once_and_unknown_models_are_no_error(talk: Talk) -> None:
    known = await talk.llm.info("claude-haiku-4-5")
    assert known == ModelInfo(model="claude-haiku-4-5", context_tokens=200_000, label="Claude Haiku 4.5")
    assert await talk.llm.info("claude-nobody") == ModelInfo(model="claude-nobody")


def test_a_lone_surrogate_in_arguments_does_not_stop_the_request() -> None:
    assert json.loads(encode({"input": "\ud83d", "é": 1})) == {"input": "\ud83d", "é": 1}


def test_a_kind_of_piece_we_do_not_know_is_never_dropped_in_silence() -> None:
    assembler = Assembler()
    assembler.feed({"type": "message_start", "message": {"usage": {}}})
    assembler.feed({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    with pytest.raises(Bug, match="wave_delta"):
        assembler.feed({"type": "content_block_delta", "index": 0, "delta": {"type": "wave_delta"}})


@pytest.mark.parametrize("stop", [None, "surprise"])
def test_a_reply_without_a_known_stop_reason_does_not_exist(stop: str | None) -> None:
    assembler = Assembler()
    assembler.feed({"type": "message_start", "message": {"usage": {}, "model": "m"}})
    assembler.feed({"type": "some_future_event"})
    assembler.feed({"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {}})
    with pytest.raises(LlmUnavailable if stop is None else Bug):
        assembler.reply(request_id="")


def test_making_the_adapter_does_not_load_the_sdk() -> None:
    code = (
        "import sys; from agent.llm.anthropic import AnthropicLlm; AnthropicLlm('k'); print('anthropic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "False"
