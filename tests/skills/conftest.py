"""A workspace for one skill run, and LibreOffice where it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SKILLS = Path(__file__).resolve().parents[2] / "skills"
OFFICE_TIMEOUT_S = 120


@dataclass(frozen=True)
class Answer:
    """How a script ended: exit code, all JSON lines, and what it wrote on stderr."""

    code: int
    lines: tuple[Mapping[str, Any], ...]
    stderr: str

    @property
    def last(self) -> Mapping[str, Any]:
        """The line that counts."""
        return self.lines[-1]


@dataclass(frozen=True)
class Workspace:
    """A folder with `inputs/`, in which skills are run as the sandbox runs them."""

    root: Path

    def put(self, name: str, content: str | bytes, *, encoding: str = "utf-8") -> str:
        """A new file below inputs/; returns its path as a job names it."""
        path = self.root / "inputs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return f"inputs/{name}"

    def call(self, skill: str, verb: str, request: str, inputs: list[str]) -> Answer:
        """Run `plan` or `run` and parse every line."""
        script = SKILLS / skill / "scripts" / "run.py"
        job = json.dumps({"request": request, "inputs": inputs})
        env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, str(script), verb, job],
            cwd=self.root,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return Answer(done.returncode, tuple(json.loads(line) for line in done.stdout.splitlines()), done.stderr)

    def make(self, skill: str, request: str, inputs: list[str]) -> tuple[Path, Answer]:
        """Plan and run; the plan's promise must be what the run makes. Returns the first file."""
        plan = self.call(skill, "plan", request, inputs)
        assert (plan.code, plan.stderr) == (0, ""), plan
        assert 3 <= len(plan.last["steps"]) <= 6
        answer = self.call(skill, "run", request, inputs)
        assert (answer.code, answer.stderr) == (0, ""), answer
        assert answer.last["files"] == plan.last["files"]
        assert 1 <= len(answer.last["summary"]) <= 3
        return self.root / answer.last["files"][0], answer

    def refused(self, skill: str, inputs: list[str], request: str = "do it") -> str:
        """The sentence with which both verbs refuse; nothing may have been written."""
        answers = [self.call(skill, verb, request, inputs) for verb in ("plan", "run")]
        assert [(answer.code, answer.stderr) for answer in answers] == [(3, ""), (3, "")]
        assert not (self.root / "outputs").exists()
        return str(answers[-1].last["refuse"])


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "inputs").mkdir()
    return Workspace(tmp_path)


@pytest.fixture
def convert(tmp_path: Path) -> Callable[[Path, str], Path]:
    """Convert a file with LibreOffice, under a profile of its own."""
    if not shutil.which("soffice"):
        if os.environ.get("GOFER_REQUIRE_OFFICE") == "1":
            pytest.fail("LibreOffice is required here and not installed")
        pytest.skip("LibreOffice is not installed")

    def run(path: Path, kind: str) -> Path:
        out = tmp_path / f"converted-{kind}"
        profile = f"-env:UserInstallation=file://{tmp_path}/office-profile"
        command = ["soffice", profile, "--headless", "--convert-to", kind, "--outdir", str(out), str(path)]
        subprocess.run(command, capture_output=True, timeout=OFFICE_TIMEOUT_S, check=True)
        return out / f"{path.stem}.{kind}"

    return run
