"""Turns an outline, notes or a table into a PowerPoint deck with a theme, native charts and speaker notes."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import figures
import prose
import theme
from drawing import Artist
from job import (
    OUTPUTS,
    Job,
    Outcome,
    Plan,
    Refusal,
    decode,
    files_of,
    free_output,
    language_of,
    main,
    output_name,
    plural,
    progress,
)
from outline import Outline, Slide, outline, undoubled
from prose import Grid, Heading, Text

TABLES = (".csv", ".tsv")
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp")
MAX_LABELS = 12


class Source:
    """The texts and tables of a job as one outline."""

    def __init__(self, job: Job) -> None:
        self.skipped: list[str] = []
        self.names: list[str] = []
        texts: list[Text] = []
        for path in files_of(job, (*prose.SUFFIXES, *TABLES)):
            try:
                texts.append(_table_text(path) if path.suffix.lower() in TABLES else prose.read(path))
                self.names.append(path.name)
            except (ValueError, OSError) as error:
                self.skipped.append(f"{path.name} was left out: {error}")
        if not texts and not self.skipped and (typed := _typed_outline(job.request)):
            texts, self.names = [typed], ["the request"]
        if not texts:
            reason = "; ".join(self.skipped[:3])
            raise Refusal(
                f"None of the files holds readable text: {reason}."
                if reason
                else "There is nothing to make slides of: hand over an outline (.md, .txt, .docx) or a table (.csv)."
            )
        self.language = language_of(" ".join(str(getattr(b, "text", "")) for text in texts for b in text.blocks))
        self.outline = self._outline(texts)
        asked = prose.asked_title(job.request)
        self.outline.title = asked or self.outline.title

    def _outline(self, texts: list[Text]) -> Outline:
        decimal = "." if self.language == "en" else ","
        outlines = []
        for text, name in zip(texts, self.names, strict=True):
            spoken = re.sub(r"[-_]+", " ", Path(name).stem).strip()
            outlines.append(outline(text, spoken[:1].upper() + spoken[1:], decimal=decimal))
        first = outlines[0]
        for other in outlines[1:]:
            first.slides += [Slide("section", other.title), *other.slides]
            first.doubts += other.doubts
        if len(outlines) > 1:
            first.slides = undoubled([Slide("section", first.title), *first.slides])
        return first


def _typed_outline(request: str) -> Text | None:
    """An outline typed into the request itself: everything after its first line, if there are several."""
    lines = request.strip().split("\n")
    if len(lines) < 4:
        return None
    text = prose.parse("\n".join(lines[1:]))
    return text if len(text.blocks) > 2 else None


def _table_text(path: Path) -> Text:
    """A table as a text of one slide; a long one is added up by its best category first."""
    raw, _, doubt = decode(path.read_bytes())
    sample = raw[:20000]
    mark = max(";,\t|", key=lambda char: min((line.count(char) for line in sample.split("\n")[:5] if line), default=0))
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(raw), delimiter=mark) if any(row)]
    width = len(rows[0]) if rows else 0
    body = [(row + [""] * width)[:width] for row in rows[1:]]
    if width < 2 or not body:
        raise ValueError("it is no table with a header and at least one row")
    text = Text([Heading(1, re.sub(r"[-_]+", " ", path.stem).strip().capitalize())])
    text.doubts += [f"{path.name}: {doubt}"] if doubt else []
    grid = Grid(rows[0], body)
    if len(body) <= MAX_LABELS:
        text.blocks += [Heading(2, f"{rows[0][1]} – {rows[0][0]}"), grid]
        return text
    return _added_up(text, grid, path)


def _added_up(text: Text, grid: Grid, path: Path) -> Text:
    columns = [[row[i] for row in grid.rows] for i in range(len(grid.header))]
    comma, point = figures.decimal_votes(cell for column in columns for cell in column)
    mark = "," if comma > point else "."
    numbers = {
        i: [figures.read_number(cell, mark) for cell in column]
        for i, column in enumerate(columns)
        if sum(figures.read_number(cell, mark) is not None for cell in column) >= 0.9 * len(column)
        and not re.search(r"\b(id|nr|no|code|year|jahr)\b", grid.header[i], re.IGNORECASE)
    }
    groups = [i for i, column in enumerate(columns) if i not in numbers and 2 <= len(set(column)) <= MAX_LABELS]
    if not numbers or not groups:
        raise ValueError("it has too many rows for a slide and no column to add them up by; merge-tables fits better")
    for group in groups[:2]:
        for index in list(numbers)[:2]:
            sums: dict[str, float] = {}
            for name, number in zip(columns[group], numbers[index], strict=True):
                sums[name or "–"] = sums.get(name or "–", 0.0) + (number.value if number else 0.0)
            rows = [[name, f"{value:.2f}"] for name, value in sorted(sums.items(), key=lambda item: -item[1])]
            header = [grid.header[group], grid.header[index]]
            text.blocks += [Heading(2, f"{header[1]} – {header[0]}"), Grid(header, rows)]
    text.doubts.append(f"{path.name} has {len(grid.rows):,} rows; the slides show totals per category")
    return text


def plan(job: Job) -> Plan:
    """What the deck would hold."""
    source = Source(job)
    slides = source.outline.slides
    contents = [slide for slide in slides if not slide.is_bare or slide.kind == "content"]
    sections = len(slides) - len(contents)
    charts, tables = sum(len(s.charts) for s in slides), sum(len(s.grids) for s in slides)
    bullets, notes = sum(len(s.bullets) for s in slides), sum(bool(s.notes) for s in slides)
    steps = [
        f"Read {', '.join(source.names[:4])}: {plural(len(contents), 'topic')}, {plural(bullets, 'point')}, "
        f"{plural(charts, 'list or table', 'lists or tables')} with numbers",
        f"Open with a title slide {source.outline.title!r}"
        + (f" and {plural(sections, 'section slide')}" if sections else ""),
        f"Lay out {plural(len(contents), 'content slide')} in 16:9 so that everything fits, splitting what is too long",
        f"Draw {plural(charts, 'native chart')} and {plural(tables, 'table')} from the numbers"
        if charts or tables
        else "No chart: the text holds no list or table of numbers",
        "Write speaker notes for every slide" + (f" (your own on {notes})" if notes else "") + " and number the slides",
        "Close with the main points",
    ]
    return Plan(steps, [str(_target(job, source))], "; ".join(source.skipped))


def _target(job: Job, source: Source) -> Path:
    return free_output(output_name(job, ".pptx", source.outline.title))


def run(job: Job) -> Outcome:
    """Make the deck."""
    source = Source(job)
    path = _target(job, source)
    progress(f"Laying out {plural(len(source.outline.slides), 'slide')}")
    deck = theme.new_deck(theme.palette_for(job.request))
    deck.core_properties.title, deck.core_properties.author = source.outline.title[:250], "Gofer"
    pictures = {picture.name.lower(): picture for picture in files_of(job, PICTURES)}
    artist = Artist(deck, source.language, source.outline.title[:80], f"({', '.join(source.names[:3])})", pictures)
    artist.draw(source.outline)
    OUTPUTS.mkdir(exist_ok=True)
    deck.save(str(path))
    slides = len(deck.slides)
    summary = [
        f"{path.name}: {plural(slides, 'slide')}, {plural(artist.charts, 'native chart')}, speaker notes throughout"
    ]
    if artist.split:
        summary.append(f"{plural(artist.split, 'topic')} did not fit on one slide and went on to the next")
    assumptions = [
        "Of paragraphs longer than five sentences the first is on the slide; the whole text is in the notes."
    ]
    doubts = [*source.skipped, *source.outline.doubts, *dict.fromkeys(artist.doubts)]
    return Outcome([str(path)], summary, assumptions, doubts[:6])


if __name__ == "__main__":
    main(plan, run)
