"""make-deck: nothing of a text is lost on its slides, the last slide says what matters, and numbers look alike."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from pptx import Presentation

SKILL = "make-deck"
RISKS = "The lease may be late. Two machines need new wiring. Neighbours might object to noise at night."
PROPOSAL = f"""# Moving in spring

## Costs

| Quarter | Rent | Power |
|---|---|---|
| Q1 | 48000 | 21000 |
| Q2 | 48500 | 22500 |
| Q3 | 49000 | 20500 |
| Q4 | 52000 | 26000 |

## Setup

```
first --now
second
```

## Risks

{RISKS}

## What we ask

1. Approve it
2. Release the money
3. Name a person
"""
LETTER = "Umzug\n\nKosten\n\n- Miete: 1200 EUR\n- Strom: 3400 EUR\n- Wasser: 2800 EUR\n\nAblauf\n```\nmake\n```\n"
SECTIONS = "# One\n\nA word on it.\n\n## Inner\n\n- a\n\n# Two\n\n## Two\n\n- b\n\n# Three\n\n## Last\n\n- c\n"


def _deck(workspace: Any, name: str, content: str) -> Any:
    path, _ = workspace.make(SKILL, "slides please", [workspace.put(name, content)])
    return Presentation(str(path))


def _texts(slide: Any) -> list[str]:
    return [p.text for shape in slide.shapes if shape.has_text_frame for p in shape.text_frame.paragraphs if p.text]


def _titled(deck: Any, title: str) -> Any:
    return next(slide for slide in deck.slides if slide.shapes.title.text == title)


def test_the_last_slide_names_every_request_without_list_numbers_and_quotes_no_program(workspace: Any) -> None:
    deck = _deck(workspace, "proposal.md", PROPOSAL)
    last = _texts(deck.slides[len(deck.slides) - 1])
    assert "What we ask: Approve it; Release the money; Name a person" in last
    assert any(line.startswith("Costs: Rent – Highest: Q4") and "Power – Highest: Q4" in line for line in last)
    assert not any("first --now" in line for line in last)


def test_every_sentence_of_a_short_paragraph_is_on_its_slide(workspace: Any) -> None:
    shown = " ".join(_texts(_titled(_deck(workspace, "proposal.md", PROPOSAL), "Risks")))
    assert RISKS in shown


@pytest.mark.parametrize(
    ("name", "content", "title", "line"),
    [("a.md", PROPOSAL, "Setup", "first --now"), ("b.txt", LETTER, "Ablauf", "make")],
    ids=["markdown", "plain"],
)
def test_a_program_stays_with_its_heading_in_a_fixed_width_font(
    workspace: Any, name: str, content: str, title: str, line: str
) -> None:
    frames = [shape.text_frame for shape in _titled(_deck(workspace, name, content), title).shapes]
    [paragraph] = [p for frame in frames for p in frame.paragraphs if p.text == line]
    assert paragraph.level == 0
    assert paragraph.runs[0].font.name.startswith("Courier")


@pytest.mark.parametrize(
    ("name", "content", "title", "shown", "form"),
    [
        ("a.md", PROPOSAL, "Costs", "Rent, Power", "0"),
        ("b.md", PROPOSAL.replace("000 |", ",000 |").replace("500 |", ",500 |"), "Costs", "Rent, Power", "#,##0"),
        ("c.txt", LETTER, "Kosten", "EUR", "0"),
    ],
    ids=["plain", "grouped", "list"],
)
def test_a_chart_says_what_it_shows_and_writes_numbers_as_the_text_does(
    workspace: Any, name: str, content: str, title: str, shown: str, form: str
) -> None:
    slide = _titled(_deck(workspace, name, content), title)
    [chart] = [shape.chart for shape in slide.shapes if shape.has_chart]
    assert chart.chart_title.text_frame.text == shown
    assert chart.has_legend == (len(list(chart.series)) > 1)
    assert chart.plots[0].data_labels.number_format == form


def test_no_section_slide_stands_before_a_slide_of_the_same_title(workspace: Any) -> None:
    titles = [slide.shapes.title.text for slide in _deck(workspace, "sections.md", SECTIONS).slides]
    assert [one for one, after in itertools.pairwise(titles) if one == after] == []
    assert {"One", "Inner", "Two", "Three", "Last"} <= set(titles)


def test_the_number_of_a_dark_slide_is_light(workspace: Any) -> None:
    deck = _deck(workspace, "sections.md", SECTIONS)
    colours = {}
    for slide in deck.slides:
        for shape in slide.placeholders:
            if shape.name == "Slide number":
                colours[slide.shapes.title.text] = shape._element.xpath(".//a:fld//a:schemeClr/@val")
    assert colours["Three"] == ["bg2"]
    assert colours["Last"] == ["accent6"]


def test_few_points_are_set_large_and_many_still_fit_one_slide(workspace: Any) -> None:
    many = "".join(f"- point number {i} with some words behind it\n" for i in range(8))
    deck = _deck(workspace, "points.md", f"# Deck\n\n## Few\n\n- one\n- two\n\n## Many\n\n{many}")
    sizes = {
        title: {run.font.size.pt for p in _titled(deck, title).placeholders[1].text_frame.paragraphs for run in p.runs}
        for title in ("Few", "Many")
    }
    assert min(sizes["Few"]) >= 28 > max(sizes["Many"]) >= 16
