"""Several connections in this process: how many, when they may begin, and what each missed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from simcord.backend.models import Channel

from agent.ports.clock import SystemClock
from agent.service import AccessRules, Mailbox
from bot.discord.missed import OVERLAP
from tests.fakes.discord import DiscordFake, Human, Limits, Message
from tests.kit import call, open_kit, say
from tests.surfaces.discord.inside import Lines, opened

OPEN = AccessRules(start=("everyone",))
USED_UP_S = 3_600.0
LOOK = "GET /channels/*/messages"


class Rushed(SystemClock):
    """Long waits are noted and short. Waiting for a new day brings it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.waited: list[float] = []
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        if seconds == USED_UP_S:
            self.limits.remaining = self.limits.total
        await asyncio.sleep(min(seconds, 0.02))


@dataclass
class Inside:
    """Gofer in two servers, each with a channel that Ann is in."""

    discord: DiscordFake
    clock: Rushed
    lines: Lines
    ann: Human
    here: Channel
    there: Channel
    mail: Mailbox
    close: Callable[[], Awaitable[None]]

    async def mentions(self, channel: Channel) -> Message:
        return await self.ann.says(channel, f"{self.discord.mention} work")

    def pass_time(self, by: timedelta) -> None:
        """For Discord and for Gofer."""
        self.discord.world.backend.advance_clock(by.total_seconds())
        self.clock.ahead += by

    async def noticed(self, message: Message) -> None:
        await self.discord.wait_for(lambda: message.reactions)


@asynccontextmanager
async def inside(folder: Path, limits: Limits) -> AsyncGenerator[Inside]:
    limits.pace_s = 0.0  # the pace is kept in `tests/journeys`, where nobody rushes
    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(DiscordFake(limits=limits))
        kit = await stack.enter_async_context(open_kit(folder, [], access=OPEN))
        ann, clock = discord.user("ann"), Rushed(limits)
        here = discord.channel("here")
        there = discord.channel("there", server=discord.server("Beta", [ann], shard=1))
        office = await stack.enter_async_context(AsyncExitStack())
        lines = await office.enter_async_context(opened(kit, discord, folder, "first", clock=clock))
        await discord.wait_for(lambda: discord.gateway.connected == limits.shards)
        yield Inside(discord, clock, lines, ann, here, there, Mailbox(kit.journal.mail), office.aclose)


async def test_when_no_more_sessions_may_begin_today_it_is_told_and_waited_for(tmp_path: Path) -> None:
    async with inside(tmp_path, Limits(remaining=0, reset_after_s=USED_UP_S)) as it:
        assert USED_UP_S in it.clock.waited
        (line,) = it.lines[1:]
        assert line.startswith("Discord lets this bot open no more connections before ")
        assert "the 1000 of a day are used up" in line


async def test_a_number_that_is_refused_again_and_again_is_asked_for_ever_more_slowly(tmp_path: Path) -> None:
    async with inside(tmp_path, Limits()) as it:
        for times in range(4):
            await it.discord.wait_for(
                lambda times=times: it.discord.gateway.shards and it.discord.gateway.identified == times + 1
            )
            it.discord.gateway.close(4011)
        await it.discord.wait_for(lambda: it.discord.gateway.identified == 5)
        assert 15.0 in it.clock.waited
        assert set(it.lines[1:]) == {
            "Discord refuses the number of connections that it asked for. Gofer tries again by itself."
        }


async def test_a_count_that_grew_is_noticed_before_the_next_session_begins(tmp_path: Path) -> None:
    limits = Limits()
    async with inside(tmp_path, limits) as it:
        limits.shards = 2
        it.discord.gateway.invalidate()
        await it.discord.wait_for(lambda: it.discord.gateway.shards == [(0, 2), (1, 2)])
        assert it.discord.gateway.refused == []
        assert it.lines[1:] == ["Discord wants 2 connections for this bot now: Gofer changes over."]


async def test_a_version_that_discord_no_longer_takes_is_told_and_not_tried_again(tmp_path: Path) -> None:
    async with inside(tmp_path, Limits(shards=2)) as it:
        it.discord.gateway.close(4012, shard=0)
        await it.discord.wait_for(lambda: len(it.lines) == 2)
        assert "install a newer one" in it.lines[1]
        # The other one is heard, and that takes long enough for another try.
        await it.noticed(await it.mentions(it.there))
        assert it.discord.gateway.shards == [(1, 2)]


async def test_while_one_connection_looks_back_the_other_is_heard(tmp_path: Path) -> None:
    async with inside(tmp_path, Limits(shards=2)) as it:
        for place in (it.here, it.there):
            await it.noticed(await it.mentions(place))
        before = len(it.discord.calls(LOOK))
        gate = it.discord.faults.hold(LOOK)
        it.discord.gateway.invalidate(1)
        missed = await it.mentions(it.there)
        await gate.reached
        await it.discord.wait_for(lambda: it.discord.gateway.connected == 2)
        later, elsewhere = await it.mentions(it.there), await it.mentions(it.here)
        await it.noticed(elsewhere)
        assert (missed.reactions, later.reactions) == ({}, {})
        gate.open()
        await it.noticed(missed)
        await it.noticed(later)
        looked = {call.ids[0] for call in it.discord.calls(LOOK)[before:]}
        assert it.there.id in looked
        assert it.here.id not in looked


async def test_what_was_held_back_when_gofer_stops_is_stored(tmp_path: Path) -> None:
    async with inside(tmp_path, Limits(shards=2)) as it:
        await it.noticed(await it.mentions(it.there))
        gate = it.discord.faults.hold(LOOK)
        it.discord.gateway.invalidate(1)
        await gate.reached
        later = await it.mentions(it.there)
        await it.noticed(await it.mentions(it.here))
        assert not later.reactions
        await it.close()
        waiting = await it.mail.claim("discord", "test", limit=10, lease_s=60)
        assert later.reactions or str(later.id) in " ".join(arrival.arrival_id for arrival in waiting)


async def test_a_session_that_ends_while_it_is_looked_back_on_is_looked_back_on_anew(tmp_path: Path) -> None:
    async with inside(tmp_path, Limits(shards=2)) as it:
        await it.noticed(await it.mentions(it.there))
        gate = it.discord.faults.hold(LOOK)
        it.discord.gateway.invalidate(1)
        missed = await it.mentions(it.there)
        await gate.reached
        it.discord.gateway.invalidate(1)
        later = await it.mentions(it.there)
        await it.noticed(missed)
        await it.noticed(later)


async def test_what_one_connection_missed_where_gofer_never_worked_is_heard_though_the_other_was_busy(
    tmp_path: Path,
) -> None:
    async with inside(tmp_path, Limits(shards=2)) as it:
        server = it.discord.world.backend.guilds[it.there.guild_id or 0]
        quiet = it.discord.channel("quiet", server=server)
        await it.noticed(await it.mentions(it.there))
        it.discord.gateway.deaf = True
        it.discord.gateway.invalidate(1)
        missed = await it.mentions(quiet)
        it.pass_time(3 * OVERLAP)
        await it.noticed(await it.mentions(it.here))
        it.discord.gateway.deaf = False
        await it.noticed(missed)


async def test_a_session_that_begins_anew_leaves_what_is_known_of_the_servers_of_other_connections(
    tmp_path: Path,
) -> None:
    async with inside(tmp_path, Limits(shards=2)) as it:
        server = it.discord.world.backend.guilds[it.there.guild_id or 0]
        quiet = it.discord.channel("quiet", server=server)
        await it.noticed(await it.mentions(it.there))
        it.discord.gateway.invalidate(0)
        await it.discord.wait_for(lambda: it.discord.gateway.shards == [(0, 2), (1, 2)])
        await it.noticed(await it.mentions(it.here))  # by then the new session is known to have begun
        await it.ann.says(quiet, "not for Gofer")
        await it.noticed(await it.mentions(quiet))
        # Of a channel that it does not know it would have to ask, and could not tell that this is none of its business.
        assert quiet.id not in {call.ids[0] for call in it.discord.calls("GET /channels/*")}


async def test_a_store_that_is_away_when_discord_is_opened_leaves_nothing_of_that_try_at_work(tmp_path: Path) -> None:
    tries: list[None] = []

    async def heard_at() -> datetime | None:
        tries.append(None)
        if len(tries) == 1:
            raise OSError("the store is away")
        return None

    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(DiscordFake())
        script = [call("plan", steps=["one", "two"], files=["a"]), say("Done.")]
        kit = await stack.enter_async_context(open_kit(tmp_path, script, access=OPEN))
        ann, general, clock = discord.user("ann"), discord.channel("general"), Rushed(discord.gateway.limits)
        office = await stack.enter_async_context(AsyncExitStack())
        await office.enter_async_context(opened(kit, discord, tmp_path, "first", clock=clock, heard_at=heard_at))
        await discord.wait_for(lambda: discord.gateway.connected)
        root = await ann.says(general, f"{discord.mention} work")
        await discord.wait_for(lambda: discord.messages(general)[0].reactions)
        await kit.work()
        # The feed of the first try would keep the lead of posting, and could not post.
        await discord.wait_for(lambda: [m for m in discord.messages(root.id) if m.button_labels])
        await office.aclose()
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("gofer-discord")]
