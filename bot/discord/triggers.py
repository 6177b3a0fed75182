"""What a click, command or sent form allows for a while: one answer to it, and private messages after that. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

from bot.surface import Trigger

Kind = Literal["component", "command", "modal"]
"""A command was deferred with a private "thinking…", which is to be filled in; the others leave nothing behind."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """What Discord knows it by. `token` is a secret for fifteen minutes."""

    interaction_id: str
    token: str
    application_id: str
    kind: Kind


def pack(interaction: Interaction) -> Trigger:
    """The trigger that carries it: `interaction_id:token:application_id:kind`."""
    parts = (interaction.interaction_id, interaction.token, interaction.application_id, interaction.kind)
    return Trigger("discord", ":".join(parts))


def unpack(trigger: Trigger) -> Interaction:
    """What `pack` wrote; raises ValueError on anything else."""
    # The token is Discord's, so a colon in it is not excluded.
    interaction_id, _, rest = trigger.value.partition(":")
    token, application_id, kind = [*rest.rsplit(":", 2), "", ""][:3]
    if trigger.surface != "discord" or not token or not application_id.isdecimal() or kind not in get_args(Kind):
        raise ValueError("not a trigger of Discord")
    return Interaction(interaction_id, token, application_id, cast(Kind, kind))
