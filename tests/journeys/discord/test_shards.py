"""Several connections: each tells of its servers, one is lost without the others, more are opened when Discord wants
them, and two processes share them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.discord import DISCORDS_PACE_S, DiscordFake, Limits, Message, NotAnswered, NotPossible
from tests.journeys.discord.counting import DONE, POEM, TURNS, assert_told_once, statuses
from tests.journeys.discord.serving import ACCESS, READY, Office, Server, office
from tests.journeys.program import scripted
from tests.store.databases import fresh_database

BOTH = [(0, 2), (1, 2)]


def in_beta(gofer: Office) -> Office:
    """The same people in a channel of another server, which the second connection tells of."""
    beta = gofer.discord.server("Beta", [gofer.ann, gofer.ben], shard=1)
    return replace(gofer, general=gofer.discord.channel("beta", server=beta))


async def begun(place: Office) -> Message:
    """A task handed over there."""
    return await place.asks("count the words", files=[POEM])


async def approved(place: Office, root: Message) -> None:
    """Ann clicks until it counts: nobody answers while one process takes over from the other."""
    plan = await place.card(root, "Count", button="Approve")
    while plan.button_labels:
        with suppress(NotAnswered, NotPossible):
            await place.ann.clicks(plan, "Approve")
        await place.discord.world.news.wait(0.5)


async def done(place: Office, root: Message) -> None:
    await place.card(root, DONE)
    assert_told_once(place, root)


async def test_servers_of_both_connections_and_direct_messages_are_heard_once_though_one_is_lost(
    tmp_path: Path,
) -> None:
    discord = DiscordFake(limits=Limits(shards=2, pace_s=DISCORDS_PACE_S))
    async with office(tmp_path, TURNS, discord=discord) as gofer:
        gateway, beta = discord.gateway, in_beta(gofer)
        await gofer.until(lambda: gateway.shards == BOTH)
        here, there = await begun(gofer), await begun(beta)
        alone = discord.dm(gofer.ann)
        await gofer.ann.says(alone, "count the words", files=[POEM])
        await gofer.card(here, "Count", button="Approve")
        plan = await beta.card(there, "Count", button="Approve")
        await gofer.until(lambda: [m for m in discord.messages(alone) if "Approve" in m.button_labels])
        assert await statuses(gofer) == ["waiting"] * 3

        gateway.deaf = True
        gateway.drop(1)
        await beta.ann.reacts(plan, "✅")
        await approved(gofer, here)
        await done(gofer, here)
        assert gateway.shards == [(0, 2)]
        gateway.deaf = False
        await done(beta, there)
        assert sorted(await statuses(gofer)) == ["finished", "finished", "waiting"]
        assert gateway.shards == BOTH
        assert (gateway.identified, gateway.resumed, gateway.hurried) == (2, 1, 0)


async def test_when_discord_wants_more_connections_they_are_opened_and_what_was_missed_is_heard(tmp_path: Path) -> None:
    limits = Limits()
    async with office(tmp_path, TURNS, discord=DiscordFake(limits=limits)) as gofer:
        gateway, beta = gofer.discord.gateway, in_beta(gofer)
        here = await begun(gofer)
        await gofer.card(here, "Count", button="Approve")
        limits.shards = 2
        gateway.close(4011)
        there = await begun(beta)
        await gofer.server.says("Discord wants 2 connections")
        await gofer.until(lambda: gateway.shards == BOTH)
        for place, root in ((gofer, here), (beta, there)):
            await approved(place, root)
            await done(place, root)
        assert await statuses(gofer) == ["finished"] * 2
        assert (gateway.identified, gateway.hurried) == (3, 0)


@pytest.mark.postgres
async def test_two_processes_share_the_connections_and_one_takes_over_from_the_other(tmp_path: Path) -> None:
    with fresh_database("postgresql", tmp_path, migrated=False) as url:
        async with DiscordFake(limits=Limits(shards=2, pace_s=DISCORDS_PACE_S)) as discord:
            (tmp_path / "gofer.toml").write_text(ACCESS, encoding="utf-8")
            program = scripted(tmp_path, TURNS, **discord.env(), GOFER_WEB_PORT="0", GOFER_DATABASE_URL=url)
            assert program.run("db", "upgrade").code == 0
            worker = Server(program, ("worker",), "Worker ready")
            first, second = (Server(program, ("serve", "--no-worker"), READY) for _ in range(2))
            gofer = Office(discord, second, discord.user("ann"), discord.user("ben"), discord.channel("general"))
            places = (gofer, in_beta(gofer))
            gateway = discord.gateway
            # Both ask how many there are before either is told.
            asking = [discord.faults.hold("GET /gateway/bot") for _ in range(2)]
            try:
                for server in (worker, first, second):
                    await server.start()
                for gate in asking:
                    await gate.reached
                for gate in asking:
                    gate.open()
                await gofer.until(lambda: gateway.shards == BOTH)
                assert (gateway.identified, gateway.hurried) == (2, 0)
                jobs = [(place, await begun(place)) for place in places]
                for place, root in jobs:
                    await place.card(root, "Count", button="Approve")

                await first.kill()
                jobs += [(place, await begun(place)) for place in places]
                for place, root in jobs:
                    await approved(place, root)
                for place, root in jobs:
                    await done(place, root)
                assert await statuses(gofer) == ["finished"] * len(jobs)
                assert gateway.shards == BOTH
                # One of the two was taken over, so that each process had one.
                assert gateway.identified == 3
            finally:
                for server in (first, second, worker):
                    if server.alive:
                        assert await server.stop() == 0, server.log
