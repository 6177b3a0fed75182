"""merge-tables: its sheets agree with each other, and nothing that was read otherwise than written goes unsaid."""

from __future__ import annotations

from typing import Any

import openpyxl
import pytest
from pypdf import PdfReader

SKILL = "merge-tables"
UNDATED = [
    ("Tag;Abteilung;Stück\n05.01.2031;Nord;3\n;Nord;5\n17.02.2031;Süd;4\n20.03.2031;;10\n", "1 row has no date", 22),
    ("when,team,hours\n2031-01-05,A,1.5\nsoon,A,2\n2031-02-05,B,4\n2031-02-06,B,4\n2031-02-07,B,1\n", "1 row", 12.5),
    ("Jour\tRayon\n05/01/2031\tA\n\tA\n16/02/2031\tB\n\tB\n17/02/2031\tB\n18/02/2031\tA\n", "2 rows have no date", 6),
]  # fmt: skip


def _rows(sheet: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in sheet.iter_rows(values_only=True)]


def _line(rows: list[tuple[Any, ...]], start: str) -> tuple[Any, ...]:
    return next(row for row in rows if str(row[0]).startswith(start))


@pytest.mark.parametrize(("content", "said", "total"), UNDATED, ids=["empty", "words", "counts"])
def test_rows_without_a_date_have_a_column_in_the_pivot_so_that_totals_agree(
    workspace: Any, content: str, said: str, total: float
) -> None:
    path, answer = workspace.make(SKILL, "totals per month", [workspace.put("table.csv", content)])
    book = openpyxl.load_workbook(path, data_only=True)
    pivot = _rows(book["Pivot"])
    assert pivot[2][-2:] == ("(no date)", "Total")
    assert _line(pivot, "Total")[-1] == _line(pivot, "Check: all rows")[1] == total
    assert sum(_line(pivot, "Total")[1:-1]) == total
    assert _line(pivot, "Difference")[1] == 0
    assert any(row[0] == "(no date)" for row in _rows(book["Summary"]))
    assert any(doubt.startswith(said) and "(no date)" in doubt for doubt in answer.last["doubts"])


@pytest.mark.office
@pytest.mark.parametrize("content", [content for content, _, _ in UNDATED], ids=["empty", "words", "counts"])
def test_a_pivot_with_undated_and_unnamed_rows_recalculates_to_what_it_shows(
    workspace: Any, convert: Any, content: str
) -> None:
    path, _ = workspace.make(SKILL, "totals per month", [workspace.put("table.csv", content)])
    stored, fresh = (_rows(openpyxl.load_workbook(p, data_only=True)["Pivot"]) for p in (path, convert(path, "xlsx")))
    assert fresh == stored


def test_a_table_whose_dates_are_all_there_has_no_column_for_missing_ones(workspace: Any) -> None:
    content = UNDATED[0][0].replace("\n;Nord", "\n06.01.2031;Nord")
    path, answer = workspace.make(SKILL, "totals per month", [workspace.put("table.csv", content)])
    assert "(no date)" not in _rows(openpyxl.load_workbook(path)["Pivot"])[2]
    assert not any("(no date)" in doubt for doubt in answer.last["doubts"])


CODE_PAGES = [
    ("Imię;Miasto\nŁukasz;Łódź\nŻaneta;Gdańsk\nPaweł;Kraków\n", "cp1250", "Łukasz"),
    ("Město;Jméno\nPříbram;Jiří Dvořák\nPlzeň;Zdeněk\n", "cp1250", "Příbram"),
    ("Город;Имя\nМосква;Иван\nКазань;Ольга\n", "cp1251", "Москва"),
    ("Ort;Art\nKöln;Größe\nZürich;Maß\n", "cp850", "Köln"),
    ("Şehir;Ad\nIğdır;Çağrı\nMuş;Ayşe\n", "cp1254", "Iğdır"),
    ("Ville;Nom\nOrléans;Hélène\nCœur-sur-Eau;François\n", "cp1252", "Orléans"),
]


@pytest.mark.parametrize(("content", "page", "first"), CODE_PAGES, ids=[f"{p}-{f}" for _, p, f in CODE_PAGES])
def test_a_file_without_utf_8_is_read_with_the_code_page_whose_words_exist(
    workspace: Any, content: str, page: str, first: str
) -> None:
    path, answer = workspace.make(SKILL, "clean", [workspace.put("people.csv", content, encoding=page)])
    written = [tuple(line.split(";")) for line in content.splitlines()]
    assert _rows(openpyxl.load_workbook(path)["Data"]) == written
    [said] = [doubt for doubt in answer.last["doubts"] if "not in UTF-8" in doubt]
    assert said.startswith("people.csv: ")
    named = any(repr(word) in said for row in written for cell in row for word in cell.split())
    assert named == (page != "cp1252"), "a word that another code page would read otherwise is shown"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("id,amount\n1,5\n2,n/a\n3,7\n4,8\n5,9\n", "'n/a' in 'amount' (row 3)"),
        ("Nr;Betrag\n1;5,50\n2;k.A.\n3;7,25\n4;8,00\n5;9,00\n6;-\n7;1,00\n8;1,00\n", "'k.A.' in 'Betrag' (row 3); '-'"),
        ("day\tteam\n2031-01-02\tA\nnone\tA\n2031-01-03\tB\nnone\tB\n2031-01-05\tB\n", "'none' in 'day' (rows 3, 5)"),
    ],
    ids=["english", "german", "dates"],
)
def test_marks_that_were_read_as_empty_cells_are_listed(workspace: Any, content: str, said: str) -> None:
    _, answer = workspace.make(SKILL, "clean", [workspace.put("marks.csv", content)])
    assert any("read as empty" in doubt and said in doubt for doubt in answer.last["doubts"])


def test_words_that_only_look_like_nothing_stay_in_a_column_of_words(workspace: Any) -> None:
    path, answer = workspace.make(SKILL, "clean", [workspace.put("c.csv", "code,land\na,NA\nb,DE\nc,none\n")])
    assert [row[1] for row in _rows(openpyxl.load_workbook(path)["Data"])] == ["land", "NA", "DE", "none"]
    assert answer.last["doubts"] == []


@pytest.mark.parametrize(
    ("one", "other"), [("Cost (EUR)", "cost"), ("Start date", "start date, planned"), ("Weight [kg]", "weight")]
)
def test_columns_kept_apart_although_their_names_nearly_agree_are_a_doubt(workspace: Any, one: str, other: str) -> None:
    inputs = [
        workspace.put("one.csv", f'Article code,Colour,"{one}"\nA1,red,5\nA2,blue,6\n'),
        workspace.put("two.csv", f'Article code,Colour,"{other}"\nB1,red,many\nB2,blue,few\n'),
    ]
    path, answer = workspace.make(SKILL, "merge", inputs)
    assert {one, other} <= set(_rows(openpyxl.load_workbook(path)["Data"])[0])
    assert any(repr(one) in doubt and repr(other) in doubt for doubt in answer.last["doubts"])


PRINTED = "Art;Tag;Kosten;Notiz\n" + "".join(
    f"Sorte {i % 12};{i % 27 + 1:02d}.0{i % 4 + 1}.2031;{(i - 20) * 12.5:.2f} €;{'oben' if i else 'zwei{}Zeilen'}\n"
    for i in range(60)
).replace(".50 €", ",50 €").replace(".00 €", ",00 €").replace("zwei{}Zeilen", '"zwei\nZeilen"')


@pytest.mark.office
def test_printed_pages_are_readable_and_no_chart_is_cut(workspace: Any, convert: Any) -> None:
    path, _ = workspace.make(SKILL, "kosten", [workspace.put("list.csv", PRINTED)])
    pages = [page.extract_text() for page in PdfReader(convert(path, "pdf")).pages]
    assert [page.count("Kosten by Art") + page.count("Kosten over time") for page in pages[:4]].count(1) >= 2
    sizes: list[float] = []
    for page in PdfReader(convert(path, "pdf")).pages[:2]:
        page.extract_text(visitor_text=lambda text, cm, tm, font, size: sizes.append(size * cm[0]) if text else None)
    assert min(size for size in sizes if size) >= 7


def test_numbers_keep_away_from_the_next_column_and_broken_lines_have_room(workspace: Any) -> None:
    path, _ = workspace.make(SKILL, "kosten", [workspace.put("list.csv", PRINTED)])
    data = openpyxl.load_workbook(path)["Data"]
    assert (data["C2"].alignment.horizontal, data["C2"].alignment.indent) == ("right", 2)
    assert [data[cell].alignment.indent for cell in ("D1", "D2", "D3")] == [1, 1, 1]
    assert data["D2"].value == "zwei\nZeilen"
    assert data["D2"].alignment.wrap_text
    assert data.row_dimensions[2].height >= 30
    assert data.row_dimensions[3].height is None


def test_removed_duplicates_keep_their_number_formats(workspace: Any) -> None:
    lines = PRINTED.splitlines(keepends=True)
    path, _ = workspace.make(SKILL, "kosten", [workspace.put("list.csv", PRINTED + lines[-1])])
    book = openpyxl.load_workbook(path)
    assert book["Duplicates"]["E2"].number_format == book["Data"]["C2"].number_format == '#,##0.00 "€"'
    assert book["Duplicates"]["D2"].number_format == "yyyy-mm-dd"


def test_the_names_of_bars_stand_at_the_edge_and_no_formula_gives_an_empty_text(workspace: Any) -> None:
    rows = "Team,Score\nA,5\nB,\nA,7\nB,\nC,-4\nC,-9\nD,1\n"
    path, _ = workspace.make(SKILL, "score", [workspace.put("scores.csv", rows)])
    formulas, shown = openpyxl.load_workbook(path)["Summary"], openpyxl.load_workbook(path, data_only=True)["Summary"]
    assert {chart.x_axis.tickLblPos for chart in formulas._charts} == {"low"}
    found = [cell for row in formulas.iter_rows() for cell in row if cell.data_type == "f"]
    assert found
    assert [cell.coordinate for cell in found if shown[cell.coordinate].value in (None, "")] == []
    assert any(cell.value == "–" for row in shown.iter_rows() for cell in row)
