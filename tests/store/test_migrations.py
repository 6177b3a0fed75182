"""Databases of every age: made, brought up to date, refused."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

import agent.store.migrations
from agent.domain.errors import Refused
from agent.domain.events import Narrated
from agent.domain.ids import new_id
from agent.store import SqlJournal, check, upgrade
from agent.store.schema import HEAD, REVISIONS, drift, migrate
from tests.store.databases import BOTH, fresh_database
from tests.store.tasks import NOON, THREAD, HandClock, queue, start, task, thread


@pytest.fixture(params=BOTH)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str]:
    with fresh_database(request.param, tmp_path, migrated=False) as url:
        yield url


@pytest.fixture(params=BOTH)
def current(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str]:
    with fresh_database(request.param, tmp_path) as url:
        yield url


def execute(url: str, statement: str) -> None:
    engine = create_engine(url)
    with engine.begin() as conn:
        conn.execute(text(statement))
    engine.dispose()


def revise(url: str, revision: str) -> None:
    """Make an empty database one of an older version."""
    config = Config()
    config.set_main_option("script_location", str(Path(agent.store.migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    engine = create_engine(url)
    with engine.begin() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, revision)
    engine.dispose()


FIRST_ROWS = """
INSERT INTO gofer_thread (thread_id, owner_id, title, created_at, snapshot, base_snapshot, sandbox_state)
    VALUES ('slack:T1:C1:1', 'web:ann', 'Numbers', NOON, '', '', '');
INSERT INTO gofer_task (task_id, thread_id, asked_by, request, files, status, created_at, epoch, worker_id, event_count,
    message_count)
    VALUES ('t1', 'slack:T1:C1:1', 'web:ann', 'Add the numbers', '', 'queued', NOON, 0, '', 1, 0);
INSERT INTO gofer_event (task_id, seq, kind, at, body)
    VALUES ('t1', 1, 'Narrated', NOON,
        '{"kind":"Narrated","task_id":"t1","at":"2026-11-23T12:00:00Z","seq":1,"text":"Hello"}');
INSERT INTO gofer_inbox (inbox_id, task_id, kind, body, taken) VALUES ('in:t1', 't1', 'start', '', TRUE);
"""


def test_revisions_named_are_the_revisions_there() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(agent.store.migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    assert tuple(r.revision for r in reversed(list(script.walk_revisions()))) == REVISIONS
    assert script.get_current_head() == HEAD


def test_migrated_database_is_what_the_tables_say(current: str) -> None:
    assert drift(current) == []


def test_other_peoples_tables_are_left_alone(current: str) -> None:
    execute(current, "CREATE TABLE queues (name TEXT)")
    assert drift(current) == []


def test_missing_index_is_noticed(current: str) -> None:
    execute(current, "DROP INDEX ix_gofer_spend_at")
    assert len(drift(current)) == 1


async def test_sqlite_makes_its_tables_at_the_first_start(tmp_path: Path) -> None:
    journal = await SqlJournal.open("", tmp_path / "home", HandClock())
    await queue(journal, "t1")
    await journal.close()
    assert (tmp_path / "home" / "gofer.db").exists()
    assert not (tmp_path / "home" / "backups").exists()


async def test_sqlite_file_in_use_is_copied_before_it_is_changed(tmp_path: Path) -> None:
    with fresh_database("sqlite", tmp_path, migrated=False) as url:
        execute(url, "CREATE TABLE queues (name TEXT)")
        for _ in range(2):
            journal = await SqlJournal.open(url, tmp_path, HandClock())
            await queue(journal, new_id("task"))
            await journal.close()
    (copy,) = await asyncio.to_thread(lambda: list((tmp_path / "backups").iterdir()))
    engine = create_engine(f"sqlite:///{copy}")
    with engine.connect() as conn:
        assert engine.dialect.get_table_names(conn) == ["queues"]
    engine.dispose()


@pytest.mark.postgres
async def test_postgres_is_only_migrated_by_the_command(tmp_path: Path) -> None:
    with fresh_database("postgresql", tmp_path, migrated=False) as empty:
        with pytest.raises(Refused, match="gofer db upgrade"):
            await SqlJournal.open(empty, tmp_path, HandClock())
        with pytest.raises(Refused, match="gofer db upgrade"):
            await check(empty)
        assert HEAD in await upgrade(empty)
        journal = await SqlJournal.open(empty, tmp_path, HandClock())
        await journal.close()


async def test_upgrade_and_check_say_what_they_found(empty: str) -> None:
    assert "none" in await upgrade(empty)
    assert "up to date" in await upgrade(empty)
    assert "sound" in await check(empty)


@pytest.mark.parametrize("door", ["open", "upgrade", "check"])
async def test_database_of_a_newer_version_is_refused_untouched(current: str, tmp_path: Path, door: str) -> None:
    execute(current, "UPDATE gofer_version SET version_num = '9999'")
    with pytest.raises(Refused, match="newer version of Gofer"):
        await {
            "open": lambda: SqlJournal.open(current, tmp_path, HandClock()),
            "upgrade": lambda: upgrade(current),
            "check": lambda: check(current),
        }[door]()


async def test_tables_changed_by_hand_are_noticed(current: str) -> None:
    execute(current, "ALTER TABLE gofer_task ADD COLUMN mine TEXT")
    with pytest.raises(Refused, match="mine"):
        await check(current)


def test_processes_that_migrate_at_once_do_not_disturb_each_other(empty: str) -> None:
    script = "import sys; from agent.store.schema import migrate; migrate(sys.argv[1])"
    both = [subprocess.Popen([sys.executable, "-c", script, empty]) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert drift(empty) == []


def test_failed_migration_leaves_the_database_as_it_was(empty: str) -> None:
    # The last table of the revision is there already, so it fails at its end.
    execute(empty, "CREATE TABLE gofer_spend (mine TEXT)")
    with pytest.raises(Exception, match="already exists"):
        migrate(empty)
    engine = create_engine(empty)
    with engine.connect() as conn:
        names = engine.dialect.get_table_names(conn)
    engine.dispose()
    assert names == ["gofer_spend"]


async def test_rows_of_the_first_version_are_kept(empty: str, tmp_path: Path) -> None:
    revise(empty, "0001")
    zone = "" if empty.startswith("sqlite") else "+00"
    rows = FIRST_ROWS.replace("NOON", f"'2026-11-23 12:00:00.000000{zone}'")
    engine = create_engine(empty)
    with engine.begin() as conn:
        for statement in rows.strip().split(";\n"):
            conn.exec_driver_sql(statement.removesuffix(";"))
    engine.dispose()
    assert f"from revision 0001 to {HEAD}" in await upgrade(empty)
    assert drift(empty) == []
    journal = await SqlJournal.open(empty, tmp_path, HandClock())
    assert await journal.thread(THREAD) == thread()
    assert await journal.task("t1") == task("t1")
    assert await journal.events("t1") == (Narrated(task_id="t1", at=NOON, seq=1, text="Hello"),)
    assert await journal.started_by("in:t1") == "t1"
    assert await journal.mail.behind("slack") == ("t1",)
    await journal.close()
    copies = tmp_path / "backups"
    if empty.startswith("sqlite"):
        (copy,) = await asyncio.to_thread(lambda: list(copies.iterdir()))
        assert copy.name == "gofer-revision-0001.db"
        engine = create_engine(f"sqlite:///{copy}")
        with engine.connect() as conn:
            assert conn.scalar(text("SELECT title FROM gofer_thread")) == "Numbers"
            assert "gofer_arrival" not in engine.dialect.get_table_names(conn)
        engine.dispose()
    else:
        assert not copies.exists()


async def test_journal_goes_on_after_an_upgrade_that_changed_nothing(current: str, tmp_path: Path) -> None:
    journal = await SqlJournal.open(current, tmp_path, HandClock())
    await start(journal, "t1")
    await journal.close()
    await upgrade(current)
    journal = await SqlJournal.open(current, tmp_path, HandClock())
    assert len(await journal.events("t1")) == 1
    await journal.close()
