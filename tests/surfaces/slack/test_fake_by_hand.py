"""The fake as a program, for trying Gofer by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def fake(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """A run of it, with these lines from the keyboard."""
    return subprocess.run(
        [sys.executable, "-m", "tests.fakes.slack", *arguments],
        cwd=ROOT,
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_says_what_can_be_typed() -> None:
    shown = fake("--help")
    assert shown.returncode == 0
    for line in ("ann 3 click Approve", "ann /file PATH text", "quit"):
        assert line in shown.stdout


def test_a_mode_that_is_none_is_wrong_usage() -> None:
    assert fake("carrier-pigeon").returncode == 2
    assert "http needs the address" in fake("http").stderr


def test_somebody_hands_over_a_file_and_writes_below_it(tmp_path: Path) -> None:
    note = tmp_path / "my note.txt"
    note.write_text("seven", encoding="utf-8")
    lines = f"ann /file '{note}' look at this\nben 0: I did\nann /file /nowhere.txt\nquit\n"
    shown = fake(typed=lines).stdout
    assert "SLACK_BOT_TOKEN=" in shown
    assert "0) general ann: look at this\nmy note.txt" in shown
    assert "1) general ben: I did" in shown
    assert "/nowhere.txt cannot be read: No such file or directory" in shown
