"""Turns notes, Markdown or a plain Word draft into a styled Word document with a table of contents."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import docstyle
import prose
from docx.enum.text import WD_BREAK
from docx.shared import Pt
from job import (
    OUTPUTS,
    Job,
    Outcome,
    Plan,
    Refusal,
    files_of,
    free_output,
    language_of,
    main,
    output_name,
    plural,
    progress,
)
from prose import Code, Grid, Heading, Item, Para, Picture, Quote, Text
from pypdf import PdfReader
from pypdf.errors import PyPdfError
from writing import Mark, Writer, add_contents, fill_contents

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff")
LONG_WORDS = 900
ONE_PAGE_LINES = 40
WORDS_PER_LINE = 14
_CONTENTS = re.compile(
    r"\b(?:contents|toc|inhalt\w*|sommaire|table des matières|índice|tabla de contenidos?)\b", re.IGNORECASE
)
COLLECTED = {"en": "Collected notes", "de": "Gesammelte Notizen", "fr": "Notes réunies", "es": "Notas reunidas"}


@dataclass
class Draft:
    """The parts of the document to be. `chapters`: one per input file, with its name."""

    title: str
    subtitle: str
    language: str
    chapters: list[tuple[str, Text]]
    skipped: list[str] = field(default_factory=list)
    asks_for_contents: bool = False

    @property
    def lines(self) -> float:
        """How many lines the text will take on paper, roughly."""
        return sum(_lines_of(block) for _, text in self.chapters for block in text.blocks)

    @property
    def words(self) -> int:
        """How many words the text has, roughly."""
        return sum(len(str(getattr(block, "text", "")).split()) for _, text in self.chapters for block in text.blocks)

    @property
    def counts(self) -> Counter[type]:
        """How many blocks of each type there are."""
        return Counter(type(block) for _, text in self.chapters for block in text.blocks)


def read(job: Job) -> Draft:
    """The inputs as one draft. Raises Refusal when there is no text."""
    files = files_of(job, prose.SUFFIXES)
    if not files:
        raise Refusal("There is no text here: hand over notes as .md, .txt or .docx.")
    chapters, skipped = [], []
    for path in files:
        try:
            chapters.append((path.stem, prose.read(path)))
        except (ValueError, OSError) as error:
            skipped.append(f"{path.name} was left out: {error}")
    if not chapters:
        raise Refusal(f"None of the files holds readable text: {'; '.join(skipped[:3])}.")
    words = " ".join(str(getattr(block, "text", "")) for _, text in chapters for block in text.blocks)
    language = language_of(words)
    title, subtitle = _title(chapters, language)
    asks = bool(_CONTENTS.search(job.request))
    return Draft(prose.asked_title(job.request) or title, subtitle, language, chapters, skipped, asks)


def _lines_of(block: prose.Block) -> float:
    match block:
        case Heading():
            return 2.5
        case Grid(_, rows):
            return 2 + 1.3 * len(rows)
        case Code(text):
            return 1 + text.count("\n") + 1
        case Picture():
            return 12
        case _:
            return 0.6 + math.ceil(len(str(getattr(block, "text", "")).split()) / WORDS_PER_LINE)


def _title(chapters: list[tuple[str, Text]], language: str) -> tuple[str, str]:
    """Title and subtitle; what becomes the title is taken out of its text."""
    name, text = chapters[0]
    subtitle = text.meta.get("subtitle", "")
    spoken = re.sub(r"[-_]+", " ", name).strip()
    if len(chapters) > 1:
        return COLLECTED[language], ", ".join(re.sub(r"[-_]+", " ", name).strip() for name, _ in chapters)[:150]
    title = text.meta.get("title", "")
    firsts = [block for block in text.blocks if isinstance(block, Heading) and block.level == 1]
    if firsts and firsts[0] is text.blocks[0] and len(firsts) == 1 and len(text.blocks) > 1:
        text.blocks.pop(0)
        title = prose.bare(firsts[0].text)
        first = text.blocks[0]
        before_heading = len(text.blocks) > 1 and isinstance(text.blocks[1], Heading)
        if not subtitle and before_heading and isinstance(first, Para) and _is_subtitle(first.text):
            subtitle = prose.bare(text.blocks.pop(0).text)
    return title or spoken[:1].upper() + spoken[1:], subtitle


def _is_subtitle(text: str) -> bool:
    return len(text) < 110 and not text.endswith((".", ":", "?", "!"))


def plan(job: Job) -> Plan:
    """What the document would hold."""
    draft = read(job)
    counts = draft.counts
    found = [
        plural(counts[kind], noun)
        for kind, noun in (
            (Heading, "heading"),
            (Item, "list item"),
            (Grid, "table"),
            (Code, "code block"),
            (Quote, "quote"),
            (Picture, "picture"),
        )
        if counts[kind]
    ]
    files = plural(len(draft.chapters), "file")
    steps = [
        f"Read {files} with {draft.words:,} words: {', '.join(found) or 'running text only'}",
        f"Title the document {draft.title!r} and give every section a real heading style",
        "Set lists, tables, code, quotes and links in matching styles; the wording stays as it is",
    ]
    if _has_contents(draft):
        steps.append("Add a table of contents, already filled in")
    steps.append("Add header, page numbers and document properties, and save as Word")
    return Plan(steps, [str(_target(job, draft))], "; ".join(draft.skipped))


def _target(job: Job, draft: Draft) -> Path:
    return free_output(output_name(job, ".docx", draft.title or draft.chapters[0][0]))


def _has_contents(draft: Draft) -> bool:
    """True when there is something to look up: several headings on more than a page, or the request asks for it."""
    headings = draft.counts[Heading] + (len(draft.chapters) > 1) * len(draft.chapters)
    return headings >= 2 and (draft.asks_for_contents or draft.lines > ONE_PAGE_LINES)


def run(job: Job) -> Outcome:
    """Write the document."""
    draft = read(job)
    path = _target(job, draft)
    progress(f"Setting {draft.words:,} words")
    pictures = {picture.name.lower(): picture for picture in files_of(job, PICTURES)}
    pages: dict[str, int] = {}
    marks, doubts = _compose(draft, pictures, pages, path)
    if _has_contents(draft) and shutil.which("soffice"):
        progress("Looking up page numbers for the contents")
        pages = page_numbers(path, marks)
        if pages:
            _compose(draft, pictures, pages, path)
    return _outcome(draft, path, marks, doubts, numbered=bool(pages))


def _compose(
    draft: Draft, pictures: dict[str, Path], pages: dict[str, int], path: Path
) -> tuple[list[Mark], list[str]]:
    document = docstyle.new_document(draft.title, draft.language)
    long = draft.words > LONG_WORDS
    title = document.add_paragraph(docstyle.clean(draft.title), style="Title")
    if long:
        title.paragraph_format.space_before = Pt(48)
    if draft.subtitle:
        document.add_paragraph(docstyle.clean(draft.subtitle), style="Subtitle")
    anchor = add_contents(document, draft.language)[1] if _has_contents(draft) else None
    if anchor is not None and long:
        anchor.add_run().add_break(WD_BREAK.PAGE)
    writer = Writer(document, draft.language, pictures)
    several = len(draft.chapters) > 1
    for name, text in draft.chapters:
        if several:
            spoken = re.sub(r"[-_]+", " ", name).strip()
            first = text.blocks[0]
            if not (isinstance(first, Heading) and first.level == 1):
                text = Text([Heading(1, spoken[:1].upper() + spoken[1:]), *_deeper(text)], {}, text.footnotes)
        levels = [block.level for block in text.blocks if isinstance(block, Heading)]
        writer.write(text, base_level=min(levels, default=1))
        writer.doubts += [doubt for doubt in text.doubts if doubt not in writer.doubts]
    if anchor is not None:
        fill_contents(anchor, writer.marks, pages)
        if not long:
            anchor.paragraph_format.space_after = Pt(2)
    OUTPUTS.mkdir(exist_ok=True)
    document.save(str(path))
    return writer.marks, writer.doubts


def _deeper(text: Text) -> list[prose.Block]:
    """The text's blocks below a chapter heading: its own headings start at level 2."""
    highest = min((block.level for block in text.blocks if isinstance(block, Heading)), default=2)
    return [
        Heading(block.level - highest + 2, block.text) if isinstance(block, Heading) else block for block in text.blocks
    ]


def page_numbers(path: Path, marks: list[Mark]) -> dict[str, int]:
    """The page of every heading, read off a rendered copy; empty when it cannot be rendered."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to", "pdf"]
        try:
            subprocess.run([*command, "--outdir", folder, str(path)], capture_output=True, timeout=90, check=True)
            reader = PdfReader(Path(folder) / f"{path.stem}.pdf")
            texts = [re.sub(r"\W+", "", page.extract_text() or "").casefold() for page in reader.pages]
        except (subprocess.SubprocessError, OSError, PyPdfError, ValueError, KeyError):
            return {}
    return _locate(marks, texts)


def _locate(marks: list[Mark], texts: list[str]) -> dict[str, int]:
    """Find each heading after the one before it; the first finds are the entries of the contents themselves."""
    wanted = [(mark, re.sub(r"\W+", "", mark.text).casefold()) for mark in marks]
    page, position = 0, 0
    for mark, needle in wanted:
        if mark.level <= 3 and needle:
            for index in range(page, len(texts)):
                found = texts[index].find(needle, position if index == page else 0)
                if found >= 0:
                    page, position = index, found + len(needle)
                    break
    result: dict[str, int] = {}
    for mark, needle in wanted:
        for index in range(page, len(texts)):
            found = texts[index].find(needle, position if index == page else 0)
            if needle and found >= 0:
                page, position = index, found + len(needle)
                result[mark.bookmark] = index + 1
                break
    return result


def _outcome(draft: Draft, path: Path, marks: list[Mark], doubts: list[str], *, numbered: bool) -> Outcome:
    counts = draft.counts
    summary = [
        f"{path.name}: {draft.words:,} words, {plural(len(marks), 'heading')}, {plural(counts[Grid], 'table')}",
        "Contents filled in" + (" with page numbers" if numbered else "")
        if _has_contents(draft)
        else "No table of contents: the text has fewer than two headings or fits a page",
    ]
    assumptions = ["The wording was left as it is; only structure and look were changed."]
    if _has_contents(draft) and not numbered:
        assumptions.append("Page numbers appear in the contents when the document is opened in Word and updated.")
    return Outcome([str(path)], summary, assumptions, [*draft.skipped, *dict.fromkeys(doubts)][:6])


if __name__ == "__main__":
    main(plan, run)
