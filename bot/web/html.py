"""Cards, forms and pages as HTML. Every text is escaped by the templates; nothing here builds markup from strings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from agent.domain.files import WorkFile
from agent.domain.people import LOCAL, Actor
from agent.domain.view import Delivered
from bot import phrases
from bot.cards import Block, Card, CardKind, Form, Note, Person, Text
from bot.fit import Fitted, Limits, chart_text, fit, pieces_of, plain_block
from bot.markup import Bar, Fence, Grid, Line, Piece, clean, one_line, safe_url
from bot.web.signing import Signer
from bot.web.timeline import Item, Said

FOLDER = Path(__file__).parent
LINK_LIFETIME = timedelta(days=7)
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Kinds a browser may draw; everything else, SVG and HTML included, is only ever downloaded."""
WHOLE_CHARS = 40
_NUMBER = re.compile(r"[-+−(]?\s?[$€£¥]?\s?[-−]?\d[\d.,’' \u00a0\u202f]*\s?[%€£¥$]?\)?")
_LIMITS = Limits(
    text=200_000, block=100_000, blocks=200, item=4_000, items=500, table_rows=201, table_columns=20, cell=300
)


@dataclass(frozen=True, slots=True)
class Part:
    """Neighbouring pieces of Markdown that belong together: `list` (its items), or one piece by its kind."""

    kind: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A file with its address."""

    url: str


class Html:
    """The templates, and what they need to draw for one installation."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._env = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        filters = cast(dict[str, Any], self._env.filters)
        filters.update(clean=clean, one_line=one_line, size=phrases.size, parts=parts_of, kind=_kind, safe_url=safe_url)
        filters.update(chart_text=chart_text, number_columns=number_columns, is_whole=is_whole)
        cast(dict[str, Any], self._env.globals).update(phrases=phrases, moment=_moment, called=_called)

    def page(self, template: str, /, **values: Any) -> str:
        """A whole page."""
        return self._env.get_template(template).render(**values)

    def item(self, item: Item, viewer: Actor) -> str:
        """A bubble or card of a conversation."""
        if isinstance(item, Said):
            links = {f.path: self._link(viewer, item.task_id, f) for f in item.files if item.downloads}
            return self.page("said.html", item=item, links=links, viewer=viewer)
        links = {d.file.path: self._link(viewer, item.task_id, d.file) for d in item.delivered}
        previews = {d.file.path: self._previews(viewer, item.task_id, d) for d in item.delivered}
        return self.card(item.card, viewer, task_id=item.task_id, folded=item.folded, links=links, previews=previews)

    def card(
        self,
        card: Card,
        viewer: Actor,
        *,
        task_id: str,
        folded: bool = False,
        links: Mapping[str, Link] | None = None,
        previews: Mapping[str, Sequence[Link]] | None = None,
    ) -> str:
        """A card. `links` and `previews` go by the path of its files."""
        fitted = fit_card(card)
        last = card.blocks[-1] if card.blocks else None
        outcome = last if folded and card.kind is not CardKind.STATUS and isinstance(last, Note) else None
        return self.page(
            "card.html",
            card=fitted.card,
            body=fitted.card.blocks[:-1] if outcome else fitted.card.blocks,
            outcome=outcome,
            overflow=fitted.overflow,
            folded=folded,
            links=links or {},
            previews=previews or {},
            task_id=task_id,
            viewer=viewer,
        )

    def form(self, form: Form) -> str:
        """A dialog's content."""
        return self.page("form.html", form=form, token=form.token.encode())

    def _link(self, viewer: Actor, task_id: str, file: WorkFile) -> Link:
        fields = {
            "task_id": task_id,
            "sha256": file.sha256,
            "name": file.name,
            "media_type": file.media_type,
            "person_id": viewer.person_id,
        }
        return Link(url=f"/files/{self._signer.seal('file', fields, lifetime=LINK_LIFETIME)}")

    def _previews(self, viewer: Actor, task_id: str, delivered: Delivered) -> tuple[Link, ...]:
        shown = [*delivered.previews]
        if not shown and delivered.file.media_type in PICTURES:
            shown = [delivered.file]
        return tuple(self._link(viewer, task_id, f) for f in shown if f.media_type in PICTURES)


def fit_card(card: Card) -> Fitted:
    """The card with every text cleaned, and what is too long even for a page as attachments."""
    return fit(card, _LIMITS, _cost)


def number_columns(rows: Sequence[Sequence[str]]) -> frozenset[int]:
    """The columns of a table that hold numbers, and nothing else but gaps."""
    columns = range(max(map(len, rows), default=0))
    filled = {n: [row[n].strip() for row in rows if n < len(row) and row[n].strip()] for n in columns}
    return frozenset(n for n, cells in filled.items() if cells and all(map(_NUMBER.fullmatch, cells)))


def is_whole(cell: str) -> bool:
    """Whether a cell is one short word, a date or a code: nobody wants it in two lines."""
    return len(cell) <= WHOLE_CHARS and not re.search(r"\s", cell.strip())


def parts_of(block: Text) -> tuple[Part, ...]:
    """Markdown in parts, list items gathered."""
    return tuple(_parts(pieces_of(block)))


def _parts(pieces: Sequence[Piece]) -> Iterator[Part]:
    for kind, group in groupby(pieces, _piece_kind):
        if kind == "list":
            yield Part(kind, tuple(group))
        else:
            yield from (Part(kind, (piece,)) for piece in group)


def _piece_kind(piece: Piece) -> str:
    match piece:
        case Line(kind="item"):
            return "list"
        case Line(kind=kind):
            return kind
        case Fence():
            return "fence"
        case Grid():
            return "grid"
        case Bar():
            return "bar"


def _kind(value: object) -> str:
    return type(value).__name__


def _called(person: Person, viewer: Actor) -> str:
    """Somebody, for this reader: people of a chat are told apart from the local account."""
    if person.person_id == viewer.person_id:
        return "you"
    if person.person_id in LOCAL and viewer.person_id not in LOCAL:
        return phrases.OWNER
    return str(person)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _cost(block: Block) -> int:
    return len(plain_block(block))
