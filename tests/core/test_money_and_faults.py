"""Budgets, a model that is away, cut-off answers, refusals."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from agent.core.parts import Caps
from agent.domain.asks import AskKind
from agent.domain.errors import ContextExceeded, LlmUnavailable
from agent.domain.task import Status
from agent.llm.scripted import ScriptedLlm, Turn
from tests.kit import OWNER, call, open_kit, say

PRICED = "claude-sonnet-5-5"


@pytest.mark.promise("cap")
async def test_at_a_cap_the_task_waits_and_goes_on_when_more_is_allowed(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [say("done")], model=PRICED, caps=Caps(task_usd=0.0001)) as kit:
        task = await kit.start("work")
        ask = await kit.pending(task)
        assert ask.kind is AskKind.BUDGET
        assert kit.llm.requests == []  # type: ignore[attr-defined]
        await kit.answer(task, "allow")
        view = await kit.view(task)
        assert view.status is Status.FINISHED
        assert view.spent_usd > 0


@pytest.mark.promise("cap")
async def test_at_a_cap_a_denial_stops_the_task_without_a_request(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [say("done")], model=PRICED, caps=Caps(task_usd=0.0001)) as kit:
        task = await kit.start("work")
        await kit.answer(task, "deny")
        assert (await kit.view(task)).status is Status.CANCELLED
        assert kit.llm.requests == []  # type: ignore[attr-defined]


async def test_the_cap_of_a_day_counts_all_tasks_together(tmp_path: Path) -> None:
    caps = Caps(task_usd=50, person_day_usd=0.2)
    async with open_kit(tmp_path, [say("done")], model=PRICED, caps=caps) as kit:
        waiting = None
        for number in range(60):
            task = await kit.start(f"work {number}", thread=f"web:local::{number}")
            view = await kit.view(task)
            if view.status is Status.WAITING:
                waiting = view
                break
        assert waiting is not None
        assert waiting.pending[0].kind is AskKind.BUDGET


async def test_a_model_without_a_price_counts_at_the_dearest_rate_and_says_so(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [say("done")], model="nobody-knows-1") as kit:
        view = await kit.view(await kit.start("work"))
        assert view.spent_usd > 0
        assert view.priced is False


async def test_a_model_that_is_away_parks_the_task_and_tells_the_thread(tmp_path: Path) -> None:
    away = LlmUnavailable("overloaded", retry_after_s=3600)
    async with open_kit(tmp_path, [away, say("done")]) as kit:
        task = await kit.start("work")
        view = await kit.view(task)
        assert "trying again at" in view.narration
        stored = await kit.service.task(OWNER, task.task_id)
        assert stored.status is Status.QUEUED
        assert stored.not_before is not None
        assert stored.not_before - stored.created_at > timedelta(minutes=59)


async def test_a_refused_key_pauses_the_task_and_resume_goes_on(tmp_path: Path) -> None:
    refused = LlmUnavailable("The key was refused. Set a valid ANTHROPIC_API_KEY.", retryable=False)
    async with open_kit(tmp_path, [refused, say("done")]) as kit:
        task = await kit.start("work")
        view = await kit.view(task)
        assert view.status is Status.PAUSED
        assert "ANTHROPIC_API_KEY" in view.next_step
        await kit.service.resume(OWNER, task.task_id)
        await kit.work()
        assert (await kit.view(task)).status is Status.FINISHED


async def test_a_call_cut_off_at_max_tokens_is_not_run(tmp_path: Path) -> None:
    cut = Turn(tools=(("write", {}),), stop_reason="max_tokens")
    async with open_kit(tmp_path, [cut, say("done")]) as kit:
        view = await kit.view(await kit.start("work"))
        assert (view.status, view.calls) == (Status.FINISHED, 0)
        assert "cut off" in str(kit.llm.requests[-1][1][-1].content)  # type: ignore[attr-defined]


async def test_an_answer_cut_off_at_max_tokens_is_continued(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [Turn(text="half", stop_reason="max_tokens"), say("whole")]) as kit:
        assert (await kit.view(await kit.start("work"))).outcome == "whole"


async def test_a_refusal_of_the_model_fails_the_task_with_a_next_step(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [Turn(text="no", stop_reason="refusal")]) as kit:
        view = await kit.view(await kit.start("work"))
        assert view.status is Status.FAILED
        assert view.next_step


async def test_a_conversation_that_no_longer_fits_goes_on_from_a_summary(tmp_path: Path) -> None:
    script = [call("write", path="a.txt", content="x"), ContextExceeded("too long"), say("a summary"), say("done")]
    async with open_kit(tmp_path, script, llm=_ByCount(script)) as kit:
        view = await kit.view(await kit.start("the request in my words"))
        assert view.outcome == "done"
        fresh = str(kit.llm.requests[-1][1])  # type: ignore[attr-defined]
        assert "the request in my words" in fresh
        assert "a summary" in fresh
        assert "a.txt" in fresh


class _ByCount(ScriptedLlm):
    """Plays one entry per request, whatever the conversation looks like."""

    def __init__(self, entries: list[object]) -> None:
        left = iter(entries)

        def play(_: object) -> Turn:
            entry = next(left)
            if isinstance(entry, Exception):
                raise entry
            assert isinstance(entry, Turn)
            return entry

        super().__init__(play)
