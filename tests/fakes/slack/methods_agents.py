"""agents.sessions.* and assistant.threads.*: the state an agent shows of its work."""

from __future__ import annotations

from typing import Any

from tests.fakes.slack.methods_chat import own_style
from tests.fakes.slack.registry import Call, Refused, method, need_scope
from tests.fakes.slack.world import Channel, Prompts, Session

_STYLE = "icon_emoji icon_url username"


def set_status(
    call: Call, channel: Channel, thread_ts: str, status: str, title: str = "", initiator: str = ""
) -> dict[str, Any]:
    """Set or create the session of a thread; a title counts only at its creation. Gives the answer's fields."""
    if not call.fake.has_sessions:
        raise Refused("feature_not_enabled")
    session = call.world.sessions.get((channel.id, thread_ts))
    if session is None:
        session = Session(status, title, initiator)
        call.world.sessions[channel.id, thread_ts] = session
    session.status = status
    call.world.changed()
    answer: dict[str, Any] = {"status": status, "agent_status": status, "title": session.title}
    if "agent_session_stopped" not in call.fake.events.subscriptions:
        warning = "missing_agent_session_stopped_event_subscription"
        answer |= {"warning": warning, "response_metadata": {"warnings": [warning]}}
    return answer


@method(
    "agents.sessions.setStatus",
    f"channel_id! status! thread_ts!:ts title initiator_user_id {_STYLE}",
    scopes="chat:write",
)
async def session_status(call: Call) -> dict[str, Any]:
    """thread_ts may be left out only in code channels, which the fake has none of."""
    own_style(call)
    channel = call.channel("channel_id", open_to_post=True)
    thread_ts = call.thread(channel)
    if "initiator_user_id" in call.args:
        call.person("initiator_user_id")
    args = call.args
    return set_status(
        call, channel, thread_ts, args["status"], args.get("title", ""), args.get("initiator_user_id", "")
    )


@method("agents.sessions.rename", "channel_id! title! thread_ts!:ts", scopes="chat:write")
async def rename(call: Call) -> dict[str, Any]:
    channel = call.channel("channel_id", open_to_post=True)
    session = call.world.sessions.get((channel.id, call.thread(channel)))
    if not call.fake.has_sessions or session is None:
        raise Refused("session_not_found" if call.fake.has_sessions else "feature_not_enabled")
    session.title = call.args["title"]
    call.world.changed()
    return {"title": session.title}


@method("assistant.threads.setStatus", f"channel_id! thread_ts!:ts status loading_messages:list {_STYLE}")
async def thread_status(call: Call) -> dict[str, Any]:
    if "assistant:write" not in call.team.scopes:
        need_scope(call, "chat:write")
    own_style(call)
    channel = call.channel("channel_id")
    key = (channel.id, call.thread(channel))
    call.world.statuses.pop(key, None)
    if text := call.args.get("status", ""):
        call.world.statuses[key] = text
    call.world.changed()
    return {}


@method(
    "assistant.threads.setSuggestedPrompts", "channel_id! thread_ts:ts title prompts!:json", scopes="assistant:write"
)
async def suggested_prompts(call: Call) -> dict[str, Any]:
    channel = call.channel("channel_id")
    if channel.kind != "im":
        raise Refused("channel_type_not_supported")
    call.thread(channel)
    prompts = tuple(dict(item) for item in call.args["prompts"])
    call.world.prompts[channel.id] = Prompts(call.args.get("title", ""), prompts)
    call.world.changed()
    return {}


@method("assistant.threads.setTitle", "channel_id! thread_ts!:ts title!", scopes="assistant:write")
async def thread_title(call: Call) -> dict[str, Any]:
    channel = call.channel("channel_id")
    if channel.kind != "im":
        raise Refused("channel_type_not_supported")
    session = call.world.sessions.get((channel.id, call.thread(channel)))
    if session is not None:
        session.title = call.args["title"]
    call.world.changed()
    return {}
