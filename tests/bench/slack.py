"""Slack: what one process takes in, how soon people see something, what a task costs in calls, approvals in a storm.

The strict Slack and the bench share one process beside `gofer serve`; on few cores its own work counts in the times.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import tempfile
import time
from pathlib import Path

from agent.ports.clock import SystemClock
from agent.service import Arrival, Mailbox
from agent.store import SqlJournal
from bot.pump import ROOM
from bot.slack.app import FrontDoor, only
from bot.slack.workspace import Workspace
from tests.bench.moments import asked_and_answered, p95
from tests.bench.process import cpu_s_of, peak_rss_mib_of, rss_mib_of, until_ready
from tests.bench.table import Row
from tests.fakes.slack import Message, SlackFake
from tests.journeys.program import program
from tests.journeys.slack.counting import POEM, posts
from tests.journeys.slack.counting import TURNS as COUNTING
from tests.journeys.slack.serving import Office, Server, office
from tests.journeys.slack.test_storms_limits import TASKS, TOML, TURNS, places
from tests.store.databases import POSTGRES, fresh_database

TAKEN_IN = 2_000
AT_ONCE = 20
FILE_MIB = 60
RATE = 20
"""Events a second."""
SECONDS = 15
STORMS = ("chat.update", "chat.appendStream", "chat.startStream", "reactions.add", "agents.sessions.setStatus")
HERE = Workspace(team_id="T1", bot_user_id="U0", bot_id="B0", name="acme", url="")


async def slack_rows() -> list[Row]:
    """All rows about Slack."""
    kinds = ("sqlite", "postgresql") if POSTGRES else ("sqlite",)
    return [
        *[await taken_in(kind) for kind in kinds],
        *await at_a_rate(),
        await calls_per_task(),
        *await in_a_storm(),
        await with_large_files(),
        *await idle(),
    ]


async def taken_in(kind: str) -> Row:
    """Messages through the front door and into the database, some at a time, against a bare commit of the store."""
    with tempfile.TemporaryDirectory() as folder, fresh_database(kind, Path(folder)) as url:
        clock = SystemClock()
        now = clock.now
        journal = await SqlJournal.open(url, home=Path(folder), clock=clock)
        try:
            mailbox = Mailbox(journal.mail)
            door = FrontDoor(mailbox.take_in, only(HERE), now)
            numbers = iter(range(TAKEN_IN))

            async def through_the_door() -> None:
                for n in numbers:
                    reply = await door.take(_mention(n))
                    assert reply.status == 200

            begin = time.perf_counter()
            await asyncio.gather(*(through_the_door() for _ in range(AT_ONCE)))
            door_s = time.perf_counter() - begin
            bare = iter(range(TAKEN_IN))

            async def bare_store() -> None:
                for n in bare:
                    body = json.dumps(_mention(n))
                    await mailbox.take_in(
                        Arrival(
                            arrival_id=f"bare{n}", surface="slack", lane=f"bare{n}", kind="message", body=body, at=now()
                        )
                    )

            begin = time.perf_counter()
            await asyncio.gather(*(bare_store() for _ in range(AT_ONCE)))
            bare_s = time.perf_counter() - begin
        finally:
            await journal.close()
    return Row(
        f"Slack events taken in durably by one process, {kind}",
        f"{TAKEN_IN / door_s:.0f} a second",
        ">= 200 a second",
        f"{door_s / bare_s:.1f}x the time of the store alone; {AT_ONCE} at a time",
    )


def _mention(n: int) -> dict[str, object]:
    ts = f"17{n:08d}.000100"
    event = {"type": "app_mention", "user": "U1", "text": f"<@U0> job {n}", "channel": "C1", "ts": ts, "event_ts": ts}
    return {"type": "event_callback", "team_id": "T1", "event_id": f"Ev{n}", "event_time": n, "event": event}


async def at_a_rate() -> list[Row]:
    """Ordinary talk at a steady rate, and every second a request: acknowledgements, and the first thing seen of it."""
    with tempfile.TemporaryDirectory() as folder:
        async with office(Path(folder), [{"text": "Yes."}]) as gofer:
            slack, asked = gofer.slack, list[tuple[Office, Message, float]]()
            rooms = places(gofer, SECONDS)
            await slack.wait_for(lambda: slack.socket_count == 1)
            begin = time.monotonic()
            for n in range(RATE * SECONDS):
                await asyncio.sleep(max(0.0, begin + n / RATE - time.monotonic()))
                if n % RATE == 0:
                    room = rooms[n // RATE]
                    asked.append((room, await room.asks(f"is {n} even?"), slack.clock.now()))
                else:
                    await gofer.ben.says(gofer.general, f"talk {n}")
            for room, root, _ in asked:
                await room.card(root, "Yes.")
            await slack.settled()
            acks = [d.ack_ms for d in slack.deliveries if d.acked and d.ack_ms is not None]
            again = sum(d.attempt > 0 for d in slack.deliveries if d.sent_at > begin)
            seen = [_first_sign(room, root) - at for room, root, at in asked]
    return [
        Row(f"acknowledged at {RATE} events a second, p95", f"{p95(acks):.0f} ms", "<= 500 ms, of Slack's 3,000",
            f"slowest {max(acks):.0f} ms; {again} redelivered"),
        Row(f"first visible reaction at {RATE} events a second, p95", f"{p95(seen) * 1000:.0f} ms", "<= 2,000 ms",
            f"median {statistics.median(seen) * 1000:.0f} ms of {len(seen)} requests"),
    ]  # fmt: skip


def _first_sign(room: Office, root: Message) -> float:
    """When the first call came that a person sees: a reaction on the request, a state or a message in its thread."""
    slack = room.slack
    return next(
        call.at
        for call in slack.called
        if root.ts in (call.args.get("thread_ts"), call.args.get("timestamp"))
        and call.method in ("reactions.add", "agents.sessions.setStatus", "chat.postMessage", "chat.startStream")
    )


async def calls_per_task() -> Row:
    """A file in, a plan, an approval, a file out."""
    with tempfile.TemporaryDirectory() as folder:
        async with office(Path(folder), COUNTING) as gofer:
            counts: list[int] = []
            for n in range(3):
                before = len(gofer.slack.called)
                root = await gofer.asks(f"count the words, {n}", files=[POEM])
                await gofer.ann.clicks(await gofer.card(root, "Count", button="Approve"), "Approve")
                await gofer.card(root, "Counted.")
                await gofer.until(lambda root=root: gofer.slack.sessions[gofer.general, root].status == "closed")
                counts.append(len(gofer.slack.called) - before)
            said = len(gofer.thread(root))
    return Row(
        "Web API calls of an ordinary task", f"{statistics.median(counts):.0f}", "<= 25", f"{said} messages of ours"
    )


async def in_a_storm() -> list[Row]:
    """Twenty tasks that work and ask, while Slack limits all that is not a new message, again and again."""
    with tempfile.TemporaryDirectory() as folder:
        async with office(Path(folder), TURNS, toml=TOML) as gofer:
            slack = gofer.slack
            slack.rate_limits = "real"
            for method in STORMS:
                slack.faults.rate_limit(method, retry_after_s=10, times=TASKS)
            jobs = [(place, await place.asks("publish it")) for place in places(gofer, TASKS)]
            clicked: dict[str, float] = {}
            for place, root in jobs:
                ask = await place.card(root, "publish", button="Allow once")
                clicked[root.ts] = time.time()
                await gofer.ann.clicks(ask, "Allow once")
            for place, root in jobs:
                await place.card(root, "All is published.")
            offset = time.time() - slack.clock.now()
            posted = {
                call.args["thread_ts"]: call.at + offset
                for call in slack.calls("chat.postMessage")
                if call.ok and posts("ask")(call.args)
            }
            limited = sum(call.status == 429 for call in slack.called)
            opened, answered = await asyncio.to_thread(asked_and_answered, Path(folder), [root.ts for _, root in jobs])
    shown = [posted[ts] - opened[ts] for ts in posted]
    honoured = [answered[ts] - clicked[ts] for ts in posted]
    remark = f"{limited} calls answered 429 in the run"
    return [
        Row(f"approval due -> its card in Slack, {TASKS} tasks in a 429 storm, p95", f"{p95(shown):.1f} s", "< 5 s",
            f"slowest {max(shown):.1f} s; {remark}"),
        Row(f"click -> decided, {TASKS} tasks in a 429 storm, p95", f"{p95(honoured):.1f} s", "< 5 s",
            f"slowest {max(honoured):.1f} s"),
    ]  # fmt: skip


async def with_large_files() -> Row:
    """As many files as are taken up at a time, each near the limit, against what the process holds before."""
    data = bytes(FILE_MIB * 1024 * 1024)
    with tempfile.TemporaryDirectory() as folder:
        async with office(Path(folder), [{"text": "Yes."}]) as gofer:
            before = await gofer.asks("is four even?")
            await gofer.card(before, "Yes.")
            idle_mib = peak_rss_mib_of(gofer.server.pid)
            asked = [
                (place, await place.asks("is it large?", files=[(f"{n}.bin", data)]))
                for n, place in enumerate(places(gofer, ROOM))
            ]
            for place, root in asked:
                await place.card(root, "Yes.")
            peak_mib = peak_rss_mib_of(gofer.server.pid)
    return Row(
        f"memory for {ROOM} files of {FILE_MIB} MiB that arrive at once",
        f"{peak_mib - idle_mib:.0f} MiB",
        "<= 64 MiB",
        f"peak of `gofer serve` {peak_mib:.0f} MiB, {idle_mib:.0f} before; the files {ROOM * FILE_MIB} MiB",
    )


async def idle() -> list[Row]:
    """`gofer serve` with Slack connected and nothing to do."""
    with tempfile.TemporaryDirectory() as folder:
        async with SlackFake() as slack:
            gofer = program(Path(folder), **slack.env(), GOFER_WEB_PORT="0", GOFER_MODEL="offline")
            server = Server(gofer, ("serve",), "/signin")
            begin = time.perf_counter()
            await server.start()
            url = next(found[0] for line in server.lines if (found := re.search(r"http://[\d.]+:\d+", line)))
            await asyncio.to_thread(until_ready, f"{url}/readyz")
            wall_s, cpu_s = time.perf_counter() - begin, cpu_s_of(server.pid)
            await slack.wait_for(lambda: slack.socket_count == 1)
            rss = rss_mib_of(server.pid)
            await server.stop()
    return [
        Row("`/readyz` 200 after start, with Slack", f"{wall_s:.1f} s, {cpu_s:.1f} CPU s", "<= 2 s, <= 1.5 CPU s"),
        Row("idle RSS of `gofer serve` with Slack connected", f"{rss:.0f} MiB", "<= 130 MiB", "without Discord"),
    ]
