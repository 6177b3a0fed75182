"""Pieces of text as Discord Markdown, with everything foreign escaped.

Discord has only one kind of text, so each literal is written with backslashes; they work before
any punctuation and disappear when shown. Mentions are broken here and, once more, disarmed by the
empty `allowed_mentions` of every payload.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.cards import Inline, Moment, Person
from bot.markup import Bar, Fence, Grid, Line, Piece, Span, grid_text

_PUNCTUATION = re.compile(r"([\\*_~|`\[\]<])")
_LINE_START = re.compile(r"(?m)^([ \t]*)(#|>|-|\+|\d+(?=\.))")
_USER = re.compile(r"discord:(\d{5,20})")
ZERO_WIDTH = "\u200b"


def escape(text: str) -> str:
    """Literal text: no formatting, mention, emoji, time stamp or automatic link comes out of it."""
    text = _PUNCTUATION.sub(r"\\\1", text)
    text = re.sub(r":(?=//)", "\\\\:", text)
    text = re.sub(r"(?i)@(?=everyone|here)", f"@{ZERO_WIDTH}", text)
    return _LINE_START.sub(_line_start, text)


def user_id(person: Person) -> str:
    """The Discord user behind a person id; empty when they are from elsewhere."""
    found = _USER.fullmatch(person.person_id)
    return found[1] if found else ""


def inline(part: Inline) -> str:
    """One part of a line."""
    match part:
        case Person() if user := user_id(part):
            return f"<@{user}>"
        case Moment():
            return f"<t:{int(part.at.timestamp())}:{'R' if part.relative else 'f'}>"
        case _:
            return escape(str(part))


def code_span(text: str) -> str:
    """Text in a code face on one line. A code span has no escapes, so its backticks are kept apart."""
    if not text.strip():
        return "–"
    safe = text.replace("`", f"{ZERO_WIDTH}`{ZERO_WIDTH}").replace("\n", "⏎")
    return f"``{safe}``" if "`" in safe else f"`{safe}`"


def code_block(text: str, language: str = "") -> str:
    """Text in a code block; three backticks inside get a zero-width space, which is the only change."""
    name = re.sub(r"[^a-z0-9+#-]", "", language.lower())[:20]
    safe = text.replace("``", f"`{ZERO_WIDTH}`")
    return f"```{name}\n{safe or ' '}\n```"


def markdown(pieces: Sequence[Piece]) -> str:
    """The pieces as one text."""
    out: list[str] = []
    tight = False
    for piece in pieces:
        listed = isinstance(piece, Line) and piece.kind in ("item", "quote")
        out.append("\n" if tight and listed else "\n\n")
        tight = listed
        match piece:
            case Fence():
                out.append(code_block(piece.text, piece.language))
            case Grid():
                out.append(code_block(grid_text(piece.rows)))
            case Bar():
                out.append("───")
            case Line():
                out.append(_line(piece))
    return "".join(out[1:])


def _line(line: Line) -> str:
    text = "".join(_span(span) for span in line.spans)
    match line.kind:
        case "heading":
            return "### " + text.replace("\n", " ")
        case "item":
            indent = "  " * min(line.depth, 8)
            return f"{indent}{line.marker or ' '} " + text.replace("\n", f"\n{indent}  ")
        case "quote":
            return "\n".join(f"> {row}" for row in text.split("\n"))
        case "text":
            return text


def _span(span: Span) -> str:
    text = code_span(span.text) if span.code else escape(span.text)
    if span.text.strip() and not span.code:
        marks = "**" * span.bold + "*" * span.italic + "~~" * span.strike
        inner = text.strip()
        start = len(text) - len(text.lstrip())
        text = f"{text[:start]}{marks}{inner}{marks[::-1]}{text[start + len(inner) :]}"
    if not span.url:
        return text
    url = span.url.replace("(", "%28").replace(")", "%29")
    return f"<{url}>" if span.text == span.url else f"[{text}](<{url}>)"


def _line_start(match: re.Match[str]) -> str:
    space, sign = match[1], match[2]
    return f"{space}{sign}\\" if sign.isdigit() else f"{space}\\{sign}"
