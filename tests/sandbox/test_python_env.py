"""The libraries that skills use in the embedded sandboxes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from agent.sandbox.embedded import EmbeddedHost
from tests.sandbox.hosts import make


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A virtual environment with one library of our own in it."""
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True, timeout=60)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "shelf.py").write_text("books = 3\n", encoding="utf-8")
    return environment


@pytest.mark.parametrize("kind", ["bwrap", "unshare"])
async def test_the_libraries_are_found_wherever_the_data_folder_lies(
    environment: Path, kind: Literal["bwrap", "unshare"]
) -> None:
    make(kind)  # skips with the reason where this kind cannot run
    host = EmbeddedHost(kind, python_env=environment)
    sandbox = await host.open("web:local::one")
    try:
        done = await sandbox.exec("job", ["python3", "-c", "import shelf; print(shelf.books)"])
        assert (done.code, done.stdout) == (0, "3\n"), done.stderr
    finally:
        await host.close()
