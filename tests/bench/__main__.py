"""`make bench`."""

from __future__ import annotations

import argparse
import asyncio

from agent.core.context import system_prompt
from agent.ports.llm import json_size_chars
from agent.tools.builtin import toolbox
from tests.bench.discord import discord_rows
from tests.bench.loops import loop_rows, many_threads, parked
from tests.bench.process import process_rows
from tests.bench.slack import slack_rows
from tests.bench.table import Row, show


def request_row() -> Row:
    """The part of the first request that every task pays."""
    chars = len(system_prompt()) + json_size_chars(list(toolbox().blocks()))
    return Row("fixed size of the first request, chars/4", f"{chars // 4}", "<= 4,000", "system prompt and tools")


async def measure() -> list[Row]:
    """All rows, in order."""
    return [
        request_row(),
        *(await loop_rows()),
        await many_threads(),
        *(await parked()),
        *(await process_rows()),
        *(await slack_rows()),
        *(await discord_rows()),
    ]


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    show(asyncio.run(measure()))


if __name__ == "__main__":
    main()
