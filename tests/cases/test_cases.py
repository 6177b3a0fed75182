"""Real jobs through the real `gofer do` and the real sandbox, judged by each job's own grader."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from agent.domain.errors import UserFacing
from agent.sandbox import engine, image
from tests.cases.conversations import CONVERSATIONS, Conversation
from tests.cases.perturbed import perturbed

CASES = Path(__file__).parents[3] / "shared" / "cases"
EACH = pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda conversation: conversation.case)
LIMIT_S = 1500
VOCABULARY = {"2000", "hundred", "assistant"}
"""Words any such program has: the century of a short year, a number word, whom a planted order speaks to."""


@pytest.fixture(scope="module")
def cases() -> Path:
    """The folder of cases beside the repository; they are not part of it."""
    if not CASES.is_dir():
        pytest.skip("the cases are not beside this repository (shared/cases)")
    return CASES


@pytest.fixture(scope="module")
def sandbox() -> None:
    """The office image, and LibreOffice for the graders."""
    require = os.environ.get("GOFER_REQUIRE_DOCKER") == "1"
    try:
        trouble = "" if engine.has_image("", image.tag("office")) else "the office image is not built"
    except UserFacing as error:
        trouble = error.message
    if not trouble and not shutil.which("soffice"):
        trouble = "the graders work formulas out with LibreOffice, and soffice is not here"
    if trouble and require:
        pytest.fail(trouble)
    if trouble:
        pytest.skip(trouble)


@pytest.mark.docker
@EACH
def test_the_job_is_done_and_its_grader_agrees(
    conversation: Conversation, cases: Path, sandbox: None, tmp_path: Path
) -> None:
    done = do(conversation, cases / conversation.case, tmp_path)
    assert grade(cases / conversation.case, done) == ""


@pytest.mark.slow
@pytest.mark.docker
@EACH
def test_the_same_conversation_does_a_copy_with_other_names_order_or_inputs(
    conversation: Conversation, cases: Path, sandbox: None, tmp_path: Path
) -> None:
    copy = perturbed(cases / conversation.case, tmp_path / "cases")
    assert grade(copy, do(conversation, copy, tmp_path)) == ""


@EACH
def test_no_conversation_holds_an_input_name_or_a_result(conversation: Conversation, cases: Path) -> None:
    spoken = json.dumps(conversation.script(), ensure_ascii=False).lower()
    given = given_away(cases / conversation.case)
    assert given, "nothing to look for"
    assert sorted(word for word in given if re.search(rf"(?<![\w.]){re.escape(word)}(?!\w)", spoken)) == []


def do(conversation: Conversation, case: Path, folder: Path) -> Path:
    """Run the job as a person would, and return the folder with what came back. Fails on any call that failed."""
    out, script = folder / "out", folder / "script.json"
    script.write_text(json.dumps(conversation.script()), encoding="utf-8")
    settings = {"GOFER_HOME": str(folder / "home"), "GOFER_MODEL": "scripted", "GOFER_SCRIPT": str(script)}
    names = {name: value for name, value in os.environ.items() if not name.startswith(("GOFER_", "ANTHROPIC_"))}
    request = (case / "task.md").read_text(encoding="utf-8")
    inputs = sorted(str(path) for path in (case / "input").iterdir())
    ran = subprocess.run(
        [Path(sys.executable).with_name("gofer"), "do", request, *inputs, "--yes", "--json", "--out", str(out)],
        env={**names, **settings, "GOFER_SANDBOX": "docker"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    failed = [event for event in events if event["kind"] == "ToolReturned" and not event["ok"]]
    assert failed == [], ran.stderr[-4000:]
    assert {"PlanProposed", "AskAnswered"} <= {event["kind"] for event in events}
    return out


def grade(case: Path, out: Path) -> str:
    """What the grader missed; empty when it passed."""
    judged = subprocess.run(
        [sys.executable, case / "grade.py", out], capture_output=True, text=True, timeout=LIMIT_S, cwd=out
    )
    return "" if judged.returncode == 0 else judged.stdout + judged.stderr


# -- what a conversation may not know


def given_away(case: Path) -> set[str]:
    """Lower-case words that only somebody who saw the inputs or the grader can know; the task's own are left out."""
    task, grader = _text(case / "task.md"), _text(case / "grade.py").replace("\\b", " ")
    outputs = json.loads((case / "case.json").read_text(encoding="utf-8"))["outputs"]
    inputs = [path for path in (case / "input").iterdir() if path.name not in outputs]
    results = [_text(path) for path in (case / "expected.json", *sorted(case.glob("expected/*.json"))) if path.exists()]
    values = {value.lower() for result in results for value in _leaves(json.loads(result))}
    # Short and round ones are limits and sizes as well: 120 says nothing.
    found = {value for value in values if len(value) > 2 and not re.fullmatch(r"\d+0", value)}
    found |= {number.replace("\\", "") for number in re.findall(r"(?:[a-z]+-?)?\d{4,}(?:\\?\.\d+)?", grader)}
    if all(path.suffix == ".txt" for path in inputs):
        # Names and rare long words that were said; short ones are a program's words too.
        said = " ".join(path.read_text(encoding="utf-8") for path in inputs)
        heard = Counter(re.findall(r"[a-z]{6,}", said))
        found |= {word for word in re.findall(r"[a-z]{6,}", grader) if 0 < heard[word] < 3}
        found |= {name.lower() for name in re.findall(r"(?<=[a-z,] )[A-Z][a-z]{3,}(?= [,.?])", said)}
    return {path.name.lower() for path in inputs} | {word for word in found - VOCABULARY if word not in task}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").lower()


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        inside = cast(list[Any], list(value.values() if isinstance(value, dict) else value))  # type: ignore[arg-type]
        for inner in inside:
            yield from _leaves(inner)
    else:
        yield str(value)
