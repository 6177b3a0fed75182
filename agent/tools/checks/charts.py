"""The first chart of a finished workbook as numbers, so that a chat can draw it again. Runs inside the sandbox, beside
`check_file`.

Gives {"kind": "bar" | "line" | "area" | "pie", "title", "labels", "series": [{"name", "values"}]}. What cannot be given
whole (too many points, a value that is missing) is not given at all: half a chart would say something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openpyxl.utils.cell import range_boundaries

POINTS = 20
SERIES = 12
LABEL_CHARS = 40
TITLE_CHARS = 80
KINDS = {
    "barChart": "bar",
    "bar3DChart": "bar",
    "lineChart": "line",
    "areaChart": "area",
    "pieChart": "pie",
    "doughnutChart": "pie",
}

Found = dict[str, Any]


def of_book(values: Any, formulas: Any) -> Found | None:
    """Of the first visible sheet that has one. `values`: the book with its results, `formulas`: with its charts."""
    for sheet in formulas.worksheets:
        if sheet.sheet_state == "visible":
            # openpyxl has no public name for the charts that it has read.
            for chart in sheet._charts:
                return _found(values, chart)
    return None


def _found(book: Any, chart: Any) -> Found | None:
    kind = KINDS.get(chart.tagname)
    drawn = list(chart.series)
    mixed = len(getattr(chart, "_charts", ())) > 1  # bars with a line above them, say
    if kind is None or mixed or not 1 <= len(drawn) <= (1 if kind == "pie" else SERIES):
        return None
    labels = _texts(book, _reference(drawn[0].cat))
    series = [_series(book, each, number) for number, each in enumerate(drawn, 1)]
    counts = {len(each["values"]) for each in series if each is not None}
    if None in series or len(counts) != 1 or not 1 <= (count := counts.pop()) <= POINTS:
        return None
    if drawn[0].cat is None:
        labels = [str(number) for number in range(1, count + 1)]
    if len(labels) != count:
        return None
    return {"kind": kind, "title": _title(book, chart), "labels": labels, "series": series}


def _series(book: Any, series: Any, number: int) -> Found | None:
    values = [cell.value for cell in _cells(book, _reference(series.val))]
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return None
    named = series.tx
    name = named.v or " ".join(_texts(book, _reference(named))) if named is not None else ""
    return {"name": (name or f"Series {number}")[:LABEL_CHARS], "values": values}


def _title(book: Any, chart: Any) -> str:
    text = chart.title.tx if chart.title is not None else None
    if text is None:
        return ""
    if text.rich is not None:
        return "".join(run.t or "" for part in text.rich.p for run in part.r or ())[:TITLE_CHARS]
    return " ".join(_texts(book, _reference(text)))[:TITLE_CHARS]


def _reference(source: Any) -> str:
    """The cells that something is read from, as the chart names them."""
    for name in ("numRef", "strRef"):
        reference = getattr(source, name, None)
        if reference is not None and reference.f:
            return reference.f
    return ""


def _texts(book: Any, reference: str) -> list[str]:
    return [_text(cell.value)[:LABEL_CHARS] for cell in _cells(book, reference)]


def _text(value: Any) -> str:
    date = getattr(value, "date", None)
    return date().isoformat() if callable(date) else "" if value is None else str(value)


def _cells(book: Any, reference: str) -> Iterator[Any]:
    """The cells of `'Sheet'!$A$2:$A$5`; at most one more than can be shown, so that too many are noticed."""
    sheet, _, area = reference.rpartition("!")
    name = sheet.removeprefix("'").removesuffix("'").replace("''", "'")
    if name not in book.sheetnames:
        return
    try:
        left, top, right, bottom = range_boundaries(area)
    except ValueError:
        return
    if None in (left, top, right, bottom):
        return
    bottom, right = min(bottom, top + POINTS), min(right, left + POINTS)
    for row in book[name].iter_rows(min_row=top, max_row=bottom, min_col=left, max_col=right):
        yield from row
