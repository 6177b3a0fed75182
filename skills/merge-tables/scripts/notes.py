"""The sheets beside the figures: Notes (sources, cleaning, doubts) and Duplicates."""

from __future__ import annotations

import looks
from columns import TypedTable
from job import plural
from livecells import put_text
from merging import Merged
from openpyxl.styles import Alignment
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet
from sources import SourceTable


def fill_notes(sheet: Worksheet, sources: list[SourceTable], merged: list[Merged], extra: dict[str, list[str]]) -> None:
    """Where the rows came from, what was cleaned and matched, what was assumed and what is doubtful."""
    sheet.sheet_view.showGridLines = False
    put_text(sheet["A1"], "Notes")
    sheet["A1"].font = looks.TITLE
    row = 3
    heads = ["File", "Sheet", "Read as", "Header in row", "Rows read", "Columns"]
    _head(sheet, row, heads)
    for table in sources:
        row += 1
        values = [
            table.file.name,
            table.sheet,
            table.how,
            table.header_row or "none",
            len(table.rows),
            len(table.header),
        ]
        for index, value in enumerate(values, start=1):
            _put(sheet, row, index, value)
    row += 2
    for one in merged:
        kept, removed = one.size, len(one.duplicates)
        read, gone = plural(kept + removed, "row"), plural(removed, "duplicate")
        line = f"{' + '.join(one.sources)}: {read} read, {gone} removed, {kept:,} kept"
        extra.setdefault("Row counts", []).append(line)
    sections = {
        "Row counts": extra.pop("Row counts", []),
        "What was cleaned": [f"{what}: {count:,}" for one in merged for what, count in one.cleaned.items()],
        "Columns matched": [f"{label}: {new!r} is {base!r}" for one in merged for label, new, base in one.renamed],
        "Tables joined": [sentence for one in merged for sentence in one.joined],
        **extra,
    }
    for title, lines in sections.items():
        put_text(sheet.cell(row, 1), title)
        sheet.cell(row, 1).font = looks.HEADING
        for line in lines or ["Nothing"]:
            row += 1
            put_text(sheet.cell(row, 1), line)
            sheet.cell(row, 1).font = looks.BODY
            sheet.merge_cells(start_row=row, end_row=row, start_column=1, end_column=len(heads))
            sheet.cell(row, 1).alignment = Alignment(wrap_text=True, vertical="top")
            sheet.row_dimensions[row].height = 15.5 * (1 + len(line) // 105)
        row += 2
    for index, width in enumerate((34, 18, 24, 14, 12, 12), start=1):
        sheet.column_dimensions[get_column_letter(index)].width = width
    looks.print_on_one_page_width(sheet)


def _head(sheet: Worksheet, row: int, names: list[str]) -> None:
    for index, name in enumerate(names, start=1):
        put_text(sheet.cell(row, index), name)
    looks.style_head([sheet.cell(row, index) for index in range(1, len(names) + 1)])


def _put(sheet: Worksheet, row: int, index: int, value: str | int) -> None:
    cell = sheet.cell(row, index)
    if isinstance(value, str):
        put_text(cell, value)
    else:
        cell.value, cell.number_format = value, "#,##0"
    cell.font = looks.BODY
    cell.alignment = Alignment(horizontal="left" if index == 1 else "right")


def fill_duplicates(sheet: Worksheet, merged: list[Merged]) -> None:
    """Every removed row with its file and row number, so that nothing is lost."""
    row = 1
    for one in merged:
        if not one.duplicates:
            continue
        width = len(one.duplicates[0][2])
        _head(sheet, row, ["From", "Row", *[column.name for column in one.columns[:width]]])
        sheet.cell(row, 2).alignment = Alignment(horizontal="left", vertical="center")
        for index, column in enumerate(one.columns[:width], start=3):
            sheet.cell(row, index).alignment = looks.head_alignment(column)
        for label, number, cells in one.duplicates:
            row += 1
            _put(sheet, row, 1, label)
            _put(sheet, row, 2, number)
            sheet.cell(row, 2).alignment = Alignment(horizontal="left")
            for index, value in enumerate(cells, start=3):
                if value is not None:
                    looks.fill_cell(sheet.cell(row, index), one.columns[index - 3], value)
        row += 2
    looks.give_lines_room(sheet)
    sheet.freeze_panes = "A2"
    for index in range(1, sheet.max_column + 1):
        sheet.column_dimensions[get_column_letter(index)].width = 18
    looks.print_on_one_page_width(sheet)


def describe(table: TypedTable) -> str:
    """`sales.csv (120 rows, 6 columns)`."""
    return f"{table.label} ({plural(len(table.file_rows), 'row')}, {plural(len(table.columns), 'column')})"
