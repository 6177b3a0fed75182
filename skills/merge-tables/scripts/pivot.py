"""The Pivot sheet: first category down, months across; rows without a date or category have a place of their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import looks
from choices import Choices, months_of
from columns import Column
from livecells import LiveCells, put_text
from merging import Merged
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet
from summary import EMPTY, NO_DATE, SummarySheet, grouped, is_yearly, numbers, put_value

HEAD_ROW = 3
FIRST_ROW = HEAD_ROW + 1
BLANK = '"="'
"""The condition with which SUMIFS finds cells that hold nothing."""


def can_pivot(merged: Merged, choices: Choices) -> bool:
    """True when a category and at least two months make a table that fits a page."""
    if not choices.date or not choices.categories or (choices.lead and choices.lead.is_rate):
        return False
    groups = grouped(choices.categories[0], choices.lead)
    return len(groups) <= 25 and 2 <= len(months_of(choices.date)) <= 24 and all(safe for _, safe, _ in groups)


class PivotSheet:
    """Fills one Pivot sheet with live SUMIFS (COUNTIFS without a measure) and checks it against all of Data."""

    def __init__(self, sheet: Worksheet, summary: SummarySheet, date: Column, live: LiveCells) -> None:
        self.sheet, self.summary, self.date, self.live = sheet, summary, date, live
        self.category, self.lead = summary.choices.categories[0], summary.choices.lead
        self.starts = months_of(date)
        self.yearly = is_yearly(self.starts)
        self.form = looks.number_format(self.lead) if self.lead else "#,##0"
        groups = grouped(self.category, self.lead)
        self.lines: list[tuple[str | float, list[int]]] = [(name, rows) for name, _, rows in groups]
        nameless = [i for i, cell in enumerate(self.category.cells) if cell is None]
        self.has_nameless = bool(nameless)
        self.lines += [(EMPTY, nameless)] if nameless else []
        self.has_undated = any(not isinstance(cell, datetime) for cell in date.cells)
        self.last_month = len(self.starts) + 1
        self.total_column = self.last_month + 1 + self.has_undated
        self.total_row = FIRST_ROW + len(self.lines)

    def fill(self) -> None:
        """Write title, table, totals and the check."""
        sheet = self.sheet
        what = self.lead.name if self.lead else "Rows"
        put_text(sheet["A1"], f"{what} by {self.category.name} and {'year' if self.yearly else 'month'}")
        sheet["A1"].font = looks.TITLE
        self._head()
        for line, (name, rows) in enumerate(self.lines, start=FIRST_ROW):
            self._line(line, name, rows)
        self._totals()
        self._check(self.total_row + 2)
        sheet.freeze_panes = f"B{FIRST_ROW}"
        sheet.column_dimensions["A"].width = 28
        for index in range(2, self.total_column + 1):
            sheet.column_dimensions[get_column_letter(index)].width = 14
        looks.print_on_one_page_width(sheet)

    def _head(self) -> None:
        cells = [self.sheet.cell(HEAD_ROW, index) for index in range(1, self.total_column + 1)]
        put_text(cells[0], self.category.name)
        for cell, start in zip(cells[1:], self.starts, strict=False):
            cell.value, cell.number_format = start, "yyyy" if self.yearly else "mmm yyyy"
        if self.has_undated:
            put_text(cells[-2], NO_DATE)
        put_text(cells[-1], "Total")
        looks.style_head(cells)

    def _line(self, line: int, name: str | float, rows: list[int]) -> None:
        """One category. What its months leave over is the part without a date."""
        put_value(self.sheet.cell(line, 1), name)
        nameless = self.has_nameless and line == self.total_row - 1
        condition = BLANK if nameless else f"$A{line}"
        # Empty cells go on below the table: only the rows of today may be looked at for them.
        where = self.summary.exact if nameless else self.summary.whole
        chosen = f"{where(self.category)},{condition}"
        for index, start in enumerate(self.starts, start=2):
            head, when = f"{get_column_letter(index)}${HEAD_ROW}", where(self.date)
            period = f'{when},">="&{head},{when},"<"&EDATE({head},{12 if self.yearly else 1})'
            inside = [i for i in rows if _in_period(self.date.cells[i], start, yearly=self.yearly)]
            self._put(line, index, self._sum(where, f"{chosen},{period}"), self._value(inside))
        if self.has_undated:
            undated = [i for i in rows if not isinstance(self.date.cells[i], datetime)]
            formula = f"{self._sum(where, chosen)}-SUM(B{line}:{get_column_letter(self.last_month)}{line})"
            self._put(line, self.last_month + 1, formula, self._value(undated))
        before_total = get_column_letter(self.total_column - 1)
        self._put(line, self.total_column, f"=SUM(B{line}:{before_total}{line})", self._value(rows))
        self.sheet.cell(line, self.total_column).font = looks.BOLD

    def _sum(self, where: Callable[[Column], str], conditions: str) -> str:
        return f"=SUMIFS({where(self.lead)},{conditions})" if self.lead else f"=COUNTIFS({conditions})"

    def _value(self, rows: list[int]) -> float:
        return sum(numbers([self.lead.cells[i] for i in rows])) if self.lead else len(rows)

    def _put(self, line: int, index: int, formula: str, value: float) -> None:
        self.live.put(self.sheet.cell(line, index), formula, value, self.form)
        self.sheet.cell(line, index).font = looks.BODY

    def _totals(self) -> None:
        put_text(self.sheet.cell(self.total_row, 1), "Total")
        all_rows = range(len(self.date.cells))
        parts = [
            [i for i in all_rows if _in_period(self.date.cells[i], start, yearly=self.yearly)] for start in self.starts
        ]
        if self.has_undated:
            parts.append([i for i in all_rows if not isinstance(self.date.cells[i], datetime)])
        parts.append(list(all_rows))
        for index, rows in enumerate(parts, start=2):
            letter = get_column_letter(index)
            formula = f"=SUM({letter}{FIRST_ROW}:{letter}{self.total_row - 1})"
            self._put(self.total_row, index, formula, self._value(rows))
        for index in range(1, self.total_column + 1):
            cell = self.sheet.cell(self.total_row, index)
            cell.font, cell.fill, cell.border = looks.BOLD, looks.PALE_FILL, looks.TOP_LINE

    def _check(self, row: int) -> None:
        """The same total, taken from Data without any condition, and the difference, which must be nothing."""
        put_text(self.sheet.cell(row, 1), "Check: all rows of Data")
        everything = self._value(list(range(len(self.date.cells))))
        formula = f"=SUM({self.summary.whole(self.lead)})" if self.lead else self.summary.rows_formula()
        self._put(row, 2, formula, everything)
        put_text(self.sheet.cell(row + 1, 1), "Difference (should be 0)")
        total = f"{get_column_letter(self.total_column)}{self.total_row}"
        self._put(row + 1, 2, f"=ROUND({total}-B{row},4)", 0)
        for line in (row, row + 1):
            self.sheet.cell(line, 1).font = self.sheet.cell(line, 2).font = looks.FAINT


def undated(choices: Choices) -> str:
    """One sentence on the rows whose date is missing, empty when there are none."""
    missing = sum(not isinstance(cell, datetime) for cell in choices.date.cells) if choices.date else 0
    if not missing or choices.date is None or len(months_of(choices.date)) < 2:
        return ""
    have = "1 row has" if missing == 1 else f"{missing:,} rows have"
    return f"{have} no date in {choices.date.name!r}: counted under {NO_DATE}, so that all totals agree"


def _in_period(cell: object, start: datetime, *, yearly: bool) -> bool:
    return isinstance(cell, datetime) and cell.year == start.year and (yearly or cell.month == start.month)
