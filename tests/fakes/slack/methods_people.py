"""users.*, conversations.*, usergroups.*, team.*, bots.*: who and what there is, and what was said."""

from __future__ import annotations

from typing import Any

from tests.fakes.slack.registry import HISTORY_SCOPES, READ_SCOPES, Call, Refused, method, need_scope
from tests.fakes.slack.shapes import channel_json, message_json, user_json
from tests.fakes.slack.world import Channel, Message, User

_TYPES = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}
_PAGE = "cursor limit:int"


@method("users.info", "user! include_locale:bool", scopes="users:read", json_body=False)
async def users_info(call: Call) -> dict[str, Any]:
    return {"user": _user(call, call.person(), locale=call.args.get("include_locale", False))}


@method("users.list", f"include_locale:bool {_PAGE}", scopes="users:read", json_body=False)
async def users_list(call: Call) -> dict[str, Any]:
    everyone = [user for user in call.world.users.values() if user.team_id == call.team.team_id]
    page, more = call.page(everyone, 200)
    return {"members": [_user(call, user) for user in page], **more}


@method("users.conversations", f"user types:list exclude_archived:bool {_PAGE}", scopes="", json_body=False)
async def users_conversations(call: Call) -> dict[str, Any]:
    """Private channels of another person are seen only where the bot is too."""
    who = call.person().user_id if "user" in call.args else call.team.bot_user_id
    bot = call.team.bot_user_id
    found = [
        channel
        for channel in _of_types(call)
        if who in channel.members and (channel.kind == "channel" or bot in channel.members)
    ]
    page, more = call.page(found, 100)
    return {"channels": [channel_json(channel, call.team) for channel in page], **more}


@method("conversations.list", f"types:list exclude_archived:bool {_PAGE}", json_body=False)
async def conversations_list(call: Call) -> dict[str, Any]:
    bot = call.team.bot_user_id
    found = [channel for channel in _of_types(call) if channel.kind == "channel" or bot in channel.members]
    page, more = call.page(found, 100)
    return {"channels": [channel_json(channel, call.team) for channel in page], **more}


@method("conversations.info", "channel! include_locale:bool include_num_members:bool", json_body=False)
async def conversations_info(call: Call) -> dict[str, Any]:
    channel = call.channel(member=False)
    need_scope(call, READ_SCOPES[channel.kind])
    return {"channel": channel_json(channel, call.team)}


@method("conversations.members", f"channel! {_PAGE}", json_body=False)
async def conversations_members(call: Call) -> dict[str, Any]:
    channel = call.channel(member=False)
    need_scope(call, READ_SCOPES[channel.kind])
    page, more = call.page(sorted(channel.members), 100)
    return {"members": page, **more}


@method("conversations.open", "channel users:list return_im:bool prevent_creation:bool")
async def conversations_open(call: Call) -> dict[str, Any]:
    if "channel" in call.args:
        need_scope(call, "im:write")
        return {"channel": {"id": call.channel().id}, "no_op": True, "already_open": True}
    people = call.args.get("users") or []
    if not people:
        raise Refused("users_list_not_supplied")
    if len(people) > 1:
        need_scope(call, "mpim:write")
        raise Refused("not_enough_users", "[ERROR] the fake opens direct messages with one person only")
    need_scope(call, "im:write")
    user = call.world.users.get(people[0])
    if user is None or not call.fake.sees(call.team, user):
        raise Refused("user_not_found")
    channel = call.world.im(call.team, user)
    full = channel_json(channel, call.team) if call.args.get("return_im") else {"id": channel.id}
    return {"channel": full}


@method("conversations.join", "channel!", scopes="channels:join")
async def conversations_join(call: Call) -> dict[str, Any]:
    channel = call.channel(member=False, open_to_post=True)
    if channel.kind != "channel":
        raise Refused("method_not_supported_for_channel_type")
    channel.members.add(call.team.bot_user_id)
    call.world.changed()
    return {"channel": channel_json(channel, call.team)}


_SPAN = f"oldest latest inclusive:bool include_all_metadata:bool {_PAGE}"


@method("conversations.history", f"channel! {_SPAN}", json_body=False)
async def history(call: Call) -> dict[str, Any]:
    """Newest first; replies are not in it unless they were broadcast."""
    channel = call.channel()
    need_scope(call, HISTORY_SCOPES[channel.kind])
    found = [m for m in _span(call, _by_ts(channel)) if not m.parent_ts or m.broadcast]
    return _messages(call, found[::-1], 100)


@method("conversations.replies", f"channel! ts!:ts {_SPAN}", json_body=False)
async def replies(call: Call) -> dict[str, Any]:
    """The root and its replies, oldest first; of a reply's own ts only that reply."""
    channel = call.channel()
    need_scope(call, HISTORY_SCOPES[channel.kind])
    named = channel.messages.get(call.args["ts"])
    if named is None:
        raise Refused("thread_not_found")
    thread = [named] if named.parent_ts else channel.thread(named.ts)
    root = [m for m in thread if m is named]
    found = [m for m in _span(call, thread) if m is not named]
    return _messages(call, root + found, 1_000, most=1_000)


@method(
    "usergroups.list",
    "include_count:bool include_disabled:bool include_users:bool",
    scopes="usergroups:read",
    json_body=False,
)
async def usergroups(call: Call) -> dict[str, Any]:
    found = [
        {
            "id": group_id,
            "team_id": team_id,
            "is_usergroup": True,
            "name": handle,
            "handle": handle,
            "date_delete": 0,
            **({"users": list(users)} if call.args.get("include_users") else {}),
            **({"user_count": len(users)} if call.args.get("include_count") else {}),
        }
        for group_id, (team_id, handle, users) in call.world.groups.items()
        if team_id == call.team.team_id
    ]
    return {"usergroups": found}


@method("usergroups.users.list", "usergroup! include_disabled:bool", scopes="usergroups:read", json_body=False)
async def usergroup_users(call: Call) -> dict[str, Any]:
    group = call.world.groups.get(call.args["usergroup"])
    if group is None or group[0] != call.team.team_id:
        raise Refused("no_such_subteam")
    return {"users": list(group[2])}


@method("team.info", "team domain include_slackbot_availability:bool", scopes="team:read", json_body=False)
async def team_info(call: Call) -> dict[str, Any]:
    team = call.team
    if call.args.get("team", team.team_id) != team.team_id:
        raise Refused("team_not_found")
    return {
        "team": {
            "id": team.team_id,
            "name": team.name,
            "domain": team.domain,
            "url": f"https://{team.domain}.slack.com/",
        }
    }


@method("bots.info", "bot", scopes="users:read", json_body=False)
async def bots_info(call: Call) -> dict[str, Any]:
    wanted = call.args.get("bot", call.team.bot_id)
    if wanted == call.team.bot_id:
        return {
            "bot": {
                "id": wanted,
                "deleted": False,
                "name": "gofer",
                "app_id": "A0FAKE",
                "user_id": call.team.bot_user_id,
            }
        }
    for user in call.world.users.values():
        if user.bot_id and user.bot_id == wanted:
            return {
                "bot": {"id": wanted, "deleted": False, "name": user.name, "app_id": "A0OTHER", "user_id": user.user_id}
            }
    raise Refused("bot_not_found")


def _user(call: Call, user: User, *, locale: bool = False) -> dict[str, Any]:
    value = user_json(call.world, user, call.team, email="users:read.email" in call.team.scopes, locale=locale)
    if user.user_id == call.team.bot_user_id:
        value["profile"] |= {"bot_id": call.team.bot_id, "api_app_id": "A0FAKE"}
    return value


def _of_types(call: Call) -> list[Channel]:
    """Channels of the wanted types, each of which needs its scope."""
    kinds: list[str] = []
    for name in call.args.get("types") or ["public_channel"]:
        if name.strip() not in _TYPES:
            raise Refused("invalid_types")
        kinds.append(_TYPES[name.strip()])
    need_scope(call, *(READ_SCOPES[kind] for kind in kinds))
    return [
        channel
        for channel in call.world.channels.values()
        if channel.team_id == call.team.team_id
        and channel.kind in kinds
        and not (channel.archived and call.args.get("exclude_archived"))
    ]


def _by_ts(channel: Channel) -> list[Message]:
    return [message for _, message in sorted(channel.messages.items())]


def _span(call: Call, messages: list[Message]) -> list[Message]:
    oldest, latest = call.args.get("oldest", "0"), call.args.get("latest", "9999999999")
    try:
        low, high = float(oldest), float(latest)
    except ValueError:
        raise Refused("invalid_ts_oldest" if not oldest.replace(".", "").isdigit() else "invalid_ts_latest") from None
    if call.args.get("inclusive"):
        return [m for m in messages if low <= float(m.ts) <= high]
    return [m for m in messages if low < float(m.ts) < high]


def _messages(call: Call, found: list[Message], default: int, most: int = 999) -> dict[str, Any]:
    if call.fake.rates.distributed:
        default, most = 15, 15
    page, more = call.page(found, default, most)
    metadata = call.args.get("include_all_metadata", False)
    body = [message_json(call.world, m, call.fake.origin, metadata=metadata) for m in page]
    has_more = bool(more["response_metadata"]["next_cursor"])
    return {"messages": body, "has_more": has_more, **(more if has_more else {})}
