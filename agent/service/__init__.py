"""The agent's front door: tasks, decisions, files, people.

Surfaces and the command line call this room, with the actor they have authenticated. Every public method
takes that `actor` and checks their rights at the call; nothing is allowed because of where a call came from.
`Mailbox` alone takes none: it keeps what surfaces note for themselves.
"""

from agent.ports.journal import Decision
from agent.ports.mail import AccessRequest
from agent.ports.skills import Skill
from agent.service.access import Access, AccessRules, PlaceRules
from agent.service.mailbox import Arrival, Mailbox, Post
from agent.service.service import Service, Usage

__all__ = [
    "Access",
    "AccessRequest",
    "AccessRules",
    "Arrival",
    "Decision",
    "Mailbox",
    "PlaceRules",
    "Post",
    "Service",
    "Skill",
    "Usage",
]
