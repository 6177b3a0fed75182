"""tidy-folder: files end up where the request says, none is lost, and every move is on the list."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import Any

import pytest

SKILL = "tidy-folder"


def _digests(root: Path) -> list[str]:
    return sorted(hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob("*") if p.is_file())


def _tree(root: Path) -> set[str]:
    return {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}


def _moves(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_hundreds_of_files_are_sorted_by_kind_and_every_move_is_listed(workspace: Any) -> None:
    for i in range(300):
        workspace.put(f"heap/thing{i}.{('pdf', 'JPG', 'csv', 'mp3', 'odd')[i % 5]}", f"content {i}")
    before = _digests(workspace.root / "inputs")
    manifest, answer = workspace.make(SKILL, "please tidy this up", ["inputs/heap"])
    heap = workspace.root / "inputs" / "heap"
    assert _digests(workspace.root / "inputs") == before
    assert {p.name: len(list(p.iterdir())) for p in heap.iterdir()} == dict.fromkeys(
        ("Documents", "Images", "Spreadsheets", "Audio", "Other"), 60
    )
    moves = _moves(manifest)
    assert len(moves) == 300
    assert all(
        (workspace.root / move["to"]).exists() and not (workspace.root / move["from"]).exists() for move in moves
    )
    assert answer.last["summary"][0].startswith("300 files")


def test_a_german_request_sorts_by_project_into_german_folders(workspace: Any) -> None:
    for name in (
        "Umbau_Plan.pdf",
        "umbau kosten.xlsx",
        "Umbau-Fotos 2031-04.jpg",
        "Messe Stand.pdf",
        "Messe_Liste.txt",
        "scan004.pdf",
    ):
        workspace.put(name, name)
    workspace.make(SKILL, "Bitte die Dateien nach Projekt ordnen und nicht löschen", ["inputs"])
    assert _tree(workspace.root / "inputs") == {
        "Umbau/Umbau_Plan.pdf",
        "Umbau/umbau kosten.xlsx",
        "Umbau/Umbau-Fotos 2031-04.jpg",
        "Messe/Messe Stand.pdf",
        "Messe/Messe_Liste.txt",
        "Sonstiges/scan004.pdf",
    }


def test_dates_come_from_names_and_an_upload_day_is_no_date(workspace: Any) -> None:
    for name in ("IMG_20310203.jpg", "letter 05.11.2030.txt", "2031-02 report.txt", "plain.txt", "other.txt"):
        workspace.put(name, name)
    _, answer = workspace.make(SKILL, "sort by month", ["inputs"])
    assert _tree(workspace.root / "inputs") == {
        "2031/2031-02/IMG_20310203.jpg",
        "2030/2030-11/letter 05.11.2030.txt",
        "2031/2031-02/2031-02 report.txt",
        "Undated/plain.txt",
        "Undated/other.txt",
    }
    assert any("carry no date" in doubt for doubt in answer.last["doubts"])


def test_a_taken_name_gets_a_number_even_in_another_case(workspace: Any) -> None:
    workspace.put("Documents/a.PDF", "old")
    workspace.put("a.pdf", "new")
    workspace.make(SKILL, "tidy by type", ["inputs"])
    root = workspace.root / "inputs"
    assert _tree(root) == {"Documents/a.PDF", "Documents/a (2).pdf"}
    assert (root / "Documents" / "a.PDF").read_text() == "old"


def test_subfolders_projects_hidden_files_and_links_are_left_alone(workspace: Any) -> None:
    workspace.put("top/loose.txt", "x")
    workspace.put("top/sub/keep.txt", "x")
    workspace.put("top/.hidden", "x")
    workspace.put("top/code/package.json", "{}")
    (workspace.root / "inputs" / "top" / "link.txt").symlink_to("loose.txt")
    workspace.make(SKILL, "tidy including subfolders", ["inputs/top"])
    tree = _tree(workspace.root / "inputs" / "top")
    assert {".hidden", "code/package.json", "Documents/loose.txt", "Documents/keep.txt"} <= tree
    assert (workspace.root / "inputs" / "top" / "link.txt").is_symlink()


def test_sidecars_stay_with_their_file_and_twins_are_marked_not_deleted(workspace: Any) -> None:
    workspace.put("film.mp4", "film")
    workspace.put("film.srt", "words")
    workspace.put("one.txt", "same content")
    workspace.put("two.txt", "same content")
    manifest, _ = workspace.make(SKILL, "tidy", ["inputs"])
    assert {"Videos/film.mp4", "Videos/film.srt"} <= _tree(workspace.root / "inputs")
    assert [move["same_content_as"] for move in _moves(manifest) if move["same_content_as"]] == ["inputs/one.txt"]


@pytest.mark.parametrize("request_text", ["tidy", "ranger par type"])
def test_a_tidy_or_empty_folder_is_refused(workspace: Any, request_text: str) -> None:
    assert "no loose files" in workspace.refused(SKILL, ["inputs"], request_text)


def test_odd_names_survive(workspace: Any) -> None:
    names = ["=cmd.txt", "-rf.txt", "new\nline.txt", "umlaut ä.txt", "\u202etricky.txt"]
    for name in names:
        workspace.put(name, name)
    workspace.make(SKILL, "tidy", ["inputs"])
    assert _tree(workspace.root / "inputs") == {f"Documents/{name}" for name in names}


def test_paths_outside_of_the_workspace_are_refused(workspace: Any) -> None:
    assert "outside" in workspace.refused(SKILL, ["../elsewhere"])


@pytest.mark.parametrize(
    ("link", "goal", "said"),
    [
        ("latest.pdf", "bill.pdf", "which moves: the link will lead nowhere"),
        ("shared", "/nowhere/at/all", "(to /nowhere/at/all)"),
        ("up", "..", "(to ..)"),
    ],
)
def test_a_symbolic_link_stays_and_is_named_with_the_reason(workspace: Any, link: str, goal: str, said: str) -> None:
    for name in ("bill.pdf", "photo.jpg", ".hidden"):
        workspace.put(f"heap/{name}", name)
    place = workspace.root / "inputs" / "heap" / link
    place.symlink_to(goal)
    plan = workspace.call(SKILL, "plan", "tidy up", ["inputs/heap"])
    _, answer = workspace.make(SKILL, "tidy up", ["inputs/heap"])
    assert place.is_symlink()
    named = [
        doubt for doubt in answer.last["doubts"] if doubt.startswith(f"{link} was left out: it is a symbolic link")
    ]
    assert len(named) == 1
    assert said in named[0]
    assert named[0] in plan.last["note"]
    assert any(".hidden" in doubt for doubt in answer.last["doubts"])


def test_a_folder_without_links_or_hidden_files_leaves_nothing_out(workspace: Any) -> None:
    for name in ("bill.pdf", "photo.jpg"):
        workspace.put(f"heap/{name}", name)
    _, answer = workspace.make(SKILL, "tidy up", ["inputs/heap"])
    assert answer.last["doubts"] == []
