"""Calls to Discord's API: what passes, what is a refusal, and the sentence people read."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import discord as library
import pytest

from bot.discord.web import TOO_LARGE, Body, DiscordRefused, Web
from bot.surface import SurfaceDown
from tests.fakes.discord import DiscordFake
from tests.surfaces.discord.out import POST, reached

CHANNEL = "/channels/{channel_id}"


@pytest.fixture
async def discord() -> AsyncGenerator[DiscordFake]:
    async with DiscordFake() as fake:
        yield fake


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (401, 0, "make a new one on the page Bot"),
        (403, 50001, "Gofer cannot see this channel: give it the right View Channel there."),
        (403, 50013, "Gofer lacks a right in this channel"),
        (404, 10003, "This channel or thread is gone."),
        (400, 160005, "A moderator has locked this thread: go on in another one."),
        (400, 99999, r"Discord refuses this \(GET /channels/\{channel_id\}: 99999, Something new\)\."),
    ],
)
async def test_a_refusal_is_told_with_what_to_do(discord: DiscordFake, status: int, code: int, told: str) -> None:
    async with reached(discord) as web:
        discord.faults.refuse("GET /channels/*", code, "Something new", status=status)
        with pytest.raises(DiscordRefused, match=told) as refused:
            await web.call("GET", CHANNEL, {"channel_id": "1"})
        assert (refused.value.status, refused.value.code) == (status, code)


@pytest.mark.parametrize(("status", "code"), [(503, 0), (503, 130000), (400, 40062), (520, 0)])
async def test_trouble_that_passes_is_no_refusal(discord: DiscordFake, status: int, code: int) -> None:
    async with reached(discord) as web:
        discord.faults.refuse("GET /channels/*", code, "Later", status=status)
        with pytest.raises(SurfaceDown, match="Discord cannot do this now"):
            await web.call("GET", CHANNEL, {"channel_id": "1"})


async def test_a_page_instead_of_an_answer_is_no_refusal(discord: DiscordFake) -> None:
    async with reached(discord) as web:
        discord.faults.http("GET /channels/*", 503)
        with pytest.raises(SurfaceDown):
            await web.call("GET", CHANNEL, {"channel_id": "1"})


async def test_a_lost_answer_passes(discord: DiscordFake) -> None:
    channel = str(discord.channel("general").id)
    async with reached(discord) as web:
        discord.faults.lose_reply("POST /channels/*/typing")
        with pytest.raises(SurfaceDown, match="Discord cannot be reached"):
            await web.call("POST", f"{CHANNEL}/typing", {"channel_id": channel})
        assert (await web.one("GET", CHANNEL, {"channel_id": channel}))["name"] == "general"


async def test_what_is_too_big_for_discords_edge_is_known_as_that(discord: DiscordFake) -> None:
    ids = {"channel_id": str(discord.channel("general").id)}
    async with reached(discord) as web:
        discord.faults.http(POST, 413)
        with pytest.raises(DiscordRefused, match="too big") as refused:
            await web.call("POST", f"{CHANNEL}/messages", ids, json={"content": "x"}, files=[Body("a.bin", b"1")])
        assert refused.value.code == TOO_LARGE


async def test_before_and_after_its_time_a_client_is_only_out_of_reach(discord: DiscordFake) -> None:
    async with reached(discord) as web:
        pass
    with pytest.raises(SurfaceDown, match="stopping"):
        await web.call("GET", CHANNEL, {"channel_id": "1"})
    fresh = library.Client(intents=library.Intents.none())
    with pytest.raises(SurfaceDown, match="has not reached Discord yet"):
        await Web(fresh).call("GET", CHANNEL, {"channel_id": "1"})
