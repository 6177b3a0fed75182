"""What an operator does to the database: upgrade, backup, restore, check. Each returns a sentence on what was done."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Executable, and_, func, select, text
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError

from agent.domain.errors import Refused
from agent.store.arrivals import GIVEN_UP
from agent.store.database import normal_url
from agent.store.faults import unreachable
from agent.store.rows import AnyRow
from agent.store.schema import HEAD, REVISIONS, connected, drift, migrate, refuse_newer, sqlite_path, version_of
from agent.store.sole import alone
from agent.store.sqlite import copy
from agent.store.tables import ARRIVAL

_OWN = "lost"
"""The kind of arrivals that surfaces make themselves, of what they gave up."""


async def upgrade(url: str) -> str:
    """Bring the database to this version. SQLite is copied into `backups` beside it first."""
    return await asyncio.to_thread(_upgrade, url)


async def backup(url: str, to: Path) -> str:
    """Write a consistent copy of an SQLite database, also while Gofer runs. Raises `Refused` for PostgreSQL, which has
    tools for that, and for a file that exists."""
    return await asyncio.to_thread(_backup, _file_of(url, "pg_dump"), to)


async def restore(url: str, source: Path) -> str:
    """Put a backup in place of the SQLite database; what was there is kept beside it.

    Raises `Refused` for a damaged backup, one of a newer version, and while a worker runs.
    """
    return await asyncio.to_thread(_restore, _file_of(url, "pg_restore"), source)


async def check(url: str) -> str:
    """Say that the database is sound and fits this version. Raises `Refused` with what is wrong and what to do."""
    return await asyncio.to_thread(_check, url)


async def heard(url: str, surface: str) -> Mapping[str, datetime]:
    """Kinds of deliveries that a surface took in and that were not tidied away yet, each with its last time. Empty
    also for a database that is not there, of another version or unreachable: `check` says which."""
    return await asyncio.to_thread(_heard, url, surface)


async def given_up(url: str, surface: str) -> Sequence[tuple[datetime, str]]:
    """When deliveries to a surface were given up that are not tidied away yet, and why; newest first, at most 100.
    Empty also as `heard` is."""
    return await asyncio.to_thread(_given_up, url, surface)


def _upgrade(url: str) -> str:
    url = normal_url(url, Path())
    folder = sqlite_path(url).parent / "backups" if url.startswith("sqlite") else None
    try:
        before = migrate(url, backup_folder=folder)
    except OperationalError as error:
        raise unreachable() from error
    if before == HEAD:
        return f"The database is up to date (revision {HEAD})."
    return f"The database went from revision {before or 'none'} to {HEAD}."


def _backup(database: Path, to: Path) -> str:
    if to.exists():
        raise Refused(f"{to} exists already.", next_step="Name a file that does not.")
    if not database.exists():
        raise Refused(f"There is no database at {database}.", next_step="Nothing needs a backup yet.")
    copy(database, to)
    return f"The database was copied to {to} ({to.stat().st_size} bytes). The files of tasks are in the blobs folder."


def _restore(database: Path, source: Path) -> str:
    version = _version_of_backup(source)
    refuse_newer(version)
    with alone(database):
        kept = ""
        if database.exists():
            aside = _free(database.with_name(f"{database.name}.before-restore"))
            copy(database, aside)
            kept = f" What was there is now {aside}."
        part = database.with_name(database.name + ".part")
        copy(source, part)
        for leftover in ("-wal", "-shm"):  # they belong to the old file and would be replayed into the new one
            database.with_name(database.name + leftover).unlink(missing_ok=True)
        part.replace(database)
    older = "" if version == HEAD else " It is of an older version and will be brought up to date at the next start."
    return f"The database is again what {source} holds.{kept}{older}"


def _version_of_backup(source: Path) -> str:
    if not source.is_file():
        raise Refused(f"There is no file {source}.", next_step="Name a file that `gofer db backup` wrote.")
    not_ours = Refused(f"{source} is not a sound backup of Gofer.", next_step="Take another one.")
    try:
        with connected(f"sqlite:///file:{source}?mode=ro&uri=true") as conn:
            damage, version = _damage(conn), version_of(conn)
    except DBAPIError as error:
        raise not_ours from error
    if damage or not version:
        raise not_ours
    return version


def _check(url: str) -> str:
    url = normal_url(url, Path())
    if url.startswith("sqlite") and not sqlite_path(url).exists():
        return "There is no database yet; Gofer makes it at its first start."
    try:
        with connected(url) as conn:
            version = version_of(conn)
            damage = _damage(conn) if url.startswith("sqlite") else ""
    except OperationalError as error:
        raise unreachable() from error
    except DatabaseError as error:
        raise _damaged(str(error.orig)) from error
    refuse_newer(version)
    if damage:
        raise _damaged(damage)
    if version != HEAD:
        raise Refused(
            f"The database is at revision {version or 'none'}, this Gofer needs {HEAD}.",
            next_step="Run `gofer db upgrade`.",
        )
    if differences := drift(url):
        raise Refused(
            f"The tables differ from what revision {HEAD} makes: {differences[0]!r}.",
            next_step="Somebody changed them by hand; restore a backup.",
        )
    return f"The database is sound and up to date (revision {HEAD} of {len(REVISIONS)})."


def _heard(url: str, surface: str) -> Mapping[str, datetime]:
    of_platform = and_(ARRIVAL.c.surface == surface, ARRIVAL.c.kind != _OWN)
    latest = select(ARRIVAL.c.kind, func.max(ARRIVAL.c.at, type_=ARRIVAL.c.at.type).label("last"))
    return {row.kind: row.last for row in _looked_up(url, latest.where(of_platform).group_by(ARRIVAL.c.kind))}


def _given_up(url: str, surface: str) -> Sequence[tuple[datetime, str]]:
    lost = and_(ARRIVAL.c.surface == surface, ARRIVAL.c.kind != _OWN, ARRIVAL.c.state == GIVEN_UP)
    newest = select(ARRIVAL.c.ended_at, ARRIVAL.c.why).where(lost).order_by(ARRIVAL.c.ended_at.desc()).limit(100)
    return [(row.ended_at, row.why) for row in _looked_up(url, newest)]


def _looked_up(url: str, query: Executable) -> Sequence[AnyRow]:
    """The rows, from a database that may not be there."""
    url = normal_url(url, Path())
    if url.startswith("sqlite") and not sqlite_path(url).exists():
        return ()
    try:
        with connected(url) as conn:
            return conn.execute(query).all() if version_of(conn) == HEAD else ()
    except DatabaseError:
        return ()


def _damage(conn: Connection) -> str:
    """What SQLite finds wrong with its file; empty: nothing."""
    found = str(conn.scalar(text("PRAGMA quick_check")))
    return "" if found == "ok" else found


def _damaged(how: str) -> Refused:
    return Refused(f"The database is damaged: {how}.", next_step="Restore a backup with `gofer db restore`.")


def _file_of(url: str, tool: str) -> Path:
    url = normal_url(url, Path())
    if url.startswith("sqlite"):
        return sqlite_path(url)
    raise Refused("This database is PostgreSQL, which has better tools for that.", next_step=f"Use {tool}.")


def _free(path: Path) -> Path:
    number = 1
    while (candidate := path.with_name(f"{path.name}-{number}")).exists():
        number += 1
    return candidate
