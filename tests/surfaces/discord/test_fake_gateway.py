"""The gateway of the Discord fake: who may come in, who comes back, and what they are told."""

from __future__ import annotations

import pytest

from tests.fakes.discord import DISCORDS_PACE_S, Limits
from tests.surfaces.discord.bare import CONTENT, GUILDS, INTENTS, bare, card, text

MEMBERS = 1 << 1


async def test_who_identifies_is_told_of_the_guild() -> None:
    async with bare() as it, it.line() as line:
        await line.identify(it.discord.token)
        ready = await line.until("READY")
        assert ready["resume_gateway_url"] == it.discord.gateway_url
        assert ready["guilds"] == [{"id": str(it.discord.guild.id), "unavailable": True}]
        guild = await line.until("GUILD_CREATE")
        assert [channel["name"] for channel in guild["channels"]] == ["general"]
        assert [member["user"]["username"] for member in guild["members"]] == ["gofer"]


async def test_frames_come_compressed_when_that_was_asked_for() -> None:
    async with bare() as it, it.line(compressed=True) as line:
        await line.identify(it.discord.token)
        assert (await line.until("READY"))["user"]["username"] == "gofer"


async def test_heartbeats_are_answered() -> None:
    async with bare() as it, it.line() as line:
        await line.ws.send_json({"op": 1, "d": None})
        assert (await line.next())["op"] == 11


@pytest.mark.parametrize(("intents", "token", "code"), [(INTENTS, "wrong", 4004), (INTENTS | MEMBERS, "", 4014)])
async def test_a_wrong_token_and_intents_that_are_switched_off_are_closed(intents: int, token: str, code: int) -> None:
    async with bare() as it, it.line() as line:
        await line.identify(token or it.discord.token, intents)
        assert await line.next() == {"op": "close", "d": code}


async def test_the_words_of_messages_take_their_switch() -> None:
    async with bare() as it:
        it.discord.world.message_content = False
        async with it.line() as line:
            await line.identify(it.discord.token, INTENTS | CONTENT)
            assert await line.next() == {"op": "close", "d": 4014}


async def test_without_that_intent_only_mentions_and_direct_messages_carry_words() -> None:
    async with bare() as it, it.online(INTENTS) as line:
        await it.ann.says(it.general, "talk", files=[("a.txt", b"x")])
        told = await line.until("MESSAGE_CREATE")
        assert (told["content"], told["attachments"]) == ("", [])
        await it.ann.says(it.general, f"{it.discord.mention} talk", files=[("a.txt", b"x")])
        told = await line.until("MESSAGE_CREATE")
        assert told["content"].endswith("talk")
        assert told["attachments"][0]["filename"] == "a.txt"
        await it.ann.says(it.discord.dm(it.ann), "in private")
        told = await line.until("MESSAGE_CREATE")
        assert told["content"] == "in private"
        assert "guild_id" not in told


async def test_events_outside_the_intents_are_not_told() -> None:
    async with bare() as it, it.online(GUILDS) as line:
        await it.ann.says(it.general, "talk")
        it.discord.channel("later")
        assert (await line.until("CHANNEL_CREATE"))["name"] == "later"
        assert "MESSAGE_CREATE" not in line.events()


async def test_who_resumes_is_told_what_was_missed() -> None:
    async with bare() as it:
        async with it.line() as line:
            await line.identify(it.discord.token, INTENTS | CONTENT)
            session = (await line.until("READY"))["session_id"]
            await line.until("GUILD_CREATE")
            it.discord.gateway.drop()
            assert (await line.next())["op"] == "close"
        await it.ann.says(it.general, "meanwhile")
        async with it.line() as back:
            resume = {"token": it.discord.token, "session_id": session, "seq": line.seq}
            await back.ws.send_json({"op": 6, "d": resume})
            assert (await back.until("MESSAGE_CREATE"))["content"] == "meanwhile"
            await back.until("RESUMED")
            assert back.events() == ["MESSAGE_CREATE", "RESUMED"]


async def test_a_session_that_was_ended_is_not_resumed() -> None:
    async with bare() as it, it.line() as line:
        await line.identify(it.discord.token)
        session = (await line.until("READY"))["session_id"]
        await line.until("GUILD_CREATE")
        it.discord.gateway.invalidate()
        assert await line.next() == {"op": 9, "d": False}
        async with it.line() as back:
            await back.ws.send_json({"op": 6, "d": {"token": it.discord.token, "session_id": session, "seq": 1}})
            assert await back.next() == {"op": 9, "d": False}


async def test_what_the_app_does_is_told_to_it_as_well() -> None:
    async with bare() as it, it.online() as line:
        said = await it.ann.says(it.general, "hello")
        await it.thread(said)
        assert (await line.until("THREAD_CREATE"))["id"] == str(said.id)
        sent = await it.post(said.id, **card(text("a")))
        while (told := await line.until("MESSAGE_CREATE"))["id"] != sent.data["id"]:
            pass
        assert told["channel_id"] == str(said.id)
        await it.edit(said.id, sent.data["id"], **card(text("b")))
        while (told := await line.until("MESSAGE_UPDATE"))["id"] != sent.data["id"]:
            pass
        assert told["components"][0]["content"] == "b"


async def test_a_connection_is_told_of_its_servers_and_the_first_of_direct_messages() -> None:
    async with bare(limits=Limits(shards=2, max_concurrency=2)) as it, it.line() as first, it.line() as second:
        other = it.discord.server("Beta", [it.ann], shard=1)
        await first.identify(it.discord.token, shard=(0, 2))
        await second.identify(it.discord.token, shard=(1, 2))
        assert [guild["id"] for guild in (await first.until("READY"))["guilds"]] == [str(it.discord.guild.id)]
        assert [guild["id"] for guild in (await second.until("READY"))["guilds"]] == [str(other.id)]
        there = it.discord.channel("there", server=other)
        for place in (it.general, there, it.discord.dm(it.ann)):
            await it.ann.says(place, "hello")
        heard = [(await first.until("MESSAGE_CREATE"))["channel_id"] for _ in range(2)]
        assert heard == [str(it.general.id), str(it.discord.dm(it.ann).id)]
        assert (await second.until("MESSAGE_CREATE"))["channel_id"] == str(there.id)
        assert it.discord.gateway.shards == [(0, 2), (1, 2)]


@pytest.mark.parametrize(
    ("wanted", "shard", "code"),
    [(2, None, 4011), (2, (0, 1), 4011), (2, (2, 2), 4010), (2, (0, 3), 4010), (1, (0, 2), 4010)],
)
async def test_another_number_of_connections_than_it_wants_is_closed(
    wanted: int, shard: tuple[int, int] | None, code: int
) -> None:
    async with bare(limits=Limits(shards=wanted)) as it, it.line() as line:
        await line.identify(it.discord.token, shard=shard)
        assert await line.next() == {"op": "close", "d": code}


async def test_sessions_that_begin_too_fast_in_one_row_are_refused() -> None:
    limits = Limits(shards=4, max_concurrency=2, pace_s=DISCORDS_PACE_S)
    async with bare(limits=limits) as it, it.line() as zero, it.line() as one, it.line() as two:
        for number, line in enumerate((zero, one, two)):
            await line.identify(it.discord.token, shard=(number, 4))
        await zero.until("READY")
        await one.until("READY")
        assert await two.next() == {"op": 9, "d": False}
        assert (it.discord.gateway.hurried, limits.remaining) == (1, 998)
