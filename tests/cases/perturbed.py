"""Copies of cases that differ where an honest answer must not care: other file names, other order, other inputs."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet

SEED = 20
Values = dict[str, int]
Change = Callable[[Worksheet, Values], Values]
"""Changes the inputs of a sheet; from the values its formulas came to before, returns those they must come to now."""


def perturbed(case: Path, folder: Path) -> Path:
    """A copy of the case below `folder`, its grader and expectations moved along with its inputs."""
    copy = folder / case.name
    shutil.copytree(case, copy, copy_function=shutil.copyfile)
    shutil.copyfile(case.parent / "gradelib.py", folder / "gradelib.py")
    if case.name == "sheet-formulas":
        _change_workbooks(copy)
    else:
        _shuffle_lines(copy)
        _rename(copy)
    return copy


def _shuffle_lines(copy: Path) -> None:
    """Rows of tables (below their header) and of logs, whose lines carry their time."""
    chance = random.Random(SEED)  # noqa: S311  the same copy each time
    for path in sorted((copy / "input").iterdir()):
        if path.suffix in (".csv", ".log"):
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            head = lines[:1] if path.suffix == ".csv" else []
            body = lines[len(head) :]
            chance.shuffle(body)
            path.write_text("".join([*head, *body]), encoding="utf-8")


def _rename(copy: Path) -> None:
    """Every input gets another name, in another order, in the task and the grader too."""
    chance = random.Random(SEED)  # noqa: S311  the same copy each time
    paths = sorted((copy / "input").iterdir())
    numbers = chance.sample(range(50, 99), len(paths))
    # The grader of the tables knows them by the form of their names.
    form = "data_0{}" if paths[0].suffix == ".csv" else "copy{}"
    names = {path.name: form.format(number) + path.suffix for path, number in zip(paths, numbers, strict=True)}
    for path in paths:
        path.rename(path.with_name(names[path.name]))
    for path in (copy / "task.md", copy / "expected.json", copy / "grade.py"):
        if path.exists():
            text = path.read_text(encoding="utf-8")
            for old, new in names.items():
                text = text.replace(old, new)
            path.write_text(text, encoding="utf-8")


def _change_workbooks(copy: Path) -> None:
    """Other inputs in workbooks whose names the task gives; what they must come to follows without formulas."""
    _change_workbook(copy, "assets", _treble_amounts)
    _change_workbook(copy, "parts", _reverse_prices)
    _change_workbook(copy, "deferred", _start_earlier)


def _change_workbook(copy: Path, name: str, change: Change) -> None:
    wanted = copy / "expected" / f"{name}.out1.json"
    values = json.loads(wanted.read_text(encoding="utf-8"))
    came = values
    for path in (copy / "input" / f"{name}.xlsx", copy / "expected" / f"{name}.in1.xlsx"):
        book = openpyxl.load_workbook(path)
        came = change(book.worksheets[0], values)
        book.save(path)
    wanted.write_text(json.dumps(came), encoding="utf-8")


def _treble_amounts(sheet: Worksheet, values: Values) -> Values:
    for row in range(5, 14):
        if sheet[f"E{row}"].value is not None:
            sheet[f"E{row}"].value *= 3
    return {cell: value * 3 for cell, value in values.items()}


def _reverse_prices(sheet: Worksheet, values: Values) -> Values:
    rows = range(2, 12)
    parts = [sheet[f"A{row}"].value for row in rows]
    for row in rows:
        sheet[f"B{row}"].value = 10 - sheet[f"B{row}"].value
    return {f"C{row}": parts.count(sheet[f"A{row}"].value) + 1 - values[f"C{row}"] for row in rows}


def _start_earlier(sheet: Worksheet, values: Values) -> Values:
    """Ten days: contracts that have begun elapse ten days more, those that begin later or have no dates stay at 0."""
    for row in range(5, 22):
        start = sheet[f"D{row}"].value
        if isinstance(start, datetime):
            sheet[f"D{row}"].value = start - timedelta(days=10)
    return {cell: value + 10 if value else 0 for cell, value in values.items()}
