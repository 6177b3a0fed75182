"""Trigger ids and response URLs: what an interaction gives the app, for a short time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.fakes.slack.lint import faults_of
from tests.fakes.slack.registry import Refused
from tests.fakes.slack.world import Channel, Message, Team, World

if TYPE_CHECKING:
    from tests.fakes.slack.fake import SlackFake

TRIGGER_S = 3.0
RESPONSE_USES = 5
RESPONSE_S = 30 * 60.0
_RESPONSE_FIELDS = frozenset(
    {
        *("text", "blocks", "attachments", "response_type", "replace_original", "delete_original", "thread_ts"),
        *("unfurl_links", "unfurl_media", "metadata", "markdown_text"),
    }
)


@dataclass(eq=False)
class Trigger:
    user: str
    team: Team
    born_at: float
    view_id: str = ""
    """The modal it came from, if any."""
    used: bool = False


@dataclass(eq=False)
class ResponseUrl:
    user: str
    team: Team
    channel: Channel
    message: Message | None
    born_at: float
    uses: int = 0


class Interactions:
    """Both kinds of tokens, by their ids."""

    def __init__(self, world: World) -> None:
        self.triggers: dict[str, Trigger] = {}
        self.responses: dict[str, ResponseUrl] = {}
        self._world = world

    def trigger(self, user: str, team: Team, view_id: str = "") -> str:
        trigger_id = f"{self._world.new_id('1')}.{self._world.new_id('2')}.{self._world.new_id('h')}"
        self.triggers[trigger_id] = Trigger(user, team, self._world.clock.now(), view_id)
        return trigger_id

    def spend(self, trigger_id: str, team: Team) -> Trigger:
        """Use a trigger id, once and within 3 seconds."""
        trigger = self.triggers.get(trigger_id)
        if trigger is None or trigger.team is not team:
            raise Refused("invalid_trigger_id")
        if trigger.used:
            raise Refused("exchanged_trigger_id")
        if self._world.clock.now() - trigger.born_at > TRIGGER_S:
            raise Refused("expired_trigger_id")
        trigger.used = True
        return trigger

    def response_url(self, origin: str, user: str, team: Team, channel: Channel, message: Message | None) -> str:
        key = self._world.new_id("R")
        self.responses[key] = ResponseUrl(user, team, channel, message, self._world.clock.now())
        return f"{origin}/actions/{team.team_id}/{key}"

    def respond(self, fake: SlackFake, key: str, body: dict[str, Any]) -> None:
        """What the app sends to a response URL: replace, delete, or say something new."""
        url = self.responses.get(key)
        if url is None:
            raise Refused("invalid_url")
        if url.uses >= RESPONSE_USES:
            raise Refused("used_url")
        if self._world.clock.now() - url.born_at > RESPONSE_S:
            raise Refused("expired_url")
        if unknown := set(body) - _RESPONSE_FIELDS:
            raise Refused("invalid_arguments", f"[ERROR] unknown: {sorted(unknown)}")
        if faults := faults_of("response_url", body, fake.missing_blocks):
            raise Refused(faults[0].error, *map(str, faults))
        url.uses += 1
        self.answer(fake, url, body)

    def answer(self, fake: SlackFake, url: ResponseUrl, body: dict[str, Any]) -> Message | None:
        """Carry out an answer that has passed the checks; also the body of a command's acknowledgement."""
        if body.get("delete_original"):
            if url.message is not None and not url.message.deleted:
                fake.acts.delete(url.message)
            return None
        text, blocks = body.get("text", ""), body.get("blocks") or []
        if body.get("replace_original") and url.message is not None:
            fake.acts.edit(url.message, url.team.bot_user_id, text=text, blocks=blocks)
            return url.message
        ephemeral = body.get("response_type", "ephemeral") == "ephemeral"
        message = fake.acts.message(
            url.channel,
            url.team.bot_user_id,
            text=text,
            blocks=blocks,
            bot_id=url.team.bot_id,
            parent_ts=body.get("thread_ts", ""),
            ephemeral_to=url.user if ephemeral else "",
        )
        return fake.acts.whisper(message) if ephemeral else fake.acts.post(message)
