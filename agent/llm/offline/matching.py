"""Which runnable skill fits a request and the files at hand, by words and file name endings alone.

Deterministic and modest: a score orders candidates, close ones are a question for the person, and a request that no
description covers fits none. Nothing here knows a particular skill.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from agent.domain import requests
from agent.domain.files import INPUTS, OUTPUTS
from agent.domain.requests import wanted_skill
from agent.llm.offline.words import STOP, alike, known_forms, plain, stem, tokens
from agent.ports.skills import Skill

FOLDER = "folder"
LEAST_SCORE = 1.5
"""Below this nothing was said about the skill's work. A word of a skill's name or label alone counts 2."""
WORDS_OF_A_SHORT_REQUEST = 12
LONG_REQUEST_WORDS = 25
MORE_PER_WORD = 0.06
MOST_SCORE_NEEDED = 6.0
"""Long requests hit many words by chance, so they need more; never more than this."""
READ_CHARS = 6_000
"""Of a very long request only the beginning counts for its words; names of files are looked for in all of it."""
CLOSE = 0.75
"""Share of the best score from which another skill is as good."""
KIND_BONUS = 1.5
WITHOUT_FILES = 0.75
"""Still much: saying which file is missing is better than doing what was hardly asked for."""
TARGET, SOURCE = 1.5, 0.5
CUE_REACH = 5

_TARGET_CUES = """
into as make makes create write draft prepare build produce need want mach mache erstelle erstellen schreib schreibe zu
zum zur als brauche fais faire cree creer redige rediger ecris haz hacer crea crear redacta escribe prepara
"""
_SOURCE_CUES = "from turn convert transform aus anhand verwandle wandle partir transforme convertis convierte"
_RESULTS = "result output ergebnis resultat resultado"
_QUESTION_WORDS = """
what how who whose why when where which is are does do did was were has have
wie wer warum wann wo welche welcher welches ist sind hat
quel quelle quels quelles combien pourquoi qui quand est
cuanto cuantos cuanta cuantas quien donde cuando cual
"""
_TO = frozenset(_TARGET_CUES.split())
_FROM = frozenset(_SOURCE_CUES.split())
_LATEST = frozenset(map(stem, _RESULTS.split()))
_FILE_WORDS = frozenset({"file", "files", "datei", "dateien", "fichier", "fichiers", "archivo", "archivos"})
_WHEN = re.compile(r"\buse (?:it |this )?(?:when|for|if)\b", re.IGNORECASE)
_QUESTION = frozenset(_QUESTION_WORDS.split())
_POLITE = re.compile(
    r"\b(can|could|would|will) (you|we)\b|\bplease\b|\bbitte\b|\bk(a|o)nn(st|test|en|ten)\b"
    r"|\b(peux|peut|pouvez|pourrais|pourriez)\b|\bpued(e|es|en)\b|\bpodrias?\b|\bhow about\b"
)
_GREETING = re.compile(
    r"(hello|hi|hey|good (morning|afternoon|evening|day)|test|ping|help|hallo|moin|guten (morgen|tag|abend)|hilfe"
    r"|bonjour|salut|aide|hola|buenos dias|buenas tardes|ayuda)( (there|all|everyone|gofer|zusammen|tous|todos))?"
)
_ABOUT_ME = re.compile(
    r"\bwhat (can|do) you do\b|\bwho are you\b|\bwhat are you\b|\bhow do you work\b|\bwas kannst du\b|\bwer bist du\b"
    r"|\bque (peux tu|sais tu|puedes) (faire|hacer)\b|\bqui es tu\b|\bquien eres\b"
)
_USE = (
    r"(?<!not )(?<!n't )\b(?:use|using|run|nutze|nimm|verwende|benutze|utilise|utilisez|usa|utiliza|with|mit)\s+"
    r"(?:(?:the|den|die|la|el|le)\s+)?(?:(?:skill|competence|habilidad)\s+)?[`'\"“]?{name}(?![\w-])"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A skill whose description covers the request. `inputs` is empty when no file of a kind it takes is there."""

    skill: Skill
    score: float
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """The workspace's files as far as they were listed; `cut`: there are more."""

    paths: tuple[str, ...] = ()
    cut: bool = False

    def plus(self, more: Iterable[str]) -> Listing:
        """The listing with further paths."""
        return Listing(tuple(dict.fromkeys((*self.paths, *more))), self.cut)


def rank(request: str, listing: Listing, skills: Sequence[Skill]) -> tuple[Match, ...]:
    """The runnable skills that cover the request, best first; one without fitting files counts less."""
    runnable = [skill for skill in skills if skill.run]
    asked = _weighed(_without_names(request, listing))
    needed = min(LEAST_SCORE + MORE_PER_WORD * max(0, len(asked) - WORDS_OF_A_SHORT_REQUEST), MOST_SCORE_NEEDED)
    said = frozenset(tokens(request[:READ_CHARS]))
    profiles = {skill.name: _profile(skill, said) for skill in runnable}
    scores = _scores(asked, profiles)
    found: list[Match] = []
    for skill in runnable:
        words = scores[skill.name]
        inputs = choose_inputs(skill, request, listing)
        bonus = _kind_bonus(skill, inputs, runnable, said)
        if words >= 1 and words + bonus >= needed:
            found.append(Match(skill=skill, score=words + bonus, inputs=inputs))
    return tuple(sorted(found, key=lambda m: (-_worth(m), m.skill.name)))


def is_long(request: str) -> bool:
    """Whether a request says much more than a skill's name: then nobody here can tell if the skill covers it all."""
    return len(_weighed(request)) > LONG_REQUEST_WORDS


def named_skill(text: str, skills: Sequence[Skill], *, bare: bool = False) -> Skill | None:
    """The skill that the text tells to use. With `bare` its name or label alone is enough."""
    names = {skill.name: skill for skill in skills}
    if (wanted := wanted_skill(text, names)) is not None:
        return names[wanted]
    low = plain(text)
    for skill in sorted(skills, key=lambda s: -len(s.name)):
        if re.search(_USE.format(name=re.escape(skill.name)), low):
            return skill
    if not bare:
        return None
    for skill in sorted(skills, key=lambda s: -len(s.name)):
        label = plain(skill.label)
        if re.search(rf"(?<![\w-]){re.escape(skill.name)}(?![\w-])", low) or (label and label in low):
            return skill
    return None


def unknown_skill(text: str, skills: Sequence[Skill]) -> str:
    """The name of a skill that the text tells to use and that is not there, else empty."""
    name = requests.unknown_skill(text, [skill.name for skill in skills])
    return "" if name.lower() in STOP else name


def is_question(request: str) -> bool:
    """Whether the text asks to be told something, rather than asking for work."""
    first = next(iter(tokens(request)), "")
    return request.rstrip().endswith("?") and first in _QUESTION and not _POLITE.search(plain(request))


def is_about_me(request: str) -> bool:
    """Whether the text only greets, or asks what Gofer is and can do."""
    said = " ".join(plain(request).strip(" .!?,").split())
    return _GREETING.fullmatch(said) is not None or _ABOUT_ME.search(said) is not None


def choose_inputs(skill: Skill, request: str, listing: Listing) -> tuple[str, ...]:
    """What the skill should work on: what the request names, else `inputs/`, else `outputs/`, else the rest.

    Only files with an ending it takes. A skill for folders gets a folder; one that takes both, if it is named.
    """
    named = mentioned(request, listing)
    fitting = [path for path in listing.paths if takes(skill, path)]
    if FOLDER in skill.inputs:
        folder = _named_folder(request, listing) or (_only_folder(listing) if set(skill.inputs) == {FOLDER} else "")
        if folder:
            return (folder,)
    if chosen := [path for path in fitting if path in named]:
        return tuple(chosen)
    order = (OUTPUTS, INPUTS) if _LATEST & {stem(t) for t in tokens(request[:READ_CHARS])} else (INPUTS, OUTPUTS)
    for root in order:
        if below := [path for path in fitting if PurePosixPath(path).is_relative_to(root)]:
            return (str(root),) if listing.cut else tuple(below)
    return tuple(path for path in fitting if path != "NOTES.md")


def takes(skill: Skill, path: str) -> bool:
    """Whether the skill takes files with this ending."""
    name = PurePosixPath(path).name.lower()
    return any(name.endswith(f".{ending}") for ending in skill.inputs if ending != FOLDER)


_UP_TO = r"to|through|until|up to|bis|à|jusqu'à|a|al|hasta|-|–|—|…|\.{2,3}"
"""Words and signs between the first and the last of a series."""


def mentioned(text: str, listing: Listing, *, by_stem: bool = False) -> tuple[str, ...]:
    """The listed files that the text names by path or name; with `by_stem` also without ending."""
    low = text.casefold()
    named = {path for path in listing.paths if any(_says(low, name) for name in _names(path, by_stem=by_stem))}
    named |= {path for first in named for last in named for path in _between(low, first, last, listing)}
    return tuple(path for path in listing.paths if path in named)


def _between(low: str, first: str, last: str, listing: Listing) -> set[str]:
    """The listed files of a numbered series of which the text says "first to last"."""
    begin, end = _numbered(first), _numbered(last)
    if begin is None or end is None or begin[0] != end[0] or begin[1] >= end[1]:
        return set()
    said = rf"{re.escape(_stem(first))}(?:\.\w+)?\s*(?:{_UP_TO})\s*{re.escape(_stem(last))}"
    if re.search(said, low) is None:
        return set()
    series = {path: _numbered(path) for path in listing.paths}
    return {path for path, at in series.items() if at is not None and at[0] == begin[0] and begin[1] <= at[1] <= end[1]}


def _numbered(path: str) -> tuple[tuple[str, str], int] | None:
    """What stands around the last number of a path, and the number."""
    found = re.fullmatch(r"(.*?)(\d+)(\D*)", path.casefold())
    return None if found is None else ((found[1], found[3]), int(found[2]))


def _stem(path: str) -> str:
    return PurePosixPath(path.casefold()).stem


def _names(path: str, *, by_stem: bool) -> list[str]:
    pure = PurePosixPath(path.casefold())
    plain_word = pure.stem.isalpha() and not by_stem
    return [str(pure), pure.name, *([] if plain_word or len(pure.stem) < 2 else [pure.stem])]


def _says(low: str, name: str) -> bool:
    # The plain test first: sixty names in a long request would take seconds of regular expressions.
    return name in low and re.search(_whole(name), low) is not None


def _whole(name: str) -> str:
    return rf"(?<![\w.-]){re.escape(name)}(?![\w-])"


def _worth(match: Match) -> float:
    return match.score if match.inputs or not match.skill.inputs else match.score * WITHOUT_FILES


def _named_folder(request: str, listing: Listing) -> str:
    """The folder that the request names; the deepest of several."""
    folders = {str(parent) for path in listing.paths for parent in PurePosixPath(path).parents if str(parent) != "."}
    low = request.casefold()
    for folder in sorted(folders - {str(INPUTS), str(OUTPUTS)}, key=lambda f: (-len(f), f)):
        name = PurePosixPath(folder).name.casefold()
        if _says(low, folder.casefold()) or (len(name) > 2 and _says(low, name)):
            return folder
    return ""


def _only_folder(listing: Listing) -> str:
    """The only folder below `inputs/`, else `inputs` when it holds files."""
    given = [PurePosixPath(path) for path in listing.paths if PurePosixPath(path).is_relative_to(INPUTS)]
    tops = {path.parts[1] if len(path.parts) > 2 else "" for path in given}
    if len(tops) == 1 and "" not in tops and not listing.cut:
        return str(INPUTS / tops.pop())
    return str(INPUTS) if given else ""


def _without_names(request: str, listing: Listing) -> str:
    """The request without the names of files that are there: what a file is called says nothing about the work."""
    low = request.casefold()
    for path in listing.paths:
        for name in _names(path, by_stem=False):
            low = re.sub(_whole(name), " ", low) if name in low else low
    return low


def _weighed(request: str) -> Mapping[str, float]:
    """The stems of a request; words of what is to come out weigh more than words of what goes in."""
    weights: dict[str, float] = {}
    factor, reach = 1.0, 0
    for token in tokens(request[:READ_CHARS]):
        if token in _TO or token in _FROM:
            factor, reach = (TARGET if token in _TO else SOURCE), CUE_REACH
        if token in STOP or len(token) < 2:
            continue
        word = stem(token)
        weights[word] = max(weights.get(word, 0.0), factor if reach else 1.0)
        reach = max(0, reach - 1)
    return weights


def _profile(skill: Skill, particles: frozenset[str]) -> Mapping[str, float]:
    """The stems that stand for a skill: 2 for its name and label, 1 for when to use it, a half for what it makes.

    A description without "use when" counts 1 throughout.
    """
    cut = _WHEN.search(skill.description)
    what, when = (skill.description[: cut.start()], skill.description[cut.end() :]) if cut else ("", skill.description)
    profile: dict[str, float] = {}
    for text, weight in ((what, 0.5), (when, 1.0), (f"{skill.name} {skill.label}", 2.0)):
        for form, particle in known_forms(text).items():
            if not particle or particle in particles:
                profile[form] = weight
    return profile


def _scores(asked: Mapping[str, float], profiles: Mapping[str, Mapping[str, float]]) -> Mapping[str, float]:
    """Weights of the words that meet, by skill; a word that describes several skills is shared out among them."""
    totals = dict.fromkeys(profiles, 0.0)
    counted: set[tuple[str, str]] = set()
    for word, factor in asked.items():
        owners = {name: known for name, profile in profiles.items() if (known := _known(word, profile))}
        for name, known in owners.items():
            if (name, known) not in counted:
                counted.add((name, known))
                totals[name] += factor * profiles[name][known] / len(owners)
    return totals


def _known(word: str, profile: Mapping[str, float]) -> str:
    if word in profile:
        return word
    hits = [known for known in profile if alike(word, known)]
    return max(hits, key=lambda known: (profile[known], known), default="")


def _kind_bonus(skill: Skill, inputs: Sequence[str], skills: Sequence[Skill], said: frozenset[str]) -> float:
    """More for files that few other skills take; for a folder, which holds any, when files in general are spoken of."""
    if set(skill.inputs) == {FOLDER}:
        return KIND_BONUS / 2 if inputs and _FILE_WORDS & said else 0.0
    shares = [1 / max(1, sum(takes(other, path) for other in skills)) for path in inputs if takes(skill, path)]
    return KIND_BONUS * sum(shares) / len(shares) if shares else 0.0
