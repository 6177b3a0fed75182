"""Turns a transcript into minutes as a Word document: only what was said, with who and when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import docstyle
from docx.document import Document as DocumentType
from docx.shared import Pt
from findings import NOT_SET, Findings, Said, find
from job import (
    OUTPUTS,
    Job,
    Outcome,
    Plan,
    Refusal,
    files_of,
    free_output,
    language_of,
    main,
    output_name,
    plural,
    progress,
)
from transcript import SUFFIXES, Transcript, read

_WORDS = {
    "en": "Minutes|Date|Place|Attendees|Apologies|Not stated|Summary|Key figures|Decisions|Action items|Open "
    "questions|Ideas|"
    "Figure|What was said|By|Task|Owner|Due|None found in the transcript.|"
    "Duration|at|Next meeting",
    "de": "Protokoll|Datum|Ort|Teilnehmende|Entschuldigt|Nicht angegeben|Zusammenfassung|Kennzahlen|Beschlüsse|"
    "Aufgaben|"
    "Offene Fragen|Ideen|Zahl|Aussage|Von|Aufgabe|Zuständig|Termin|Im Transkript nichts gefunden.|Dauer|bei|"
    "Nächstes Treffen",
    "fr": "Compte rendu|Date|Lieu|Participants|Excusés|Non indiqué|Résumé|Chiffres clés|Décisions|Actions|"
    "Questions ouvertes|Idées|Chiffre|Propos|Par|Action|Responsable|Échéance|Rien dans la transcription.|"
    "Durée|à|Prochaine réunion",
    "es": "Acta|Fecha|Lugar|Asistentes|Ausentes|No indicado|Resumen|Cifras clave|Decisiones|Tareas|"
    "Preguntas abiertas|Ideas|Cifra|Lo dicho|Por|Tarea|Responsable|Plazo|Nada en la transcripción.|"
    "Duración|en|Próxima reunión",
}
_KEYS = [
    "minutes",
    "date",
    "place",
    "people",
    "absent",
    "unstated",
    "summary",
    "figures",
    "decisions",
    "tasks",
    "questions",
    "ideas",
    "figure",
    "words",
    "by",
    "task",
    "owner",
    "due",
    "none",
    "duration",
    "at",
    "next",
]
LABELS = {language: dict(zip(_KEYS, listed.split("|"), strict=True)) for language, listed in _WORDS.items()}


@dataclass
class Meeting:
    """One transcript, read and searched."""

    path: Path
    transcript: Transcript
    findings: Findings
    language: str

    @property
    def title(self) -> str:
        """What the meeting was called, else what the file is called."""
        stated = self.transcript.meta.get("title", "")
        spoken = re.sub(r"[-_]+", " ", self.path.stem).strip()
        return stated or spoken[:1].upper() + spoken[1:]


def read_all(job: Job) -> tuple[list[Meeting], list[str]]:
    """Every transcript among the inputs, and what was left out. Raises Refusal when there is none."""
    files = files_of(job, SUFFIXES)
    if not files:
        raise Refusal(
            "There is no transcript here: hand over text, .vtt, .srt or .docx (a recording: transcribe it first)."
        )
    meetings, skipped = [], []
    for path in files:
        try:
            transcript = read(path)
        except (ValueError, OSError) as error:
            skipped.append(f"{path.name} was left out: {error}")
            continue
        meetings.append(Meeting(path, transcript, find(transcript), language_of(transcript.text)))
    if not meetings:
        raise Refusal(f"None of the files holds a readable transcript: {'; '.join(skipped[:3])}.")
    return meetings, skipped


def _targets(job: Job, meetings: list[Meeting]) -> list[Path]:
    if len(meetings) == 1:
        return [free_output(output_name(job, ".docx", f"{meetings[0].path.stem}-minutes"))]
    return [free_output(f"{meeting.path.stem}-minutes.docx") for meeting in meetings]


def plan(job: Job) -> Plan:
    """What the minutes would hold."""
    meetings, skipped = read_all(job)
    turns = sum(len(meeting.transcript.turns) for meeting in meetings)
    speakers = list(dict.fromkeys(name for meeting in meetings for name in meeting.transcript.speakers))
    words = sum(len(meeting.transcript.text.split()) for meeting in meetings)

    def count(what: str, noun: str) -> str:
        return plural(sum(len(getattr(meeting.findings, what)) for meeting in meetings), noun)

    named = f" ({', '.join(speakers[:6])}{' and others' if len(speakers) > 6 else ''})" if speakers else ""
    steps = [
        f"Read {plural(len(meetings), 'transcript')}: {words:,} words, {plural(turns, 'turn')}, "
        f"{plural(len(speakers), 'speaker')}{named}",
        f"Collect {count('decisions', 'decision')}, {count('tasks', 'action item')}; owner and due date as far as said",
        f"List {count('figures', 'figure')}, {count('questions', 'open question')} and {count('ideas', 'idea')}",
        "Write a short summary from sentences that were really said",
        "Save the minutes as a Word document",
    ]
    note = "Without a model the minutes quote; they do not rephrase."
    return Plan(steps, [str(path) for path in _targets(job, meetings)], "; ".join([*skipped, note]))


def run(job: Job) -> Outcome:
    """Write the minutes."""
    meetings, skipped = read_all(job)
    OUTPUTS.mkdir(exist_ok=True)
    files, summary, doubts = [], [], list(skipped)
    for meeting, path in zip(meetings, _targets(job, meetings), strict=True):
        progress(f"Writing the minutes of {meeting.title}")
        write(meeting, path)
        files.append(str(path))
        found = meeting.findings
        summary.append(
            f"{path.name}: {plural(len(found.decisions), 'decision')}, {plural(len(found.tasks), 'action item')}, "
            f"{plural(len(found.questions), 'open question')}, {plural(len(meeting.transcript.speakers), 'speaker')}"
        )
        doubts += _doubts(meeting)
    assumptions = ["Items were picked by wording (decide, agree, I will ...) and are quoted as said; read them once."]
    return Outcome(files, summary, assumptions, doubts[:6])


def _doubts(meeting: Meeting) -> list[str]:
    found, transcript = meeting.findings, meeting.transcript
    doubts = list(transcript.doubts) + found.doubts[:2]
    if transcript.unheard:
        doubts.append(f"{plural(transcript.unheard, 'passage')} could not be heard in the recording")
    ownerless = sum(not task.owner for task in found.tasks)
    if ownerless:
        doubts.append(f"{plural(ownerless, 'action item')} without a named owner")
    if not found.decisions and not found.tasks:
        doubts.append("no decision or action was recognised; the meeting may word them in an unusual way")
    return doubts


def write(meeting: Meeting, path: Path) -> None:
    """One Word document of minutes."""
    label = LABELS[meeting.language]
    found = meeting.findings
    title = f"{label['minutes']}: {meeting.title}"
    if label["minutes"].lower() in meeting.title.lower():
        title = meeting.title
    document = docstyle.new_document(title, meeting.language)
    document.add_paragraph(docstyle.clean(title), style="Title")
    _facts(document, meeting, label)
    _list(document, label["summary"], found.summary, label)
    _figures(document, found, label)
    _list(document, label["decisions"], found.decisions, label, numbered=True)
    _tasks(document, meeting, label)
    _list(document, label["questions"], found.questions, label)
    _list(document, label["ideas"], found.ideas, label)
    if found.next_meeting:
        _list(document, label["next"], found.next_meeting, label)
    document.save(str(path))


def _facts(document: DocumentType, meeting: Meeting, label: dict[str, str]) -> None:
    transcript = meeting.transcript
    stated = transcript.meta.get("people", "")
    people = stated or ", ".join(transcript.speakers)
    if stated:
        extra = [name for name in transcript.speakers if name.split()[0].casefold() not in stated.casefold()]
        people = ", ".join([stated, *extra])
    times = [at for turn in transcript.turns for at in (turn.at, turn.last_at) if at]
    lines = [
        (label["date"], transcript.meta.get("date", label["unstated"])),
        (label["place"], transcript.meta.get("place", "")),
        (label["people"], people or label["unstated"]),
        (label["absent"], transcript.meta.get("absent", "")),
        (label["duration"], _duration(times[0], times[-1]) if times else ""),
    ]
    for name, value in lines:
        if value:
            paragraph = document.add_paragraph()
            paragraph.paragraph_format.space_after = Pt(2)
            paragraph.add_run(f"{name}: ").bold = True
            paragraph.add_run(docstyle.clean(value))


def _duration(first: str, last: str) -> str:
    """How long it was from the first word to the beginning of the last speech, and both times; empty if unknown."""
    seconds = _seconds(last) - _seconds(first)
    if seconds <= 0:
        return ""
    hours, minutes = divmod(seconds // 60, 60)
    parts = [
        f"{hours} h" if hours else "",
        f"{minutes} min" if minutes else "",
        f"{seconds % 60} s" if not hours else "",
    ]
    return f"{' '.join(part for part in parts if part)} ({first} – {last})"


def _seconds(clock: str) -> int:
    total = 0
    for part in clock.split(":"):
        total = total * 60 + int(part)
    return total


def _list(
    document: DocumentType, title: str, items: list[Said], label: dict[str, str], *, numbered: bool = False
) -> None:
    document.add_heading(title, level=1)
    if not items:
        document.add_paragraph(label["none"])
        return
    for item in items:
        paragraph = document.add_paragraph(style="List Number" if numbered else "List Bullet")
        paragraph.add_run(docstyle.clean(item.shown))
        source = _source(item)
        if source:
            run = paragraph.add_run(f"  ({source})")
            run.font.size, run.font.color.rgb = Pt(9), docstyle.GREY


def _source(said: Said) -> str:
    return ", ".join(part for part in (docstyle.clean(said.speaker), said.at) if part)


def _figures(document: DocumentType, found: Findings, label: dict[str, str]) -> None:
    document.add_heading(label["figures"], level=1)
    if not found.figures:
        document.add_paragraph(label["none"])
        return
    widths = (3.2, 9.8, 3.0)
    header = (label["figure"], label["words"], label["by"])
    _table(document, header, widths, [(figure, said.shown, _source(said)) for figure, said in found.figures])


def _tasks(document: DocumentType, meeting: Meeting, label: dict[str, str]) -> None:
    document.add_heading(label["tasks"], level=1)
    tasks, unset = meeting.findings.tasks, NOT_SET[meeting.language]
    if not tasks:
        document.add_paragraph(label["none"])
        return
    header = (label["owner"], label["task"], label["due"])
    rows = [(task.owner or unset, task.said.shown, task.due or unset) for task in tasks]
    _table(document, header, (3.2, 9.6, 3.2), rows)


def _table(
    document: DocumentType, header: tuple[str, ...], widths: tuple[float, ...], rows: list[tuple[str, ...]]
) -> None:
    table = docstyle.add_table(document, header, widths, numeric=set())
    for index, row in enumerate(rows):
        paragraphs = docstyle.add_row(table, widths, numeric=set(), striped=index % 2 == 1)
        for column, (paragraph, text) in enumerate(zip(paragraphs, row, strict=True)):
            run = paragraph.add_run(docstyle.clean(text))
            run.font.size, run.font.bold = Pt(10), column == 0 or None


if __name__ == "__main__":
    main(plan, run)
