"""More than fits: the longest plan, a megabyte of output, a table of 60 rows. Discord refuses none of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.journeys.discord.serving import office

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
        root = await gofer.asks("do it all")
        plan = await gofer.card(root, "Step number 1 ", button="Approve")
        attached = b"\n".join(file.data for shown in gofer.thread(root) for file in shown.files)
        assert "Step number 30 " in f"{plan.plain}\n{attached.decode()}"
        await gofer.ann.clicks(plan, "Approve")
        await gofer.card(root, "Here are all of them", button="Change something")
        shown = gofer.thread(root)
        everything = "\n".join(each.plain for each in shown)
        everything += "".join(file.data.decode() for each in shown for file in each.files)
        assert [row for n, row in enumerate(ROWS, 1) if f"item {n}" not in everything] == []
        assert gofer.refused() == []
        assert len(shown) <= 6
