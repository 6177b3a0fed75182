"""A model that plays a script: for tests, demos and crash runs; costs nothing and needs no network."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from agent.domain.blocks import Block, Json, text_block
from agent.domain.errors import Bug, Refused
from agent.llm.lint import check_request
from agent.ports.llm import Llm, Message, ModelInfo, Prefix, Reply, StopReason, TokenUse, json_size_chars

_DELTA_CHARS = 24
_CHARS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One answer: text, then calls of (tool name, input). `stop_reason` empty: what follows from the calls."""

    text: str = ""
    tools: tuple[tuple[str, Mapping[str, Json]], ...] = ()
    stop_reason: StopReason | None = None

    def reply(self, number: int, prefix: Prefix, messages: Sequence[Message]) -> Reply:
        """The answer as the model's `number`-th; call ids depend on that number only, so a restart repeats them."""
        content: list[Block] = [text_block(self.text)] if self.text else []
        content += [
            {"type": "tool_use", "id": f"toolu_{number}_{i}", "name": name, "input": dict(arguments)}
            for i, (name, arguments) in enumerate(self.tools)
        ]
        sizes = [json_size_chars(list(m.content)) for m in messages]
        return Reply(
            content=tuple(content),
            stop_reason=self.stop_reason or ("tool_use" if self.tools else "end_turn"),
            use=TokenUse(
                input_tokens=(sum(sizes) + json_size_chars([*prefix.system, *prefix.tools])) // _CHARS_PER_TOKEN,
                output_tokens=json_size_chars(content) // _CHARS_PER_TOKEN,
            ),
            request_id=f"scripted_{number}",
            model=prefix.model,
        )


Entry = Turn | Exception | Callable[[Sequence[Message]], Reply | Turn]
"""A turn, an error raised once before the turn that follows it, or a function of the messages."""


class ScriptedLlm(Llm):
    """Plays its entries in order; which one is due follows from the number of assistant messages alone.

    A restarted process therefore goes on where the conversation stands (errors before a turn are raised again).
    A single function instead of a list answers every request. Requests are checked as the service would check them.
    """

    def __init__(self, script: Sequence[Entry] | Callable[[Sequence[Message]], Reply | Turn]) -> None:
        self._answer = script if callable(script) else None
        self._turns: list[tuple[list[Exception], Turn | Callable[[Sequence[Message]], Reply | Turn]]] = []
        self.requests: list[tuple[Prefix, tuple[Message, ...]]] = []  # all requests seen, for tests to read
        waiting: list[Exception] = []
        for entry in () if callable(script) else script:
            if isinstance(entry, Exception):
                waiting.append(entry)
            else:
                self._turns.append((waiting, entry))
                waiting = []
        self._last_errors = waiting

    @classmethod
    def load(cls, path: Path) -> ScriptedLlm:
        """The script in a JSON file: {"turns": [{"text", "tools": [{"name", "input"}], "stop_reason"}]}."""
        try:
            return cls(turns_of(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise Refused(
                f"The script {path.name} cannot be played: {error}.",
                next_step='Its form is {"turns": [{"text": "…"}]}.',
            ) from error

    async def respond(
        self,
        prefix: Prefix,
        messages: Sequence[Message],
        *,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """The answer that is due. Raises `Bug` for a request the service would refuse, and past the script's end."""
        self.requests.append((prefix, tuple(messages)))
        if problems := check_request(prefix, messages):
            raise Bug(f"The service would refuse this request: {'; '.join(problems)}.")
        number = sum(m.role == "assistant" for m in messages)
        due = self._due(number)
        answer = due if isinstance(due, Turn) else due(messages)
        reply = answer.reply(number, prefix, messages) if isinstance(answer, Turn) else answer
        if on_text is not None:
            _speak(reply, on_text)
        return reply

    async def info(self, model: str) -> ModelInfo:
        """A million tokens of context, as the current models have."""
        return ModelInfo(model=model, context_tokens=1_000_000, label="Scripted")

    async def close(self) -> None:
        """Nothing to close."""

    def _due(self, number: int) -> Turn | Callable[[Sequence[Message]], Reply | Turn]:
        if self._answer is not None:
            return self._answer
        errors, due = self._turns[number] if number < len(self._turns) else (self._last_errors, None)
        if errors:
            raise errors.pop(0)
        if due is None:
            raise Bug(f"The script has {len(self._turns)} turns; turn {number + 1} was asked for.")
        return due


def turns_of(script: Mapping[str, Json]) -> list[Turn]:
    """The turns of a script in its JSON form. Raises `ValueError` for a form that is not one."""
    out: list[Turn] = []
    for raw in cast(list[Mapping[str, Json]], script["turns"]):
        if unknown := set(raw) - {"text", "tools", "stop_reason"}:
            raise ValueError(f"unknown fields {sorted(unknown)} in a turn")
        tools = tuple((str(t["name"]), dict(t.get("input") or {})) for t in raw.get("tools") or ())
        out.append(Turn(text=str(raw.get("text") or ""), tools=tools, stop_reason=raw.get("stop_reason")))
    return out


def _speak(reply: Reply, on_text: Callable[[str], None]) -> None:
    for block in reply.content:
        text = str(block.get("text", "")) if block.get("type") == "text" else ""
        for start in range(0, len(text), _DELTA_CHARS):
            on_text(text[start : start + _DELTA_CHARS])
