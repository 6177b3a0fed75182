"""Lint of rich_text blocks: the formatted text that is not parsed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.fakes.slack.checker import TEXT_CHARS, Checker

INDENT_MAX = 8
_STYLES = "bold italic strike code underline highlight client_highlight unlink"


def rich_text(check: Checker, node: Any, at: str) -> None:
    """A whole block. The limit of a single text is documented nowhere; the blocks' total length is checked apart."""
    check.shape(node, at, "elements", "block_id")
    for i, part in enumerate(check.items(node, "elements", at, 1, 10_000)):
        where = f"{at}/elements/{i}"
        kind = part.get("type") if isinstance(part, dict) else None
        match kind:
            case "rich_text_section":
                _section(check, part, where)
            case "rich_text_list":
                _list(check, part, where)
            case "rich_text_quote":
                check.shape(part, where, "elements", "border")
                check.integer(part, "border", where, 0, 1)
                _inline(check, part, where)
            case "rich_text_preformatted":
                check.shape(part, where, "elements", "border language")
                check.integer(part, "border", where, 0, 1)
                _inline(check, part, where, only=("text", "link"))
            case _:
                check.fault(where, f"unsupported type: {kind}")


def _section(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "elements")
    _inline(check, node, at)


def _list(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "elements style", "indent offset border")
    check.one_of(node, "style", at, "bullet ordered")
    check.integer(node, "indent", at, 0, INDENT_MAX)
    check.integer(node, "offset", at, 0, 10**6)
    check.integer(node, "border", at, 0, 1)
    for i, item in enumerate(check.items(node, "elements", at, 1, 10_000)):
        if isinstance(item, dict) and item.get("type") == "rich_text_section":
            _section(check, item, f"{at}/elements/{i}")
        else:
            check.fault(f"{at}/elements/{i}", "a list takes only rich_text_section")


def _inline(check: Checker, node: Any, at: str, only: tuple[str, ...] = ()) -> None:
    for i, part in enumerate(check.items(node, "elements", at, 1, 10_000)):
        where = f"{at}/elements/{i}"
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in _INLINE or (only and kind not in only):
            check.fault(where, f"unsupported type: {kind}")
            continue
        _INLINE[kind](check, part, where)
        style = part.get("style")
        if style is not None and check.shape(style, f"{where}/style", "", _STYLES):
            for name in style:
                check.boolean(style, name, f"{where}/style")


def _text(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "text", "style")
    check.string(node, "text", at, 40_000)


def _link(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "url", "text unsafe style")
    check.url(node, "url", at)
    check.string(node, "text", at, TEXT_CHARS)


def _emoji(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "name", "unicode url skin_tone style")


def _person(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "user_id", "style")
    if not str(node.get("user_id", "")).startswith(("U", "W")):
        check.fault(at, "must be a user id")


def _channel(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "channel_id", "style")


def _group(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "usergroup_id", "style")


def _broadcast(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "range", "style")
    check.one_of(node, "range", at, "here channel everyone")


def _date(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "timestamp format", "url fallback style")
    check.integer(node, "timestamp", at, 0, 10**11)
    check.string(node, "format", at, 1_000)
    check.string(node, "fallback", at, 1_000)


def _color(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "value", "style")


_INLINE: dict[str, Callable[[Checker, Any, str], None]] = {
    "text": _text,
    "link": _link,
    "emoji": _emoji,
    "user": _person,
    "channel": _channel,
    "usergroup": _group,
    "broadcast": _broadcast,
    "date": _date,
    "color": _color,
}
