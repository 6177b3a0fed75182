"""The few things that the offline model understands of what people write while it works."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agent.llm.offline.matching import Listing, mentioned, named_skill
from agent.llm.offline.words import plain, tokens
from agent.ports.skills import Skill

_STOP_WORDS = "stop stopp halt cancel abort abbrechen aufhoren arrete arretez stopper detente para alto"
_FILL_WORDS = "please now it that this all everything bitte jetzt sofort das tout ca por favor todo"
_STOPS, _FILLERS = frozenset(_STOP_WORDS.split()), frozenset(_FILL_WORDS.split())
_ONLY = r"only|just|nur|seulement|uniquement|solo|solamente"
_WITHOUT = (
    r"without|except(?: for)?|leave out|leaving out|drop|ignore|skip|exclude|not|ohne|au(?:ß|ss)er|nicht|sans|sauf|pas"
    r"|sin|excepto|menos"
)
_ALSO = r"also|add|include|plus|auch|dazu|aussi|ajoute|también|tambien|incluye"
_CUE = re.compile(rf"\b(?:(?P<only>{_ONLY})|(?P<without>{_WITHOUT})|(?P<also>{_ALSO}))\b", re.IGNORECASE)
_STEP = re.compile(r"\b(?:steps?|schritte?|étapes?|etapes?|pasos?)\s*(?:no\.?\s*)?\d", re.IGNORECASE)
_Part = Literal["only", "without", "also"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Words of the requester. Everything empty: free text that the offline model cannot follow."""

    text: str
    turn: int
    """Number of the round it was said in."""
    skill: str = ""
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    about_steps: bool = False
    stop: bool = False

    @property
    def understood(self) -> bool:
        """Whether it can be acted on."""
        return bool(self.skill or self.only or self.without or self.also)


def read_wish(text: str, turn: int, listing: Listing, skills: Sequence[Skill]) -> Wish:
    """What is understood of the words."""
    said = tokens(text)
    if any(word in _STOPS for word in said) and all(word in _STOPS | _FILLERS for word in said):
        return Wish(text=text, turn=turn, stop=True)
    skill = named_skill(text, [s for s in skills if s.run], bare=True)
    parts: dict[str, list[str]] = {"only": [], "without": [], "also": []}
    cues = list(_CUE.finditer(text))
    ends = [*(cue.start() for cue in cues[1:]), len(text)]
    for cue, end in zip(cues, ends, strict=bool(cues)):
        parts[cue.lastgroup or "also"] += mentioned(text[cue.end() : end], listing, by_stem=True)
    return Wish(
        text=text,
        turn=turn,
        skill=skill.name if skill else "",
        only=tuple(parts["only"]),
        without=tuple(parts["without"]),
        also=tuple(parts["also"]),
        about_steps=_STEP.search(text) is not None,
    )


def narrowed(inputs: tuple[str, ...], wishes: Sequence[Wish], listing: Listing) -> tuple[str, ...]:
    """The inputs after the wishes about files, in the order they were said.

    A wish that would leave none is passed over. A folder is opened for this when all its files are listed.
    """
    for wish in wishes:
        if not (wish.only or wish.without or wish.also):
            continue
        before = inputs if listing.cut else _opened(inputs, listing)
        after = wish.only or tuple(path for path in before if path not in wish.without)
        after = tuple(dict.fromkeys((*after, *wish.also)))
        if after and after != before:
            inputs = after
    return inputs


def _opened(inputs: tuple[str, ...], listing: Listing) -> tuple[str, ...]:
    found: list[str] = []
    for path in inputs:
        below = [p for p in listing.paths if p.startswith(f"{path}/")]
        found += below or [path]
    return tuple(found)


def quoted(text: str, limit: int = 80) -> str:
    """The words on one line between quotation marks, cut to `limit` characters."""
    line = " ".join(text.split())
    return f"“{line if len(line) <= limit else line[: limit - 1] + '…'}”"


def same_words(left: str, right: str) -> bool:
    """Whether two texts differ at most by case, accents and spaces."""
    return plain(" ".join(left.split())) == plain(" ".join(right.split()))
