"""chat.*: messages."""

from __future__ import annotations

from typing import Any

from tests.fakes.slack.registry import Call, Refused, method, need_scope
from tests.fakes.slack.shapes import message_json
from tests.fakes.slack.world import Block, Channel, File, Message

_STYLE = "icon_emoji icon_url username"
_TEXT = "text blocks:json attachments:json markdown_text metadata:json link_names:bool parse as_user:bool"


def body_of(args: dict[str, Any]) -> tuple[str, list[Block]]:
    """(text, blocks) of a message's arguments; `markdown_text` becomes a markdown block."""
    if markdown := args.get("markdown_text"):
        return markdown, [{"type": "markdown", "text": markdown}]
    return args.get("text", ""), args.get("blocks") or []


def own_style(call: Call) -> None:
    """Another name or picture needs its own scope."""
    if any(name in call.args for name in _STYLE.split()):
        need_scope(call, "chat:write.customize")


@method(
    "chat.postMessage",
    f"channel! thread_ts:ts reply_broadcast:bool unfurl_links:bool unfurl_media:bool mrkdwn:bool {_TEXT} {_STYLE}",
    scopes="chat:write",
)
async def post_message(call: Call) -> dict[str, Any]:
    own_style(call)
    channel = _target(call)
    parent_ts = call.thread(channel)
    if call.args.get("reply_broadcast") and not parent_ts:
        raise Refused("invalid_arguments", "[ERROR] reply_broadcast needs thread_ts")
    text, blocks = body_of(call.args)
    message = call.fake.acts.message(
        channel,
        call.team.bot_user_id,
        text=text,
        blocks=blocks,
        parent_ts=parent_ts,
        bot_id=call.team.bot_id,
        attachments=call.args.get("attachments") or [],
        metadata=call.args.get("metadata"),
        broadcast=call.args.get("reply_broadcast", False),
        subtype="thread_broadcast" if call.args.get("reply_broadcast") else "",
    )
    call.fake.acts.post(message)
    return {"channel": channel.id, "ts": message.ts, "message": _json(call, message)}


@method("chat.update", f"channel! ts!:ts file_ids:list reply_broadcast:bool {_TEXT}", scopes="chat:write")
async def update(call: Call) -> dict[str, Any]:
    """Blocks, attachments and metadata that are not given are kept: a text alone leaves the buttons standing."""
    channel = call.channel(open_to_post=True)
    message = call.message(channel)
    _own(call, message, "cant_update_message")
    text, blocks = body_of(call.args)
    given = "blocks" in call.args or "markdown_text" in call.args
    call.fake.acts.edit(
        message,
        call.team.bot_user_id,
        text=text if "text" in call.args or "markdown_text" in call.args else None,
        blocks=blocks if given else None,
        attachments=call.args.get("attachments"),
        files=_files(call),
        metadata=call.args.get("metadata"),
    )
    message.stream = None  # only an ended one can be here: what was streamed gives way to what was written now
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": _json(call, message)}


@method("chat.delete", "channel! ts!:ts as_user:bool", scopes="chat:write")
async def delete(call: Call) -> dict[str, Any]:
    channel = call.channel()
    message = call.message(channel)
    _own(call, message, "cant_delete_message")
    call.fake.acts.delete(message)
    return {"channel": channel.id, "ts": message.ts}


@method("chat.postEphemeral", f"channel! user! thread_ts:ts {_TEXT} {_STYLE}", scopes="chat:write")
async def post_ephemeral(call: Call) -> dict[str, Any]:
    own_style(call)
    channel = call.channel(open_to_post=True)
    if call.args["user"] not in channel.members:
        raise Refused("user_not_in_channel")
    text, blocks = body_of(call.args)
    message = call.fake.acts.message(
        channel,
        call.team.bot_user_id,
        text=text,
        blocks=blocks,
        parent_ts=call.thread(channel),
        bot_id=call.team.bot_id,
        ephemeral_to=call.args["user"],
    )
    call.fake.acts.whisper(message)
    return {"message_ts": message.ts}


@method("chat.getPermalink", "channel! message_ts!:ts", json_body=False)
async def permalink(call: Call) -> dict[str, Any]:
    channel = call.channel(member=False)
    message = call.message(channel, "message_ts")
    return {"channel": channel.id, "permalink": call.fake.permalink(message)}


def _target(call: Call) -> Channel:
    """A channel by id; a user id stands for the app's DM with that person. Names are refused."""
    person = call.world.users.get(call.args["channel"])
    if person is not None and call.fake.sees(call.team, person):
        return call.world.im(call.team, person)
    return call.channel(open_to_post=True)


def _own(call: Call, message: Message, error: str) -> None:
    if message.bot_id != call.team.bot_id:
        raise Refused(error)
    if message.streaming:
        # The name of this error is not known (unverified); that a live stream cannot be edited is.
        raise Refused("streaming_state_conflict")


def _files(call: Call) -> list[File] | None:
    if "file_ids" not in call.args:
        return None
    found = [call.world.files.get(file_id) for file_id in call.args["file_ids"]]
    if any(file is None for file in found):
        raise Refused("file_not_found")
    return [file for file in found if file is not None]


def _json(call: Call, message: Message) -> dict[str, Any]:
    return message_json(call.world, message, call.fake.origin, metadata=True)
