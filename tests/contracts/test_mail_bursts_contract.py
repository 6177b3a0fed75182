"""The contract of `agent.ports.mail` for many deliveries at once, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import cast

import pytest
from sqlalchemy.exc import IntegrityError

from agent.ports.mail import Arrival, Mail
from agent.store import SqlJournal
from tests.store.tasks import NOON, THREAD


@pytest.fixture
def mail(journal: SqlJournal) -> Mail:
    return journal.mail


def arrival(name: str, lane: str = THREAD) -> Arrival:
    return Arrival(arrival_id=name, surface="slack", lane=lane, kind="message", body="{}", at=NOON)


async def claimed(mail: Mail) -> list[str]:
    return [each.arrival_id for each in await mail.claim("slack", "w1", limit=10)]


async def test_burst_is_stored_in_the_order_of_the_calls_and_each_one_once(mail: Mail) -> None:
    burst = [arrival(str(n), "" if n % 3 else THREAD) for n in range(250)]
    assert await asyncio.gather(*(mail.take_in(each) for each in (*burst, *burst))) == [True] * 250 + [False] * 250
    lane = [each.arrival_id for each in burst if each.lane]
    seen: list[str] = []
    while batch := await mail.claim("slack", "w1", limit=300):
        for each in batch:
            await mail.settle(each.arrival_id, "w1")
        seen += [each.arrival_id for each in batch]
    assert len(seen) == 250
    assert [key for key in seen if key in lane] == lane


async def test_one_delivery_that_the_database_refuses_does_not_take_others_with_it(mail: Mail) -> None:
    bad = replace(arrival("bad"), kind=cast(str, None))
    results = await asyncio.gather(
        mail.take_in(arrival("a")), mail.take_in(bad), mail.take_in(arrival("b")), return_exceptions=True
    )
    assert [results[0], results[2]] == [True, True]
    assert isinstance(results[1], IntegrityError)
    assert await claimed(mail) == ["a"]


async def test_caller_that_went_away_loses_nothing(mail: Mail) -> None:
    calls = [asyncio.create_task(mail.take_in(arrival(name, ""))) for name in "ab"]
    await asyncio.sleep(0)
    calls[0].cancel()
    assert await calls[1]
    assert sorted(await claimed(mail)) == ["a", "b"]
