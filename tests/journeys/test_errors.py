"""Each bad input: one sentence on what happened, what to do next, the right exit code, nothing lost."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path

from tests.journeys.program import GOFER, Program, program, scripted

SAY = [{"text": "ok"}]


def test_a_model_without_a_key_is_refused_with_the_setting_to_make(tmp_path: Path) -> None:
    done = program(tmp_path, GOFER_MODEL="claude-sonnet-5-5").run("do", "x")
    assert done.code == 1
    assert "needs a key" in done.err
    assert "ANTHROPIC_API_KEY" in done.err


def test_a_missing_file_is_named_before_anything_starts(tmp_path: Path) -> None:
    done = scripted(tmp_path, SAY).run("do", "x", "nowhere.csv")
    assert done.code == 1
    assert "'nowhere.csv'" in done.err
    assert not (tmp_path / "home" / "gofer.sqlite3").exists()


def test_a_file_that_is_too_big_is_refused_by_name(tmp_path: Path) -> None:
    big = tmp_path / "big.bin"
    with big.open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    done = scripted(tmp_path, SAY).run("do", "x", str(big), "--yes")
    assert done.code == 1
    assert "big.bin is larger than 64 MiB." in done.err


def test_an_unknown_skill_is_refused_before_anything_starts(tmp_path: Path) -> None:
    gofer = scripted(tmp_path, SAY)
    done = gofer.run("do", "merge", "--skill", "nope", "--yes")
    assert done.code == 1
    assert "There is no skill 'nope'." in done.err
    assert "merge-tables" in done.err
    assert json.loads(gofer.run("tasks", "list", "--json").out) == []


def test_a_known_skill_is_used_and_the_request_begins_with_the_persons_words(tmp_path: Path) -> None:
    gofer = scripted(tmp_path, SAY)
    events = gofer.run("do", "merge these", "--skill", "merge-tables", "--yes", "--json").out.splitlines()
    assert json.loads(events[0])["request"] == "merge these (use the skill merge-tables)"
    assert "merge-tables" in [e.get("name") for e in map(json.loads, events) if e["kind"] == "SkillLoaded"]


def test_an_out_folder_that_cannot_be_made_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    gofer = scripted(tmp_path, SAY)
    done = gofer.run("do", "x", "--yes", "--out", "taken/results")
    assert done.code == 1
    assert "taken/results cannot be written" in done.err
    assert not (tmp_path / "home" / "gofer.sqlite3").exists()


def test_delivered_files_can_be_fetched_again(tmp_path: Path) -> None:
    write = {"name": "write", "input": {"path": "outputs/note.txt", "content": "hello\n"}}
    deliver = {"name": "deliver", "input": {"path": "outputs/note.txt"}}
    gofer = scripted(tmp_path, [{"tools": [write]}, {"tools": [deliver]}, {"text": "There."}])
    task_id = gofer.run("do", "write a note", "--yes", "--json").result["task_id"]
    done = gofer.run("tasks", "files", str(task_id), "--out", "again")
    assert done.code == 0, done.err
    assert (tmp_path / "again" / "note.txt").read_text() == "hello\n"


def test_ids_and_times_of_a_list_are_never_cut(tmp_path: Path) -> None:
    gofer = scripted(tmp_path, SAY)
    task_id = str(gofer.run("do", "x " * 100, "--yes", "--json").result["task_id"])
    listed = gofer.run("tasks", "list").out.splitlines()
    assert listed[1].startswith(f"{task_id}  finished  ")
    skills = gofer.run("skills", "list").out
    assert "merge-tables" in skills
    assert "True" not in skills


def test_an_unknown_command_and_a_wrong_option_are_usage_errors(tmp_path: Path) -> None:
    assert program(tmp_path).run("dance").code == 2
    assert program(tmp_path).run("do", "x", "--dry-run").code == 2
    assert program(tmp_path).run("do", "x", "--yes", "--answers", "a.json").code == 2


def test_broken_settings_are_named_without_their_value(tmp_path: Path) -> None:
    done = program(tmp_path, GOFER_WEB_PORT="secret-word").run("do", "x")
    assert done.code == 1
    assert "GOFER_WEB_PORT" in done.err
    assert "secret-word" not in done.err


def test_a_broken_settings_file_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "gofer.toml").write_text("[budgets\n", encoding="utf-8")
    done = program(tmp_path).run("do", "x")
    assert done.code == 1
    assert "gofer.toml" in done.err
    assert "line 1" in done.err


def test_an_unknown_budget_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gofer.toml").write_text("[budgets]\ntaks_usd = 3\n", encoding="utf-8")
    done = program(tmp_path).run("do", "x")
    assert done.code == 1
    assert "taks_usd" in done.err


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    gofer = scripted(tmp_path, SAY)
    assert gofer.run("do", "x", "--yes").code == 0
    with sqlite3.connect(tmp_path / "home" / "gofer.sqlite3") as database:
        (table,) = database.execute("SELECT name FROM sqlite_master WHERE name LIKE '%version%'").fetchone()
        database.execute(f"UPDATE {table} SET version_num = '9999'")  # noqa: S608  our own table
    database.close()
    done = gofer.run("do", "x", "--yes")
    assert done.code == 1
    assert "newer" in done.err


def test_answers_that_are_no_list_are_refused(tmp_path: Path) -> None:
    (tmp_path / "answers.json").write_text('{"choice": "yes"}', encoding="utf-8")
    done = scripted(tmp_path, SAY).run("do", "x", "--answers", "answers.json")
    assert done.code == 1
    assert "answers.json is no list of answers" in done.err


def test_a_second_gofer_on_the_same_folder_goes_through_the_first(tmp_path: Path) -> None:
    gofer = scripted(tmp_path, SAY, GOFER_WEB_PORT="0")
    with subprocess.Popen([GOFER, "serve"], cwd=tmp_path, env=gofer.env, stderr=subprocess.PIPE, text=True) as serving:
        assert serving.stderr is not None
        while "Sandbox" not in serving.stderr.readline():
            assert serving.poll() is None
        try:
            second = gofer.run("serve")
            assert second.code == 1
            assert "already uses this data folder" in second.err
            _refuses_as_alone(gofer, tmp_path)
            done = gofer.run("do", "x", "--yes", "--json")
            assert (done.code, done.result["status"]) == (0, "finished")
        finally:
            serving.terminate()
            assert serving.wait(30) == 0
    assert [t["status"] for t in json.loads(gofer.run("tasks", "list", "--json").out)] == ["finished"]


def _refuses_as_alone(gofer: Program, folder: Path) -> None:
    """Through a running Gofer, errors name what they are about as they do without one."""
    unknown = gofer.run("tasks", "show", "t_nope")
    assert (unknown.code, "t_nope" in unknown.err) == (1, True), unknown.err
    big = folder / "big.bin"
    with big.open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    assert "big.bin is larger than 64 MiB." in gofer.run("do", "x", str(big), "--yes").err
    assert "There is no skill 'nope'." in gofer.run("do", "x", "--skill", "nope").err


def test_doctor_says_what_is_wrong_and_how_to_mend_it(tmp_path: Path) -> None:
    good = json.loads(program(tmp_path, GOFER_MODEL="offline").run("doctor", "--json").out)
    assert good["ok"] is True
    assert {c["name"] for c in good["checks"]} >= {"settings", "database", "model", "sandbox", "skills"}
    bad = program(tmp_path, GOFER_MODEL="claude-sonnet-5-5").run("doctor", "--json")
    assert bad.code == 1
    assert [c["fix"] for c in json.loads(bad.out)["checks"] if c["state"] == "fail"] == ["Set ANTHROPIC_API_KEY."]
