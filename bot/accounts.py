"""Accounts that a person of a chat connects. For now that is one: the web chat, which they sign in to as themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.domain.errors import NotAllowed, Refused
from agent.domain.people import Actor, Role
from agent.service import Service
from bot import phrases
from bot.cards import Action, Block, Card, Field, Fields, Note, Text, Token, Verb
from bot.notices import notice

SignIn = Callable[[Actor], str]
"""A fresh address that signs this person in to the web chat: good once, for 15 minutes, and the one before no more.
For callers that have checked that they may."""


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account as a card shows it, with what they can do about it."""

    blocks: tuple[Block, ...]
    actions: tuple[Action, ...] = ()


async def account_of(service: Service, actor: Actor, *, web_chat: bool) -> Account:
    """Who Gofer knows somebody as, for people with access. `web_chat`: others than this machine reach it."""
    role = await service.role(actor)
    rows = Fields((Field(phrases.YOUR_ACCOUNT, f"{phrases.signed_in_name(actor)}, {role.value}"),))
    if not web_chat:
        return Account((rows, Note((phrases.NO_WEB_CHAT, " ", phrases.NO_WEB_CHAT_NEXT))))
    button = Action(Token(verb=Verb.ACCOUNT, subject_id="web"), phrases.OPEN_AS_ME)
    return Account((rows, Note((phrases.OPEN_AS_ME_NEXT,))), (button,))


async def open_web_chat(service: Service, actor: Actor, sign_in: SignIn | None) -> Card:
    """The card with the link, for the eyes of this person only: to be shown at once, and stored nowhere.

    Raises `NotAllowed` for somebody whose access hangs on a channel or a group, which a browser cannot show, and
    `Refused` where nobody else reaches the web chat.
    """
    if sign_in is None:
        raise Refused(phrases.NO_WEB_CHAT, next_step=phrases.NO_WEB_CHAT_NEXT)
    alone = replace(actor, place="", groups=frozenset())
    if await service.role(alone) is Role.STRANGER:
        raise NotAllowed(phrases.NOT_BY_NAME, next_step=phrases.NOT_BY_NAME_NEXT)
    link = Text(f"[{phrases.SIGN_IN_LINK}]({sign_in(alone)})")
    card = notice("account", phrases.sign_in_as(actor))
    # What stands in for the card in notifications, and what is read back of it later, does not hold the link.
    return replace(card, blocks=(link, Note((phrases.SIGN_IN_ONCE,))), fallback=card.title)
