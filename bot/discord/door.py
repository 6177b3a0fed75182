"""Discord's front door: what arrives is stored, in order, and interactions are answered once they are.

Discord delivers an event once and takes no acknowledgement, so what is in hand is kept until the store has it, and the
connections are held back while too much is. What was in hand when the process died is fetched at the next start
(`missed`): it has the same keys. What comes over one connection may be kept waiting for what it missed (`hold`);
the others go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any

from agent.service import Arrival
from bot.discord.arrivals import FactsOf, arrivals_of, reaction_again, reaction_key
from bot.discord.interactions import Answering, is_autocomplete
from bot.discord.payload import Payload
from bot.discord.shard import WHOLE, Shard

logger = logging.getLogger(__name__)

MOST_IN_HAND = 1_000
"""Events that came and are not stored yet; with more, none is read."""
RETRY_S = 1.0
"""Before the store is tried again."""
STORED_IN_S = 2.0
"""An interaction that takes longer to store is not answered, so that whoever clicked knows to click again."""
GRACE_S = 5.0
"""For the store, when Gofer stops."""
_REMEMBERED = 10_000

TakeIn = Callable[[Arrival], Awaitable[bool]]
_Event = tuple[str, Payload, Shard]


class FrontDoor:
    """Takes events in. One per process; `run` stores them."""

    def __init__(
        self,
        take_in: TakeIn,
        user_id: str,
        facts_of: FactsOf,
        now: Callable[[], datetime],
        sleep: Callable[[float], Coroutine[Any, Any, None]],
        answering: Answering,
    ) -> None:
        self._take_in, self._user_id, self._facts_of = take_in, user_id, facts_of
        self._now, self._sleep, self._answering = now, sleep, answering
        self._in_hand: asyncio.Queue[_Event] = asyncio.Queue()
        self._held: dict[Shard, list[_Event]] = {}
        self._room = asyncio.Event()
        self._room.set()
        self._answers: set[asyncio.Task[None]] = set()
        self._reactions: OrderedDict[str, None] = OrderedDict()
        """Those that this process has seen put on and not taken off, newest last."""
        self.heard_at: dict[Shard, datetime] = {}
        """When this process stored something last, of each connection."""

    def take(self, event: str, payload: Payload, shard: Shard = WHOLE) -> None:
        """An event of a connection. Returns at once."""
        if event == "INTERACTION_CREATE":
            answer = asyncio.create_task(self._interact(payload))
            self._answers.add(answer)
            answer.add_done_callback(self._answers.discard)
            return
        if (held := self._held.get(shard)) is not None:
            held.append((event, payload, shard))
        else:
            self._in_hand.put_nowait((event, payload, shard))
        if self._how_many() >= MOST_IN_HAND:
            self._room.clear()

    async def room(self) -> None:
        """Wait until the store keeps up."""
        await self._room.wait()

    def hold(self, shard: Shard = WHOLE) -> None:
        """Store nothing of what comes over this connection, until what was missed before it is told: a new session has
        begun."""
        self._held.setdefault(shard, [])

    def release(self, shard: Shard = WHOLE) -> None:
        """Go on with what came meanwhile."""
        for event in self._held.pop(shard, ()):
            self._in_hand.put_nowait(event)

    async def run(self) -> None:
        """Store what was taken, in the order it came, until cancelled."""
        while True:
            event, payload, shard = await self._in_hand.get()
            await self._store(event, payload, shard)
            self._in_hand.task_done()
            if self._how_many() < MOST_IN_HAND // 2:
                self._room.set()

    async def close(self) -> None:
        """Store what is in hand, as far as the store lets us within the grace time. `run` must still be running."""
        for shard in tuple(self._held):
            self.release(shard)
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await self._in_hand.join()
        if self._answers:
            await asyncio.wait(self._answers, timeout=STORED_IN_S)
        await self._answering.close()

    async def interact(self, payload: Payload) -> None:
        """Store an interaction, then answer it. Raises what the store raises; it is not answered then."""
        if is_autocomplete(payload):
            await self._answering.complete(payload)
            return
        async with asyncio.timeout(STORED_IN_S):
            for arrival in arrivals_of("INTERACTION_CREATE", payload, self._user_id, self._facts_of, self._now()):
                if not await self._take_in(arrival):
                    return  # delivered twice: the first one answers
        await self._answering.acknowledge(payload)

    async def missed(self, event: str, payload: Payload) -> None:
        """Something that Discord tells when asked, because it may have happened while nobody listened."""
        for arrival in arrivals_of(event, payload, self._user_id, self._facts_of, self._now()):
            if arrival.kind == "reaction" and not self._new_here(reaction_key(payload)):
                continue
            await self._take_in(arrival)

    async def _interact(self, payload: Payload) -> None:
        try:
            await self.interact(payload)
        except Exception:
            # Whoever clicked is told by Discord that it did not work, and clicks again.
            logger.exception("An interaction could not be stored")

    def _how_many(self) -> int:
        return self._in_hand.qsize() + sum(len(held) for held in self._held.values())

    async def _store(self, event: str, payload: Payload, shard: Shard) -> None:
        """The edge of the listener: a payload that cannot be read is logged and let go, a store that cannot be written
        is tried again for as long as it takes."""
        try:
            arrivals = arrivals_of(event, payload, self._user_id, self._facts_of, self._now())
        except Exception:
            logger.exception("An event of Discord could not be read", extra={"event": event})
            return
        if event == "MESSAGE_REACTION_REMOVE":
            self._reactions.pop(reaction_key(payload), None)
        for arrival in arrivals:
            if arrival.kind == "reaction" and not self._new_here(reaction_key(payload)):
                continue
            while not await self._keep(arrival, shard):
                await self._sleep(RETRY_S)

    async def _keep(self, arrival: Arrival, shard: Shard) -> bool:
        try:
            stored = await self._take_in(arrival)
            self.heard_at[shard] = self._now()
            if not stored and arrival.kind == "reaction":
                # Known from an earlier process, and yet Discord tells it now: it was taken off and put on again.
                await self._take_in(reaction_again(arrival, self._now()))
        except Exception:
            logger.exception("An event of Discord could not be stored", extra={"arrival_id": arrival.arrival_id})
            return False
        return True

    def _new_here(self, key: str) -> bool:
        """Whether this process sees a reaction for the first time since it was taken off. After a resume Discord may
        tell of the same one again."""
        if key in self._reactions:
            return False
        self._reactions[key] = None
        if len(self._reactions) > _REMEMBERED:
            self._reactions.popitem(last=False)
        return True
