"""Answers to a click, a command or a sent form: private messages, and the dialog that it may open.

An interaction takes one answer; after that, for a quarter of an hour, any number of messages to that person alone.
Whether the answer was given already is Discord's to say: it may have been given by a process that died.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from bot.cards import Form
from bot.discord.components import EPHEMERAL, render_form
from bot.discord.payload import Payload
from bot.discord.triggers import Interaction
from bot.discord.web import (
    ALREADY_ANSWERED,
    UNKNOWN_INTERACTION,
    UNKNOWN_MESSAGE,
    UNKNOWN_WEBHOOK,
    Body,
    DiscordRefused,
    Web,
)

MESSAGE_ANSWER = 4
FORM_ANSWER = 9
FILLED_KEPT = 5_000
_INVALID_TOKEN = 50027
_CALLBACK = "/interactions/{webhook_id}/{webhook_token}/callback"
"""By these names the client gives each interaction a queue of its own, as Discord does."""
_MORE = "/webhooks/{webhook_id}/{webhook_token}"
_LATE = frozenset({UNKNOWN_INTERACTION, UNKNOWN_WEBHOOK, _INVALID_TOKEN})


class Answers:
    """The answers of one application."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._filled: OrderedDict[str, None] = OrderedDict()
        """Commands whose "thinking…" was replaced by words."""

    async def open_form(self, interaction: Interaction, form: Form) -> bool:
        """Open a dialog; False: it is too late for one."""
        answer = {"type": FORM_ANSWER, "data": render_form(form).payload}
        try:
            await self._answer(interaction, answer)
        except DiscordRefused as error:
            if error.code not in _LATE | {ALREADY_ANSWERED}:
                raise
            return False
        return True

    async def say(self, interaction: Interaction, body: Payload, files: Sequence[Body] = ()) -> bool:
        """Show a card to this person alone; False: it is too late for that."""
        private = {**body, "flags": body["flags"] | EPHEMERAL}
        try:
            if not await self._fill_in(interaction, body, files):
                await self._say_more(interaction, private, files)
        except DiscordRefused as error:
            if error.code not in _LATE:
                raise
            return False
        return True

    async def _fill_in(self, interaction: Interaction, body: Payload, files: Sequence[Body]) -> bool:
        """Put the first words in the place of "thinking…"; False: there is nothing to replace."""
        if interaction.kind != "command" or interaction.interaction_id in self._filled:
            return False
        self._filled[interaction.interaction_id] = None
        while len(self._filled) > FILLED_KEPT:
            self._filled.popitem(last=False)
        try:
            await self._web.call("PATCH", f"{_MORE}/messages/@original", _ids(interaction), json=body, files=files)
        except DiscordRefused as error:
            if error.code not in (UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK):
                raise
            return False
        return True

    async def _say_more(self, interaction: Interaction, private: Payload, files: Sequence[Body]) -> None:
        """A further message; where the interaction was not answered yet, this is the answer."""
        try:
            await self._web.call("POST", _MORE, _ids(interaction), json=private, files=files)
        except DiscordRefused as error:
            if error.code != UNKNOWN_WEBHOOK or files:
                raise
        else:
            return
        try:
            await self._answer(interaction, {"type": MESSAGE_ANSWER, "data": private})
        except DiscordRefused as error:
            if error.code != ALREADY_ANSWERED:
                raise
            await self._web.call("POST", _MORE, _ids(interaction), json=private)

    async def _answer(self, interaction: Interaction, answer: Payload) -> None:
        ids = {"webhook_id": interaction.interaction_id, "webhook_token": interaction.token}
        await self._web.call("POST", _CALLBACK, ids, json=answer)


def _ids(interaction: Interaction) -> dict[str, str]:
    return {"webhook_id": interaction.application_id, "webhook_token": interaction.token}
