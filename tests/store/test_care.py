"""Backup, restore and check of an SQLite journal."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest

from agent.domain.errors import Refused
from agent.store import SqlJournal, backup, check, restore
from tests.store.databases import fresh_database
from tests.store.tasks import HandClock, queue


@pytest.fixture
def url(tmp_path: Path) -> Generator[str]:
    with fresh_database("sqlite", tmp_path) as made:
        yield made


async def tasks_in(url: str, home: Path) -> list[str]:
    journal = await SqlJournal.open(url, home, HandClock())
    found = [task.task_id for task in await journal.tasks()]
    await journal.close()
    return found


async def test_backup_while_gofer_runs_holds_what_was_committed(url: str, tmp_path: Path) -> None:
    journal = await SqlJournal.open(url, tmp_path, HandClock())
    await queue(journal, "t1")
    assert str(tmp_path / "copy.db") in await backup(url, tmp_path / "copy.db")
    await queue(journal, "t2", minute=1)
    await journal.close()
    assert (tmp_path / "copy.db").stat().st_mode & 0o077 == 0
    assert await tasks_in(f"sqlite:///{tmp_path / 'copy.db'}", tmp_path) == ["t1"]


async def test_backup_never_overwrites(url: str, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    with pytest.raises(Refused):
        await backup(url, tmp_path / "mine")
    assert (tmp_path / "mine").read_text(encoding="utf-8") == "mine"


async def test_restore_brings_back_and_keeps_what_was_there(url: str, tmp_path: Path) -> None:
    journal = await SqlJournal.open(url, tmp_path, HandClock())
    await queue(journal, "t1")
    await backup(url, tmp_path / "copy.db")
    await queue(journal, "t2", minute=1)
    await journal.close()
    await restore(url, tmp_path / "copy.db")
    assert await tasks_in(url, tmp_path) == ["t1"]
    assert await tasks_in(f"sqlite:///{tmp_path / 'gofer.db.before-restore-1'}", tmp_path) == ["t2", "t1"]


async def test_restore_is_refused_while_a_worker_runs(url: str, tmp_path: Path) -> None:
    await backup(url, tmp_path / "copy.db")
    journal = await SqlJournal.open(url, tmp_path, HandClock())
    async with journal.sole_worker():
        with pytest.raises(Refused, match="worker"):
            await restore(url, tmp_path / "copy.db")
    await journal.close()


@pytest.mark.parametrize("content", [None, b"", b"no database at all, but long enough to be read as one" * 100])
async def test_what_is_no_backup_is_not_restored(url: str, tmp_path: Path, content: bytes | None) -> None:
    source = tmp_path / "source.db"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(Refused):
        await restore(url, source)
    assert "sound" in await check(url)


async def test_backup_of_a_newer_version_is_not_restored(url: str, tmp_path: Path) -> None:
    await backup(url, tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as conn, conn:
        conn.execute("UPDATE gofer_version SET version_num = '9999'")
    with pytest.raises(Refused, match="newer"):
        await restore(url, tmp_path / "copy.db")


async def test_damage_is_found(url: str, tmp_path: Path) -> None:
    with (tmp_path / "gofer.db").open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 4096)
    with pytest.raises(Refused, match="damaged"):
        await check(url)


async def test_postgres_is_left_to_its_own_tools(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="pg_dump"):
        await backup("postgresql://nobody@localhost/none", tmp_path / "copy.db")


async def test_nothing_to_check_is_said(tmp_path: Path) -> None:
    assert "no database yet" in await check(f"sqlite:///{tmp_path / 'none.db'}")
