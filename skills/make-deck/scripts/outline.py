"""From blocks of text to slides: what goes on each slide, which numbers make a chart, what the speaker says."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

import figures
from prose import Block, Code, Grid, Heading, Item, Para, Picture, Quote, Text, bare, sentences

ChartKind = Literal["column", "bar", "line", "doughnut"]
_NOTE = re.compile(
    r"^\s*(?:speaker(?:'s)?\s+)?(?:notes?|notizen?|sprechernotiz(?:en)?|notes? (?:de l')?orateur|notas?(?: del "
    r"orador)?)\s*[:–]\s*",
    re.IGNORECASE,
)
_NOTE_TITLE = re.compile(
    r"^(?:speaker(?:'s)? )?notes$|^sprechernotizen$|^notes (?:de l')?orateur$|^notas del orador$", re.IGNORECASE
)
_PAIR = re.compile(
    r"^(?P<label>[^:=]{1,60}?)\s*(?::|=|\s[–—-])\s*(?P<value>(?:ca\.|about|approx\.|~|"
    r"≈)?\s*[-+−]?\s*[€$£]?\s?\d[\d.,'\u00a0\u202f ]*)"
    r"\s*(?P<unit>%|€|\$|£|[^\W\d_][^\s\d(]{0,11}(?:\s[^\W\d_]\S{0,9})?)?\s*(?:\((?P<more>[^)]*)\))?[.;,]?$"
)
_PERIOD = re.compile(
    r"^(?:q[1-4]\b.*|[1-4]\.?\s?quartal.*|t[1-4]\b.*|(?:19|20)\d\d(?:[-/]\d{1,2})?|(?:kw|week|woche|semaine|semana|"
    r"day|tag|"
    r"jour|month|monat|mois|mes|year|jahr|año|sprint|phase)\s?\d+|h[12]\b.*|\d{1,2}[./]\d{4})$",
    re.IGNORECASE,
)
MAX_POINTS = 14
MOST_SENTENCES = 5
"""A paragraph of more sentences is represented by its first; its whole text is in the notes."""


@dataclass
class Chart:
    """Numbers to draw. `unit` is shown in the title and in the notes; `percent`: values are fractions of one;
    `grouped`: thousands are set apart, as the author does."""

    kind: ChartKind
    labels: list[str]
    series: list[tuple[str, list[float]]]
    unit: str = ""
    percent: bool = False
    grouped: bool = True


@dataclass
class Bullet:
    """One paragraph on a slide. `code`: a line of a program, shown as one and quoted nowhere else."""

    level: int
    text: str
    bold: bool = False
    code: bool = False


@dataclass
class Slide:
    """One slide before it is laid out; a section may have contents of its own. `said`: the full text for the notes;
    `notes`: what the author wrote for them."""

    kind: Literal["section", "content"]
    title: str
    bullets: list[Bullet] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_bare(self) -> bool:
        """True when it has nothing but its title."""
        return not (self.bullets or self.charts or self.grids or self.pictures)


@dataclass
class Outline:
    """A whole deck before it is laid out."""

    title: str
    subtitle: str
    slides: list[Slide]
    doubts: list[str] = field(default_factory=list)


def outline(text: Text, fallback_title: str, *, decimal: str) -> Outline:
    """The deck that a text describes. `decimal`: the mark to assume where numbers do not tell."""
    blocks = list(text.blocks)
    title, subtitle = text.meta.get("title", ""), text.meta.get("subtitle", "")
    firsts = [block for block in blocks if isinstance(block, Heading) and block.level == 1]
    if blocks and isinstance(blocks[0], Heading) and (len(firsts) <= 1 or not title) and len(firsts) < 2:
        heading = blocks.pop(0)
        title = title or bare(heading.text)
        if blocks and isinstance(blocks[0], Para) and len(blocks[0].text) < 120 and not subtitle:
            following = blocks[1] if len(blocks) > 1 else None
            if isinstance(following, Heading):
                subtitle = bare(blocks.pop(0).text)
    blocks = _headings_from_lists(blocks)
    votes = figures.decimal_votes(re.findall(r"\d[\d.,']*\d", " ".join(_words(block) for block in blocks)))
    mark = decimal if votes[0] == votes[1] else "," if votes[0] > votes[1] else "."
    slides = _slides(blocks, title or fallback_title, mark)
    return Outline(title or fallback_title, subtitle, slides, list(text.doubts))


def _words(block: Block) -> str:
    if isinstance(block, Grid):
        return " ".join(cell for row in block.rows for cell in row)
    return str(getattr(block, "text", ""))


def _headings_from_lists(blocks: list[Block]) -> list[Block]:
    """An outline written as a nested list: its top items are the slides."""
    if any(isinstance(block, Heading) for block in blocks):
        return blocks
    pairs = zip(blocks, [*blocks[1:], None], strict=True)
    parents = [a for a, b in pairs if isinstance(a, Item) and a.level == 0 and isinstance(b, Item) and b.level > 0]
    if len(parents) < 2:
        return blocks
    result: list[Block] = []
    for block in blocks:
        if isinstance(block, Item):
            deeper = Item(max(0, block.level - 1), block.text, block.number, block.checked)
            result.append(Heading(2, bare(block.text)) if block.level == 0 else deeper)
        else:
            result.append(block)
    return result


def _slides(blocks: list[Block], title: str, mark: str) -> list[Slide]:
    levels = sorted({block.level for block in blocks if isinstance(block, Heading)})
    top = levels[0] if levels else 1
    parents = _parents(blocks, top)
    slide_level = top + 1 if len(parents) >= 2 else top
    slides: list[Slide] = []
    pending: list[Block] = []
    current = Slide("content", title)
    to_notes = False

    def close() -> None:
        if pending or current.notes:
            _fill(current, pending, mark)
            slides.append(current)
        elif current.kind == "section":
            slides.append(current)

    for block in blocks:
        if isinstance(block, Heading) and _NOTE_TITLE.match(block.text.strip()):
            to_notes = True
        elif isinstance(block, Heading) and block.level <= slide_level:
            close()
            pending, to_notes = [], False
            is_section = slide_level > top and block.level == top
            current = Slide("section" if is_section else "content", bare(block.text))
        elif to_notes:
            current.notes.append(bare(_words(block)))
        else:
            pending.append(block)
    close()
    return undoubled(slides)


def _parents(blocks: list[Block], top: int) -> list[Heading]:
    """Top headings that have headings of the next level below them."""
    result: list[Heading] = []
    last: Heading | None = None
    for block in blocks:
        if isinstance(block, Heading):
            if block.level == top:
                last = block
            elif block.level == top + 1 and last is not None and last not in result:
                result.append(last)
    return result


def undoubled(slides: list[Slide]) -> list[Slide]:
    """A bare section is one with the slide of the same title that follows it."""
    result: list[Slide] = []
    for slide in slides:
        before = result[-1] if result else None
        if before and before.kind == "section" and before.is_bare and _same_title(before.title, slide.title):
            slide.kind, slide.notes = "section", before.notes + slide.notes
            result.pop()
        result.append(slide)
    return result


def _same_title(one: str, other: str) -> bool:
    return re.sub(r"\W+", " ", one).strip().casefold() == re.sub(r"\W+", " ", other).strip().casefold()


def _fill(slide: Slide, blocks: list[Block], mark: str) -> None:
    at = 0
    while at < len(blocks):
        block = blocks[at]
        if isinstance(block, Item):
            run = [block]
            while at + len(run) < len(blocks) and isinstance(following := blocks[at + len(run)], Item):
                run.append(following)
            _take_items(slide, run, mark)
            at += len(run)
            continue
        _take(slide, block, mark)
        at += 1


def _take(slide: Slide, block: Block, mark: str) -> None:
    match block:
        case Para(words) | Quote(words) if _NOTE.match(words):
            slide.notes.append(bare(_NOTE.sub("", words)))
        case Para(words):
            plain = bare(words)
            parts = sentences(plain)
            slide.said.append(plain)
            slide.bullets += [Bullet(0, part) for part in (parts[:1] if len(parts) > MOST_SENTENCES else parts)]
        case Quote(words):
            slide.said.append(bare(words))
            slide.bullets.append(Bullet(0, f"“{bare(words)}”"))
        case Heading(_, words):
            slide.said.append(bare(words))
            slide.bullets.append(Bullet(0, bare(words), bold=True))
        case Code(words):
            slide.said.append(words)
            slide.bullets += [Bullet(0, line.rstrip(), code=True) for line in words.split("\n") if line.strip()]
        case Grid():
            _take_grid(slide, block, mark)
        case Picture():
            slide.pictures.append(block)
        case _:
            pass


def _take_items(slide: Slide, items: list[Item], mark: str) -> None:
    """List items as bullets; three or more `label: number` items in a row, with one unit, as a chart."""
    at = 0
    while at < len(items):
        pairs = []
        while at + len(pairs) < len(items) and (pair := _pair(items[at + len(pairs)], mark)):
            if pairs and (pair[2] != pairs[0][2] or items[at + len(pairs)].level != items[at].level):
                break
            pairs.append(pair)
        if 3 <= len(pairs) <= MAX_POINTS and len({pair[0] for pair in pairs}) == len(pairs):
            name = slide.bullets[-1].text.rstrip(":") if slide.bullets and slide.bullets[-1].text.endswith(":") else ""
            chart = _chart([p[0] for p in pairs], [(name, [p[1] for p in pairs])], pairs[0][2])
            chart.grouped = _sets_thousands_apart([bare(item.text) for item in items[at : at + len(pairs)]])
            slide.charts.append(chart)
            slide.said += [bare(item.text) for item in items[at : at + len(pairs)]]
            at += len(pairs)
            continue
        item = items[at]
        words = bare(item.text)
        if _NOTE.match(words):
            slide.notes.append(_NOTE.sub("", words))
        else:
            mark_text = "" if item.checked is None else ("☑ " if item.checked else "☐ ")
            number = f"{item.number}. " if item.number is not None else ""
            slide.bullets.append(Bullet(min(item.level, 2), mark_text + number + words))
            slide.said.append(words)
        at += 1


def _pair(item: Item, mark: str) -> tuple[str, float, str] | None:
    match = _PAIR.match(bare(item.text))
    if not match:
        return None
    raw = re.sub(r"^(ca\.|about|approx\.|~|≈)\s*", "", match["value"].strip())
    number = figures.read_number(raw, mark) or figures.read_number(raw, "." if mark == "," else ",")
    if number is None:
        return None
    unit = (match["unit"] or number.unit or "").strip()
    value = number.value / 100 if unit == "%" else number.value
    return match["label"].strip(" *"), value, figures.SYMBOLS.get(unit, unit)


def _chart(labels: list[str], series: list[tuple[str, list[float]]], unit: str) -> Chart:
    percent = unit == "%"
    values = series[0][1]
    if all(_is_period(label) for label in labels):
        kind: ChartKind = "line" if len(labels) > 3 else "column"
    elif percent and len(series) == 1 and len(values) <= 6 and 0.97 <= sum(values) <= 1.03 and min(values) > 0:
        kind = "doughnut"
    else:
        kind = "bar" if len(labels) > 6 or max(len(label) for label in labels) > 14 else "column"
    return Chart(kind, labels, series, "" if percent else unit, percent)


def _is_period(label: str) -> bool:
    first = re.split(r"[\s.]", label.strip())[0]
    return bool(_PERIOD.match(label.strip())) or (figures.month_number(first) is not None and len(label) < 16)


def _take_grid(slide: Slide, grid: Grid, mark: str) -> None:
    slide.grids.append(grid)
    chart = chart_of(grid, mark)
    if chart:
        slide.charts.append(chart)
    slide.said += [
        "; ".join(f"{h}: {bare(c)}" for h, c in zip(grid.header, row, strict=False)) for row in grid.rows[:8]
    ]


def chart_of(grid: Grid, mark: str) -> Chart | None:
    """A chart of a table's numbers, when it has names in its first column and comparable numbers beside them."""
    rows = [
        row
        for row in grid.rows
        if not re.match(r"^(?:grand )?(total|sum|summe|gesamt|somme|suma)\b", bare(row[0]), re.I)
    ]
    if not 2 <= len(rows) <= MAX_POINTS or len(grid.header) < 2:
        return None
    groups: list[tuple[str, list[tuple[str, list[float]]]]] = []
    written = [bare(cell) for row in rows for cell in row[1:]]
    for index in range(1, len(grid.header)):
        read = [figures.read_number(bare(row[index]), mark) for row in rows]
        numbers = [number for number in read if number is not None]
        if len(numbers) < len(rows) or len({number.unit for number in numbers}) > 1:
            continue
        unit, values = numbers[0].unit, [number.value for number in numbers]
        group = next((one for one in groups if one[0] == unit and _comparable(one[1][0][1], values)), None)
        if group is None:
            group = (unit, [])
            groups.append(group)
        group[1].append((bare(grid.header[index]), values))
    if not groups:
        return None
    # Columns of one size belong in one chart; of several such groups the fullest, then the one with larger numbers.
    unit, series = max(groups, key=lambda group: (len(group[1]), max(map(abs, group[1][0][1]))))
    chart = _chart([bare(row[0]) for row in rows], series[:3], unit)
    chart.grouped = _sets_thousands_apart(written)
    return chart


def _sets_thousands_apart(written: list[str]) -> bool:
    """How the author writes thousands; with a mark when there are none to tell."""
    apart = any(re.search(r"\d[.,'’\s]\d{3}(?!\d)", text) for text in written)
    return apart or not any(re.search(r"\d{4}", text) for text in written)


def _comparable(first: list[float], second: list[float]) -> bool:
    one, two = max(map(abs, first), default=0.0), max(map(abs, second), default=0.0)
    return bool(one and two) and 1 / 20 <= one / two <= 20
