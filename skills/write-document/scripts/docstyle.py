"""The look of a Word document: page, styles, header and footer, tables, fields.

The same file lies in write-document and meeting-minutes; a test keeps the copies equal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from docx import Document
from docx.document import Document as DocumentType
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor
from docx.table import Table
from docx.text.paragraph import Paragraph
from docx.text.run import Run

# Both have metric twins in Liberation, so that a document breaks its pages alike in Word and LibreOffice.
BODY_FONT, CODE_FONT = "Arial", "Courier New"
INK, ACCENT, GREY = RGBColor(0x1F, 0x2A, 0x44), RGBColor(0x0F, 0x76, 0x6E), RGBColor(0x64, 0x74, 0x8B)
TEXT = RGBColor(0x1E, 0x29, 0x3B)
LANGUAGES = {"en": "en-GB", "de": "de-DE", "fr": "fr-FR", "es": "es-ES"}
# Word reads the children of a paragraph's and a cell's properties in the schema's order only.
_AFTER_SHADE = tuple(
    f"w:{name}"
    for name in re.findall(
        r"\w+",
        "tabs suppressAutoHyphens kinsoku wordWrap overflowPunct topLinePunct autoSpaceDE autoSpaceDN bidi "
        "adjustRightInd snapToGrid spacing ind contextualSpacing mirrorIndents suppressOverlap jc textDirection "
        "textAlignment "
        "textboxTightWrap outlineLvl divId cnfStyle rPr sectPr pPrChange noWrap tcMar tcFitText vAlign hideMark",
    )
)
PAGE_WORDS = {"en": ("Page", "of"), "de": ("Seite", "von"), "fr": ("Page", "sur"), "es": ("Página", "de")}


def new_document(title: str, language: str) -> DocumentType:
    """An empty A4 document with our styles, the title in its header and page numbers in its footer."""
    document = Document()
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.5)
    section.top_margin, section.bottom_margin = Cm(2.5), Cm(2.2)
    section.header_distance = section.footer_distance = Cm(1.1)
    document.core_properties.title, document.core_properties.author = clean(title)[:250], "Gofer"
    document.core_properties.comments = ""
    _text_styles(document, language)
    _heading_styles(document)
    _list_styles(document)
    _header_footer(document, title, language)
    return document


def clean(text: str) -> str:
    """The text without characters that XML forbids."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]", "", text)


def _font(style: Any, name: str, size: float, color: RGBColor | None = None, *, bold: bool | None = None) -> None:
    style.font.name, style.font.size = name, Pt(size)
    if color is not None:
        style.font.color.rgb = color
    if bold is not None:
        style.font.bold = bold
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for kind in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{kind}"), None)
    for kind in ("ascii", "hAnsi", "cs", "eastAsia"):
        fonts.set(qn(f"w:{kind}"), name)


def _space(style: Any, before: float, after: float, line: float = 1.0, *, keep: bool = False) -> None:
    form = style.paragraph_format
    form.space_before, form.space_after = Pt(before), Pt(after)
    form.line_spacing_rule, form.line_spacing = WD_LINE_SPACING.MULTIPLE, line
    form.keep_with_next, form.widow_control = keep, True


def _text_styles(document: DocumentType, language: str) -> None:
    styles = document.styles
    _font(styles["Normal"], BODY_FONT, 11, TEXT)
    _space(styles["Normal"], 0, 7, 1.15)
    lang = OxmlElement("w:lang")
    lang.set(qn("w:val"), LANGUAGES.get(language, "en-GB"))
    styles["Normal"].element.get_or_add_rPr().append(lang)
    _font(styles["Title"], BODY_FONT, 28, INK, bold=True)
    _space(styles["Title"], 0, 4)
    borders = styles["Title"].element.get_or_add_pPr().find(qn("w:pBdr"))
    if borders is not None:
        borders.getparent().remove(borders)
    _font(styles["Subtitle"], BODY_FONT, 13, GREY, bold=False)
    styles["Subtitle"].font.italic = False
    _space(styles["Subtitle"], 0, 16)
    _font(styles["Quote"], BODY_FONT, 11, GREY)
    styles["Quote"].font.italic = True
    _space(styles["Quote"], 4, 8, 1.15)
    styles["Quote"].paragraph_format.left_indent = Cm(0.8)
    add_edge(styles["Quote"].element.get_or_add_pPr(), "left", "0F766E", 18, 10)
    code = styles.add_style("Code", WD_STYLE_TYPE.PARAGRAPH)
    code.base_style = styles["Normal"]
    _font(code, CODE_FONT, 9, TEXT)
    _space(code, 0, 0, 1.0)
    code.paragraph_format.left_indent = code.paragraph_format.right_indent = Cm(0.2)
    _shade(code.element.get_or_add_pPr(), "F1F5F9")
    _font(styles["Caption"], BODY_FONT, 9.5, GREY, bold=False)


def _heading_styles(document: DocumentType) -> None:
    looks = ((18, INK, 20, 6), (14, ACCENT, 14, 4), (12, INK, 10, 3), (11, ACCENT, 8, 2))
    for level, (size, color, before, after) in enumerate(looks, start=1):
        style = document.styles[f"Heading {level}"]
        _font(style, BODY_FONT, size, color, bold=True)
        style.font.italic = False
        _space(style, before, after, keep=True)
    heading = document.styles.add_style("Contents Heading", WD_STYLE_TYPE.PARAGRAPH)
    heading.base_style = document.styles["Normal"]
    _font(heading, BODY_FONT, 14, ACCENT, bold=True)
    _space(heading, 6, 6, keep=True)
    for level in (1, 2, 3):
        style = document.styles.add_style(f"toc {level}", WD_STYLE_TYPE.PARAGRAPH)
        style.base_style = document.styles["Normal"]
        _space(style, 0, 2 if level > 1 else 3)
        style.font.bold = level == 1
        style.paragraph_format.left_indent = Cm(0.6 * (level - 1))


def _list_styles(document: DocumentType) -> None:
    for kind in ("List Bullet", "List Number"):
        for suffix in ("", " 2", " 3"):
            _space(document.styles[kind + suffix], 0, 3, 1.1)


def _header_footer(document: DocumentType, title: str, language: str) -> None:
    section = document.sections[0]
    header = section.header.paragraphs[0]
    header.text = clean(title)[:90]
    header.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    footer = section.footer.paragraphs[0]
    footer.alignment = WD_ALIGN_PARAGRAPH.CENTER
    page, of = PAGE_WORDS.get(language, PAGE_WORDS["en"])
    footer.add_run(f"{page} ")
    add_field(footer, "PAGE", "1")
    footer.add_run(f" {of} ")
    add_field(footer, "NUMPAGES", "1")
    for paragraph in (header, footer):
        for run in paragraph.runs:
            run.font.size, run.font.color.rgb = Pt(9), GREY


def add_field(paragraph: Paragraph, instruction: str, shown: str) -> list[Run]:
    """A field with the text it shows until it is updated; returns its runs."""
    runs = [paragraph.add_run() for _ in range(5)]
    for run, kind in zip((runs[0], runs[2], runs[4]), ("begin", "separate", "end"), strict=True):
        mark = OxmlElement("w:fldChar")
        mark.set(qn("w:fldCharType"), kind)
        run._r.append(mark)
    code = OxmlElement("w:instrText")
    code.set(qn("xml:space"), "preserve")
    code.text = f" {instruction} "
    runs[1]._r.append(code)
    runs[3].text = shown
    return runs


def _shade(properties: Any, fill: str) -> None:
    shade = OxmlElement("w:shd")
    for key, value in (("val", "clear"), ("color", "auto"), ("fill", fill)):
        shade.set(qn(f"w:{key}"), value)
    properties.insert_element_before(shade, *_AFTER_SHADE)


def add_edge(properties: Any, side: str, color: str, size: int, space: int = 0) -> None:
    borders = properties.find(qn("w:pBdr"))
    if borders is None:
        borders = OxmlElement("w:pBdr")
        properties.insert_element_before(borders, "w:shd", *_AFTER_SHADE)
    edge = OxmlElement(f"w:{side}")
    for key, value in (("val", "single"), ("sz", str(size)), ("space", str(space)), ("color", color)):
        edge.set(qn(f"w:{key}"), value)
    borders.append(edge)


def add_link(paragraph: Paragraph, text: str, url: str) -> Run:
    """A clickable link that looks like one."""
    link = OxmlElement("w:hyperlink")
    link.set(qn("r:id"), paragraph.part.relate_to(clean(url), RELATIONSHIP_TYPE.HYPERLINK, is_external=True))
    run = paragraph.add_run(clean(text))
    run.font.color.rgb, run.font.underline = ACCENT, True
    link.append(run._r)
    paragraph._p.append(link)
    return run


def add_table(document: DocumentType, header: Sequence[str], widths_cm: Sequence[float], *, numeric: set[int]) -> Table:
    """A table with a dark repeated header row; rows are added with `add_row`. `numeric`: right-aligned columns."""
    table = document.add_table(rows=1, cols=len(header))
    table.alignment, table.autofit = WD_TABLE_ALIGNMENT.CENTER, False
    properties = table._tbl.tblPr
    borders = OxmlElement("w:tblBorders")
    for side in ("top", "bottom", "insideH"):
        edge = OxmlElement(f"w:{side}")
        for key, value in (("val", "single"), ("sz", "4"), ("space", "0"), ("color", "CBD5E1")):
            edge.set(qn(f"w:{key}"), value)
        borders.append(edge)
    properties.insert_element_before(borders, "w:shd", "w:tblLayout", "w:tblCellMar", "w:tblLook")
    for column, width in zip(table.columns, widths_cm, strict=True):
        column.width = Cm(width)
    row = table.rows[0]
    row_properties = row._tr.get_or_add_trPr()
    for name in ("w:cantSplit", "w:tblHeader"):
        row_properties.append(OxmlElement(name))
    for index, (cell, text) in enumerate(zip(row.cells, header, strict=True)):
        cell.width = Cm(widths_cm[index])
        _shade(cell._tc.get_or_add_tcPr(), "1F2A44")
        run = cell.paragraphs[0].add_run(clean(text))
        run.font.bold, run.font.size, run.font.color.rgb = True, Pt(10), RGBColor(255, 255, 255)
        _cell_paragraph(cell.paragraphs[0], right=index in numeric)
    return table


def add_row(table: Table, widths_cm: Sequence[float], *, numeric: set[int], striped: bool) -> list[Paragraph]:
    """A new row; returns the paragraph of each cell, to be filled."""
    row = table.add_row()
    row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
    for index, cell in enumerate(row.cells):
        cell.width = Cm(widths_cm[index])
        if striped:
            _shade(cell._tc.get_or_add_tcPr(), "F8FAFC")
        _cell_paragraph(cell.paragraphs[0], right=index in numeric)
    return [cell.paragraphs[0] for cell in row.cells]


def _cell_paragraph(paragraph: Paragraph, *, right: bool) -> None:
    form = paragraph.paragraph_format
    form.space_before, form.space_after, form.line_spacing = Pt(3), Pt(3), 1.0
    if right:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT


def column_widths(header: Sequence[str], rows: Sequence[Sequence[str]], total_cm: float = 16.0) -> list[float]:
    """Widths by what the cells hold: a long word never breaks while others have room."""
    weights, least = [], []
    for index, name in enumerate(header):
        texts = [name, *(row[index] for row in rows)]
        longest = max(len(text) for text in texts)
        average = sum(len(text) for text in texts) / len(texts)
        word = max((len(word) for text in texts for word in text.split()), default=1)
        least.append(min(word, 24) * 0.21 + 0.5)
        weights.append(max(4.0, min(60.0, (longest + 2 * average) / 3)))
    room = total_cm - sum(least)
    if room <= 0:
        return [total_cm * size / sum(least) for size in least]
    return [size + room * weight / sum(weights) for size, weight in zip(least, weights, strict=True)]
