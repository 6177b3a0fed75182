"""The one place where a surface's visitors are told apart: who may speak to Gofer here, and who may not."""

from __future__ import annotations

from enum import StrEnum

from agent.domain.people import SYSTEM, Actor, Role, Standing
from agent.service import Service


class Right(StrEnum):
    """What a handler needs of whoever comes through it."""

    SPEAK = "speak"  #: may hand over work in this thread, and so steer it
    DECIDE = "decide"  #: is known; whether they may decide this one thing the service says at the click
    ASK = "ask"  #: any person of this workspace, to ask for access
    PLATFORM = "platform"  #: nobody: the platform itself tells of it


class Pass(StrEnum):
    """How somebody stands at the door."""

    IN = "in"
    STRANGER = "stranger"  #: could be let in by an admin
    NEVER = "never"  #: program, or somebody of another organisation


async def authorise(service: Service, actor: Actor, thread_id: str, right: Right) -> Pass:
    """Judge one arrival, now. Every handler of every surface is behind this; the service checks each act again."""
    if actor.standing in (Standing.BOT, Standing.OUTSIDER):
        return Pass.NEVER
    match right:
        case Right.ASK:
            return Pass.IN
        case Right.PLATFORM:
            return Pass.IN if actor == SYSTEM else Pass.NEVER
        case Right.SPEAK:
            return Pass.IN if await service.may_start(actor, thread_id) else Pass.STRANGER
        case Right.DECIDE:
            return Pass.STRANGER if await service.role(actor) is Role.STRANGER else Pass.IN
