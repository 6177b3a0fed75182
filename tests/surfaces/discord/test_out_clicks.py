"""What a click, a command or a form allows: private cards and dialogs, also where the answer was given already."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simcord.backend.models import Interaction as Record

from agent.domain.people import Actor
from bot.cards import Text
from bot.discord.surface import DiscordSurface
from bot.discord.triggers import Interaction, Kind, pack, unpack
from bot.forms import new_form
from bot.surface import Trigger
from tests.fakes.discord import DiscordFake, Human, Message
from tests.surfaces.discord.out import approval, at, opened, place

COMMANDS = [{"name": "gofer", "description": "Ask Gofer", "type": 1}]


@pytest.fixture
async def discord() -> AsyncGenerator[DiscordFake]:
    async with DiscordFake() as fake:
        yield fake


async def asked(discord: DiscordFake, surface: DiscordSurface, ann: Human) -> Message:
    """A card with buttons in a thread."""
    general = discord.channel("general")
    request = await ann.says(general, "please")
    await surface.post(place(discord, general, request), approval(), key="ask:a_1")
    return discord.messages(request.id)[-1]


async def pressed(
    discord: DiscordFake, doing: Coroutine[Any, Any, Record], kind: Kind
) -> tuple[asyncio.Task[Record], Trigger]:
    """An interaction that is under way, and its trigger."""
    known = len(discord.interactions.sent)
    task = asyncio.create_task(doing)
    await discord.wait_for(lambda: len(discord.interactions.sent) > known)
    told = discord.interactions.sent[-1]
    return task, pack(Interaction(told["id"], told["token"], told["application_id"], kind))


async def answer(surface: DiscordSurface, trigger: Trigger, body: dict[str, Any]) -> None:
    """Acknowledge, as the office does."""
    found = unpack(trigger)
    path = "/interactions/{webhook_id}/{webhook_token}/callback"
    await surface.web.call("POST", path, {"webhook_id": found.interaction_id, "webhook_token": found.token}, json=body)


@given(st.text(min_size=1), st.sampled_from(["component", "command", "modal"]))
def test_a_trigger_comes_back_as_it_was_packed(token: str, kind: Kind) -> None:
    told = Interaction("123", token, "456", kind)
    assert unpack(pack(told)) == told


@pytest.mark.parametrize("value", ["", "1", "1:t", "1:t:2", "1:t:2:other", "1::2:modal", "1:t:x:modal"])
def test_what_is_no_trigger_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="not a trigger"):
        unpack(Trigger("discord", value))


async def test_a_click_that_was_acknowledged_gets_private_cards(discord: DiscordFake) -> None:
    ann, bob = discord.user("ann"), discord.user("bob")
    async with opened(discord) as surface:
        card = await asked(discord, surface, ann)
        task, trigger = await pressed(discord, ann.clicks(card, "Allow once"), "component")
        await answer(surface, trigger, {"type": 6})
        await task
        thread = at(discord, card).thread
        for words in ("one", "two"):
            await surface.whisper(thread, Actor(f"discord:{ann.user_id}"), approval(Text(words)), trigger=trigger)
    assert ["one" in discord.ephemerals(ann)[0].plain, "two" in discord.ephemerals(ann)[1].plain] == [True, True]
    assert discord.ephemerals(bob) == []
    assert discord.messages(discord.dm(ann)) == []


async def test_a_click_that_nobody_answered_yet_is_answered_by_the_card(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    async with opened(discord) as surface:
        card = await asked(discord, surface, ann)
        task, trigger = await pressed(discord, ann.clicks(card, "Deny"), "component")
        # What Discord says of a further message before there was an answer.
        discord.faults.refuse("POST /webhooks/*/*", 10015, "Unknown Webhook", status=404)
        await surface.whisper(at(discord, card).thread, Actor(f"discord:{ann.user_id}"), approval(), trigger=trigger)
        await task
    assert [message.button_labels for message in discord.ephemerals(ann)] == [["Allow once", "Deny"]]


async def test_the_first_words_after_a_command_take_the_place_of_thinking(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    async with opened(discord) as surface:
        await surface.web.call("PUT", "/applications/{a}/commands", {"a": str(discord.application_id)}, json=COMMANDS)
        task, trigger = await pressed(discord, ann.runs("/gofer", general), "command")
        await answer(surface, trigger, {"type": 5, "data": {"flags": 64}})
        await task
        for words in ("one", "two"):
            person = Actor(f"discord:{ann.user_id}")
            await surface.whisper(place(discord, general), person, approval(Text(words)), trigger=trigger)
    first, second = discord.ephemerals(ann)
    assert ("one" in first.plain, "two" in second.plain) == (True, True)
    assert first.id == (await task).message_id


async def test_words_that_come_too_late_for_a_click_come_as_a_direct_message(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    async with opened(discord) as surface:
        card = await asked(discord, surface, ann)
        task, trigger = await pressed(discord, ann.clicks(card, "Allow once"), "component")
        await answer(surface, trigger, {"type": 6})
        await task
        discord.faults.refuse("POST /webhooks/*/*", 50027, "Invalid Webhook Token", status=401)
        await surface.whisper(at(discord, card).thread, Actor(f"discord:{ann.user_id}"), approval(), trigger=trigger)
    assert discord.ephemerals(ann) == []
    assert discord.messages(discord.dm(ann))[-1].button_labels == ["Allow once", "Deny"]


async def test_a_dialog_opens_once_and_only_as_the_first_answer(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    async with opened(discord) as surface:
        card = await asked(discord, surface, ann)
        thread = at(discord, card).thread
        task, trigger = await pressed(discord, ann.clicks(card, "Allow once"), "component")
        assert await surface.open_form(trigger, new_form(), thread)
        await task
        assert not await surface.open_form(trigger, new_form(), thread)
        other = pack(Interaction("1", "unknown", str(discord.application_id), "component"))
        assert not await surface.open_form(other, new_form(), thread)
    (form,) = discord.forms(ann)
    assert set(form.fields) == {"note", "files"}


async def test_long_words_for_one_person_bring_their_overflow_along(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    async with opened(discord) as surface:
        card = await asked(discord, surface, ann)
        task, trigger = await pressed(discord, ann.clicks(card, "Allow once"), "component")
        await answer(surface, trigger, {"type": 6})
        await task
        thread = at(discord, card).thread
        person = Actor(f"discord:{ann.user_id}")
        await surface.whisper(thread, person, approval(Text("x y " * 3_000)), trigger=trigger)
    assert [file.name for file in discord.ephemerals(ann)[0].files] == ["approval.md"]
