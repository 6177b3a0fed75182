"""Where lives take place: a folder and a database each, copied from how an earlier life stood after a step."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from tests.crash.job import Job
from tests.crash.script import Kind
from tests.store.databases import POSTGRES, fresh_database


@dataclass(frozen=True, slots=True)
class Place:
    """One life's folder and database."""

    folder: Path
    database: str

    def job(self, step: int, *, finish: bool = False, crash: str = "", kind: Kind = "memory", pace_s: float = 0) -> Job:
        """A process on it. Its sandboxes are labelled with the folder's name."""
        return Job(
            folder=str(self.folder),
            database=self.database,
            step=step,
            finish=finish,
            sandbox=kind,
            installation=self.folder.name,
            pace_s=pace_s,
            crash=crash,
        )


class Places:
    """`with Places("sqlite", root) as places:` — all of them are gone afterwards."""

    def __init__(self, database: str, root: Path) -> None:
        self._kind, self._root = database, root
        self._stack = ExitStack()

    def __enter__(self) -> Places:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def fresh(self) -> Place:
        """A place with an empty journal."""
        folder = self._root / f"crash-{uuid4().hex}"
        (folder / "home").mkdir(parents=True)
        return Place(folder, self._stack.enter_context(fresh_database(self._kind, folder / "home")))

    def copy(self, place: Place) -> Place:
        """Another place that stands as this one does, where nobody is at work."""
        folder = self._root / f"crash-{uuid4().hex}"
        shutil.copytree(place.folder, folder)
        if self._kind == "sqlite":
            return Place(folder, f"sqlite:///{folder / 'home' / 'gofer.db'}")
        name = f"gofer_test_{uuid4().hex}"
        template = str(make_url(place.database).database)
        _administer(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return Place(folder, make_url(place.database).set(database=name).render_as_string(hide_password=False))

    def remove(self, place: Place) -> None:
        """Forget a copy."""
        shutil.rmtree(place.folder)
        if self._kind != "sqlite":
            name = sql.Identifier(str(make_url(place.database).database))
            _administer(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def _administer(statement: sql.Composed) -> None:
    plain = make_url(POSTGRES).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as conn:
        conn.execute(statement)
