"""Making a card fit a platform, and a card as plain text.

`fit` shortens the longest blocks first and says in the card what is missing and in which
attachment it can be read. The platform says what each block costs; nothing here knows why.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from bot import phrases
from bot.cards import (
    Attachment,
    Block,
    Card,
    Chart,
    Code,
    Field,
    Fields,
    FileLine,
    Files,
    Inline,
    Note,
    Rule,
    StepLine,
    Steps,
    Table,
    Text,
)
from bot.markup import Line, Piece, Span, clean, clip, grid_text, one_line, parse, plain_of

BAR_WIDTH = 20
LABEL_WIDTH = 24

Measure = Callable[[Block], int]
"""What a block costs on the platform, escapes and decoration included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a platform can take. `text` is for all blocks together, `block` for each, `item` for one entry of a list."""

    text: int
    block: int
    blocks: int
    item: int = 600
    items: int = 40
    table_rows: int = 11
    table_columns: int = 8
    cell: int = 60


@dataclass(frozen=True, slots=True)
class Fitted:
    """The card as it fits, and what had to leave it."""

    card: Card
    overflow: tuple[Attachment, ...] = ()


def fit(card: Card, limits: Limits, measure: Measure) -> Fitted:
    """The card within these limits. A card that fits already comes back cleaned but otherwise unchanged."""
    name = f"{card.kind}.md"
    whole = [_clean(block) for block in card.blocks]
    kept = whole
    names: list[str] = []
    if len(whole) > limits.blocks:
        left = len(whole) - limits.blocks + 1
        kept = [*whole[: limits.blocks - 1], Note((phrases.more_in(left, name),))]
        names.append(name)
    fitted: list[Block] = []
    lost: list[str] = []
    pointer = measure(Note((phrases.rest_in(name),)))
    for block, allowance in zip(kept, _allowances(kept, limits, limits.text - pointer, measure), strict=True):
        file = _file_of(block) or name
        small = _cut(block, limits, allowance, measure, file)
        elsewhere = isinstance(block, Chart) or (isinstance(block, Table) and bool(block.whole))
        if small is not None:
            fitted.append(small)
        elif not elsewhere:
            lost.append(name)
        if small is not block and not elsewhere:
            names += [file, *lost]
    if lost:
        fitted.append(Note((phrases.rest_in(name),)))
    overflow = tuple(Attachment(n, _content(n, card, whole)) for n in dict.fromkeys(names))
    return Fitted(replace(card, blocks=tuple(fitted)), overflow)


def plain(card: Card) -> str:
    """The whole card as readable plain text: title, blocks, nothing cut."""
    return "\n\n".join([one_line(card.title), *(text for b in card.blocks if (text := plain_block(_clean(b))))])


def fallback(card: Card) -> str:
    """The line for notifications: never empty, at most 300 characters."""
    text = one_line(card.fallback)
    if not text:
        first = next((t for b in card.blocks if isinstance(b, Text | Note) and (t := one_line(spoken(b)))), "")
        text = ": ".join(part for part in (one_line(card.title), first) if part)
    return clip(text or phrases.NAME, 300)


def plain_block(block: Block) -> str:
    """One block as plain text."""
    match block:
        case Text():
            return _with(block.text.strip(), block.more)
        case Fields():
            return _with("\n".join(f"{row.label}: {row.value}" for row in block.rows), block.more)
        case Steps():
            return _with(
                "\n".join([*_label(block), *(step_text(block, i) for i in range(len(block.items)))]), block.more
            )
        case Files():
            return _with("\n".join([*_label(block), *(f"- {file_text(item)}" for item in block.items)]), block.more)
        case Code():
            return _with("\n".join([*_label(block), block.text]), block.more)
        case Table():
            return _with("\n".join([*_label(block), grid_text([block.header, *block.rows])]), block.more)
        case Chart():
            return "\n".join([*_label(block), chart_text(block)])
        case Rule():
            return "---"
        case Note():
            return "".join(str(part) for part in block.parts)
    assert_never(block)


def chart_text(chart: Chart) -> str:
    """A chart in fixed width: bars for one series without negative values, a table for others."""
    drawn, values = chart.excerpt, chart.excerpt.series[0].values
    if len(drawn.series) > 1 or min(values) < 0:
        rows = [(name, *(f"{each.values[n]:,.10g}" for each in drawn.series)) for n, name in enumerate(drawn.labels)]
        return grid_text([("", *(each.name for each in drawn.series)), *rows])
    most = max(values) or 1.0
    names = [clip(one_line(name), LABEL_WIDTH) for name in drawn.labels]
    width = max(map(len, names))
    return "\n".join(
        f"{name.ljust(width)}  {'█' * max(round(value / most * BAR_WIDTH), 1 if value else 0)} {value:,.10g}"
        for name, value in zip(names, values, strict=True)
    )


def pieces_of(block: Text) -> tuple[Piece, ...]:
    """What a text consists of."""
    if not block.literal:
        return parse(block.text)
    return (Line("text", (Span(block.text.strip()),)),) if block.text.strip() else ()


def step_text(steps: Steps, index: int) -> str:
    """`2. Title (note)` with the sign of its state in front, or none where nothing was begun yet."""
    item = steps.items[index]
    number = f"{index + steps.start}. " if steps.start is not None else ""
    if all(other.status == "pending" for other in steps.items):
        sign = "" if number else "• "
    else:
        sign = f"{phrases.STEP_SIGNS[item.status]} "
    return f"{sign}{number}{item.title}{f' ({item.note})' if item.note else ''}"


def file_text(item: FileLine) -> str:
    """`name, 12 KB (note)`."""
    size = f", {phrases.size(item.size_bytes)}" if item.size_bytes is not None else ""
    return f"{item.name}{size}{f' ({item.note})' if item.note else ''}"


def spoken(block: Text | Note) -> str:
    """The words without the signs of Markdown."""
    if isinstance(block, Note):
        return plain_block(block)
    start = replace(block, text=block.text[:1_000])
    return " ".join(plain_of(piece.spans) for piece in pieces_of(start) if isinstance(piece, Line))


def _label(block: Steps | Files | Code | Table | Chart) -> list[str]:
    return [f"{block.label}:"] if block.label else []


def _allowances(blocks: Sequence[Block], limits: Limits, left: int, measure: Measure) -> list[int]:
    """What each block may cost: small ones keep all they need, the big ones share the rest equally."""
    costs = [min(_cost(block, limits, measure), limits.block) for block in blocks]
    allowances = [0] * len(costs)
    order = sorted(range(len(costs)), key=lambda index: costs[index])
    for done, index in enumerate(order):
        allowances[index] = min(costs[index], left // (len(order) - done))
        left -= allowances[index]
    return allowances


def _cost(block: Block, limits: Limits, measure: Measure) -> int:
    """The price of a block; of very long texts only as much is measured as could ever be shown."""
    match block:
        case Text(text=text) | Code(text=text) if len(text) > limits.text:
            return limits.block
        case _:
            return measure(block)


def _cut(block: Block, limits: Limits, allowance: int, measure: Measure, file: str) -> Block | None:
    """The block itself where it fits; else as much of it as may be shown; None: nothing of it."""
    small = _clip_items(block, limits)
    if small is block and _cost(block, limits, measure) <= allowance and _length(block) <= _most(block, limits):
        return block
    low, high = 0, min(_length(small), _most(small, limits))
    best: Block | None = None
    while low <= high:
        middle = (low + high) // 2
        shorter = _first(small, middle, file, _length(block))
        if measure(shorter) <= allowance:
            best, low = shorter, middle + 1
        else:
            high = middle - 1
    return best


def _length(block: Block) -> int:
    match block:
        case Text():
            return len(block.text)
        case Code():
            return len(block.text)
        case Fields() | Table():
            return len(block.rows)
        case Steps() | Files():
            return len(block.items)
        case Rule() | Note() | Chart():
            return 1
    assert_never(block)


def _most(block: Block, limits: Limits) -> int:
    match block:
        case Text() | Code():
            return limits.block
        case Table():
            return limits.table_rows - 1
        case _:
            return limits.items


def _first(block: Block, count: int, file: str, of: int) -> Block:
    """The block with `count` characters or entries, and the line that says what is missing."""
    left = of - count
    more = phrases.more_in(left, file) if left else phrases.complete_in(file)
    match block:
        case Text():
            return replace(block, text=_whole_words(block.text, count), more=phrases.rest_in(file))
        case Code():
            return replace(block, text=block.text[:count], more=phrases.rest_in(file))
        case Table() if block.whole:
            left += block.rows_left
            more = phrases.more_in(left, block.whole) if left else phrases.complete_in(block.whole)
            return replace(block, rows=block.rows[:count], more=more)
        case Fields() | Table():
            return replace(block, rows=block.rows[:count], more=more)
        case Files():
            return replace(block, items=block.items[:count], more=more)
        case Steps():
            at = _window(block.items, count)
            start = None if block.start is None else block.start + at
            return replace(block, items=block.items[at : at + count], start=start, more=more)
        case Rule() | Note() | Chart():
            return block
    assert_never(block)


def _window(items: Sequence[StepLine], count: int) -> int:
    """Where to begin so that the step that runs is among the `count` shown."""
    running = next((index for index, item in enumerate(items) if item.status == "running"), 0)
    return max(0, min(running - count // 2, len(items) - count)) if running >= count else 0


def _whole_words(text: str, count: int) -> str:
    """The first `count` characters, back to the last blank when one is near."""
    if count >= len(text):
        return text
    cut = text[:count]
    at = max(cut.rfind(" "), cut.rfind("\n"))
    return (cut[:at] if at > count - 40 and at > 0 else cut).rstrip() + "…"


def _clip_items(block: Block, limits: Limits) -> Block:
    """The block with each entry short enough; the same object when all are."""
    small: Block
    match block:
        case Fields():
            small = replace(block, rows=tuple(_clip_field(row, limits.item) for row in block.rows))
        case Steps():
            items = (replace(s, title=clip(s.title, 300), note=clip(s.note, 200)) for s in block.items)
            small = replace(block, items=tuple(items), label=clip(block.label, 150))
        case Files():
            files = (replace(f, name=clip(f.name, 150), note=clip(f.note, 200)) for f in block.items)
            small = replace(block, items=tuple(files), label=clip(block.label, 150))
        case Table():
            header, *rows = (
                tuple(clip(one_line(cell), limits.cell) for cell in row[: limits.table_columns])
                for row in (block.header, *block.rows)
            )
            small = replace(block, header=header, rows=tuple(rows), label=clip(block.label, 150))
        case Code():
            small = replace(block, label=clip(block.label, 150))
        case Note():
            small = Note(tuple(clip(p, limits.item) if isinstance(p, str) else p for p in block.parts))
        case Text() | Rule() | Chart():
            return block
    return block if small == block else small


def _clip_field(row: Field, limit: int) -> Field:
    value = clip(row.value, limit) if isinstance(row.value, str) else row.value
    return replace(row, label=clip(row.label, 100), value=value)


def _clean(block: Block) -> Block:
    match block:
        case Text():
            return replace(block, text=clean(block.text), more=one_line(block.more))
        case Fields():
            rows = (replace(r, label=one_line(r.label), value=_clean_inline(r.value)) for r in block.rows)
            return replace(block, rows=tuple(rows), more=one_line(block.more))
        case Steps():
            items = (StepLine(one_line(s.title), s.status, one_line(s.note)) for s in block.items)
            return replace(block, items=tuple(items), label=one_line(block.label), more=one_line(block.more))
        case Files():
            files = (replace(f, name=one_line(f.name) or "-", note=one_line(f.note)) for f in block.items)
            return replace(block, items=tuple(files), label=one_line(block.label), more=one_line(block.more))
        case Code():
            return replace(block, text=clean(block.text), label=one_line(block.label), more=one_line(block.more))
        case Table():
            header, *rows = (tuple(clean(cell) for cell in row) for row in (block.header, *block.rows))
            label, more, name = one_line(block.label), one_line(block.more), one_line(block.whole)
            return replace(block, header=header, rows=tuple(rows), label=label, more=more, whole=name)
        case Chart():
            return _clean_chart(block)
        case Rule():
            return block
        case Note():
            return Note(tuple(_clean_inline(part) for part in block.parts))
    assert_never(block)


def _clean_chart(block: Chart) -> Chart:
    drawn = block.excerpt
    series = tuple(replace(each, name=one_line(each.name)) for each in drawn.series)
    labels = tuple(map(one_line, drawn.labels))
    clean_one = replace(drawn, title=one_line(drawn.title), labels=labels, series=series)
    return replace(block, excerpt=clean_one, label=clip(one_line(block.label), 150))


def _clean_inline(part: Inline) -> Inline:
    return clean(part) if isinstance(part, str) else part


def _file_of(block: Block) -> str:
    return "" if isinstance(block, Rule | Note | Chart) else block.file


def _content(name: str, card: Card, blocks: Sequence[Block]) -> str:
    """What the attachment of this name holds: the blocks that asked for it, or the whole card."""
    own = [block for block in blocks if _file_of(block) == name]
    if not own:
        return plain(card)
    if name.endswith(".csv") and isinstance(own[0], Table):
        out = io.StringIO()
        csv.writer(out).writerows([own[0].header, *own[0].rows])
        return out.getvalue()
    if len(own) == 1 and isinstance(own[0], Code):
        return own[0].text
    return "\n\n".join(map(plain_block, own))


def _with(text: str, more: str) -> str:
    return f"{text}\n{more}" if more else text
