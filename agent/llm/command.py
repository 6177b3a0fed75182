"""The model of a typed command: no model at all. It has the command run once and gives back what it printed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import cast

from agent.domain.blocks import Block, text_block, text_of, tool_uses
from agent.domain.requests import COMMAND_MODEL, command_of
from agent.ports.llm import Llm, Message, ModelInfo, Prefix, Reply

TIMEOUT_S = 600
"""Longer than a model's commands get by themselves: a person waits for this one on purpose."""
_NOT_RUN = ("The rules of this place", "Interrupted:", "The sandbox was lost")
"""How results begin that are no output (`agent.core.dispatch`)."""
_DENIED = "Denied by the person"
_WORDS = ("The person wrote: ", "Someone else (")
"""How instructions begin (`agent.core.steering`)."""


class CommandingLlm(Llm):
    """The same model, but tasks of the model `command` are answered here, from their conversation alone."""

    def __init__(self, llm: Llm) -> None:
        self._llm = llm

    async def respond(
        self,
        prefix: Prefix,
        messages: Sequence[Message],
        *,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """The model's answer; for a command first the call, then what came of it."""
        if prefix.model != COMMAND_MODEL:
            return await self._llm.respond(prefix, messages, on_text=on_text)
        if not any(tool_uses(message.content) for message in messages):
            call = {
                "type": "tool_use",
                "id": "toolu_command",
                "name": "bash",
                "input": {"command": command_of(text_of(messages[0].content[:1])), "timeout_s": TIMEOUT_S},
            }
            return Reply(content=(call,), stop_reason="tool_use", model=COMMAND_MODEL)
        return Reply(content=(text_block(_outcome(messages)),), stop_reason="end_turn", model=COMMAND_MODEL)

    async def info(self, model: str) -> ModelInfo:
        """What the model behind says; a command has no limit of context."""
        return ModelInfo(model=model, label="a command") if model == COMMAND_MODEL else await self._llm.info(model)

    async def close(self) -> None:
        """Close the model behind."""
        await self._llm.close()


def _outcome(messages: Sequence[Message]) -> str:
    """The output between fences that nothing in it can close; a sentence where the command did not run."""
    after = [block for message in messages[1:] if message.role == "user" for block in message.content]
    results = [block for block in after if block.get("type") == "tool_result"]
    result: Block = results[0] if results else {}
    text = text_of(cast(Sequence[Block], result.get("content") or ()))
    if text.startswith(_DENIED):
        text = "Denied, so it was not run."
    elif not (result.get("is_error") and text.startswith(_NOT_RUN)):
        fence = "`" * max([3, *(len(run) + 1 for run in re.findall(r"`+", text))])
        text = f"{fence}\n{text}\n{fence}"
    unheard = any(str(block.get("text", "")).startswith(_WORDS) for block in after)
    return f"{text}\n\nWhat was written meanwhile had no effect: a command runs as it is." if unheard else text
