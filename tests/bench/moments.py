"""When things happened, by the journal, and what is slow among them."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path


def p95(values: list[float]) -> float:
    """What all but one in twenty stay below."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def asked_and_answered(folder: Path, roots: list[str]) -> tuple[dict[str, float], dict[str, float]]:
    """When the ask of each thread was opened and answered, by the journal."""
    (path,) = (folder / "home").glob("*.sqlite3")
    found: list[dict[str, float]] = []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as journal:
        for kind in ("AskOpened", "AskAnswered"):
            rows = journal.execute(
                "SELECT t.thread_id, min(e.at) FROM gofer_event e JOIN gofer_task t USING (task_id)"
                " WHERE e.kind = ? GROUP BY t.thread_id",
                (kind,),
            ).fetchall()
            by_root = {thread.rpartition(":")[2]: _seconds(at) for thread, at in rows}
            found.append({ts: by_root[ts] for ts in roots})
    return found[0], found[1]


def _seconds(stored: str) -> float:
    return datetime.fromisoformat(stored).replace(tzinfo=UTC).timestamp()
