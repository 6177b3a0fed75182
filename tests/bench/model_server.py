"""The strict Messages fake in a process of its own, so that its work does not count as ours.

Prints its URL, then serves until its standard input closes. Every conversation gets tool calls until it has as
many assistant messages as `--turns`, then a last word.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping
from typing import Any

from tests.fakes.messages import FakeMessages


def script(turns: int) -> Any:
    """A turn by the number of assistant messages so far."""

    def reply(body: dict[str, Any]) -> Mapping[str, Any]:
        number = sum(m["role"] == "assistant" for m in body["messages"])
        if number >= turns:
            return {"text": "Done."}
        return {"tools": [{"name": "note", "input": {"text": f"line {number} " + "x" * 200}}]}

    return reply


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, required=True)
    fake = FakeMessages(script(parser.parse_args().turns))
    async with fake.serving() as url:
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
