"""The skills we ship are found by what people really write, in four languages, and only for files they take."""

from __future__ import annotations

import pytest

from agent.domain.blocks import text_of
from agent.skillset import FolderCatalog, builtin_root
from tests.llm.talks import Shelf, Talk

CATALOG = FolderCatalog([builtin_root()])
SHELF = Shelf(tuple(CATALOG.skills()))
TABLES = ("inputs/north.csv", "inputs/south.csv")
NOTES = ("inputs/kiln.md",)
TALKED = ("inputs/weekly.txt",)
PILE = ("inputs/scan.pdf", "inputs/pic.jpg", "inputs/kiln.md", "inputs/north.csv", "inputs/tune.mp3")

ASKED: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "tidy-folder": (
        PILE,
        [
            "Please tidy up this folder",
            "These downloads are a mess, sort them into subfolders by type",
            "can you organise all of these files by date?",
            "Räum bitte diesen Ordner auf",
            "Range ce dossier par type de fichier s'il te plaît",
            "Ordena esta carpeta por fecha, por favor",
        ],
    ),
    "merge-tables": (
        TABLES,
        [
            "Merge these CSV files into one workbook",
            "clean up the exports, drop duplicates and combine them in a single Excel spreadsheet with totals",
            "Could you join both tables and add a chart?",
            "Führe die beiden Tabellen in einer Excel-Datei zusammen",
            "Fusionne ces tableaux dans un seul classeur",
            "Une estas tablas en una sola hoja de cálculo",
        ],
    ),
    "make-deck": (
        NOTES,
        [
            "Make a deck from this outline",
            "I need slides with speaker notes for Thursday",
            "turn the outline into a PowerPoint presentation, please",
            "Mach mir daraus eine Präsentation mit Folien",
            "Fais une présentation PowerPoint à partir de ce plan",
            "Haz una presentación con diapositivas a partir de este esquema",
        ],
    ),
    "write-document": (
        NOTES,
        [
            "Turn this Markdown into a nicely formatted Word document",
            "Make a polished report in Word with a table of contents out of my rough draft",
            "please format my notes as a docx with headings and page numbers",
            "Erstelle aus den Notizen ein Word-Dokument mit Inhaltsverzeichnis",
            "Mets ce brouillon en forme dans un document Word",
            "Convierte estas notas en un documento de Word",
        ],
    ),
    "meeting-minutes": (
        TALKED,
        [
            "Write the minutes of this meeting",
            "Here is the transcript of our call. Who decided what, and which action items are there?",
            "summarise the meeting transcript with decisions and actions",
            "Schreib bitte das Protokoll der Besprechung",
            "Rédige le compte rendu de la réunion",
            "Redacta el acta de la reunión con las decisiones",
        ],
    ),
}
OTHERS = [
    ("Write a poem about the sea", NOTES),
    ("Translate this into Dutch", NOTES),
    ("How many rows are in these tables?", TABLES),
    ("Wie viele Zeilen hat die Tabelle?", TABLES),
    ("Book me a flight to Lisbon", ()),
    ("Hello!", PILE),
    ("What can you do?", ()),
    ("Run the unit tests and mend what fails", ("inputs/app.py", "inputs/test_app.py")),
]


@pytest.mark.parametrize(
    ("name", "request_text"), [(name, text) for name, (_, texts) in ASKED.items() for text in texts]
)
async def test_a_request_in_ones_own_words_finds_its_skill(name: str, request_text: str) -> None:
    ((tool, call),) = await Talk(SHELF, request_text, ASKED[name][0]).calls()
    assert (tool, call.get("name")) == ("skill", name)


@pytest.mark.parametrize(("request_text", "files"), OTHERS)
async def test_other_work_and_questions_find_no_skill(request_text: str, files: tuple[str, ...]) -> None:
    assert "I have no language model behind me" in await Talk(SHELF, request_text, files).text()


@pytest.mark.parametrize("name", sorted(set(ASKED) - {"tidy-folder"}))
async def test_a_skill_is_not_run_on_kinds_of_files_it_does_not_take(name: str) -> None:
    for request_text in ASKED[name][1]:
        reply = await Talk(SHELF, request_text, ["inputs/tune.mp3", "inputs/clip.mov"]).next()
        assert reply.stop_reason == "refusal", request_text
        assert "no language model" in text_of(reply.content)


def test_every_built_in_skill_is_sound_and_can_run_without_a_model() -> None:
    assert list(CATALOG.problems()) == []
    assert {skill.name for skill in CATALOG.skills()} >= set(ASKED)
    for skill in CATALOG.skills():
        assert skill.run, skill.name
        assert skill.inputs, skill.name
        assert skill.label, skill.name


async def test_a_built_in_skill_can_be_named() -> None:
    for skill in CATALOG.skills():
        kind = skill.inputs[0] if skill.inputs[0] != "folder" else "bin"
        talk = Talk(SHELF, f"Use the skill {skill.name}. Do it", [f"inputs/thing.{kind}"])
        assert (await talk.calls())[0][1]["name"] == skill.name
