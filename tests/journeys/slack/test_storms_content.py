"""More than fits: the longest plan, a megabyte of output, a table of 60 rows. Slack refuses none of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.fakes.slack.plain import plain_text
from tests.journeys.slack.serving import office

STEPS = [f"Step number {n} {'of the great plan ' * 15}" for n in range(1, 31)]
"""As many and as long as the plan tool takes; a card of 200 is drawn in tests/surfaces."""
ROWS = [f"| item {n} | {n * 7} | {'long words ' * 3}{n} |" for n in range(1, 61)]
TABLE = "\n".join(["Here are all of them:", "", "| item | worth | remark |", "|---|---|---|", *ROWS])
LOUD = {"name": "bash", "input": {"command": "yes 'so many words' | head -c 1048576"}}
TURNS: list[dict[str, Any]] = [
    {"tools": [{"name": "plan", "input": {"steps": STEPS, "files": [f"outputs/{n}.txt" for n in range(30)]}}]},
    {"tools": [LOUD]},
    {"text": "word " * 3_000, "tools": [{"name": "bash", "input": {"command": "echo done"}}]},
    {"text": TABLE},
]


async def test_a_long_plan_a_megabyte_and_a_table_of_60_rows(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        slack = gofer.slack
        root = await gofer.asks("do it all")
        plan = await gofer.card(root, "Step number 1 ", button="Approve")
        attached = b"\n".join(file.data for message in gofer.thread(root) for file in message.files)
        assert "Step number 30 " in f"{plain_text(plan.blocks)}\n{attached.decode()}"
        await gofer.ann.clicks(plan, "Approve")
        await gofer.card(root, "Here are all of them")
        await gofer.until(lambda: slack.sessions[gofer.general, root].status == "closed")
        everything = "\n".join(message.plain for message in gofer.thread(root))
        everything += "".join(file.data.decode() for message in gofer.thread(root) for file in message.files)
        assert [row for n, row in enumerate(ROWS, 1) if f"item {n}" not in everything] == []
        assert [(call.method, call.error) for call in slack.refusals] == []
        assert len(gofer.thread(root)) <= 6
