"""Skills are read from folders, held to the format's limits, and left out with a reason when they break one."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from agent.domain.errors import NotFound
from agent.ports.skills import Skill
from agent.skillset import FolderCatalog, builtin_root

FRONT = {"name": "brew-tea", "description": "Brews leaves into tea.", "license": "Apache-2.0"}
OURS = "metadata:\n  gofer-run: scripts/run.py\n  gofer-inputs: .leaf, TXT,leaf\n  gofer-label: Brew a pot\n"


def text(extra: str = OURS, body: str = "Heat the water.", **front: str) -> str:
    lines = "\n".join(f"{key}: {value}" for key, value in {**FRONT, **front}.items() if value)
    return f"---\n{lines}\n{extra}---\n\n{body}\n"


def shelve(root: Path, skill_md: str | bytes | None = None, folder: str = "brew-tea") -> Path:
    """A folder with a skill; returns it."""
    place = root / folder
    (place / "scripts").mkdir(parents=True)
    (place / "scripts" / "run.py").write_bytes(b"print('{}')\n")
    data = text() if skill_md is None else skill_md
    (place / "SKILL.md").write_bytes(data if isinstance(data, bytes) else data.encode())
    return place


def test_a_skill_is_found_with_all_it_says(tmp_path: Path) -> None:
    shelve(tmp_path)
    catalog = FolderCatalog([tmp_path])
    found = catalog.find("brew-tea")
    assert found is not None
    assert found == Skill(
        name="brew-tea",
        description="Brews leaves into tea.",
        digest=found.digest,
        run="scripts/run.py",
        inputs=("leaf", "txt"),
        label="Brew a pot",
    )
    assert (len(found.digest), list(catalog.skills())) == (64, [found])
    assert catalog.body("brew-tea") == "Heat the water."
    assert set(catalog.files("brew-tea")) == {"SKILL.md", "scripts/run.py"}
    assert list(catalog.problems()) == []


def test_a_skill_without_our_metadata_cannot_be_run_but_read(tmp_path: Path) -> None:
    shelve(tmp_path, text(extra=""))
    (found,) = FolderCatalog([tmp_path]).skills()
    assert (found.run, found.inputs, found.label) == ("", (), "")


def test_an_unknown_skill_is_not_found(tmp_path: Path) -> None:
    catalog = FolderCatalog([tmp_path / "nowhere"])
    assert (list(catalog.skills()), catalog.find("x")) == ([], None)
    for ask in (catalog.body, catalog.files):
        with pytest.raises(NotFound):
            ask("x")


@pytest.mark.parametrize(
    ("skill_md", "reason"),
    [
        ("no front matter", "must begin with front matter"),
        ("---\nname: brew-tea\n", "must begin with front matter"),
        (b"---\nname: \xff\n---\nx", "not UTF-8"),
        ("---\nname: [\n---\nx", "not valid YAML"),
        ("---\n" + "a: " + "[" * 8000 + "\n---\nx", "not valid YAML"),
        ("---\nname: brew-tea\nwhen: 2024-99-99\n---\nx", "not valid YAML"),
        ("---\n- a\n---\nx", "must be a mapping"),
        (f"---\n# {'x' * 20_000}\n---\nx", "more than 16,384 characters"),
        (text(colour="red"), "unknown fields colour"),
        (text(name=""), "name must be a text"),
        (text(name="Brew-Tea"), "must be of a-z"),
        (text(name="brew--tea"), "must be of a-z"),
        (text(name="press-juice"), "differs from its folder"),
        (text(name="a" * 65), "name has 65 characters"),
        (text(description=""), "description must be a text"),
        (text(description="1"), "description must be a text"),
        (text(description="x" * 1025), "description has 1025 characters"),
        (text(compatibility="x" * 501), "compatibility has 501 characters"),
        (text(extra="metadata: 3\n"), "metadata must be a mapping"),
        (text(extra="metadata:\n  a: [1]\n"), "metadata a must be text"),
        (text(extra="metadata:\n  gofer-run: ../run.py\n"), "path inside the skill's folder"),
        (text(extra="metadata:\n  gofer-run: /run.py\n"), "path inside the skill's folder"),
        (text(extra="metadata:\n  gofer-run: gone.py\n"), "names gone.py, which is not in the folder"),
        (text(extra="metadata:\n  gofer-inputs: a b\n"), "parted by commas"),
        (text(extra=f"metadata:\n  gofer-label: {'x' * 71}\n"), "gofer-label has 71 characters"),
        (text(body=""), "no instructions"),
    ],
)
def test_a_broken_skill_is_left_out_and_the_reason_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, skill_md: str | bytes, reason: str
) -> None:
    shelve(tmp_path, skill_md)
    shelve(tmp_path, text(name="good-one"), "good-one")
    with caplog.at_level(logging.WARNING, logger="agent.skillset.catalog"):
        catalog = FolderCatalog([tmp_path])
    assert [skill.name for skill in catalog.skills()] == ["good-one"]
    (problem,) = catalog.problems()
    assert problem.startswith(f"{tmp_path / 'brew-tea' / 'SKILL.md'}: ")
    assert reason in problem
    (record,) = caplog.records
    assert (record.message, record.__dict__["reason"] in problem) == ("skill left out", True)


def test_a_folder_without_skill_md_is_a_problem_and_a_lone_file_is_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "README.md").write_text("about these skills", encoding="utf-8")
    assert list(FolderCatalog([tmp_path]).problems()) == [
        f"{tmp_path / 'empty' / 'SKILL.md'}: the folder has no SKILL.md"
    ]


def test_windows_line_ends_and_a_byte_order_mark_are_fine(tmp_path: Path) -> None:
    shelve(tmp_path, b"\xef\xbb\xbf" + text().replace("\n", "\r\n").encode())
    assert FolderCatalog([tmp_path]).body("brew-tea") == "Heat the water."


def test_a_later_root_shadows_an_earlier_one_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shelve(tmp_path / "built-in", text(description="Old."))
    shelve(tmp_path / "own", text(description="New."))
    with caplog.at_level(logging.WARNING, logger="agent.skillset.catalog"):
        (found,) = FolderCatalog([tmp_path / "built-in", tmp_path / "own"]).skills()
    assert found.description == "New."
    assert [record.message for record in caplog.records] == ["skill shadowed"]


def test_the_digest_changes_with_any_byte_and_with_a_move_between_files(tmp_path: Path) -> None:
    place = shelve(tmp_path)

    def digest() -> str:
        (found,) = FolderCatalog([tmp_path]).skills()
        return found.digest

    first = digest()
    assert digest() == first
    (place / "scripts" / "run.py").write_bytes(b"print('[]')\n")
    second = digest()
    (place / "scripts" / "run2.py").write_bytes(b"")
    assert len({first, second, digest()}) == 3


def test_links_caches_and_hidden_files_are_no_part_of_a_skill(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("mine", encoding="utf-8")
    place = shelve(tmp_path / "root")
    (place / "link.txt").symlink_to(secret)
    (place / "linked").symlink_to(tmp_path)
    (tmp_path / "root" / "other").symlink_to(place)
    for name in ("__pycache__/a.pyc", ".git/config", "scripts/old.pyc", ".DS_Store"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(b"x")
    catalog = FolderCatalog([tmp_path / "root"])
    assert set(catalog.files("brew-tea")) == {"SKILL.md", "scripts/run.py"}
    assert list(catalog.problems()) == []


def test_too_many_files_or_bytes_are_refused(tmp_path: Path) -> None:
    many, large = shelve(tmp_path, folder="brew-tea"), shelve(tmp_path, text(name="large"), "large")
    for number in range(300):
        (many / f"{number}.txt").write_bytes(b"")
    with (large / "big.bin").open("wb") as file:
        file.truncate(9 * 1024 * 1024)
    catalog = FolderCatalog([tmp_path])
    assert list(catalog.skills()) == []
    assert [problem.partition(": ")[2] for problem in catalog.problems()] == [
        "it has more than 300 files",
        "its files have more than 8 MiB",
    ]


def test_the_built_in_skills_lie_beside_the_package_in_a_checkout() -> None:
    assert builtin_root() == Path(__file__).resolve().parents[2] / "skills"
