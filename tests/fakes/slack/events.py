"""Events: which the app has subscribed to, and the payloads around them."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from tests.fakes.slack.delivery import Courier
from tests.fakes.slack.shapes import APP_ID, Json, file_json, message_json
from tests.fakes.slack.world import Channel, File, Message, Team, User, World

SUBSCRIPTIONS = (
    *("app_mention", "message.channels", "message.groups", "message.im", "message.mpim", "reaction_added"),
    *("reaction_removed", "app_home_opened", "app_context_changed", "agent_session_stopped"),
    *("agent_session_title_changed", "file_shared", "tokens_revoked", "app_uninstalled"),
)
VERIFICATION_TOKEN = "verification-token"
_MESSAGE_EVENTS = {"channel": "message.channels", "group": "message.groups", "im": "message.im", "mpim": "message.mpim"}


class Events:
    """Makes events out of what happens and hands them to the courier, if the app would hear of them."""

    def __init__(self, world: World, courier: Courier, subscriptions: Collection[str]) -> None:
        self.subscriptions = frozenset(subscriptions)
        self.origin = ""
        self._world = world
        self._courier = courier

    def emit(self, team: Team, event: Json, *, subscription: str = "", shared: bool = False) -> None:
        """Send one event to an installed app that has subscribed to it."""
        if not team.installed or (subscription or event["type"]) not in self.subscriptions:
            return
        authorization = {"enterprise_id": None, "team_id": team.team_id, "user_id": team.bot_user_id, "is_bot": True}
        payload: dict[str, Any] = {
            "token": VERIFICATION_TOKEN,
            "team_id": team.team_id,
            "context_team_id": team.team_id,
            "context_enterprise_id": None,
            "api_app_id": APP_ID,
            "event": event,
            "type": "event_callback",
            "event_id": self._world.new_id("Ev"),
            "event_time": int(time.time()),
            "authorizations": [{**authorization, "is_enterprise_install": False}],
            "is_ext_shared_channel": shared,
            "event_context": f"4-{self._world.new_id('x')}",
        }
        self._courier.send(payload)

    def said(self, message: Message) -> None:
        """A new message: `message`, and `app_mention` too where it names the bot outside a DM."""
        team, channel = self._team(message.channel), message.channel
        body = self._body(message)
        self._message(team, channel, {**body, "event_ts": message.ts})
        if channel.kind != "im" and not message.bot_id and f"<@{team.bot_user_id}>" in message.text:
            mention = {name: value for name, value in body.items() if name not in ("subtype", "channel_type")}
            mention |= {"type": "app_mention", "event_ts": message.ts}
            if team.bot_user_id in channel.members:
                self.emit(team, mention, shared=channel.shared)

    def changed(self, message: Message, before: Json) -> None:
        """`message_changed`; `before` is the message's JSON of an instant ago."""
        ts = self._world.next_ts()
        inner = {"message": self._inner(message), "previous_message": before}
        self._sub(message.channel, "message_changed", ts, inner)

    def deleted(self, message: Message, before: Json) -> None:
        ts = self._world.next_ts()
        self._sub(message.channel, "message_deleted", ts, {"deleted_ts": message.ts, "previous_message": before})

    def reacted(self, message: Message, user_id: str, name: str, *, added: bool) -> None:
        team, channel = self._team(message.channel), message.channel
        event = {
            "type": "reaction_added" if added else "reaction_removed",
            "user": user_id,
            "reaction": name,
            "item": {"type": "message", "channel": channel.id, "ts": message.ts},
            "item_user": message.user,
            "event_ts": self._world.next_ts(),
        }
        if team.bot_user_id in channel.members:
            self.emit(team, event, shared=channel.shared)

    def file_shared(self, file: File, channel: Channel) -> None:
        event = {
            "type": "file_shared",
            "file_id": file.file_id,
            "user_id": file.user,
            "file": {"id": file.file_id},
            "channel_id": channel.id,
            "event_ts": self._world.next_ts(),
        }
        team = self._team(channel)
        if team.bot_user_id in channel.members:
            self.emit(team, event, shared=channel.shared)

    def joined(self, channel: Channel, user_id: str, inviter: str) -> None:
        """Of anybody who comes in, the bot itself too."""
        team = self._team(channel)
        kind = "C" if channel.kind == "channel" else "G"
        event = {"type": "member_joined_channel", "user": user_id, "channel": channel.id, "channel_type": kind}
        event |= {"team": self._world.user(user_id).team_id, "event_ts": self._world.next_ts()}
        if inviter:
            event["inviter"] = inviter
        if team.bot_user_id in channel.members:
            self.emit(team, event, shared=channel.shared)

    def home_opened(self, team: Team, user: User, tab: str) -> None:
        event: Json = {
            "type": "app_home_opened",
            "user": user.user_id,
            "channel": self._world.im(team, user).id,
            "tab": tab,
        }
        home = self._world.homes.get((team.team_id, user.user_id))
        if tab == "home" and home is not None:
            event["view"] = {**home.body, "id": home.view_id, "hash": home.hash, "team_id": team.team_id}
        self.emit(team, {**event, "event_ts": self._world.next_ts()})

    def _team(self, channel: Channel) -> Team:
        return self._world.teams[channel.team_id]

    def _inner(self, message: Message) -> Json:
        return message_json(self._world, message, self.origin)

    def _body(self, message: Message) -> Json:
        """The message as its own event carries it."""
        channel = message.channel
        body = self._inner(message)
        for name in ("reply_count", "reply_users", "reply_users_count", "latest_reply", "reactions"):
            body.pop(name, None)
        if not message.parent_ts:
            body.pop("thread_ts", None)
        if "files" in body:
            body["files"] = [self._file(file) for file in message.files]
            if not body.get("subtype"):
                body["subtype"] = "file_share"
        if channel.shared and message.team_id != channel.team_id:
            body |= {"user_team": message.team_id, "source_team": message.team_id}
        return {**body, "channel": channel.id, "channel_type": channel.kind}

    def _file(self, file: File) -> Json:
        """A file of another organisation is only an id: `files.info` has the rest (taken as the rule; unverified)."""
        if file.external:
            return {"id": file.file_id, "mode": "file_access", "file_access": "check_file_info"}
        return file_json(self._world, file, self.origin)

    def _sub(self, channel: Channel, subtype: str, ts: str, inner: Json) -> None:
        common = {
            "type": "message",
            "subtype": subtype,
            "hidden": True,
            "channel": channel.id,
            "ts": ts,
            "event_ts": ts,
        }
        self._message(self._team(channel), channel, {**common, "channel_type": channel.kind, **inner})

    def _message(self, team: Team, channel: Channel, event: Json) -> None:
        if team.bot_user_id in channel.members:
            self.emit(team, event, subscription=_MESSAGE_EVENTS[channel.kind], shared=channel.shared)

    def snapshot(self, message: Message) -> Json:
        """The message's JSON now, for `changed` and `deleted`."""
        return self._inner(message)

    def agent_stopped(self, channel: Channel, thread_ts: str, user: str, streams: list[str]) -> None:
        self.emit(
            self._team(channel),
            {
                "type": "agent_session_stopped",
                "channel": channel.id,
                "thread_ts": thread_ts,
                "user": user,
                "streaming_message_ts": streams,
                "event_ts": self._world.next_ts(),
            },
        )
