"""Turns the texts of a column into numbers, dates and clean text, and says what was done and what is doubtful."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import figures
from sources import Cell, SourceTable

Kind = Literal["text", "id", "number", "percent", "date"]
ENOUGH = 0.8
"""A column is numeric (or dates) when at least this share of its filled cells reads so; the rest stays text."""

_ID_WORDS = re.compile(
    r"\b(id|ids|no|nr|nº|code|codes|sku|ref|reference|plz|zip|postcode|postleitzahl|phone|tel|telefon|telephone|"
    r"telefono|fax|mobile|iban|bic|ean|isbn|gtin|upc|barcode|konto|key|uuid|cp|postal|number|numero|nummer|num|"
    r"matricule|referencia|codigo|clave)\b|(nummer|nr|code|schlussel|kennung|_id)$|^id_"
)
_COUNT_WORDS = re.compile(r"\b(number of|no of|count|anzahl|nombre|numero de|cantidad|quantity|qty|menge)\b")
_RATE_WORDS = re.compile(
    r"\b(price|prices|rate|avg|average|mean|unit|score|rating|temperature|ratio|share|percent|margin|level|age|"
    r"preis|einzelpreis|stuckpreis|satz|quote|anteil|schnitt|durchschnitt|alter|temperatur|"
    r"prix|taux|moyenne|note|precio|tasa|promedio|media|edad|temperatura)\b|preis$|satz$|%"
)
_YEAR_WORDS = re.compile(r"\b(year|jahr|annee|ano|exercice|ejercicio)\b|jahr$")


_ALWAYS_EMPTY = {"-", "–", "—", "null", "nan", "#n/a"}
"""Marks that mean nothing in a column of words too, where `none` or `NA` may be an answer or a country."""


@dataclass
class Column:
    """One column with typed cells. `unit`: `%`, a currency code or empty; `decimals` for its number format."""

    name: str
    kind: Kind
    cells: list[Cell]
    unit: str = ""
    decimals: int = 0
    with_time: bool = False
    is_rate: bool = False
    is_year: bool = False


@dataclass
class TypedTable:
    """A source table whose columns are typed. `file_rows`: source label and row number of every row."""

    label: str
    columns: list[Column]
    file_rows: list[tuple[str, int]]
    cleaned: Counter[str] = field(default_factory=Counter)
    assumptions: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    def column(self, name: str) -> Column | None:
        """The column with this exact name."""
        return next((column for column in self.columns if column.name == name), None)


def words(name: str) -> str:
    """A column name as plain lower-case words, so that `Unit_Price` and `unit price` compare equal."""
    spaced = re.sub(r"(?<=[a-zäöüß])(?=[A-Z])", " ", name)
    return re.sub(r"[^0-9a-z%º]+", " ", figures.plain(spaced).replace("ß", "ss")).strip()


def is_id_name(name: str) -> bool:
    """True for names such as `Customer ID`, `PLZ`, `Artikelnummer`; false for `Number of visitors`."""
    plain_name = words(name)
    return bool(_ID_WORDS.search(plain_name)) and not _COUNT_WORDS.search(plain_name)


def month_first_hint(tables: list[SourceTable]) -> bool:
    """True when dates anywhere in these tables prove month/day order and none proves day/month."""
    texts = [cell for table in tables for row in table.rows for cell in row if isinstance(cell, str) and len(cell) < 24]
    day, month = figures.day_first_votes(texts)
    return month > day


def type_table(table: SourceTable, *, month_first: bool) -> TypedTable:
    """The table with every column typed by its own evidence, then the table's, then the given hint."""
    typed = TypedTable(table.label, [], [(table.label, number) for number in table.row_numbers])
    typed.cleaned.update(table.cleaned)
    typed.doubts += [f"{table.label}: {doubt}" for doubt in table.doubts]
    texts = [[row[i] for row in table.rows] for i in range(len(table.header))]
    votes = [figures.decimal_votes(cell for cell in cells if isinstance(cell, str)) for cells in texts]
    comma, point = sum(v[0] for v in votes), sum(v[1] for v in votes)
    table_mark = "," if comma > point or (comma == point == 0 and table.delimiter == ";") else "."
    emptied: list[tuple[str, int]] = []
    for name, cells, vote in zip(table.header, texts, votes, strict=True):
        mark = table_mark if vote[0] == vote[1] else ("," if vote[0] > vote[1] else ".")
        column = _type_column(typed, name, cells, mark, month_first=month_first)
        typed.columns.append(column)
        emptied += _emptied(column, cells, table.row_numbers)
    if emptied:
        typed.doubts.append(f"{typed.label}: read as empty: {_listed(emptied)}")
    _check_stated_total(typed, table, table_mark)
    _split_mixed_currencies(typed, texts, table.header)
    if any(_has_decimal_comma(column, cells) for column, cells in zip(typed.columns, texts, strict=False)):
        typed.cleaned["decimal commas read as numbers"] += 1
    return typed


def _check_stated_total(typed: TypedTable, table: SourceTable, mark: str) -> None:
    """A total row that was left out is still good for something: it must agree with the rows."""
    if len(table.stated_totals) != 1:
        return
    for column, cell in zip(typed.columns, table.stated_totals[0], strict=False):
        if column.kind != "number" or cell is None:
            continue
        number = figures.read_number(cell, mark) if isinstance(cell, str) else None
        stated = number.value if number else cell
        total = sum(value for value in column.cells if isinstance(value, int | float))
        if isinstance(stated, int | float) and abs(stated - total) > 0.005 * 10 ** -min(column.decimals, 2) + 0.005:
            typed.doubts.append(
                f"{typed.label}: its own total of {column.name!r} is {stated:,.2f}, but its rows add up to {total:,.2f}"
            )


def _has_decimal_comma(column: Column, cells: list[Cell]) -> bool:
    return column.kind in ("number", "percent") and any(
        isinstance(raw, str) and isinstance(value, float) and re.search(r",\d{1,2}\D*$", raw)
        for raw, value in zip(cells, column.cells, strict=True)
    )


def _type_column(typed: TypedTable, name: str, cells: list[Cell], mark: str, *, month_first: bool) -> Column:
    written, cells = cells, [None if isinstance(cell, str) and figures.is_nothing(cell) else cell for cell in cells]
    filled = [cell for cell in cells if cell is not None]
    if not filled:
        return Column(name, "text", [None if _is_mark(cell) else cell for cell in written])
    if _is_id(name, filled):
        return Column(name, "id", [_id_text(cell) for cell in cells])
    dates = _as_dates(typed, name, filled, month_first=month_first)
    if dates is not None:
        return _date_column(typed, name, cells, dates)
    numbers = {cell: figures.read_number(cell, mark) for cell in filled if isinstance(cell, str)}
    good = sum(_is_plain_number(cell) or (isinstance(cell, str) and numbers[cell] is not None) for cell in filled)
    if good < max(1, ENOUGH * len(filled)):
        return Column(name, "text", [None if _is_mark(cell) else _as_text(cell) for cell in written])
    return _number_column(typed, name, cells, numbers)


def _is_mark(cell: Cell) -> bool:
    return isinstance(cell, str) and cell.strip().lower() in _ALWAYS_EMPTY


def _emptied(column: Column, written: list[Cell], row_numbers: list[int]) -> list[tuple[str, int]]:
    """What stood in cells that are empty now, with the column's name, and the row of each."""
    return [
        (f"{cell!r} in {column.name!r}", row)
        for cell, value, row in zip(written, column.cells, row_numbers, strict=True)
        if value is None and isinstance(cell, str) and cell.strip()
    ]


def _listed(emptied: list[tuple[str, int]]) -> str:
    rows: dict[str, list[int]] = {}
    for what, row in emptied:
        rows.setdefault(what, []).append(row)
    parts = []
    for what, places in list(rows.items())[:4]:
        shown = ", ".join(f"{row:,}" for row in places[:5])
        more = f" and {len(places) - 5:,} more" if len(places) > 5 else ""
        parts.append(f"{what} ({'row' if len(places) == 1 else 'rows'} {shown}{more})")
    left = sum(len(places) for places in list(rows.values())[4:])
    return "; ".join(parts) + (f"; {left:,} cells more" if left else "")


def _is_plain_number(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _as_text(cell: Cell) -> Cell:
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d" if cell.time() == datetime.min.time() else "%Y-%m-%d %H:%M")
    return cell if cell is None else _id_text(cell)


def _id_text(cell: Cell) -> Cell:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return cell if cell is None else str(cell)


def _is_id(name: str, filled: list[Cell]) -> bool:
    texts = [cell for cell in filled if isinstance(cell, str)]
    if any(re.fullmatch(r"0\d+", text) for text in texts) or any(re.fullmatch(r"\+?\d{16,}", text) for text in texts):
        return True
    if any(re.fullmatch(r"\+\d[\d ()/-]{6,}", text) for text in texts):
        return True
    whole = all(
        (isinstance(cell, str) and re.fullmatch(r"\d+", cell))
        or (isinstance(cell, int | float) and not isinstance(cell, bool) and float(cell).is_integer())
        for cell in filled
    )
    return whole and is_id_name(name)


def _as_dates(typed: TypedTable, name: str, filled: list[Cell], *, month_first: bool) -> dict[str, datetime] | None:
    texts = [cell for cell in filled if isinstance(cell, str)]
    day, month = figures.day_first_votes(texts)
    day_first = day >= month if day or month else not month_first
    found = {text: moment for text in set(texts) if (moment := figures.read_date(text, day_first=day_first))}
    # Eight digits are a date only under a name that says so; otherwise they are an order number as likely as not.
    found = {t: m for t, m in found.items() if not t.isdigit() or re.search(r"dat|day|tag|jour|fecha", words(name))}
    count = sum(isinstance(cell, datetime) or (isinstance(cell, str) and cell in found) for cell in filled)
    if count < max(1, ENOUGH * len(filled)):
        return None
    if day and month:
        typed.doubts.append(f"{typed.label}: column {name!r} mixes day/month and month/day dates; check it")
    elif not day and not month and (example := next((t for t in texts if figures.is_ambiguous_date(t)), None)):
        order = "day/month" if day_first else "month/day"
        typed.assumptions.append(f"{typed.label}: dates in {name!r} such as {example} were read as {order}.")
    return found


def _date_column(typed: TypedTable, name: str, cells: list[Cell], found: dict[str, datetime]) -> Column:
    result: list[Cell] = [found.get(cell, cell) if isinstance(cell, str) else cell for cell in cells]
    forms = {re.sub(r"\d", "9", cell) for cell in cells if isinstance(cell, str) and cell in found}
    if len({re.sub(r"9+", "9", form) for form in forms}) > 1:
        typed.cleaned["dates in several forms brought into one"] += sum(isinstance(cell, str) for cell in cells)
    _note_strays(typed, name, [cell for cell in result if isinstance(cell, str)], "a date")
    with_time = any(isinstance(cell, datetime) and cell.time() != datetime.min.time() for cell in result)
    return Column(name, "date", result, with_time=with_time)


def _number_column(
    typed: TypedTable, name: str, cells: list[Cell], numbers: dict[str, figures.Number | None]
) -> Column:
    result: list[Cell] = []
    units: Counter[str] = Counter()
    decimals = 0
    for cell in cells:
        number = numbers.get(cell) if isinstance(cell, str) else None
        if number is not None:
            units[number.unit] += 1
            decimals = max(decimals, number.decimals)
            result.append(int(number.value) if not number.decimals and number.value.is_integer() else number.value)
        else:
            if isinstance(cell, float):
                decimals = max(decimals, len(f"{cell:.6f}".rstrip("0").partition(".")[2]))
            result.append(cell)
    _note_strays(typed, name, [cell for cell in result if isinstance(cell, str)], "a number")
    named = [unit for unit, _ in units.most_common() if unit]
    percent = named[:1] == ["%"] and units["%"] >= sum(units.values()) / 2
    plain_name = words(name)
    years = all(isinstance(cell, int) and 1900 <= cell <= 2100 for cell in result if cell is not None)
    return Column(
        name,
        "percent" if percent else "number",
        result,
        unit=named[0] if named else "",
        decimals=min(decimals, 4),
        is_rate=percent or bool(_RATE_WORDS.search(plain_name)),
        is_year=years and bool(_YEAR_WORDS.search(plain_name)),
    )


def _note_strays(typed: TypedTable, name: str, strays: list[str], what: str) -> None:
    if strays:
        shown = ", ".join(repr(text[:30]) for text in strays[:3])
        count = f"{len(strays)} cell{'s' if len(strays) != 1 else ''}"
        typed.doubts.append(f"{typed.label}: {count} in {name!r} could not be read as {what} and stay text ({shown})")


def _split_mixed_currencies(typed: TypedTable, texts: list[list[Cell]], header: list[str]) -> None:
    """Beside a column that mixes currencies, add a column that names each one: they must not be added up blindly."""
    for index, name in enumerate(header):
        column = typed.columns[index]
        if column.kind != "number":
            continue
        units = [_unit_of(cell) for cell in texts[index]]
        named = {unit for unit in units if unit and unit != "%"}
        if len(named) > 1:
            column.unit = ""
            typed.columns.append(Column(f"{name} currency", "text", [unit or None for unit in units]))
            listed = ", ".join(sorted(named))
            typed.doubts.append(f"{typed.label}: {name!r} mixes currencies ({listed}); totals are shown per currency")


def _unit_of(cell: Cell) -> str:
    if not isinstance(cell, str):
        return ""
    number = figures.read_number(cell) or figures.read_number(cell, ",")
    return number.unit if number else ""


def unify_spelling(column: Column) -> int:
    """Give values that differ only in case one spelling, the best written; returns how many cells changed."""
    counts = Counter(cell for cell in column.cells if isinstance(cell, str))
    if column.kind != "text" or len({text.casefold() for text in counts}) > max(60, len(column.cells) // 4):
        return 0
    best: dict[str, str] = {}
    # "Obst" beats "obst" and "OBST" however often they occur; among equals the most frequent wins.
    for text in sorted(counts, key=lambda one: (one in (one.lower(), one.upper()), -counts[one])):
        best.setdefault(text.casefold(), text)
    changed = sum(count for text, count in counts.items() if best[text.casefold()] != text)
    column.cells = [best[cell.casefold()] if isinstance(cell, str) else cell for cell in column.cells]
    return changed
