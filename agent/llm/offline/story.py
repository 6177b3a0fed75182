"""A conversation read back as what happened in it: for a model that keeps no state of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from agent.domain.blocks import Block, Json, text_of, tool_uses
from agent.llm.offline.matching import Listing
from agent.ports.llm import Message

_LISTED = re.compile(r"^(?P<path>.+) \(\d+ bytes\)$")
_MORE = re.compile(r"^\.\.\. and \d+ more$")
_HEADS = ("Files in the workspace:", "The workspace is empty.")
_OWNER = "The person wrote: "
_OTHER = re.compile(r"^Someone else \([^\n]*?\) wrote: ")
_ADDED = "Files were added: "
_BEFORE = "Said in this thread before the request, "


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that was made and what came back."""

    tool: str
    arguments: Mapping[str, Json]
    result: str
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One answer of the model with the results, and what was said at that boundary."""

    calls: tuple[Call, ...] = ()
    words: tuple[str, ...] = ()
    """Of the requester."""
    talk: tuple[str, ...] = ()
    """Of everybody else."""
    added: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The request, the files of its beginning, and the rounds since."""

    request: str
    listing: Listing
    rounds: tuple[Round, ...]


def read_story(messages: Sequence[Message]) -> Story:
    """The story of a conversation whose first message is the request with the list of files (`core.context`).

    What was said before the request is not read. What was said before the first answer is a round without calls.
    """
    blocks = [b for b in messages[0].content if not str(b.get("text", "")).startswith(_BEFORE)]
    request, listing = _opening(text_of(blocks[:1]))
    early = _round(None, blocks[1:])
    rounds = [early] if early.words or early.talk or early.added else []
    answer: Message | None = None
    for message in messages[1:]:
        if message.role == "assistant":
            if answer is not None:
                rounds.append(_round(answer, ()))
            answer = message
        elif message.role == "user" and answer is not None:
            rounds.append(_round(answer, message.content))
            answer = None
        elif message.role == "user" and rounds:
            rounds[-1] = _joined(rounds[-1], _round(None, message.content))
    return Story(request=request, listing=listing, rounds=tuple(rounds))


def object_of(text: str) -> Mapping[str, Json]:
    """The JSON object that a result is; empty for anything else."""
    try:
        value: Json = json.loads(text)
    except ValueError:
        return {}
    return cast(Mapping[str, Json], value) if isinstance(value, dict) else {}


def _opening(text: str) -> tuple[str, Listing]:
    start = max(text.rfind(f"\n\n{head}") for head in _HEADS)
    if start < 0:
        return text.strip(), Listing()
    lines = text[start:].strip().splitlines()[1:]
    found = [m["path"] for line in lines if (m := _LISTED.match(line))]
    return text[:start].strip(), Listing(tuple(found), bool(lines) and _MORE.match(lines[-1]) is not None)


def _round(answer: Message | None, content: Sequence[Block]) -> Round:
    results = {str(b.get("tool_use_id")): b for b in content if b.get("type") == "tool_result"}
    calls = tuple(
        Call(
            tool=use.name,
            arguments=use.arguments,
            result=_result_text(results.get(use.tool_use_id, {})),
            failed=bool(results.get(use.tool_use_id, {}).get("is_error")),
        )
        for use in (tool_uses(answer.content) if answer is not None else ())
    )
    words: list[str] = []
    talk: list[str] = []
    added: list[str] = []
    for block in content:
        text = str(block.get("text", "")) if block.get("type") == "text" else ""
        if text.startswith(_OWNER):
            words.append(text.removeprefix(_OWNER).strip())
        elif other := _OTHER.match(text):
            talk.append(text[other.end() :].strip())
        elif text.startswith(_ADDED):
            added += re.split(r", (?=inputs/)", text.removeprefix(_ADDED))
    return Round(calls=calls, words=tuple(words), talk=tuple(talk), added=tuple(added))


def _joined(first: Round, second: Round) -> Round:
    return Round(
        calls=first.calls,
        words=first.words + second.words,
        talk=first.talk + second.talk,
        added=first.added + second.added,
    )


def _result_text(block: Block) -> str:
    content: Json = block.get("content", "")
    return content if isinstance(content, str) else text_of(cast(Sequence[Block], content or ()))
