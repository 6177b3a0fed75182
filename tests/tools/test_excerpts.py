"""What a sandbox says about a table is kept only in shape and in size."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.domain.files import ChartExcerpt, ChartSeries, TableExcerpt
from agent.domain.view import Delivered
from agent.ports.sandbox import ExecResult
from agent.sandbox.memory import MemoryHost
from agent.sandbox.memory_files import MemoryFiles
from bot.fit import plain
from bot.render import result_card
from tests.kit import call, open_kit, say


def checker(report: dict[str, Any]) -> MemoryHost:
    """A sandbox whose checker says this of every file."""

    async def check(files: MemoryFiles, argv: Sequence[str]) -> ExecResult:
        return ExecResult(code=0, stdout=json.dumps({"checks": [], "previews": [], **report}), stderr="")

    return MemoryHost(commands={"python3": check})


async def delivered(folder: Path, report: dict[str, Any]) -> tuple[Delivered, str]:
    """What is kept of it, and what people see below the file."""
    script = [call("write", path="outputs/a.csv", content="x"), call("deliver", path="outputs/a.csv"), say("Done.")]
    async with open_kit(folder, script, sandboxes=checker(report)) as kit:
        view = await kit.view(await kit.start("make a table"))
        (file,) = view.delivered
        return file, plain(result_card(view))


async def test_a_table_is_kept_with_its_file_and_shown(tmp_path: Path) -> None:
    found = {"sheet": "May", "header": ["Item", "Sum"], "rows": [["Train", "12"]], "rows_total": 40, "columns_total": 2}
    kept, text = await delivered(tmp_path, {"table": found})
    assert kept.table == TableExcerpt(
        sheet="May", header=("Item", "Sum"), rows=(("Train", "12"),), rows_total=40, columns_total=2
    )
    assert "a.csv, sheet May:\nItem   Sum\n" in text
    assert "… 39 more (in a.csv)" in text


@pytest.mark.parametrize("nothing", [None, [], "x", 7, {}, {"header": [], "rows": []}, {"header": ["a"], "rows": "b"}])
async def test_what_is_no_table_is_left_out(tmp_path: Path, nothing: Any) -> None:
    kept, text = await delivered(tmp_path, {"table": nothing, "chart": nothing})
    assert (kept.table or kept.chart, "more (in" in text) == (None, False)


async def test_a_table_of_any_size_and_shape_is_kept_small_and_even(tmp_path: Path) -> None:
    rows: list[Any] = [[{"a": 1}, None, "x" * 500, *["y"] * 90], "no row", [], *[["z" * 9] * 30] * 80]
    found = {"header": ["h" * 150] * 50, "rows": rows, "rows_total": -5, "sheet": 3}
    kept = (await delivered(tmp_path, {"table": found}))[0].table
    assert kept is not None
    assert (len(kept.header), {len(row) for row in kept.rows}) == (20, {20})
    assert max(len(cell) for row in (kept.header, *kept.rows) for cell in row) == 100
    assert sum(len(cell) for row in (kept.header, *kept.rows) for cell in row) <= 10_000
    assert (kept.rows_total, kept.columns_total, kept.sheet) == (len(kept.rows), 20, "")


CHART = {"kind": "bar", "title": "Money", "labels": ["In", "Out"], "series": [{"name": "May", "values": [10, 5.5]}]}


async def test_a_chart_is_kept_with_its_file_and_shown(tmp_path: Path) -> None:
    kept, text = await delivered(tmp_path, {"chart": CHART})
    series = (ChartSeries(name="May", values=(10.0, 5.5)),)
    assert kept.chart == ChartExcerpt(kind="bar", title="Money", labels=("In", "Out"), series=series)
    assert f"Money:\nIn   {'█' * 20} 10\nOut  {'█' * 11} 5.5" in text


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "donut"},
        {"labels": ["one"]},
        {"labels": [], "series": []},
        {"series": []},
        {"series": [{"name": "a", "values": [1, float("nan")]}]},
        {"series": [{"name": "a", "values": [1, float("inf")]}]},
        {"series": [{"name": "a", "values": [1, 10**400]}]},
        {"series": [{"name": "a", "values": [1]}]},
        {"series": [{"values": [1, 2]}]},
        {"series": [{"name": "a", "values": [1, 2]}] * 13},
        {"labels": ["x"] * 21, "series": [{"name": "a", "values": [1] * 21}]},
    ],
)
async def test_half_a_chart_is_none(tmp_path: Path, changed: dict[str, Any]) -> None:
    kept, _ = await delivered(tmp_path, {"chart": CHART | changed})
    assert kept.chart is None
