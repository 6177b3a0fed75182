"""One request body: the frozen prefix and the messages, unchanged but for cache breakpoints."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from agent.domain.blocks import Block, Json
from agent.ports.llm import Message, Prefix

# Models before Opus 4.8 answer 400 "role 'system' is not supported on this model".
REFUSES_SYSTEM_ROLE = re.compile(r"^claude-(3|instant|2|mythos-preview|(opus|sonnet|haiku)-4(-[0-7])?(-\d{8})?$)")
SYSTEM_LABEL = "[Note from the system, not from the person]\n"
_EPHEMERAL = {"type": "ephemeral"}
_UNCACHEABLE = frozenset({"thinking", "redacted_thinking"})


def refuses_system_role(model: str) -> bool:
    """True for models known to refuse a system message within the conversation."""
    return REFUSES_SYSTEM_ROLE.match(model) is not None


def request_body(prefix: Prefix, messages: Sequence[Message], *, fold_system: bool) -> dict[str, Json]:
    """The JSON body of one streamed request.

    `fold_system`: system messages within the conversation become a labelled text of the user message before them.
    Four breakpoints, the most allowed: tools, static system, the end of the request before this one (the service
    looks back 20 blocks only, and a turn with many parallel calls is wider), the end of this one.
    """
    sent = [_message(m) for m in (folded(messages) if fold_system else messages)]
    for content in {id(c): c for c in _turn_ends(sent)}.values():
        _mark(content)
    body: dict[str, Json] = {
        "model": prefix.model,
        "max_tokens": prefix.max_tokens,
        "stream": True,
        "messages": sent,
    }
    if prefix.system:
        body["system"] = _marked(prefix.system)
    if prefix.tools:
        body["tools"] = _marked(prefix.tools)
    if prefix.effort:
        body["thinking"] = {"type": "adaptive"}
        body["output_config"] = {"effort": prefix.effort}
    return body


def encode(body: Mapping[str, Json]) -> bytes:
    """The body as UTF-8. A lone surrogate, possible in a model's own tool arguments, is sent as its escape."""
    try:
        return _dumps(body, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return _dumps(body, ensure_ascii=True).encode("ascii")


def folded(messages: Sequence[Message]) -> list[Message]:
    """The messages with each system message appended, labelled, to the user message before it."""
    out: list[Message] = []
    for message in messages:
        if message.role != "system":
            out.append(message)
            continue
        notes = tuple({**block, "text": SYSTEM_LABEL + str(block.get("text", ""))} for block in message.content)
        if out and out[-1].role == "user":
            out[-1] = Message("user", out[-1].content + notes)
        else:
            out.append(Message("user", notes))
    return out


def _message(message: Message) -> dict[str, Json]:
    return {"role": message.role, "content": list(message.content)}


def _turn_ends(sent: Sequence[dict[str, Json]]) -> list[list[Block]]:
    """Contents that end a request: the last message, and the last one before the newest assistant message."""
    ends = [sent[-1]["content"]] if sent else []
    newest = next((i for i in range(len(sent) - 1, -1, -1) if sent[i]["role"] == "assistant"), 0)
    if newest > 0:
        ends.append(sent[newest - 1]["content"])
    return cast(list[list[Block]], ends)


def _marked(blocks: Sequence[Block]) -> list[Block]:
    out = list(blocks)
    _mark(out)
    return out


def _mark(blocks: list[Block]) -> None:
    """Put a breakpoint on the last block that may carry one; the caller's blocks stay as they are."""
    for i in range(len(blocks) - 1, -1, -1):
        block = blocks[i]
        # The service refuses a deferred tool with a breakpoint; deferred tools are not part of the cached prefix.
        blank = block.get("type") == "text" and not str(block.get("text", "")).strip()
        if block.get("type") in _UNCACHEABLE or block.get("defer_loading") is True or blank:
            continue
        blocks[i] = {**block, "cache_control": _EPHEMERAL}
        return


def _dumps(body: Mapping[str, Json], *, ensure_ascii: bool) -> str:
    return json.dumps(body, ensure_ascii=ensure_ascii, separators=(",", ":"), allow_nan=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(cast(Mapping[str, Json], value))
    raise TypeError(f"{type(value).__name__} is not JSON")
