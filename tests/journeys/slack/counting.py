"""The task that the tests of crashes and storms hand over, and what must be true of it whatever happened meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from tests.fakes.slack.faults import Args
from tests.fakes.slack.world import Channel, Message
from tests.journeys.slack.serving import Office

PLAN = {"name": "plan", "input": {"steps": ["Count", "Write"], "files": ["outputs/words.txt"]}}
COUNT = {"name": "bash", "input": {"command": "mkdir -p outputs; cat inputs/*.txt | wc -w > outputs/words.txt"}}
DELIVER = {"name": "deliver", "input": {"path": "outputs/words.txt"}}
TURNS: list[dict[str, Any]] = [
    {"tools": [PLAN]},
    {"tools": [COUNT]},
    {"tools": [COUNT]},  # a command that dies with its process is undone; the script cannot look, so it counts twice
    {"tools": [DELIVER]},
    {"text": "Counted."},
]
POEM = ("poem.txt", b"one two three\n")
DONE = "Counted."


def key_of(message: Message) -> str:
    """What a message of Gofer's is for: the key in its metadata or, with files, in its block. Live streams lack it."""
    data = message.metadata or {}
    marks = [str(block.get("block_id", "")) for block in message.blocks]
    return str(data.get("event_payload", {}).get("key", "")) or next((m for m in marks if m.startswith("gofer:")), "")


def posts(kind: str) -> Any:
    """Picks the calls that post a message of a kind (`ask`, `status`, `result`)."""

    def chosen(args: Args) -> bool:
        data = args.get("metadata") or {}
        data = json.loads(data) if isinstance(data, str) else data
        return str(data.get("event_payload", {}).get("key", "")).startswith(f"{kind}:")

    return chosen


def said_in(gofer: Office, channel: Channel, root: Message) -> list[Message]:
    """Gofer's messages in a thread of any channel."""
    return [m for m in gofer.slack.messages(channel, root.ts) if m.user == gofer.slack.bot_user_id]


def assert_told_once(
    gofer: Office, root: Message, *, channel: Channel | None = None, data: bytes = b"3\n", undone: bool = False
) -> None:
    """In the thread: one plan, at most one status, one file with the right content, one result, and nothing else.
    Where work was `undone`, there may be no file."""
    said = said_in(gofer, channel or gofer.general, root)
    kinds = Counter(key_of(message).removeprefix("gofer:").partition(":")[0] for message in said)
    files = [(file.name, file.data) for message in said for file in message.files]
    wanted = [] if undone and not files else [("words.txt", data)]
    expected = {"ask": 1, "result": 1, **({"files": 1} if wanted else {})}
    assert kinds in (expected, {**expected, "status": 1}), f"{kinds}\n{gofer.slack.dump()}"
    assert files == wanted, files
    assert [message for message in said if message.streaming] == []
    result = next(message for message in said if key_of(message).startswith("result:"))
    assert DONE in result.plain


async def statuses(gofer: Office) -> list[str]:
    """The statuses of all tasks, as `gofer tasks list` tells them."""
    listed = await asyncio.to_thread(gofer.server.program.run, "tasks", "list", "--json")
    assert listed.code == 0, listed.err
    return [task["status"] for task in json.loads(listed.out)]


async def commands_undone(gofer: Office) -> bool:
    """Whether the journal says of the one task that every command which makes its file was cut short and undone."""
    program = gofer.server.program
    (task,) = json.loads((await asyncio.to_thread(program.run, "tasks", "list", "--json")).out)
    exported = await asyncio.to_thread(program.run, "tasks", "export", task["task_id"])
    events = json.loads(exported.out)
    ended = [event for event in events if event["kind"] == "ToolReturned" and event["tool"] == "bash"]
    return bool(ended) and all(event["summary"] == "interrupted, undone" for event in ended)
