"""make-deck: slides, charts and notes hold what the text says, and nothing leaves its place."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pptx import Presentation

SKILL = "make-deck"
OUTLINE = """# Yearly plan
For the board

## Where we are
### Stock
- 12 boats are ready
  - four need paint
Notes: Say thanks first.

### Income
- Hire: 4,500 €
- Lessons: 1,250.50 €
- Gifts: 300 €

## Where we go
### Visitors
| Month | Guests |
|---|---|
| January | 120 |
| February | 180 |
| March | 150 |
| April | 240 |

### Shares
- Day trips: 50%
- Clubs: 30%
- Schools: 20%
"""
GERMAN = """Neue Werkbank

1. Warum jetzt
   - Die alte Bank ist krumm
   - Das Licht ist schlecht
2. Kosten
   - Holz: 1.250,50 €
   - Schrauben: 80,00 €
   - Öl: 19,50 €
"""


def _titles(deck: Any) -> list[str]:
    return [slide.shapes.title.text for slide in deck.slides]


def _charts(deck: Any) -> dict[str, Any]:
    return {s.shapes.title.text: shape.chart for s in deck.slides for shape in s.shapes if shape.has_chart}


def test_an_outline_becomes_sections_slides_charts_and_a_close(workspace: Any) -> None:
    path, _ = workspace.make(SKILL, "make slides", [workspace.put("plan.md", OUTLINE)])
    deck = Presentation(str(path))
    assert (deck.slide_width, deck.slide_height) == (12191695, 6858000)
    assert _titles(deck) == [
        "Yearly plan",
        "Where we are",
        "Stock",
        "Income",
        "Where we go",
        "Visitors",
        "Shares",
        "In short",
    ]
    charts = _charts(deck)
    assert {title: chart.chart_type.name for title, chart in charts.items()} == {
        "Income": "COLUMN_CLUSTERED",
        "Visitors": "LINE_MARKERS",
        "Shares": "DOUGHNUT",
    }
    assert list(charts["Income"].plots[0].categories) == ["Hire", "Lessons", "Gifts"]
    assert list(charts["Income"].series[0].values) == [4500, 1250.5, 300]
    assert list(charts["Shares"].series[0].values) == [0.5, 0.3, 0.2]


def test_every_slide_has_notes_and_the_authors_own_come_first(workspace: Any) -> None:
    path, _ = workspace.make(SKILL, "make slides", [workspace.put("plan.md", OUTLINE)])
    deck = Presentation(str(path))
    notes = [slide.notes_slide.notes_text_frame.text for slide in deck.slides]
    assert all(note.strip() for note in notes)
    stock = notes[_titles(deck).index("Stock")]
    assert stock.startswith("Say thanks first.")
    assert "four need paint" in stock
    shown = "\n".join(shape.text_frame.text for s in deck.slides for shape in s.shapes if shape.has_text_frame)
    assert "Say thanks" not in shown


def test_content_slides_are_numbered_and_use_theme_colours(workspace: Any) -> None:
    path, _ = workspace.make(SKILL, "a green deck", [workspace.put("plan.md", OUTLINE)])
    deck = Presentation(str(path))
    for slide in list(deck.slides)[1:]:
        assert 'type="slidenum"' in slide._element.xml
    theme = next(rel.target_part for rel in deck.slide_master.part.rels.values() if rel.reltype.endswith("/theme"))
    assert b'<a:accent1><a:srgbClr val="2F7D4F"/>' in theme.blob


def test_a_german_list_outline_with_decimal_commas(workspace: Any) -> None:
    path, _ = workspace.make(SKILL, "Folien bitte", [workspace.put("bank.txt", GERMAN)])
    deck = Presentation(str(path))
    assert _titles(deck) == ["Neue Werkbank", "Warum jetzt", "Kosten", "Kurz gefasst"]
    assert list(_charts(deck)["Kosten"].series[0].values) == [1250.5, 80, 19.5]


def test_a_table_file_becomes_a_chart_and_a_table(workspace: Any) -> None:
    path, _ = workspace.make(SKILL, "slides", [workspace.put("sales.csv", "Shop;Sales\nA;1,5\nB;2,25\nC;3,75\n")])
    deck = Presentation(str(path))
    assert [list(chart.series[0].values) for chart in _charts(deck).values()] == [[1.5, 2.25, 3.75]]
    tables = [shape.table for slide in deck.slides for shape in slide.shapes if shape.has_table]
    assert [cell.text for cell in tables[0].rows[1].cells] == ["A", "1,5"]


def test_what_is_too_long_goes_on_to_further_slides_and_loses_nothing(workspace: Any) -> None:
    points = [f"point {i} " + "goes on and on about a thing that needs some room " * 3 for i in range(30)]
    text = "# Long\n\n## Much\n" + "\n".join(f"- {p}" for p in points) + "\n\n## End\n- fin\n"
    path, answer = workspace.make(SKILL, "slides", [workspace.put("long.md", text)])
    deck = Presentation(str(path))
    shown = "\n".join(shape.text_frame.text for s in deck.slides for shape in s.shapes if shape.has_text_frame)
    assert all(f"point {i} " in shown for i in range(30))
    assert sum(title.startswith("Much (") for title in _titles(deck)) >= 4
    assert any("did not fit" in line for line in answer.last["summary"])


def test_nothing_reaches_beyond_a_slide_and_no_box_is_left_empty(workspace: Any) -> None:
    path, _ = workspace.make(SKILL, "slides", [workspace.put("plan.md", OUTLINE), workspace.put("b.txt", GERMAN)])
    deck = Presentation(str(path))
    for slide in deck.slides:
        for shape in slide.shapes:
            assert shape.left >= 0
            assert shape.left + shape.width <= deck.slide_width
            assert shape.top + shape.height <= deck.slide_height
            assert not (shape.is_placeholder and shape.has_text_frame and not shape.text_frame.text.strip())


@pytest.mark.parametrize(
    ("name", "content"),
    [("empty.md", b""), ("garbled.md", bytes(range(256)) * 9), ("fake.docx", b"PK no"), ("sheet.csv", b"one\n")],
)
def test_what_is_no_text_is_refused(workspace: Any, name: str, content: bytes) -> None:
    assert workspace.refused(SKILL, [workspace.put(name, content)]).endswith(".")


def test_nothing_handed_over_is_refused(workspace: Any) -> None:
    assert "outline" in workspace.refused(SKILL, [])


@pytest.mark.office
def test_every_slide_can_be_drawn(workspace: Any, convert: Callable[[Path, str], Path]) -> None:
    path, _ = workspace.make(SKILL, "slides", [workspace.put("plan.md", OUTLINE)])
    pdf = convert(path, "pdf")
    assert shutil.which("pdftotext")
    text = subprocess.run(["pdftotext", str(pdf), "-"], capture_output=True, text=True, check=True).stdout
    pages = text.split("\f")[:-1]
    assert len(pages) == len(Presentation(str(path)).slides)
    assert all(page.strip() for page in pages)
