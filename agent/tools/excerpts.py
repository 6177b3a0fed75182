"""What a sandbox says it has read in a file, made safe to keep: its shape and size are not taken on trust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import cast

from pydantic import TypeAdapter, ValidationError

from agent.domain.blocks import Json
from agent.domain.files import ChartExcerpt, TableExcerpt

ROWS = 200
COLUMNS = 20
CELL_CHARS = 100
CHARS = 10_000
"""Of all cells: an excerpt is kept with its event."""
POINTS = 20
SERIES = 12
LABEL_CHARS = 40
TITLE_CHARS = 80


def table_of(found: Json) -> TableExcerpt | None:
    """The excerpt of a table; None: there is none, or it is not one."""
    if not isinstance(found, dict):
        return None
    table = cast(Mapping[str, Json], found)
    header, rows, sheet = _cells(table.get("header")), table.get("rows"), table.get("sheet")
    if not header or not isinstance(rows, list):
        return None
    kept: list[tuple[str, ...]] = []
    left = CHARS - sum(map(len, header))
    for row in cast(Sequence[Json], rows)[:ROWS]:
        cells = _cells(row)[: len(header)]
        left -= sum(map(len, cells))
        if left < 0:
            break
        kept.append((*cells, *[""] * (len(header) - len(cells))))
    return TableExcerpt(
        sheet=sheet[:CELL_CHARS] if isinstance(sheet, str) else "",
        header=header,
        rows=tuple(kept),
        rows_total=_count(table.get("rows_total"), len(kept)),
        columns_total=_count(table.get("columns_total"), len(header)),
    )


def chart_of(found: Json) -> ChartExcerpt | None:
    """A chart as numbers; None: there is none, or it is not whole."""
    try:
        chart = TypeAdapter(ChartExcerpt).validate_python(found)
    except (ValidationError, OverflowError):
        return None
    points, values = len(chart.labels), [value for each in chart.series for value in each.values]
    even = {len(each.values) for each in chart.series} == {points}
    if not (even and 1 <= points <= POINTS and len(chart.series) <= SERIES and all(map(isfinite, values))):
        return None
    return replace(
        chart,
        title=chart.title[:TITLE_CHARS],
        labels=tuple(label[:LABEL_CHARS] for label in chart.labels),
        series=tuple(replace(each, name=each.name[:LABEL_CHARS]) for each in chart.series),
    )


def _cells(found: Json) -> tuple[str, ...]:
    cells = cast(Sequence[Json], found)[:COLUMNS] if isinstance(found, list) else ()
    return tuple(cell[:CELL_CHARS] if isinstance(cell, str) else "" for cell in cells)


def _count(found: Json, least: int) -> int:
    return max(found, least) if isinstance(found, int) and found < 10**9 else least
