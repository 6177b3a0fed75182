"""The version of a database: read cheaply at every start, changed by Alembic revisions under a lock."""

from __future__ import annotations

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, inspect, make_url, pool, text

from agent.domain.errors import Refused
from agent.store import sqlite
from agent.store.tables import METADATA, PREFIX

REVISIONS = ("0001", "0002", "0003")
"""Every revision of `migrations`, oldest first; a test compares it with the files. Alembic itself, with its templates,
is imported only when there is something to migrate."""
HEAD = REVISIONS[-1]
VERSION_TABLE = PREFIX + "version"
_MIGRATION_LOCK = 0x676F6665725F6D69
"""Advisory lock of PostgreSQL: "gofer_mi"."""


def configuration() -> dict[str, Any]:
    """Alembic's settings, for migrations and for the drift check: our tables only, SQLite changed by copying."""

    def ours(_object: object, name: str | None, type_: str, _reflected: bool, _compare_to: object) -> bool:
        return type_ != "table" or (name or "").startswith(PREFIX)

    return {
        "target_metadata": METADATA,
        "version_table": VERSION_TABLE,
        "render_as_batch": True,
        "transactional_ddl": True,
        "include_object": ours,
        "compare_type": True,
    }


def version_of(conn: Connection) -> str:
    """The revision of this database; empty for one without our tables."""
    if not inspect(conn).has_table(VERSION_TABLE):
        return ""
    return conn.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}")) or ""  # noqa: S608 - a constant


def refuse_newer(version: str) -> None:
    """Raises `Refused` for a database that a newer Gofer has changed."""
    if version and version not in REVISIONS:
        raise Refused(
            f"The database was written by a newer version of Gofer (its revision is {version}, this one knows {HEAD}).",
            next_step="Install that version again, or restore the backup from before the upgrade.",
        )


def migrate(url: str, *, backup_folder: Path | None = None) -> str:
    """Bring the database to HEAD; returns the revision it had. Blocking.

    SQLite files are copied into `backup_folder` before they are changed. Raises `Refused` for a newer database.
    """
    with _engine(url) as engine, _alone(engine):
        with engine.connect() as conn:
            before, in_use = version_of(conn), bool(inspect(conn).get_table_names())
        refuse_newer(before)
        if before == HEAD:
            return before
        if in_use and backup_folder is not None and engine.dialect.name == "sqlite":
            sqlite.copy(sqlite_path(url), backup_folder / f"gofer-revision-{before or 'none'}.db")
        with engine.begin() as conn:
            _run_revisions(conn)
        return before


def drift(url: str) -> list[Any]:
    """Differences between this database and our tables, as Alembic tells them; empty when they agree. Blocking."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with connected(url) as conn:
        context = MigrationContext.configure(conn, opts=configuration())
        return list(compare_metadata(context, METADATA))


@contextmanager
def connected(url: str) -> Generator[Connection]:
    """A connection only to look, which leaves an SQLite file as it is. Blocking."""
    engine = create_engine(url, poolclass=pool.NullPool)
    try:
        with engine.connect() as conn:
            yield conn
    finally:
        engine.dispose()


def sqlite_path(url: str) -> Path:
    """The file behind an SQLite URL."""
    return Path(make_url(url).database or "")


def _run_revisions(conn: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    command.upgrade(config, HEAD)


@contextmanager
def _engine(url: str) -> Generator[Engine]:
    engine = create_engine(url, poolclass=pool.NullPool)
    if engine.dialect.name == "sqlite":
        sqlite.prepare(engine)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _alone(engine: Engine) -> Generator[None]:
    """Only one process migrates at a time; the others wait here and then find nothing to do."""
    if engine.dialect.name == "sqlite":
        path = Path(engine.url.database or "")
        with path.with_name(path.name + ".migrating").open("w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
        try:
            yield
        finally:
            conn.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _MIGRATION_LOCK})
