"""Writes docs/surfaces.md from the scenarios that run on every chat platform: `make docs`. A test compares the two."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.journeys import scenarios
from tests.journeys.discord import test_deciding as discord_deciding
from tests.journeys.discord import test_plans as discord_plans
from tests.journeys.discord import test_working as discord_working
from tests.journeys.slack import test_deciding as slack_deciding
from tests.journeys.slack import test_plans as slack_plans
from tests.journeys.slack import test_working as slack_working

PAGE = Path(__file__).parents[2] / "docs" / "surfaces.md"
PLATFORMS: Mapping[str, Sequence[scenarios.Scenario]] = {
    "Slack": [*slack_plans.SCENARIOS, *slack_deciding.SCENARIOS, *slack_working.SCENARIOS],
    "Discord": [*discord_plans.SCENARIOS, *discord_deciding.SCENARIOS, *discord_working.SCENARIOS],
}
INTRO = """\
# What works where

<!-- Made by `make docs` from tests/journeys/scenarios.py; do not edit. -->

Gofer is the same coworker in [Slack](slack.md), [Discord](discord.md), the [web chat](web.md) and the
[terminal](terminal.md). What differs is what the platforms have.

| | Slack | Discord |
|---|---|---|
| Hand over work | mention, direct message, *Hand to Gofer*, the Home tab | mention, direct message, *Hand to Gofer*, \
`/task new` |
| Where the work is shown | in the thread of the request | in a thread on the request; where there can be none, in the \
channel |
| Progress | one message that changes, streamed where Slack streams | one message that changes |
| Replies without a mention | heard where Gofer works | heard with the intent *Message Content*; mentions and buttons \
need none |
| Said to one person only | a message that only they see | the same after a click or command; else a direct message |
| Forms | with files | with files |
| Requests over HTTP | events, clicks and commands | clicks and commands |
| Files | up to what the workspace takes | up to 10 MiB each, ten in a message; larger ones are linked |

A plan and a result in Discord:

![A plan with the buttons Approve, Edit and Reject](pictures/discord-plan.png)

![A result with its file](pictures/discord-result.png)

Below is what people do, each played on both by the same test, with the real `gofer serve` on a strict stand-in for the
platform (`tests/journeys`).
"""


def page() -> str:
    """The whole page."""
    lines = [INTRO]
    for heading, group in sections():
        lines += [f"## {heading}", "", f"| | {' | '.join(PLATFORMS)} |", f"|---|{'---|' * len(PLATFORMS)}"]
        for scenario in group:
            marks = ("✓" if scenario in played else "–" for played in PLATFORMS.values())
            lines.append(f"| {sentence(scenario)} | {' | '.join(marks)} |")
        lines.append("")
    return "\n".join(lines)


def sections() -> Iterator[tuple[str, list[scenarios.Scenario]]]:
    """The scenarios as they stand in their file, below its headings."""
    source = Path(scenarios.__file__).read_text(encoding="utf-8")
    for heading, body in re.findall(r"^# -- ([^\n]+)\n(.*?)(?=^# -- |\Z)", source, re.MULTILINE | re.DOTALL):
        names = re.findall(r"^async def (\w+)\(", body, re.MULTILINE)
        yield heading[0].upper() + heading[1:], [getattr(scenarios, name) for name in names]


def sentence(scenario: scenarios.Scenario) -> str:
    """Its name in words."""
    words = scenario.__name__.replace("_", " ")
    return words[0].upper() + words[1:]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
