"""The adapter: one step of the work at a time, from the conversation alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from agent.domain.blocks import Block, Json, text_block
from agent.domain.errors import Bug
from agent.llm.lint import check_request
from agent.llm.offline import says
from agent.llm.offline.jobs import (
    APPROVED,
    NO_WORDS,
    PASTED,
    REVISE,
    Job,
    find_job,
    is_answer,
    is_folder,
    is_settled,
    read_wishes,
)
from agent.llm.offline.matching import FOLDER, is_long, takes
from agent.llm.offline.run import Move, after_run, interrupted, last_call, run_move
from agent.llm.offline.story import Story, object_of, read_story
from agent.llm.offline.wishes import Wish
from agent.ports.llm import Llm, Message, ModelInfo, Prefix, Reply
from agent.ports.skills import Skill, SkillCatalog

PLAN_STEPS, STEP_CHARS = 30, 300
"""What the plan tool takes."""
TRIES = 3


class OfflineLlm(Llm):
    """Answers from the conversation and the catalog. Costs nothing; the same conversation gets the same answer."""

    def __init__(self, catalog: SkillCatalog) -> None:
        self._catalog = catalog

    async def respond(
        self,
        prefix: Prefix,
        messages: Sequence[Message],
        *,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """The next step of the work. Raises `Bug` for a request that the service would refuse."""
        if problems := check_request(prefix, messages):
            raise Bug(f"The service would refuse this request: {'; '.join(problems)}.")
        move = next_move(read_story(messages), self._catalog.skills())
        number = sum(message.role == "assistant" for message in messages)
        if move.text and not move.unable and on_text is not None:
            on_text(move.text)
        content: list[Block] = [text_block(move.text)] if move.text else []
        content += [
            {"type": "tool_use", "id": f"toolu_offline_{number}_{i}", "name": tool, "input": dict(arguments)}
            for i, (tool, arguments) in enumerate(move.calls)
        ]
        return Reply(
            content=tuple(content),
            stop_reason="refusal" if move.unable else "tool_use" if move.calls else "end_turn",
            request_id=f"offline_{number}",
            model=prefix.model,
            unable=move.text if move.unable else "",
        )

    async def info(self, model: str) -> ModelInfo:
        """No context limit: nothing is read by a model."""
        return ModelInfo(model=model, context_tokens=None, label="offline")

    async def close(self) -> None:
        """Nothing to close."""


def next_move(story: Story, skills: Sequence[Skill]) -> Move:
    """What the offline model does now."""
    if last_call(story, "skill", mode="run") is not None:
        return after_run(story)
    wishes = read_wishes(story, skills)
    if any(wish.stop for wish in wishes):
        return Move(text=says.STOPPED_BEFORE)
    job = find_job(story, wishes, skills)
    return _toward(job, story, wishes) if isinstance(job, Job) else job


def _toward(job: Job, story: Story, wishes: Sequence[Wish]) -> Move:
    """Look with the skill, propose its plan, run it once that is approved."""
    looked = last_call(story, "skill", mode="plan")
    if looked is None or looked.call.arguments != job.arguments("plan"):
        return _look(job, story)
    if interrupted(looked.call):
        tries = sum(call.arguments == looked.call.arguments for turn in story.rounds for call in turn.calls)
        return (
            _look(job, story)
            if tries < TRIES
            else Move(text=says.failed(job.skill.name, looked.call.result), unable=True)
        )
    outcome = object_of(looked.call.result)
    if looked.call.failed:
        return Move(text=says.refused(job.skill.name, outcome, looked.call.result), unable=True)
    if not says.texts(outcome.get("steps")):
        return Move(text=says.garbled(job.skill.name, "plan"), unable=True)
    proposed = last_call(story, "plan", proposal=True)
    if proposed is None or proposed.turn < looked.turn:
        return _propose(job, outcome, story, wishes)
    if proposed.call.failed:
        return Move(text=says.failed(job.skill.name, proposed.call.result), unable=True)
    if proposed.call.result.startswith(APPROVED):
        return run_move(job.arguments("run"), story.rounds[-1])
    if not proposed.call.result.startswith(REVISE):
        return Move(text=says.garbled(job.skill.name, "plan's answer"), unable=True)
    if NO_WORDS in proposed.call.result and proposed.turn == len(story.rounds) - 1:
        return Move(calls=(("ask", {"question": says.what_to_change(), "options": []}),))
    return _propose(job, outcome, story, wishes)


def _look(job: Job, story: Story) -> Move:
    first = last_call(story, "skill", mode="plan") is None
    write = (("write", {"path": PASTED, "content": job.pasted}),) if job.pasted and first else ()
    text = says.looking(job.skill) if first else ""
    return Move(text=text, calls=(*write, ("skill", job.arguments("plan"))))


def _propose(job: Job, outcome: Mapping[str, Json], story: Story, wishes: Sequence[Wish]) -> Move:
    steps = [step[:STEP_CHARS] for step in says.texts(outcome.get("steps"))[:PLAN_STEPS]]
    files = says.paths(outcome.get("files"))
    before = last_call(story, "plan", proposal=True)
    fresh = [w for w in wishes if before is None or w.turn >= before.turn]
    unsaid = [w for w in fresh if not (is_answer(w, story) and is_settled(w, story))]
    changed = before is not None and (before.call.arguments["steps"], before.call.arguments["files"]) != (steps, files)
    parts = (
        says.on_wishes(unsaid, job.inputs, changed=changed or before is None),
        says.sentence(outcome.get("note")),
        _left_aside(job, story),
        says.ONLY_THESE_STEPS if is_long(story.request) and not job.pasted else "",
        says.by_skill(job.skill.name),
    )
    return Move(calls=(("plan", {"steps": steps, "files": files, "note": " ".join(filter(None, parts))}),))


def _left_aside(job: Job, story: Story) -> str:
    """Files the requester gave that the skill cannot take."""
    if FOLDER in job.skill.inputs or is_folder(job.inputs, story.listing):
        return ""
    given = [path for path in story.listing.paths if path.startswith("inputs/")]
    return says.left_aside([path for path in given if not takes(job.skill, path)])
