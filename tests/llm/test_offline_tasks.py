"""The offline model inside the real loop: it reads what the core and the tools really write."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.core.parts import Rules
from agent.domain.asks import AskKind
from agent.domain.task import Status
from agent.llm.offline import OfflineLlm
from agent.ports.sandbox import ExecResult
from agent.sandbox.memory import MemoryFiles, MemoryHost
from tests.kit import OWNER, THREAD, Kit, open_kit
from tests.llm.talks import Shelf, skill

BREW = skill(
    "brew-tea", "Brews leaves. Use when people ask to brew, steep or infuse.", inputs="leaf,txt", label="Brew tea"
)
DRY = skill("dry-leaves", "Dries leaves. Use when people ask to dry or cure.", inputs="leaf", label="Dry leaves")


@dataclass(frozen=True, slots=True)
class Stocked(Shelf):
    """A shelf whose skills can be installed."""

    def files(self, name: str) -> Mapping[str, bytes]:
        return {"scripts/run.py": b"", "SKILL.md": b""}


async def python3(files: MemoryFiles, argv: Sequence[str]) -> ExecResult:
    """The skills' script and the checker, as this test wants them."""
    if argv[1].endswith("check_file.py"):
        ok = files.read(argv[2]) != b""
        checks = [{"name": "opens", "ok": ok, "detail": "opens as text" if ok else "it is empty"}]
        return said({"kind": "txt", "checks": checks, "previews": []})
    mode, job = argv[2], json.loads(argv[3])
    if any(b"wet" in files.read(path) for path in job["inputs"]):
        return said({"refuse": "The leaves are wet; dry them first."}, code=3)
    if mode == "plan":
        steps = [f"Weigh {path}" for path in job["inputs"]]
        return said({"steps": [*steps, "Brew"], "files": ["outputs/pot.txt"], "note": ""})
    files.write("outputs/pot.txt", b"tea")
    files.write("outputs/dregs.txt", b"")
    outcome = {"files": ["outputs/pot.txt", "outputs/dregs.txt"], "summary": ["Brewed"], "assumptions": []}
    return said({"progress": "boiling"}, {**outcome, "doubts": []})


def said(*lines: object, code: int = 0) -> ExecResult:
    return ExecResult(code=code, stdout="".join(f"{json.dumps(line)}\n" for line in lines), stderr="")


@asynccontextmanager
async def kitchen(home: Path, **changes: object) -> AsyncGenerator[Kit]:
    shelf = Stocked((BREW, DRY))
    host = MemoryHost(commands={"python3": python3})
    async with open_kit(
        home, [], sandboxes=host, model="offline", llm=OfflineLlm(shelf), skills=shelf, **changes
    ) as kit:
        yield kit


async def test_a_task_is_done_from_request_to_checked_file(tmp_path: Path) -> None:
    async with kitchen(tmp_path) as kit:
        task = await kit.start("Brew it please", {"oolong.leaf": b"leaf"})
        plan = (await kit.view(task)).plan
        assert plan is not None
        assert [step.title for step in plan.steps] == ["Weigh inputs/oolong.leaf", "Brew"]
        assert "Offline model" in plan.note
        await kit.answer(task, "approve")
        view = await kit.view(task)
        assert (view.status, view.spent_usd) == (Status.FINISHED, 0)
        assert [delivered.file.path for delivered in view.delivered] == ["outputs/pot.txt"]
        assert view.outcome.splitlines() == [
            "Brewed.",
            "Not handed over: outputs/dregs.txt (opens: it is empty).",
            "Doubts: no language model read the files or the result, so look it over.",
        ]


async def test_a_plain_reply_revises_the_plan_and_new_steps_are_marked(tmp_path: Path) -> None:
    async with kitchen(tmp_path, rules=Rules(plan="always")) as kit:
        task = await kit.start("Brew it", {"oolong.leaf": b"leaf", "assam.leaf": b"leaf"})
        await kit.service.steer(OWNER, task.task_id, "only assam", inbox_id="m2")
        await kit.work()
        plan = (await kit.view(task)).plan
        assert plan is not None
        assert [step.title for step in plan.steps] == ["Weigh inputs/assam.leaf", "Brew"]
        assert "Done as you wrote: “only assam”." in plan.note
        await kit.answer(task, "revise")
        assert (await kit.pending(task)).kind is AskKind.QUESTION
        await kit.service.steer(OWNER, task.task_id, "all of them after all", inbox_id="m3")
        await kit.work()
        assert "I could not follow" in (await kit.view(task)).plan.note  # type: ignore[union-attr]
        await kit.answer(task, "approve", note="and quickly")
        view = await kit.view(task)
        assert view.status is Status.FINISHED
        assert "not followed, I am the offline model: “and quickly”" in view.outcome


async def test_a_question_is_answered_by_its_button(tmp_path: Path) -> None:
    async with kitchen(tmp_path) as kit:
        task = await kit.start("Brew or dry", {"oolong.leaf": b"leaf"})
        ask = await kit.pending(task)
        assert [c.label for c in ask.choices] == ["Brew tea", "Dry leaves", "None of these", "Answer"]
        await kit.answer(task, "option2")
        (waiting,) = (await kit.view(task)).pending
        assert waiting.kind is AskKind.PLAN


async def test_a_skill_that_refuses_ends_the_task_with_its_reason(tmp_path: Path) -> None:
    async with kitchen(tmp_path) as kit:
        task = await kit.start("Brew it", {"oolong.leaf": b"wet leaf"})
        view = await kit.view(task)
        assert view.status is Status.FAILED
        assert view.outcome == "The skill brew-tea cannot do this: The leaves are wet; dry them first."


async def test_work_that_no_skill_does_is_no_success(tmp_path: Path) -> None:
    async with kitchen(tmp_path) as kit:
        view = await kit.view(await kit.start("Fold a paper crane", {"sheet.txt": b"paper"}))
        assert view.status is Status.FAILED
        assert "None of them fits this request" in view.outcome
        assert "Brew tea · Dry leaves" in view.outcome


async def test_a_greeting_is_answered_and_no_failure(tmp_path: Path) -> None:
    async with kitchen(tmp_path) as kit:
        view = await kit.view(await kit.start("Hello!", {}))
        assert view.status is Status.FINISHED
        assert "Brew tea · Dry leaves" in view.outcome


async def test_a_file_added_while_the_plan_waits_is_planned_in(tmp_path: Path) -> None:
    async with kitchen(tmp_path) as kit:
        task = await kit.start("Brew it", {"oolong.leaf": b"leaf"})
        more = await kit.service.upload(OWNER, "assam.leaf", b"leaf")
        await kit.service.steer(OWNER, task.task_id, "", (more,), inbox_id="m2")
        await kit.answer(task, "approve")
        plan = (await kit.view(task)).plan
        assert plan is not None
        assert [step.title for step in plan.steps][1] == "Weigh inputs/assam.leaf"
        await kit.answer(task, "approve")
        assert (await kit.view(task)).status is Status.FINISHED


async def test_a_follow_up_in_the_thread_finds_the_files_again(tmp_path: Path) -> None:
    async with kitchen(tmp_path) as kit:
        first = await kit.start("Brew it", {"oolong.leaf": b"leaf"})
        await kit.answer(first, "approve")
        again = await kit.start("Now brew the result", thread=THREAD)
        plan = (await kit.view(again)).plan
        assert plan is not None
        assert [step.title for step in plan.steps] == ["Weigh outputs/dregs.txt", "Weigh outputs/pot.txt", "Brew"]
