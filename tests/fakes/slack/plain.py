"""What a person sees of blocks: the words, and the labels of what can be pressed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_WORDS = ("title", "rich_text_title", "subtitle", "caption", "text", "body", "label", "fields", "accessory", "elements")
_MORE = ("child_blocks", "tasks", "details", "output", "sources", "rows", "chart", "element", "hint", "placeholder")
_LAST = ("options", "positive_button", "negative_button", "segments", "series", "name", "alt_text")
_INLINE = frozenset({"rich_text_section", "rich_text_quote", "rich_text_preformatted"})


def plain_text(node: Any) -> str:
    """All visible text, one line per piece; table rows as one line each."""
    return "\n".join(line for line in _lines(node) if line)


def labels_of(blocks: Any) -> list[str]:
    """Labels of all buttons in order, those in `feedback_buttons` and icons too."""
    return [button["text"]["text"] for _, button, _ in buttons_of(blocks)]


def buttons_of(blocks: Any) -> Iterator[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """(block, what has text and value, the element it belongs to) of everything that can be pressed."""
    for block, element in elements_of(blocks):
        if element.get("type") in ("button", "icon_button"):
            yield block, element, element
        elif element.get("type") == "feedback_buttons":
            yield block, element["positive_button"], element
            yield block, element["negative_button"], element


def elements_of(blocks: Any) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """(block, element) of every interactive element."""
    for block in blocks:
        for name in ("elements", "actions"):
            for item in block.get(name) or ():
                if item.get("type") == "card":
                    yield from elements_of([item])
                elif "type" in item and not item["type"].startswith("rich_text"):
                    yield block, item
        for name in ("accessory", "element"):
            if name in block:
                yield block, block[name]
        yield from elements_of(block.get("child_blocks") or ())


def _lines(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for item in node:
            yield from _lines(item)
    elif isinstance(node, dict):
        if node.get("type") in _INLINE:
            yield "".join(_inline(part) for part in node["elements"])
        elif node.get("type") in ("table", "data_table"):
            yield from _lines(node.get("caption"))
            for row in node["rows"]:
                yield " | ".join(plain_text(cell).replace("\n", " ") for cell in row)
        elif node.get("type") in ("raw_text", "raw_number", "plain_text", "mrkdwn", "markdown"):
            yield node["text"]
        else:
            for name in (*_WORDS, *_MORE, *_LAST):
                yield from _lines(node.get(name))


def _inline(part: dict[str, Any]) -> str:
    match part["type"]:
        case "text":
            return part["text"]
        case "link":
            return part.get("text") or part["url"]
        case "user":
            return f"<@{part['user_id']}>"
        case "channel":
            return f"<#{part['channel_id']}>"
        case "usergroup":
            return f"<!subteam^{part['usergroup_id']}>"
        case "emoji":
            return f":{part['name']}:"
        case "date":
            return part.get("fallback", "")
        case _:
            return ""
