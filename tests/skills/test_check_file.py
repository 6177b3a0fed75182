"""The program with which `deliver` checks a finished file: what is wrong is named, what is right passes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import docx
import openpyxl
import pptx
import pytest
from openpyxl.chart import AreaChart, BarChart, LineChart, PieChart, Reference, ScatterChart, Series

CHECKER = Path(__file__).resolve().parents[2] / "agent" / "tools" / "checks" / "check_file.py"


def _report(path: Path) -> dict[str, Any]:
    command = [sys.executable, str(CHECKER), str(path), str(path.parent / "previews")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    assert set(report) - {"table", "chart"} == {"kind", "checks", "previews"}
    assert all(set(check) == {"name", "ok", "detail"} and check["detail"] for check in report["checks"])
    return report


def _failed(report: dict[str, Any]) -> list[str]:
    return [check["detail"] for check in report["checks"] if check["ok"] is False]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "x;y\n1;2\n"),
        ("a.json", '{"a": [1]}'),
        ("a.md", "# Words\n"),
        ("a.html", "<p>Hello</p>"),
        ("a.txt", "hi"),
    ],
)
def test_sound_text_files_pass(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert _failed(_report(path)) == []


@pytest.mark.parametrize(("name", "content"), [("a.csv", "x,y\n1,2,3\n"), ("a.json", "{oops"), ("a.txt", "")])
def test_broken_text_files_fail(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert len(_failed(_report(path))) == 1


def test_an_unknown_kind_is_not_called_good(tmp_path: Path) -> None:
    path = tmp_path / "a.xyz"
    path.write_bytes(b"something")
    assert [check["ok"] for check in _report(path)["checks"]] == [None]


@pytest.mark.parametrize("suffix", ["xlsx", "docx", "pptx"])
def test_a_damaged_office_file_fails_to_open(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"PK\x03\x04 this is no package")
    assert len(_failed(_report(path))) == 1


@pytest.mark.office
def test_a_formula_error_is_found_by_recalculation(tmp_path: Path, convert: Callable[[Path, str], Path]) -> None:
    book = openpyxl.Workbook()
    book.active["A1"], book.active["A2"] = "=1/0", "=SUM(1,2)"
    book.save(tmp_path / "bad.xlsx")
    assert any("Sheet!A1" in detail for detail in _failed(_report(tmp_path / "bad.xlsx")))
    book.active["A1"] = 7
    book.save(tmp_path / "good.xlsx")
    assert _failed(_report(tmp_path / "good.xlsx")) == []


@pytest.mark.office
def test_a_document_and_a_deck_are_drawn(tmp_path: Path, convert: Callable[[Path, str], Path]) -> None:
    assert shutil.which("pdftoppm")
    document = docx.Document()
    document.add_paragraph("Words")
    document.save(str(tmp_path / "a.docx"))
    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = "Title"
    deck.save(str(tmp_path / "b.pptx"))
    for name in ("a.docx", "b.pptx"):
        report = _report(tmp_path / name)
        assert _failed(report) == []
        assert [Path(preview).read_bytes()[:4] for preview in report["previews"]] == [b"\x89PNG"]


def test_an_empty_slide_fails(tmp_path: Path) -> None:
    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = "Title"
    deck.slides.add_slide(deck.slide_layouts[6])
    deck.save(str(tmp_path / "a.pptx"))
    assert any("2" in detail for detail in _failed(_report(tmp_path / "a.pptx")))


def test_a_text_table_is_shown_from_its_first_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\ufeffname;sum\r\n" + "".join(f"n{n};{n}\r\n" for n in range(3_000)), encoding="utf-8")
    table = _report(path)["table"]
    assert (table["sheet"], table["header"], table["rows"][:2]) == ("", ["name", "sum"], [["n0", "0"], ["n1", "1"]])
    assert (len(table["rows"]), table["rows_total"], table["columns_total"]) == (200, 3_000, 2)


@pytest.mark.parametrize("content", ["only,a,header\n", "x,y\n1,2,3\n"])
def test_what_is_no_sound_table_with_rows_has_no_excerpt(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8")
    assert "table" not in _report(path)


def test_wide_long_cells_leave_a_small_excerpt(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join(",".join("é" * 500 for _ in range(60)) for _ in range(50)) + "\n", encoding="utf-8")
    table = _report(path)["table"]
    assert len(json.dumps(table)) <= 12_500
    assert (len(table["header"]), table["columns_total"], table["rows_total"]) == (20, 60, 49)
    assert max(map(len, table["header"])) == 100


def _book() -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    book.active["A1"] = "Nothing in rows here"
    sheet = book.create_sheet("Totals")
    for row in (("Expenses of May",), (), (None, "Item", "When", "Sum", "Share")):
        sheet.append(row)
    for item, total in (("Train", 1234.5), ("Hotel", 86)):
        sheet.append((None, item, date(2026, 5, 3), total, total / 1320.5))
    sheet.append((None, "Total", None, "=SUM(D4:D5)", 1))
    for row in sheet.iter_rows(min_row=4, min_col=4, max_col=5):
        row[0].number_format, row[1].number_format = "#,##0.00 [$€-2]", "0%"
    return book


@pytest.mark.office
def test_the_first_table_of_a_workbook_is_shown_as_its_sheet_shows_it(
    tmp_path: Path, convert: Callable[[Path, str], Path]
) -> None:
    _book().save(tmp_path / "a.xlsx")
    table = _report(tmp_path / "a.xlsx")["table"]
    assert (table["sheet"], table["header"]) == ("Totals", ["Item", "When", "Sum", "Share"])
    assert table["rows"] == [
        ["Train", "2026-05-03", "1,234.50", "93%"],
        ["Hotel", "2026-05-03", "86.00", "7%"],
        ["Total", "", "1,320.50", "100%"],
    ]
    assert (table["rows_total"], table["columns_total"]) == (3, 4)


@pytest.mark.office
def test_results_and_dates_are_shown_as_the_sheet_shows_them_and_never_a_formula(
    tmp_path: Path, convert: Callable[[Path, str], Path]
) -> None:
    book = openpyxl.Workbook()
    for row in (("Month", "Average", "Day"), (date(2027, 1, 1), '=IFERROR(1/0,"")', date(2027, 1, 5)), (None, "=1+1")):
        book.active.append(row)
    book.active["A2"].number_format, book.active["C2"].number_format = "mmm yyyy", "d. mmmm yyyy"
    book.active["A4"] = '=""'
    book.save(tmp_path / "a.xlsx")
    table = _report(tmp_path / "a.xlsx")["table"]
    assert table["rows"] == [["Jan 2027", "", "5. January 2027"], ["", "2", ""]]
    assert table["rows_total"] == 2, "a row in which every formula gives nothing is no row"


def test_a_formula_that_nobody_has_calculated_is_left_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no LibreOffice
    _book().save(tmp_path / "a.xlsx")
    report = _report(tmp_path / "a.xlsx")
    assert report["table"]["rows"][-1] == ["Total", "", "", "100%"]
    assert any("not recalculated" in check["detail"] for check in report["checks"])


def test_hidden_sheets_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    book = _book()
    book["Totals"].sheet_state = "hidden"
    book.save(tmp_path / "a.xlsx")
    assert "table" not in _report(tmp_path / "a.xlsx")


def _charted(chart: Any, rows: int = 3) -> openpyxl.Workbook:
    """A workbook whose chart shows two columns of figures."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Bob's figures"
    sheet.append(("Month", "In", "Out"))
    for n in range(rows):
        sheet.append((f"M{n}", n + 1, 2.5 * n + 1))
    columns = 2 if isinstance(chart, PieChart) else 3
    if isinstance(chart, ScatterChart):
        xs, ys = Reference(sheet, min_col=2, min_row=2, max_row=4), Reference(sheet, min_col=3, min_row=2, max_row=4)
        chart.series.append(Series(ys, xs))
    else:
        chart.add_data(Reference(sheet, min_col=2, max_col=columns, min_row=1, max_row=rows + 1), titles_from_data=True)
        chart.set_categories(Reference(sheet, min_col=1, min_row=2, max_row=rows + 1))
    sheet.add_chart(chart, "E2")
    return book


@pytest.mark.parametrize(
    ("chart", "kind", "series"),
    [
        (BarChart(), "bar", {"In": [1, 2, 3], "Out": [1, 3.5, 6]}),
        (LineChart(), "line", {"In": [1, 2, 3], "Out": [1, 3.5, 6]}),
        (AreaChart(), "area", {"In": [1, 2, 3], "Out": [1, 3.5, 6]}),
        (PieChart(), "pie", {"In": [1, 2, 3]}),
    ],
    ids=["bar", "line", "area", "pie"],
)
def test_the_chart_of_a_workbook_is_given_as_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chart: Any, kind: str, series: dict[str, list[float]]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    chart.title = "Money of the year"
    _charted(chart).save(tmp_path / "a.xlsx")
    assert _report(tmp_path / "a.xlsx")["chart"] == {
        "kind": kind,
        "title": "Money of the year",
        "labels": ["M0", "M1", "M2"],
        "series": [{"name": name, "values": values} for name, values in series.items()],
    }


@pytest.mark.parametrize(("chart", "rows"), [(BarChart(), 21), (ScatterChart(), 3)], ids=["too many points", "a cloud"])
def test_a_chart_that_cannot_be_given_whole_is_not_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chart: Any, rows: int
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    _charted(chart, rows).save(tmp_path / "a.xlsx")
    assert set(_report(tmp_path / "a.xlsx")) == {"kind", "checks", "previews", "table"}


def test_a_chart_with_a_missing_value_is_not_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    book = _charted(BarChart())
    book.active["B3"] = "=1+1"
    book.save(tmp_path / "a.xlsx")
    assert "chart" not in _report(tmp_path / "a.xlsx")


@pytest.mark.office
def test_a_chart_of_formulas_has_their_results(tmp_path: Path, convert: Callable[[Path, str], Path]) -> None:
    book = _charted(BarChart())
    book.active["B3"] = "=40+2"
    book.save(tmp_path / "a.xlsx")
    assert _report(tmp_path / "a.xlsx")["chart"]["series"][0] == {"name": "In", "values": [1, 42, 3]}


def test_a_chart_of_two_kinds_is_not_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    book, line = _charted(BarChart()), LineChart()
    line.add_data(Reference(book.active, min_col=3, min_row=1, max_row=4), titles_from_data=True)
    book.active._charts[0] += line
    book.save(tmp_path / "a.xlsx")
    assert "chart" not in _report(tmp_path / "a.xlsx")


def test_a_sound_workbook_with_an_odd_value_is_not_held_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    _book().save(tmp_path / "usual.xlsx")
    with ZipFile(tmp_path / "usual.xlsx") as usual, ZipFile(tmp_path / "a.xlsx", "w") as odd:
        for name in usual.namelist():
            odd.writestr(name, usual.read(name).replace(b"<v>1234.5</v>", b"<v>1" + b"0" * 400 + b"</v>"))
    report = _report(tmp_path / "a.xlsx")
    assert (_failed(report), "table" in report) == ([], False)
    assert any("could not be read for a preview" in check["detail"] for check in report["checks"])
