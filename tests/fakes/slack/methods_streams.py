"""chat.*Stream: messages that grow; and how much one may hold.

Streams die `stream_ttl_s` after their start even while they are fed. A stream takes about 10.6 KB: words and titles
once, details and output of tasks twice (as measured by others), and 50 task cards.
"""

from __future__ import annotations

import copy
from typing import Any

from tests.fakes.slack.acts import Acts
from tests.fakes.slack.lint import MESSAGE_BLOCKS
from tests.fakes.slack.methods_agents import set_status
from tests.fakes.slack.methods_chat import own_style
from tests.fakes.slack.registry import Call, Refused, method
from tests.fakes.slack.shapes import message_json
from tests.fakes.slack.world import Block, Message, Stream

STREAM_BYTES = 10_600
STREAM_TASKS = 50
_CONTENT = "markdown_text chunks:json"
_STYLE = "icon_emoji icon_url username"


@method(
    "chat.startStream",
    f"channel! thread_ts!:ts recipient_user_id recipient_team_id task_display_mode {_STYLE} {_CONTENT}",
    scopes="chat:write",
)
async def start(call: Call) -> dict[str, Any]:
    own_style(call)
    channel = call.channel(open_to_post=True)
    parent_ts = call.thread(channel)
    if channel.kind != "im":
        for name in ("recipient_user_id", "recipient_team_id"):
            if not call.args.get(name):
                raise Refused(f"missing_{name}")
        if call.args["recipient_user_id"] not in channel.members:
            raise Refused("user_not_in_channel")
    clock = call.world.clock
    stream = Stream(clock, call.fake.stream_ttl_s, clock.now(), call.args.get("task_display_mode", "timeline"))
    _take(stream, call.args)
    message = call.fake.acts.message(
        channel, call.team.bot_user_id, parent_ts=parent_ts, bot_id=call.team.bot_id, stream=stream
    )
    call.fake.acts.post(message)
    return {"channel": channel.id, "ts": message.ts}


@method("chat.appendStream", f"channel! ts!:ts {_CONTENT}", scopes="chat:write")
async def append(call: Call) -> dict[str, Any]:
    message, stream = _live(call)
    _take(stream, call.args)
    call.world.changed()
    return {"channel": message.channel.id, "ts": message.ts}


@method("chat.stopStream", f"channel! ts!:ts blocks:json metadata:json session_status {_CONTENT}", scopes="chat:write")
async def stop(call: Call) -> dict[str, Any]:
    message, stream = _live(call)
    _take(stream, call.args)
    finish(call.fake.acts, message, call.args.get("blocks") or [], call.args.get("metadata"))
    extra: dict[str, Any] = {}
    if status := call.args.get("session_status"):
        extra = set_status(call, message.channel, message.parent_ts, status)
    body = message_json(call.world, message, call.fake.origin, metadata=True)
    return {"channel": message.channel.id, "ts": message.ts, "message": body, **extra}


def finish(
    acts: Acts, message: Message, below: list[Block], metadata: dict[str, Any] | None = None, *, by_user: bool = False
) -> None:
    """End the stream: what was streamed becomes the blocks that stay, with `below` under them."""
    stream = message.stream
    assert stream is not None
    cards: list[Block] = [
        {"type": "task_card", "task_id": task["id"], "title": task["title"], "status": task["status"], **_rich(task)}
        for task in stream.tasks.values()
    ]
    if stream.display_mode == "plan" and (cards or stream.plan_title):
        cards = [{"type": "plan", "title": stream.plan_title or "Plan", "tasks": cards}]
    words: list[Block] = [{"type": "markdown", "text": stream.text}] if stream.text else []
    blocks = [*cards, *words, *copy.deepcopy(stream.blocks), *below]
    stream.state = "stopped_by_user" if by_user else "stopped"
    acts.edit(message, message.user, text=stream.text, blocks=blocks, metadata=metadata)
    message.history.clear()
    message.edited = None


def _rich(task: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name in ("details", "output"):
        if text := task.get(name):
            section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
            out[name] = {"type": "rich_text", "elements": [section]}
    if task.get("sources"):
        out["sources"] = task["sources"]
    return out


def _live(call: Call) -> tuple[Message, Stream]:
    channel = call.channel(open_to_post=True)
    message = call.message(channel)
    stream = message.stream
    if message.bot_id != call.team.bot_id or stream is None:
        raise Refused("message_not_in_streaming_state")
    if stream.state == "stopped_by_user":
        raise Refused("stopped_by_user")
    if not stream.live:
        raise Refused("message_not_in_streaming_state")
    return message, stream


def _take(stream: Stream, args: dict[str, Any]) -> None:
    """Add the content of a call, or refuse it and leave the stream as it is."""
    new = copy.copy(stream)
    new.tasks, new.blocks = dict(stream.tasks), list(stream.blocks)
    mode = "text" if args.get("markdown_text") is not None else "chunks" if args.get("chunks") else ""
    if mode and new.mode and mode != new.mode:
        raise Refused("streaming_mode_mismatch")
    new.mode = new.mode or mode
    new.text += args.get("markdown_text") or ""
    for chunk in args.get("chunks") or ():
        match chunk["type"]:
            case "markdown_text":
                new.text += chunk["text"]
            case "plan_update":
                new.plan_title = chunk["title"]
            case "task_update":
                new.tasks[chunk["id"]] = {**new.tasks.get(chunk["id"], {}), **chunk}
            case _:
                new.blocks += chunk["blocks"]
    if len(new.blocks) > MESSAGE_BLOCKS:
        raise Refused("invalid_chunks", f"[ERROR] no more than {MESSAGE_BLOCKS} blocks allowed")
    if (size := _size(new)) > STREAM_BYTES:
        raise Refused("msg_too_long", f"[ERROR] {size} bytes")
    if len(new.tasks) > STREAM_TASKS:
        raise Refused("msg_too_long", f"[ERROR] more than {STREAM_TASKS} task cards")
    vars(stream).update(vars(new))


def _size(stream: Stream) -> int:
    words = [stream.text, stream.plan_title]
    for task in stream.tasks.values():
        words += [task["title"], *(2 * task.get(name, "") for name in ("details", "output"))]
        words += [source["text"] + source["url"] for source in task.get("sources") or ()]
    return sum(len(word.encode()) for word in words)
