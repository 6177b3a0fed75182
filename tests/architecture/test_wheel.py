"""What `pip install .` installs: everything the program reads at run time is inside the wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_carries_skills_pages_prompts_prices_migrations_and_the_image_recipe(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    data = {
        str(path.relative_to(ROOT))
        for room in (ROOT / "agent", ROOT / "bot")
        for path in room.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    skills = {
        f"agent/builtin_skills/{path.relative_to(ROOT / 'skills')}"
        for path in (ROOT / "skills").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert skills
    image = {"agent/sandbox/context/sandbox.Dockerfile", "agent/sandbox/context/sandbox.txt"}
    assert (data | skills | image) - names == set()
