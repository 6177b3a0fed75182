"""Lint of the blocks that show data: table, data_table, data_visualization.

Older pages of Slack's documentation name smaller limits for the last two (101 rows, 6 series); later ones hold here.
"""

from __future__ import annotations

from typing import Any

from tests.fakes.slack.checker import Checker, units
from tests.fakes.slack.rich import rich_text

TABLE_ROWS = 100
COLUMNS = 20
DATA_ROWS = 201
DATA_CHARS = 20_000
"""Of all cells of all data tables of a message."""
SERIES = 12
POINTS = 20
CHART_LABEL_CHARS = 20
CHART_TITLE_CHARS = 50


def table(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "rows", "column_settings block_id")
    rows = check.items(node, "rows", at, 1, TABLE_ROWS)
    width = _rows(check, rows, f"{at}/rows")
    settings = check.items(node, "column_settings", at, 1, COLUMNS)
    if len(settings) > width:
        check.fault(f"{at}/column_settings", "describes more columns than there are")
    for i, item in enumerate(settings):
        where = f"{at}/column_settings/{i}"
        if item is not None and check.shape(item, where, "", "align is_wrapped"):
            check.one_of(item, "align", where, "left center right")
            check.boolean(item, "is_wrapped", where)


def data_table(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "caption rows", "page_size row_header_column_index block_id")
    check.string(node, "caption", at, DATA_CHARS)
    rows = check.items(node, "rows", at, 2, DATA_ROWS)
    width = _rows(check, rows, f"{at}/rows")
    if rows and isinstance(rows[0], list):
        for i, cell in enumerate(rows[0]):
            if isinstance(cell, dict) and cell.get("type") == "rich_text":
                check.fault(f"{at}/rows/0/{i}", "a header cell may not be rich_text")
    check.integer(node, "page_size", at, 1, 100)
    check.integer(node, "row_header_column_index", at, 0, max(width - 1, 0))


def data_chars(node: Any) -> int:
    """Characters in the cells of a data table."""
    if isinstance(node, dict):
        own = node.get("text")
        inner = sum(data_chars(value) for name, value in node.items() if name != "caption")
        return inner + (units(own) if isinstance(own, str) else 0)
    return sum(map(data_chars, node)) if isinstance(node, list) else 0


def _rows(check: Checker, rows: Any, at: str) -> int:
    width = len(rows[0]) if rows and isinstance(rows[0], list) else 0
    for r, row in enumerate(rows):
        if not isinstance(row, list) or not 1 <= len(row) <= COLUMNS:
            check.fault(f"{at}/{r}", f"must have from 1 to {COLUMNS} cells")
            continue
        if len(row) != width:
            check.fault(f"{at}/{r}", f"has {len(row)} cells, the first row {width}")
        for c, cell in enumerate(row):
            _cell(check, cell, f"{at}/{r}/{c}")
    return width


def _cell(check: Checker, node: Any, at: str) -> None:
    kind = node.get("type") if isinstance(node, dict) else None
    match kind:
        case "raw_text":
            check.shape(node, at, "text")
            check.string(node, "text", at, DATA_CHARS)
        case "raw_number":
            check.shape(node, at, "value text")
            check.number(node.get("value"), f"{at}/value")
            check.string(node, "text", at, DATA_CHARS)
        case "rich_text":
            rich_text(check, node, at)
        case _:
            check.fault(at, f"unsupported type: {kind}")


def data_visualization(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "title chart", "block_id")
    check.string(node, "title", at, CHART_TITLE_CHARS)
    chart, where = node.get("chart"), f"{at}/chart"
    kind = chart.get("type") if isinstance(chart, dict) else None
    if kind == "pie":
        check.shape(chart, where, "segments")
        segments = check.items(chart, "segments", where, 1, SERIES)
        for i, segment in enumerate(segments):
            _point(check, segment, f"{where}/segments/{i}", above_zero=True)
    elif kind in ("bar", "line", "area"):
        _series(check, chart, where)
    else:
        check.fault(where, f"unsupported chart type: {kind}")


def _series(check: Checker, chart: Any, at: str) -> None:
    check.shape(chart, at, "series axis_config")
    axis, where = chart.get("axis_config"), f"{at}/axis_config"
    labels: list[Any] = []
    if axis is not None and check.shape(axis, where, "categories", "x_label y_label"):
        labels = list(check.items(axis, "categories", where, 1, POINTS))
        check.unique(labels, where, "category")
        for i, label in enumerate(labels):
            check.string({"label": label}, "label", f"{where}/categories/{i}", CHART_LABEL_CHARS)
        for name in ("x_label", "y_label"):
            check.string(axis, name, where, CHART_TITLE_CHARS)
    series = check.items(chart, "series", at, 1, SERIES)
    check.unique([s.get("name") for s in series if isinstance(s, dict)], at, "series")
    for i, item in enumerate(series):
        here = f"{at}/series/{i}"
        if check.shape(item, here, "name data"):
            check.string(item, "name", here, CHART_LABEL_CHARS)
            points = check.items(item, "data", here, 1, POINTS)
            for p, point in enumerate(points):
                _point(check, point, f"{here}/data/{p}")
            if [p.get("label") for p in points if isinstance(p, dict)] != labels:
                check.fault(here, "labels of the points are not the categories")


def _point(check: Checker, node: Any, at: str, *, above_zero: bool = False) -> None:
    if check.shape(node, at, "label value"):
        check.string(node, "label", at, CHART_LABEL_CHARS)
        check.number(node.get("value"), f"{at}/value")
        if above_zero and isinstance(node.get("value"), int | float) and node["value"] <= 0:
            check.fault(f"{at}/value", "must be more than 0")
