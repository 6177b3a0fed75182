"""Native charts in the book's look."""

from __future__ import annotations

import re

import looks
from openpyxl.chart import BarChart, LineChart, Reference
from openpyxl.chart.shapes import GraphicalProperties
from openpyxl.drawing.line import LineProperties
from openpyxl.worksheet.worksheet import Worksheet

Chart = BarChart | LineChart


def bars(sheet: Worksheet, first: int, last: int) -> Chart:
    """Standing bars for few short names, lying bars otherwise, largest on top."""
    chart = BarChart()
    longest = max(len(str(sheet.cell(row, 1).value)) for row in range(first, last + 1))
    chart.type = "bar" if longest > 10 or last - first > 7 else "col"
    if chart.type == "bar":
        chart.y_axis.crosses = "max"
        chart.x_axis.scaling.orientation = "maxMin"
        chart.x_axis.tickLblSkip = 1
    return chart


def over_time(sheet: Worksheet, first: int) -> Chart:
    """A line whose axis shows the periods as the sheet does."""
    chart = LineChart()
    chart.x_axis.number_format = sheet.cell(first, 1).number_format
    return chart


def fill(chart: Chart, sheet: Worksheet, rows: tuple[int, int], column: int, title: str) -> None:
    """Give a chart its one series: `rows` from the header to the last value of `column`, names in column 1."""
    head, last = rows
    chart.add_data(Reference(sheet, min_col=column, min_row=head, max_row=last), titles_from_data=True)
    chart.set_categories(Reference(sheet, min_col=1, min_row=head + 1, max_row=last))
    chart.title, chart.legend = re.sub(r"\s+", " ", title), None
    chart.height, chart.width = 8.2, 17
    series = chart.series[0]
    if isinstance(chart, BarChart):
        chart.gapWidth = 60
        series.graphicalProperties = GraphicalProperties(solidFill=looks.ACCENT)
    else:
        series.graphicalProperties.line.solidFill = looks.ACCENT
        series.graphicalProperties.line.width = 28000
        series.smooth = False
    form = sheet.cell(head + 1, column).number_format
    chart.y_axis.number_format = "0%" if "%" in form else re.sub(r"\.0+", "", form)
    chart.y_axis.majorGridlines.spPr = GraphicalProperties(ln=LineProperties(solidFill="E2E8F0", w=6350))
    # openpyxl leaves `delete` unset, which some programs read as "no axis".
    # Names stay at the edge: beside a bar below zero they would lie under it.
    chart.x_axis.tickLblPos = "low"
    chart.x_axis.delete = chart.y_axis.delete = False
