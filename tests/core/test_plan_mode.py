"""When a plan is asked: the rule of the place before that of the installation."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.core.parts import PlanMode, Rules
from agent.domain.task import Status
from tests.kit import call, open_kit, say

RULES = Rules(plan="auto", channels={"slack:T1:C1": "always", "slack:T1:C2": "never"})
BIG = call("plan", steps=["Read", "Write"], files=["outputs/a.txt"])
SMALL = call("plan", steps=["Look"])


@pytest.mark.parametrize(
    ("thread", "mode"),
    [
        ("slack:T1:C1:1.2", "always"),
        ("slack:T1:C2:1.2", "never"),
        ("slack:T1:C3:1.2", "auto"),
        ("slack:T2:C1:1.2", "auto"),
        ("web:local::one", "auto"),
    ],
)
def test_the_mode_is_that_of_the_channel(thread: str, mode: PlanMode) -> None:
    assert RULES.plan_of(thread) == mode


@pytest.mark.parametrize(
    ("thread", "plan", "status"),
    [
        ("slack:T1:C1:1.2", SMALL, Status.WAITING),
        ("slack:T1:C2:1.2", BIG, Status.FINISHED),
        ("slack:T1:C3:1.2", BIG, Status.WAITING),
        ("slack:T1:C3:1.2", SMALL, Status.FINISHED),
    ],
)
async def test_a_plan_waits_where_its_channel_wants_it(
    tmp_path: Path, thread: str, plan: object, status: Status
) -> None:
    async with open_kit(tmp_path, [plan, say("ok")], rules=RULES) as kit:  # type: ignore[list-item]
        assert (await kit.view(await kit.start("work", thread=thread))).status is status


async def test_where_a_plan_always_comes_first_nothing_runs_before_it(tmp_path: Path) -> None:
    script = [call("write", path="a.txt", content="x"), say("ok")]
    async with open_kit(tmp_path, script, rules=RULES) as kit:
        view = await kit.view(await kit.start("work", thread="slack:T1:C1:1.2"))
        assert view.calls == 0
        assert "Here a plan comes first" in str(kit.llm.requests[-1][1][-1].content)  # type: ignore[attr-defined]
