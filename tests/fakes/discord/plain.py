"""What a person reads in a message: its words without Markdown, its buttons, its files, and whom it rings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_ESCAPED = re.compile(r"\\([^\w\s]|_)")
_FENCE = re.compile(r"```(?:[A-Za-z0-9_+-]*\n)?(.*?)```", re.DOTALL)
_SPAN = re.compile(r"(`{1,2})(.+?)\1", re.DOTALL)
_USER = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")
_LINK = re.compile(r"\[([^\]]*)\]\(<?([^)>]*)>?\)")
_TIME = re.compile(r"<t:(\d+)(?::\w)?>")
_HEAD = re.compile(r"^(?:-# |#{1,3} |> )", re.MULTILINE)
_MARKS = re.compile(r"\*{1,3}|~~|__|\|\|")
_PRIVATE = 0xE000
BUTTON, TEXT = 2, 10
SELECTS = (3, 5, 6, 7, 8)


def components_in(nodes: Any) -> Iterator[Mapping[str, Any]]:
    """Every component, nested ones too, in the order in which they are seen."""
    if isinstance(nodes, Sequence) and not isinstance(nodes, str):
        for node in nodes:
            yield from components_in(node)
    elif isinstance(nodes, Mapping):
        if "type" in nodes:
            yield nodes
        for name in ("components", "component", "accessory"):
            yield from components_in(nodes.get(name))


def plain_text(content: str, components: Any, names: Mapping[str, str]) -> str:
    """All the words of a message. `names`: user id → name."""
    parts = [content] if content else []
    parts += [str(node["content"]) for node in components_in(components) if node["type"] == TEXT]
    return "\n".join(reads(part, names) for part in parts)


def reads(text: str, names: Mapping[str, str]) -> str:
    """Discord Markdown as it is read."""
    kept: list[str] = []

    def keep(found: str) -> str:
        kept.append(found)
        return chr(_PRIVATE + len(kept) - 1)

    text = _FENCE.sub(lambda m: keep(m[1]), text)
    text = _SPAN.sub(lambda m: keep(m[2]), text)
    text = _ESCAPED.sub(lambda m: keep(m[1]), text)
    text = _LINK.sub(lambda m: m[1], text)
    text = _USER.sub(lambda m: names.get(m[1], m[1]), text)
    text = _TIME.sub(lambda m: f"at {m[1]}", text)
    text = _MARKS.sub("", _HEAD.sub("", text))
    for number in reversed(range(len(kept))):
        text = text.replace(chr(_PRIVATE + number), kept[number])
    return text


def buttons_in(components: Any) -> list[Mapping[str, Any]]:
    return [node for node in components_in(components) if node["type"] == BUTTON]


def selects_in(components: Any) -> list[Mapping[str, Any]]:
    return [node for node in components_in(components) if node["type"] in SELECTS]


def mentioned(content: str, components: Any) -> tuple[set[str], set[str], bool]:
    """Users and roles named in a message, and whether it names everybody: what allowed_mentions may let ring."""
    words = "\n".join([content, *(str(n["content"]) for n in components_in(components) if n["type"] == TEXT)])
    everybody = "@everyone" in words or "@here" in words
    return set(_USER.findall(words)), set(_ROLE.findall(words)), everybody
