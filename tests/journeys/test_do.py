"""`gofer do`: from the command line to files on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.journeys.program import scripted

COUNT = {"name": "bash", "input": {"command": "mkdir -p outputs; cat inputs/*.txt | wc -w > outputs/words.txt"}}
PLAN = {"name": "plan", "input": {"steps": ["Count the words", "Write the number"], "files": ["outputs/words.txt"]}}
DELIVER = {"name": "deliver", "input": {"path": "outputs/words.txt"}}
TURNS = [{"tools": [PLAN]}, {"tools": [COUNT]}, {"tools": [DELIVER]}, {"text": "Counted."}]


@pytest.fixture
def poem(tmp_path: Path) -> Path:
    path = tmp_path / "poem.txt"
    path.write_text("one two three\n", encoding="utf-8")
    return path


def test_with_yes_the_job_is_done_and_its_file_is_written(tmp_path: Path, poem: Path) -> None:
    done = scripted(tmp_path, TURNS).run("do", "count the words", str(poem), "--yes")
    assert done.code == 0, done.err
    assert (tmp_path / "gofer-out" / "words.txt").read_text().strip() == "3"
    assert poem.read_text() == "one two three\n"
    assert "Counted." in done.err
    assert done.out == ""


def test_a_second_run_keeps_the_file_of_the_first(tmp_path: Path, poem: Path) -> None:
    gofer = scripted(tmp_path, TURNS)
    gofer.run("do", "count the words", str(poem), "--yes")
    gofer.run("do", "count the words", str(poem), "--yes")
    assert sorted(p.name for p in (tmp_path / "gofer-out").iterdir()) == ["words (2).txt", "words.txt"]


def test_without_a_terminal_and_without_answers_the_plan_is_denied(tmp_path: Path, poem: Path) -> None:
    done = scripted(tmp_path, TURNS).run("do", "count the words", str(poem), "--json")
    assert done.code == 1
    assert done.result["status"] == "cancelled"
    assert done.result["denied"]
    assert not (tmp_path / "gofer-out").exists()


def test_json_gives_every_event_and_a_result_line(tmp_path: Path, poem: Path) -> None:
    done = scripted(tmp_path, TURNS).run("do", "count", str(poem), "--yes", "--json", "--out", "here")
    events = [json.loads(line) for line in done.out.splitlines()]
    assert [e["seq"] for e in events[:-1]] == list(range(1, len(events)))
    assert events[0]["kind"] == "TaskAccepted"
    result = done.result
    assert set(result) == {"kind", "task_id", "status", "files", "denied", "cost_usd"}
    (file,) = result["files"]
    assert file["path"] == "words.txt"
    assert (tmp_path / "here" / "words.txt").stat().st_size == file["size_bytes"]


def test_prepared_answers_decide_in_place_of_a_person(tmp_path: Path, poem: Path) -> None:
    ask = {"tools": [{"name": "ask", "input": {"question": "Which unit?", "options": ["words", "lines"]}}]}
    answers = tmp_path / "answers.json"
    lines = [{"kind": "question", "match": "unit", "choice": "answer", "text": "words"}, {"choice": "approve"}]
    answers.write_text(json.dumps(lines), encoding="utf-8")
    done = scripted(tmp_path, [ask, *TURNS]).run("do", "count", str(poem), "--answers", str(answers))
    assert done.code == 0, done.err


def test_a_folder_comes_back_as_the_copy_it_became_and_the_original_stays(tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "a.txt").write_text("a", encoding="utf-8")
    (folder / "link").symlink_to("a.txt")
    move = {"name": "bash", "input": {"command": "mkdir inputs/papers/letters && mv inputs/papers/a.txt $_/"}}
    done = scripted(tmp_path, [{"tools": [move]}, {"text": "Moved."}]).run("do", "tidy", str(folder), "--yes")
    assert done.code == 0, done.err
    assert (tmp_path / "gofer-out" / "papers" / "letters" / "a.txt").read_text() == "a"
    assert sorted(p.name for p in folder.iterdir()) == ["a.txt", "link"]
    assert "links are not followed: papers/link" in done.err


def test_a_sandbox_without_its_libraries_is_said_before_the_work(tmp_path: Path, poem: Path) -> None:
    done = scripted(tmp_path, TURNS).run("do", "count", str(poem), "--yes")
    assert "Sandbox: unshare; its Python libraries are missing" in done.err
    assert "gofer sandbox build" in done.err


def test_the_task_can_be_looked_at_afterwards(tmp_path: Path, poem: Path) -> None:
    gofer = scripted(tmp_path, TURNS)
    task_id = gofer.run("do", "count", str(poem), "--yes", "--json").result["task_id"]
    listed = json.loads(gofer.run("tasks", "list", "--json").out)
    assert [(t["task_id"], t["status"]) for t in listed] == [(task_id, "finished")]
    kinds = [e["kind"] for e in json.loads(gofer.run("tasks", "export", task_id).out)]
    assert kinds[-1] == "TaskFinished"
