"""One look for all sheets: fonts, fills, number formats, widths, and a plain data sheet as an Excel table."""

from __future__ import annotations

import itertools
import re
from copy import copy
from datetime import datetime

from columns import Column
from livecells import put_text
from openpyxl import Workbook
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.page import PageMargins
from openpyxl.worksheet.table import Table, TableStyleInfo
from openpyxl.worksheet.worksheet import Worksheet

INK = "1F2A44"
ACCENT = "0F766E"
PALE = "E6F2F0"
GREY = "64748B"
FONT = "Arial"
TITLE = Font(name=FONT, size=18, bold=True, color=INK)
HEADING = Font(name=FONT, size=13, bold=True, color=ACCENT)
HEAD = Font(name=FONT, size=11, bold=True, color="FFFFFF")
BOLD = Font(name=FONT, size=11, bold=True, color=INK)
BODY = Font(name=FONT, size=11, color="1E293B")
FAINT = Font(name=FONT, size=10, italic=True, color=GREY)
HEAD_FILL = PatternFill("solid", fgColor=INK)
PALE_FILL = PatternFill("solid", fgColor=PALE)
TOP_LINE = Border(top=Side(style="thin", color=INK))
CURRENCY_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹"}


def set_default_font(book: Workbook) -> None:
    """All cells without a font of their own get the book's: programs without Excel's own put a wider one in its place,
    in which sums touch the next column. openpyxl has no other way to it than its list of fonts."""
    book._fonts[0] = BODY


def number_format(column: Column, *, average: bool = False) -> str:
    """The Excel format for this column's numbers. `average`: two decimals, because averages have them."""
    if column.kind == "percent":
        return "0.0%"
    if column.is_year and not average:
        return "0"
    decimals = 2 if average else column.decimals
    if column.unit and column.unit != "%" and not average:
        decimals = max(decimals, 2) if decimals else 0
    form = "#,##0" + ("." + "0" * decimals if decimals else "")
    if column.unit and column.unit != "%":
        form += f' "{CURRENCY_SIGNS.get(column.unit, column.unit)}"'
    return form


def date_format(column: Column) -> str:
    """ISO dates, which nobody reads the wrong way round."""
    return "yyyy-mm-dd hh:mm" if column.with_time else "yyyy-mm-dd"


def style_head(cells: list[Cell]) -> None:
    """White on dark, for the header row of a block."""
    for cell in cells:
        cell.font, cell.fill = HEAD, HEAD_FILL
        cell.alignment = Alignment(
            horizontal="left" if cell.column == 1 else "right", vertical="center", wrap_text=True
        )


def sheet_title(name: str, taken: set[str]) -> str:
    """A sheet name Excel accepts and no other sheet has."""
    base = re.sub(r"[\\/*?:\[\]\x00-\x1f]+", " ", name).strip(" '")[:28] or "Table"
    title, number = base, 2
    while title.casefold() in taken or title.casefold() == "history":
        title, number = f"{base[:25]} {number}", number + 1
    taken.add(title.casefold())
    return title


def fill_table(sheet: Worksheet, columns: list[Column], table_name: str) -> int:
    """Write columns as an Excel table with filters and a frozen header; returns how many cells were kept as text
    although they look like formulas."""
    risky = 0
    for index, column in enumerate(columns, start=1):
        put_text(sheet.cell(1, index), column.name)
        for row, value in enumerate(column.cells, start=2):
            if value is not None:
                risky += fill_cell(sheet.cell(row, index), column, value)
        sheet.column_dimensions[get_column_letter(index)].width = _width(column)
        # The table style draws the header too, but previews and LibreOffice do not show table styles.
        head = sheet.cell(1, index)
        head.font, head.fill, head.alignment = HEAD, HEAD_FILL, head_alignment(column)
    _set_off_after_numbers(sheet, columns)
    give_lines_room(sheet)
    sheet.freeze_panes = "A2"
    sheet.row_dimensions[1].height = 20
    last = get_column_letter(len(columns))
    table = Table(displayName=table_name, ref=f"A1:{last}{len(columns[0].cells) + 1}")
    table.tableStyleInfo = TableStyleInfo(name="TableStyleMedium2", showRowStripes=True)
    sheet.add_table(table)
    _print_setup(sheet, landscape=len(columns) > 6)
    sheet.print_title_rows = "1:1"
    return risky


_LEFT = Alignment(horizontal="left")
# Without the indent a sum touches the text of the next column.
_RIGHT = Alignment(horizontal="right", indent=2)
_LINES = Alignment(wrap_text=True, vertical="top")
_LEFT_IN = Alignment(horizontal="left", indent=1)
_LINES_IN = Alignment(wrap_text=True, vertical="top", horizontal="left", indent=1)
LINE_HEIGHT = 15
MOST_LINES = 20


def head_alignment(column: Column) -> Alignment:
    """A column's name stands above its values: right above numbers, left above the rest."""
    numeric = column.kind in ("number", "percent")
    return Alignment(horizontal="right" if numeric else "left", vertical="center", indent=2 if numeric else 0)


def fill_cell(cell: Cell, column: Column, value: object) -> bool:
    """Write one value as its column wants it; returns whether it is text that looks like a formula."""
    if isinstance(value, str):
        if column.kind == "id":
            cell.number_format = "@"
        if "\n" in value:
            cell.alignment = _LINES
        return put_text(cell, value)
    cell.value = value
    if form := cell_format(column):
        cell.number_format = form
        cell.alignment = _LEFT if column.kind == "date" else _RIGHT
    return False


def _set_off_after_numbers(sheet: Worksheet, columns: list[Column]) -> None:
    """Text beside a column of numbers begins a little further in: LibreOffice leaves out the indent of some sums."""
    for index, (before, column) in enumerate(itertools.pairwise(columns), start=2):
        if before.kind not in ("number", "percent") or column.kind in ("number", "percent"):
            continue
        sheet.cell(1, index).alignment = Alignment(horizontal="left", vertical="center", indent=1)
        for row in range(2, len(column.cells) + 2):
            cell = sheet.cell(row, index)
            if cell.value is not None:
                cell.alignment = _LINES_IN if cell.alignment.wrap_text else _LEFT_IN


def give_lines_room(sheet: Worksheet) -> None:
    """Rows whose cells hold line breaks become tall enough for them, everything in them at the top."""
    for cells in sheet.iter_rows(min_row=2):
        lines = max((cell.value.count("\n") for cell in cells if isinstance(cell.value, str)), default=0)
        if not lines:
            continue
        sheet.row_dimensions[cells[0].row].height = LINE_HEIGHT * min(lines + 1, MOST_LINES)
        for cell in cells:
            aligned = copy(cell.alignment)
            aligned.vertical = "top"
            cell.alignment = aligned


def _print_setup(sheet: Worksheet, *, landscape: bool) -> None:
    sheet.page_setup.orientation = "landscape" if landscape else "portrait"
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.page_margins = PageMargins(left=0.5, right=0.5, top=0.45, bottom=0.45)
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True


def print_on_one_page_width(sheet: Worksheet) -> None:
    """Landscape, scaled to one page's width."""
    _print_setup(sheet, landscape=True)


def cell_format(column: Column) -> str:
    """The number format of a column's cells, empty for text."""
    if column.kind == "date":
        return date_format(column)
    if column.kind in ("number", "percent"):
        return number_format(column)
    return ""


def _width(column: Column) -> float:
    shown = [len(_shown(column, cell)) for cell in column.cells[:2000] if cell is not None]
    typical = sorted(shown)[int(len(shown) * 0.98)] if shown and len(shown) > 1 else max(shown, default=0)
    return float(min(52, max(len(column.name) + 4, typical + 4, 9)))


def _shown(column: Column, cell: object) -> str:
    if isinstance(cell, datetime):
        return "2026-01-01 00:00" if column.with_time else "2026-01-01"
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return f"{cell:,.{column.decimals}f}" + ("   " if column.unit else "")
    return max(str(cell).split("\n"), key=len)
