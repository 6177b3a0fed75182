"""Surfaces' own bookkeeping: what arrived, what was posted, how far a task was shown. No rights are decided here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

AccessState = Literal["open", "allowed", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Something a platform delivered, kept before it is acknowledged and until it was worked on."""

    arrival_id: str
    """The platform's id of the delivery ("slack:ev:Ev1"): the same one is stored once."""
    twin: str = ""
    """A second key, where the platform says the same thing twice (as mention and as message); empty: none."""
    surface: str
    """"slack", "discord"."""
    lane: str
    """Arrivals of one lane are worked on in order and one at a time (a thread's id); empty: no order."""
    kind: str
    body: str
    """JSON as received."""
    at: datetime
    tries: int = 0
    """How often it was claimed, this time included. Counted by `claim`; what `take_in` is given is not looked at."""
    urgent: bool = False
    """Claimed before others: a click is waiting. It does not overtake its own lane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One message of Gofer's."""

    key: str
    """What it is for: "status:t_1", "ask:a_1", "result:t_1", "files:t_1", "say:…"."""
    surface: str
    thread_id: str
    task_id: str = ""
    message_id: str = ""
    """The platform's id, once known."""
    digest: str = ""
    """Of what was shown last."""
    sent: bool = False
    """False: intended. After a crash the surface looks for the message before it posts again."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """A stranger's wish to work with Gofer. A person has at most one open request."""

    request_id: str
    person_id: str
    name: str
    place: str
    """Where it was asked."""
    at: datetime
    state: AccessState = "open"
    decided_by: str = ""


class Mail(Protocol):
    """Kept beside the journal, in the same database. Each method is one transaction.

    `owner` names who works: a process, or one worker in it; two of the same name share their leases. Times are the
    journal's clock. A lost connection is retried inside for a bounded time; a full disk raises `Refused`.
    """

    # -- what arrived
    async def take_in(self, arrival: Arrival) -> bool:
        """Store a delivery. False, with nothing stored, when either of its keys is known. Rings `arrived`.

        Calls of one process may run side by side; their deliveries are numbered in the order of the calls.
        """
        ...

    async def claim(
        self, surface: str, owner: str, *, limit: int, lease_s: float = 60, urgent_only: bool = False
    ) -> tuple[Arrival, ...]:
        """Take what is due and lease it for `lease_s` seconds; each one's `tries` is raised by one.

        Urgent ones come first, and whatever stands before them in their lane; then the oldest. Of a lane only the
        earliest unfinished one is ever given out, so none comes while that one is leased or put off. A lease that is
        over counts as none. Two claimers never get the same one. `urgent_only`: nothing but what comes first so.
        """
        ...

    async def free(self, surface: str, owner_prefix: str = "") -> int:
        """Drop the leases of all owners whose name begins so; how many there were. Rings `arrived`.

        For the start of a process that knows that those owners are dead: the only one on SQLite, or a machine's
        own earlier ones.
        """
        ...

    async def extend(self, owner: str, lease_s: float = 60) -> None:
        """All leases of `owner` end `lease_s` seconds from now; also one that is over, if nobody has taken it since."""
        ...

    async def settle(self, arrival_id: str, owner: str) -> None:
        """Done. The body is emptied, the keys stay for `tidy` to remove. Without effect when another has the lease."""
        ...

    async def put_off(self, arrival_id: str, owner: str, *, until: datetime, why: str) -> None:
        """Not before `until`; its lane waits with it. Without effect when another has the lease."""
        ...

    async def give_up(self, arrival_id: str, owner: str, *, why: str) -> None:
        """Never again; the lane goes on. The body is emptied; `why` stays for the operator, so it repeats nobody's
        words. Without effect when another has the lease."""
        ...

    async def next_due(self, surface: str) -> datetime | None:
        """When to look again: the earliest end of a wait or lease; past when something is due now, be it that another
        process just claims it. None: nothing is left."""
        ...

    def arrived(self, surface: str) -> AsyncIterator[None]:
        """Yields at once and then whenever something may have become due, by whatever process; not for waits and
        leases that end, see `next_due`."""
        ...

    # -- what was posted
    async def intend(self, post: Post) -> Post:
        """Note a message that is about to be posted. Gives back `post` itself when it is new, else the note that is
        there: not `sent`, it may or may not have been posted before a crash."""
        ...

    async def sent(self, key: str, *, message_id: str, digest: str) -> None:
        """It was posted, or edited. Raises `NotFound` for a key that was never intended."""
        ...

    async def drop_post(self, key: str) -> None:
        """Forget about it; an unknown key is no fault."""
        ...

    async def posts(self, *, task_id: str = "", thread_id: str = "") -> tuple[Post, ...]:
        """Oldest first, of the task or thread (of both when both are named; all when neither is)."""
        ...

    async def post_of(self, surface: str, where: str, message_id: str) -> Post | None:
        """Which of Gofer's messages this is, or None. `where`: its thread, or its channel (`slack:T1:C2`)."""
        ...

    # -- how far tasks were shown
    async def behind(self, surface: str) -> tuple[str, ...]:
        """Tasks of that surface's threads that have events which were not shown yet, oldest first."""
        ...

    async def shown(self, task_id: str, seq: int) -> None:
        """Everything up to this event was shown. Never goes back."""
        ...

    async def shown_until(self, task_id: str) -> int:
        """The last event that was shown; 0: none."""
        ...

    def stirred(self) -> AsyncIterator[frozenset[str] | None]:
        """The tasks that may have new events since the last yield, by whatever process. None, first of all and
        whenever something may have been missed: look at `behind`. Ends when the journal is closed."""
        ...

    def leader(self, name: str) -> AbstractAsyncContextManager[asyncio.Event]:
        """Holds what only one at a time may do, of all processes on this database; waits until it is free.

        The event is set when it was lost (the connection broke): from then on another may hold it, so whoever is
        inside stops and enters again. A line that went dead is noticed within half a minute only, so what must never
        happen twice needs a key of its own as well. Never the same name twice inside each other.
        """
        ...

    # -- who wants in
    async def ask_access(self, request: AccessRequest) -> bool:
        """Store an open request. False when this person has one already, or the id is known."""
        ...

    async def access_request(self, request_id: str) -> AccessRequest | None:
        """The request, or None."""
        ...

    async def decide_access(self, request_id: str, *, by: str, allowed: bool) -> bool:
        """The first decision counts. False when there was one before, or there is no such request."""
        ...

    # -- house-keeping
    async def tidy(self, now: datetime) -> int:
        """Remove arrivals that ended more than 30 days before `now`; how many there were."""
        ...
