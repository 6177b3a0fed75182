"""What Slack sends when a person presses, picks, submits, closes, or calls a command or shortcut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.slack.events import VERIFICATION_TOKEN
from tests.fakes.slack.shapes import APP_ID, Json, message_json, view_json
from tests.fakes.slack.world import Channel, Message, Team, User, View

if TYPE_CHECKING:
    from tests.fakes.slack.fake import SlackFake


def frame(fake: SlackFake, kind: str, user: User, team: Team, *, view_id: str = "") -> Json:
    """What every interaction carries."""
    return {
        "type": kind,
        "api_app_id": APP_ID,
        "token": VERIFICATION_TOKEN,
        "team": {"id": team.team_id, "domain": team.domain},
        "user": {"id": user.user_id, "username": user.name, "name": user.name, "team_id": user.team_id},
        "enterprise": None,
        "is_enterprise_install": False,
        "trigger_id": fake.interactions.trigger(user.user_id, team, view_id),
    }


def channel_brief(channel: Channel) -> Json:
    """Slack names direct messages and private channels only by kind."""
    names = {"im": "directmessage", "group": "privategroup", "mpim": "privategroup"}
    return {"id": channel.id, "name": names.get(channel.kind, channel.name)}


def action_on_message(fake: SlackFake, user: User, message: Message, action: Json, state: Json) -> Json:
    team = fake.world.teams[message.channel.team_id]
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel.id,
        "is_ephemeral": bool(message.ephemeral_to),
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    body = {
        **frame(fake, "block_actions", user, team),
        "container": container,
        "channel": channel_brief(message.channel),
        "state": {"values": state},
        "response_url": fake.interactions.response_url(fake.origin, user.user_id, team, message.channel, message),
        "actions": [action],
    }
    if not message.ephemeral_to:  # of an ephemeral message the app gets only the place, not the content
        body["message"] = message_json(fake.world, message, fake.origin)
    return body


def action_in_view(fake: SlackFake, user: User, view: View, action: Json, state: Json) -> Json:
    team = fake.world.teams[view.team_id]
    return {
        **frame(fake, "block_actions", user, team, view_id=view.view_id),
        "container": {"type": "view", "view_id": view.view_id},
        "view": view_json(view, team, state),
        "actions": [action],
    }


def submission(fake: SlackFake, user: User, view: View, state: Json) -> Json:
    team = fake.world.teams[view.team_id]
    return {
        **frame(fake, "view_submission", user, team, view_id=view.view_id),
        "view": view_json(view, team, state),
        "response_urls": [],
    }


def closing(fake: SlackFake, user: User, view: View, *, cleared: bool) -> Json:
    team = fake.world.teams[view.team_id]
    body = frame(fake, "view_closed", user, team)
    del body["trigger_id"]
    return {**body, "view": view_json(view, team), "is_cleared": cleared}


def message_shortcut(fake: SlackFake, user: User, callback_id: str, message: Message) -> Json:
    team = fake.world.teams[message.channel.team_id]
    url = fake.interactions.response_url(fake.origin, user.user_id, team, message.channel, message)
    return {
        **frame(fake, "message_action", user, team),
        "callback_id": callback_id,
        "action_ts": fake.world.next_ts(),
        "message_ts": message.ts,
        "message": message_json(fake.world, message, fake.origin),
        "channel": channel_brief(message.channel),
        "response_url": url,
    }


def global_shortcut(fake: SlackFake, user: User, team: Team, callback_id: str) -> Json:
    return {
        **frame(fake, "shortcut", user, team),
        "callback_id": callback_id,
        "action_ts": fake.world.next_ts(),
    }


def command(fake: SlackFake, user: User, team: Team, channel: Channel, name: str, text: str) -> dict[str, str]:
    """A slash command; all values are text, and nothing tells of a thread."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": team.team_id,
        "team_domain": team.domain,
        "channel_id": channel.id,
        "channel_name": channel_brief(channel)["name"],
        "user_id": user.user_id,
        "user_name": user.name,
        "command": name,
        "text": text,
        "api_app_id": APP_ID,
        "is_enterprise_install": "false",
        "response_url": fake.interactions.response_url(fake.origin, user.user_id, team, channel, None),
        "trigger_id": fake.interactions.trigger(user.user_id, team),
    }
