"""Arrivals of one lane on PostgreSQL, where numbers are given before they can be seen."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from agent.ports.mail import Arrival
from agent.store import SqlJournal, arrivals
from agent.store.database import make_engine
from agent.store.tx import Tx
from tests.store.databases import fresh_database
from tests.store.tasks import NOON, THREAD, HandClock

WAITING = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")


def arrival(name: str, lane: str) -> Arrival:
    return Arrival(arrival_id=name, surface="slack", lane=lane, kind="message", body="{}", at=NOON)


@pytest.mark.postgres
async def test_later_arrival_is_not_seen_before_an_earlier_one_of_its_lane(tmp_path: Path) -> None:
    with fresh_database("postgresql", tmp_path) as url:
        journal = await SqlJournal.open(url, tmp_path, HandClock())
        elsewhere = await SqlJournal.open(url, tmp_path, HandClock())
        engine = make_engine(url)
        with engine.connect() as slow, engine.connect() as watch, slow.begin() as transaction:
            assert arrivals.take_in(Tx(slow, NOON), [arrival("a1", THREAD)]) == [True]
            second = asyncio.create_task(journal.mail.take_in(arrival("a2", THREAD)))
            assert await elsewhere.mail.take_in(arrival("b1", "another lane"))
            async with asyncio.timeout(5):
                while not await asyncio.to_thread(watch.scalar, WAITING):
                    await asyncio.to_thread(watch.rollback)
            transaction.commit()
            assert await second
        assert [a.arrival_id for a in await journal.mail.claim("slack", "w1", limit=9)] == ["a1", "b1"]
        engine.dispose()
        await elsewhere.close()
        await journal.close()
