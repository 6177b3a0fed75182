"""README, tests/promises.py and the tests that carry a promise say the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT, files
from tests.promises import PROMISES

BLOCK = re.compile(r"<!-- promises -->(.*?)<!-- /promises -->", re.DOTALL)
ITEM = re.compile(r"^[-*] (.*(?:\n  .*)*)", re.MULTILINE)


def mark_of(decorator: ast.expr) -> str | None:
    """`promise` for pytest.mark.promise("…") and pytest.mark.promise alike; nothing for other decorators."""
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    is_mark = (
        isinstance(target, ast.Attribute) and isinstance(target.value, ast.Attribute) and target.value.attr == "mark"
    )
    return target.attr if is_mark else None


def promises_in(source: str) -> Iterator[str]:
    """Ids promised by tests that run: a test marked skip or xfail shows nothing."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
            continue
        marks = [(mark_of(decorator), decorator) for decorator in node.decorator_list]
        if {"skip", "xfail"} & {name for name, _ in marks}:
            continue
        for name, decorator in marks:
            if name == "promise" and isinstance(decorator, ast.Call):
                yield from (str(argument.value) for argument in decorator.args if isinstance(argument, ast.Constant))


def promises_tested() -> dict[str, list[Path]]:
    tested: dict[str, list[Path]] = {}
    for path in files("tests/**/test_*.py"):
        for promise in promises_in(path.read_text(encoding="utf-8")):
            tested.setdefault(promise, []).append(path)
    return tested


def promises_written(text: str) -> set[str]:
    """The list items of every promises block, on one line, without Markdown's marks."""
    items = (item for block in BLOCK.findall(text) for item in ITEM.findall(block))
    return {re.sub(r"\s+", " ", re.sub(r"\[([^\]]*)\]\([^)]*\)|[*_`]", r"\1", item)).strip() for item in items}


def test_every_promise_has_a_test() -> None:
    assert set(PROMISES) - set(promises_tested()) == set()


def test_every_test_shows_a_promise_that_is_made() -> None:
    assert {promise: paths for promise, paths in promises_tested().items() if promise not in PROMISES} == {}


def test_readme_makes_exactly_these_promises() -> None:
    assert promises_written((ROOT / "README.md").read_text(encoding="utf-8")) == set(PROMISES.values())


@pytest.mark.parametrize(
    ("decorators", "seen"),
    [
        ('@pytest.mark.promise("a")', ["a"]),
        ('@pytest.mark.promise("a", "b")\n@pytest.mark.docker', ["a", "b"]),
        ('@pytest.mark.skip\n@pytest.mark.promise("a")', []),
        ('@pytest.mark.promise("a")\n@pytest.mark.xfail(reason="later")', []),
        ('@pytest.mark.skipif(no_docker, reason="no engine")\n@pytest.mark.promise("a")', ["a"]),
        ('@promise("a")', []),
    ],
)
def test_only_a_test_that_runs_shows_a_promise(decorators: str, seen: list[str]) -> None:
    assert list(promises_in(f"{decorators}\nasync def test_it():\n    pass\n")) == seen
    assert list(promises_in(f"{decorators}\ndef helper():\n    pass\n")) == []


def test_promises_are_read_from_their_blocks_only() -> None:
    inside = "- **One** that goes\n  on, with [a link](docs/x.md).\n* Two\n"
    text = f"- not me\n<!-- promises -->\n{inside}<!-- /promises -->\n- nor me\n"
    assert promises_written(text) == {"One that goes on, with a link.", "Two"}
