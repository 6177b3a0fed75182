"""What the minutes hold: decisions, tasks, open questions, ideas, figures and the weightiest sentences, all as said."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

import cues
from job import STOP_WORDS
from transcript import Transcript

NOT_SET = {"en": "not set", "de": "nicht festgelegt", "fr": "non défini", "es": "sin definir"}
_ABBREVIATIONS = re.compile(
    r"\b(z\.\s?B|d\.\s?h|u\.\s?a|e\.g|i\.e|etc|Dr|Mr|Mrs|Ms|Prof|St|vs|ca|bzw|usw|Nr|No|approx|p\. ?ex|Sr|Sra|M)\.",
)


@dataclass(frozen=True)
class Said:
    """One sentence, who said it and when. `turn` and `place` order it in the meeting."""

    words: str
    speaker: str
    at: str
    turn: int
    place: int

    @property
    def is_question(self) -> bool:
        """True when it ends in a question mark."""
        return self.words.rstrip(" \"'”»)").endswith("?")

    @cached_property
    def shown(self) -> str:
        """The sentence without leading fillers, beginning with a capital letter."""
        words = cues.HEDGE.sub("", cues.FILLER.sub("", self.words)).strip(" ,…-–")
        words = words or self.words
        return words[:1].upper() + words[1:]


@dataclass
class Task:
    """Something somebody took on. `owner` and `due` are empty where nobody said."""

    said: Said
    owner: str
    due: str


@dataclass
class Findings:
    """Everything found, in the order of the meeting."""

    decisions: list[Said] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    questions: list[Said] = field(default_factory=list)
    ideas: list[Said] = field(default_factory=list)
    figures: list[tuple[str, Said]] = field(default_factory=list)
    summary: list[Said] = field(default_factory=list)
    next_meeting: list[Said] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def find(transcript: Transcript) -> Findings:
    """Read the transcript for what minutes need."""
    reader = _Reader(transcript)
    return reader.findings()


def split_sentences(text: str) -> list[str]:
    """The sentences of a speech."""
    held = _ABBREVIATIONS.sub(lambda match: match[0].replace(".", "\x00"), text)
    held = re.sub(
        r"(\d)\.(?=\s*(?:[a-zäöü]|(?:Januar|Februar|März|April|Mai|Juni|Juli|August|Sept|Okt|Nov|Dez)))",
        "\\1\x00",
        held,
    )
    parts = re.split(r"(?<=[.!?…])[\"'”»)]*\s+(?=[\"'“«(¿¡]*[^\W_])", held)
    return [part.replace("\x00", ".").strip() for part in parts if part.strip()]


class _Reader:
    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript
        self.said = [
            Said(words, turn.speaker, turn.at, number, place)
            for number, turn in enumerate(transcript.turns)
            for place, words in enumerate(split_sentences(turn.words))
        ]
        self.names = self._known_names()

    def findings(self) -> Findings:
        found = Findings()
        for index, said in enumerate(self.said):
            if len(said.words.split()) < 2:
                continue
            task = self._task(index, said)
            if self._is_next_meeting(said):
                found.next_meeting.append(said)
            elif task:
                found.tasks.append(task)
            elif self._is_decision(said):
                found.decisions.append(self._with_referent(index, said))
            elif self._is_open(index, said):
                last = found.questions[-1] if found.questions else None
                # A mere "don't know" belongs to the question before it and says nothing alone.
                reply = last is not None and last.is_question and said.turn - last.turn == 1 and not said.is_question
                if not reply:
                    found.questions.append(said)
            elif cues.IDEA.search(said.words):
                found.ideas.append(said)
        found.tasks = self._merged_tasks(found.tasks)
        for name in ("decisions", "questions", "ideas"):
            setattr(found, name, _unlike(getattr(found, name)))
        found.figures = self._figures()
        found.summary = self._summary(found)
        self._note_reversals(found)
        return found

    def _known_names(self) -> dict[str, str]:
        """How people are called: full names and parts of them, to the name that the minutes use."""
        names: dict[str, str] = {}
        listed = re.split(r"[,;/]| and | und | et | y ", self.transcript.meta.get("people", ""))
        for name in [*self.transcript.speakers, *(re.sub(r"\(.*?\)", "", one).strip() for one in listed)]:
            if not name or re.fullmatch(
                r"(?:speaker|sprecher\w*|locuteur|hablante|unknown)\s*\d*", name, re.IGNORECASE
            ):
                continue
            names[name] = name
            first = name.split()[0]
            if len(first) > 1 and first.lower().rstrip(".") not in (
                "dr",
                "mr",
                "mrs",
                "ms",
                "herr",
                "frau",
                "the",
                "sr",
            ):
                names.setdefault(first, name)
            names.setdefault(name.split()[-1], name)
        return names

    def _is_decision(self, said: Said) -> bool:
        words = said.words
        if said.is_question or not cues.DECISION.search(words) or cues.NOT_DECIDED.search(words):
            return False
        if cues.IDEA.search(words):
            return False
        return len(words.split()) >= 2

    def _is_next_meeting(self, said: Said) -> bool:
        """True when the sentence says when the group meets again; a place or a wish alone is no appointment."""
        if said.is_question or not cues.NEXT_MEETING.search(said.words):
            return False
        return bool(cues.WHEN.search(said.words))

    def _with_referent(self, index: int, said: Said) -> Said:
        """A bare "Agreed." says nothing alone: put the sentence it answers before it."""
        if len(said.words.split()) > 4 or index == 0:
            return said
        before = self.said[index - 1]
        words = f"{before.shown} – {said.words}"
        return Said(words, said.speaker or before.speaker, said.at, said.turn, said.place)

    def _task(self, index: int, said: Said) -> Task | None:
        words = said.words
        if cues.REFUSES.search(words):
            return None
        if (marked := cues.TASK_MARK.match(words)) and not said.is_question:
            return Task(said, self._third(marked["task"]) or self._leading_name(marked["task"]), self._due(index, said))
        if cues.PROMISE.search(words) and not cues.NO_PROMISE.search(words) and not said.is_question:
            if re.match(r"^\W*(?:if|wenn|falls|si)\b", words, re.IGNORECASE):
                return None
            return Task(said, said.speaker, self._due(index, said))
        owner = self._third(words)
        if owner and not said.is_question and self._is_commitment(words):
            return Task(said, owner, self._due(index, said))
        if (does := cues.TAKES_ON.match(words)) and not said.is_question and not cues.HABIT.search(words):
            return Task(said, self.names.get(does["name"], does["name"]), self._due(index, said))
        if cues.REQUEST.search(words):
            return self._requested(index, said)
        return None

    def _is_commitment(self, words: str) -> bool:
        return not re.search(
            r"\b(?:yesterday|last week|already|gestern|schon|hier|déjà|ayer|ya)\b", words, re.IGNORECASE
        )

    def _third(self, words: str) -> str:
        """The person of whom the sentence says that they will do something."""
        for short, name in self.names.items():
            pattern = rf"\b{re.escape(short)}\b(?:\s+(?:and|und|et|y)\s+[^\W\d_]+)?,?\s+(?:{cues.THIRD})"
            if match := re.search(pattern, words):
                rest = words[match.end() :]
                if re.match(r"\s*(?:be|have been|probably|not|nicht|pas|no)\b", rest):
                    return ""
                return name
        return ""

    def _leading_name(self, words: str) -> str:
        match = re.match(r"\W*([^\W\d_]+(?: [^\W\d_]+)?)\b", words)
        if not match:
            return ""
        return self.names.get(match[1]) or self.names.get(match[1].split()[0], "")

    def _requested(self, index: int, said: Said) -> Task | None:
        owner = self._addressed(said.words)
        answers = [one for one in self.said[index + 1 : index + 6] if one.turn == said.turn + 1]
        answer = answers[0] if answers else None
        if answer and cues.REFUSAL.search(" ".join(one.words for one in answers[:2])):
            return None
        if answers and any(cues.REFUSES.search(one.words) for one in answers[:2]):
            return None
        consents = bool(answer and (cues.CONSENT.search(answer.words) or cues.PROMISE.search(answer.words)))
        # A question that is answered with something else than a yes asked for an answer, not for work.
        if said.is_question and answer and not consents and not answer.is_question:
            return None
        if not owner and consents and answer:
            owner = answer.speaker
        if not owner and not consents:
            return None
        return Task(said, owner, self._due(index, said))

    def _addressed(self, words: str) -> str:
        """The person called by name at the beginning or the end of a sentence."""
        for short, name in self.names.items():
            escaped = re.escape(short)
            if re.search(rf"(?:^|[,;:–-]\s*|\band )(?:{escaped})\s*[,:]|,\s*{escaped}\s*[?.!]*$|^{escaped}\b", words):
                return name
        return ""

    def _due(self, index: int, said: Said) -> str:
        due = self._due_as_said(index, said)
        return re.sub(r"^(By|Before|Until|Till|On|Bis|Vor|Am|Pour|Avant|Para|Antes)\b", lambda m: m[0].lower(), due)

    def _due_as_said(self, index: int, said: Said) -> str:
        if match := cues.DUE.search(said.words):
            return match["due"]
        nearby = self.said[index + 1 : index + 5]
        for offset, one in enumerate(nearby):
            if one.turn > said.turn + 2:
                break
            asked = cues.WHEN_QUESTION.search(one.words) if one.is_question else None
            if asked:
                if match := cues.DUE.search(one.words):
                    return match["due"]
                for answer in nearby[offset + 1 :]:
                    if match := cues.DUE.search(answer.words):
                        return match["due"]
            same_speech = one.turn == said.turn and len(one.words.split()) <= 8
            if same_speech and not cues.PROMISE.search(one.words) and (match := cues.DUE.search(one.words)):
                return match["due"]
            consent = one.turn == said.turn + 1 and cues.CONSENT.search(one.words)
            if consent and (match := cues.DUE.search(one.words)):
                return match["due"]
        return ""

    def _merged_tasks(self, tasks: list[Task]) -> list[Task]:
        """A request and the consent to it are one task; so is a task that is said again."""
        result: list[Task] = []
        for task in tasks:
            earlier = result[-1] if result else None
            consent = (
                earlier is not None
                and 0 <= task.said.turn - earlier.said.turn <= 1
                and (earlier.owner in ("", task.owner))
                and bool(cues.REQUEST.search(earlier.said.words) or cues.WHEN_QUESTION.search(earlier.said.words))
                and (len(task.said.words.split()) <= 7 or bool(cues.CONSENT.search(task.said.words)))
            )
            if consent and earlier is not None:
                earlier.owner = earlier.owner or task.owner
                earlier.due = earlier.due or task.due
                continue
            same = next((one for one in result if one.owner == task.owner and _similar(one.said, task.said)), None)
            if same:
                same.due = same.due or task.due
                continue
            result.append(task)
        return result

    def _is_open(self, index: int, said: Said) -> bool:
        if cues.OPEN.search(said.words) and len(said.words.split()) >= 4:
            return True
        if not said.is_question or len(said.words.split()) < 4:
            return False
        after = [one for one in self.said[index + 1 : index + 4] if one.turn <= said.turn + 2]
        if not after:
            return True
        return bool(cues.NO_ANSWER.search(after[0].words)) or (
            len(after) > 1 and bool(cues.NO_ANSWER.search(after[1].words)) and after[1].turn > said.turn
        )

    def _figures(self) -> list[tuple[str, Said]]:
        result: list[tuple[str, Said]] = []
        seen: set[str] = set()
        for said in self.said:
            dates = [match.span() for match in cues.DUE.finditer(said.words)]
            for match in cues.FIGURE.finditer(said.words):
                figure = match["figure"].strip(" .,")
                inside_date = any(start <= match.start() < end for start, end in dates)
                clock = re.match(r"^:\d\d", said.words[match.end() :]) or re.search(
                    r"\d[:]$", said.words[: match.start()]
                )
                year = re.fullmatch(r"(?:19|20)\d\d", figure)
                key = re.sub(r"\s", "", figure.lower())
                if not (inside_date or clock or year or key in seen):
                    seen.add(key)
                    result.append((figure, said))
        return result[:20]

    def _summary(self, found: Findings) -> list[Said]:
        """The sentences that carry most of what the meeting talked about, at most six, in order."""
        stops = {word for listed in STOP_WORDS.values() for word in listed.split()}
        counts = Counter(word for said in self.said for word in set(_words(said.words)) if word not in stops)
        scores: dict[Said, float] = {}
        taken = {task.said for task in found.tasks}
        for said in self.said:
            words = [word for word in _words(said.words) if word not in stops]
            asides = (cues.NO_ANSWER, cues.PROMISE, cues.NO_PROMISE, cues.CONSENT, cues.REFUSAL, cues.REFUSES)
            aside = any(cue.search(said.words) for cue in asides)
            if len(words) < 4 or said.is_question or said in taken or (aside and said not in found.decisions):
                continue
            weight = sum(min(counts[word], 6) - 1 for word in set(words)) / (len(words) + 4)
            decided = 0.8 if said in found.decisions else 0.0
            figure = 0.4 if cues.FIGURE.search(said.words) else 0.0
            scores[said] = weight + decided + figure - (0.5 if len(words) > 35 else 0.0)
        best: list[Said] = []
        for said in sorted(scores, key=lambda one: -scores[one]):
            if len(best) < 6 and all(not _similar(said, other) for other in best):
                best.append(said)
        return sorted(best, key=lambda one: (one.turn, one.place))

    def _note_reversals(self, found: Findings) -> None:
        for said in self.said:
            if cues.REVERSAL.search(said.words) and any(one.turn <= said.turn for one in found.decisions):
                at = f" ({said.at})" if said.at else ""
                found.doubts.append(f"something may have been taken back later{at}: “{said.shown[:120]}”")


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W\d_]+", text.lower()) if len(word) > 2]


def _similar(a: Said, b: Said) -> bool:
    first, second = set(_words(a.words)), set(_words(b.words))
    return bool(first and second) and len(first & second) / len(first | second) > 0.6


def _unlike(said: list[Said]) -> list[Said]:
    result: list[Said] = []
    for one in said:
        if all(not _similar(one, other) for other in result):
            result.append(one)
    return result
