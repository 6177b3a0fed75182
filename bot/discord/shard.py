"""One connection of a bot that has several: which servers it tells of. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bot.discord.arrivals import DIRECT


@dataclass(frozen=True, slots=True)
class Shard:
    """Connection `number`, from 0, of `count`."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def tells_of(self, space: str) -> bool:
        """Whether what happens in this server (an id, or `DIRECT`) comes over this connection. Discord's rule; direct
        messages are told over the first one."""
        server_id = int(space) if space != DIRECT and space.isdigit() else 0
        return (server_id >> 22) % self.count == self.number


WHOLE = Shard(0, 1)
"""The connection of a bot that needs one."""
