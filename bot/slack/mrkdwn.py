"""What people wrote in Slack as plain text and light Markdown. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_TOKEN = re.compile(r"<([@#!][^<>]+|[a-z][a-z0-9+.-]*:[^<>]+)>", re.IGNORECASE)
_USER = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")


def plain_text(text: str, names: Mapping[str, str]) -> str:
    """Slack's own signs resolved: mentions as `@Name`, channels as `#name`, links as `[label](address)`.

    `names`: by user id; who is missing there stays what Slack says of them, at worst the id. Never raises.
    """
    out: list[str] = []
    at = 0
    for found in _TOKEN.finditer(text):
        out += [_literal(text[at : found.start()]), _token(found[1], names)]
        at = found.end()
    return "".join((*out, _literal(text[at:])))


def users_in(texts: Iterable[str]) -> tuple[str, ...]:
    """The ids of the people mentioned, each once."""
    return tuple(dict.fromkeys(user for text in texts for user in _USER.findall(text)))


def _token(token: str, names: Mapping[str, str]) -> str:
    target, _, label = token.partition("|")
    label = _literal(label)
    match target[:1]:
        case "@":
            return f"@{names.get(target[1:]) or label.removeprefix('@') or target[1:]}"
        case "#":
            return f"#{label or target[1:]}"
        case "!":
            return _special(target[1:], label)
        case _:
            return _link(_literal(target), label)


def _special(name: str, label: str) -> str:
    kind, _, rest = name.partition("^")
    if kind == "date":
        return label or rest.partition("^")[0]
    return f"@{label.removeprefix('@') or rest or kind}"


def _link(url: str, label: str) -> str:
    bare = url.removeprefix("mailto:").removeprefix("tel:")
    if not label or label in (url, bare) or url in (f"https://{label}", f"http://{label}", f"https://{label}/"):
        return bare
    return f"[{label}]({url})"


def _literal(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
