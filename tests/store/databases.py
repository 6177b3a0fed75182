"""Fresh databases for tests: an SQLite file, or a PostgreSQL database made from a migrated template."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from agent.store.schema import migrate

POSTGRES = os.environ.get("GOFER_TEST_POSTGRES", "")
REQUIRED = os.environ.get("GOFER_REQUIRE_POSTGRES", "") == "1"
BOTH = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgres))
_templates: dict[str, str] = {}


@contextmanager
def fresh_database(kind: str, folder: Path, *, migrated: bool = True) -> Generator[str]:
    """The URL of a database of its own for one test."""
    if kind == "sqlite":
        path = folder / "gofer.db"
        if migrated:
            shutil.copyfile(_sqlite_template(), path)
        yield f"sqlite:///{path}"
        return
    require_postgres()
    name = _new_database(_postgres_template() if migrated else "template0")
    try:
        yield make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
    finally:
        _administer(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def require_postgres() -> None:
    """Skip, or fail where PostgreSQL is required."""
    if not POSTGRES:
        why = "GOFER_TEST_POSTGRES is not set (postgresql+psycopg://user@host:port/db)"
        pytest.fail(why) if REQUIRED else pytest.skip(why)


def _drop_templates() -> None:
    if "postgresql" in _templates:
        _administer(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(_templates["postgresql"])))
    if "sqlite" in _templates:
        shutil.rmtree(Path(_templates["sqlite"]).parent)


# Templates serve every suite of a worker process, so no fixture's end is late enough.
atexit.register(_drop_templates)


def _sqlite_template() -> Path:
    if "sqlite" not in _templates:
        path = Path(tempfile.mkdtemp(prefix="gofer-test-")) / "template.db"
        migrate(f"sqlite:///{path}")
        _templates["sqlite"] = str(path)
    return Path(_templates["sqlite"])


def _postgres_template() -> str:
    if "postgresql" not in _templates:
        name = _new_database("template0")
        migrate(make_url(POSTGRES).set(database=name).render_as_string(hide_password=False))
        _templates["postgresql"] = name
    return _templates["postgresql"]


def _new_database(template: str) -> str:
    name = f"gofer_test_{uuid4().hex}"
    _administer(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
    return name


def _administer(statement: sql.Composed) -> None:
    plain = make_url(POSTGRES).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as conn:
        conn.execute(statement)
