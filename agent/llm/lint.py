"""What the Messages API would refuse about a request, told before it is sent.

Small and strict: the rules that a loop of ours can break (version 2026-10-21 of the API). Where the
service is more lenient for some models, the strictest is taken.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import cast

from agent.domain.blocks import Block, Json
from agent.ports.llm import Message, Prefix

_NAME = re.compile(r"^[a-zA-Z0-9_-]{1,128}$")
_ID = re.compile(r"^[a-zA-Z0-9_-]+$")
_IMAGE_MAGIC: Mapping[str, bytes] = {
    "image/png": b"\x89PNG",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
_ASSISTANT_ONLY = frozenset({"tool_use", "server_tool_use", "thinking", "redacted_thinking"})
_USER_ONLY = frozenset({"tool_result", "image", "document"})
_IN_RESULT = frozenset({"text", "image", "document", "search_result", "tool_reference"})
MAX_BREAKPOINTS = 4


def check_request(prefix: Prefix, messages: Sequence[Message]) -> list[str]:
    """Every reason to refuse this request, each naming its place; empty when it is fine."""
    check = _Check({str(t.get("name")) for t in prefix.tools if "name" in t})
    check.prefix(prefix)
    check.messages(messages)
    check.breakpoints()
    return check.problems


class _Check:
    def __init__(self, offered: set[str]) -> None:
        self.problems: list[str] = []
        self._offered = offered
        self._ttls: list[str] = []
        self._known_ids: set[str] = set()

    def say(self, where: str, what: str) -> None:
        self.problems.append(f"{where}: {what}")

    def prefix(self, prefix: Prefix) -> None:
        if not prefix.model:
            self.say("model", "missing")
        if prefix.max_tokens < 1:
            self.say("max_tokens", "must be at least 1")
        for i, tool in enumerate(prefix.tools):
            self._tool(f"tools[{i}]", tool)
        names = [t.get("name") for t in prefix.tools]
        if len(names) != len(set(names)):
            self.say("tools", "names must be unique")
        if prefix.tools and all(t.get("defer_loading") is True for t in prefix.tools):
            self.say("tools", "at least one must not be deferred")
        for i, block in enumerate(prefix.system):
            self._text_only(f"system[{i}]", block)
            self._breakpoint(f"system[{i}]", block)

    def messages(self, messages: Sequence[Message]) -> None:
        if not messages:
            self.say("messages", "at least one is required")
        open_ids: list[str] = []
        for i, message in enumerate(messages):
            where = f"messages[{i}]"
            before = messages[i - 1].role if i else None
            self._role(where, message, before, messages[i + 1].role if i + 1 < len(messages) else None)
            if not message.content:
                self.say(where, "content must not be empty")
            for j, block in enumerate(message.content):
                self._block(f"{where}.content[{j}]", message.role, block)
            self._results(where, message, open_ids)
            open_ids = [str(b.get("id")) for b in message.content if b.get("type") == "tool_use"]
        if open_ids:
            self.say("messages", f"no result for {', '.join(open_ids)}")
        if messages and messages[-1].role == "assistant" and not _paused(messages[-1]):
            self.say("messages", "must not end with an assistant message")

    def breakpoints(self) -> None:
        if len(self._ttls) > MAX_BREAKPOINTS:
            self.say("cache_control", f"{len(self._ttls)} breakpoints, at most {MAX_BREAKPOINTS}")
        if "5m" in self._ttls and "1h" in self._ttls[self._ttls.index("5m") :]:
            self.say("cache_control", "a 1h breakpoint must not come after a 5m one")

    def _tool(self, where: str, tool: Block) -> None:
        if tool.get("type", "custom") == "custom":
            if not _NAME.match(str(tool.get("name", ""))):
                self.say(where, "name must be 1-128 of a-z A-Z 0-9 _ -")
            schema = tool.get("input_schema")
            if not isinstance(schema, dict) or cast(dict[str, Json], schema).get("type") != "object":
                self.say(where, "input_schema must be of type object")
            elif banned := {"oneOf", "allOf", "anyOf"} & set(cast(dict[str, Json], schema)):
                self.say(where, f"input_schema must not have {sorted(banned)} at its top level")
        if tool.get("defer_loading") is True and tool.get("cache_control") is not None:
            self.say(where, "a deferred tool cannot carry a breakpoint")
        self._breakpoint(where, tool)

    def _role(self, where: str, message: Message, before: str | None, after: str | None) -> None:
        if before is None and message.role != "user":
            self.say(where, "the first message must be from the user")
        elif message.role == "system":
            if before != "user":
                self.say(where, "a system message must follow a user message")
            if after not in {None, "assistant"}:
                self.say(where, "a system message must precede an assistant message or end the conversation")

    def _block(self, where: str, role: str, block: Block) -> None:
        kind = block.get("type")
        if role == "system":
            self._text_only(where, block)
        elif kind in _ASSISTANT_ONLY and role != "assistant":
            self.say(where, f"{kind} belongs into assistant messages")
        elif kind in _USER_ONLY and role != "user":
            self.say(where, f"{kind} belongs into user messages")
        match kind:
            case "text":
                self._text_only(where, block)
                if role == "user" and block.get("citations") is not None:
                    self.say(where, "citations are not accepted on a user's text")
            case "tool_use":
                self._tool_use(where, block)
            case "tool_result":
                self._tool_result(where, block)
            case "image":
                self._image(where, block)
            case "thinking":
                if not block.get("signature"):
                    self.say(where, "thinking needs its signature")
            case str():
                pass
            case _:
                self.say(where, "a block needs a type")
        self._breakpoint(where, block)

    def _tool_use(self, where: str, block: Block) -> None:
        use_id = str(block.get("id", ""))
        if not _ID.match(use_id):
            self.say(where, "id must be of a-z A-Z 0-9 _ -")
        if use_id in self._known_ids:
            self.say(where, f"id {use_id} was used before")
        self._known_ids.add(use_id)
        if not _NAME.match(str(block.get("name", ""))):
            self.say(where, "name must be 1-128 of a-z A-Z 0-9 _ -")
        if not isinstance(block.get("input"), dict):
            self.say(where, "input must be an object")

    def _tool_result(self, where: str, block: Block) -> None:
        content = block.get("content")
        if block.get("is_error") and not content:
            self.say(where, "an error result needs content")
        if content is not None and not isinstance(content, (str, list)):
            self.say(where, "content must be text or a list of blocks")
        for k, inner in enumerate(cast(list[Block], content) if isinstance(content, list) else []):
            inside = f"{where}.content[{k}]"
            match inner.get("type"):
                case "text":
                    self._text_only(inside, inner)
                case "image":
                    self._image(inside, inner)
                case "tool_reference" if inner.get("tool_name") not in self._offered:
                    self.say(inside, f"no tool {inner.get('tool_name')!r} is offered")
                case kind if kind not in _IN_RESULT:
                    self.say(inside, f"a result cannot hold {kind!r}")
                case _:
                    pass
            self._breakpoint(inside, inner)

    def _results(self, where: str, message: Message, open_ids: Sequence[str]) -> None:
        """Results come first, once for each call of the message just before, and for no other."""
        kinds = [b.get("type") for b in message.content]
        results = [str(b.get("tool_use_id")) for b in message.content if b.get("type") == "tool_result"]
        if results and any(k != "tool_result" for k in kinds[: len(results)]):
            self.say(where, "results must come before everything else")
        if unknown := [r for r in results if r not in open_ids]:
            self.say(where, f"results without a call in the message before: {', '.join(unknown)}")
        if len(results) != len(set(results)):
            self.say(where, "more than one result for a call")
        if missing := [i for i in open_ids if i not in results]:
            self.say(where, f"no result for {', '.join(missing)}")

    def _text_only(self, where: str, block: Block) -> None:
        if block.get("type") != "text":
            self.say(where, "only text is accepted here")
        elif not isinstance(block.get("text"), str) or not block["text"].strip():
            self.say(where, "text must not be empty")

    def _image(self, where: str, block: Block) -> None:
        source = cast(Mapping[str, Json], block.get("source") or {})
        if source.get("type") != "base64":
            return
        kind = str(source.get("media_type"))
        try:
            head = base64.b64decode(str(source.get("data", ""))[:64], validate=True)
        except binascii.Error:
            self.say(where, "image data is not base64")
            return
        if kind not in _IMAGE_MAGIC or not head.startswith(_IMAGE_MAGIC[kind]):
            self.say(where, f"the image is not the {kind} it says it is")

    def _breakpoint(self, where: str, block: Block) -> None:
        mark = block.get("cache_control")
        if mark is None:
            return
        if block.get("type") in {"thinking", "redacted_thinking"}:
            self.say(where, "thinking cannot carry a breakpoint")
        fields = cast(Mapping[str, Json], mark if isinstance(mark, Mapping) else {})
        ttl = fields.get("ttl", "5m")
        if ttl not in {"5m", "1h"} or fields.get("type") != "ephemeral":
            self.say(where, "cache_control must be ephemeral, for 5m or 1h")
        self._ttls.append(str(ttl))


def _paused(message: Message) -> bool:
    """A reply that stopped with `pause_turn` is sent back as it is; it holds a call the service runs itself."""
    return any(b.get("type") == "server_tool_use" for b in message.content)
