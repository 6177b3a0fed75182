"""The connection to Discord: lost, ended, refused, garbled; and what people see of it."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.discord import DiscordFake
from tests.journeys.brain import say
from tests.journeys.discord.counting import DONE, POEM, TURNS, assert_told_once, statuses
from tests.journeys.discord.driver import company
from tests.journeys.discord.serving import ACCESS, READY, Server, office
from tests.journeys.discord.test_entrances import begun
from tests.journeys.program import scripted
from tests.journeys.scenarios import COUNT, DELIVER, thinking


async def test_what_is_said_while_the_socket_is_lost_arrives_when_it_is_back(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        gofer.discord.gateway.drop()
        root = await gofer.asks("count the words", files=[POEM])
        plan = await gofer.card(root, "Count", button="Approve")
        assert gofer.discord.gateway.resumed == 1
        gofer.discord.gateway.drop()
        await gofer.ann.reacts(plan, "✅")
        await gofer.card(root, DONE)
        assert (gofer.discord.gateway.resumed, gofer.discord.gateway.identified) == (2, 1)
        assert_told_once(gofer, root)


async def test_a_lost_connection_is_resumed_where_the_settings_say(tmp_path: Path) -> None:
    discord = DiscordFake()
    discord.gateway.resume_url = "wss://gateway.invalid/"  # what Discord names may not be reached from here
    async with office(tmp_path, TURNS, discord=discord) as gofer:
        gofer.discord.gateway.drop()
        root = await gofer.asks("count the words", files=[POEM])
        await gofer.card(root, "Count", button="Approve")
        assert (gofer.discord.gateway.resumed, gofer.discord.gateway.identified) == (1, 1)


async def test_a_session_that_discord_ended_is_begun_anew(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        root = await gofer.asks("count the words", files=[POEM])
        plan = await gofer.card(root, "Count", button="Approve")
        gofer.discord.gateway.invalidate()
        await gofer.until(lambda: gofer.discord.gateway.identified == 2 and gofer.discord.gateway.connected)
        await gofer.ann.clicks(plan, "Approve")
        await gofer.card(root, DONE)
        assert_told_once(gofer, root)
        assert await statuses(gofer) == ["finished"]


async def test_an_event_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        gofer.discord.gateway.garble()
        gofer.discord.gateway.garble()
        root = await gofer.asks("count the words", files=[POEM])
        await gofer.card(root, "Count", button="Approve")


async def test_a_frame_that_is_no_json_ends_in_a_new_session(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        gateway = gofer.discord.gateway
        gateway.mumble()
        await gofer.until(lambda: gateway.identified == 2 and gateway.connected == 1)
        root = await gofer.asks("count the words", files=[POEM])
        await gofer.ann.clicks(await gofer.card(root, "Count", button="Approve"), "Approve")
        await gofer.card(root, DONE)
        assert_told_once(gofer, root)


async def test_a_first_connection_that_fails_is_tried_again(tmp_path: Path) -> None:
    async with DiscordFake() as discord:
        discord.gateway.deaf = True
        ann, general = discord.user("ann"), discord.channel("general")
        (tmp_path / "gofer.toml").write_text(ACCESS, encoding="utf-8")
        server = Server(scripted(tmp_path, TURNS, **discord.env(), GOFER_WEB_PORT="0"), ("serve",), READY)
        await server.start()
        try:
            discord.gateway.deaf = False
            await discord.wait_for(lambda: discord.gateway.connected)
            root = await ann.says(general, f"{discord.mention} count", files=[POEM])
            await discord.wait_for(lambda: any("Count" in m.plain for m in discord.messages(root.id)))
        finally:
            assert await server.stop() == 0, server.log


async def test_a_switch_that_is_off_is_named(tmp_path: Path) -> None:
    async with DiscordFake() as discord:
        env = discord.env()
        discord.world.message_content = False
        server = Server(scripted(tmp_path, TURNS, **env, GOFER_WEB_PORT="0"), ("serve",), READY)
        await server.start()
        try:
            await server.says("Message Content Intent")
            assert discord.gateway.refused == [4014]
        finally:
            assert await server.stop() == 0, server.log


async def test_a_token_that_is_wrong_is_told(tmp_path: Path) -> None:
    async with DiscordFake() as discord:
        env = {**discord.env(), "DISCORD_TOKEN": "wrong"}
        server = Server(scripted(tmp_path, TURNS, **env, GOFER_WEB_PORT="0"), ("serve",), "DISCORD_TOKEN")
        await server.start()
        assert await server.stop() in (0, 1), server.log


async def test_without_the_privileged_intent_mentions_and_buttons_do_it_all(tmp_path: Path) -> None:
    discord = DiscordFake()
    discord.world.message_content = False
    async with office(tmp_path, TURNS, discord=discord) as gofer:
        root = await gofer.asks("count the words", files=[POEM])
        plan = await gofer.card(root, "Count", button="Approve")
        await gofer.ben.says(gofer.general, "no words of this arrive", thread=root)
        await gofer.ann.says(gofer.general, f"{discord.mention} approve", thread=root)
        await gofer.until(lambda: not plan.button_labels)
        await gofer.card(root, DONE)
        assert_told_once(gofer, root)


async def test_without_the_privileged_intent_direct_messages_menus_commands_and_forms_bring_words(
    tmp_path: Path,
) -> None:
    discord = DiscordFake()
    discord.world.message_content = False
    async with company(tmp_path, fake=discord) as work:
        await work.synchronise()
        ann, ben = work.people["ann"], work.people["ben"]
        alone = work.alone()
        alone.model(COUNT, DELIVER, say("Three words."))
        await alone.ask("count the words", [POEM])
        await alone.files("words.txt")

        pointed = work.chat()
        talk = pointed.model(say("I have it."))
        await ann.uses("Hand to Gofer", await pointed.begin(f"count these {pointed.tag}", [POEM], who="ben"))
        await pointed.card("I have it.")
        assert "poem.txt" in talk.seen[0]

        steered = work.chat()
        talk = steered.model(COUNT, thinking("First."), say("In francs."))
        await ben.runs("/task new", steered.channel, prompt=f"count {steered.tag}", files=[POEM])
        await begun(work, steered, f"count {steered.tag}")
        await talk.thinks()
        await steered.click(await steered.card("Working", button="Steer"), "Steer", who="ben")
        await steered.reply("nobody hears this", who="ben")
        await steered.fill({"note": "in francs"}, who="ben")
        await steered.reply("status", who="ben", mention=True)
        await steered.told("Working", who="ben")  # what came before it in this thread was worked on
        talk.go_on()
        await talk.heard("in francs")
        await steered.card("In francs.")
        assert "nobody hears this" not in talk.seen[-1]
