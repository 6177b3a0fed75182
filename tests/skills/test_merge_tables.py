"""merge-tables: the workbook holds the right rows, its figures are live and right, and odd input is survived."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

SKILL = "merge-tables"
SEMICOLONS = """Auszug Kasse;;;;
Stand 31.03.2031;;;;
Beleg-Nr;Datum;Abteilung;Stück;Betrag
0007;05.01.2031;Obst;3;1.234,50 €
0008;17.01.2031;Gemüse;10;89,90 €
0009;02.02.2031;obst;1;-4,20 €
0009;02.02.2031;obst;1;-4,20 €
0010;28.03.2031;Gemüse;2;1.000,00 €
Summe;;;16;2.320,20 €
"""
FRENCH = """Référence,Date,Rayon,Montant
A-1,2 janvier 2031,Légumes,"1 200,50"
A-2,14 février 2031,Fruits,"80,25"
A-3,1 mars 2031,Fruits,"19,25"
"""
AMERICAN = """order_id,Order Date,Region,Amount,Note
1001,01/31/2031,West,"$1,200.00",=HYPERLINK("http://example.org")
1002,02/03/2031,East,$300.50,+49 30 1234
1003,02/04/2031,West,n/a,@home
1004,03/15/2031,East,$99.50,-
"""


def _day(iso: str) -> datetime:
    return datetime.fromisoformat(iso)


def _rows(sheet: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in sheet.iter_rows(values_only=True)]


def _block(sheet: Any, title: str) -> dict[Any, tuple[Any, ...]]:
    """The lines of a summary block by their first cell."""
    rows = _rows(sheet)
    start = next(i for i, row in enumerate(rows) if row[0] == title) + 2
    lines: dict[Any, tuple[Any, ...]] = {}
    for row in rows[start:]:
        lines[row[0]] = row[1:]
        if row[0] == "Total":
            break
    return lines


def test_semicolons_decimal_commas_and_a_total_row_come_out_clean(workspace: Any) -> None:
    path, answer = workspace.make(
        SKILL, "Auswertung bitte", [workspace.put("kasse.csv", SEMICOLONS, encoding="cp1252")]
    )
    data = _rows(openpyxl.load_workbook(path)["Data"])
    assert data[0] == ("Beleg-Nr", "Datum", "Abteilung", "Stück", "Betrag")
    assert data[1] == ("0007", _day("2031-01-05"), "Obst", 3, 1234.5)
    assert [row[0] for row in data[1:]] == ["0007", "0008", "0009", "0010"]
    assert data[3][2].casefold() == "obst"
    assert "1 exact duplicate removed" in answer.last["summary"][0]
    totals = _block(openpyxl.load_workbook(path, data_only=True)["Summary"], "By Abteilung")
    assert totals["Total"][1] == pytest.approx(2320.20)
    assert len(totals) == 3


def test_a_total_that_disagrees_with_its_rows_is_a_doubt(workspace: Any) -> None:
    _, answer = workspace.make(SKILL, "clean", [workspace.put("k.csv", SEMICOLONS.replace("2.320,20", "9.999,99"))])
    assert any("its own total of 'Betrag' is 9,999.99" in doubt for doubt in answer.last["doubts"])


def test_files_in_two_languages_are_put_under_one_another(workspace: Any) -> None:
    inputs = [
        workspace.put("ventes.csv", FRENCH),
        workspace.put("more.tsv", "Reference\tDATE\tRayon\tMontant\nB-9\t2031-03-09\tFruits\t10.50\n"),
    ]
    path, _ = workspace.make(SKILL, "merge, totals by rayon", inputs)
    book = openpyxl.load_workbook(path, data_only=True)
    data = _rows(book["Data"])
    assert sorted(row[3] for row in data[1:]) == [10.5, 19.25, 80.25, 1200.5]
    assert {row[-1] for row in data[1:]} == {"ventes.csv", "more.tsv"}
    assert _block(book["Summary"], "By Rayon")["Fruits"][:2] == (3, 110.0)
    assert data[[row[0] for row in data].index("A-2")][1] == _day("2031-02-14")


def test_cells_that_look_like_formulas_stay_text(workspace: Any) -> None:
    path, answer = workspace.make(SKILL, "clean this", [workspace.put("orders.csv", AMERICAN)])
    sheet = openpyxl.load_workbook(path)["Data"]
    notes = [sheet.cell(row, 5) for row in range(2, 6)]
    assert [cell.value for cell in notes] == ['=HYPERLINK("http://example.org")', "+49 30 1234", "@home", None]
    assert all(cell.data_type != "f" for cell in notes)
    assert notes[0].quotePrefix
    assert any("look" in d or "formula" in d for d in answer.last["doubts"])


def test_month_first_dates_and_dollars_are_read(workspace: Any) -> None:
    path, _ = workspace.make(SKILL, "totals by region", [workspace.put("orders.csv", AMERICAN)])
    book = openpyxl.load_workbook(path, data_only=True)
    data = _rows(book["Data"])
    assert [row[1] for row in data[1:]] == [
        _day("2031-01-31"),
        _day("2031-02-03"),
        _day("2031-02-04"),
        _day("2031-03-15"),
    ]
    assert [row[3] for row in data[1:]] == [1200, 300.5, None, 99.5]
    assert _block(book["Summary"], "By month of Order Date")["Total"][1] == 1600


def test_lookup_tables_are_joined_by_a_clear_key_and_unknown_keys_are_said(workspace: Any) -> None:
    facts = "Artikelnr,Menge,Wert\n" + "".join(f"00{i % 4},{i},{i}.50\n" for i in range(1, 20)) + "009,5,5.00\n"
    names = "Artikel-Nr.;Bezeichnung\n000;Ring\n001;Topf\n002;Krug\n003;Rohr\n"
    path, answer = workspace.make(SKILL, "join", [workspace.put("facts.csv", facts), workspace.put("names.csv", names)])
    data = _rows(openpyxl.load_workbook(path)["Data"])
    column = data[0].index("Bezeichnung")
    assert data[1][0] == "001"
    assert data[1][column] == "Topf"
    assert any("1 row has" in doubt for doubt in answer.last["doubts"])
    assert len(data) == 21


def test_workbooks_are_read_sheet_by_sheet(workspace: Any) -> None:
    book = openpyxl.Workbook()
    for name, start in (("Jan", 1), ("Feb", 4)):
        sheet = book.create_sheet(name)
        sheet.append(["Team", "Hours"])
        for i in range(start, start + 3):
            sheet.append([f"T{i % 2}", i + 0.25])
    book.remove(book["Sheet"])
    buffer = io.BytesIO()
    book.save(buffer)
    path, _ = workspace.make(SKILL, "hours per team", [workspace.put("hours.xlsx", buffer.getvalue())])
    block = _block(openpyxl.load_workbook(path, data_only=True)["Summary"], "By Team")
    assert block["Total"][:2] == (6, 22.5)


def test_currencies_are_never_added_up_across_each_other(workspace: Any) -> None:
    rows = "Item,Price paid\n" + "".join(f"x{i},{'€' if i % 2 else '$'}{i}0.00\n" for i in range(1, 9))
    path, answer = workspace.make(SKILL, "clean", [workspace.put("prices.csv", rows)])
    summary = openpyxl.load_workbook(path, data_only=True)["Summary"]
    figures = next(row for row in _rows(summary) if row[0] == "Price paid")
    assert figures[1] == "–"
    assert any("currencies" in doubt for doubt in answer.last["doubts"])


def test_the_book_has_a_table_filters_frozen_header_and_native_charts(workspace: Any) -> None:
    path, _ = workspace.make(SKILL, "clean", [workspace.put("kasse.csv", SEMICOLONS)])
    book = openpyxl.load_workbook(path)
    assert book.sheetnames[:2] == ["Summary", "Data"]
    assert book.sheetnames[-1] == "Notes"
    data = book["Data"]
    assert data.freeze_panes == "A2"
    assert [table.ref for table in data.tables.values()] == ["A1:E5"]
    assert len(book["Summary"]._charts) >= 2
    formulas = [cell.value for row in book["Summary"].iter_rows() for cell in row if cell.data_type == "f"]
    for name in ("SUMIFS(Data!", "COUNTIFS(Data!", "AVERAGEIFS(Data!"):
        assert any(name in formula for formula in formulas)


def test_duplicates_stay_when_the_request_says_so(workspace: Any) -> None:
    path, _ = workspace.make(SKILL, "merge but keep duplicates", [workspace.put("kasse.csv", SEMICOLONS)])
    assert openpyxl.load_workbook(path)["Data"].max_row == 6


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("blank.csv", b"\n\n;;;\n"),
        ("header-only.csv", b"a,b,c\n"),
        ("garbled.csv", bytes(range(256)) * 8),
        ("garbled.xlsx", b"PK\x03\x04 not a workbook"),
        ("words.docx", b"nothing here"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(workspace: Any, name: str, content: bytes) -> None:
    assert workspace.refused(SKILL, [workspace.put(name, content)]).endswith(".")


def test_an_unreadable_file_beside_good_ones_is_left_out_and_said(workspace: Any) -> None:
    inputs = [workspace.put("good.csv", FRENCH), workspace.put("bad.csv", b"\x00\x01\x02" * 500)]
    _, answer = workspace.make(SKILL, "merge", inputs)
    assert any(doubt.startswith("bad.csv was left out") for doubt in answer.last["doubts"])


@pytest.mark.office
def test_every_figure_survives_a_recalculation_without_an_error(
    workspace: Any, convert: Callable[[Path, str], Path]
) -> None:
    rows = [("Lager", "Tag", "Kosten", "Art")]
    rows += [
        (f"L*{i % 3}" if i % 5 else "=x?", f"2031-{i % 4 + 1:02d}-{i % 28 + 1:02d}", f"{i * 7.25:.2f}", f"a{i % 2}")
        for i in range(60)
    ]
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    path, _ = workspace.make(SKILL, "kosten by lager", [workspace.put("lager.csv", buffer.getvalue())])
    stored, fresh = (openpyxl.load_workbook(p, data_only=True) for p in (path, convert(path, "xlsx")))
    formulas = openpyxl.load_workbook(path)
    seen = 0
    for sheet in formulas.worksheets:
        for cell in (c for row in sheet.iter_rows() for c in row if c.data_type == "f"):
            now = fresh[sheet.title][cell.coordinate].value
            assert not str(now).startswith("#"), f"{sheet.title}!{cell.coordinate} {cell.value} -> {now}"
            before = stored[sheet.title][cell.coordinate].value
            assert (now or 0) == (pytest.approx(before) if isinstance(before, int | float) else before or 0)
            seen += 1
    assert seen > 40
    expected: defaultdict[str, float] = defaultdict(float)
    for store, _, cost, _ in rows[1:]:
        expected[store] += float(cost)
    block = _block(fresh["Summary"], "By Lager")
    assert {name: pytest.approx(block[name][1]) for name in expected} == dict(expected)
