"""A conversation with the offline model as the core leads it, with results given by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.domain.blocks import Block, text_block, text_of, tool_uses
from agent.llm.offline import OfflineLlm
from agent.ports.llm import Message, Prefix, Reply
from agent.ports.skills import Skill

PREFIX = Prefix(model="offline", system=(text_block("You are Gofer."),), tools=())
APPROVED = "Approved. Go on."
NO_APPROVAL = "No approval is needed for this plan. Go on."


@dataclass(frozen=True, slots=True)
class Shelf:
    """A catalog of given skills."""

    given: tuple[Skill, ...]

    def skills(self) -> Sequence[Skill]:
        return self.given

    def find(self, name: str) -> Skill | None:
        return next((skill for skill in self.given if skill.name == name), None)

    def body(self, name: str) -> str:
        raise LookupError(name)

    def files(self, name: str) -> Mapping[str, bytes]:
        raise LookupError(name)


def skill(name: str, description: str, *, inputs: str = "", label: str = "", run: str = "scripts/run.py") -> Skill:
    kinds = tuple(filter(None, inputs.split(",")))
    return Skill(name=name, description=description, digest="0" * 64, run=run, inputs=kinds, label=label)


def planned(*steps: str, files: Sequence[str] = ("outputs/x.txt",), note: str = "") -> str:
    return json.dumps({"steps": list(steps), "files": list(files), "note": note})


def revise(words: str) -> str:
    return f"Not approved yet. The person wrote: {words}\nPropose the revised plan."


@dataclass(slots=True)
class Talk:
    """One task. `offline` is asked anew each time by a fresh object: nothing may live outside of the messages."""

    shelf: Shelf
    request: str
    files: Sequence[str] = ()
    messages: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        listed = "\n".join(["Files in the workspace:", *(f"{path} (10 bytes)" for path in self.files)])
        opening = f"{self.request}\n\n{listed if self.files else 'The workspace is empty.'}"
        about = "Today is Monday, 02 March 2026 (UTC). The requester is web:owner."
        self.messages += [Message("user", (text_block(opening),)), Message("system", (text_block(about),))]

    async def next(self) -> Reply:
        """The model's answer, added to the conversation. An invalid conversation raises `Bug` in there."""
        reply = await OfflineLlm(self.shelf).respond(PREFIX, tuple(self.messages))
        assert reply == await OfflineLlm(self.shelf).respond(PREFIX, tuple(self.messages))
        last = "refusal" if reply.unable else "end_turn"
        assert reply.stop_reason == ("tool_use" if tool_uses(reply.content) else last)
        self.messages.append(Message("assistant", reply.content))
        return reply

    async def calls(self) -> list[tuple[str, dict[str, Any]]]:
        """The calls of the next answer."""
        return [(use.name, dict(use.arguments)) for use in tool_uses((await self.next()).content)]

    async def text(self) -> str:
        """The text of the next answer, which must be the last of the task."""
        reply = await self.next()
        assert not tool_uses(reply.content)
        return text_of(reply.content)

    async def unable(self) -> str:
        """Why the work is not done, which ends the task as failed; empty: it ends well."""
        reply = await self.next()
        assert not tool_uses(reply.content)
        assert reply.unable in ("", text_of(reply.content))
        return reply.unable

    def back(self, *results: str, failed: Sequence[int] = (), said: Sequence[str] = ()) -> Talk:
        """Give each call of the newest answer its result, then people's words."""
        uses = tool_uses(self.messages[-1].content)
        assert len(uses) == len(results)
        blocks: list[Block] = []
        for number, (use, result) in enumerate(zip(uses, results, strict=True)):
            block = {"type": "tool_result", "tool_use_id": use.tool_use_id, "content": [text_block(result)]}
            blocks.append({**block, "is_error": True} if number in failed else block)
        self.messages.append(Message("user", (*blocks, *map(text_block, said))))
        return self


def wrote(text: str) -> str:
    return f"The person wrote: {text}"
