"""Logging for hosts: one line per event, fields behind the message, ids and never contents."""

from __future__ import annotations

import logging

_PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class FieldFormatter(logging.Formatter):
    """`time level logger message key=value …` from the record's extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        fields = [f"{key}={value}" for key, value in vars(record).items() if key not in _PLAIN]
        head, _, rest = line.partition("\n")
        return " ".join([head, *fields]) + (f"\n{rest}" if rest else "")


def set_up(level: str) -> None:
    """Log to stderr at this level; libraries only from warning on."""
    handler = logging.StreamHandler()
    handler.setFormatter(FieldFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ("bot", "agent"):
        logging.getLogger(name).setLevel(level.upper())
