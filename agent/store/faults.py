"""What went wrong in a database, in the four ways that matter to us."""

from __future__ import annotations

from enum import Enum, auto
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from agent.domain.errors import Refused


class Fault(Enum):
    """What to do about it."""

    LOST = auto()  #: the connection is gone; after a COMMIT was sent its outcome is unknown
    CLASH = auto()  #: rolled back to let another transaction through; simply again
    FULL = auto()  #: no room on the disk; nothing was written
    OTHER = auto()  #: a fault of ours


# PostgreSQL error codes (Appendix A of its manual): shutdown, crash, starting up, too many clients.
_LOST_STATES = frozenset({"57P01", "57P02", "57P03", "53300"})
# serialization failure, deadlock, lock not available
_CLASH_STATES = frozenset({"40001", "40P01", "55P03"})
_DISK_FULL = "53100"


def fault_of(error: DBAPIError) -> Fault:
    """Classify an error of either driver."""
    state: str | None = getattr(error.orig, "sqlstate", None)
    text = str(error.orig)
    if state == _DISK_FULL or "database or disk is full" in text:
        return Fault.FULL
    if state in _CLASH_STATES or "database is locked" in text:
        return Fault.CLASH
    if error.connection_invalidated or state in _LOST_STATES or (state or "").startswith("08"):
        return Fault.LOST
    if state is None and type(error.orig).__module__.startswith("psycopg") and "OperationalError" in repr(error.orig):
        return Fault.LOST  # psycopg's own "connection failed", "connection is bad" carry no code
    return Fault.OTHER


def disk_full(where: Path | str) -> Refused:
    """The sentence for a full disk."""
    return Refused(
        f"The disk of Gofer's data is full ({where}); nothing was changed.",
        next_step="Free some space there and try again.",
    )


def unreachable() -> Refused:
    """The sentence for a database that stayed away."""
    return Refused("Gofer's database does not answer.", next_step="Check that it runs and try again; nothing was lost.")
