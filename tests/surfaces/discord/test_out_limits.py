"""Limits that Discord sets while it runs: Gofer waits, gives up nothing, and goes nowhere else."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from bot.cards import Text
from bot.surface import SurfaceDown, SurfaceRefused
from tests.fakes.discord import DiscordFake
from tests.surfaces.discord.out import EDIT, POST, THREAD, approval, at, opened, place


@pytest.fixture
async def discord() -> AsyncGenerator[DiscordFake]:
    async with DiscordFake() as fake:
        yield fake


async def test_a_thread_that_must_wait_for_minutes_is_waited_for_and_nothing_goes_elsewhere(
    discord: DiscordFake,
) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    async with opened(discord) as surface:
        discord.faults.rate_limit(THREAD, retry_after_s=136)
        with pytest.raises(SurfaceDown) as told:
            await surface.post(place(discord, general, request), approval(), key="ask:a_1")
        assert told.value.retry_after_s == 136
        assert discord.messages(general) == [request]
        posted = await surface.post(place(discord, general, request), approval(), key="ask:a_1")
    assert discord.messages(general) == [request]
    assert [str(m.id) for m in discord.messages(request.id) if m.is_card] == [posted.message.message_id]


@pytest.mark.parametrize("name", [POST, THREAD, EDIT])
async def test_a_limit_that_discords_edge_sets_is_no_refusal(discord: DiscordFake, name: str) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    thread = place(discord, general, request)
    async with opened(discord) as surface:

        async def shown_and_changed() -> None:
            posted = await surface.post(thread, approval(), key="ask:a_1")
            await surface.edit(posted.message, approval(Text("Sent"), actions=()))

        discord.faults.refuse(name, 0, "Too many requests", status=429)
        with pytest.raises(SurfaceDown, match="asks for patience"):
            await shown_and_changed()
        assert len([called for called in discord.calls(name) if called.status == 429]) == 1
        await shown_and_changed()
    (card,) = [message for message in discord.messages(request.id) if message.is_card]
    assert "Sent" in card.plain
    assert discord.messages(general) == [request]


async def test_old_cards_that_are_decided_together_all_change(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    thread = place(discord, general, request)
    async with opened(discord) as surface:
        asked = [await surface.post(thread, approval(), key=f"ask:a_{n}") for n in range(4)]
        discord.world.backend.clock.advance(2 * 3600)
        discord.faults.refuse(EDIT, 30046, "Maximum number of edits to messages older than 1 hour", status=429)
        with pytest.raises(SurfaceDown):
            await surface.edit(asked[0].message, approval(Text("Sent"), actions=()))
        for card in asked:  # the fourth is told to wait, and waits
            assert await surface.edit(card.message, approval(Text("Sent"), actions=()))
    assert 30046 in [called.code for called in discord.calls(EDIT)]
    assert ["Sent" in m.plain for m in discord.messages(request.id) if m.is_card] == [True] * 4


async def test_a_request_full_of_reactions_is_refused_one_more_in_plain_words(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    for number in range(20):
        await ann.reacts(request, chr(0x1F600 + number))
    async with opened(discord) as surface:
        with pytest.raises(SurfaceRefused, match="reactions"):
            await surface.react(at(discord, request), "👀")
