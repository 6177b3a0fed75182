"""Which job a request amounts to: the skill, its inputs, and what the person wrote since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.blocks import Json
from agent.llm.offline import says
from agent.llm.offline.matching import (
    CLOSE,
    FOLDER,
    Listing,
    Match,
    choose_inputs,
    is_about_me,
    is_question,
    named_skill,
    rank,
    takes,
    unknown_skill,
)
from agent.llm.offline.run import ADDED_TO_APPROVAL, Move, last_call
from agent.llm.offline.story import Call, Story
from agent.llm.offline.wishes import Wish, narrowed, read_wish, same_words
from agent.ports.skills import Skill

PASTED = "notes/request.md"
"""Where material goes that came inside the message: not below inputs/, which is for people's files."""
PASTED_LINES, PASTED_CHARS = 3, 300
OPTIONS = 4
REVISE, _REVISE_END = "Not approved yet. The person wrote: ", "\nPropose the revised plan."
NO_WORDS = "They want changes but did not say which; ask."
APPROVED = ("Approved", "No approval is needed")
_ANSWERED = "The person answered: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a skill is asked to do. `pasted`: text to be written into a file first, because the message held it."""

    skill: Skill
    request: str
    inputs: tuple[str, ...]
    pasted: str = ""

    def arguments(self, mode: str) -> dict[str, Json]:
        """The arguments of the `skill` tool."""
        return {"name": self.skill.name, "mode": mode, "request": self.request, "inputs": list(self.inputs)}


def read_wishes(story: Story, skills: Sequence[Skill]) -> tuple[Wish, ...]:
    """Everything the requester said after the request, in order, as far as it is understood."""
    listing, out = story.listing, list[Wish]()
    for number, turn in enumerate(story.rounds):
        listing = listing.plus(turn.added)
        said = [text for call in turn.calls if (text := _said_in(call))]
        out += [read_wish(text, number, listing, skills) for text in (*said, *turn.words)]
    return tuple(out)


def _said_in(call: Call) -> str:
    """The person's words inside the result of a plan or a question."""
    if call.failed:
        return ""
    if call.tool == "ask":
        return call.result.removeprefix(_ANSWERED).strip()
    if call.tool != "plan":
        return ""
    if call.result.startswith(REVISE):
        wish = call.result.removeprefix(REVISE).removesuffix(_REVISE_END).strip()
        return "" if wish == NO_WORDS else wish
    approved, mark, note = call.result.partition(ADDED_TO_APPROVAL)
    return note.strip() if mark and approved.startswith("Approved") else ""


def find_job(story: Story, wishes: Sequence[Wish], skills: Sequence[Skill]) -> Job | Move:
    """The job that the request and the wishes so far amount to, or the question or sentence that stands in its way."""
    approved = approved_in(story)
    listing = story.listing.plus(path for turn in story.rounds for path in turn.added)
    found = _skill(story, listing, wishes, skills)
    if isinstance(found, Move):
        return found
    free = [w.text for w in wishes if not is_settled(w, story) and (approved is None or w.turn < approved)]
    request = "\n".join([story.request, *free])
    inputs = choose_inputs(found, story.request, listing)
    if set(found.inputs) != {FOLDER}:
        added = [path for turn in story.rounds for path in turn.added if takes(found, path)]
        if inputs and not is_folder(inputs, listing):
            inputs = tuple(dict.fromkeys((*inputs, *added)))
        inputs = narrowed(inputs, [_of_its_kind(w, found) for w in wishes], listing)
    pasted = "" if inputs else _pasted(story.request, found)
    if found.inputs and not inputs and not pasted:
        return Move(text=says.no_input(found, listing), unable=True)
    return Job(skill=found, request=request, inputs=(PASTED,) if pasted else inputs, pasted=pasted)


def _skill(story: Story, listing: Listing, wishes: Sequence[Wish], skills: Sequence[Skill]) -> Skill | Move:
    runnable = {skill.name: skill for skill in skills if skill.run}
    if name := next((w.skill for w in reversed(wishes) if w.skill), ""):
        return runnable[name]
    if (explicit := named_skill(story.request, skills)) is not None:
        return explicit if explicit.run else Move(text=says.no_script(explicit, skills), unable=True)
    if missing := unknown_skill(story.request, skills):
        return Move(text=says.no_such_skill(missing, skills), unable=True)
    matches = _matches(story.request, listing, skills)
    if not matches:
        # Who greets or asks what it can do is told; all else was work that is not done.
        return Move(text=says.nothing_fits(skills), unable=not is_about_me(story.request))
    close = [m for m in matches if m.score >= CLOSE * matches[0].score and bool(m.inputs) == bool(matches[0].inputs)]
    if len(close) == 1:
        return close[0].skill
    answers = [w.text for w in wishes if is_answer(w, story)]
    if not answers:
        options = [*(says.option(m.skill) for m in close[:OPTIONS]), says.NONE_OF_THESE]
        return Move(calls=(("ask", {"question": says.WHICH, "options": options}),))
    if same_words(answers[0], says.NONE_OF_THESE):
        return Move(text=says.nothing_fits(skills), unable=True)
    among = rank(answers[0], listing, [m.skill for m in close])
    return among[0].skill if among else Move(text=says.nothing_fits(skills), unable=True)


def _matches(request: str, listing: Listing, skills: Sequence[Skill]) -> tuple[Match, ...]:
    """Candidates, best first. Material pasted below the first line does not count as words about the work."""
    if is_question(request):
        return ()
    head, _, rest = request.partition("\n")
    if not listing.paths and _is_material(rest) and (found := rank(head, listing, skills)):
        return found
    return rank(request, listing, skills)


def is_answer(wish: Wish, story: Story) -> bool:
    """Whether the wish answers a question of ours."""
    return any(call.tool == "ask" for call in story.rounds[wish.turn].calls)


def is_settled(wish: Wish, story: Story) -> bool:
    """Whether a wish has nothing to tell the skill's script any more."""
    asked = [c for c in story.rounds[wish.turn].calls if c.tool == "ask"]
    return wish.understood or wish.about_steps or any(c.arguments.get("question") == says.WHICH for c in asked)


def _of_its_kind(wish: Wish, skill: Skill) -> Wish:
    """The wish with only those files added that the skill takes."""
    return Wish(
        text=wish.text,
        turn=wish.turn,
        only=tuple(p for p in wish.only if takes(skill, p)),
        without=wish.without,
        also=tuple(p for p in wish.also if takes(skill, p)),
    )


def is_folder(inputs: tuple[str, ...], listing: Listing) -> bool:
    """Whether one of the inputs is no listed file, so a folder."""
    return any(path not in listing.paths for path in inputs)


def _pasted(request: str, skill: Skill) -> str:
    """The material inside a message, when the skill takes text."""
    _, _, rest = request.partition("\n")
    return rest.strip() if {"md", "txt"} & set(skill.inputs) and _is_material(rest) else ""


def _is_material(text: str) -> bool:
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) >= PASTED_LINES or len(text.strip()) >= PASTED_CHARS


def approved_in(story: Story) -> int | None:
    """The round in which the newest proposal was approved; what is said from there on no longer shapes the plan."""
    proposed = last_call(story, "plan", proposal=True)
    if proposed is None or not proposed.call.result.startswith(APPROVED):
        return None
    return proposed.turn
