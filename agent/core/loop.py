"""A segment: from the journal, run until the task is done or parked, then return."""

from __future__ import annotations

import logging

from agent.core import context
from agent.core.dispatch import settle_calls
from agent.core.finish import finish
from agent.core.parts import Parts
from agent.core.run import Run
from agent.core.steering import add_words, take_words
from agent.core.turn import take_turn
from agent.core.workshop import Workshop
from agent.domain.blocks import Block, text_block
from agent.domain.calls import ToolCall
from agent.domain.errors import Fenced, UserFacing
from agent.domain.events import TaskFailed
from agent.domain.task import Status
from agent.ports.journal import AppendMessage, Fence, Record, SetStatus
from agent.ports.llm import Message

logger = logging.getLogger(__name__)


class Loop:
    """Runs segments. Holds nothing between them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def run_segment(self, fence: Fence) -> None:
        """Run one task until it is done or waits for somebody. Raises nothing but cancellation.

        Cut short by a shutdown, it leaves the sandbox for the next segment to find; by a stop or a pause, it does not.
        """
        try:
            run = Run(self._parts, fence, await self._parts.journal.load(fence))
        except Fenced:
            return
        workshop = Workshop(run)
        try:
            await self._run(run, workshop)
        except Fenced:
            logger.info("segment fenced", extra={"action": "segment_fenced", "task_id": fence.task_id})
        except UserFacing as error:
            await self._fail(run, error.message, error.next_step)
        except Exception:
            logger.exception("segment failed", extra={"action": "segment_failed", "task_id": fence.task_id})
            await self._fail(run, "Something went wrong inside Gofer.", "Try again; the log names the fault.")
        finally:
            await self._leave(run, workshop)

    async def _leave(self, run: Run, workshop: Workshop) -> None:
        """A task that goes on at once, here or after a restart, finds its sandbox again; any other leaves none."""
        # Not by its status alone: when we put it to rest, it may have been answered and claimed again by now.
        if not run.rested:
            task = await self._parts.journal.task(run.task.task_id)
            if task is not None and task.status in (Status.PLANNING, Status.RUNNING):
                await workshop.detach()
                return
        await workshop.close()

    async def _run(self, run: Run, workshop: Workshop) -> None:
        if run.frozen is None:
            await run.commit(*await context.opening(run, workshop))
        while await self._advance(run, workshop):
            pass

    async def _advance(self, run: Run, workshop: Workshop) -> bool:
        """One step; False when the segment is over."""
        if run.open_call() is not None:
            return await settle_calls(run, workshop)
        last = run.messages[-1]
        if last.message.role == "assistant":
            results = tuple(_result_block(call) for call in run.calls)
            if not results and last.stop_reason == "max_tokens":
                results = (text_block("Your answer was cut off at its limit. Go on where it ended."),)
            words, heard = await take_words(run, workshop, beside=bool(results))
            if blocks := (*results, *words):
                run.hold(*heard, AppendMessage(seq=run.next_seq, message=Message("user", blocks)))
                return True
            if last.stop_reason != "pause_turn":
                return await finish(run, workshop)
        elif run.interrupted:
            words, heard = await take_words(run, workshop, beside=False)
            run.hold(*heard, *add_words(run, words))
        return await take_turn(run)

    async def _fail(self, run: Run, reason: str, next_step: str) -> None:
        event = TaskFailed(task_id=run.task.task_id, at=self._parts.clock.now(), reason=reason, next_step=next_step)
        try:
            await run.commit(Record((event,)), SetStatus(status=Status.FAILED, seen=run.seen))
        except Fenced:
            logger.info("segment fenced", extra={"action": "segment_fenced", "task_id": run.task.task_id})


def _result_block(call: ToolCall) -> Block:
    block: dict[str, object] = {
        "type": "tool_result",
        "tool_use_id": call.tool_use_id,
        "content": [dict(inner) for inner in call.result],
    }
    return {**block, "is_error": True} if call.is_error else block
