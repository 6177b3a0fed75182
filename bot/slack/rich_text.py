"""Pieces of text as Slack's rich_text elements.

Structured elements are not parsed by Slack, so nothing a person or model wrote in them can become
a mention, a link or formatting, and no character of an approval is changed by escaping.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from bot.cards import Inline, Moment, Person
from bot.markup import Bar, Fence, Grid, Line, Piece, Span, grid_text

Element = dict[str, Any]

INDENT_MAX = 8
"""Deepest list level of a rich_text_list."""
_USER = re.compile(r"slack:[A-Z0-9]+:([UW][A-Z0-9]{2,20})")


def escape(text: str) -> str:
    """Literal text for plain_text and mrkdwn objects: Slack's three control characters as entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def user_id(person: Person) -> str:
    """The Slack user behind a person id; empty when they are from elsewhere."""
    found = _USER.fullmatch(person.person_id)
    return found[1] if found else ""


def inline(part: Inline, *, bold: bool = False, code: bool = False) -> Element:
    """One element of a rich_text_section. The text must not be empty."""
    match part:
        case Person() if user := user_id(part):
            return {"type": "user", "user_id": user}
        case Moment():
            form = "{date_short_pretty} {time}"
            return {"type": "date", "timestamp": int(part.at.timestamp()), "format": form, "fallback": str(part)}
        case _:
            return _styled({"type": "text", "text": str(part) or "–"}, bold=bold, code=code)


def mrkdwn(parts: Sequence[Inline]) -> str:
    """The same for context blocks, which know no rich text. Formatting characters are kept apart from words."""
    out: list[str] = []
    for part in parts:
        match part:
            case Person() if user := user_id(part):
                out.append(f"<@{user}>")
            case Moment():
                stamp = int(part.at.timestamp())
                out.append(f"<!date^{stamp}^{{date_short_pretty}} at {{time}}|{part}>")
            case _:
                # Slack has no escape for these; a zero-width space behind them keeps them from opening a format.
                out.append(re.sub(r"([*_~`])(?=\S)", "\\1\u200b", escape(str(part))))
    return "".join(out)


def section(elements: Sequence[Element]) -> Element:
    return {"type": "rich_text_section", "elements": list(elements)}


def preformatted(text: str) -> Element:
    return {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text or " "}], "border": 0}


def elements(pieces: Sequence[Piece]) -> list[Element]:
    """The pieces as elements of one rich_text block; neighbours of a kind are merged."""
    out: list[Element] = []
    for piece in pieces:
        match piece:
            case Fence():
                out.append(preformatted(piece.text))
            case Grid():
                out.append(preformatted(grid_text(piece.rows)))
            case Bar():
                _paragraph(out, [{"type": "text", "text": "───"}])
            case Line(kind="item"):
                _item(out, piece)
            case Line(kind="quote"):
                _append(out, "rich_text_quote", _spans(piece.spans), "\n")
            case Line():
                _paragraph(out, _spans(piece.spans, bold=piece.kind == "heading"))
    return out


def _paragraph(out: list[Element], spans: list[Element]) -> None:
    _append(out, "rich_text_section", spans, "\n\n")


def _append(out: list[Element], kind: str, spans: list[Element], between: str) -> None:
    if out and out[-1]["type"] == kind:
        out[-1]["elements"] += [{"type": "text", "text": between}, *spans]
    else:
        out.append({"type": kind, "elements": spans})


def _item(out: list[Element], line: Line) -> None:
    style = "ordered" if line.marker.endswith(".") else "bullet"
    indent = min(line.depth, INDENT_MAX)
    item = section(_spans(line.spans))
    last = out[-1] if out else {}
    same = last.get("type") == "rich_text_list" and last.get("indent") == indent
    if same and (last["style"] == style or not line.marker):
        last["elements"].append(item)
        return
    new: Element = {"type": "rich_text_list", "style": style, "indent": indent, "elements": [item]}
    number = line.marker[:-1]
    if style == "ordered" and number.isdigit() and int(number) > 1:
        new["offset"] = int(number) - 1
    out.append(new)


def _spans(spans: Sequence[Span], *, bold: bool = False) -> list[Element]:
    out: list[Element] = []
    for span in spans:
        base: Element = {"type": "text", "text": span.text}
        if span.url:
            base = {"type": "link", "url": span.url, "text": span.text}
        out.append(_styled(base, bold=bold or span.bold, italic=span.italic, strike=span.strike, code=span.code))
    return out


def _styled(element: Element, **faces: bool) -> Element:
    style = {name: True for name, on in faces.items() if on}
    return {**element, "style": style} if style else element
