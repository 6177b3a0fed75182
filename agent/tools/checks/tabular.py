"""The first rows of a finished table, as people are to see them in the chat. Runs inside the sandbox, beside
`check_file`, on data it has opened already.

Gives plain JSON of a bounded size: {"sheet", "header", "rows", "rows_total", "columns_total"}, every cell as text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from typing import Any

ROWS = 200
COLUMNS = 20
CELL_CHARS = 100
CHARS = 8_000
"""Of the whole as JSON: a chat message takes some 12,000."""
TOP_ROWS = 10
"""Rows among which the header is searched, below a title or a date."""
WIDE = 0.6
"""The header names at least so much of the columns."""

_DATE_PARTS = re.compile(r"""("[^"]*"|\\.)|([^A-Za-z"\\])|(y+|m+|d+|[A-Za-z])""", re.IGNORECASE)
_DIRECTIVES = {
    "yyyy": "%Y",
    "yy": "%y",
    "mmmm": "%B",
    "mmm": "%b",
    "mm": "%m",
    "m": "%m",
    "dddd": "%A",
    "ddd": "%a",
    "dd": "%d",
    "d": "%d",
}
"""Of a day in a number format; hours and all else are not there."""

Found = dict[str, Any]


def of_rows(rows: Sequence[Sequence[str]]) -> Found | None:
    """Of a text table, whose first row is its header; None: there is nothing below it."""
    return _found("", rows[0], rows[1 : ROWS + 1], len(rows) - 1) if len(rows) > 1 else None


def of_book(values: Any, formulas: Any) -> Found | None:
    """Of the sheet a workbook opens at, or its first one with a table. None: it has none.

    `values`: the book with its results, `formulas`: with what is typed in. Only results are shown: the cell of a
    formula that gives an empty text, or was never calculated, is empty.
    """
    names = [name for name in values.sheetnames if name in formulas.sheetnames]
    opened = getattr(values.active, "title", "")
    for name in sorted(names, key=lambda name: name != opened):
        sheet = values[name]
        if hasattr(sheet, "iter_rows") and sheet.sheet_state == "visible" and (found := _of_sheet(sheet)):
            return found
    return None


def shown(value: object, number_format: str = "") -> str:
    """A value about as its sheet shows it."""
    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float():
            return _number(value, number_format)
        case datetime() if value.time() == time():
            return _dated(value, number_format) or value.date().isoformat()
        case datetime():
            return _dated(value, number_format) or value.isoformat(" ", "minutes")
        case date():
            return _dated(value, number_format) or value.isoformat()
        case _:
            return str(value)


def _of_sheet(sheet: Any) -> Found | None:
    kept: list[list[str]] = []
    total = 0
    for cells in sheet.iter_rows():
        if all(cell.value in (None, "") for cell in cells):
            continue
        total += 1
        if len(kept) < ROWS + TOP_ROWS:
            kept.append([shown(cell.value, cell.number_format or "") for cell in cells])
    if len(kept) < 2:
        return None
    at = _header_at(kept)
    columns = [n for n in range(len(kept[at])) if any(row[n].strip() for row in kept[at:])]
    header, *rows = ([row[n] for n in columns] for row in kept[at : at + 1 + ROWS])
    return _found(sheet.title, header, rows, total - at - 1) if rows else None


def _header_at(rows: Sequence[Sequence[str]]) -> int:
    """The first row that names most columns: what stands above it is a title."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows[:TOP_ROWS]]
    return next(n for n, count in enumerate(filled) if count >= max(filled) * WIDE)


def _found(sheet: str, header: Sequence[str], rows: Iterable[Sequence[str]], total: int) -> Found:
    width = min(len(header), COLUMNS)
    found: Found = {
        "sheet": sheet[:CELL_CHARS],
        "header": [cell[:CELL_CHARS] for cell in header[:width]],
        "rows": [],
        "rows_total": total,
        "columns_total": len(header),
    }
    size = len(json.dumps(found))
    for row in rows:
        cells = [cell[:CELL_CHARS] for cell in [*row[:width], *[""] * (width - len(row))]]
        size += len(json.dumps(cells)) + 2
        if size > CHARS:
            break
        found["rows"].append(cells)
    return found


def _number(value: float, number_format: str) -> str:
    """With the decimals, the thousands' commas and the percent sign of its format; currencies are left out."""
    form = re.sub(r'"[^"]*"|\[[^\]]*\]|\\.', "", number_format.split(";")[0])
    digits = re.search(r"[0#?](?:\.([0#?]+))?%?$", form.strip(" _()-")) if re.search("[0#]", form) else None
    if digits is None or "E" in form.upper() or isinstance(value, bool):
        return f"{value:.15g}"
    percent = form.rstrip().endswith("%")
    comma = "," if re.search(r"[#0],[#0]", form) else ""
    return f"{value * 100 if percent else value:{comma}.{len(digits[1] or '')}f}{'%' if percent else ''}"


def _dated(value: date, number_format: str) -> str:
    """A day as its format writes it, with English names; empty for formats with a time, and where the format leaves it
    to the reader's country, which we do not know (`mm-dd-yy` stands for that)."""
    form = re.sub(r"\[[^\]]*\]", "", number_format.split(";")[0]).strip()
    if form.lower() in ("", "general", "mm-dd-yy"):
        return ""
    written: list[str] = []
    for literal, sign, letters in _DATE_PARTS.findall(form):
        if letters and (directive := _DIRECTIVES.get(letters.lower())) is None:
            return ""
        elif letters:
            number = value.strftime(directive)
            written.append(number.lstrip("0") if len(letters) == 1 else number)
        else:
            written.append(literal[1:-1] if literal.startswith('"') else literal.removeprefix("\\") or sign)
    return "".join(written).strip() if re.search("[dmy]", form, re.IGNORECASE) else ""
