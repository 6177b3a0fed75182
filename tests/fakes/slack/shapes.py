"""Slack's JSON of what is in the world, as methods answer it and events carry it."""

from __future__ import annotations

import mimetypes
import re
import zoneinfo
from datetime import UTC, datetime
from typing import Any

from tests.fakes.slack.world import Channel, File, Message, Team, User, View, World

APP_ID = "A0FAKE"
Json = dict[str, Any]


def user_json(world: World, user: User, team: Team, *, email: bool = False, locale: bool = False) -> Json:
    """As the given workspace sees the person: an outsider is a stranger there."""
    local = zoneinfo.ZoneInfo(user.tz)
    profile = {"real_name": user.name.title(), "display_name": user.name, "team": user.team_id}
    if email and not user.bot:
        profile["email"] = f"{user.name}@example.com"
    if user.bot_id:
        profile |= {"bot_id": user.bot_id, "api_app_id": "A0OTHER"}
    return {
        "id": user.user_id,
        "team_id": user.team_id,
        "name": user.name,
        "real_name": user.name.title(),
        "deleted": user.deleted,
        "profile": profile,
        "is_bot": user.bot,
        "is_app_user": False,
        "updated": 1_700_000_000,
        **({"locale": "en-US"} if locale else {}),
        **({"is_stranger": True} if user.team_id != team.team_id else {}),
        **(
            {}
            if user.deleted
            else {
                "tz": user.tz,
                "tz_label": user.tz,
                "tz_offset": int(datetime.now(UTC).astimezone(local).utcoffset().total_seconds()),
                "is_admin": user.admin,
                "is_owner": False,
                "is_primary_owner": False,
                "is_restricted": user.guest,
                "is_ultra_restricted": False,
            }
        ),
    }


def channel_json(channel: Channel, team: Team) -> Json:
    common: Json = {"id": channel.id, "created": 1_700_000_000, "is_archived": channel.archived, "updated": 0}
    if channel.kind == "im":
        (other,) = channel.members - {team.bot_user_id}
        return {**common, "is_im": True, "is_org_shared": False, "user": other, "is_open": True, "priority": 0}
    private = channel.kind != "channel"
    return {
        **common,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": channel.kind == "channel",
        "is_group": channel.kind == "group",
        "is_im": False,
        "is_mpim": channel.kind == "mpim",
        "is_private": private,
        "is_general": False,
        "is_shared": channel.shared,
        "is_ext_shared": channel.shared,
        "is_org_shared": False,
        "is_member": team.bot_user_id in channel.members,
        "context_team_id": team.team_id,
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "num_members": len(channel.members),
    }


def file_json(world: World, file: File, origin: str) -> Json:
    """`origin`: the fake's own address, where the bytes are served."""
    extension = file.name.rpartition(".")[2].lower() if "." in file.name else ""
    mime = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    base = f"{origin}/files-pri/{file.team_id}-{file.file_id}"
    slug = re.sub(r"[^A-Za-z0-9._-]+", "_", file.name)[-200:] or "file"  # an address never has a name as it is
    shares: dict[str, dict[str, list[Json]]] = {}
    for channel_id, ts in file.shares:
        channel = world.channels[channel_id]
        message = channel.messages.get(ts)
        share: Json = {"ts": ts, "channel_name": channel.name, "team_id": channel.team_id, "share_user_id": file.user}
        if message is not None and message.parent_ts:
            share["thread_ts"] = message.parent_ts
        shares.setdefault("public" if channel.kind == "channel" else "private", {}).setdefault(channel_id, []).append(
            share
        )
    kinds = {"channel": "channels", "group": "groups", "im": "ims", "mpim": "groups"}
    places: dict[str, list[str]] = {"channels": [], "groups": [], "ims": []}
    for channel_id, _ in file.shares:
        places[kinds[world.channels[channel_id].kind]].append(channel_id)
    return {
        "id": file.file_id,
        "created": file.created,
        "timestamp": file.created,
        "name": file.name,
        "title": file.title,
        "mimetype": mime,
        "filetype": extension or "binary",
        "pretty_type": extension.upper() or "Binary",
        "user": file.user,
        "user_team": file.team_id,
        "editable": False,
        "size": file.size,
        "mode": "hosted",
        "is_external": False,
        "external_type": "",
        "is_public": bool(places["channels"]),
        "public_url_shared": False,
        "url_private": f"{base}/{slug}",
        "url_private_download": f"{base}/download/{slug}",
        "media_display_type": "unknown",
        "permalink": f"https://acme.slack.com/files/{file.user}/{file.file_id}/{slug}",
        "file_access": "visible",
        "shares": shares,
        **places,
        **({"alt_txt": file.alt_txt} if file.alt_txt else {}),
    }


def message_json(world: World, message: Message, origin: str, *, metadata: bool = False) -> Json:
    """As history gives it; an event adds the channel. Metadata only where it was asked for."""
    value: Json = {"type": "message", "user": message.user, "ts": message.ts, "team": message.team_id}
    if message.subtype:
        value["subtype"] = message.subtype
    if message.client_msg_id:
        value["client_msg_id"] = message.client_msg_id
    if message.bot_id:
        value |= {"bot_id": message.bot_id, "app_id": APP_ID, "bot_profile": {"id": message.bot_id, "app_id": APP_ID}}
    stream = message.stream
    value["text"] = message.text if stream is None or message.text else stream.text
    if message.blocks:
        value["blocks"] = with_ids(message.blocks, message.ts)
    if message.attachments:
        value["attachments"] = message.attachments
    if message.files:
        value["files"] = [file_json(world, file, origin) for file in message.files]
        value["upload"] = False
    if message.thread_ts:
        value["thread_ts"] = message.thread_ts
    if message.parent_ts:
        parent = message.channel.messages.get(message.parent_ts)
        value["parent_user_id"] = parent.user if parent else "USLACKBOT"
    elif message.thread_ts:
        replies = [m for m in message.channel.thread(message.ts)[1:] if not m.deleted]
        people = list(dict.fromkeys(m.user for m in replies))
        value |= {"reply_count": len(replies), "reply_users": people, "reply_users_count": len(people)}
        if replies:
            value["latest_reply"] = replies[-1].ts
    if message.reactions:
        value["reactions"] = [
            {"name": name, "users": list(users), "count": len(users)} for name, users in message.reactions.items()
        ]
    if message.edited:
        value["edited"] = {"user": message.edited[0], "ts": message.edited[1]}
    if metadata and message.metadata is not None:
        value["metadata"] = message.metadata
    return value


def with_ids(blocks: list[Json], seed: str) -> list[Json]:
    """The blocks with the block_ids and action_ids that Slack makes up where none was given."""
    out: list[Json] = []
    for i, block in enumerate(blocks):
        new = {**block, "block_id": block.get("block_id") or f"b{seed[-6:]}{i}"}
        for name in ("elements", "actions"):
            if isinstance(new.get(name), list) and new["type"] in ("actions", "context_actions", "card"):
                new[name] = [{"action_id": f"a{i}{j}", **item} for j, item in enumerate(new[name])]
        for name in ("accessory", "element"):
            if name in new and new[name].get("type") != "image":
                new[name] = {"action_id": f"a{i}", **new[name]}
        if "child_blocks" in new:
            new["child_blocks"] = with_ids(new["child_blocks"], f"{seed}{i}")
        out.append(new)
    return out


def view_json(view: View, team: Team, state: Json | None = None) -> Json:
    body = view.body
    return {
        "id": view.view_id,
        "team_id": team.team_id,
        "app_id": APP_ID,
        "app_installed_team_id": team.team_id,
        "bot_id": team.bot_id,
        "title": None,
        "submit": None,
        "close": None,
        "callback_id": "",
        "private_metadata": "",
        "external_id": "",
        "clear_on_close": False,
        "notify_on_close": False,
        **body,
        "blocks": with_ids(body["blocks"], view.view_id),
        "state": {"values": state or {}},
        "hash": view.hash,
        "root_view_id": view.root_id or view.view_id,
        "previous_view_id": view.previous_id or None,
    }


def rich_text_of(text: str, parts: list[Json]) -> list[Json]:
    """The rich_text block that Slack's own client makes of what a person types."""
    if not text:
        return []
    section = {"type": "rich_text_section", "elements": parts}
    return [{"type": "rich_text", "block_id": f"r{len(text)}", "elements": [section]}]
