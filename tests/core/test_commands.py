"""`!CMD`: one command in the thread's sandbox, without a model, under the same rules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.core.parts import Caps, Rules
from agent.domain.events import ToolCalled, ToolReturned
from agent.domain.task import Status
from agent.llm.command import CommandingLlm
from agent.llm.scripted import ScriptedLlm
from agent.ports.sandbox import ExecResult
from agent.sandbox.memory import MemoryFiles, MemoryHost
from tests.kit import OWNER, THREAD, Kit, open_kit, say


def prints(text: str, code: int = 0) -> MemoryHost:
    """A sandbox in which the program `show` prints this."""

    async def show(files: MemoryFiles, argv: Sequence[str]) -> ExecResult:
        return ExecResult(code=code, stdout=text, stderr="")

    return MemoryHost(commands={"show": show})


def no_model() -> CommandingLlm:
    """Whoever asks the model behind finds an empty script, which is a bug."""
    return CommandingLlm(ScriptedLlm([]))


async def facts(kit: Kit, task_id: str) -> list[tuple[str, object]]:
    events = await kit.service.events(OWNER, task_id)
    return [(event.kind, event.arguments if isinstance(event, ToolCalled) else event.ok) for event in events
            if isinstance(event, ToolCalled | ToolReturned)]  # fmt: skip


async def test_a_command_runs_once_and_its_output_is_the_result(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [], llm=no_model(), sandboxes=prints("a.csv\nb.csv\n")) as kit:
        task = await kit.start("!show me")
        view = await kit.view(task)
        assert (view.status, view.outcome) == (Status.FINISHED, "```\na.csv\nb.csv\n```")
        assert (view.spent_usd, view.priced, view.plan) == (0.0, True, None)
        assert await facts(kit, task.task_id) == [
            ("ToolCalled", {"command": "show me", "timeout_s": 600}),
            ("ToolReturned", True),
        ]


async def test_output_cannot_leave_its_fence(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [], llm=no_model(), sandboxes=prints("```\n# not a heading")) as kit:
        view = await kit.view(await kit.start("!show"))
        assert view.outcome == "````\n```\n# not a heading\n````"


async def test_long_output_is_cut_and_kept_in_a_file(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [], llm=no_model(), sandboxes=prints("x" * 100_000)) as kit:
        task = await kit.start("!show")
        view = await kit.view(task)
        assert len(view.outcome) < 25_000
        assert "characters left out" in view.outcome
        assert any(
            path.startswith(".gofer/output/") for path in (await kit.service.workspace(OWNER, task.task_id)).files()
        )


async def test_a_failed_command_tells_its_code(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [], llm=no_model(), sandboxes=prints("no such file", 2)) as kit:
        view = await kit.view(await kit.start("!show"))
        assert (view.status, view.outcome) == (Status.FINISHED, "```\nno such file\n(exit code 2)\n```")


async def test_where_rules_ask_a_command_waits_for_the_click(tmp_path: Path) -> None:
    rules = Rules(ask=("Bash(show*)",))
    async with open_kit(tmp_path, [], llm=no_model(), sandboxes=prints("shown"), rules=rules) as kit:
        task = await kit.start("!show")
        assert (await kit.pending(task)).prompt == "Run: show"
        await kit.answer(task, "allow")
        assert (await kit.view(task)).outcome == "```\nshown\n```"


async def test_a_denied_command_is_not_run(tmp_path: Path) -> None:
    rules = Rules(ask=("Bash(show*)",))
    async with open_kit(tmp_path, [], llm=no_model(), sandboxes=prints("shown"), rules=rules) as kit:
        task = await kit.start("!show")
        await kit.answer(task, "deny")
        assert (await kit.view(task)).outcome == "Denied, so it was not run."
        assert await facts(kit, task.task_id) == []


async def test_a_forbidden_command_is_not_run_and_says_so(tmp_path: Path) -> None:
    rules = Rules(deny=("Bash(show*)",))
    async with open_kit(tmp_path, [], llm=no_model(), sandboxes=prints("shown"), rules=rules) as kit:
        task = await kit.start("!show")
        assert (await kit.view(task)).outcome == "The rules of this place do not allow it: Run: show"
        assert await facts(kit, task.task_id) == []


@pytest.mark.parametrize("rules", [Rules(plan="always"), Rules(channels={"web:local::one": "always"})])
async def test_a_command_needs_no_plan_and_no_budget(tmp_path: Path, rules: Rules) -> None:
    caps = Caps(task_usd=0, person_day_usd=0, day_usd=0)
    async with open_kit(
        tmp_path, [], llm=no_model(), sandboxes=prints("ok"), rules=rules, caps=caps, model="claude-sonnet-5-5"
    ) as kit:
        assert (await kit.view(await kit.start("!show"))).outcome == "```\nok\n```"


async def test_a_command_finds_the_files_of_its_thread(tmp_path: Path) -> None:
    async def show(files: MemoryFiles, argv: Sequence[str]) -> ExecResult:
        return ExecResult(code=0, stdout=files.read("inputs/a.csv").decode(), stderr="")

    host = MemoryHost(commands={"show": show})
    async with open_kit(tmp_path, [], llm=CommandingLlm(ScriptedLlm([say("ok")])), sandboxes=host) as kit:
        await kit.start("keep this", {"a.csv": b"1"})
        assert (await kit.view(await kit.start("!show"))).outcome == "```\n1\n```"


async def test_words_said_meanwhile_have_no_effect_and_that_is_said(tmp_path: Path) -> None:
    held: list[Kit] = []

    async def show(files: MemoryFiles, argv: Sequence[str]) -> ExecResult:
        (task,) = await held[0].service.tasks(OWNER, thread_id=THREAD)
        await held[0].service.steer(OWNER, task.task_id, "faster", inbox_id="s1", interrupt=True)
        return ExecResult(code=0, stdout="shown", stderr="")

    async with open_kit(tmp_path, [], llm=no_model(), sandboxes=MemoryHost(commands={"show": show})) as kit:
        held.append(kit)
        view = await kit.view(await kit.start("!show"))
        assert view.outcome == "```\nshown\n```\n\nWhat was written meanwhile had no effect: a command runs as it is."
