"""What a message says in fixed words, on every surface and to every model: `!CMD` and `use SKILL`."""

from __future__ import annotations

import re
from collections.abc import Iterable

COMMAND_MODEL = "command"
"""The model of a task that runs one command and asks no language model: it costs nothing."""

_COMMAND = re.compile(r"!([^\s!].*)", re.DOTALL)
_QUOTES = "`'\"“”‘’*_"
_USE = (
    rf"(?<!not )(?<!n't )(?<!n’t )(?<!never )\buse\s+(?:the\s+)?(?:skill\s+)?[{_QUOTES}]*(?P<name>{{names}})(?![\w-])"
)
_NAMED = r"[a-z0-9][\w-]*"
_HYPHENED = r"[a-z0-9]\w*-[\w-]*\w"
_UNKNOWN = (
    rf"\buse\s+(?:the\s+)?skill\s+[{_QUOTES}]*(?P<name>{_NAMED})",
    rf"\buse\s+(?:the\s+)?[{_QUOTES}]*(?P<name>{_HYPHENED})[{_QUOTES}]*\s+skill\b",
    rf"\buse\s+`(?P<name>{_NAMED})`",
    rf"\A\s*use\s+[{_QUOTES}]*(?P<name>{_HYPHENED})[{_QUOTES}]*[.!]*\s*\Z",
)
_WORDS = """
a an and any best for from he i if it me of one or right she so that the they this to we what when which who
with you your
"""
_NO_NAMES = frozenset(_WORDS.split())


def command_of(text: str) -> str:
    """The command of a message `!CMD`, which may have several lines; empty for any other message."""
    found = _COMMAND.fullmatch(text.strip())
    return found[1] if found else ""


def wanted_skill(text: str, names: Iterable[str]) -> str | None:
    """The first of these skills that the text says to use (`use NAME`, `use the skill NAME`); None: it names none."""
    known = {name.casefold(): name for name in names}
    if not known:
        return None
    either = "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True))
    found = re.search(_USE.format(names=either), text, re.IGNORECASE)
    return known[found["name"].casefold()] if found else None


def unknown_skill(text: str, names: Iterable[str]) -> str:
    """The name of a skill that the text says to use and that is not among these; empty: there is none.

    Told by the form alone (`use the skill NAME`, ``use `NAME` ``, a message that is nothing but `use NA-ME`): any other
    "use" may be an ordinary word.
    """
    known = {name.casefold() for name in names} | _NO_NAMES
    found = (match["name"] for pattern in _UNKNOWN if (match := re.search(pattern, text, re.IGNORECASE)))
    return next((name for name in found if name.casefold() not in known), "")
