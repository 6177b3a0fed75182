"""Calls: check the arguments, ask the policy, ask people, run, record. Bound to the exact arguments throughout."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from agent.core import planning
from agent.core.asks import make_ask, opening
from agent.core.policy import Verdict, judge
from agent.core.run import Run
from agent.core.steering import directors
from agent.core.workshop import Workshop
from agent.domain.asks import Answer, Ask, AskKind, CallSubject, Grant, call_choices, call_digest
from agent.domain.blocks import Json
from agent.domain.calls import CallState, ToolCall
from agent.domain.errors import CommandTimeout, SandboxGone, ToolFailed, ToolRetry
from agent.domain.events import AskExpired, OutputStreamed, SandboxLost, ToolCalled, ToolReturned
from agent.ports.journal import KeepWorkspace, MoveCall, Record, WithdrawAsk, Write
from agent.tools.registry import Tool, ToolContext, ToolOutput, said

TRIES_ON_NEW_SANDBOX = 2
SUMMARY_CHARS = 300


class Next(Enum):
    """What to do when a call is not ready to run."""

    AGAIN = "again"  #: it has its result, or something changed: look again
    STOP = "stop"  #: the task is parked, or ended


@dataclass(frozen=True, slots=True)
class Ready:
    """A call that may run now."""

    call: ToolCall
    tool: Tool
    arguments: Mapping[str, Json]


async def settle_calls(run: Run, workshop: Workshop) -> bool:
    """Bring every call of the newest assistant message to its result. False: parked, or the task ended."""
    while (call := run.open_call()) is not None:
        if call.state is CallState.STARTED and call.epoch != run.fence.epoch:
            await _recover(run, workshop, call)
            continue
        ready = await _prepare(run, call)
        if ready is Next.STOP:
            return False
        if not isinstance(ready, Ready):
            continue
        batch = [ready, *_readers_after(run, ready)]
        await _start(run, workshop, batch)
        await _run_started(run, workshop, batch)
    return True


async def _prepare(run: Run, call: ToolCall) -> Ready | Next:
    """The call checked, judged and, where needed, decided by people."""
    tool = run.tool(call.tool)
    if tool is None:
        await _fail(run, call, f"There is no tool {call.tool!r} here.")
        return Next.AGAIN
    try:
        arguments = tool.parse(call.arguments)
    except ToolRetry as error:
        await _fail(run, call, str(error))
        return Next.AGAIN
    if tool.effect == "decision":
        return Next.AGAIN if await planning.decide(run, call, arguments) else Next.STOP
    match judge(tool, arguments, run.parts.rules, await _standing(run, tool)):
        case Verdict.ALLOW:
            return await _plan_first(run, call, tool, arguments)
        case Verdict.DENY:
            await _fail(run, call, f"The rules of this place do not allow it: {tool.describe(arguments)}")
            return Next.AGAIN
        case Verdict.ASK:
            return await _ask_people(run, call, tool, arguments)


async def _standing(run: Run, tool: Tool) -> tuple[Grant, ...]:
    """The grants that may fit and still stand: one may be revoked, or run out, while the segment works."""
    if tool.grant_pattern is None or not run.grants:
        return ()
    live = {grant.grant_id for grant in await run.parts.journal.grants()}
    return tuple(grant for grant in run.grants if grant.grant_id in live)


async def _plan_first(run: Run, call: ToolCall, tool: Tool, arguments: Mapping[str, Json]) -> Ready | Next:
    """Where every work needs an approved plan, nothing but reading runs before it; a typed command is its own plan."""
    needed = run.parts.rules.plan_of(run.thread.thread_id) == "always" and not run.is_command
    if needed and not run.plan_approved and tool.effect != "none" and not _looks(arguments):
        await _fail(run, call, "Here a plan comes first: propose one with the plan tool and wait for approval.")
        return Next.AGAIN
    return Ready(call, tool, arguments)


def _looks(arguments: Mapping[str, Json]) -> bool:
    """A skill that only reads or plans changes nothing."""
    return arguments.get("mode") in ("read", "plan")


async def _ask_people(run: Run, call: ToolCall, tool: Tool, arguments: Mapping[str, Json]) -> Ready | Next:
    digest = call_digest(tool.name, arguments, tool.definition)
    decision = run.decision(call)
    if decision is None:
        return Next.STOP if await _open_ask(run, call, tool, arguments, digest) else Next.AGAIN
    ask, answer = decision
    subject = ask.subject
    if not isinstance(subject, CallSubject) or subject.digest != digest:
        gone = AskExpired(
            task_id=run.task.task_id, at=run.parts.clock.now(), ask_id=ask.ask_id, reason="The tool was changed."
        )
        reset = MoveCall(call_id=call.call_id, state=CallState.PENDING, ask_id="")
        await run.commit(WithdrawAsk(ask.ask_id), Record((gone,)), reset)
        return Next.AGAIN
    if answer is None:
        return Next.STOP if await run.park() else Next.AGAIN
    if _allows(ask, answer):
        return Ready(call, tool, arguments)
    why = f" They wrote: {answer.note}" if answer.note else ""
    await _fail(run, call, f"Denied by the person, so it was not done.{why} Do not try it another way.")
    return Next.AGAIN


async def _open_ask(run: Run, call: ToolCall, tool: Tool, arguments: Mapping[str, Json], digest: str) -> bool:
    pattern = tool.grant_pattern(arguments) if tool.grant_pattern is not None else ""
    subject = CallSubject(
        call_id=call.call_id,
        tool=tool.name,
        summary=tool.describe(arguments),
        arguments=dict(arguments),
        digest=digest,
        pattern=pattern,
    )
    ask = make_ask(run, AskKind.CALL, subject.summary, call_choices(pattern), subject, risk=tool.risk_of(arguments))
    asked = MoveCall(call_id=call.call_id, state=CallState.ASKED, ask_id=ask.ask_id)
    return await run.park(*opening(run, ask), asked)


def _allows(ask: Ask, answer: Answer) -> bool:
    choice = ask.choice(answer.choice)
    return choice is not None and choice.positive


def _readers_after(run: Run, first: Ready) -> list[Ready]:
    """The calls right behind a reading one that only read as well: they run beside it."""
    if first.tool.effect != "none":
        return []
    batch: list[Ready] = []
    for call in run.calls[run.calls.index(first.call) + 1 :]:
        tool = run.tool(call.tool)
        if call.state is not CallState.PENDING or tool is None or tool.effect != "none":
            break
        try:
            arguments = tool.parse(call.arguments)
        except ToolRetry:
            break
        if judge(tool, arguments, run.parts.rules, run.grants) is not Verdict.ALLOW:
            break
        batch.append(Ready(call, tool, arguments))
    return batch


async def _start(run: Run, workshop: Workshop, batch: list[Ready]) -> None:
    """Commit that these calls have begun, before anything happens."""
    writes: list[Write] = []
    incarnation = ""
    if any(ready.tool.effect in ("job", "workspace") for ready in batch):
        sandbox = await workshop.sandbox()
        incarnation = sandbox.incarnation
        if sandbox.state != run.thread.sandbox_state:
            writes.append(KeepWorkspace(thread_id=run.thread.thread_id, sandbox_state=sandbox.state))
    now = run.parts.clock.now()
    for ready in batch:
        call = ready.call
        called = ToolCalled(
            task_id=run.task.task_id,
            at=now,
            call_id=call.call_id,
            tool=call.tool,
            summary=_brief(ready.tool.describe(ready.arguments)),
            arguments=dict(ready.arguments),
        )
        writes.append(MoveCall(call_id=call.call_id, state=CallState.STARTED, incarnation=incarnation))
        writes.append(Record((called,)))
    await run.commit(*writes)


def _brief(summary: str) -> str:
    """One line of progress; the ask, where there is one, has shown all of it."""
    line = " ".join(summary.split())
    return line if len(line) <= SUMMARY_CHARS else f"{line[: SUMMARY_CHARS - 1]}…"


async def _run_started(run: Run, workshop: Workshop, batch: list[Ready]) -> None:
    if len(batch) == 1:
        outputs = [await _output(run, workshop, batch[0])]
    else:
        async with asyncio.TaskGroup() as group:
            jobs = [group.create_task(_output(run, workshop, ready)) for ready in batch]
        outputs = [job.result() for job in jobs]
    changed = await workshop.snapshot() if batch[0].tool.effect in ("job", "workspace") else ()
    writes: list[Write] = [*changed]
    for ready, output in zip(batch, outputs, strict=True):
        writes += _result_writes(run, ready.call, output)
    await run.commit(*writes)


async def _output(run: Run, workshop: Workshop, ready: Ready) -> ToolOutput:
    """The tool's output; a sandbox that vanishes is made anew from the snapshot and the call tried again once."""
    for attempt in range(TRIES_ON_NEW_SANDBOX):
        try:
            return await ready.tool.run(_context(run, workshop, ready), **ready.arguments)
        except (ToolRetry, ToolFailed, CommandTimeout) as error:
            return said(str(error), ok=False, summary=str(error).splitlines()[0])
        except SandboxGone as error:
            await workshop.lose()
            lost = SandboxLost(task_id=run.task.task_id, at=run.parts.clock.now(), detail=str(error))
            await run.record(lost)
            if attempt + 1 == TRIES_ON_NEW_SANDBOX or ready.tool.effect == "outside":
                break
    return said("The sandbox was lost twice while this ran. The workspace is as it was before.", ok=False)


def _context(run: Run, workshop: Workshop, ready: Ready) -> ToolContext:
    call, live, task_id = ready.call, run.parts.live, run.task.task_id
    # A job and what was posted are found again by their call id; everything else may run again in a later epoch, with
    # jobs of its own.
    job_id = call.call_id if ready.tool.effect in ("job", "keyed") else f"{call.call_id}-e{run.fence.epoch}"
    return ToolContext(
        call_id=job_id,
        task=run.task,
        directed_by=lambda: directors(run),
        sandbox=workshop.sandbox,
        blobs=run.parts.blobs,
        skills=run.parts.skills,
        clock=run.parts.clock,
        on_output=lambda text: live(OutputStreamed(task_id, call.call_id, text)),
        chat=run.chat,
    )


async def _recover(run: Run, workshop: Workshop, call: ToolCall) -> None:
    """A call that a dead worker had started: find out, run again where that is safe, otherwise say so."""
    tool = run.tool(call.tool)
    if tool is None or tool.effect == "outside":
        await _fail(
            run,
            call,
            "Interrupted: Gofer was restarted while this call ran. It may or may not have taken effect. "
            "Check before repeating it; ask the person if you cannot.",
            summary="interrupted, outcome unknown",
        )
        return
    ready = Ready(call, tool, tool.parse(call.arguments))
    if tool.effect == "job" and not await _job_survives(workshop, call):
        await workshop.lose()
        await _fail(
            run,
            call,
            "Interrupted: the sandbox was lost while this ran, and everything it did there is gone. The workspace is "
            "as it was before the call. Run it again if it is still needed.",
            summary="interrupted, undone",
        )
        return
    await _run_started(run, workshop, [ready])


async def _job_survives(workshop: Workshop, call: ToolCall) -> bool:
    """Whether the sandbox the job was started in lives and can tell its result (or that it never began)."""
    sandbox = await workshop.attach()
    if sandbox.incarnation != call.incarnation:
        return False
    state = await sandbox.job_state(call.call_id)
    if state in ("running", "done"):
        workshop.keep()
    return state in ("running", "done", "absent")


def _result_writes(run: Run, call: ToolCall, output: ToolOutput) -> tuple[Write, Write]:
    """The writes that end a call: its result, and the events that tell of it."""
    returned = ToolReturned(
        task_id=run.task.task_id,
        at=run.parts.clock.now(),
        call_id=call.call_id,
        tool=call.tool,
        ok=output.ok,
        summary=output.summary,
    )
    moved = MoveCall(call_id=call.call_id, state=CallState.DONE, result=output.content, is_error=not output.ok)
    return moved, Record((*output.events, returned))


async def _fail(run: Run, call: ToolCall, text: str, *, summary: str = "") -> None:
    """Give a call that did not run an error for a result; only one that was shown as started is shown as returned."""
    moved, returned = _result_writes(run, call, said(text, ok=False, summary=summary))
    await run.commit(moved, *((returned,) if call.state is CallState.STARTED else ()))
