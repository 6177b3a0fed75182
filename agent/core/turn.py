"""One model turn: budget, request, and the answer stored whole or not at all."""

from __future__ import annotations

from datetime import timedelta

from agent.core import context
from agent.core.asks import opening
from agent.core.budget import estimate_tokens, reserve, reserve_write, settle_writes
from agent.core.interrupt import unless_interrupted
from agent.core.run import Run
from agent.domain.asks import AskKind
from agent.domain.blocks import text_block, text_of, tool_uses
from agent.domain.calls import CallState, ToolCall
from agent.domain.errors import ContextExceeded, LlmUnavailable
from agent.domain.events import Event, Narrated, TaskCancelled, TaskFailed, TaskPaused, TextStreamed
from agent.domain.task import Status
from agent.ports.journal import AddCalls, AppendMessage, RaiseCap, Record, SetStatus, Write
from agent.ports.llm import Message, Reply

COMPACT_AT = 0.6
"""Share of the model's window at which the conversation is replaced by a summary."""
CUT_OFF = "Your answer was cut off at its limit, so this call was not run. Do it in smaller pieces."


async def take_turn(run: Run) -> bool:
    """Ask the model once and store its answer with its calls. False: parked, or the task ended.

    True without an answer when the conversation was made shorter, or an instruction cut the request short.
    """
    if not await _within_budget(run):
        return False
    if await _too_long(run):
        await run.commit(*await context.fresh_start(run))
    reservation, ask = await reserve(run)
    if reservation is None:
        return ask is not None and not await run.park(*opening(run, ask))
    await run.commit(reserve_write(run, reservation))
    live, task_id = run.parts.live, run.task.task_id
    try:
        request = run.parts.llm.respond(
            run.prefix, run.window(), on_text=lambda text: live(TextStreamed(task_id, text))
        )
        reply = await unless_interrupted(run, request)
    except LlmUnavailable as error:
        return await _wait_for_model(run, error, settle_writes(run, reservation, None))
    except ContextExceeded:
        await run.commit(*settle_writes(run, reservation, None))
        await run.commit(*await context.fresh_start(run))
        return True
    settled = settle_writes(run, reservation, reply)
    if reply is None:
        await run.commit(*settled)
        return True
    if reply.stop_reason == "refusal":
        return await _refused(run, reply, settled)
    run.hold(*settled, *_answer_writes(run, reply))
    return True


def _answer_writes(run: Run, reply: Reply) -> tuple[Write, ...]:
    seq, task_id = run.next_seq, run.task.task_id
    uses = tool_uses(reply.content)
    content = reply.content or (text_block("(no answer)"),)
    message = AppendMessage(seq=seq, message=Message("assistant", content), stop_reason=reply.stop_reason)
    if not uses:
        return (message,)
    whole = reply.stop_reason == "tool_use"
    calls = tuple(
        ToolCall(
            call_id=f"{task_id}-{seq}-{position}",
            task_id=task_id,
            message_seq=seq,
            position=position,
            tool_use_id=use.tool_use_id,
            tool=use.name,
            arguments=use.arguments,
            epoch=run.fence.epoch,
            state=CallState.PENDING if whole else CallState.DONE,
            result=() if whole else (text_block(CUT_OFF),),
            is_error=not whole,
        )
        for position, use in enumerate(uses)
    )
    text = text_of(reply.content)
    said: tuple[Event, ...] = (Narrated(task_id=task_id, at=run.parts.clock.now(), text=text),) if text else ()
    return (message, AddCalls(calls), *((Record(said),) if said else ()))


async def _within_budget(run: Run) -> bool:
    """Act on an answered budget ask: raise this task's cap, or end the task. False: ended."""
    for ask, answer in list(run.asks.values()):
        if ask.kind is not AskKind.BUDGET or answer is None or ask.ask_id in run.settled_asks:
            continue
        run.settled_asks.add(ask.ask_id)
        subject = ask.subject
        if subject.kind == "budget" and answer.choice == "allow":
            if (run.task.cap_usd or 0.0) < subject.raise_to_usd:
                await run.commit(RaiseCap(subject.raise_to_usd))
            continue
        ended = TaskCancelled(
            task_id=run.task.task_id, at=run.parts.clock.now(), by=answer.by, reason="Stopped at the budget."
        )
        stop = SetStatus(status=Status.CANCELLED, seen=run.seen)
        if await run.commit(Record((ended,)), stop):
            return False
        await run.reload()
    return True


async def _too_long(run: Run) -> bool:
    window = (await run.parts.llm.info(run.prefix.model)).context_tokens
    return window is not None and len(run.window()) > 2 and estimate_tokens(run) > window * COMPACT_AT


async def _wait_for_model(run: Run, error: LlmUnavailable, settled: tuple[Write, ...]) -> bool:
    """Park until the model can be asked again; nothing is lost and the thread is told. Always False."""
    now, task_id = run.parts.clock.now(), run.task.task_id
    if not error.retryable:
        paused = TaskPaused(task_id=task_id, at=now, by="system", reason=f"{error} Then resume this task.")
        await run.commit(*settled, Record((paused,)), SetStatus(status=Status.PAUSED))
        return False
    pause = timedelta(seconds=error.retry_after_s) if error.retry_after_s else run.parts.retry_pause
    at = now + pause
    told = Narrated(task_id=task_id, at=now, text=f"The model is not available now; trying again at {at:%H:%M} UTC.")
    await run.commit(*settled, Record((told,)), SetStatus(status=Status.QUEUED, not_before=at))
    return False


async def _refused(run: Run, reply: Reply, settled: tuple[Write, ...]) -> bool:
    """End the task as failed. True: something arrived meanwhile; everything was read again, go on."""
    failed = TaskFailed(
        task_id=run.task.task_id,
        at=run.parts.clock.now(),
        reason=reply.unable or f"The model declined to do this{f' ({reply.refusal})' if reply.refusal else ''}.",
        next_step="" if reply.unable else "Put the request differently, or leave out the part it may object to.",
    )
    await run.commit(*settled)
    if await run.commit(Record((failed,)), SetStatus(status=Status.FAILED, seen=run.seen)):
        return False
    await run.reload()
    return True
