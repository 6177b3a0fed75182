"""The tool of the lint: looks at pieces of JSON and notes what Slack would refuse, each with its place."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any, Literal

Surface = Literal["message", "modal", "home"]
BLOCK_ID_CHARS = 255
ACTION_ID_CHARS = 255
URL_CHARS = 3_000
TEXT_CHARS = 3_000


def units(text: str) -> int:
    """Length in UTF-16 units, the longest of the ways in which Slack's limits may be counted."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def compact(value: Any) -> str:
    """JSON as it is measured for `msg_blocks_too_long`: no spaces, characters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Checker:
    """Collects the faults of one payload for one surface. Every check is a method that notes and goes on."""

    def __init__(self, surface: Surface = "message", missing: Collection[str] = ()) -> None:
        self.surface: Surface = surface
        self.missing = frozenset(missing)
        """Block types that this workspace does not know."""
        self.faults: list[str] = []
        self.focused = 0
        """Elements with `focus_on_load`; a surface takes one."""

    def fault(self, where: str, text: str) -> None:
        self.faults.append(f"{text} [json-pointer:{where or '/'}]")

    def shape(self, node: Any, where: str, required: str = "", optional: str = "") -> bool:
        """Whether it is an object that can be looked into; notes fields that are missing or unknown."""
        if not isinstance(node, dict):
            self.fault(where, f"must be an object, not {type(node).__name__}")
            return False
        needed, allowed = required.split(), {"type", *required.split(), *optional.split()}
        for name in needed:
            if node.get(name) is None:
                self.fault(where, f"missing required field: {name}")
        for name, value in node.items():
            if name not in allowed:
                self.fault(f"{where}/{name}", f"unknown field: {name}")
            elif value is None:
                self.fault(f"{where}/{name}", "must not be null")
        return True

    def string(self, node: Any, name: str, where: str, limit: int, *, low: int = 1) -> str:
        """A plain string field. Gives it, or "" where it is absent or no string."""
        value = node.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.fault(f"{where}/{name}", "must be a string")
            return ""
        if units(value) < low:
            self.fault(f"{where}/{name}", f"must be at least {low} characters")
        if units(value) > limit:
            self.fault(f"{where}/{name}", f"must be less than {limit + 1} characters")
        return value

    def text(self, node: Any, name: str, where: str, limit: int, kinds: str = "plain_text") -> str:
        """A text object field of one of `kinds`; blank text is refused like empty text."""
        value, at = node.get(name), f"{where}/{name}"
        if value is None:
            return ""
        return self.text_object(value, at, limit, kinds)

    def text_object(self, value: Any, at: str, limit: int, kinds: str = "plain_text") -> str:
        if not isinstance(value, dict):
            self.fault(at, "must be a text object")
            return ""
        kind = value.get("type")
        if kind not in kinds.split():
            self.fault(at, f"text type must be one of {kinds}, not {kind!r}")
        self.shape(value, at, "type text", "emoji" if kind == "plain_text" else "verbatim")
        for flag in ("emoji", "verbatim"):
            self.boolean(value, flag, at)
        text = self.string(value, "text", at, limit)
        if text and not text.strip():
            self.fault(f"{at}/text", "must not be blank")
        return text

    def boolean(self, node: Any, name: str, where: str) -> None:
        if name in node and not isinstance(node[name], bool):
            self.fault(f"{where}/{name}", "must be a boolean")

    def integer(self, node: Any, name: str, where: str, low: int, high: int) -> None:
        value = node.get(name)
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.fault(f"{where}/{name}", f"must be an integer from {low} to {high}")

    def number(self, value: Any, at: str) -> None:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or value != value
            or abs(value) == float("inf")
        ):
            self.fault(at, "must be a number")

    def one_of(self, node: Any, name: str, where: str, allowed: str) -> None:
        if name in node and node[name] not in allowed.split():
            self.fault(f"{where}/{name}", f"must be one of {allowed}")

    def items(self, node: Any, name: str, where: str, low: int, high: int) -> Sequence[Any]:
        """A list field; too few or too many are noted, what is there is given."""
        value = node.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.fault(f"{where}/{name}", "must be an array")
            return ()
        if not low <= len(value) <= high:
            self.fault(f"{where}/{name}", f"must have from {low} to {high} items, not {len(value)}")
        return value

    def url(self, node: Any, name: str, where: str, schemes: str = "http https mailto slack tel") -> None:
        value = self.string(node, name, where, URL_CHARS)
        if value and value.partition(":")[0].lower() not in schemes.split():
            self.fault(f"{where}/{name}", "must be a valid URL")

    def unique(self, values: Sequence[Any], where: str, what: str) -> None:
        seen: set[Any] = set()
        for value in values:
            if value in seen:
                self.fault(where, f"{what} {value!r} is used twice")
            seen.add(value)

    def focus(self, node: Any, where: str) -> None:
        self.boolean(node, "focus_on_load", where)
        if node.get("focus_on_load") is True:
            self.focused += 1
            if self.focused > 1:
                self.fault(where, "only one element may have focus_on_load")
