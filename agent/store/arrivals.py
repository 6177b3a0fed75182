"""What surfaces took in: each delivery once, worked on under a lease, those of one lane in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from agent.ports.mail import Arrival
from agent.store.rows import AnyRow, Values
from agent.store.signals import arrived_of
from agent.store.tables import ARRIVAL
from agent.store.tx import NothingToWriteError, Tx, lock_key

NEW, DONE, GIVEN_UP = "new", "done", "given_up"
KEPT = timedelta(days=30)
"""How long the keys of an ended arrival are known: far longer than any platform delivers again."""

_OTHER = ARRIVAL.alias("other")


def take_in(tx: Tx, taken: Sequence[Arrival]) -> list[bool]:
    """Store those that are new, in this order; for each whether it was."""
    # Numbers are given before they are committed: without turns a later one of a lane could be seen first. They are
    # taken in one order by all, or two processes could wait for each other.
    for key in sorted({lock_key(f"lane {arrival.lane}") for arrival in taken if arrival.lane}):
        tx.take_turns(key)
    new = [tx.insert_new(ARRIVAL, _row(arrival)) for arrival in taken]
    if not any(new):
        raise NothingToWriteError(new)
    for surface in sorted({arrival.surface for arrival, is_new in zip(taken, new, strict=True) if is_new}):
        tx.ring(arrived_of(surface))
    return new


def _row(arrival: Arrival) -> Values:
    return {
        "arrival_id": arrival.arrival_id,
        "twin": arrival.twin or None,
        "surface": arrival.surface,
        "lane": arrival.lane,
        "kind": arrival.kind,
        "body": arrival.body,
        "at": arrival.at,
        "urgent": arrival.urgent,
        "tries": 0,
        "not_before": None,
        "owner": "",
        "lease_until": None,
        "state": NEW,
        "why": "",
        "ended_at": None,
    }


def claim(
    tx: Tx, surface: str, owner: str, limit: int, lease_s: float, urgent_only: bool = False
) -> tuple[Arrival, ...]:
    """Lease what is due."""
    open_ = and_(ARRIVAL.c.surface == surface, ARRIVAL.c.state == NEW)
    due = and_(_over(ARRIVAL.c.not_before, tx.now), _over(ARRIVAL.c.lease_until, tx.now))
    # What stands before an urgent one in its lane is as urgent.
    urgent = or_(ARRIVAL.c.urgent, _in_lane(_OTHER.c.urgent))
    wanted = and_(open_, due, _first_of_lane(), *([urgent] if urgent_only else []))
    query = ARRIVAL.select().where(wanted).order_by(urgent.desc(), ARRIVAL.c.number).limit(limit)
    rows = tx.conn.execute(query.with_for_update(skip_locked=True, of=ARRIVAL)).all()
    if not rows:
        raise NothingToWriteError(())
    values: Values = {
        "owner": owner,
        "lease_until": tx.now + timedelta(seconds=lease_s),
        "not_before": None,
        "tries": ARRIVAL.c.tries + 1,
    }
    tx.conn.execute(ARRIVAL.update().where(ARRIVAL.c.number.in_([row.number for row in rows])).values(values))
    return tuple(replace(_to_arrival(row), tries=row.tries + 1) for row in rows)


def free(tx: Tx, surface: str, owner_prefix: str) -> int:
    """Drop leases. The prefix is compared by `substr`: SQLite's LIKE takes capitals for small letters."""
    of_owner = func.substr(ARRIVAL.c.owner, 1, len(owner_prefix)) == owner_prefix
    leased = and_(ARRIVAL.c.surface == surface, ARRIVAL.c.state == NEW, ARRIVAL.c.owner != "", of_owner)
    dropped = tx.conn.execute(ARRIVAL.update().where(leased).values(owner="", lease_until=None)).rowcount
    if not dropped:
        raise NothingToWriteError(0)
    tx.ring(arrived_of(surface))
    return dropped


def extend(tx: Tx, owner: str, lease_s: float) -> None:
    """Longer leases."""
    leased = and_(ARRIVAL.c.state == NEW, ARRIVAL.c.owner == owner)
    tx.conn.execute(ARRIVAL.update().where(leased).values(lease_until=tx.now + timedelta(seconds=lease_s)))


def settle(tx: Tx, arrival_id: str, owner: str) -> None:
    """Done."""
    _let_go(tx, arrival_id, owner, {"state": DONE, "ended_at": tx.now, "body": "", "why": ""})


def put_off(tx: Tx, arrival_id: str, owner: str, until: datetime, why: str) -> None:
    """Later."""
    _let_go(tx, arrival_id, owner, {"not_before": until, "why": why})


def give_up(tx: Tx, arrival_id: str, owner: str, why: str) -> None:
    """Never."""
    _let_go(tx, arrival_id, owner, {"state": GIVEN_UP, "ended_at": tx.now, "body": "", "why": why})


def next_due(conn: Connection, surface: str) -> datetime | None:
    """When to look again. One that is due and not leased counts from its arrival: another process may just be claiming
    it, and die."""
    when = func.coalesce(ARRIVAL.c.lease_until, ARRIVAL.c.not_before, ARRIVAL.c.at)
    open_ = and_(ARRIVAL.c.surface == surface, ARRIVAL.c.state == NEW, _first_of_lane())
    return conn.scalar(select(when).where(open_).order_by(when).limit(1))


def tidy(tx: Tx, now: datetime) -> int:
    """Remove those that ended long ago."""
    removed = tx.conn.execute(ARRIVAL.delete().where(ARRIVAL.c.ended_at < now - KEPT)).rowcount
    if not removed:
        raise NothingToWriteError(0)
    return removed


def _let_go(tx: Tx, arrival_id: str, owner: str, values: Values) -> None:
    """Give a lease back and ring for whoever waits behind it in the lane."""
    held = and_(ARRIVAL.c.arrival_id == arrival_id, ARRIVAL.c.owner == owner, ARRIVAL.c.state == NEW)
    surface = tx.conn.scalar(select(ARRIVAL.c.surface).where(held).with_for_update())
    if surface is None:
        raise NothingToWriteError(None)
    free_again: Values = {"owner": "", "lease_until": None}
    tx.conn.execute(ARRIVAL.update().where(ARRIVAL.c.arrival_id == arrival_id).values({**free_again, **values}))
    tx.ring(arrived_of(surface))


def _over(column: ColumnElement[datetime | None], now: datetime) -> ColumnElement[bool]:
    return or_(column.is_(None), column <= now)


def _first_of_lane() -> ColumnElement[bool]:
    return or_(ARRIVAL.c.lane == "", ~_in_lane(_OTHER.c.number < ARRIVAL.c.number))


def _in_lane(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Another open one of the same lane for which this is true."""
    same = and_(_OTHER.c.surface == ARRIVAL.c.surface, _OTHER.c.state == NEW, _OTHER.c.lane == ARRIVAL.c.lane)
    return and_(ARRIVAL.c.lane != "", select(_OTHER.c.number).where(same, condition).correlate(ARRIVAL).exists())


def _to_arrival(row: AnyRow) -> Arrival:
    return Arrival(
        arrival_id=row.arrival_id,
        twin=row.twin or "",
        surface=row.surface,
        lane=row.lane,
        kind=row.kind,
        body=row.body,
        at=row.at,
        tries=row.tries,
        urgent=row.urgent,
    )
