"""Ids: short, sortable by time, safe in URLs, file names and button values."""

from __future__ import annotations

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """`prefix_` + 9 characters of time (milliseconds) + 6 random ones; about 2^30 ids each millisecond."""
    millis = time.time_ns() // 1_000_000
    stamp = "".join(_ALPHABET[(millis >> (5 * place)) & 31] for place in range(8, -1, -1))
    return f"{prefix}_{stamp}{''.join(secrets.choice(_ALPHABET) for _ in range(6))}"
