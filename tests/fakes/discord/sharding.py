"""Which connections Discord takes: how many, which part of the servers each hears of, and how fast they may begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DISCORDS_PACE_S = 5.0
QUICK_PACE_S = 0.2
"""For tests that are not about the pace: sessions that begin together are refused, those of a restart are not."""
INVALID_SHARD, SHARDING_REQUIRED = 4010, 4011
_OF_A_SERVER = ("GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE")


@dataclass(frozen=True, slots=True)
class Shard:
    """Connection `number` of `count`."""

    number: int
    count: int

    def hears(self, event: str, payload: Mapping[str, Any]) -> bool:
        """Whether an event comes over it. What is of no server comes over the first."""
        guild = payload.get("id") if event in _OF_A_SERVER else payload.get("guild_id")
        return (int(guild or 0) >> 22) % self.count == self.number


@dataclass(slots=True)
class Limits:
    """What the application may do. `max_concurrency` sessions may begin at a time, in as many rows, one every `pace_s`
    seconds in each."""

    shards: int = 1
    max_concurrency: int = 1
    pace_s: float = QUICK_PACE_S
    total: int = 1_000
    remaining: int = 1_000
    reset_after_s: float = 0.0
    _begun: dict[int, float] = field(default_factory=dict[int, float])

    def told(self) -> dict[str, Any]:
        """As `GET /gateway/bot` tells it."""
        limit = {
            "total": self.total,
            "remaining": self.remaining,
            "reset_after": round(self.reset_after_s * 1000),
            "max_concurrency": self.max_concurrency,
        }
        return {"shards": self.shards, "session_start_limit": limit}

    def shard(self, asked: Any) -> Shard | int:
        """The connection that is asked for, or the code with which it is refused."""
        number, count = asked or (0, 1)
        if count == 1 < self.shards:
            return SHARDING_REQUIRED
        if not 0 <= number < count or count != self.shards:
            return INVALID_SHARD
        return Shard(number, count)

    def in_time(self, shard: Shard, now: float) -> bool:
        """Whether a session may begin now; then it has."""
        row = shard.number % self.max_concurrency
        if now - self._begun.get(row, float("-inf")) < self.pace_s:
            return False
        self._begun[row] = now
        self.remaining -= 1
        return True
