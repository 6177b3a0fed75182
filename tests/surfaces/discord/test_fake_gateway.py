"""The gateway of the Discord fake: who may come in, who comes back, and what they are told."""

from __future__ import annotations

import pytest

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
