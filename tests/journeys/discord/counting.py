"""The task that the tests of crashes and storms hand over, and what must be true of it whatever happened meanwhile."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.fakes.discord import Message
from tests.journeys.discord.serving import Office

PLAN = {"name": "plan", "input": {"steps": ["Count", "Write"], "files": ["outputs/words.txt"]}}
COUNT = {"name": "bash", "input": {"command": "mkdir -p outputs; cat inputs/*.txt | wc -w > outputs/words.txt"}}
DELIVER = {"name": "deliver", "input": {"path": "outputs/words.txt"}}
TURNS: list[dict[str, Any]] = [{"tools": [PLAN]}, {"tools": [COUNT]}, {"tools": [DELIVER]}, {"text": "Counted."}]
POEM = ("poem.txt", b"one two three\n")
DONE = "Counted."
CREATE = "POST /channels/*/messages"
EDIT = "PATCH /channels/*/messages/*"


def assert_told_once(gofer: Office, root: Message, *, worked_on: bool = True) -> None:
    """In the thread: one plan, one file with the right content, one result, at most one status, and nothing else.

    Not `worked_on`: the tools may have died in the middle, which the model is told, and this one does not try again.
    Then no file is there, and none is claimed.
    """
    shown = gofer.thread(root)
    dump = gofer.discord.dump()
    files = [(file.name, file.data) for each in shown for file in each.files]
    claimed = any(DONE in each.plain and "words.txt" in each.plain for each in shown)
    if worked_on or claimed:
        assert files == [("words.txt", b"3\n")], f"{files}\n{dump}"
    else:
        assert files == [], f"{files}\n{dump}"
    assert sum(DONE in each.plain for each in shown) == 1, dump
    assert sum("Plan" in each.plain and "Approved" in each.plain for each in shown) == 1, dump
    assert len(shown) <= 4, dump
    nonces = [c.body["nonce"] for c in gofer.discord.calls(CREATE) if c.ok and str(c.ids[0]) == str(root.id)]
    ids = {c.body["nonce"]: c.answer["id"] for c in gofer.discord.calls(CREATE) if c.ok}
    assert len(set(nonces)) == len({ids[nonce] for nonce in nonces}), dump


async def statuses(gofer: Office) -> list[str]:
    """The statuses of all tasks, as `gofer tasks list` tells them."""
    listed = await asyncio.to_thread(gofer.server.program.run, "tasks", "list", "--json")
    assert listed.code == 0, listed.err
    return [task["status"] for task in json.loads(listed.out)]
