"""Native charts, tables and pictures on a slide."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import measuring
from outline import Chart
from PIL import Image, UnidentifiedImageError
from pptx.chart.data import CategoryChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE, XL_LABEL_POSITION, XL_LEGEND_POSITION
from pptx.enum.dml import MSO_THEME_COLOR
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.util import Inches, Pt
from prose import Grid, bare

Box = tuple[float, float, float, float]
"""Left, top, width and height in inches."""
_TYPES = {
    "column": XL_CHART_TYPE.COLUMN_CLUSTERED,
    "bar": XL_CHART_TYPE.BAR_CLUSTERED,
    "line": XL_CHART_TYPE.LINE_MARKERS,
    "doughnut": XL_CHART_TYPE.DOUGHNUT,
}


def clean(text: str) -> str:
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]", "", text).strip()


def add_chart(page: Any, chart: Chart, box: Box, title: str) -> None:
    """A native chart in the theme's colours."""
    data = CategoryChartData()
    data.categories = [clean(label) for label in chart.labels]
    for name, values in chart.series:
        data.add_series(clean(name or title), values)
    x, y, w, h = box
    frame = page.shapes.add_chart(_TYPES[chart.kind], Inches(x), Inches(y + 0.1), Inches(w), Inches(h - 0.2), data)
    frame.name = f"Chart {clean(title)}"[:60]
    _style_chart(frame.chart, chart)


def add_table(page: Any, grid: Grid, box: Box) -> None:
    """A native table; columns as wide as their texts ask for."""
    x, y, w, _ = box
    rows = [[bare(cell) for cell in row] for row in [grid.header, *grid.rows]]
    weights = [max(5, min(40, max(len(row[i]) for row in rows))) for i in range(len(grid.header))]
    narrow = w / len(grid.header) < 1.6
    size = 18 if len(rows) <= 7 and not narrow else 16 if len(grid.header) <= 5 else 13 if len(grid.header) <= 7 else 11
    height = Inches(max(0.42, min(0.62, 4.6 / len(rows))) * len(rows))
    frame = page.shapes.add_table(len(rows), len(grid.header), Inches(x), Inches(y), Inches(w), height)
    table = frame.table
    for index, weight in enumerate(weights):
        table.columns[index].width = Inches(w * weight / sum(weights))
    for r, row in enumerate(rows):
        for c, text in enumerate(row):
            number = re.fullmatch(r"[-+−(€$£]?\s?\d[\d.,'\s]*\S{0,4}\)?", rows[-1][c] if r == 0 else text)
            _fill_cell(table.cell(r, c), text, size, head=r == 0, striped=r % 2 == 0, right=bool(number) and c > 0)


def add_picture(page: Any, path: Path, box: Box) -> bool:
    """A picture as large as the box allows, centred; False when the file is no picture."""
    x, y, w, h = box
    try:
        with Image.open(path) as image:
            ratio = image.width / image.height
        wide = min(w, h * ratio)
        place = (x + (w - wide) / 2, y + (h - wide / ratio) / 2)
        page.shapes.add_picture(str(path), Inches(place[0]), Inches(place[1]), Inches(wide))
    except (UnidentifiedImageError, OSError, ValueError, KeyError, ZeroDivisionError):
        return False
    return True


def shown(value: float, chart: Chart) -> str:
    if chart.percent:
        return f"{value:.1%}" if round(value * 100, 6) % 1 else f"{value:.0%}"
    text = f"{value:,.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:,.0f}"
    text = text if chart.grouped else text.replace(",", "")
    return f"{text} {chart.unit}".strip()


def _style_chart(chart: Any, data: Chart) -> None:
    chart.font.size = Pt(14)
    chart.font.color.theme_color = MSO_THEME_COLOR.TEXT_1
    several = len(data.series) > 1
    _name_chart(chart, data)
    chart.has_legend = several or data.kind == "doughnut"
    if chart.has_legend:
        chart.legend.position = XL_LEGEND_POSITION.BOTTOM if several else XL_LEGEND_POSITION.RIGHT
        chart.legend.include_in_layout = False
        chart.legend.font.size = Pt(14)
    plot = chart.plots[0]
    biggest = max(abs(v) for _, values in data.series for v in values)
    fractions = any(round(v * (100 if data.percent else 1), 6) % 1 for _, values in data.series for v in values)
    plain_form = ("#,##0" if data.grouped else "0") + (".0" if fractions and biggest < 1000 else "")
    form = ("0.0%" if fractions else "0%") if data.percent else plain_form
    if data.kind != "line" or len(data.labels) <= 8:
        plot.has_data_labels = True
        labels = plot.data_labels
        labels.number_format, labels.number_format_is_linked = form, False
        labels.font.size = Pt(14)
        labels.show_value = True
        if data.kind == "doughnut":
            labels.show_percentage = labels.show_category_name = False
            labels.font.bold = True
            labels.font.color.rgb = RGBColor(0xFF, 0xFF, 0xFF)
        elif data.kind == "line":
            labels.position = XL_LABEL_POSITION.ABOVE
        else:
            labels.position = XL_LABEL_POSITION.OUTSIDE_END
    if data.kind == "doughnut":
        return
    if data.kind in ("column", "bar"):
        plot.gap_width, plot.overlap = 60, -5 if several else 0
    _style_axes(chart, data, form)
    for index, series in enumerate(plot.series):
        colour = getattr(MSO_THEME_COLOR, f"ACCENT_{index + 1}")
        if data.kind == "line":
            series.format.line.color.theme_color, series.format.line.width, series.smooth = colour, Pt(2.5), False
            series.marker.format.fill.solid()
            series.marker.format.fill.fore_color.theme_color = colour
        else:
            series.format.fill.solid()
            series.format.fill.fore_color.theme_color = colour
            series.invert_if_negative = False


def _name_chart(chart: Any, data: Chart) -> None:
    """Above the drawing: what is drawn, and in which unit."""
    names = ", ".join(clean(name) for name, _ in data.series if name)
    unit = "%" if data.percent else clean(data.unit)
    title = f"{names} ({unit})" if names and unit else names or unit
    chart.has_title = bool(title)
    if title:
        chart.chart_title.include_in_layout = False
        frame = chart.chart_title.text_frame
        frame.text = measuring.shortened(title, 70)
        font = frame.paragraphs[0].runs[0].font
        font.size, font.bold = Pt(16), True
        font.color.theme_color = MSO_THEME_COLOR.TEXT_2


def _style_axes(chart: Any, data: Chart, form: str) -> None:
    value, category = chart.value_axis, chart.category_axis
    value.has_major_gridlines = data.kind == "line"
    if data.kind == "line":
        value.major_gridlines.format.line.color.rgb = RGBColor(0xE2, 0xE8, 0xF0)
    value.visible = data.kind == "line"
    value.tick_labels.number_format, value.tick_labels.number_format_is_linked = form, False
    value.format.line.fill.background()
    if min(v for _, values in data.series for v in values) >= 0:
        value.minimum_scale = 0
    category.format.line.color.rgb = RGBColor(0x94, 0xA3, 0xB8)
    category.tick_labels.font.size = Pt(14)
    category.has_major_gridlines = False
    if data.kind == "bar":
        category.reverse_order = True


def _fill_cell(cell: Any, text: str, size: int, *, head: bool, striped: bool, right: bool) -> None:
    cell.vertical_anchor = MSO_ANCHOR.MIDDLE
    cell.margin_top = cell.margin_bottom = Inches(0.05)
    cell.fill.solid()
    if head:
        cell.fill.fore_color.theme_color = MSO_THEME_COLOR.TEXT_2
    elif striped:
        cell.fill.fore_color.theme_color = MSO_THEME_COLOR.BACKGROUND_2
    else:
        cell.fill.fore_color.rgb = RGBColor(0xFF, 0xFF, 0xFF)
    paragraph = cell.text_frame.paragraphs[0]
    run = paragraph.add_run()
    run.text = clean(measuring.shortened(text, 160))
    run.font.size, run.font.bold = Pt(size), head
    run.font.color.theme_color = MSO_THEME_COLOR.BACKGROUND_1 if head else MSO_THEME_COLOR.TEXT_1
    if right:
        paragraph.alignment = PP_ALIGN.RIGHT
