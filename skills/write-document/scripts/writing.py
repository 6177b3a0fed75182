"""Writes blocks into a Word document, and a table of contents that shows before anybody updates it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import docstyle
from docx.document import Document as DocumentType
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_TAB_ALIGNMENT, WD_TAB_LEADER
from docx.image.exceptions import UnrecognizedImageError
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt
from docx.text.paragraph import Paragraph
from prose import Block, Code, Grid, Heading, Item, Para, Picture, Quote, Rule, Span, Text, bare, spans

PAGE_WIDTH_CM = 16.0
NOTE_WORDS = {"en": "Notes", "de": "Anmerkungen", "fr": "Notes", "es": "Notas"}
CONTENT_WORDS = {"en": "Contents", "de": "Inhalt", "fr": "Sommaire", "es": "Índice"}


@dataclass
class Mark:
    """A heading as the contents list it."""

    level: int
    text: str
    bookmark: str


@dataclass
class Writer:
    """Fills one document. `pictures`: files that the text may show, by name."""

    document: DocumentType
    language: str
    pictures: dict[str, Path] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)

    def write(self, text: Text, *, base_level: int = 1, shift: int = 0) -> None:
        """Append a text's blocks. `base_level`: its highest heading level; `shift`: levels to push headings down."""
        previous: Block | None = None
        number_id: dict[int, int] = {}
        for block in text.blocks:
            if not isinstance(block, Item):
                number_id = {}
                if isinstance(previous, Item):
                    self.document.paragraphs[-1].paragraph_format.space_after = Pt(7)
            match block:
                case Heading(level, words):
                    self._heading(min(4, max(1, level - base_level + 1 + shift)), words)
                case Para(words):
                    self._runs(self.document.add_paragraph(), words, text)
                case Item():
                    self._item(block, text, number_id)
                case Grid():
                    self._grid(block, text)
                case Code(words):
                    self._code(words)
                case Quote(words):
                    self._runs(self.document.add_paragraph(style="Quote"), words, text)
                case Picture():
                    self._picture(block)
                case Rule():
                    if previous is not None and not isinstance(previous, Rule):
                        self._rule()
            previous = block
        self._write_notes()

    def _heading(self, level: int, words: str) -> None:
        paragraph = self.document.add_paragraph(style=f"Heading {level}")
        shown = docstyle.clean(bare(words))
        mark = Mark(level, shown, f"_Toc{len(self.marks) + 1:06d}")
        start, end = OxmlElement("w:bookmarkStart"), OxmlElement("w:bookmarkEnd")
        for element in (start, end):
            element.set(qn("w:id"), str(len(self.marks) + 1))
        start.set(qn("w:name"), mark.bookmark)
        paragraph._p.append(start)
        paragraph.add_run(shown)
        paragraph._p.append(end)
        self.marks.append(mark)

    def _runs(self, paragraph: Paragraph, words: str, text: Text, *, bold: bool = False) -> None:
        for span in spans(words):
            if span.note:
                self._note_mark(paragraph, span, text)
            elif span.link and re.match(r"(https?|mailto):", span.link):
                docstyle.add_link(paragraph, span.text, span.link)
            else:
                run = paragraph.add_run(docstyle.clean(span.text))
                run.bold, run.italic = span.bold or bold or None, span.italic or None
                run.font.strike = span.strike or None
                if span.code:
                    run.font.name, run.font.size = docstyle.CODE_FONT, Pt(9.5)

    def _note_mark(self, paragraph: Paragraph, span: Span, text: Text) -> None:
        note = text.footnotes.get(span.note)
        if note is None:
            self.doubts.append(f"the note [^{span.note}] is never explained")
            return
        self._notes.append(note)
        paragraph.add_run(str(len(self._notes))).font.superscript = True

    def _write_notes(self) -> None:
        if not self._notes:
            return
        title = self.document.add_paragraph(NOTE_WORDS.get(self.language, "Notes"), style="Contents Heading")
        title.paragraph_format.space_before = Pt(18)
        for number, note in enumerate(self._notes, start=1):
            paragraph = self.document.add_paragraph()
            paragraph.add_run(f"{number}  ").font.superscript = True
            self._runs(paragraph, note, Text())
            for run in paragraph.runs:
                run.font.size = Pt(9.5)
        self._notes = []

    def _item(self, item: Item, text: Text, number_id: dict[int, int]) -> None:
        suffix = f" {item.level + 1}" if 0 < item.level < 3 else " 3" if item.level else ""
        for deeper in [level for level in number_id if level > item.level]:
            del number_id[deeper]
        if item.checked is not None:
            paragraph = self.document.add_paragraph()
            paragraph.paragraph_format.left_indent = Cm(0.63 * (item.level + 1))
            paragraph.paragraph_format.first_line_indent = Cm(-0.63)
            paragraph.paragraph_format.space_after = Pt(3)
            paragraph.add_run(("☑" if item.checked else "☐") + "\u2002")
        elif item.number is not None:
            paragraph = self.document.add_paragraph(style="List Number" + suffix)
            if item.level not in number_id:
                number_id[item.level] = self._new_numbering("List Number" + suffix, max(1, item.number))
            properties = paragraph._p.get_or_add_pPr().get_or_add_numPr()
            properties.get_or_add_ilvl().val = 0
            properties.get_or_add_numId().val = number_id[item.level]
        else:
            number_id.pop(item.level, None)
            paragraph = self.document.add_paragraph(style="List Bullet" + suffix)
        self._runs(paragraph, item.text, text)

    def _new_numbering(self, style: str, start: int) -> int:
        """A numbering of its own, so that every list starts where it should instead of going on counting."""
        numbering = self.document.part.numbering_part.element
        style_number = self.document.styles[style].element.pPr.numPr.numId.val
        abstract = numbering.num_having_numId(style_number).abstractNumId.val
        number = numbering.add_num(abstract)
        number.add_lvlOverride(0).add_startOverride(start)
        return number.numId

    def _grid(self, grid: Grid, text: Text) -> None:
        rows = [[bare(cell) for cell in row] for row in grid.rows]
        header = [bare(cell) for cell in grid.header]
        widths = docstyle.column_widths(header, rows)
        numeric = {i for i in range(len(header)) if _is_numeric([row[i] for row in rows])}
        table = docstyle.add_table(self.document, header, widths, numeric=numeric)
        for index, row in enumerate(grid.rows):
            paragraphs = docstyle.add_row(table, widths, numeric=numeric, striped=index % 2 == 1)
            last = bare(row[0]).lower() in ("total", "sum", "summe", "gesamt", "somme", "suma")
            for paragraph, cell in zip(paragraphs, row, strict=True):
                self._runs(paragraph, cell, text, bold=last)
                for run in paragraph.runs:
                    run.font.size = Pt(10)
        self.document.add_paragraph().paragraph_format.space_after = Pt(4)

    def _code(self, words: str) -> None:
        lines = words.split("\n")
        for index, line in enumerate(lines):
            paragraph = self.document.add_paragraph(docstyle.clean(line), style="Code")
            paragraph.paragraph_format.keep_together = True
            if index == len(lines) - 1:
                paragraph.paragraph_format.space_after = Pt(8)
            elif len(lines) < 30:
                paragraph.paragraph_format.keep_with_next = True

    def _picture(self, picture: Picture) -> None:
        path = self.pictures.get(Path(picture.target).name.lower())
        if path is None:
            self.doubts.append(f"the picture {picture.target} was not handed over; its place says so")
            self.document.add_paragraph(f"[{picture.text or picture.target}]", style="Caption")
            return
        try:
            self.document.add_picture(str(path), width=Cm(PAGE_WIDTH_CM))
        except (UnrecognizedImageError, OSError, ValueError, KeyError):
            self.doubts.append(f"the picture {path.name} could not be read and was left out")
            return
        shape = self.document.inline_shapes[-1]
        if shape.height > Cm(16):
            shape.width, shape.height = int(shape.width * Cm(16) / shape.height), Cm(16)
        self.document.paragraphs[-1].alignment = WD_ALIGN_PARAGRAPH.CENTER
        if picture.text:
            caption = self.document.add_paragraph(docstyle.clean(picture.text), style="Caption")
            caption.alignment = WD_ALIGN_PARAGRAPH.CENTER

    def _rule(self) -> None:
        paragraph = self.document.add_paragraph()
        paragraph.paragraph_format.space_after = Pt(6)
        docstyle.add_edge(paragraph._p.get_or_add_pPr(), "bottom", "CBD5E1", 6)


def _is_numeric(cells: list[str]) -> bool:
    filled = [cell for cell in cells if cell.strip() and cell.strip() not in "-–—"]
    good = sum(bool(re.fullmatch(r"[-+−–(]?\s*[€$£]?\s?\d[\d.,'\s]*\s?\)?\s?\S{0,3}", cell)) for cell in filled)
    return bool(filled) and good >= 0.8 * len(filled)


def add_contents(document: DocumentType, language: str) -> tuple[Paragraph, Paragraph]:
    """The heading of the contents and the paragraph before which the entries will go."""
    heading = document.add_paragraph(CONTENT_WORDS.get(language, "Contents"), style="Contents Heading")
    return heading, document.add_paragraph()


def fill_contents(anchor: Paragraph, marks: list[Mark], pages: dict[str, int]) -> None:
    """Put the TOC field with its entries before `anchor`. `pages`: page by bookmark; Word fills in what is missing."""
    listed = [mark for mark in marks if mark.level <= 3]
    if len(listed) > 60:
        listed = [mark for mark in listed if mark.level <= 2]
    for index, mark in enumerate(listed):
        entry = anchor.insert_paragraph_before(style=f"toc {mark.level}")
        entry.paragraph_format.tab_stops.add_tab_stop(Cm(PAGE_WIDTH_CM), WD_TAB_ALIGNMENT.RIGHT, WD_TAB_LEADER.DOTS)
        if index == 0:
            _field_mark(entry, "begin", ' TOC \\o "1-3" \\h \\z \\u ', dirty=not pages)
            _field_mark(entry, "separate")
        link = OxmlElement("w:hyperlink")
        link.set(qn("w:anchor"), mark.bookmark)
        link.set(qn("w:history"), "1")
        runs = [entry.add_run(mark.text)]
        if mark.bookmark in pages:
            runs.append(entry.add_run("\t"))
            runs += docstyle.add_field(entry, f"PAGEREF {mark.bookmark} \\h", str(pages[mark.bookmark]))
        for run in runs:
            link.append(run._r)
        entry._p.append(link)
        if index == len(listed) - 1:
            _field_mark(entry, "end")


def _field_mark(paragraph: Paragraph, kind: str, instruction: str = "", *, dirty: bool = False) -> None:
    run = paragraph.add_run()
    mark = OxmlElement("w:fldChar")
    mark.set(qn("w:fldCharType"), kind)
    if dirty:
        mark.set(qn("w:dirty"), "true")
    run._r.append(mark)
    if instruction:
        code = OxmlElement("w:instrText")
        code.set(qn("xml:space"), "preserve")
        code.text = instruction
        paragraph.add_run()._r.append(code)
