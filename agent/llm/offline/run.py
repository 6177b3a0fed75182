"""The offline model from the approved plan on: run the skill, hand its files over, tell how it went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from agent.domain.blocks import Json
from agent.llm.offline import says
from agent.llm.offline.story import Call, Round, Story, object_of
from agent.llm.offline.wishes import read_wish

RUNS = 3
"""How often a run is begun when the sandbox is lost under it; each time the workspace was put back."""
DELIVERED_AT_MOST = 30
ADDED_TO_APPROVAL = "They added: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One answer: text and calls of (tool, arguments). Without calls it is the last word of the task.

    `unable`: the text says why the work was not done.
    """

    text: str = ""
    unable: bool = False
    calls: tuple[tuple[str, Mapping[str, Json]], ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """A call of the story and the number of its round."""

    call: Call
    turn: int


def calls(story: Story, tool: str) -> Iterator[Made]:
    """All calls of a tool, in order."""
    for number, turn in enumerate(story.rounds):
        for call in turn.calls:
            if call.tool == tool:
                yield Made(call, number)


def last_call(story: Story, tool: str, *, mode: str = "", proposal: bool = False) -> Made | None:
    """The newest call of a tool, of a skill's mode, or of a plan that proposes (rather than marks progress)."""
    found = [
        made
        for made in calls(story, tool)
        if (not mode or made.call.arguments.get("mode") == mode) and (not proposal or made.call.arguments.get("steps"))
    ]
    return found[-1] if found else None


def interrupted(call: Call) -> bool:
    """Whether the sandbox was lost under a call and the workspace put back, so that it may be made again."""
    return call.failed and call.result.startswith(("Interrupted:", "The sandbox was lost"))


def run_move(arguments: Mapping[str, Json], heard: Round) -> Move:
    """Begin the approved work."""
    return Move(text=says.not_followed(heard.words), calls=(("plan", {"doing": 1}), ("skill", arguments)))


def after_run(story: Story) -> Move:
    """What follows a run, by its result and by what was done since."""
    run = last_call(story, "skill", mode="run")
    assert run is not None  # noqa: S101  the caller has looked
    name = str(run.call.arguments.get("name"))
    here = story.rounds[run.turn :]
    if any(read_wish(text, 0, story.listing, ()).stop for turn in here for text in turn.words):
        return Move(text=says.STOPPED_AFTER)
    if not here[-1].calls:
        return Move(text=says.too_late(here[-1].words, here[-1].added))
    outcome = object_of(run.call.result)
    if interrupted(run.call):
        runs = sum(made.call.arguments.get("mode") == "run" for made in calls(story, "skill"))
        return (
            run_move(run.call.arguments, here[-1])
            if runs < RUNS
            else Move(text=says.failed(name, run.call.result), unable=True)
        )
    if run.call.failed:
        return Move(text=says.refused(name, outcome, run.call.result), unable=True)
    files = says.paths(outcome.get("files"))
    if not files and not says.texts(outcome.get("summary")):
        return Move(text=says.garbled(name, "result"), unable=True)
    handed_over = [made for made in calls(story, "deliver") if made.turn > run.turn]
    if files and not handed_over:
        return _deliver(story, files, here[-1])
    nothing = bool(handed_over) and all(made.call.failed for made in handed_over)
    return Move(text=_report(story, outcome, [made.call for made in handed_over], run.turn), unable=nothing)


def _deliver(story: Story, files: list[str], heard: Round) -> Move:
    proposed = last_call(story, "plan", proposal=True)
    steps = cast(list[Json], proposed.call.arguments.get("steps", [])) if proposed else []
    done = (("plan", {"done": list(range(1, len(steps) + 1))}),) if steps else ()
    delivered = tuple(("deliver", {"path": path}) for path in files[:DELIVERED_AT_MOST])
    return Move(text=says.not_followed(heard.words), calls=(*done, *delivered))


def _report(story: Story, outcome: Mapping[str, Json], delivered: list[Call], ran_in: int) -> str:
    proposed = last_call(story, "plan", proposal=True)
    since = story.rounds[proposed.turn if proposed else ran_in :]
    unheard = [text for turn in since for text in turn.words]
    if proposed and (note := proposed.call.result.partition(ADDED_TO_APPROVAL)[2]):
        unheard.insert(0, note)
    added = [path for turn in since for path in turn.added if path not in _inputs(story)]
    rest = says.paths(outcome.get("files"))[DELIVERED_AT_MOST:]
    return says.report(outcome, delivered, unheard=unheard, added=added, rest=rest)


def _inputs(story: Story) -> list[str]:
    run = last_call(story, "skill", mode="run")
    return says.paths(run.call.arguments.get("inputs")) if run else []
