"""Valid and invalid request bodies, shared by the tests of the fake and the comparison with other servers."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from typing import Any

Body = dict[str, Any]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 32).decode()
TOOL = {"name": "bash", "description": "Run.", "input_schema": {"type": "object", "properties": {}}}
LATER = {**TOOL, "name": "later", "defer_loading": True}


def text(words: str, **more: Any) -> Body:
    return {"type": "text", "text": words, **more}


def user(*blocks: Any) -> Body:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> Body:
    return {"role": "assistant", "content": list(blocks)}


def system(*blocks: Any) -> Body:
    return {"role": "system", "content": list(blocks)}


def call(number: int = 0, **more: Any) -> Body:
    return {"type": "tool_use", "id": f"toolu_{number}", "name": "bash", "input": {}, **more}


def result(number: int = 0, **more: Any) -> Body:
    return {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": "ok", **more}


def body(*messages: Body, **more: Any) -> Body:
    return {
        "model": "claude-opus-5-5",
        "max_tokens": 1000,
        "system": [text("You help.")],
        "tools": [TOOL],
        "messages": list(messages),
        **more,
    }


def without(whole: Body, name: str) -> Body:
    return {k: v for k, v in whole.items() if k != name}


def mark(block: Body, ttl: str = "5m") -> Body:
    return {**block, "cache_control": {"type": "ephemeral", "ttl": ttl}}


def image(kind: str) -> Body:
    return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": PNG}}


HELLO = user(text("Hello"))
ROUND = (HELLO, assistant(text("I look."), call(0), call(1)), user(result(0), result(1), text("and hurry")))

ACCEPTED: dict[str, Body] = {
    "a first message": body(HELLO),
    "content as plain text": body({"role": "user", "content": "Hello"}),
    "no tools and no system": without(without(body(HELLO), "tools"), "system"),
    "results, then steering": body(*ROUND),
    "a result with a picture": body(*ROUND[:2], user(result(0, content=[image("image/png")]), result(1))),
    "an error result that says why": body(HELLO, assistant(call()), user(result(is_error=True, content="no"))),
    "a result without content": body(HELLO, assistant(call()), user(without(result(), "content"))),
    "system after the first user message": body(HELLO, system(text("It is Monday."))),
    "system before an assistant message": body(HELLO, system(text("Hi.")), assistant(text("Yes")), HELLO),
    "four breakpoints": body(
        user(mark(text("a"))),
        assistant(text("b")),
        user(mark(text("c"))),
        tools=[mark(TOOL)],
        system=[mark(text("s"))],
    ),
    "an hour before five minutes": body(user(mark(text("a"))), system=[mark(text("s"), "1h")]),
    "a deferred tool without breakpoint": body(HELLO, tools=[mark(TOOL), LATER]),
    "two user messages in a row": body(HELLO, HELLO),
    "adaptive thinking with effort": body(HELLO, thinking={"type": "adaptive"}, output_config={"effort": "low"}),
    "free choice of tools": body(HELLO, tool_choice={"type": "auto"}),
    "no tokens, to warm the cache": body(HELLO, max_tokens=0),
    "a tool of the history that is not offered": body(HELLO, assistant(call(name="gone")), user(result())),
    "a whole conversation in plain text": body(
        {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}
    ),
}

REFUSED: dict[str, Body] = {
    "no max_tokens": without(body(HELLO), "max_tokens"),
    "max_tokens too large": body(HELLO, max_tokens=1_000_000),
    "no model": without(body(HELLO), "model"),
    "no messages": body(),
    "temperature": body(HELLO, temperature=0.5),
    "top_p": body(HELLO, top_p=0.5),
    "an unknown field": body(HELLO, colour="red"),
    "an unknown role": body(HELLO, {"role": "tool", "content": "x"}),
    "an extra field in a message": body({**HELLO, "name": "x"}),
    "an assistant first": body(assistant(text("Hi")), HELLO),
    "an assistant last": body(HELLO, assistant(text("Well,"))),
    "empty content": body(user()),
    "empty text": body(user(text(""))),
    "blank text": body(user(text(" \n"))),
    "empty system text": body(HELLO, system=[text("")]),
    "a call without result": body(HELLO, assistant(call()), HELLO),
    "a call without result at the end": body(HELLO, assistant(call())),
    "one of two results missing": body(*ROUND[:2], user(result(0))),
    "a result that answers no call": body(HELLO, assistant(text("Hi")), user(result())),
    "a result in the first message": body(user(result())),
    "a result twice": body(HELLO, assistant(call()), user(result(), result())),
    "a result a message late": body(HELLO, assistant(call()), HELLO, user(result())),
    "text before a result": body(HELLO, assistant(call()), user(text("first"), result())),
    "a call id used twice": body(HELLO, assistant(call()), user(result()), assistant(call()), user(result())),
    "a call with a bad id": body(HELLO, assistant(call(id="a b")), user(result(tool_use_id="a b"))),
    "a call whose input is text": body(HELLO, assistant(call(input="ls")), user(result())),
    "a call by the user": body(user(call())),
    "an error result without content": body(HELLO, assistant(call()), user(result(is_error=True, content=""))),
    "empty text in a result": body(HELLO, assistant(call()), user(result(content=[text("")]))),
    "a picture that is another kind": body(user(image("image/jpeg"))),
    "five breakpoints": body(user(*[mark(text(w)) for w in "abc"]), tools=[mark(TOOL)], system=[mark(text("s"))]),
    "an hour after five minutes": body(user(mark(text("a"), "1h")), system=[mark(text("s"))]),
    "a breakpoint on empty text": body(user(mark(text("")))),
    "a bad tool name": body(HELLO, tools=[{**TOOL, "name": "a.b"}]),
    "two tools of one name": body(HELLO, tools=[TOOL, TOOL]),
    "a tool without schema": body(HELLO, tools=[without(TOOL, "input_schema")]),
    "a tool schema with anyOf at its top": body(
        HELLO, tools=[{**TOOL, "input_schema": {"type": "object", "anyOf": []}}]
    ),
    "a choice without tools": without(body(HELLO, tool_choice={"type": "auto"}), "tools"),
    "thinking without signature": body(HELLO, assistant({"type": "thinking", "thinking": "hm"}, text("a")), HELLO),
    "thinking by the user": body(user({"type": "thinking", "thinking": "hm", "signature": "x"})),
}

# Refused by this version of the service according to its documentation or reports of its answers; the other
# stand-ins this set was compared with do not know these rules.
REFUSED_BY_THE_NEWEST: dict[str, Body] = {
    "a forced choice": body(HELLO, tool_choice={"type": "any"}),
    "a forced tool": body(HELLO, tool_choice={"type": "tool", "name": "bash"}),
    "a thinking budget": body(HELLO, max_tokens=5000, thinking={"type": "enabled", "budget_tokens": 2000}),
    "system first": body(system(text("Hi.")), HELLO),
    "system after an assistant": body(HELLO, assistant(text("Yes")), system(text("Hi."))),
    "system before a user": body(HELLO, system(text("Hi.")), HELLO),
    "two system messages in a row": body(HELLO, system(text("Hi.")), system(text("Ho."))),
    "system between call and result": body(HELLO, assistant(call()), system(text("Hi.")), user(result())),
    "a picture in a system message": body(HELLO, system(image("image/png"))),
    "a breakpoint on a deferred tool": body(HELLO, tools=[TOOL, mark(LATER)]),
    "all tools deferred": body(HELLO, tools=[LATER]),
    "a document by the assistant": body(HELLO, assistant(text("a"), {"type": "document", "source": {}}), HELLO),
    "citations on a user's text": body(user(text("Hello", citations=[]))),
    "a reference to no tool": body(
        HELLO, assistant(call()), user(result(content=[{"type": "tool_reference", "tool_name": "none"}]))
    ),
    "system for a model before Opus 4.8": body(HELLO, system(text("Hi.")), model="claude-haiku-4-5"),
    "an unknown effort": body(HELLO, output_config={"effort": "enormous"}),
}


def changed(whole: Body, change: Callable[[Body], None]) -> Body:
    """A deep copy with one thing changed."""
    out = copy.deepcopy(whole)
    change(out)
    return out
