"""Reads tables out of delimited text files and workbooks, whatever their delimiter, encoding and header row."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path

import figures
import openpyxl
from job import decode, plural

Cell = str | float | int | bool | datetime | None
TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".tab")
BOOK_SUFFIXES = (".xlsx", ".xlsm")
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_TOTAL = re.compile(
    r"(?:grand |overall )?(?:sub[ -]?)?(?:totals?|sum)|(?:zwischen|gesamt)?summe|gesamt|insgesamt|(?:sous-)?totaux"
    r"|total (?:general|général|gesamt)|suma|somme",
    re.IGNORECASE,
)
ROW_LIMIT = 1_000_000


@dataclass
class SourceTable:
    """One table as it stood in a file. `first_row` is the file's row number of the first data row."""

    file: Path
    sheet: str
    header: list[str]
    rows: list[list[Cell]]
    row_numbers: list[int]
    how: str
    header_row: int
    delimiter: str = ""
    cleaned: Counter[str] = field(default_factory=Counter)
    doubts: list[str] = field(default_factory=list)
    stated_totals: list[list[Cell]] = field(default_factory=list)

    @property
    def label(self) -> str:
        """File name, with the sheet when the file has several."""
        return f"{self.file.name} [{self.sheet}]" if self.sheet else self.file.name


def read_tables(path: Path) -> list[SourceTable]:
    """All tables of one file. Raises ValueError with the reason when there is none that can be read."""
    if path.stat().st_size == 0:
        raise ValueError("the file is empty")
    if path.suffix.lower() in BOOK_SUFFIXES:
        return _read_book(path)
    text, encoding, doubt = decode(path.read_bytes())
    grid, delimiter, doubts = parse_delimited(text)
    name = DELIMITERS.get(delimiter, "one column")
    table = shape(path, "", [list[Cell](row) for row in grid], f"{encoding}, {name}")
    table.delimiter = delimiter
    table.doubts += [doubt, *doubts] if doubt else doubts
    return [table]


def parse_delimited(text: str) -> tuple[list[list[str]], str, list[str]]:
    """Rows, the delimiter found, and doubts."""
    doubts: list[str] = []
    stated = re.match(r"^sep=(.)\n", text)
    if stated:
        text = text[stated.end() :]
    sample = "\n".join(text.split("\n")[:400])
    delimiter = stated[1] if stated else max(DELIMITERS, key=lambda mark: _score(sample, mark))
    rows = _parse(text, delimiter)
    lines = sum(1 for line in text.split("\n") if line.strip())
    if text.count('"') % 2 and len(rows) < lines * 0.7:
        rows = _parse(text, delimiter, quoting=csv.QUOTE_NONE)
        doubts.append("a quotation mark is never closed; quotation marks were read as plain characters")
    return rows, delimiter, doubts


def _parse(text: str, delimiter: str, *, quoting: int = csv.QUOTE_MINIMAL) -> list[list[str]]:
    csv.field_size_limit(64 * 1024 * 1024)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, quoting=quoting, skipinitialspace=delimiter != "\t")
    return list(reader)


def _score(sample: str, mark: str) -> float:
    widths = Counter(len(row) for row in _parse(sample, mark) if any(cell.strip() for cell in row))
    if not widths:
        return 0.0
    width, count = max(widths.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
    return 0.0 if width < 2 else count / widths.total() * (1 + min(width, 12) / 20)


def _read_book(path: Path) -> list[SourceTable]:
    try:
        book = openpyxl.load_workbook(path, data_only=True)
        formulas = openpyxl.load_workbook(path, data_only=False)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, TypeError, SyntaxError, AttributeError) as error:
        raise ValueError("not a readable workbook (damaged, or protected by a password)") from error
    tables = []
    sheets = [sheet for sheet in book.worksheets if sheet.max_row and sheet.max_column]
    for sheet in sheets:
        grid = [[_cell(value) for value in row] for row in sheet.iter_rows(values_only=True)]
        try:
            table = shape(path, sheet.title if len(sheets) > 1 else "", grid, "workbook")
        except ValueError:
            continue
        unknown = sum(
            isinstance(cell.value, str) and cell.data_type == "f" and sheet.cell(cell.row, cell.column).value is None
            for row in formulas[sheet.title].iter_rows()
            for cell in row
        )
        if unknown:
            table.doubts.append(f"{plural(unknown, 'formula')} without a stored result: read as empty")
        if sheet.sheet_state != "visible":
            table.doubts.append("the sheet is hidden in its workbook; it was read all the same")
        tables.append(table)
    if not tables:
        raise ValueError("no sheet holds a table with a header and at least one row")
    return tables


def _cell(value: object) -> Cell:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, date):
        return datetime.combine(value, time())
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return str(value)


def shape(path: Path, sheet: str, grid: list[list[Cell]], how: str) -> SourceTable:
    """Finds the header and keeps the data rows below it. Raises ValueError when there are none."""
    numbered = [
        (number, [_tidy(cell) for cell in row])
        for number, row in enumerate(grid, start=1)
        if any(cell is not None and str(cell).strip() for cell in row)
    ]
    if not numbered:
        raise ValueError("it holds no rows")
    if len(numbered) > ROW_LIMIT:
        raise ValueError(f"it has more than {ROW_LIMIT:,} rows, more than a sheet can hold")
    filled = Counter(_last_filled(row) for _, row in numbered)
    width = max(filled, key=lambda size: (filled[size] * (size > 1), size))
    start = _header_index([row for _, row in numbered], width)
    if start is None:
        names = [f"Column {index}" for index in range(1, width + 1)]
        body = numbered
    else:
        names = [str(cell if cell is not None else "") for cell in numbered[start][1]]
        body = numbered[start + 1 :]
    if not body:
        raise ValueError("it has a header but no rows")
    header_row = 0 if start is None else numbered[start][0]
    table = SourceTable(path, sheet, [], [], [], how, header_row)
    if start is None:
        table.doubts.append("no header row was found; columns are numbered")
    elif start:
        table.cleaned["rows above the header left out"] += start
    widest = max(len(names), max(_last_filled(row) for _, row in body))
    if widest > len(names):
        table.doubts.append(
            f"some rows have more cells than the header; they are kept in {plural(widest - len(names), 'extra column')}"
        )
    table.header = unique_names(names + [""] * (widest - len(names)))
    _take_rows(table, body, names)
    _drop_empty_columns(table)
    if not table.rows or not table.header:
        raise ValueError("it has a header but no rows")
    return table


def _take_rows(table: SourceTable, body: list[tuple[int, list[Cell]]], names: list[str]) -> None:
    key = [name.casefold() for name in names]
    size = len(table.header)
    for number, row in body:
        texts = [str(cell).casefold() if cell is not None else "" for cell in row]
        if texts[: len(key)] == key and table.header_row:
            table.cleaned["repeated header rows left out"] += 1
            continue
        if _is_total(row):
            table.cleaned["total rows left out, so that nothing is counted twice"] += 1
            table.stated_totals.append((row + [None] * size)[:size])
            continue
        if len(row) < len(names):
            table.cleaned["short rows filled up with empty cells"] += 1
        table.rows.append((row + [None] * size)[:size])
        table.row_numbers.append(number)


def _drop_empty_columns(table: SourceTable) -> None:
    keep = [
        index
        for index, name in enumerate(table.header)
        if any(row[index] is not None for row in table.rows) or not re.fullmatch(r"Column \d+", name)
    ]
    if len(keep) < len(table.header):
        table.cleaned["empty columns without a name left out"] += len(table.header) - len(keep)
        table.header = [table.header[index] for index in keep]
        table.rows = [[row[index] for index in keep] for row in table.rows]
        table.stated_totals = [[row[index] for index in keep] for row in table.stated_totals]


def _tidy(cell: Cell) -> Cell:
    if not isinstance(cell, str):
        return cell
    text = re.sub(r"[ \t\u00a0\u2007\u202f\u200b]+", " ", cell).strip()
    return text or None


def _last_filled(row: list[Cell]) -> int:
    return max((index for index, cell in enumerate(row, start=1) if cell is not None), default=0)


def _is_total(row: list[Cell]) -> bool:
    words = [cell for cell in row if isinstance(cell, str) and not _looks_like_value(cell)]
    return len(words) == 1 and len(row) > 1 and bool(_TOTAL.fullmatch(words[0].strip(" :=")))


def _looks_like_value(cell: Cell) -> bool:
    if cell is None or not isinstance(cell, str):
        return cell is not None
    return (
        figures.read_number(cell) is not None
        or figures.read_number(cell, ",") is not None
        or (figures.read_date(cell) is not None)
    )


def _header_index(rows: list[list[Cell]], width: int) -> int | None:
    """The first row wide enough to be the header, if it is words rather than values."""
    for index, row in enumerate(rows[:30]):
        cells = [cell for cell in row if cell is not None]
        if len(cells) < max(1, round(width * 0.6)) or (width > 1 and len(cells) < 2):
            continue
        values = sum(_looks_like_value(cell) and not _is_year(cell) for cell in cells)
        if values == 0 and len({str(cell).casefold() for cell in cells}) >= len(cells) * 0.7:
            return index
        if values <= len(cells) * 0.25 and _below_differs(row, rows[index + 1 : index + 20]):
            return index
        return None
    return None


def _is_year(cell: Cell) -> bool:
    return bool(re.fullmatch(r"(19|20)\d{2}(-\d{2})?(\.0)?", str(cell)))


def _below_differs(row: list[Cell], below: list[list[Cell]]) -> bool:
    return any(
        not _looks_like_value(cell) and cell is not None and any(len(r) > i and _looks_like_value(r[i]) for r in below)
        for i, cell in enumerate(row)
    )


def unique_names(names: list[str]) -> list[str]:
    """Column names as an Excel table wants them: not empty, one line, no two alike in any case."""
    taken: set[str] = set()
    result = []
    for index, raw in enumerate(names, start=1):
        name = re.sub(r"[\x00-\x1f]+", " ", str(raw)).strip()[:200] or f"Column {index}"
        unique, number = name, 2
        while unique.casefold() in taken:
            unique, number = f"{name} {number}", number + 1
        taken.add(unique.casefold())
        result.append(unique)
    return result
