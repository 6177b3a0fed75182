"""Discord's rate limits: a bucket for each route and channel, and one for everything.

Discord tells the sizes in headers only. Those of messages and reactions are what bots saw in 2026; the others are
assumed. Headers are always sent; who comes too early is refused only when a test asks for it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

GLOBAL = (50, 1.0)
SIZES: dict[str, tuple[int, float]] = {
    "POST /channels/*/messages": (5, 5.0),
    "PATCH /channels/*/messages/*": (5, 5.0),
    "DELETE /channels/*/messages/*": (5, 1.0),
    "PUT /channels/*/messages/*/reactions/*/@me": (1, 0.25),
    "DELETE /channels/*/messages/*/reactions/*/@me": (1, 0.25),
    "POST /webhooks/*/*": (5, 2.0),
    "PATCH /webhooks/*/*/messages/*": (5, 2.0),
    "PATCH /channels/*": (2, 600.0),
}
OTHERS = (50, 1.0)
OLD_S = 3_600.0
OLD_EDITS = (3, 6.0)
"""Edits of messages that are older than an hour, per channel."""


@dataclass
class Window:
    """A fixed window of time in which some calls are let through."""

    size: int
    length_s: float
    left: int = 0
    ends: float = 0.0

    def take(self, now: float) -> float:
        """0 when the call may go on, else the seconds to wait."""
        if now >= self.ends:
            self.left, self.ends = self.size, now + self.length_s
        if self.left <= 0:
            return self.ends - now
        self.left -= 1
        return 0.0


@dataclass
class Verdict:
    """What a call is told of its bucket."""

    headers: dict[str, str]
    wait_s: float = 0.0
    everywhere: bool = False


class Rates:
    """`mode`: `off` or `real`."""

    def __init__(self) -> None:
        self.mode = "off"
        self._windows: dict[tuple[str, str], Window] = {}
        self._all = Window(*GLOBAL)
        self._old: dict[str, Window] = {}

    def judge(self, name: str, major: str) -> Verdict:
        """The call of this name in this channel (guild, token)."""
        now = time.monotonic()
        size, length_s = SIZES.get(name, OTHERS)
        window = self._windows.setdefault((name, major), Window(size, length_s))
        wait_s = window.take(now)
        everywhere = False
        if not wait_s and not name.startswith(("POST /interactions", "POST /webhooks", "PATCH /webhooks")):
            wait_s = self._all.take(now)
            everywhere = wait_s > 0
        headers = {
            "X-RateLimit-Bucket": f"{abs(hash(name)) % 16**8:08x}",
            "X-RateLimit-Limit": str(size),
            "X-RateLimit-Remaining": str(max(0, window.left)),
            "X-RateLimit-Reset-After": f"{max(0.0, window.ends - now):.3f}",
            "X-RateLimit-Reset": f"{time.time() + max(0.0, window.ends - now):.3f}",
        }
        if self.mode == "off":
            headers["X-RateLimit-Remaining"] = str(size)
            return Verdict(headers)
        return Verdict(headers, wait_s, everywhere)

    def old_edit(self, channel: str) -> float:
        """The seconds to wait before a message that is older than an hour may be edited."""
        window = self._old.setdefault(channel, Window(*OLD_EDITS))
        return window.take(time.monotonic())


def limit_headers(wait_s: float, *, everywhere: bool = False) -> dict[str, str]:
    """What comes with a 429. Without `Via` it would be the edge that refuses, not Discord's API."""
    told = {
        "Via": "1.1 google",
        "Retry-After": f"{wait_s:.3f}",
        "X-RateLimit-Scope": "global" if everywhere else "user",
    }
    return told | ({"X-RateLimit-Global": "true"} if everywhere else {})
