"""write-document: real styles, a contents that shows, and every word of the source."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from docx import Document
from pypdf import PdfReader

SKILL = "write-document"
MARKDOWN = """# Boat care
For new members

## Wash
Use **fresh** water, *never* salt. Ask [the office](https://example.org/office).[^1]

1. Rinse
2. Dry
   - hull
   - sails

Between.

1. Again from one

> Wet ropes rot.

## Paint
### Amounts
| Part | Litres |
|---|---:|
| Hull | 4.5 |
| Mast | 1 |

```
litres = area / 8
```

[^1]: Open on Mondays.
"""
GERMAN = """Umzug des Archivs

Das Archiv zieht um. Die Kisten werden nummeriert und die Liste wird geprüft.

OFFENE PUNKTE
- Regale
- Licht

Zeitplan

Wir beginnen am Montag, und es dauert eine Woche.
"""


def _paragraphs(path: Path, style: str) -> list[str]:
    return [p.text for p in Document(str(path)).paragraphs if p.style and p.style.name == style]


def test_markdown_gets_real_styles_lists_tables_and_links(workspace: Any) -> None:
    path, _ = workspace.make(SKILL, "a Word document please", [workspace.put("care.md", MARKDOWN)])
    document = Document(str(path))
    assert _paragraphs(path, "Title") == ["Boat care"]
    assert _paragraphs(path, "Subtitle") == ["For new members"]
    assert _paragraphs(path, "Heading 1") == ["Wash", "Paint"]
    assert _paragraphs(path, "Heading 2") == ["Amounts"]
    assert _paragraphs(path, "List Number") == ["Rinse", "Dry", "Again from one"]
    assert _paragraphs(path, "List Bullet 2") == ["hull", "sails"]
    assert _paragraphs(path, "Quote") == ["Wet ropes rot."]
    assert _paragraphs(path, "Code") == ["litres = area / 8"]
    assert [[cell.text for cell in row.cells] for row in document.tables[0].rows] == [
        ["Part", "Litres"],
        ["Hull", "4.5"],
        ["Mast", "1"],
    ]
    assert "https://example.org/office" in [rel.target_ref for rel in document.part.rels.values() if rel.is_external]
    bold = [run.text for p in document.paragraphs for run in p.runs if run.bold]
    assert "fresh" in bold


def test_two_numbered_lists_both_begin_with_one(workspace: Any) -> None:
    path, _ = workspace.make(SKILL, "format", [workspace.put("care.md", MARKDOWN)])
    lists = [
        p._p.pPr.numPr.numId.val for p in Document(str(path)).paragraphs if p.style and p.style.name == "List Number"
    ]
    assert lists[0] == lists[1]
    assert lists[1] != lists[2]


def test_the_contents_hold_every_heading_and_lead_to_it(workspace: Any) -> None:
    path, _ = workspace.make(SKILL, "format, with contents", [workspace.put("care.md", MARKDOWN)])
    document = Document(str(path))
    entries = {p.style.name: p for p in document.paragraphs if p.style and p.style.name.startswith("toc")}
    assert set(entries) == {"toc 1", "toc 2"}
    xml = document._element.xml
    assert 'TOC \\o "1-3"' in xml
    assert xml.count('w:fldCharType="begin"') == xml.count('w:fldCharType="end"')
    for number in (1, 2, 3):
        assert f'w:anchor="_Toc{number:06d}"' in xml
        assert f'w:name="_Toc{number:06d}"' in xml


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("care.md", MARKDOWN),
        ("archiv.txt", GERMAN),
        ("notes.md", "# Plan\n\n## One\n\n- a\n- b\n\n## Two\n\nWords.\n"),
    ],
)
def test_a_document_of_one_page_has_no_contents_and_one_of_several_pages_has(
    workspace: Any, name: str, content: str
) -> None:
    path, answer = workspace.make(SKILL, "format", [workspace.put(name, content)])
    assert _paragraphs(path, "toc 1") == []
    assert any(line.startswith("No table of contents") for line in answer.last["summary"])
    long = (
        content + "\n" + "\n\n".join("Many words stand in this line and the next one. " * 12 for _ in range(9)) + "\n"
    )
    path, _ = workspace.make(SKILL, "format", [workspace.put(f"long-{name}", long)])
    assert len(_paragraphs(path, "toc 1")) >= 2


def test_plain_german_notes_get_headings_and_german_words(workspace: Any) -> None:
    path, answer = workspace.make(
        SKILL, "Bericht mit Inhaltsverzeichnis daraus", [workspace.put("archiv.txt", GERMAN, encoding="cp1252")]
    )
    assert _paragraphs(path, "Title") == ["Umzug des Archivs"]
    assert _paragraphs(path, "Heading 1") == ["Offene Punkte", "Zeitplan"]
    assert _paragraphs(path, "Contents Heading") == ["Inhalt"]
    footer = Document(str(path)).sections[0].footer.paragraphs[0].text
    assert footer.startswith("Seite ")
    assert any("UTF-8" in doubt for doubt in answer.last["doubts"])


def test_a_word_draft_and_several_files_become_chapters(workspace: Any) -> None:
    draft = Document()
    draft.add_heading("Part one", level=1)
    draft.add_paragraph("Some words.")
    draft.add_paragraph("a point", style="List Bullet")
    buffer = io.BytesIO()
    draft.save(buffer)
    inputs = [workspace.put("first.docx", buffer.getvalue()), workspace.put("second.md", "## Two\nOther words.\n")]
    path, _ = workspace.make(SKILL, 'one document titled "Both parts"', inputs)
    assert _paragraphs(path, "Title") == ["Both parts"]
    assert _paragraphs(path, "Heading 1") == ["Part one", "Second"]
    assert _paragraphs(path, "Heading 2") == ["Two"]
    assert "a point" in _paragraphs(path, "List Bullet")


def test_a_missing_picture_and_an_unexplained_note_are_doubts(workspace: Any) -> None:
    text = "# T\n\n## A\n![plan](plan.png)\n\nWords.[^9]\n"
    _, answer = workspace.make(SKILL, "format", [workspace.put("t.md", text)])
    assert len([d for d in answer.last["doubts"] if "plan.png" in d or "[^9]" in d]) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [("empty.md", b"\n \n"), ("garbled.txt", bytes(range(256)) * 9), ("fake.docx", b"PK\x03\x04"), ("pic.png", b"x")],
)
def test_what_is_no_text_is_refused(workspace: Any, name: str, content: bytes) -> None:
    assert workspace.refused(SKILL, [workspace.put(name, content)]).endswith(".")


def test_control_characters_and_markup_in_the_text_do_no_harm(workspace: Any) -> None:
    text = "# A & B <c>\n\n## D\nbell\x07 and </w:t> and \ufffe end\n\n## E\nmore\n"
    path, _ = workspace.make(SKILL, "format", [workspace.put("odd.md", text)])
    assert "A & B <c>" in _paragraphs(path, "Title")
    assert any("</w:t>" in p.text for p in Document(str(path)).paragraphs)


@pytest.mark.office
def test_the_page_numbers_in_the_contents_are_right(workspace: Any, convert: Callable[[Path, str], Path]) -> None:
    chapters = "".join(
        f"## Chapter {name}\n\n" + "Some words to fill a page. " * 220 + "\n\n" for name in ("one", "two", "three")
    )
    path, _ = workspace.make(SKILL, "format", [workspace.put("long.md", f"# Long text\n\n{chapters}")])
    pages = [page.extract_text() for page in PdfReader(convert(path, "pdf")).pages]
    entries = [p.text.split("\t") for p in Document(str(path)).paragraphs if p.style and p.style.name == "toc 1"]
    assert len(entries) == 3
    for title, page in entries:
        assert title in pages[int(page) - 1]
        assert int(page) > 1
