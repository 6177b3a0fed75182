"""A task from request to result, through the service's front door."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from agent.domain.asks import AskKind, Risk
from agent.domain.task import Status
from agent.tools.registry import Tool, ToolContext, ToolOutput, said, tool
from tests.kit import OWNER, THREAD, Kit, call, open_kit, say

PLAN = call("plan", steps=["Read the file", "Write the result"], files=["outputs/result.txt"])


def bell(rung: list[str]) -> Tool:
    """A tool of high risk whose effect the test owns."""

    @tool(
        risk=Risk.HIGH,
        effect="outside",
        describe=lambda a: f"Ring the bell for {a['who']}",
        grant_pattern=lambda a: f"ring_bell({a['who']})",
    )
    async def ring_bell(ctx: ToolContext, *, who: Annotated[str, Field(description="For whom.")]) -> ToolOutput:
        """Ring a bell that people hear."""
        rung.append(who)
        return said("Rung.")

    return ring_bell


async def test_an_approved_plan_is_carried_out_and_the_answer_is_told(tmp_path: Path) -> None:
    script = [PLAN, call("write", path="outputs/result.txt", content="forty-two"), say("Done: it is 42.")]
    async with open_kit(tmp_path, script) as kit:
        task = await kit.start("work it out", {"in.txt": b"6*7"})
        waiting = await kit.view(task)
        assert waiting.status is Status.WAITING
        assert [s.title for s in waiting.plan.steps] == ["Read the file", "Write the result"]  # type: ignore[union-attr]
        await kit.answer(task, "approve")
        done = await kit.view(task)
        assert (done.status, done.outcome) == (Status.FINISHED, "Done: it is 42.")
        assert await kit.service.workspace_file(OWNER, task.task_id, "outputs/result.txt") == b"forty-two"
        assert await kit.service.workspace_file(OWNER, task.task_id, "inputs/in.txt") == b"6*7"


@pytest.mark.promise("plan-first")
async def test_a_rejected_plan_ends_the_task_and_nothing_ran(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [PLAN, call("write", path="a", content="b"), say("x")]) as kit:
        task = await kit.start("work it out", {"in.txt": b"1"})
        await kit.answer(task, "reject")
        view = await kit.view(task)
        assert (view.status, view.calls) == (Status.CANCELLED, 0)


@pytest.mark.promise("plan-first")
async def test_a_plain_reply_revises_the_plan_and_marks_what_is_new(tmp_path: Path) -> None:
    second = call("plan", steps=["Read the file", "Write two results"], files=["outputs/a", "outputs/b"])
    async with open_kit(tmp_path, [PLAN, second, say("ok")]) as kit:
        task = await kit.start("work it out", {"in.txt": b"1"})
        await kit.service.steer(OWNER, task.task_id, "two results please", inbox_id="m2")
        await kit.work()
        ask = await kit.pending(task)
        assert ask.kind is AskKind.PLAN
        assert ask.revision == 2
        plan = (await kit.view(task)).plan
        assert plan is not None
        assert [s.changed for s in plan.steps] == [False, True]


@pytest.mark.promise("button")
async def test_a_call_of_high_risk_waits_for_a_button_and_runs_once(tmp_path: Path) -> None:
    rung: list[str] = []
    async with open_kit(tmp_path, [call("ring_bell", who="ana"), say("ok")], tools=(bell(rung),)) as kit:
        task = await kit.start("ring")
        ask = await kit.pending(task)
        assert rung == []
        assert ask.prompt == "Ring the bell for ana"
        await kit.answer(task, "allow")
        assert rung == ["ana"]
        assert (await kit.view(task)).status is Status.FINISHED


@pytest.mark.promise("denied")
async def test_a_denied_call_is_never_run_and_the_model_hears_why(tmp_path: Path) -> None:
    rung: list[str] = []
    async with open_kit(tmp_path, [call("ring_bell", who="ana"), say("ok, not rung")], tools=(bell(rung),)) as kit:
        task = await kit.start("ring")
        await kit.answer(task, "deny", note="too loud")
        view = await kit.view(task)
        assert rung == []
        assert view.status is Status.FINISHED
        assert view.denied == ("Ring the bell for ana",)
        last_request = kit.llm.requests[-1][1]  # type: ignore[attr-defined]
        assert "too loud" in str(last_request[-1].content)


async def test_a_grant_for_the_task_covers_the_printed_pattern_only(tmp_path: Path) -> None:
    rung: list[str] = []
    script = [call("ring_bell", who="ana"), call("ring_bell", who="ana"), call("ring_bell", who="bo"), say("ok")]
    async with open_kit(tmp_path, script, tools=(bell(rung),)) as kit:
        task = await kit.start("ring")
        await kit.answer(task, "allow_task")
        assert rung == ["ana", "ana"]
        assert (await kit.pending(task)).prompt == "Ring the bell for bo"


async def test_a_question_is_answered_by_a_plain_reply(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [call("ask", question="Which year?", options=["2025", "2026"]), say("ok")]) as kit:
        task = await kit.start("report")
        await kit.service.steer(OWNER, task.task_id, "2024, sorry", inbox_id="m2")
        await kit.work()
        assert (await kit.view(task)).status is Status.FINISHED
        assert "2024, sorry" in str(kit.llm.requests[-1][1][-1].content)  # type: ignore[attr-defined]


@pytest.mark.promise("own-files")
async def test_changes_to_handed_over_files_need_a_click_and_discard_puts_them_back(tmp_path: Path) -> None:
    script = [call("write", path="inputs/in.txt", content="changed"), say("changed it")]
    async with open_kit(tmp_path, script) as kit:
        task = await kit.start("change it", {"in.txt": b"mine"})
        ask = await kit.pending(task)
        assert ask.kind is AskKind.CHANGES
        await kit.answer(task, "discard")
        assert (await kit.view(task)).status is Status.FINISHED
        assert await kit.service.workspace_file(OWNER, task.task_id, "inputs/in.txt") == b"mine"


@pytest.mark.promise("own-files")
async def test_applied_changes_are_kept(tmp_path: Path) -> None:
    script = [call("write", path="inputs/in.txt", content="changed"), say("changed it")]
    async with open_kit(tmp_path, script) as kit:
        task = await kit.start("change it", {"in.txt": b"mine"})
        await kit.answer(task, "apply")
        assert await kit.service.workspace_file(OWNER, task.task_id, "inputs/in.txt") == b"changed"


@pytest.mark.promise("undo")
async def test_undo_brings_back_the_workspace_of_before_the_task(tmp_path: Path) -> None:
    script = [call("write", path="outputs/a.txt", content="new"), say("made it")]
    async with open_kit(tmp_path, script) as kit:
        task = await kit.start("make it", {"in.txt": b"mine"})
        assert "outputs/a.txt" in (await kit.service.workspace(OWNER, task.task_id)).files()
        await kit.service.undo(OWNER, THREAD)
        assert list((await kit.service.workspace(OWNER, task.task_id)).files()) == ["inputs/in.txt"]


async def test_words_said_while_a_tool_ran_reach_the_model_with_its_result(tmp_path: Path) -> None:
    rung: list[str] = []
    script = [call("ring_bell", who="ana"), say("ok")]
    async with open_kit(tmp_path, script, tools=(bell(rung),)) as kit:
        task = await kit.start("ring")
        assert await kit.service.steer(OWNER, task.task_id, "and be quick", inbox_id="m2") is None
        await kit.work()
        await kit.answer(task, "allow")
        last = kit.llm.requests[-1][1][-1]  # type: ignore[attr-defined]
        assert [block["type"] for block in last.content] == ["tool_result", "text"]
        assert "and be quick" in last.content[1]["text"]


async def test_a_follow_up_finds_the_files_of_the_task_before(tmp_path: Path) -> None:
    script = [call("write", path="outputs/a.txt", content="new"), say("made it")]
    async with open_kit(tmp_path, script) as kit:
        await kit.start("make it")
        again = await kit.start("now another")
        first_message = kit.llm.requests[-1][1][0]  # type: ignore[attr-defined]
        assert "outputs/a.txt" in str(first_message.content)
        assert (await kit.view(again)).status is Status.FINISHED


async def test_wrong_arguments_come_back_to_the_model_with_the_field_named(tmp_path: Path) -> None:
    script = [call("write", path="a.txt"), say("ok")]
    async with open_kit(tmp_path, script) as kit:
        await kit.start("make it")
        result = kit.llm.requests[-1][1][-1].content[0]  # type: ignore[attr-defined]
        assert result["is_error"] is True
        assert "content" in str(result["content"])


async def test_a_grant_revoked_while_the_task_works_no_longer_counts(tmp_path: Path) -> None:
    rung: list[str] = []
    ring = bell(rung)
    held: list[Kit] = []

    async def ring_and_revoke(ctx: ToolContext, *, who: str) -> ToolOutput:
        for grant in await held[0].service.grants(OWNER):
            assert await held[0].service.revoke(OWNER, grant.grant_id)
        return await ring.run(ctx, who=who)

    script = [call("ring_bell", who="ana"), call("ring_bell", who="ana"), say("ok")]
    async with open_kit(tmp_path, script, tools=(replace(ring, run=ring_and_revoke),)) as kit:
        held.append(kit)
        task = await kit.start("ring")
        await kit.answer(task, "allow_task")
        assert rung == ["ana"]
        assert (await kit.pending(task)).prompt == "Ring the bell for ana"
