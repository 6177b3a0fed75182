"""Reads who said what and when, from any usual form of transcript."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from docx import Document
from docx.opc.exceptions import PackageNotFoundError
from job import text_of

SUFFIXES = (".txt", ".text", ".md", ".vtt", ".srt", ".docx")
_TIME = (
    r"\[?\(?(?P<time>(?:\d{1,2}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?)"
    r"(?:\s*(?:-->|[-–])\s*(?:\d{1,2}:)?\d{1,2}:\d{2}(?:[.,]\d+)?)?\]?\)?"
)
_NAME = r"(?P<name>[^\W\d_](?:[^\W_]|[ .'’()/&-]){0,48}?(?:\s?\d{1,2})?)"
_CUE_TIME = re.compile(r"^(?P<start>(?:\d+:)?\d{1,2}:\d{2}[.,]\d{2,3})\s*-->")
_VOICE = re.compile(r"^<v(?:\.[\w.]+)?\s+(?P<name>[^>]+)>\s*(?P<words>.*)$", re.DOTALL)
_FORMS = (
    # [00:12:03] Name: words · 00:12 Name: words · 00:12:03 - Name: words
    re.compile(rf"^{_TIME}\s*(?:[-–|]\s*)?{_NAME}\s*:\s*(?P<words>.*)$"),
    # Name [00:12]: words · Name (00:12:03): words · Name 00:12: words
    re.compile(rf"^{_NAME}\s*[,|–-]?\s*{_TIME}\s*:\s*(?P<words>.*)$"),
    re.compile(rf"^{_NAME}\s*:(?!\d\d)\s*(?P<words>.*)$"),
)
# Name  0:03 on a line of its own, the words on the next lines (meeting programs export it so).
_OWN_LINE = (re.compile(rf"^{_NAME}\s+{_TIME}$"), re.compile(rf"^{_TIME}\s+{_NAME}$"))
_NOISE = re.compile(
    r"[\[(<*](?:[^\])>*]{0,40}?\b(?:laugh\w*|noise|music|applause|inaudible|unintelligible|crosstalk|cough\w*|"
    r"silence|pause|"
    r"background|unclear|phone rings?|typing|door|static|lachen|gelächter|unverständlich|geräusch\w*|musik|räuspern|"
    r"stille|rires?|inaudible|bruit\w*|musique|risas?|ininteligible|ruido\w*|música|silencio)\b[^\])>*]{0,40}?)[\])>*]"
    r"|\{[^{}\n]{1,40}\}",  # nobody speaks in braces: whatever stands in them is a mark
    re.IGNORECASE,
)
_UNHEARD = re.compile(r"inaudible|unintelligible|unclear|unverständlich|ininteligible|crosstalk", re.IGNORECASE)
_META_KEYS = {
    "title": "title|meeting|subject|topic|titel|betreff|thema|besprechung|sitzung|titre|objet|sujet|réunion|reunion|"
    "título|titulo|asunto|reunión|tema",
    "date": "date|datum|when|fecha|wann|quand|cuándo",
    "people": "participants|attendees|present|people|in attendance|teilnehmer|teilnehmende|teilnehmerinnen|anwesend|"
    "anwesende|participants|présents|presents|participantes|asistentes|presentes",
    "absent": "apologies|absent|regrets|entschuldigt|abwesend|excusés|absents|ausentes|excusados",
    "place": "place|location|room|where|ort|raum|lieu|lugar|sala",
    "skip": "duration|dauer|durée|duración|recording|aufnahme|language|transcript|note|notes|time|zeit|heure|hora|"
    "start|"
    "ende|end|from|to|agenda|tagesordnung|ordre du jour|orden del día|moderator|moderation|facilitator|protokoll",
}
_META = {word: key for key, listed in _META_KEYS.items() for word in listed.split("|")}
_NOT_NAMES = re.compile(
    r"^(http|https|note|notes|ps|re|fw|fwd|todo|action|actions|decision|decisions|agreed|question|questions|summary|"
    r"next "
    r"steps?|action items?|follow.?up|beschluss|entscheidung|aufgabe|aufgaben|frage|décision|tâche|decisión|tarea|"
    r"pregunta|example|update|important|wichtig|ergebnis)$",
    re.IGNORECASE,
)


@dataclass
class Turn:
    """What one person said without a break. `speaker` is empty where the transcript names none; `last_at`: when its
    last piece began."""

    speaker: str
    words: str
    at: str = ""
    last_at: str = ""


@dataclass
class Transcript:
    """A read transcript. `meta`: title, date, people, absent, place where the text states them."""

    turns: list[Turn] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)
    unheard: int = 0
    doubts: list[str] = field(default_factory=list)

    @property
    def speakers(self) -> list[str]:
        """Everybody who spoke, in order of appearance."""
        return list(dict.fromkeys(turn.speaker for turn in self.turns if turn.speaker))

    @property
    def text(self) -> str:
        """All that was said."""
        return " ".join(turn.words for turn in self.turns)


def read(path: Path) -> Transcript:
    """The transcript in a file. Raises ValueError with the reason when there is none."""
    doubt = ""
    if path.suffix.lower() == ".docx":
        try:
            document = Document(str(path))
        except (PackageNotFoundError, zipfile.BadZipFile, KeyError, ValueError, OSError, SyntaxError) as error:
            raise ValueError("not a readable Word document") from error
        raw = "\n".join(paragraph.text for paragraph in document.paragraphs)
    else:
        raw, _, doubt = text_of(path)
    transcript = parse(raw)
    transcript.doubts += [doubt] if doubt else []
    if len(transcript.text.split()) < 8:
        raise ValueError("it holds hardly any words")
    return transcript


def parse(raw: str) -> Transcript:
    """Turns and stated facts of a transcript's text."""
    transcript = Transcript()
    lines = [line.strip().replace("**", "").replace("\u00a0", " ") for line in raw.split("\n")]
    lines = [re.sub(r"^(?:[-*•>]|#{1,6})\s+", "", line) for line in lines]
    subtitles = any(_CUE_TIME.match(line) for line in lines[:60])
    turns = _cues(raw) if subtitles else _lines(lines, transcript)
    transcript.turns = _joined(_without_noise(turns, transcript))
    if not transcript.speakers:
        transcript.doubts.append("the transcript names no speakers; owners are only known where a name was said")
    return transcript


def _cues(raw: str) -> list[Turn]:
    turns: list[Turn] = []
    for chunk in re.split(r"\n\s*\n", raw):
        rows = [row.strip() for row in chunk.strip().split("\n")]
        index = next((i for i, row in enumerate(rows) if _CUE_TIME.match(row)), None)
        if index is None:
            continue
        match = _CUE_TIME.match(rows[index])
        words = " ".join(rows[index + 1 :])
        at = _clock(match["start"] if match else "")
        for piece in re.split(r"(?=<v[ .])", words):
            if voice := _VOICE.match(piece.strip()):
                turns.append(Turn(_name(voice["name"]), _untagged(voice["words"]), at))
            elif piece.strip():
                spoken = _FORMS[2].match(_untagged(piece).removeprefix("- "))
                if spoken and _is_name(spoken["name"]):
                    turns.append(Turn(_name(spoken["name"]), spoken["words"], at))
                else:
                    turns.append(Turn(turns[-1].speaker if turns else "", _untagged(piece), at))
    return turns


def _untagged(text: str) -> str:
    return re.sub(r"</?[a-z][^>]*>", "", text).strip()


def _clock(text: str) -> str:
    return re.sub(r"[.,]\d+$", "", text)


def _lines(lines: list[str], transcript: Transcript) -> list[Turn]:
    counts = Counter(match["name"].casefold() for line in lines if (match := _match(line)) and _is_name(match["name"]))
    turns: list[Turn] = []
    first_lines: list[str] = []
    for line in lines:
        if not line or re.fullmatch(r"[-=_*~]{3,}|WEBVTT.*", line):
            continue
        own = next((match for form in _OWN_LINE if (match := form.match(line)) and _is_name(match["name"])), None)
        match = _match(line)
        if own and not (match and match["words"]):
            turns.append(Turn(_name(own["name"]), "", _clock(own["time"])))
        elif match and not turns and _meta(match, transcript, counts):
            continue
        elif match and _speaks(match, counts, turns):
            groups = match.groupdict()
            turns.append(Turn(_name(match["name"]), match["words"], _clock(groups.get("time") or "")))
        elif turns:
            turns[-1].words += " " + line
        else:
            first_lines.append(line)
    if first_lines and turns and len(first_lines[0]) < 100:
        transcript.meta.setdefault("title", first_lines[0].rstrip(":"))
        _date_in(first_lines, transcript)
    elif first_lines:
        turns = [Turn("", re.sub(rf"^{_TIME}\s*", "", line)) for line in first_lines] + turns
    return turns


def _match(line: str) -> re.Match[str] | None:
    return next((match for form in _FORMS if (match := form.match(line))), None)


def _is_name(name: str) -> bool:
    words = name.split()
    return len(words) <= 5 and not _NOT_NAMES.match(name.strip()) and name.strip()[:1].isalpha()


def _speaks(match: re.Match[str], counts: Counter[str], turns: list[Turn]) -> bool:
    """True when the words before the colon are a speaker: with a time, said twice, or written like a name."""
    name = match["name"]
    if not _is_name(name) or (name.casefold() in _META and counts[name.casefold()] < 2):
        return False
    if match.groupdict().get("time") or counts[name.casefold()] > 1:
        return True
    written_as_name = all(word[:1].isupper() or word in ("de", "von", "van", "la") for word in name.split())
    return written_as_name and len(name.split()) <= 3 and (not turns or bool(turns[-1].speaker))


def _meta(match: re.Match[str], transcript: Transcript, counts: Counter[str]) -> bool:
    key = _META.get(match["name"].casefold().strip())
    if key is None or counts[match["name"].casefold()] > 1 or match.groupdict().get("time"):
        return False
    if key != "skip" and match["words"]:
        transcript.meta.setdefault(key, match["words"].strip())
    return True


def _date_in(lines: list[str], transcript: Transcript) -> None:
    pattern = (
        r"\b(\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}|[A-Z][a-z]{2,8} \d{1,2},? \d{4}|"
        r"\d{1,2}\.?\s+(?:de\s+)?[^\W\d_]{3,12}\.?\s+(?:de\s+)?\d{4})\b"
    )
    for line in lines:
        if found := re.search(pattern, line):
            transcript.meta.setdefault("date", found[1])


def _name(text: str) -> str:
    name = re.sub(r"\s*\((?:he|she|they|host|guest|extern)[^)]*\)", "", text, flags=re.IGNORECASE).strip(" -–|,")
    return name.title() if name.isupper() and len(name) > 3 else name


def _without_noise(turns: list[Turn], transcript: Transcript) -> list[Turn]:
    for turn in turns:
        transcript.unheard += sum(bool(_UNHEARD.search(found[0])) for found in _NOISE.finditer(turn.words))
        words = _NOISE.sub(" ", turn.words)
        turn.words = " ".join(re.sub(r"^\s*" + _TIME + r"\s*$", "", words).split())
    return [turn for turn in turns if turn.words]


def _joined(turns: list[Turn]) -> list[Turn]:
    """Pieces of one speech as one turn: subtitles cut sentences anywhere."""
    result: list[Turn] = []
    for turn in turns:
        same = bool(result) and turn.speaker == result[-1].speaker and bool(turn.speaker)
        cut_off = bool(result) and not turn.speaker and not re.search(r"[.!?…]$", result[-1].words)
        if same or cut_off:
            result[-1].words += " " + turn.words
            result[-1].last_at = turn.at or result[-1].last_at
        else:
            turn.last_at = turn.at
            result.append(turn)
    return result
