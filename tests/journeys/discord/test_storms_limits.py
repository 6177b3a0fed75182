"""Twenty tasks while Discord limits what it takes: who must decide, and who waits for a result, does not wait."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.fakes.slack.faults import Args
from tests.journeys.discord.counting import CREATE, EDIT
from tests.journeys.discord.serving import ACCESS, Office, office

TASKS = 20
STEPS = 6
TOML = f"""{ACCESS}
[policy]
ask = ["Bash(publish*)"]
"""
PUBLISH = {"name": "bash", "input": {"command": "publish || true"}}
WORK: list[dict[str, Any]] = [
    {"text": f"Part {n}.", "tools": [{"name": "bash", "input": {"command": f"echo {n}"}}]} for n in range(STEPS)
]
TURNS: list[dict[str, Any]] = [*WORK, {"tools": [PUBLISH]}, *WORK, {"text": "All is published."}]
DONE = "All is published."


def places(gofer: Office, count: int) -> list[Office]:
    """Channels of their own."""
    return [replace(gofer, general=gofer.discord.channel(f"job-{n}")) for n in range(count)]


def says(words: str) -> Callable[[Args], bool]:
    return lambda body: words in json.dumps(body.get("components", []))


async def test_approvals_and_results_do_not_wait_for_progress(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS, toml=TOML) as gofer:
        discord = gofer.discord
        discord.rate_limits = "real"
        jobs = [(place, await place.asks("publish it")) for place in places(gofer, TASKS)]
        for place, root in jobs:
            ask = await place.card(root, "publish", button="Allow once")
            await gofer.ann.clicks(ask, "Allow once")
        for place, root in jobs:
            await place.card(root, DONE)
            shown = place.thread(root)
            assert sum("Allowed once" in each.plain or "Allow once" in each.button_labels for each in shown) == 1
            assert sum(DONE in each.plain for each in shown) == 1, discord.dump()
        # Latest wins: of what happened in fourteen turns only what was there to be seen is shown.
        assert len(discord.calls(EDIT)) < 2 * STEPS * TASKS
        # Gofer keeps the limits itself; what is refused is refused because all share one limit.
        assert [call for call in discord.calls() if call.status == 429 and call.name in (CREATE, EDIT)] == []


async def test_a_limit_is_waited_for_and_the_call_is_made_again(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS, toml=TOML) as gofer:
        discord = gofer.discord
        discord.faults.rate_limit(CREATE, retry_after_s=2, where=says("Allow once"))
        discord.faults.rate_limit("PUT /channels/*/messages/*/reactions/*/@me", retry_after_s=1)
        discord.faults.rate_limit("POST /channels/*/messages/*/threads", retry_after_s=1)
        root = await gofer.asks("publish it")
        await gofer.ann.clicks(await gofer.card(root, "publish", button="Allow once"), "Allow once")
        await gofer.card(root, DONE)
        await gofer.until(lambda: root.reactions.get("👀"))
        for call in discord.calls():
            if call.status == 429:
                again = next(c for c in discord.calls(call.name) if c.at > call.at and c.path == call.path)
                assert again.at - call.at >= 1
        assert len(gofer.thread(root)) <= 5
        assert gofer.discord.messages(gofer.general) == [root]  # nothing went elsewhere because of a limit
