"""What people think of results: a row per person and task."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import Connection, desc

from agent.domain.task import Feedback
from agent.store.tables import FEEDBACK
from agent.store.tx import Tx


def put(tx: Tx, feedback: Feedback) -> None:
    """In place of what this person said before; what is newer stays."""
    values = asdict(feedback)
    if not tx.insert_new(FEEDBACK, values, "task_id", "person_id"):
        mine = (FEEDBACK.c.task_id == feedback.task_id, FEEDBACK.c.person_id == feedback.person_id)
        tx.conn.execute(FEEDBACK.update().where(*mine, FEEDBACK.c.at <= feedback.at).values(values))


def newest(conn: Connection, limit: int) -> tuple[Feedback, ...]:
    """Newest first."""
    query = FEEDBACK.select().order_by(desc(FEEDBACK.c.at), FEEDBACK.c.task_id, FEEDBACK.c.person_id).limit(limit)
    return tuple(
        Feedback(task_id=row.task_id, person_id=row.person_id, good=row.good, at=row.at) for row in conn.execute(query)
    )
