"""The scheduler of Slack's calls, on a clock that only moves when it is waited for."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bot.slack.pacer import APPEND_EVERY_S, LONGEST_S, POST_EVERY_S, TIERS, Pacer, Priority, RateLimited
from bot.surface import SurfaceDown, SurfaceRefused
from tests.surfaces.slack.ticks import Ticks


class Slack:
    """Counts calls as Slack does, and refuses those beyond the tier. Each takes `takes_s`."""

    def __init__(self, clock: Ticks, takes_s: float = 0.1) -> None:
        self.clock, self.takes_s = clock, takes_s
        self.calls: list[tuple[float, str, str]] = []
        self.refused = 0
        self._seen: dict[str, deque[float]] = {}

    def send(self, method: str, name: str = "") -> Callable[[], Awaitable[str]]:
        async def run() -> str:
            now = self.clock.now()
            seen = self._seen.setdefault(method, deque())
            while seen and now - seen[0] >= 60:
                seen.popleft()
            if len(seen) >= TIERS.get(method, 50):
                self.refused += 1
                raise RateLimited(method, math.ceil(60 - (now - seen[0])))
            seen.append(now)
            self.calls.append((now, method, name))
            await self.clock.sleep(self.takes_s)
            return name

        return run

    def named(self) -> list[str]:
        return [name for _, _, name in self.calls]


async def test_an_idle_pacer_sends_at_once_and_holds_no_task() -> None:
    clock = Ticks()
    pacer, slack = Pacer(clock), Slack(clock)
    before = asyncio.all_tasks()
    assert await clock.run(pacer.call("chat.update", Priority.STATE, slack.send("chat.update", "a"))) == "a"
    assert slack.calls == [(0.0, "chat.update", "a")]
    await clock.settle()
    assert asyncio.all_tasks() == before


async def test_twenty_tasks_edit_and_approvals_still_come_within_five_seconds() -> None:
    clock = Ticks()
    pacer, slack = Pacer(clock), Slack(clock)
    waited: list[float] = []

    async def progress(task: int) -> None:
        while clock.now() < 120:
            await pacer.call("chat.update", Priority.PROGRESS, slack.send("chat.update", "p"), key=f"card{task}")

    async def approvals() -> None:
        for n in range(12):
            await clock.sleep(10)
            asked = clock.now()
            await pacer.call("chat.postMessage", Priority.APPROVAL, slack.send("chat.postMessage"), channel=f"C{n}")
            await pacer.call("chat.update", Priority.APPROVAL, slack.send("chat.update", "decided"), key=f"ask{n}")
            waited.append(clock.now() - asked)

    await clock.run(asyncio.gather(approvals(), *(progress(n) for n in range(20))))
    assert slack.refused == 0
    assert max(waited) < 5
    updates = [at for at, method, _ in slack.calls if method == "chat.update"]
    assert max(sum(at <= other < at + 60 for other in updates) for at in updates) <= 40
    assert len(updates) > 60  # progress is slow and not starved


async def test_progress_leaves_a_fifth_to_the_others() -> None:
    clock = Ticks()
    pacer, slack = Pacer(clock), Slack(clock, takes_s=0)
    send = slack.send

    async def many() -> None:
        await asyncio.gather(
            *(pacer.call("chat.update", Priority.PROGRESS, send("chat.update", f"p{n}")) for n in range(32))
        )
        at = clock.now()
        assert at < 60
        assert not pacer.free("chat.update", Priority.PROGRESS)
        await asyncio.gather(
            *(pacer.call("chat.update", Priority.APPROVAL, send("chat.update", f"a{n}")) for n in range(8))
        )
        assert clock.now() == at

    await clock.run(many())


async def test_what_people_wait_for_goes_first() -> None:
    clock = Ticks()
    pacer, slack = Pacer(clock), Slack(clock, takes_s=0)
    order = [Priority.PROGRESS, Priority.STATE, Priority.ERROR, Priority.RESULT, Priority.APPROVAL]
    calls = [
        pacer.call("chat.postMessage", priority, slack.send("chat.postMessage", priority.name), channel="C1")
        for priority in order
    ]
    await clock.run(asyncio.gather(*calls))
    assert slack.named() == ["APPROVAL", "RESULT", "ERROR", "STATE", "PROGRESS"]
    gaps = [b - a for (a, *_), (b, *_) in zip(slack.calls, slack.calls[1:], strict=False)]
    assert gaps == pytest.approx([POST_EVERY_S] * 4)


async def test_a_full_channel_does_not_hold_up_another() -> None:
    clock = Ticks()
    pacer, slack = Pacer(clock), Slack(clock, takes_s=0)
    channels = ["C1", "C1", "C1", "C2"]
    calls = [
        pacer.call("chat.postMessage", Priority.RESULT, slack.send("chat.postMessage", c), channel=c) for c in channels
    ]
    await clock.run(asyncio.gather(*calls))
    assert slack.named() == ["C1", "C2", "C1", "C1"]


async def test_all_that_posts_shares_the_channels_second() -> None:
    clock = Ticks()
    pacer, slack = Pacer(clock), Slack(clock, takes_s=0)
    methods = ["chat.postMessage", "chat.startStream", "files.completeUploadExternal"]
    await clock.run(asyncio.gather(*(pacer.call(m, Priority.STATE, slack.send(m), channel="C1") for m in methods)))
    assert [at for at, *_ in slack.calls] == pytest.approx([0, POST_EVERY_S, 2 * POST_EVERY_S])


async def test_additions_to_one_stream_keep_their_distance_and_hold_up_no_other_stream() -> None:
    clock = Ticks()
    pacer, slack = Pacer(clock), Slack(clock, takes_s=0)
    streams = ["1.1", "1.1", "1.1", "2.2"]
    calls = [
        pacer.call("chat.appendStream", Priority.STATE, slack.send("chat.appendStream", ts), channel=ts)
        for ts in streams
    ]
    await clock.run(asyncio.gather(*calls))
    assert slack.named() == ["1.1", "2.2", "1.1", "1.1"]
    assert [at for at, *_ in slack.calls] == pytest.approx([0, 0, APPEND_EVERY_S, 2 * APPEND_EVERY_S])


@pytest.mark.parametrize(
    ("method", "a_minute"),
    [
        ("chat.update", 50),
        ("reactions.add", 50),
        ("reactions.remove", 20),
        ("chat.startStream", 20),
        ("views.open", 100),
    ],
)
async def test_each_method_stays_at_four_fifths_of_its_tier(method: str, a_minute: int) -> None:
    clock = Ticks()
    pacer, slack = Pacer(clock), Slack(clock, takes_s=0)
    calls = [pacer.call(method, Priority.APPROVAL, slack.send(method, str(n))) for n in range(2 * a_minute)]
    await clock.run(asyncio.gather(*calls))
    times = [at for at, *_ in slack.calls]
    assert sum(at < 60 for at in times) == a_minute * 4 // 5
    assert max(sum(at <= other < at + 60 for other in times) for at in times) == a_minute * 4 // 5


async def test_only_the_newest_edit_of_a_message_is_made() -> None:
    clock = Ticks()
    pacer, slack = Pacer(clock), Slack(clock, takes_s=1)

    async def edit(name: str) -> str:
        return await pacer.call("chat.update", Priority.STATE, slack.send("chat.update", name), key="m1")

    async def story() -> list[str]:
        first = asyncio.create_task(edit("one"))
        await clock.settle()
        rest = [asyncio.create_task(edit(name)) for name in ("two", "three", "four")]
        return [await task for task in (first, *rest)]

    assert await clock.run(story()) == ["one", "four", "four", "four"]
    # Never two of one message on their way at once: they could overtake each other.
    assert slack.calls == [(0.0, "chat.update", "one"), (1.0, "chat.update", "four")]


async def test_a_newer_edit_lends_its_urgency_to_the_older() -> None:
    clock = Ticks()
    pacer, slack = Pacer(clock), Slack(clock, takes_s=0)
    done = asyncio.gather(
        pacer.call("chat.postMessage", Priority.RESULT, slack.send("chat.postMessage", "first"), channel="C1"),
        pacer.call("chat.postMessage", Priority.RESULT, slack.send("chat.postMessage", "other"), channel="C1"),
        pacer.call("chat.postMessage", Priority.PROGRESS, slack.send("chat.postMessage", "x"), channel="C1", key="k"),
        pacer.call("chat.postMessage", Priority.APPROVAL, slack.send("chat.postMessage", "y"), channel="C1", key="k"),
    )
    await clock.run(done)
    assert slack.named() == ["y", "first", "other"]


async def test_retry_after_rests_that_method_and_keeps_the_order() -> None:
    clock = Ticks()
    pacer, slack = Pacer(clock), Slack(clock, takes_s=0)
    limits = [7.0]

    async def limited() -> str:
        if limits:
            raise RateLimited("chat.update", limits.pop())
        slack.calls.append((clock.now(), "chat.update", "early"))
        return "early"

    async def story() -> None:
        first = asyncio.create_task(pacer.call("chat.update", Priority.STATE, limited))
        await clock.settle()
        rest = [
            pacer.call("chat.update", Priority.PROGRESS, slack.send("chat.update", "late")),
            pacer.call("chat.update", Priority.APPROVAL, slack.send("chat.update", "decided")),
            pacer.call("chat.delete", Priority.PROGRESS, slack.send("chat.delete", "other method")),
        ]
        await asyncio.gather(first, *rest)

    await clock.run(story())
    assert slack.calls == [
        (0.0, "chat.delete", "other method"),
        (7.0, "chat.update", "decided"),
        (7.0, "chat.update", "early"),
        (7.0, "chat.update", "late"),
    ]


async def test_a_limited_edit_gives_way_to_a_newer_one() -> None:
    clock = Ticks()
    pacer, slack = Pacer(clock), Slack(clock, takes_s=0)

    async def limited() -> str:
        await clock.sleep(1)
        raise RateLimited("chat.update", 5)

    async def story() -> list[str]:
        old = asyncio.create_task(pacer.call("chat.update", Priority.STATE, limited, key="m1"))
        await clock.settle()
        new = asyncio.create_task(pacer.call("chat.update", Priority.STATE, slack.send("chat.update", "new"), key="m1"))
        return [await old, await new]

    assert await clock.run(story()) == ["new", "new"]
    assert slack.calls == [(6.0, "chat.update", "new")]


async def test_a_very_long_wait_is_handed_to_the_caller() -> None:
    clock = Ticks()
    pacer = Pacer(clock)

    async def limited() -> None:
        raise RateLimited("chat.update", LONGEST_S + 1)

    with pytest.raises(SurfaceDown) as caught:
        await clock.run(pacer.call("chat.update", Priority.STATE, limited))
    assert caught.value.retry_after_s == LONGEST_S + 1


async def test_a_refusal_reaches_everybody_who_waits_for_the_call() -> None:
    clock = Ticks()
    pacer = Pacer(clock)

    async def refused() -> None:
        raise SurfaceRefused("gone")

    calls = [pacer.call("chat.update", Priority.STATE, refused, key="m1") for _ in range(2)]
    results = await clock.run(asyncio.gather(*calls, return_exceptions=True))
    assert [type(result) for result in results] == [SurfaceRefused, SurfaceRefused]


async def test_who_is_cancelled_takes_only_their_own_call_along() -> None:
    clock = Ticks()
    pacer, slack = Pacer(clock), Slack(clock, takes_s=0)

    def post(name: str, key: str = "") -> asyncio.Task[str]:
        send = slack.send("chat.postMessage", name)
        return asyncio.create_task(pacer.call("chat.postMessage", Priority.STATE, send, channel="C1", key=key))

    async def story() -> list[Any]:
        first, alone, shared, other = post("first"), post("alone"), post("shared", "k"), post("shared 2", "k")
        await clock.settle()
        alone.cancel()
        shared.cancel()
        return await asyncio.gather(first, alone, shared, other, return_exceptions=True)

    results = await clock.run(story())
    assert [results[0], results[3]] == ["first", "shared 2"]
    assert all(isinstance(result, asyncio.CancelledError) for result in results[1:3])
    assert slack.named() == ["first", "shared 2"]


async def test_closing_ends_what_waits_and_what_runs() -> None:
    clock = Ticks()
    pacer, slack = Pacer(clock), Slack(clock, takes_s=1_000)
    calls = [
        asyncio.create_task(
            pacer.call("chat.postMessage", Priority.STATE, slack.send("chat.postMessage", str(n)), channel="C1")
        )
        for n in range(3)
    ]
    await clock.settle()
    await pacer.close()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [SurfaceDown] * 3
    with pytest.raises(SurfaceDown):
        await pacer.call("chat.update", Priority.STATE, slack.send("chat.update"))


async def test_calls_out_of_turn_are_counted() -> None:
    clock = Ticks()
    pacer = Pacer(clock)
    for _ in range(16):
        assert pacer.free("chat.startStream", Priority.STATE)
        pacer.charge("chat.startStream")
    assert not pacer.free("chat.startStream", Priority.STATE)
    pacer.hold_off(RateLimited("views.open", 3))
    assert not pacer.free("views.open", Priority.APPROVAL)
