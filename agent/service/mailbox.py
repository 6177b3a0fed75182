"""The surfaces' own bookkeeping, as the reception may use it. It decides no rights, so it takes no actor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime

from agent.ports.mail import Arrival, Mail, Post

__all__ = ["Arrival", "Mailbox", "Post"]


class Mailbox:
    """What arrived, what was posted and how far tasks were shown; `agent.ports.mail.Mail` says all about each method.

    Who wants in is not here: `Service` decides that, for an actor. Tidying up belongs to whoever opened the journal.
    """

    def __init__(self, mail: Mail) -> None:
        self._mail = mail

    # -- what arrived

    async def take_in(self, arrival: Arrival) -> bool:
        """Store a delivery; False when it is known."""
        return await self._mail.take_in(arrival)

    async def claim(
        self, surface: str, owner: str, *, limit: int, lease_s: float = 60, urgent_only: bool = False
    ) -> tuple[Arrival, ...]:
        """Take what is due and lease it; at most one of a lane."""
        return await self._mail.claim(surface, owner, limit=limit, lease_s=lease_s, urgent_only=urgent_only)

    async def free(self, surface: str, owner_prefix: str = "") -> int:
        """Drop the leases of owners that are known to be dead."""
        return await self._mail.free(surface, owner_prefix)

    async def extend(self, owner: str, lease_s: float = 60) -> None:
        """Keep the owner's leases for so long from now on."""
        await self._mail.extend(owner, lease_s)

    async def settle(self, arrival_id: str, owner: str) -> None:
        """Done."""
        await self._mail.settle(arrival_id, owner)

    async def put_off(self, arrival_id: str, owner: str, *, until: datetime, why: str) -> None:
        """Not before `until`."""
        await self._mail.put_off(arrival_id, owner, until=until, why=why)

    async def give_up(self, arrival_id: str, owner: str, *, why: str) -> None:
        """Never again."""
        await self._mail.give_up(arrival_id, owner, why=why)

    async def next_due(self, surface: str) -> datetime | None:
        """When to look again; None: nothing is left."""
        return await self._mail.next_due(surface)

    def arrived(self, surface: str) -> AsyncIterator[None]:
        """Yields at once and then whenever something may have become due."""
        return self._mail.arrived(surface)

    # -- what was posted

    async def intend(self, post: Post) -> Post:
        """Note a message that is about to be posted, or get the note that is there."""
        return await self._mail.intend(post)

    async def sent(self, key: str, *, message_id: str, digest: str) -> None:
        """It was posted, or edited."""
        await self._mail.sent(key, message_id=message_id, digest=digest)

    async def drop_post(self, key: str) -> None:
        """Forget about it."""
        await self._mail.drop_post(key)

    async def posts(self, *, task_id: str = "", thread_id: str = "") -> tuple[Post, ...]:
        """Gofer's messages of a task or thread, oldest first."""
        return await self._mail.posts(task_id=task_id, thread_id=thread_id)

    async def post_of(self, surface: str, where: str, message_id: str) -> Post | None:
        """Which of Gofer's messages this is, or None. `where`: its thread, or its channel (`slack:T1:C2`)."""
        return await self._mail.post_of(surface, where, message_id)

    # -- how far tasks were shown

    async def behind(self, surface: str) -> tuple[str, ...]:
        """Tasks with events that were not shown yet."""
        return await self._mail.behind(surface)

    async def shown(self, task_id: str, seq: int) -> None:
        """Everything up to this event was shown."""
        await self._mail.shown(task_id, seq)

    async def shown_until(self, task_id: str) -> int:
        """The last event that was shown."""
        return await self._mail.shown_until(task_id)

    def stirred(self) -> AsyncIterator[frozenset[str] | None]:
        """The tasks that may have new events; None: look at `behind`."""
        return self._mail.stirred()

    def leader(self, name: str) -> AbstractAsyncContextManager[asyncio.Event]:
        """Holds what only one of all processes may do; the event tells that it was lost."""
        return self._mail.leader(name)
