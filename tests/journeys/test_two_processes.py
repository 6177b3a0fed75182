"""PostgreSQL: surfaces in one process, the worker in another."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.journeys.program import GOFER, scripted
from tests.store.databases import fresh_database

PLAN = {"name": "plan", "input": {"steps": ["Count", "Write"], "files": ["outputs/words.txt"]}}
COUNT = {"name": "bash", "input": {"command": "mkdir -p outputs; cat inputs/*.txt | wc -w > outputs/words.txt"}}
DELIVER = {"name": "deliver", "input": {"path": "outputs/words.txt"}}
TURNS = [{"tools": [PLAN]}, {"tools": [COUNT]}, {"tools": [DELIVER]}, {"text": "Counted."}]


@pytest.mark.postgres
def test_a_task_handed_to_one_process_is_done_by_the_worker_of_another(tmp_path: Path) -> None:
    poem = tmp_path / "poem.txt"
    poem.write_text("one two three\n", encoding="utf-8")
    with fresh_database("postgresql", tmp_path, migrated=False) as url:
        gofer = scripted(tmp_path, TURNS, GOFER_DATABASE_URL=url, GOFER_WEB_PORT="0")
        early = gofer.run("serve", "--no-worker")
        assert early.code == 1
        assert "gofer db upgrade" in early.err
        assert gofer.run("db", "upgrade").code == 0
        running = [_start(gofer.env, tmp_path, *words) for words in (("worker",), ("serve", "--no-worker"))]
        try:
            _until(running[0], "Worker ready")
            _until(running[1], "Sandbox")
            second = gofer.run("worker")
            assert second.code == 1
            assert "already runs the tasks" in second.err
            done = gofer.run("do", "count the words", str(poem), "--yes", "--json")
            assert (done.code, done.result["status"]) == (0, "finished"), done.err
            assert (tmp_path / "gofer-out" / "words.txt").read_text().strip() == "3"
            assert [t["status"] for t in json.loads(gofer.run("tasks", "list", "--json").out)] == ["finished"]
        finally:
            for process in running:
                process.terminate()
            assert [process.wait(30) for process in running] == [0, 0]
            for process in running:
                assert process.stderr is not None
                process.stderr.close()


def _start(env: dict[str, str], folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen([GOFER, *words], cwd=folder, env=env, stderr=subprocess.PIPE, text=True)


def _until(process: subprocess.Popen[str], words: str) -> None:
    """Read what it says until these words come."""
    assert process.stderr is not None
    while words not in process.stderr.readline():
        assert process.poll() is None
