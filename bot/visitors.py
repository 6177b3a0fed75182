"""Those without access: told so in private, able to ask for it, let in by an admin."""

from __future__ import annotations

import logging
from dataclasses import replace

from agent.domain.people import Actor, Role, Standing
from agent.service import Service
from bot import phrases
from bot.cards import Action, Card, CardKind, CardState, Person, Text, Token, Verb
from bot.doorway import Pass
from bot.notices import notice
from bot.surface import IncomingChoice, Surface, SurfaceRefused, ThreadRef, Trigger

logger = logging.getLogger(__name__)

_UNKNOWN = (phrases.NO_ACCESS, phrases.NO_ACCESS_NEXT)


class Visitors:
    """Deals with strangers; one per workspace."""

    def __init__(self, service: Service, surface: Surface) -> None:
        self._service, self._surface = service, surface

    async def turn_away(self, thread: ThreadRef, person: Actor, standing: Pass, trigger: Trigger | None = None) -> None:
        """Tell somebody in private that they have no access; programs are told nothing."""
        if person.standing is Standing.BOT:
            return
        if standing is Pass.NEVER:
            card = notice("members", phrases.MEMBERS_ONLY)
        elif await self._service.role(person) is not Role.STRANGER:
            card = notice("place", phrases.NOT_HERE, phrases.NOT_HERE_NEXT)
        else:
            known = await self._service.starts_somewhere(person)
            said = (phrases.NOT_HERE_AND_NOT_ALONE, phrases.ELSEWHERE_NEXT) if known else _UNKNOWN
            ask = Action(Token(verb=Verb.REQUEST, subject_id="access"), phrases.REQUEST_ACCESS, "primary")
            card = replace(notice("access", *said), actions=(ask,))
        await self._surface.whisper(thread, person, card, trigger=trigger)

    async def request_access(self, click: IncomingChoice) -> None:
        """Write to every admin of this platform, once per request."""
        request = await self._service.request_access(click.person, event_id=click.event_id)
        if request is None:
            text = phrases.ASKED_ALREADY
        else:
            card = access_card(request.request_id, Person(request.person_id, request.name))
            told = [await self._tell(click.thread, admin, card) for admin in await self._admins(click.person)]
            text = phrases.ADMINS_ASKED if any(told) else phrases.NO_ADMIN
        await self._surface.whisper(click.thread, click.person, notice("asked", text), trigger=click.trigger)

    async def decide_access(self, click: IncomingChoice, token: Token) -> None:
        """An admin's click on such a card; whoever asked is told."""
        allow = token.choice == "allow"
        request = await self._service.decide_access(click.person, token.subject_id, allow=allow)
        who, admin = Person(request.person_id, request.name), Person(click.person.person_id, click.person.name)
        decided = decided_access_card(access_card(token.subject_id, who), who, admin, allow=allow)
        try:
            await self._surface.edit(click.message, decided)
        except SurfaceRefused as error:  # the card is gone; the decision stands
            logger.warning("cannot edit the card of a request: %s", error, extra={"action": "edit_refused"})
        card = notice("decided", *((phrases.WELCOME_IN, phrases.WELCOME_NEXT) if allow else (phrases.STAYS_OUT, "")))
        await self._tell(click.thread, request.person_id, replace(card, key=f"access:{token.subject_id}:told"))

    async def _admins(self, actor: Actor) -> list[str]:
        """Those that can be written to here: of this platform and workspace."""
        here = ":".join(actor.person_id.split(":")[:-1])
        return [admin for admin in await self._service.admins(actor) if ":".join(admin.split(":")[:-1]) == here]

    async def _tell(self, thread: ThreadRef, person_id: str, card: Card) -> bool:
        nowhere = replace(thread, channel="", thread="")
        try:
            await self._surface.begin(nowhere, person_id, card, key=f"{card.key}:{person_id}")
        except SurfaceRefused as error:
            logger.warning("cannot write to %s: %s", person_id, error, extra={"action": "direct_refused"})
            return False
        return True


def access_card(request_id: str, who: Person) -> Card:
    """For an admin: shall this person be let in?"""

    def token(choice: str) -> Token:
        return Token(verb=Verb.ACCESS, subject_id=request_id, choice=choice)

    text = f"{who} wants to hand work to Gofer. Members see and steer their own tasks."
    return Card(
        key=f"access:{request_id}",
        kind=CardKind.APPROVAL,
        state=CardState.WAITING,
        title=phrases.WANTS_IN,
        blocks=(Text(text, literal=True),),
        actions=(
            Action(token("allow"), phrases.LET_IN, "primary"),
            Action(token("deny"), phrases.REFUSE, "danger"),
        ),
    )


def decided_access_card(card: Card, who: Person, admin: Person, *, allow: bool) -> Card:
    """The same card once an admin has decided."""
    verdict = Text(f"{who} {'was' if allow else 'was not'} let in by {admin}.", literal=True)
    state, title = (CardState.DONE, phrases.LET_IN_TITLE) if allow else (CardState.STOPPED, phrases.REFUSED_TITLE)
    return replace(card, actions=(), state=state, title=title, blocks=(verdict,))
