"""meeting-minutes: what somebody takes on, by when, and when the group meets again is kept; a refusal is no result."""

from __future__ import annotations

from typing import Any

import pytest
from docx import Document

SKILL = "meeting-minutes"
HARBOUR = """[00:00:02] Mara: We have three sites to look at before the survey starts.
[00:00:09] Mara: Dave visits Pier 9 by 1 June.
[00:00:15] Olek: I'm not going to do that survey alone, someone else should visit the sites with me.
[00:00:21] Mara: Olek, could you live with one site per day?
[00:00:27] Olek: One per day is what the boat allows.
[00:00:33] Mara: Then Ines sends the boat list to the office, no later than 3 May.
[00:00:44] Mara: The next meeting is on 12 June at 10:00.
"""
GERMAN = """Anke: Petra besucht die Baustelle bis 3. Mai.
Bernd: Ich mache das nicht, jemand anders soll die Baustelle mit dem Lift besuchen.
Anke: Bernd, kannst du am Montag früh da sein?
Bernd: Der Montag ist bei mir voll mit dem Umbau.
Anke: Das nächste Treffen ist am 8. Mai um 9 Uhr.
"""
FRENCH = """Luc: Nadia appelle le fournisseur avant vendredi.
Rose: Je ne peux pas, quelqu'un d'autre doit visiter le fournisseur avec le camion.
Luc: La prochaine réunion a lieu le mardi à 9 h.
"""
EACH = pytest.mark.parametrize(
    ("content", "task", "due", "refusal", "meeting"),
    [
        (HARBOUR, ("Dave", "Dave visits Pier 9 by 1 June."), "by 1 June", "not going to", "12 June"),
        (GERMAN, ("Petra", "Petra besucht die Baustelle bis 3. Mai."), "bis 3. Mai", "Ich mache das nicht", "8. Mai"),
        (
            FRENCH,
            ("Nadia", "Nadia appelle le fournisseur avant vendredi."),
            "avant vendredi",
            "Je ne peux pas",
            "mardi",
        ),
    ],
    ids=["english", "german", "french"],
)


def _parts(workspace: Any, content: str) -> tuple[dict[str, list[str]], list[tuple[str, ...]], list[str]]:
    """Lines by heading, the rows of the task table, and the lines above the first heading."""
    path, _ = workspace.make(SKILL, "minutes", [workspace.put("talk.txt", content)])
    found: dict[str, list[str]] = {"": []}
    current, rows = "", []
    for part in Document(str(path)).iter_inner_content():
        if hasattr(part, "rows"):
            cells = [tuple(cell.text for cell in row.cells) for row in part.rows]
            rows += cells[1:] if cells[0][0] in ("Owner", "Zuständig", "Responsable") else []
        elif part.style.name.startswith("Heading"):
            current = part.text
            found[current] = []
        elif part.text:
            found[current].append(part.text)
    return found, rows, found[""]


@EACH
def test_what_a_person_who_is_not_there_will_do_is_a_task_with_its_date(
    workspace: Any, content: str, task: tuple[str, str], due: str, refusal: str, meeting: str
) -> None:
    _, rows, _ = _parts(workspace, content)
    assert (*task, due) in rows


@EACH
def test_the_next_meeting_has_a_heading_of_its_own(
    workspace: Any, content: str, task: tuple[str, str], due: str, refusal: str, meeting: str
) -> None:
    found, _, _ = _parts(workspace, content)
    titles = {"Next meeting", "Nächstes Treffen", "Prochaine réunion"} & set(found)
    assert len(titles) == 1
    assert meeting in found[titles.pop()][0]


@EACH
def test_a_refusal_is_not_in_the_summary_and_no_task(
    workspace: Any, content: str, task: tuple[str, str], due: str, refusal: str, meeting: str
) -> None:
    found, rows, _ = _parts(workspace, content)
    summary = next(lines for title, lines in found.items() if title in ("Summary", "Zusammenfassung", "Résumé"))
    assert not any(refusal in line for line in summary)
    assert not any(refusal in cell for row in rows for cell in row)


def test_a_question_that_is_answered_in_words_is_no_task(workspace: Any) -> None:
    _, rows, _ = _parts(workspace, HARBOUR)
    assert rows == [
        ("Dave", "Dave visits Pier 9 by 1 June.", "by 1 June"),
        ("Ines", "Then Ines sends the boat list to the office, no later than 3 May.", "no later than 3 May"),
    ]


def test_a_question_that_is_answered_with_yes_is_a_task_all_the_same(workspace: Any) -> None:
    said = (
        "Mara: Olek, could you call the harbour office?\nOlek: Sure, by Friday.\nMara: Thank you, that helps a lot.\n"
    )
    _, rows, _ = _parts(workspace, said)
    assert rows == [("Olek", "Olek, could you call the harbour office?", "by Friday")]


def test_what_people_always_do_is_no_task(workspace: Any) -> None:
    said = "Mara: Dave visits the pier every week.\nOlek: He likes the pier and the long way back along the water.\n"
    _, rows, _ = _parts(workspace, said)
    assert rows == []


@pytest.mark.parametrize(
    ("last", "shown"),
    [("00:00:44", "42 s (00:00:02 – 00:00:44)"), ("00:31:02", "31 min 0 s (00:00:02 – 00:31:02)")],
)
def test_the_duration_is_how_long_it_was(workspace: Any, last: str, shown: str) -> None:
    _, _, top = _parts(workspace, HARBOUR.replace("00:00:44", last))
    assert f"Duration: {shown}" in top
