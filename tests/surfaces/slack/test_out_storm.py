"""Twenty tasks at once under Slack's real limits: nothing is refused. How long an approval waits: `test_pacer`."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from bot.cards import CardState, StepLine
from bot.surface import MessageRef
from tests.fakes.slack import SlackFake
from tests.surfaces.slack.out import approval, opened, place, status

TASKS = 20
MINUTES = 2


class Shared:
    """The fake's own clock for the surface too; whoever sleeps pushes it on, so that minutes pass in seconds."""

    speed = 25

    def __init__(self, slack: SlackFake) -> None:
        self._clock = slack.clock

    def now(self) -> float:
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)
        self._clock.advance(seconds - seconds / self.speed)


async def test_twenty_tasks_report_and_ask_without_a_call_that_slack_refuses() -> None:
    async with SlackFake("socket") as slack:
        slack.rate_limits = "real"
        ann = slack.user("ann")
        person = f"slack:{slack.team_id}:{ann.id}"
        threads = []
        for n in range(TASKS):
            channel = slack.channel(f"c{n}", members=[ann])
            threads.append(place(slack, channel, await ann.says(channel, "please")))
        clock = Shared(slack)
        end = clock.now() + 60 * MINUTES
        decided: list[int] = []

        async with opened(slack, clock) as surface:

            async def report(n: int) -> None:
                card = status(StepLine("One", "running"), asked_by=person, key=f"status:t_{n}")
                key, count = card.key, 0
                message = (await surface.post(threads[n], card, key=key)).message
                while clock.now() < end:
                    count += 1
                    shown = status(StepLine("One", "running"), now=f"call {count}", asked_by=person, key=card.key)
                    if not await surface.edit(message, shown):
                        old, message = message, (await surface.post(threads[n], shown, key=f"{key}#{count}")).message
                        await surface.retire(old)

            async def decide(n: int) -> None:
                await clock.sleep(3 + 5 * n)
                card = approval(key=f"ask:a_{n}")
                message: MessageRef = (await surface.post(threads[n], card, key=card.key)).message
                await surface.edit(message, replace(card, actions=(), state=CardState.DONE))
                decided.append(n)

            await asyncio.gather(*(report(n) for n in range(TASKS)), *(decide(n) for n in range(TASKS)))

        limited = [call for call in slack.refusals if call.error == "ratelimited"]
        assert [repr(call) for call in limited] == []
        assert sorted(decided) == list(range(TASKS))
