"""Who may do what. Nothing configured means deny."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agent.domain.asks import Ask
from agent.domain.errors import NotAllowed, NotFound
from agent.domain.people import LOCAL, SYSTEM, Actor, Role, Standing
from agent.domain.places import place_of
from agent.domain.task import Task, Thread
from agent.ports.clock import Clock
from agent.ports.journal import Journal, PersonRecord

EVERYONE = "everyone"
"""Every full member of the workspace who can act in the place."""
REQUESTER = "requester"
"""Who asked for the work."""
_NEVER = frozenset({Standing.OUTSIDER, Standing.BOT})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRules:
    """Who may hand over work in a place and who decides there; None: as everywhere else."""

    start: tuple[str, ...] | None = None
    decide: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRules:
    """Names in these lists are person ids, ids of user groups or roles, and `everyone`; in `decide` also `requester`.

    Admins may always do both. `places` is keyed by `slack:TEAM:CHANNEL`.
    """

    start: tuple[str, ...] = ()
    decide: tuple[str, ...] = (REQUESTER,)
    places: Mapping[str, PlaceRules] = field(default_factory=dict[str, PlaceRules])

    def starters(self, place: str) -> tuple[str, ...] | None:
        """The place's own list; None: it has none."""
        rules = self.places.get(place)
        return rules.start if rules else None

    def deciders(self, place: str) -> tuple[str, ...]:
        """Who decides in this place."""
        rules = self.places.get(place)
        return rules.decide if rules and rules.decide is not None else self.decide

    def names(self) -> frozenset[str]:
        """Every name in these lists: surfaces look up membership only of groups that are among them."""
        lists = [self.start, self.decide]
        lists += [names for rules in self.places.values() for names in (rules.start, rules.decide) if names]
        return frozenset(name for names in lists for name in names) - {EVERYONE, REQUESTER}


class Access:
    """Rights, looked up in the journal at each call, and the one-time code that makes the first admin."""

    def __init__(
        self, journal: Journal, clock: Clock, *, admins: tuple[str, ...] = (), rules: AccessRules | None = None
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._admins = frozenset(admins)
        self.rules = rules or AccessRules()
        self._claim_code = ""

    async def role(self, actor: Actor) -> Role:
        """The actor's role where they act; configured admins are admins whatever the journal says.

        Programs and people of other organisations are strangers always; a guest is at most a member, by name.
        """
        if actor == SYSTEM:
            return Role.ADMIN
        if actor.standing in _NEVER:
            return Role.STRANGER
        if actor.person_id in self._admins and actor.standing is Standing.MEMBER:
            return Role.ADMIN
        record = await self._journal.person(actor.person_id)
        if record is not None:
            return record.role if actor.standing is Standing.MEMBER else Role.MEMBER
        named = (*self.rules.start, *(self.rules.starters(actor.place) or ()), *self.rules.deciders(actor.place))
        return Role.MEMBER if _listed(actor, named) else Role.STRANGER

    async def require_member(self, actor: Actor) -> Role:
        """Raises `NotAllowed` for a stranger."""
        role = await self.role(actor)
        if role is Role.STRANGER:
            raise NotAllowed("You have no access to Gofer here yet.", next_step="Ask an admin to let you in.")
        return role

    async def require_admin(self, actor: Actor) -> None:
        """Raises `NotAllowed` for everybody but admins."""
        if await self.require_member(actor) is not Role.ADMIN:
            raise NotAllowed("Only an admin may do that.", next_step="Ask one of Gofer's admins.")

    async def require_task(self, actor: Actor, task_id: str) -> Task:
        """The task, for its requester, its thread's owner, whoever acts in its channel, or an admin; to others it
        does not exist."""
        role = await self.require_member(actor)
        task = await self._journal.task(task_id)
        if task is not None:
            thread = await self._journal.thread(task.thread_id)
            owner = thread.owner_id if thread else ""
            mine = actor.person_id in (task.asked_by, owner)
            if role is Role.ADMIN or mine or _is_there(actor, task.thread_id):
                return task
        raise NotFound(f"There is no task {task_id!r}.", next_step="List the tasks to find the right one.")

    async def require_thread(self, actor: Actor, thread_id: str) -> Thread | None:
        """The thread, or None when it does not exist yet. Raises `NotAllowed` when it belongs to somebody else and the
        actor does not act in its channel."""
        role = await self.require_member(actor)
        thread = await self._journal.thread(thread_id)
        if thread is None or role is Role.ADMIN or thread.owner_id == actor.person_id or _is_there(actor, thread_id):
            return thread
        raise NotAllowed("This conversation belongs to somebody else.", next_step="Start one of your own.")

    async def may_start(self, actor: Actor, thread_id: str) -> bool:
        """Whether the actor may hand over work in this thread, and so steer and stop what runs there."""
        role = await self.role(actor)
        starters = self.rules.starters(place_of(thread_id))
        if role is not Role.MEMBER or starters is None:
            return role is Role.ADMIN or (role is Role.MEMBER and await self._starts_anywhere(actor))
        return _listed(actor, starters)

    def starts_somewhere(self, actor: Actor) -> bool:
        """Whether the rules of some channel let the actor, by name or group, hand over work there."""
        by_name = replace(actor, place="")  # who is in `everyone` of a channel shows only there
        lists = [rules.start or () for rules in self.rules.places.values()]
        return actor.standing not in _NEVER and any(_listed(by_name, names) for names in lists)

    async def require_start(self, actor: Actor, thread_id: str) -> None:
        """Raises `NotAllowed` where `may_start` says no."""
        await self.require_member(actor)
        if not await self.may_start(actor, thread_id):
            raise NotAllowed(
                "You may not hand work to Gofer in this channel.", next_step="Ask an admin, or write to Gofer directly."
            )

    async def may_decide(self, actor: Actor, ask: Ask, thread_id: str) -> bool:
        """Whether the actor may decide this ask: an admin, or whom the place's rules name; guests never."""
        if actor.standing is not Standing.MEMBER:
            return False
        role = await self.role(actor)
        if role is not Role.MEMBER:
            return role is Role.ADMIN
        deciders = self.rules.deciders(place_of(thread_id))
        return (REQUESTER in deciders and actor.person_id == ask.asked_of) or _listed(actor, deciders)

    async def admit(self, person_id: str, name: str, role: Role) -> None:
        """Record a person with a role. For the composition root and `Service`, after their own checks."""
        await self._journal.put_person(PersonRecord(person_id=person_id, name=name, role=role, since=self._clock.now()))

    async def admins(self) -> tuple[str, ...]:
        """Person ids of everybody who may let people in, configured ones first."""
        known = [p.person_id for p in await self._journal.people() if p.role is Role.ADMIN]
        return tuple(dict.fromkeys([*sorted(self._admins), *known]))

    async def new_claim_code(self) -> str:
        """A fresh code that makes its first sender an admin; empty when a chat platform has one already."""
        people = await self._journal.people()
        if self._admins or any(p.role is Role.ADMIN and p.person_id not in LOCAL for p in people):
            return ""
        self._claim_code = secrets.token_hex(4)
        return self._claim_code

    async def claim(self, actor: Actor, code: str) -> None:
        """Make the actor the first admin. Raises `NotAllowed` for a wrong or used code, and for guests and the like."""
        if actor.standing is not Standing.MEMBER:
            raise NotAllowed("Only a full member of the workspace can be an admin.", next_step="Ask one to claim it.")
        if not self._claim_code or not hmac.compare_digest(self._claim_code, code.strip().lower()):
            raise NotAllowed("This code is not valid.", next_step="Use the code that `gofer serve` printed, once.")
        self._claim_code = ""
        await self.admit(actor.person_id, actor.name, Role.ADMIN)

    async def _starts_anywhere(self, actor: Actor) -> bool:
        return await self._journal.person(actor.person_id) is not None or _listed(actor, self.rules.start)


def _is_there(actor: Actor, thread_id: str) -> bool:
    return bool(actor.place) and actor.place == place_of(thread_id)


def _listed(actor: Actor, names: tuple[str, ...]) -> bool:
    """Whether a list names the actor. A guest must be named in person."""
    if actor.person_id in names:
        return True
    full = actor.standing is Standing.MEMBER
    return full and (not actor.groups.isdisjoint(names) or (EVERYONE in names and bool(actor.place)))
