"""The arrows between rooms hold, and the contracts that say so do catch what they are there for."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

ROOMS = {
    "bot": "cli app settings desk feed render cards surface people phrases slack/ discord/ web/ terminal/",
    "agent": "service/ core/ tools/ ports/ domain/ llm/ sandbox/ store/ engine/ skillset/ workspace/",
    "tests": "architecture/",
}

ALLOWED = {
    "agent/domain/ids": "import time",
    "bot/cli": "import bot.app, typer",
    "bot/app": "import bot.slack, bot.web, agent.core, agent.store, agent.ports",
    "bot/desk": "import bot.feed, agent.service, agent.domain",
    "bot/web/__init__": "import starlette",
    "agent/service/__init__": "import agent.core",
    "agent/core/__init__": "import agent.tools, agent.ports",
    "agent/store/__init__": "import sqlmodel, agent.ports, agent.domain",
    "agent/llm/__init__": "def start():\n    import anthropic",
}

PLANTED = {
    "agent/core/turn": "import bot.phrases",
    "agent/core/loop": "import agent.store",
    "agent/core/late": "def start():\n    import agent.llm",
    "agent/tools/shell": "import agent.sandbox",
    "agent/store/rows": "import agent.llm",
    "agent/domain/now": "import time",
    "agent/domain/model": "import pydantic",
    "agent/ports/wide": "import agent.core",
    "agent/utils": "",
    "agent/llm/box": "import docker",
    "agent/engine/queue": "import celery",
    "bot/helpers": "",
    "bot/feed": "import agent.store",
    "bot/render": "import bot.feed",
    "bot/slack/views": "import bot.discord",
    "bot/web/pages": "import sqlalchemy",
    "bot/terminal/run": "import bot.app",
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--no-logo"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def write(folder: Path, name: str, source: str) -> None:
    path = (folder / name).with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    """A project with our contracts and all our rooms, each import in it allowed."""
    for package, rooms in ROOMS.items():
        for name in ["__init__", *rooms.replace("/", "/__init__").split()]:
            write(tmp_path, f"{package}/{name}", "")
    for name, source in ALLOWED.items():
        write(tmp_path, name, source)
    (tmp_path / "tests/architecture/homes.py").write_bytes((ROOT / "tests/architecture/homes.py").read_bytes())
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    return tmp_path


def test_every_import_of_the_project_is_allowed() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_allowed_imports_pass(skeleton: Path) -> None:
    result = lint(skeleton)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.promise("one-direction")
def test_each_forbidden_import_and_stray_room_is_named(skeleton: Path) -> None:
    for name, source in PLANTED.items():
        write(skeleton, name, source)
    result = lint(skeleton)
    assert result.returncode == 1
    broken = result.stdout.partition("Broken contracts")[2].split()
    assert [name for name in PLANTED if name.replace("/", ".") not in broken] == []


def test_every_dependency_has_a_home() -> None:
    """A library that only tests or a skill use belongs in a dependency group instead."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = config["tool"]["importlinter"]["contracts"]
    homes = next(contract["homes"] for contract in contracts if contract.get("closed"))
    listed = {line.partition(":")[0].replace("_", "-") for line in homes}
    names = {"pyyaml": "yaml", "markdown-it-py": "markdown-it", "discord-py": "discord"}
    wanted = {line.split(">")[0].split("[")[0].split("=")[0].strip() for line in config["project"]["dependencies"]}
    assert {names.get(name, name) for name in wanted} <= listed


def test_no_view_of_discords_library_keeps_what_a_restart_would_lose() -> None:
    """Its views and modals live in the process and unregister each other: what is clicked is read from the event."""
    named = re.compile(r"discord\.ui|\b(add_view|DynamicItem|LayoutView|CommandTree|on_interaction)\b")
    found = [str(path) for path in (ROOT / "bot").rglob("*.py") if named.search(path.read_text(encoding="utf-8"))]
    assert found == []
