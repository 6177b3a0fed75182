"""Starting the real `gofer` program the way a person does, with a data folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GOFER = Path(sys.executable).with_name("gofer")
KEPT = ("PATH", "HOME", "LANG", "DOCKER_HOST")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> Mapping[str, Any]:
        """The last line of `--json`."""
        return json.loads(self.out.splitlines()[-1])


@dataclass(frozen=True, slots=True)
class Program:
    """`gofer` in a folder of its own."""

    folder: Path
    settings: Mapping[str, str]

    @property
    def env(self) -> dict[str, str]:
        """Nothing of the developer's own settings."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return {**kept, "GOFER_HOME": str(self.folder / "home"), **self.settings}

    def run(self, *arguments: str, timeout_s: float = 120) -> Ended:
        """Run to the end without a terminal."""
        done = subprocess.run(
            [GOFER, *arguments],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)


def program(folder: Path, **settings: str) -> Program:
    """A program with these settings; the embedded sandbox unless they name another."""
    return Program(folder, {"GOFER_SANDBOX": "unshare", **settings})


def scripted(folder: Path, turns: Sequence[Mapping[str, Any]], **settings: str) -> Program:
    """A program whose model plays these turns."""
    path = folder / "script.json"
    path.write_text(json.dumps({"turns": turns}), encoding="utf-8")
    return program(folder, **{"GOFER_MODEL": "scripted", "GOFER_SCRIPT": str(path), **settings})
