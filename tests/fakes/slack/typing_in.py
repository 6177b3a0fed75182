"""What Slack's client makes of what a person types: escaped text and the elements of a rich_text block."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

_SPECIAL = re.compile(
    r"<@(?P<user>[UW][A-Z0-9]+)>|<#(?P<channel>[CG][A-Z0-9]+)(?:\|[^>]*)?>|<!subteam\^(?P<group>S[A-Z0-9]+)>"
    r"|<?(?P<url>https?://[^\s<>|]+)>?"
)


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def typed(text: str, known: Collection[str]) -> tuple[str, list[dict[str, Any]]]:
    """(text as events carry it, rich text elements). Only ids in `known` can be mentioned; other brackets are words."""
    out: list[str] = []
    parts: list[dict[str, Any]] = []
    at = 0
    for found in _SPECIAL.finditer(text):
        kind = found.lastgroup
        value = found[kind or ""] if kind else ""
        if kind != "url" and value not in known:
            continue
        _words(text[at : found.start()], out, parts)
        at = found.end()
        match kind:
            case "user":
                out.append(f"<@{value}>")
                parts.append({"type": "user", "user_id": value})
            case "channel":
                out.append(f"<#{value}|>")
                parts.append({"type": "channel", "channel_id": value})
            case "group":
                out.append(f"<!subteam^{value}>")
                parts.append({"type": "usergroup", "usergroup_id": value})
            case _:
                out.append(f"<{escape(value)}>")
                parts.append({"type": "link", "url": value})
    _words(text[at:], out, parts)
    return "".join(out), parts


def in_command(text: str, names: Mapping[str, str], escaped: bool) -> str:
    """The text of a slash command. People are `<@U…|name>` where the command escapes, else `@name`."""

    def person(found: re.Match[str]) -> str:
        name = names.get(found[1])
        if name is None:
            return found[0]
        return f"\0@{found[1]}|{name}\1" if escaped else f"@{name}"

    shown = re.sub(r"<@([UW][A-Z0-9]+)>", person, text)
    return escape(shown).replace("\0", "<").replace("\1", ">")


def _words(text: str, out: list[str], parts: list[dict[str, Any]]) -> None:
    if text:
        out.append(escape(text))
        parts.append({"type": "text", "text": text})
