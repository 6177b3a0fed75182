"""What has to be true of a database before the journal opens on it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from agent.domain.errors import Refused
from agent.store.database import Database
from agent.store.schema import HEAD, migrate, refuse_newer, version_of


async def open_door(url: str, home: Path, database: Database) -> None:
    """Check the version; SQLite is migrated when that is due. Raises `Refused` with the next step."""
    if database.sqlite:
        await asyncio.to_thread(home.mkdir, mode=0o700, parents=True, exist_ok=True)
    version = await database.read(version_of)
    refuse_newer(version)
    if version == HEAD:
        return
    if not database.sqlite:
        raise Refused(
            f"The database is at revision {version or 'none'} and this Gofer needs {HEAD}.",
            next_step="Run `gofer db upgrade` (back it up first), then start again.",
        )
    # Connections of before would keep their view of the old tables.
    await asyncio.to_thread(database.engine.dispose)
    await asyncio.to_thread(migrate, url, backup_folder=home / "backups")
