"""Discord: progress on one card, approvals of many tasks at once, how soon a click counts, what a task costs in calls.

The strict Discord and the bench share one process beside `gofer serve`; on few cores its own work counts in the times.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import tempfile
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.bench.moments import asked_and_answered, p95
from tests.bench.process import cpu_s_of, rss_mib_of, until_ready
from tests.bench.table import Row
from tests.fakes.discord import Called, DiscordFake, Message
from tests.fakes.slack import SlackFake
from tests.journeys.discord.counting import CREATE, EDIT, POEM
from tests.journeys.discord.counting import TURNS as COUNTING
from tests.journeys.discord.serving import READY, Office, Server, office
from tests.journeys.discord.test_storms_limits import DONE, TASKS, TOML, TURNS, places
from tests.journeys.program import program

EVENTS = 60
PACE_S = 0.1
CLICKS = 10
ACKNOWLEDGE = "POST /interactions/*/*/callback"


async def discord_rows() -> list[Row]:
    """All rows about Discord."""
    return [*await progress(), *await many_at_once(), *await ordinary(), *await idle()]


async def progress() -> list[Row]:
    """Sixty steps in about six seconds on one card, with Discord's limits in force."""
    command = {"name": "bash", "input": {"command": f"sleep {PACE_S}"}}
    turns: list[dict[str, Any]] = [{"text": f"Part {n}.", "tools": [command]} for n in range(EVENTS)]
    with tempfile.TemporaryDirectory() as folder:
        async with office(Path(folder), [*turns, {"text": "All parts are done."}]) as gofer:
            gofer.discord.rate_limits = "real"
            begin = time.monotonic()
            root = await gofer.asks("do all the parts")
            await gofer.card(root, "All parts are done.")
            wall_s = time.monotonic() - begin
            shown = [c for c in gofer.discord.called if c.name in (CREATE, EDIT) and c.ok and str(root.id) in c.path]
            gaps = [later.at - sooner.at for sooner, later in pairwise(shown)]
            edits = sum(call.name == EDIT for call in shown)
            limited = sum(call.status == 429 for call in gofer.discord.called)
    return [
        Row(f"edits for {EVENTS} steps on one card in Discord", f"{edits} in {wall_s:.1f} s", "few; no 429",
            f"{limited} calls answered 429"),
        Row("longest time that progress in Discord stays unseen", f"{max(gaps):.1f} s", "< 2 s",
            f"median {statistics.median(gaps):.1f} s between what is shown"),
    ]  # fmt: skip


async def many_at_once() -> list[Row]:
    """Twenty tasks that work and ask, with Discord's limits in force: one for each channel, and one for everything."""
    with tempfile.TemporaryDirectory() as folder:
        async with office(Path(folder), TURNS, toml=TOML) as gofer:
            discord = gofer.discord
            discord.rate_limits = "real"
            jobs = [(place, await place.asks("publish it")) for place in places(gofer, TASKS)]
            clicked: dict[str, float] = {}
            for place, root in jobs:
                ask = await place.card(root, "publish", button="Allow once")
                clicked[str(root.id)] = time.time()
                await gofer.ann.clicks(ask, "Allow once")
            for place, root in jobs:
                await place.card(root, DONE)
            offset = time.time() - discord.now()
            posted = {str(c.ids[0]): c.at + offset for c in discord.calls(CREATE) if c.ok and _asks(c)}
            limited = sum(call.status == 429 for call in discord.called)
            roots = [str(root.id) for _, root in jobs]
            opened, answered = await asyncio.to_thread(asked_and_answered, Path(folder), roots)
    shown = [posted[root] - opened[root] for root in posted]
    honoured = [answered[root] - clicked[root] for root in posted]
    return [
        Row(f"approval due -> its card in Discord, {TASKS} tasks at once, p95", f"{p95(shown):.1f} s", "< 5 s",
            f"slowest {max(shown):.1f} s; {limited} calls answered 429"),
        Row(f"click in Discord -> decided, {TASKS} tasks at once, p95", f"{p95(honoured):.1f} s", "< 5 s",
            f"slowest {max(honoured):.1f} s"),
    ]  # fmt: skip


def _asks(call: Called) -> bool:
    return "Allow once" in json.dumps(call.body.get("components", []))


async def ordinary() -> list[Row]:
    """A file in, a plan, an approval, a file out: the calls, and how soon a click is answered and acted on."""
    counts: list[int] = []
    acknowledged: list[float] = []
    resumed: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        async with office(Path(folder), COUNTING) as gofer:
            for n in range(CLICKS):
                before = len(gofer.discord.called)
                root = await gofer.asks(f"count the words, {n}", files=[POEM])
                plan = await gofer.card(root, "Count", button="Approve")
                clicked = gofer.discord.now()
                await gofer.ann.clicks(plan, "Approve")
                acknowledged.append(gofer.discord.calls(ACKNOWLEDGE)[-1].at - clicked)
                await gofer.card(root, "Counted.")
                counts.append(len(gofer.discord.called) - before)
                resumed.append(_decided(gofer, plan) - clicked)
            said = len(gofer.said(root))
    return [
        Row("REST calls of an ordinary task in Discord", f"{statistics.median(counts):.0f}", "<= 25",
            f"{said} messages of ours"),
        Row("click in Discord -> acknowledged, p95", f"{p95(acknowledged) * 1000:.0f} ms", "<= 50 ms",
            f"median {statistics.median(acknowledged) * 1000:.0f} ms of {CLICKS}"),
        Row("click in Discord -> the card says who decided, p95", f"{p95(resumed) * 1000:.0f} ms", "<= 1,000 ms",
            f"median {statistics.median(resumed) * 1000:.0f} ms"),
    ]  # fmt: skip


def _decided(gofer: Office, plan: Message) -> float:
    """When the card of a plan was changed first."""
    return next(call.at for call in gofer.discord.calls(EDIT) if call.ids[1] == plan.id)


async def idle() -> list[Row]:
    """`gofer serve` with Discord connected and nothing to do; then with Slack as well."""
    wall_s, cpu_s, rss = await _at_rest({})
    async with SlackFake() as slack:
        _, _, both = await _at_rest(slack.env(), slack)
    return [
        Row("`/readyz` 200 after start, with Discord", f"{wall_s:.1f} s, {cpu_s:.1f} CPU s", "<= 2 s, <= 1.5 CPU s"),
        Row("idle RSS of `gofer serve` with Discord connected", f"{rss:.0f} MiB", "<= 130 MiB"),
        Row("idle RSS of `gofer serve` with Slack and Discord connected", f"{both:.0f} MiB", "<= 130 MiB"),
    ]


async def _at_rest(more: Mapping[str, str], slack: SlackFake | None = None) -> tuple[float, float, float]:
    """Seconds until it is ready, CPU seconds until then, and MiB once it is connected."""
    with tempfile.TemporaryDirectory() as folder:
        async with DiscordFake() as discord:
            gofer = program(Path(folder), **discord.env(), **more, GOFER_WEB_PORT="0", GOFER_MODEL="offline")
            server = Server(gofer, ("serve",), READY)
            begin = time.perf_counter()
            await server.start()
            await server.says("/signin")
            url = next(found[0] for line in server.lines if (found := re.search(r"http://[\d.]+:\d+", line)))
            await asyncio.to_thread(until_ready, f"{url}/readyz")
            wall_s, cpu_s = time.perf_counter() - begin, cpu_s_of(server.pid)
            await discord.wait_for(lambda: discord.gateway.connected and (slack is None or slack.socket_count))
            rss = rss_mib_of(server.pid)
            await server.stop()
    return wall_s, cpu_s, rss
