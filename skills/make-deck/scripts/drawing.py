"""Lays slides out: bullets that fit, native charts and tables, pictures, speaker notes, slide numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import measuring
import theme
import visuals
from outline import Bullet, Chart, Outline, Slide
from pptx.enum.dml import MSO_THEME_COLOR
from pptx.oxml.ns import qn
from pptx.presentation import Presentation as PresentationType
from pptx.util import Inches, Pt
from prose import Grid
from visuals import clean

WORDS = {
    "en": {"agenda": "Agenda", "close": "In short", "highest": "Highest", "lowest": "Lowest"},
    "de": {"agenda": "Überblick", "close": "Kurz gefasst", "highest": "Höchster Wert", "lowest": "Niedrigster Wert"},
    "fr": {"agenda": "Sommaire", "close": "En bref", "highest": "Plus haut", "lowest": "Plus bas"},
    "es": {"agenda": "Contenido", "close": "En resumen", "highest": "Mayor", "lowest": "Menor"},
}
SIZES = ((20, 18, 16), (18, 16, 15), (16, 15, 14))
ROOMY = (((30, 26, 22), 0.45), ((24, 20, 18), 0.6))
"""Font sizes by bullet level, tried in this order before a slide is split; the large ones only for this share of it."""
MOST_GAP_PT = 22
CODE_FONT = "Courier New"
TOP_IN, BOTTOM_IN = 1.75, 6.75
LEFT_IN = theme.MARGIN_IN
WIDTH_IN = theme.WIDTH_IN - 2 * theme.MARGIN_IN
INDENTS = (0.3, 0.65, 1.0)
TABLE_ROWS = 9


@dataclass
class Artist:
    """Draws one deck. `pictures`: files that the text may show, by lower-case name."""

    deck: PresentationType
    language: str
    footer: str
    source: str
    pictures: dict[str, Path] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    charts: int = 0
    split: int = 0

    @property
    def words(self) -> dict[str, str]:
        """The few words that the deck itself adds."""
        return WORDS[self.language]

    def draw(self, outline: Outline) -> None:
        """All slides: title, agenda where it helps, content, closing."""
        self._title(outline)
        sections = [slide.title for slide in outline.slides if slide.kind == "section"]
        contents = [slide.title for slide in outline.slides if slide.kind == "content" or not slide.is_bare]
        entries = sections if len(sections) >= 3 else list(dict.fromkeys(contents))
        if len(contents) >= 5 and len(entries) <= 12:
            self._agenda(entries)
        for slide in outline.slides:
            if slide.kind == "section" and slide.is_bare:
                self._section(slide.title)
            else:
                self._content(slide)
        if len(contents) > 1:
            self._closing(outline)

    def _new(self, layout: int, title: str, *, numbered: bool = True) -> Any:
        page = self.deck.slides.add_slide(self.deck.slide_layouts[layout])
        shown = clean(title)
        page.shapes.title.text = shown
        if layout in (theme.CONTENT, theme.ONLY_TITLE):
            for size in (30, 26, 22, 19):
                if measuring.lines(shown, size * 1.06, WIDTH_IN - 0.2) <= 2:
                    break
            page.shapes.title.text_frame.paragraphs[0].runs[0].font.size = Pt(size)
        if numbered:
            theme.number_slide(page, "" if layout == theme.SECTION else self.footer)
        return page

    def _title(self, outline: Outline) -> None:
        page = self._new(theme.TITLE, outline.title, numbered=False)
        if len(outline.title) > 60:
            page.shapes.title.text_frame.paragraphs[0].runs[0].font.size = Pt(34)
        subtitle = page.placeholders[1]
        if outline.subtitle:
            subtitle.text = clean(outline.subtitle)
        else:
            subtitle._element.getparent().remove(subtitle._element)
        self._notes(page, [outline.title, outline.subtitle], [])

    def _agenda(self, entries: list[str]) -> None:
        page = self._new(theme.CONTENT, self.words["agenda"])
        body = page.placeholders[1]
        bullets = [Bullet(0, entry) for entry in entries]
        fitting = next(_fitting(bullets, WIDTH_IN))
        self._write(body.text_frame, bullets, fitting[1] if len(fitting[0]) == len(bullets) else SIZES[2])
        self._notes(page, entries, [])

    def _section(self, title: str) -> None:
        page = self._new(theme.SECTION, title)
        body = page.placeholders[1]
        body._element.getparent().remove(body._element)
        self._notes(page, [title], [])

    def _content(self, slide: Slide) -> None:
        parts = list(self._parts(slide))
        for number, part in enumerate(parts, start=1):
            title = slide.title + (f" ({number}/{len(parts)})" if len(parts) > 1 else "")
            self._page(title, part, slide if number == 1 else None)
        self.split += len(parts) > 1

    def _parts(self, slide: Slide) -> Iterator[_Part]:
        """The pages a slide needs: one visual each, and as many bullets as fit."""
        shown: list[Chart | Grid | Path] = list(slide.charts)
        charted = bool(slide.charts)
        for grid in slide.grids:
            small = len(grid.rows) <= 6 and len(grid.header) <= 4
            if not (charted and small and len(slide.grids) == 1 and not slide.bullets):
                shown += _row_pieces(grid)
        for picture in slide.pictures:
            path = self.pictures.get(Path(picture.target).name.lower())
            if path is None:
                self.doubts.append(f"the picture {picture.target} was not handed over")
            else:
                shown.append(path)
        beside = shown[0] if shown and not isinstance(shown[0], Grid) else None
        table = slide.grids[0] if charted and slide.grids and slide.grids[0] not in shown else None
        if len(slide.grids) > 1 or slide.bullets:
            table = None
        width = WIDTH_IN * 0.44 if beside else WIDTH_IN
        groups = list(_fitting(slide.bullets, width)) or [([], SIZES[0])]
        first, sizes = groups[0]
        rest = shown[1:] if beside else shown
        if first or beside:
            yield _Part(first, sizes, beside, table)
        for bullets, size in groups[1:]:
            if bullets and beside:
                for more, wide in _fitting(bullets, WIDTH_IN):
                    yield _Part(more, wide, None)
            else:
                yield _Part(bullets, size, None)
        for visual in rest:
            yield _Part([], SIZES[0], visual)
        if not first and not shown:
            yield _Part([], SIZES[0], None)

    def _page(self, title: str, part: _Part, slide: Slide | None) -> None:
        page = self._new(theme.CONTENT if part.bullets else theme.ONLY_TITLE, title)
        box = (LEFT_IN, TOP_IN, WIDTH_IN, BOTTOM_IN - TOP_IN)
        if part.bullets:
            body = page.placeholders[1]
            if part.visual:
                body.left, body.top = Inches(LEFT_IN), Inches(TOP_IN)
                body.width, body.height = Inches(WIDTH_IN * 0.46), Inches(BOTTOM_IN - TOP_IN)
                box = (LEFT_IN + WIDTH_IN * 0.5, TOP_IN, WIDTH_IN * 0.5, BOTTOM_IN - TOP_IN)
            self._write(body.text_frame, part.bullets, part.sizes, spread=part.visual is None)
        said = [bullet.text for bullet in part.bullets]
        if part.table is not None:
            visuals.add_table(page, part.table, (LEFT_IN, TOP_IN + 0.1, WIDTH_IN * 0.42, 4.5))
            box = (LEFT_IN + WIDTH_IN * 0.46, TOP_IN, WIDTH_IN * 0.54, BOTTOM_IN - TOP_IN)
        match part.visual:
            case Chart():
                alone = not part.bullets and part.table is None
                visuals.add_chart(page, part.visual, box, title)
                self.charts += 1
                said.append(self._facts(part.visual))
                if alone:
                    self._takeaway(page, self._facts(part.visual))
            case Grid():
                visuals.add_table(page, part.visual, box)
            case Path():
                if not visuals.add_picture(page, part.visual, box):
                    self.doubts.append(f"the picture {part.visual.name} could not be read and was left out")
            case _:
                pass
        if slide:
            said = slide.said + [text for text in said if text not in slide.said]
        self._notes(page, said, slide.notes if slide else [])

    def _write(self, frame: Any, bullets: list[Bullet], sizes: tuple[int, int, int], *, spread: bool = True) -> None:
        frame.word_wrap = True
        gap = _gap(bullets, sizes) if spread else None
        for index, bullet in enumerate(bullets):
            paragraph = frame.paragraphs[0] if index == 0 else frame.add_paragraph()
            paragraph.level = bullet.level
            run = paragraph.add_run()
            run.text = clean(bullet.text)
            run.font.size = Pt(sizes[bullet.level])
            if gap is not None:
                paragraph.space_after = Pt(gap)
            if bullet.code:
                run.text, run.font.name = clean(bullet.text).replace("  ", "\u00a0 "), CODE_FONT
                run.font.size, paragraph.space_after = Pt(min(24, sizes[0])), Pt(2)
                _without_bullet(paragraph)
            elif bullet.bold:
                run.font.bold = True
                _without_bullet(paragraph)
            elif match := re.match(r"^(\d{1,3}\. |[☐☑] )", run.text):
                _without_bullet(paragraph, keep_indent=bool(match))

    def _takeaway(self, page: Any, text: str) -> None:
        box = page.shapes.add_textbox(Inches(LEFT_IN), Inches(1.42), Inches(WIDTH_IN), Inches(0.4))
        box.text_frame.word_wrap = True
        paragraph = box.text_frame.paragraphs[0]
        run = paragraph.add_run()
        run.text = text
        run.font.size = Pt(15)
        run.font.color.theme_color = MSO_THEME_COLOR.ACCENT_6

    def _facts(self, chart: Chart) -> str:
        """What each series says: its highest and lowest value."""
        said = []
        for name, values in chart.series:
            high, low = max(values), min(values)
            parts = [
                f"{self.words['highest']}: {chart.labels[values.index(high)]} ({visuals.shown(high, chart)})",
                f"{self.words['lowest']}: {chart.labels[values.index(low)]} ({visuals.shown(low, chart)})",
            ]
            several = len(chart.series) > 1 and name
            said.append(f"{name} – {', '.join(parts)}" if several else " · ".join(parts))
        return "; ".join(said)

    def _notes(self, page: Any, said: list[str], notes: list[str]) -> None:
        lines = list(notes)
        plain = [text for text in said if text]
        if notes and plain:
            lines.append("")
        lines += plain
        page.notes_slide.notes_text_frame.text = clean("\n".join(lines) + f"\n\n{self.source}")

    def _closing(self, outline: Outline) -> None:
        page = self._new(theme.CONTENT, self.words["close"])
        points = _closing_points(outline, self._facts)
        bullets = [Bullet(0, f"{title}: {said}" if said else title) for title, said in points]
        shown, sizes = next(_fitting(bullets, WIDTH_IN))
        frame = page.placeholders[1].text_frame
        self._write(frame, shown, sizes)
        for paragraph, (title, said) in zip(frame.paragraphs, points, strict=False):
            run = paragraph.runs[0]
            run.text, run.font.bold = clean(f"{title}:" if said else title), True
            rest = paragraph.add_run()
            rest.text, rest.font.size = f" {clean(said)}", run.font.size
        self._notes(page, [bullet.text for bullet in bullets], [])


@dataclass
class _Part:
    """One page: bullets in given sizes, at most one visual beside them, or a table beside a chart."""

    bullets: list[Bullet]
    sizes: tuple[int, int, int]
    visual: Chart | Grid | Path | None
    table: Grid | None = None


def _fitting(bullets: list[Bullet], width_in: float) -> Iterator[tuple[list[Bullet], tuple[int, int, int]]]:
    """Bullets in groups that fit a slide: all at the largest size that does, else split between main points."""
    if not bullets:
        return
    room = BOTTOM_IN - TOP_IN - 0.15
    for sizes, share in ROOMY:
        if _height(bullets, sizes, width_in) <= room * share:
            yield bullets, sizes
            return
    for sizes in SIZES[:2] if len(bullets) > 3 else SIZES:
        if _height(bullets, sizes, width_in) <= room:
            yield bullets, sizes
            return
    sizes = SIZES[1]
    pieces: list[list[Bullet]] = []
    for bullet in bullets:
        fits = bool(pieces) and _height([*pieces[-1], bullet], sizes, width_in) <= room
        if fits:
            pieces[-1].append(bullet)
            continue
        # Do not leave a parent alone at the end of a slide: it moves to its children.
        moved: list[Bullet] = []
        while pieces and len(pieces[-1]) > 1 and pieces[-1][-1].level < bullet.level:
            moved.insert(0, pieces[-1].pop())
        for piece in _short_enough(bullet, sizes, width_in, room):
            pieces.append([*moved, piece])
            moved = []
    for piece in _balanced(pieces, sizes, width_in, room):
        yield piece, sizes


def _balanced(
    pieces: list[list[Bullet]], sizes: tuple[int, int, int], width_in: float, room: float
) -> list[list[Bullet]]:
    """Move main points from the last full slide to a nearly empty one after it."""
    if len(pieces) < 2 or len(pieces[-1]) > 2:
        return pieces
    while len(pieces[-2]) > len(pieces[-1]) + 1 and pieces[-1][0].level == 0:
        moved = pieces[-2][-1]
        if _height([moved, *pieces[-1]], sizes, width_in) > room or (moved.level > 0 and len(pieces[-2]) < 3):
            break
        pieces[-1].insert(0, pieces[-2].pop())
    return pieces


def _short_enough(bullet: Bullet, sizes: tuple[int, int, int], width_in: float, room: float) -> Iterator[Bullet]:
    """A bullet that alone is too long for a slide, cut at words into several."""
    words = bullet.text.split()
    start = 0
    while start < len(words):
        end = len(words)
        while end > start + 1 and _height([Bullet(bullet.level, " ".join(words[start:end]))], sizes, width_in) > room:
            end = start + max(1, (end - start) * 3 // 4)
        yield Bullet(bullet.level, " ".join(words[start:end]), bullet.bold)
        start = end


def _height(bullets: list[Bullet], sizes: tuple[int, int, int], width_in: float) -> float:
    return sum(measuring.height_in(b.text, sizes[b.level], width_in - INDENTS[b.level] - 0.25) for b in bullets)


def _gap(bullets: list[Bullet], sizes: tuple[int, int, int]) -> float | None:
    """Points after each paragraph so that few of them take up more of the page; None leaves the theme's."""
    free = (BOTTOM_IN - TOP_IN) * 0.8 - _height(bullets, sizes, WIDTH_IN)
    gap = 8 + free * 72 / len(bullets)
    return min(MOST_GAP_PT, gap) if gap > 8 else None


def _row_pieces(grid: Grid) -> list[Grid]:
    if len(grid.rows) <= TABLE_ROWS + 1:
        return [grid]
    return [Grid(grid.header, grid.rows[i : i + TABLE_ROWS]) for i in range(0, len(grid.rows), TABLE_ROWS)]


def _without_bullet(paragraph: Any, *, keep_indent: bool = False) -> None:
    properties = paragraph._p.get_or_add_pPr()
    for child in list(properties):
        if child.tag in (qn("a:buNone"), qn("a:buChar")):
            properties.remove(child)
    properties.insert(0, properties.makeelement(qn("a:buNone"), {}))
    if not keep_indent:
        properties.set("marL", "0")
        properties.set("indent", "0")


MOST_POINTS = 6
POINT_LETTERS = 170


def _closing_points(outline: Outline, facts: Callable[[Chart], str]) -> list[tuple[str, str]]:
    """One point per section (per slide without sections): its title and what it says, all of a short list. The last
    ones are never left out, because a deck ends with what it asks for."""
    groups: list[tuple[str, str]] = []
    sectioned = sum(slide.kind == "section" for slide in outline.slides) >= 2
    for slide in outline.slides:
        if slide.kind == "section" or not sectioned:
            groups.append((slide.title, ""))
        if groups and not groups[-1][1]:
            groups[-1] = (groups[-1][0], _main_statement(slide, facts))
    points = [point for point in dict.fromkeys(groups) if point[1]] or groups
    return points if len(points) <= MOST_POINTS else [*points[: MOST_POINTS - 2], *points[-2:]]


def _main_statement(slide: Slide, facts: Callable[[Chart], str]) -> str:
    """A whole numbered list, else the first words; the numbers of a chart where there are no words."""
    texts = [re.sub(r"^[☐☑] ", "", b.text) for b in slide.bullets if b.level == 0 and not b.bold and not b.code]
    numbered = [text for text in texts if _NUMBER.match(text)]
    if len(numbered) == len(texts) and texts:
        return measuring.shortened("; ".join(_NUMBER.sub("", text).rstrip(".;") for text in texts), POINT_LETTERS)
    if texts:
        return measuring.shortened(_NUMBER.sub("", texts[0]), POINT_LETTERS)
    return measuring.shortened(facts(slide.charts[0]), POINT_LETTERS) if slide.charts else ""


_NUMBER = re.compile(r"^\d{1,3}\. ")
