"""Chooses what a summary is about: measures to add up, categories to group by, the date that gives the months."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import figures
from columns import Column, is_id_name, words
from merging import Merged

_MEASURE_WORDS = re.compile(
    r"\b(amount|total|revenue|sales|turnover|net|gross|value|cost|costs|spend|expense|profit|budget|hours|quantity|qty|"
    r"betrag|umsatz|summe|gesamt|netto|brutto|wert|kosten|gewinn|stunden|menge|anzahl|"
    r"montant|ventes|chiffre|cout|couts|valeur|heures|quantite|importe|ventas|ingresos|coste|valor|horas|cantidad)\b|"
    r"betrag|umsatz|kosten|summe"
)
_QUANTITY_WORDS = re.compile(
    r"\b(quantity|qty|menge|anzahl|quantite|cantidad|count|pieces|stuck|units|hours|stunden)\b"
)


@dataclass(frozen=True)
class Choices:
    """What the summary shows. `measures`: first one leads; `sums` tells for each whether adding it up makes sense."""

    measures: tuple[Column, ...]
    categories: tuple[Column, ...]
    date: Column | None

    @property
    def lead(self) -> Column | None:
        """The measure that charts and shares are about."""
        return self.measures[0] if self.measures else None


def choose(merged: Merged, request: str) -> Choices:
    """The measures, categories and date of a merged table that serve a reader best, asked-for columns first."""
    asked = _asked(merged, request)
    measures = [c for c in merged.columns if _is_measure(c)]
    measures.sort(key=lambda c: _measure_rank(c, asked), reverse=True)
    categories = [c for c in merged.columns if c not in measures and _is_category(c, merged.size, asked)]
    categories.sort(key=lambda c: _category_rank(c, merged.size, asked), reverse=True)
    mixed = [c for c in merged.columns if measures and c.name == f"{measures[0].name} currency"]
    dates = [c for c in merged.columns if c.kind == "date" and _filled(c) >= 0.5]
    dates.sort(key=lambda c: (c.name in asked, round(_filled(c), 1), -merged.columns.index(c)), reverse=True)
    ordered = mixed + [c for c in categories if c not in mixed]
    return Choices(tuple(measures[:3]), tuple(ordered[:2]), dates[0] if dates else None)


def _asked(merged: Merged, request: str) -> set[str]:
    """Columns that the request names, singular or plural, in any case."""
    said = [word for word in re.split(r"\W+", figures.plain(request)) if len(word) > 2]
    result = set()
    for column in merged.columns:
        parts = [part for part in words(column.name).split() if len(part) > 2]
        if parts and all(any(_same_word(part, word) for word in said) for part in parts):
            result.add(column.name)
    return result


def _same_word(a: str, b: str) -> bool:
    short, long = sorted((a, b), key=len)
    return (
        long == short
        or (long.startswith(short) and len(long) - len(short) <= 2 and len(short) >= 4)
        or (short.endswith("y") and long == short[:-1] + "ies")
    )


def _filled(column: Column) -> float:
    return sum(cell is not None for cell in column.cells) / max(1, len(column.cells))


def _is_measure(column: Column) -> bool:
    if column.kind not in ("number", "percent") or column.is_year or is_id_name(column.name):
        return False
    values = [cell for cell in column.cells if isinstance(cell, int | float)]
    # A whole number that counts up row by row is a serial number, whatever its name.
    whole = all(isinstance(value, int) for value in values) and not _MEASURE_WORDS.search(words(column.name))
    serial = whole and len(values) > 4 and all(b - a == 1 for a, b in itertools.pairwise(values))
    return bool(values) and not serial


def _measure_rank(column: Column, asked: set[str]) -> tuple[float, ...]:
    name = words(column.name)
    total = sum(abs(cell) for cell in column.cells if isinstance(cell, int | float))
    wording = bool(_MEASURE_WORDS.search(name)) - 0.5 * bool(_QUANTITY_WORDS.search(name))
    money = 1.0 if column.unit not in ("", "%") else 0.0
    return (column.name in asked, not column.is_rate, money + wording, _filled(column) > 0.5, total)


def _distinct(column: Column) -> Counter[str]:
    return Counter(category_key(cell) for cell in column.cells if cell is not None)


def category_key(cell: object) -> str:
    """How values of a category compare: regardless of case."""
    return str(cell).casefold()


def _is_category(column: Column, rows: int, asked: set[str]) -> bool:
    if column.kind == "date" or column.kind == "percent" or (column.kind == "number" and not column.is_year):
        return False
    if column.kind == "id" and column.name not in asked:
        return False
    distinct = _distinct(column)
    most = 200 if column.name in asked else 40
    longest = max((len(text) for text in distinct), default=0)
    if any("\n" in text for text in distinct):
        return False
    repeats = len(distinct) <= max(2, rows * 0.6) or column.name in asked or rows <= 12
    return 2 <= len(distinct) <= most and repeats and longest <= 60 and _filled(column) >= 0.5


def _category_rank(column: Column, rows: int, asked: set[str]) -> tuple[float, ...]:
    count = len(_distinct(column))
    comfortable = 1.0 if 3 <= count <= 15 else 0.6 if count <= 25 else 0.3
    repeats = 1 - count / max(1, rows)
    source = 0.6 if column.name.startswith("Source") else 0.0
    joined = 0.05 if column.is_rate else 0.0
    return (column.name in asked, comfortable + repeats + 0.3 * _filled(column) - source - joined)


def months_of(column: Column) -> list[datetime]:
    """Every month from the first to the last date, without gaps; whole years when that would be more than 36."""
    dates = [cell for cell in column.cells if isinstance(cell, datetime)]
    if not dates:
        return []
    first, last = min(dates), max(dates)
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    if count > 36:
        return [datetime(year, 1, 1) for year in range(first.year, last.year + 1)]  # noqa: DTZ001 - as in the workbook
    start = first.year * 12 + first.month - 1
    return [datetime((start + i) // 12, (start + i) % 12 + 1, 1) for i in range(count)]  # noqa: DTZ001
