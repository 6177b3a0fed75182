"""The scripted model plays its script, also after a restart, and refuses what the service would refuse."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.domain.blocks import text_block
from agent.domain.errors import Bug, LlmUnavailable, Refused
from agent.llm.scripted import ScriptedLlm, Turn
from agent.ports.llm import Message, Prefix, Reply

PREFIX = Prefix(model="scripted", system=(), tools=())
HELLO = Message("user", (text_block("Hello"),))
LOOK = Turn(text="I look.", tools=(("bash", {"command": "ls"}), ("bash", {"command": "pwd"})))


def said(reply: Reply) -> Message:
    return Message("assistant", reply.content)


RESULTS = Message(
    "user", tuple({"type": "tool_result", "tool_use_id": f"toolu_0_{i}", "content": "ok"} for i in range(2))
)


async def test_turns_come_in_order_and_a_restarted_process_goes_on() -> None:
    script = [LOOK, Turn(text="Done.")]
    first = await ScriptedLlm(script).respond(PREFIX, [HELLO])
    assert first.stop_reason == "tool_use"
    assert [b.get("id") for b in first.content] == [None, "toolu_0_0", "toolu_0_1"]
    second = await ScriptedLlm(script).respond(PREFIX, [HELLO, said(first), RESULTS])
    assert (second.stop_reason, second.content) == ("end_turn", (text_block("Done."),))


async def test_the_same_question_gets_the_same_answer() -> None:
    llm = ScriptedLlm([LOOK])
    assert await llm.respond(PREFIX, [HELLO]) == await llm.respond(PREFIX, [HELLO])
    assert llm.requests == [(PREFIX, (HELLO,)), (PREFIX, (HELLO,))]


async def test_an_error_is_raised_once_before_its_turn() -> None:
    llm = ScriptedLlm([LlmUnavailable("overloaded"), LOOK])
    with pytest.raises(LlmUnavailable):
        await llm.respond(PREFIX, [HELLO])
    assert (await llm.respond(PREFIX, [HELLO])).stop_reason == "tool_use"


async def test_a_function_answers_from_the_messages() -> None:
    def echo(messages: Sequence[Message]) -> Turn:
        return Turn(text=f"{len(messages)} so far")

    assert (await ScriptedLlm(echo).respond(PREFIX, [HELLO])).content == (text_block("1 so far"),)
    assert (await ScriptedLlm([echo]).respond(PREFIX, [HELLO])).content == (text_block("1 so far"),)


async def test_past_the_end_of_the_script_nothing_is_made_up() -> None:
    with pytest.raises(Bug, match="turn 1 was asked for"):
        await ScriptedLlm([]).respond(PREFIX, [HELLO])


async def test_a_request_the_service_would_refuse_is_a_bug() -> None:
    llm = ScriptedLlm([LOOK, Turn(text="Done.")])
    with pytest.raises(Bug, match="no result for toolu_0_0, toolu_0_1"):
        await llm.respond(PREFIX, [HELLO, said(await llm.respond(PREFIX, [HELLO])), HELLO])


async def test_text_is_told_in_pieces() -> None:
    pieces: list[str] = []
    await ScriptedLlm([Turn(text="A sentence of more than one piece.")]).respond(PREFIX, [HELLO], on_text=pieces.append)
    assert len(pieces) > 1
    assert "".join(pieces) == "A sentence of more than one piece."


async def test_a_script_file_is_played(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    turns = [
        {"text": "I look.", "tools": [{"name": "bash", "input": {"command": "ls"}}]},
        {"stop_reason": "max_tokens"},
    ]
    path.write_text(json.dumps({"turns": turns}), encoding="utf-8")
    llm = ScriptedLlm.load(path)
    first = await llm.respond(PREFIX, [HELLO])
    assert first.content[1] == {"type": "tool_use", "id": "toolu_0_0", "name": "bash", "input": {"command": "ls"}}
    results = Message("user", ({"type": "tool_result", "tool_use_id": "toolu_0_0", "content": "ok"},))
    assert (await llm.respond(PREFIX, [HELLO, said(first), results])).stop_reason == "max_tokens"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"turns": [{"txet": "typo"}]}', '{"turns": [{"tools": [{}]}]}'])
def test_a_script_file_that_is_none_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "script.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Refused, match=r"script\.json"):
        ScriptedLlm.load(path)
