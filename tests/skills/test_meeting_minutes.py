"""meeting-minutes: who decided and took on what, quoted from transcripts of unlike forms and languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from docx import Document

SKILL = "meeting-minutes"
PLAIN = """Roof meeting
Date: 4 March 2031

[00:00:05] Chair: So, welcome. [laughter] We are here about the roof and the money.
[00:00:20] Treasurer: The roof costs 4,200 euros. That is 15 percent more than last year.
[00:01:02] Gardener: What if we plant herbs up there?
[00:01:20] Chair: We haven't decided on the colour. Then let's go with tiles.
[00:02:00] Chair: Gardener, can you ask the builder for an offer?
[00:02:10] Gardener: Sure, will do. By when?
[00:02:15] Chair: By next Friday.
[00:02:20] Treasurer: I'll check the (inaudible) insurance.
[00:02:30] Gardener: I can't do that one. I'll be honest, I am tired.
[00:02:40] Chair: Who pays for the lamp?
[00:02:45] Treasurer: Good question, we'll see.
"""
GERMAN_VTT = """WEBVTT

1
00:00:01.000 --> 00:00:04.000
<v Leitung>Wir haben beschlossen, dass der Laden</v>

2
00:00:04.000 --> 00:00:07.000
<v Leitung>am Samstag öffnet. Es ist noch offen, wer den Schlüssel hat.</v>

3
00:00:08.000 --> 00:00:12.000
<v Lager>Ich kümmere mich um die Lieferung bis Donnerstag. Es sind 120 Kisten.</v>

4
00:00:13.000 --> 00:00:18.000
<v Leitung>Wir könnten auch Tee verkaufen. Kasse, kannst du bitte die Preise prüfen?</v>

5
00:00:19.000 --> 00:00:20.000
<v Kasse>Ja, mache ich.</v>
"""
FRENCH_SRT = """1
00:00:01,000 --> 00:00:05,000
Cheffe: Bonjour. On a décidé de garder le vieux four.

2
00:00:06,000 --> 00:00:09,000
Boulanger: Je m'occupe de la farine avant vendredi, et il nous reste 300 euros.

3
00:00:10,000 --> 00:00:12,000
Cheffe: On pourrait aussi vendre des tartes le dimanche.
"""


def _sections(path: Path) -> dict[str, list[Any]]:
    """Per heading the list items, and the rows of a table, below it."""
    found: dict[str, list[Any]] = {}
    current = ""
    for part in Document(str(path)).iter_inner_content():
        if hasattr(part, "rows"):
            found[current] = [tuple(cell.text for cell in row.cells) for row in part.rows]
        elif part.style.name.startswith("Heading"):
            current = part.text
            found[current] = []
        elif current and part.text:
            found[current].append(part.text)
    return found


def test_decisions_tasks_questions_and_ideas_are_told_apart(workspace: Any) -> None:
    path, answer = workspace.make(SKILL, "minutes please", [workspace.put("roof.txt", PLAIN)])
    found = _sections(path)
    assert found["Decisions"] == ["Then let's go with tiles.  (Chair, 00:01:20)"]
    assert found["Action items"] == [
        ("Owner", "Task", "Due"),
        ("Gardener", "Gardener, can you ask the builder for an offer?", "by next Friday"),
        ("Treasurer", "I'll check the insurance.", "not set"),
    ]
    assert [line.split("  (")[0] for line in found["Open questions"]] == [
        "We haven't decided on the colour.",
        "Who pays for the lamp?",
    ]
    assert [line.split("  (")[0] for line in found["Ideas"]] == ["What if we plant herbs up there?"]
    assert [row[0] for row in found["Key figures"][1:]] == ["4,200 euros", "15 percent"]
    assert any("could not be heard" in doubt for doubt in answer.last["doubts"])


def test_title_date_and_attendees_stand_at_the_top(workspace: Any) -> None:
    path, _ = workspace.make(SKILL, "minutes", [workspace.put("roof.txt", PLAIN)])
    top = [p.text for p in Document(str(path)).paragraphs[:4]]
    assert top == [
        "Minutes: Roof meeting",
        "Date: 4 March 2031",
        "Attendees: Chair, Treasurer, Gardener",
        "Duration: 2 min 40 s (00:00:05 – 00:02:45)",
    ]


def test_only_sentences_that_were_said_are_written(workspace: Any) -> None:
    path, _ = workspace.make(SKILL, "minutes", [workspace.put("roof.txt", PLAIN)])
    spoken = " ".join(PLAIN.replace("[laughter] ", "").replace("(inaudible) ", "").split()).casefold()
    for title, lines in _sections(path).items():
        if title not in ("Key figures", "Action items"):
            for line in lines:
                assert line.split("  (")[0].casefold() in spoken


def test_german_subtitles_that_cut_sentences_give_german_minutes(workspace: Any) -> None:
    path, _ = workspace.make(SKILL, "Protokoll bitte", [workspace.put("laden.vtt", GERMAN_VTT)])
    found = _sections(path)
    assert found["Beschlüsse"][0].startswith("Wir haben beschlossen, dass der Laden am Samstag öffnet.")
    assert found["Aufgaben"][1:] == [
        ("Lager", "Ich kümmere mich um die Lieferung bis Donnerstag.", "bis Donnerstag"),
        ("Kasse", "Kasse, kannst du bitte die Preise prüfen?", "nicht festgelegt"),
    ]
    assert len(found["Offene Fragen"]) == len(found["Ideen"]) == 1


def test_french_subtitles_give_french_minutes(workspace: Any) -> None:
    path, _ = workspace.make(SKILL, "compte rendu", [workspace.put("four.srt", FRENCH_SRT)])
    found = _sections(path)
    assert found["Décisions"][0].startswith("On a décidé de garder le vieux four.")
    assert found["Actions"][1][0] == "Boulanger"
    assert found["Actions"][1][2] == "avant vendredi"
    assert found["Idées"][0].startswith("On pourrait aussi")


def test_names_on_lines_of_their_own_and_spanish_words(workspace: Any) -> None:
    text = (
        "Directora  0:03\nHola a todos. Hemos decidido cerrar los lunes.\n\n"
        "Cocinero  0:15\nYo me encargo de los carteles para el viernes.\n\n"
        "Directora  0:30\nQueda por definir el precio de la sopa con el equipo.\n"
    )
    path, _ = workspace.make(SKILL, "acta", [workspace.put("sala.txt", text)])
    found = _sections(path)
    assert len(found["Decisiones"]) == 1
    assert found["Tareas"][1][::2] == ("Cocinero", "para el viernes")
    assert len(found["Preguntas abiertas"]) == 1


def test_a_text_without_speakers_never_gets_an_owner(workspace: Any) -> None:
    text = "We decided to paint the door. I'll buy the paint tomorrow. The weather was nice and everybody was glad.\n"
    path, answer = workspace.make(SKILL, "minutes", [workspace.put("talk.txt", text)])
    assert _sections(path)["Action items"][1][0] == "not set"
    assert any("names no speakers" in doubt for doubt in answer.last["doubts"])


def test_nothing_found_is_said_not_invented(workspace: Any) -> None:
    text = "A: The sea was calm in the morning.\nB: The gulls were loud at noon.\nA: The sun set late in the evening.\n"
    path, answer = workspace.make(SKILL, "minutes", [workspace.put("sea.txt", text)])
    assert _sections(path)["Decisions"] == ["None found in the transcript."]
    assert any("no decision or action" in doubt for doubt in answer.last["doubts"])


@pytest.mark.parametrize(
    ("name", "content"),
    [("empty.vtt", b"WEBVTT\n"), ("garbled.txt", bytes(range(256)) * 9), ("short.txt", b"A: hi\n"), ("x.mp3", b"ID3")],
)
def test_what_is_no_transcript_is_refused(workspace: Any, name: str, content: bytes) -> None:
    assert workspace.refused(SKILL, [workspace.put(name, content)]).endswith(".")
