"""Twenty tasks while Slack limits what it takes: who must decide, and who waits for a result, does not wait."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.journeys.slack.counting import key_of, posts
from tests.journeys.slack.serving import Office, office

TASKS = 20
STEPS = 6
TOML = """
[access]
start = ["everyone"]
[policy]
ask = ["Bash(publish*)"]
"""
PUBLISH = {"name": "bash", "input": {"command": "publish || true"}}
WORK: list[dict[str, Any]] = [
    {"text": f"Part {n}.", "tools": [{"name": "bash", "input": {"command": f"echo {n}"}}]} for n in range(STEPS)
]
TURNS: list[dict[str, Any]] = [*WORK, {"tools": [PUBLISH]}, *WORK, {"text": "All is published."}]
PROGRESS = ("chat.update", "chat.appendStream", "chat.startStream")
LONG_S = 200.0
"""So long progress has to rest: longer than this test may take."""


def places(gofer: Office, count: int) -> list[Office]:
    """Channels of their own, because each takes one message a second."""
    channels = (gofer.slack.channel(f"job-{n}", members=[gofer.ann]) for n in range(count))
    return [replace(gofer, general=channel) for channel in channels]


async def test_approvals_and_results_do_not_wait_for_progress(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS, toml=TOML) as gofer:
        slack = gofer.slack
        slack.rate_limits = "real"
        for method in PROGRESS:
            slack.faults.rate_limit(method, retry_after_s=LONG_S)
        jobs = [(place, await place.asks("publish it")) for place in places(gofer, TASKS)]
        for place, root in jobs:
            ask = await place.card(root, "publish", button="Allow once")
            await gofer.ann.clicks(ask, "Allow once")
        for place, root in jobs:
            await place.card(root, "All is published.")
            kinds = [key_of(message).partition(":")[0] for message in place.thread(root)]
            assert (kinds.count("ask"), kinds.count("result")) == (1, 1), slack.dump()

        for method in PROGRESS:
            limited = [call.at for call in slack.calls(method) if call.status == 429]
            # Calls that were under way together arrive together.
            assert [call for call in slack.calls(method) if limited and call.at > limited[0] + 1] == [], method
        assert [call for call in slack.calls("chat.postMessage") if not call.ok] == []


async def test_each_method_rests_as_long_as_slack_asks_and_the_call_is_made_again(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS, toml=TOML) as gofer:
        slack = gofer.slack
        slack.faults.rate_limit("chat.postMessage", retry_after_s=2, where=posts("ask"))
        slack.faults.rate_limit("reactions.add", retry_after_s=1)
        slack.faults.rate_limit("users.info", retry_after_s=1)
        root = await gofer.asks("publish it")
        await gofer.ann.clicks(await gofer.card(root, "publish", button="Allow once"), "Allow once")
        await gofer.card(root, "All is published.")
        await gofer.until(lambda: root.reactions.get("eyes"))
        for method, rest_s in (("chat.postMessage", 2), ("reactions.add", 1), ("users.info", 1)):
            calls = slack.calls(method)
            first = next(n for n, call in enumerate(calls) if call.status == 429)
            assert calls[first + 1].at - calls[first].at >= rest_s
        # Latest wins: of what happened in fourteen turns only what was there to be seen is shown.
        shown = [call for method in ("chat.update", "chat.appendStream") for call in slack.calls(method)]
        assert len(shown) < 2 * STEPS
        assert len(gofer.thread(root)) <= 5
