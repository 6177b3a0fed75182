"""The Summary and Pivot sheets: every figure is a live formula on the Data sheet; charts are native."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import charts
import looks
from choices import Choices, category_key, months_of
from columns import Column
from livecells import LiveCells, put_text, sheet_ref
from merging import Merged
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.pagebreak import Break
from openpyxl.worksheet.worksheet import Worksheet

SHOWN_CATEGORIES = 25
CHART_ROWS = 18
PAGE_LINES = 19
"""What fits above a chart on one printed page, landscape and at full size."""
EMPTY = "(empty)"
NO_DATE = "(no date)"
NONE = "–"
"""What a cell shows when there is nothing to work out, so that no formula looks forgotten."""


@dataclass
class Block:
    """Where a block of rows ended up: for charts and for what follows below."""

    head_row: int
    first: int
    last: int
    next_row: int


class SummarySheet:
    """Fills one Summary sheet from the data sheet of a merged table."""

    def __init__(self, sheet: Worksheet, data: Worksheet, merged: Merged, choices: Choices, live: LiveCells) -> None:
        self.sheet, self.data, self.merged, self.choices, self.live = sheet, data, merged, choices, live
        self._letters = {c.name: get_column_letter(i) for i, c in enumerate(merged.columns, start=1)}

    def whole(self, column: Column) -> str:
        """The column's cells as a reference that also takes in rows added later."""
        letter = self._letters[column.name]
        return f"{sheet_ref(self.data)}!${letter}:${letter}"

    def exact(self, column: Column) -> str:
        """The column's cells of today, for SUMPRODUCT, which is slow on whole columns."""
        letter = self._letters[column.name]
        return f"{sheet_ref(self.data)}!${letter}$2:${letter}${self.merged.size + 1}"

    def fill(self, title: str, subtitle: str) -> None:
        """Write title, key figures, one block per category and one by month, with charts beside them."""
        sheet = self.sheet
        sheet.sheet_view.showGridLines = False
        put_text(sheet["A1"], title)
        put_text(sheet["A2"], subtitle)
        sheet["A1"].font, sheet["A2"].font = looks.TITLE, looks.FAINT
        sheet.row_dimensions[1].height = 28
        row = self._key_figures(4)
        for category in self.choices.categories:
            block = self._by_category(category, row)
            row = self._place(block, f"{self._lead_name()} by {category.name}", over_time=False)
        if self.choices.date:
            block = self._by_month(self.choices.date, row)
            if block:
                self._place(block, f"{self._lead_name()} over time", over_time=True)
        sheet.column_dimensions["A"].width = 30
        for index in range(2, max(6, len(self._block_names(""))) + 1):
            sheet.column_dimensions[get_column_letter(index)].width = 17
        looks.print_on_one_page_width(sheet)

    def _heading(self, row: int, text: str) -> None:
        put_text(self.sheet.cell(row, 1), text)
        self.sheet.cell(row, 1).font = looks.HEADING

    def _head(self, row: int, names: list[str]) -> None:
        cells = [self.sheet.cell(row, index) for index in range(1, len(names) + 1)]
        for cell, name in zip(cells, names, strict=True):
            put_text(cell, name)
        looks.style_head(cells)

    def _key_figures(self, row: int) -> int:
        self._heading(row, "Key figures")
        self._head(row + 1, ["Measure", "Total", "Average", "Smallest", "Largest", "Rows with a value"])
        line = row + 2
        put_text(self.sheet.cell(line, 1), "Rows")
        self.sheet.cell(line, 1).font = looks.BODY
        self.live.put(self.sheet.cell(line, 2), self.rows_formula(), self.merged.size, "#,##0")
        self.sheet.cell(line, 2).font = looks.BODY
        for column in self.choices.measures:
            line += 1
            self._measure_line(line, column)
        return line + 2

    def rows_formula(self) -> str:
        """The number of rows on the data sheet."""
        full = next((c for c in self.merged.columns if all(cell is not None for cell in c.cells)), None)
        return f"=COUNTA({self.whole(full)})-1" if full else f"=ROWS({self.exact(self.merged.columns[0])})"

    def _measure_line(self, line: int, column: Column) -> None:
        values = numbers(column.cells)
        put_text(self.sheet.cell(line, 1), column.name)
        self.sheet.cell(line, 1).font = looks.BODY
        form, fine = looks.number_format(column), looks.number_format(column, average=True)
        mixed = self.merged.column(f"{column.name} currency") is not None
        total = column.is_rate or mixed
        whole = self.whole(column)
        if total:
            put_text(self.sheet.cell(line, 2), NONE)
        else:
            self.live.put(self.sheet.cell(line, 2), f"=SUM({whole})", sum(values), form)
        average = sum(values) / len(values)
        self.live.put(self.sheet.cell(line, 3), f"=IFERROR(AVERAGE({whole}),0)", average, fine)
        self.live.put(self.sheet.cell(line, 4), f"=MIN({whole})", min(values), form)
        self.live.put(self.sheet.cell(line, 5), f"=MAX({whole})", max(values), form)
        self.live.put(self.sheet.cell(line, 6), f"=COUNT({whole})", len(values), "#,##0")
        for index in range(2, 7):
            self.sheet.cell(line, index).font = looks.BODY
            self.sheet.cell(line, index).alignment = Alignment(horizontal="right")

    def _block_names(self, first: str) -> list[str]:
        names = [first, "Rows"]
        names += [f"{'Average' if c.is_rate else 'Total'} {c.name}" for c in self.choices.measures]
        lead = self.choices.lead
        if lead and not lead.is_rate:
            names += [f"Average {lead.name}", "Share"]
        return names

    def _by_category(self, category: Column, row: int) -> Block:
        groups = grouped(category, self.choices.lead)
        shown = groups[:SHOWN_CATEGORIES]
        label = f"By {category.name}" + (
            f" (the {len(shown)} largest of {len(groups)})" if len(groups) > len(shown) else ""
        )
        self._heading(row, label)
        self._head(row + 1, self._block_names(category.name))
        first = row + 2
        rest_first, rest_last = first, first + len(shown) - 1
        total_row = rest_last + 1
        leftovers = [i for _, _, rows in groups[SHOWN_CATEGORIES:] for i in rows]
        leftovers += [i for i, cell in enumerate(category.cells) if cell is None]
        if leftovers:
            total_row += 1
        for line, (name, safe, rows) in enumerate(shown, start=first):
            put_value(self.sheet.cell(line, 1), name)
            self._line(line, rows, self._criteria(category, line, safe), total_row)
        if leftovers:
            text = EMPTY if len(groups) <= SHOWN_CATEGORIES else "All others"
            put_text(self.sheet.cell(total_row - 1, 1), text)
            self._rest_line(total_row - 1, leftovers, (rest_first, rest_last), total_row)
        self._total_line(total_row)
        return Block(row + 1, first, rest_last, total_row + 2)

    def _criteria(self, category: Column, line: int, safe: bool) -> tuple[str, str]:
        """The condition as COUNTIFS arguments, or as an exact comparison where wildcards would mislead."""
        if safe:
            return f"{self.whole(category)},$A{line}", ""
        return "", f"--({self.exact(category)}=$A{line})"

    def _line(self, line: int, rows: list[int], criteria: tuple[str, str], total_row: int) -> None:
        count = f"=COUNTIFS({criteria[0]})" if criteria[0] else f"=SUMPRODUCT({criteria[1]})"
        self.live.put(self.sheet.cell(line, 2), count, len(rows), "#,##0")
        position = 3
        for column in self.choices.measures:
            values = numbers([column.cells[i] for i in rows])
            self._measure_cell(line, position, column, values, criteria, average=column.is_rate)
            position += 1
        lead = self.choices.lead
        if lead and not lead.is_rate:
            values = numbers([lead.cells[i] for i in rows])
            self._measure_cell(line, position, lead, values, criteria, average=True)
            self._share_cell(line, position + 1, sum(values), total_row)
        self._plain(line)

    def _measure_cell(
        self, line: int, position: int, column: Column, values: list[float], criteria: tuple[str, str], *, average: bool
    ) -> None:
        cell = self.sheet.cell(line, position)
        (conditions, product), exact = criteria, self.exact(column)
        if average:
            inner = (
                f"AVERAGEIFS({self.whole(column)},{conditions})"
                if conditions
                else f"SUMPRODUCT({product},{exact})/SUMPRODUCT({product},--ISNUMBER({exact}))"
            )
            result: float | str = sum(values) / len(values) if values else NONE
            self.live.put(cell, f'=IFERROR({inner},"{NONE}")', result, looks.number_format(column, average=True))
            return
        formula = f"=SUMIFS({self.whole(column)},{conditions})" if conditions else f"=SUMPRODUCT({product},{exact})"
        self.live.put(cell, formula, sum(values), looks.number_format(column))

    def _share_cell(self, line: int, position: int, value: float, total_row: int) -> None:
        lead = self.choices.lead
        total = sum(numbers(lead.cells)) if lead else 0
        formula = f'=IF($C${total_row}=0,"{NONE}",C{line}/$C${total_row})'
        self.live.put(self.sheet.cell(line, position), formula, value / total if total else NONE, "0.0%")

    def _rest_line(self, line: int, rows: list[int], block: tuple[int, int], total_row: int) -> None:
        """Whatever the lines above leave over, as total minus lines, so that the block always adds up."""
        above = f"{{0}}{block[0]}:{{0}}{block[1]}"
        count = f"{self.rows_formula()}-SUM({above.format('B')})"
        self.live.put(self.sheet.cell(line, 2), count, len(rows), "#,##0")
        position = 3
        for column in self.choices.measures:
            if not column.is_rate:
                letter = get_column_letter(position)
                formula = f"=SUM({self.whole(column)})-SUM({above.format(letter)})"
                result = sum(numbers([column.cells[i] for i in rows]))
                self.live.put(self.sheet.cell(line, position), formula, result, looks.number_format(column))
            position += 1
        lead = self.choices.lead
        if lead and not lead.is_rate:
            self._share_cell(line, position + 1, sum(numbers([lead.cells[i] for i in rows])), total_row)
        self._plain(line)

    def _total_line(self, line: int) -> None:
        put_text(self.sheet.cell(line, 1), "Total")
        self.live.put(self.sheet.cell(line, 2), self.rows_formula(), self.merged.size, "#,##0")
        position = 3
        for column in self.choices.measures:
            values, whole = numbers(column.cells), self.whole(column)
            cell = self.sheet.cell(line, position)
            if column.is_rate:
                fine = looks.number_format(column, average=True)
                self.live.put(cell, f'=IFERROR(AVERAGE({whole}),"{NONE}")', sum(values) / len(values), fine)
            else:
                self.live.put(cell, f"=SUM({whole})", sum(values), looks.number_format(column))
            position += 1
        lead = self.choices.lead
        if lead and not lead.is_rate:
            values = numbers(lead.cells)
            fine = looks.number_format(lead, average=True)
            cell = self.sheet.cell(line, position)
            self.live.put(cell, f'=IFERROR(AVERAGE({self.whole(lead)}),"{NONE}")', sum(values) / len(values), fine)
            self._share_cell(line, position + 1, sum(values), line)
        for index in range(1, len(self._block_names("")) + 1):
            cell = self.sheet.cell(line, index)
            cell.font, cell.fill, cell.border = looks.BOLD, looks.PALE_FILL, looks.TOP_LINE

    def _plain(self, line: int) -> None:
        for index in range(1, len(self._block_names("")) + 1):
            self.sheet.cell(line, index).font = looks.BODY
            if index > 1:
                self.sheet.cell(line, index).alignment = Alignment(horizontal="right")

    def _by_month(self, date: Column, row: int) -> Block | None:
        starts = months_of(date)
        if len(starts) < 2:
            return None
        yearly = is_yearly(starts)
        self._heading(row, f"By {'year' if yearly else 'month'} of {date.name}")
        self._head(row + 1, self._block_names("Year" if yearly else "Month"))
        first = row + 2
        undated = [i for i, cell in enumerate(date.cells) if not isinstance(cell, datetime)]
        last = first + len(starts) - 1
        total_row = last + (2 if undated else 1)
        by_start = _rows_by_period(date, yearly=yearly)
        for line, start in enumerate(starts, start=first):
            cell = self.sheet.cell(line, 1)
            cell.value, cell.number_format = start, "yyyy" if yearly else "mmm yyyy"
            cell.alignment = Alignment(horizontal="left")
            whole = self.whole(date)
            conditions = f'{whole},">="&$A{line},{whole},"<"&EDATE($A{line},{12 if yearly else 1})'
            self._line(line, by_start.get((start.year, 1 if yearly else start.month), []), (conditions, ""), total_row)
        if undated:
            put_text(self.sheet.cell(total_row - 1, 1), NO_DATE)
            self._rest_line(total_row - 1, undated, (first, last), total_row)
        self._total_line(total_row)
        return Block(row + 1, first, last, total_row + 2)

    def _lead_name(self) -> str:
        lead = self.choices.lead
        return (f"Average {lead.name}" if lead.is_rate else lead.name) if lead else "Rows"

    def _place(self, block: Block, title: str, *, over_time: bool) -> int:
        """The chart goes below its block, because beside it a printed page would have to shrink; returns the row
        where the next block may begin, on a page of its own so that no chart is cut in two."""
        column = 3 if self.choices.lead else 2
        last = block.last if over_time else min(block.last, block.first + 14)
        chart = charts.over_time(self.sheet, block.first) if over_time else charts.bars(self.sheet, block.first, last)
        charts.fill(chart, self.sheet, (block.head_row, last), column, title)
        self.sheet.add_chart(chart, f"A{block.next_row}")
        if self.sheet._charts[1:] or block.next_row > PAGE_LINES:
            self.sheet.row_breaks.append(Break(id=block.head_row - 2))
        if block.next_row - block.head_row > PAGE_LINES:
            self.sheet.row_breaks.append(Break(id=block.next_row - 1))
        return block.next_row + CHART_ROWS


def is_yearly(starts: list[datetime]) -> bool:
    """True when the periods are whole years."""
    return len(starts) > 1 and starts[0].month == starts[1].month == 1


def numbers(cells: list) -> list[float]:
    """The real numbers among these cells."""
    return [cell for cell in cells if isinstance(cell, int | float) and not isinstance(cell, bool)]


def put_value(cell: Cell, value: str | float) -> None:
    """Set a category's value: text stays text, a year stays a number."""
    if isinstance(value, str):
        put_text(cell, value)
    else:
        cell.value, cell.number_format = value, "0"
        cell.alignment = Alignment(horizontal="left")


def grouped(category: Column, lead: Column | None) -> list[tuple[str | float, bool, list[int]]]:
    """The category's values, largest first: as shown, whether COUNTIFS compares it safely, and its rows."""
    rows: dict[str, list[int]] = {}
    shown: dict[str, str | float] = {}
    for index, cell in enumerate(category.cells):
        if cell is not None:
            key = category_key(cell)
            rows.setdefault(key, []).append(index)
            shown.setdefault(key, cell if isinstance(cell, int | float) else str(cell))

    def size(key: str) -> float:
        if lead is None:
            return len(rows[key])
        values = numbers([lead.cells[i] for i in rows[key]])
        return (sum(values) / len(values) if lead.is_rate and values else sum(values)) if values else 0

    ordered = sorted(rows, key=lambda key: (-size(key), key))
    return [(shown[key], _compares_safely(shown[key], category), rows[key]) for key in ordered]


def _compares_safely(text: str | float, category: Column) -> bool:
    """False for texts that COUNTIFS would read as a wildcard, a comparison or a number."""
    if not isinstance(text, str):
        return True
    numeric = re.fullmatch(r"[-+\d.,%\s:/€$£]+", text) is not None
    return not (re.search(r"[*?~]", text) or text[0] in "<>=" or numeric or text.casefold() == category.name.casefold())


def _rows_by_period(date: Column, *, yearly: bool) -> dict[tuple[int, int], list[int]]:
    result: dict[tuple[int, int], list[int]] = {}
    for index, cell in enumerate(date.cells):
        if isinstance(cell, datetime):
            result.setdefault((cell.year, 1 if yearly else cell.month), []).append(index)
    return result
