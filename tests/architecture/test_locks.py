"""What is installed is what was locked: every file by hash, from any index, and no more than promised."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

from tests.architecture.repository import ROOT, files, shown, text_of

LOCKS = ("main", "sandbox", "dev")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def pins(lock: str) -> dict[str, set[str]]:
    """Package → its pinned lines (one, or one per system or Python it differs for)."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / f"requirements/{lock}.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith((" ", "#")):
            requirement = Requirement(line.removesuffix("\\").strip())
            found.setdefault(canonical(requirement.name), set()).add(str(requirement))
    return found


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted(lock: str) -> list[Requirement]:
    """The lines of pyproject.toml that a lock is made from; requirements/lock holds the same table."""
    groups = {"main": ("build",), "sandbox": ("sandbox",), "dev": ("build", "sandbox", "dev")}[lock]
    lines = [line for group in groups for line in PROJECT["dependency-groups"][group]]
    return [
        Requirement(line) for line in (lines if lock == "sandbox" else [*lines, *PROJECT["project"]["dependencies"]])
    ]


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_host(lock: str) -> None:
    text = (ROOT / f"requirements/{lock}.txt").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if "://" in line or " @ " in line or line.startswith("-")] == []


def test_no_lock_file_names_a_host() -> None:
    """npm's package-lock.json, uv.lock and poetry.lock write the index they were made from into every entry."""
    locks = files("*.lock", "*lock.json", "*lock.yaml", "*.lockb")
    assert [shown(path) for path in locks if "://" in text_of(path)] == []


@pytest.mark.promise("locked-install")
@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_and_hashed(lock: str) -> None:
    text = (ROOT / f"requirements/{lock}.txt").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).strip())
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_is_made_from_todays_pyproject(lock: str) -> None:
    """Otherwise: `make lock`."""
    locked = {name: [Requirement(line) for line in lines] for name, lines in pins(lock).items()}
    missing = [
        str(line)
        for line in wanted(lock)
        if not any(
            line.specifier.contains(str(pin.specifier).removeprefix("=="), prereleases=True)
            for pin in locked.get(canonical(line.name), [])
        )
    ]
    assert missing == []


@pytest.mark.parametrize("part", ["main", "sandbox"])
def test_development_uses_the_versions_that_people_run(part: str) -> None:
    """Why `requirements/install main` has nothing to do where `dev` is installed."""
    dev = pins("dev")
    versions = {name: {str(Requirement(line).specifier) for line in lines} for name, lines in pins(part).items()}
    assert {
        name: found
        for name, found in versions.items()
        if not found <= {str(Requirement(line).specifier) for line in dev[name]}
    } == {}


@pytest.mark.promise("locked-install")
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_the_full_bot_is_fewer_than_80_distributions(system: str) -> None:
    environment = {
        "sys_platform": system,
        "platform_system": {"linux": "Linux", "darwin": "Darwin"}.get(system, "Windows"),
    }
    marked = [
        Requirement(line).marker or Marker("python_version > '3'") for lines in pins("main").values() for line in lines
    ]
    assert sum(marker.evaluate(environment) for marker in marked) < 80


def test_the_build_backend_is_the_locked_one() -> None:
    assert PROJECT["build-system"]["requires"] == [PROJECT["dependency-groups"]["build"][0]]


def test_every_dependency_says_what_it_is_for() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    named = [str(line) for lock in LOCKS for line in wanted(lock)]
    lines = [line for line in text.splitlines() if re.match(r' {4}"[\w.\[\]-]+ ?[<>=~!]', line)]
    assert len(lines) == len(set(named))
    assert [line for line in lines if not re.search(r'",\s+# \S.{4,}', line)] == []
