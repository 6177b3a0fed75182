"""A journal for each test, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from agent.store import SqlJournal
from tests.store.databases import BOTH, fresh_database
from tests.store.tasks import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str]:
    with fresh_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def journal(database: str, tmp_path: Path, clock: HandClock) -> AsyncGenerator[SqlJournal]:
    opened = await SqlJournal.open(database, tmp_path, clock)
    yield opened
    await opened.close()
