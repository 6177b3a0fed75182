"""What holds for every skill that comes with Gofer."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
import skills_ref

from agent.skillset.skillmd import read_skill_text

ROOT = Path(__file__).resolve().parents[2]
SKILLS = sorted(path.parent for path in (ROOT / "skills").glob("*/SKILL.md"))
EXAMPLES = ROOT / "docs" / "examples"
SHARED = {
    "job.py": {"make-deck", "meeting-minutes", "merge-tables", "tidy-folder", "write-document"},
    "codepages.py": {"make-deck", "meeting-minutes", "merge-tables", "tidy-folder", "write-document"},
    "prose.py": {"make-deck", "write-document"},
    "figures.py": {"make-deck", "merge-tables"},
    "docstyle.py": {"meeting-minutes", "write-document"},
}


def test_the_five_skills_are_there() -> None:
    assert {skill.name for skill in SKILLS} >= SHARED["job.py"]


@pytest.mark.parametrize("skill", SKILLS, ids=lambda path: path.name)
def test_a_skill_keeps_the_open_format(skill: Path) -> None:
    assert skills_ref.validate(skill) == []


@pytest.mark.parametrize("skill", SKILLS, ids=lambda path: path.name)
def test_a_skill_is_runnable_short_and_says_when_to_use_it(skill: Path) -> None:
    text = read_skill_text((skill / "SKILL.md").read_bytes(), skill.name)
    assert text.run == "scripts/run.py"
    assert (skill / text.run).is_file()
    assert text.inputs
    assert text.label
    assert "Use when" in text.description
    for language in ("German:", "French:", "Spanish:"):
        assert language in text.description
    assert len((skill / "SKILL.md").read_text(encoding="utf-8").splitlines()) < 150
    assert "Limits to say" in text.body


@pytest.mark.parametrize(("name", "skills"), SHARED.items(), ids=list(SHARED))
def test_copies_of_a_shared_module_are_equal(name: str, skills: set[str]) -> None:
    copies = {skill.name: (skill / "scripts" / name) for skill in SKILLS if (skill / "scripts" / name).exists()}
    assert set(copies) == skills
    assert len({path.read_bytes() for path in copies.values()}) == 1


def test_no_skill_knows_a_name_or_phrase_of_the_examples() -> None:
    known = "\n".join(
        path.read_text(encoding="utf-8")
        for skill in SKILLS
        for path in sorted(skill.rglob("*"))
        if path.suffix in (".md", ".py")
    ).casefold()
    names = {part for path in EXAMPLES.rglob("*") for part in (path.name, path.stem) if path.name != "README.md"}
    names |= {cell for path in EXAMPLES.rglob("*.csv") for cell in _columns(path)}
    assert [name for name in sorted(names) if len(name) > 6 and name.casefold() in known] == []
    assert _phrases() & set(_fives(known)) == set()


def _columns(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return [cell for row in csv.reader(text.splitlines(), delimiter=";" if ";" in text else ",") for cell in row[:9]][
        :30
    ]


def _phrases() -> set[str]:
    """Every five words in a row of the examples' texts."""
    texts = [p.read_text(encoding="utf-8") for suffix in ("md", "txt", "vtt") for p in EXAMPLES.glob(f"*/*.{suffix}")]
    return {phrase for text in texts for phrase in _fives(text.casefold()) if not re.search(r"\d", phrase)}


def _fives(text: str) -> list[str]:
    words = re.findall(r"\w+", text)
    return [" ".join(words[i : i + 5]) for i in range(len(words) - 4)]
