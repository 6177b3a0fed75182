"""Calls that people answer: plans and questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from agent.core.asks import make_ask, opening
from agent.core.budget import estimate_tokens
from agent.core.run import Run
from agent.domain.asks import ANSWER, PLAN_CHOICES, Answer, Ask, AskKind, Choice, PlanSubject, QuestionSubject, Risk
from agent.domain.blocks import Json, text_block
from agent.domain.calls import CallState, ToolCall
from agent.domain.events import Event, PlanProposed, StepFinished, StepStarted, TaskCancelled
from agent.domain.task import Plan, Status, Step
from agent.ports.journal import MoveCall, Record, SetStatus, Write
from agent.ports.llm import TokenUse

TURNS_PER_STEP = 3
TOKENS_PER_TURN = 1_000
"""Guesses for the expected cost on the plan card; the caps do not depend on them."""


async def decide(run: Run, call: ToolCall, arguments: Mapping[str, Json]) -> bool:
    """Bring a `plan` or `ask` call one step further. True: it has its result. False: parked, or the task ended."""
    decision = run.decision(call)
    if decision is None:
        return await _begin(run, call, arguments)
    ask, answer = decision
    if answer is None:
        return not await run.park()
    if ask.kind is AskKind.QUESTION:
        await _finish(run, call, f"The person answered: {_answer_text(answer, ask)}")
        return True
    return await _plan_answered(run, call, ask, answer)


async def _begin(run: Run, call: ToolCall, arguments: Mapping[str, Json]) -> bool:
    if call.tool == "ask":
        return await _open_question(run, call, arguments)
    if not arguments["steps"]:
        await _finish(run, call, "Noted.", *progress(run, arguments))
        return True
    proposed = make_plan(run, arguments)
    event = PlanProposed(task_id=run.task.task_id, at=run.parts.clock.now(), plan=proposed)
    if not must_ask(run, proposed):
        run.plan_revision = proposed.revision
        await _finish(run, call, "No approval is needed for this plan. Go on.", event)
        return True
    ask = make_ask(
        run,
        AskKind.PLAN,
        run.task.request,
        PLAN_CHOICES,
        PlanSubject(call_id=call.call_id, plan=proposed),
        risk=Risk.LOW,
        revision=proposed.revision,
    )
    asked = MoveCall(call_id=call.call_id, state=CallState.ASKED, ask_id=ask.ask_id)
    return not await run.park(Record((event,)), *opening(run, ask), asked)


async def _open_question(run: Run, call: ToolCall, arguments: Mapping[str, Json]) -> bool:
    options = tuple(str(option) for option in cast(list[Json], arguments["options"]))
    choices = tuple(Choice(f"option{n}", option[:70], positive=True) for n, option in enumerate(options, 1))
    ask = make_ask(
        run,
        AskKind.QUESTION,
        str(arguments["question"]),
        (*choices, ANSWER),
        QuestionSubject(call_id=call.call_id, options=options),
        risk=Risk.LOW,
    )
    asked = MoveCall(call_id=call.call_id, state=CallState.ASKED, ask_id=ask.ask_id)
    return not await run.park(*opening(run, ask), asked)


def make_plan(run: Run, arguments: Mapping[str, Json]) -> Plan:
    """The next revision of the plan; steps that an earlier revision did not have are marked."""
    before = next(
        (
            ask.subject.plan
            for ask, _ in sorted(run.asks.values(), key=lambda pair: -pair[0].revision)
            if isinstance(ask.subject, PlanSubject)
        ),
        None,
    )
    known = {step.title for step in before.steps} if before else None
    titles = [str(title).strip() for title in cast(list[Json], arguments["steps"])]
    fresh = [known is not None and title not in known for title in titles]
    steps = tuple(Step(number=n, title=t, changed=c) for n, (t, c) in enumerate(zip(titles, fresh, strict=True), 1))
    return Plan(
        revision=run.plan_revision + 1,
        steps=steps,
        files=tuple(map(str, cast(list[Json], arguments["files"]))),
        risky=tuple(map(str, cast(list[Json], arguments["risky"]))),
        note=str(arguments["note"]),
        cost_usd=expected_cost(run, len(steps)),
    )


def expected_cost(run: Run, steps: int) -> float | None:
    """What the plan will roughly cost: some turns a step, each re-reading the conversation from the cache."""
    turns = TURNS_PER_STEP * steps
    use = TokenUse(
        cache_read_tokens=estimate_tokens(run) * turns,
        cache_write_5m_tokens=TOKENS_PER_TURN * turns,
        output_tokens=TOKENS_PER_TURN * turns,
    )
    cost = run.parts.prices.cost_usd(run.prefix.model, use, run.parts.clock.now())
    return float(cost.usd) if cost.known else None


def must_ask(run: Run, plan: Plan) -> bool:
    """Whether people see this plan before work starts: by the place's mode, else for changes of several steps."""
    match run.parts.rules.plan_of(run.thread.thread_id):
        case "always":
            return True
        case "never":
            return False
        case "auto":
            return bool(plan.risky) or (len(plan.steps) > 1 and bool(plan.files))


def progress(run: Run, arguments: Mapping[str, Json]) -> tuple[Event, ...]:
    """Events for steps reported as done or begun."""
    now, task_id = run.parts.clock.now(), run.task.task_id
    done = tuple(StepFinished(task_id=task_id, at=now, number=int(n)) for n in cast(list[int], arguments["done"]))
    doing = int(cast(int, arguments["doing"]))
    return (*done, StepStarted(task_id=task_id, at=now, number=doing)) if doing else done


async def _plan_answered(run: Run, call: ToolCall, ask: Ask, answer: Answer) -> bool:
    now = run.parts.clock.now()
    match answer.choice:
        case "approve":
            run.plan_approved, run.plan_revision = True, ask.revision
            await _finish(run, call, "Approved. Go on." + (f" They added: {answer.note}" if answer.note else ""))
            return True
        case "reject":
            reason = answer.note or "Plan rejected."
            ended = TaskCancelled(task_id=run.task.task_id, at=now, by=answer.by, reason=reason)
            stop = SetStatus(status=Status.CANCELLED, seen=run.seen)
            if await run.commit(_result(call, "Rejected."), Record((ended,)), stop):
                return False
            await run.reload()
            return True
        case _:
            run.plan_revision = ask.revision
            wish = answer.note or "They want changes but did not say which; ask."
            await _finish(run, call, f"Not approved yet. The person wrote: {wish}\nPropose the revised plan.")
            return True


async def _finish(run: Run, call: ToolCall, text: str, *events: Event) -> None:
    writes: tuple[Write, ...] = (_result(call, text),)
    await run.commit(*writes, *((Record(events),) if events else ()))


def _result(call: ToolCall, text: str) -> MoveCall:
    return MoveCall(call_id=call.call_id, state=CallState.DONE, result=(text_block(text),), is_error=False)


def _answer_text(answer: Answer, ask: Ask) -> str:
    chosen = ask.choice(answer.choice)
    subject = ask.subject
    if answer.choice.startswith("option") and isinstance(subject, QuestionSubject) and chosen is not None:
        label = subject.options[int(answer.choice.removeprefix("option")) - 1]
        return f"{label} {answer.note}".strip()
    return answer.note or "(no text)"
