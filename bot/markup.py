"""Light Markdown, parsed once for all surfaces, and the cleaning of foreign text.

Surfaces never pass Markdown on: they draw these pieces and escape each literal themselves, so a
file name or a model's sentence cannot become a mention, a picture or a button.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal
from urllib.parse import quote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

PARSED_CHARS = 40_000
"""Longer Markdown is cut before it is parsed: no surface shows more, and hostile nesting stays cheap."""
URL_CHARS = 1_000

_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])
_BARE_URL = re.compile(r"https?://[^\s<>\"'`|\\^{}]*[^\s<>\"'`|\\^{}.,;:!?)\]]")
_UNSAFE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
_INVISIBLE = re.compile(r"[\xad\u115f\u1160\u17b4\u17b5\u180e\u2000-\u200f\u202f\u205f-\u2064\u3164\uffa0]")


@dataclass(frozen=True, slots=True)
class Span:
    """A run of literal text with its faces. `url`: it links there (http, https or mailto only)."""

    text: str
    bold: bool = False
    italic: bool = False
    strike: bool = False
    code: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A paragraph, heading, list item or quote. `marker` is "-" or "3." for items; `depth` counts from 0."""

    kind: Literal["text", "heading", "item", "quote"]
    spans: tuple[Span, ...]
    marker: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Fence:
    """A code block, exactly."""

    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; the first row is its header."""

    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A thematic break."""


Piece = Line | Fence | Grid | Bar


def clean(text: str) -> str:
    """The text with characters that disguise or break it made visible (`\\u202e`): controls, bidi, half surrogates."""
    return _UNSAFE.sub(_visible, text.replace("\r\n", "\n").replace("\r", "\n"))


def reveal(text: str) -> str:
    """As `clean`, and invisible characters and odd spaces too: for arguments that somebody must judge."""
    return _INVISIBLE.sub(_visible, clean(text))


def one_line(text: str) -> str:
    """The cleaned text with every run of white space as one blank: for titles, labels and names."""
    return " ".join(clean(text).split())


def units(text: str) -> int:
    """UTF-16 length: never below what any platform counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def clip(text: str, limit: int) -> str:
    """The text, or its start and "…", in at most `limit` UTF-16 units (at least 1)."""
    if units(text) <= limit:
        return text
    kept = text[: max(limit - 1, 0)]
    while kept and (over := units(kept) - (limit - 1)) > 0:
        kept = kept[: -((over + 1) // 2)]
    return kept.rstrip() + "…"


@lru_cache(maxsize=64)  # fitting a card and editing it again parse the same text many times
def parse(markdown: str) -> tuple[Piece, ...]:
    """The pieces of this Markdown, in order. Never raises; what is not understood stays as text."""
    reader = _Reader()
    written = clean(markdown[:PARSED_CHARS])
    pieces = tuple(piece for token in _PARSER.parse(written) if (piece := reader.read(token)) is not None)
    if not pieces and written.strip():
        return (Line("text", (Span(written.strip()),)),)  # nothing but signs: "#", ">"
    return pieces


def plain_of(spans: Sequence[Span]) -> str:
    """The text of these spans, with the target behind a link whose text does not say it."""
    parts = (f"{s.text} ({s.url})" if s.url and s.url != s.text else s.text for s in spans)
    return "".join(parts)


def grid_text(rows: Sequence[Sequence[str]]) -> str:
    """A table in fixed width, cells of at most 40 characters."""
    cells = [[clip(one_line(cell), 40) for cell in row] for row in rows]
    count = max((len(row) for row in cells), default=0)
    padded = [[*row, *[""] * (count - len(row))] for row in cells]
    widths = [max(len(row[column]) for row in padded) for column in range(count)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in padded]
    if len(lines) > 1:
        lines.insert(1, "  ".join("-" * max(width, 1) for width in widths))
    return "\n".join(lines)


def safe_url(url: str) -> str:
    """The address in a form that cannot leave its place on any surface; empty when it must not be linked."""
    try:
        scheme = urlsplit(url).scheme.lower()
    except ValueError:
        return ""
    if scheme not in ("http", "https", "mailto"):
        return ""
    quoted = quote(url, safe="/:?#@!$&*+,;=%~-._[]")
    return quoted if len(quoted) <= URL_CHARS else ""


def _visible(match: re.Match[str]) -> str:
    return "".join(f"\\u{ord(c):04x}" if ord(c) <= 0xFFFF else f"\\U{ord(c):08x}" for c in match[0])


class _Reader:
    """Walks the parser's flat token list and remembers which lists, quotes and tables are open."""

    def __init__(self) -> None:
        self.lists: list[tuple[bool, int]] = []
        self.marker = ""
        self.sign = ""
        """What the marker of the open item was written as."""
        self.quotes = 0
        self.heading = False
        self.in_cell = False
        self.rows: list[list[str]] = []

    def read(self, token: Token) -> Piece | None:
        match token.type:
            case "fence" | "code_block":
                return Fence(token.content.rstrip("\n"), token.info.strip().partition(" ")[0])
            case "hr":
                return Bar()
            case "table_close":
                grid = Grid(tuple(tuple(row) for row in self.rows))
                self.rows = []
                return grid
            case "list_item_close" if self.marker:
                self.marker = ""
                return Line("text", (Span(self.sign),))  # an item of nothing: an answer like "5." is one
            case "inline":
                return self.line(_spans(token.children or ()))
            case _:
                self.move(token)
                return None

    def line(self, spans: tuple[Span, ...]) -> Piece | None:
        if self.in_cell:
            self.rows[-1].append(plain_of(spans))
            return None
        if not spans:
            return None
        if self.lists:
            marker, self.marker = self.marker, ""
            return Line("item", spans, marker, len(self.lists) - 1)
        return Line("quote" if self.quotes else "heading" if self.heading else "text", spans)

    def move(self, token: Token) -> None:
        match token.type:
            case "bullet_list_open":
                self.lists.append((False, 0))
            case "ordered_list_open":
                self.lists.append((True, int(token.attrs.get("start", 1))))
            case "bullet_list_close" | "ordered_list_close":
                self.lists.pop()
            case "list_item_open":
                ordered, number = self.lists[-1]
                self.marker = f"{number}." if ordered else "-"
                self.sign = f"{token.info}{token.markup}"
                self.lists[-1] = (ordered, number + 1)
            case "blockquote_open" | "blockquote_close":
                self.quotes += token.nesting
            case "heading_open" | "heading_close":
                self.heading = token.nesting > 0
            case "tr_open":
                self.rows.append([])
            case "th_open" | "td_open" | "th_close" | "td_close":
                self.in_cell = token.nesting > 0
            case _:
                pass


def _spans(children: Sequence[Token]) -> tuple[Span, ...]:
    spans: list[Span] = []
    face = Span("")
    for token in children:
        match token.type:
            case "strong_open" | "strong_close":
                face = replace(face, bold=token.type.endswith("open"))
            case "em_open" | "em_close":
                face = replace(face, italic=token.type.endswith("open"))
            case "s_open" | "s_close":
                face = replace(face, strike=token.type.endswith("open"))
            case "link_open":
                face = replace(face, url=safe_url(str(token.attrs.get("href", ""))))
            case "link_close":
                face = replace(face, url="")
            case "code_inline":
                spans.append(replace(face, text=token.content, code=True))
            case "softbreak" | "hardbreak":
                spans.append(Span("\n"))
            case "image":
                url = safe_url(str(token.attrs.get("src", "")))
                spans.append(replace(face, text=token.content or url or "picture", url=url))
            case _ if token.content:
                spans.extend(_linked(replace(face, text=token.content)))
            case _:
                continue
    return tuple(_honest(span) for span in spans if span.text)


def _linked(span: Span) -> Iterator[Span]:
    """Bare addresses become links; a platform that would do it by itself does it only where we say so."""
    if span.url:
        yield span
        return
    at = 0
    for found in _BARE_URL.finditer(span.text):
        url = safe_url(found[0])
        if not url:
            continue
        if found.start() > at:
            yield replace(span, text=span.text[at : found.start()])
        yield replace(span, text=url, url=url)
        at = found.end()
    if at < len(span.text):
        yield replace(span, text=span.text[at:])


def _honest(span: Span) -> Span:
    """A link whose text looks like another address shows where it really goes."""
    if span.url and span.text != span.url and re.search(r"(?i)\b(https?:|www\.)|^[\w-]+(\.[\w-]+)+(/|$)", span.text):
        return replace(span, text=span.url)
    return span
