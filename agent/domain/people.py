"""Who acts. Rights are never carried in these objects: they are looked up when they are needed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person may do with this installation."""

    STRANGER = "stranger"  #: nothing but ask for access
    MEMBER = "member"  #: own tasks
    ADMIN = "admin"  #: everybody's tasks, access, grants, settings


class Standing(StrEnum):
    """What somebody is to the workspace they act in, as its platform says at that moment."""

    MEMBER = "member"  #: a full member
    GUEST = "guest"  #: invited to some channels only
    OUTSIDER = "outsider"  #: of another organisation, in a shared channel
    BOT = "bot"  #: a program


@dataclass(frozen=True, slots=True)
class Actor:
    """The person behind a call, as the surface has authenticated them: `slack:T1:U2`, `web:owner`, `terminal:local`.

    `place`, `groups` and `standing` are facts of this one act, looked up at its click, never stored as rights.
    """

    person_id: str
    name: str = ""
    place: str = ""
    """Where they act: `slack:T1:C2`. Who can act in a channel sees what happens in it. Empty: nowhere in particular."""
    groups: frozenset[str] = frozenset()
    """User groups and roles they are in: `slack:T1:S3`, `discord:G1:R2`."""
    standing: Standing = Standing.MEMBER


TERMINAL = Actor("terminal:local", "you")
"""Whoever can read the data folder: the local account owns it."""
WEB_OWNER = Actor("web:owner", "you")
"""Whoever opened a sign-in link that `gofer serve` printed."""
LOCAL = frozenset({TERMINAL.person_id, WEB_OWNER.person_id})
"""Whoever runs Gofer on this machine. They administer it here; a chat platform needs an admin of its own."""
SYSTEM = Actor("system", "Gofer")
"""Gofer itself: expiry, recovery. No surface may act as it."""
