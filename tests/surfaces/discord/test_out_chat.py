"""What a task may read and write in a server, against the strict fake: only what both can see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from simcord.backend.models import Channel

from agent.domain.errors import NotAllowed, NotFound, Refused
from agent.domain.people import Actor, Role
from agent.domain.task import Status
from agent.ports.chat import Chat
from agent.ports.clock import SystemClock
from bot.discord.chat import CHANNEL_PAGES, CHANNELS, DiscordChat
from bot.discord.citations import channel_name
from bot.discord.marks import mark_of
from bot.discord.office import connect_chat
from bot.settings import Settings
from tests.fakes.discord import DiscordFake, Human, Message
from tests.kit import call, open_kit, say
from tests.surfaces.discord.out import POST, identity, reached

NOWHERE = "1200000000000000000"


class World:
    """Ann asks in #general, where Bo is too; Gofer is there, in #ops and in Bo's private #boards."""

    def __init__(self, discord: DiscordFake, chat: DiscordChat) -> None:
        self.discord, self.chat = discord, chat
        self.ann, self.bo = discord.user("ann"), discord.user("bo")
        self.general = discord.channel("general")
        self.ops = discord.channel("ops")
        self.boards = discord.channel("boards", members=[self.bo])
        self.away = discord.channel("away", denied="view_channel")

    def person(self, *humans: Human) -> tuple[str, ...]:
        """Who directs the task, the requester first."""
        return tuple(f"discord:{human.user_id}" for human in humans)

    def thread(self, channel: Channel, root: Message | str) -> str:
        space = self.discord.guild.id if channel.guild_id else "@me"
        within = root if isinstance(root, str) else root.id if channel.guild_id else channel.id
        return f"discord:{space}:{channel.id}:{within}"

    def ours(self, channel: Channel | int) -> list[Message]:
        return [m for m in self.discord.messages(channel) if m.author_id == self.discord.bot_id]


@asynccontextmanager
async def world() -> AsyncGenerator[World]:
    async with DiscordFake() as discord, reached(discord) as web:
        chat: Chat = DiscordChat(web, identity(discord))
        assert isinstance(chat, DiscordChat)
        yield World(discord, chat)


# -- searching


async def test_search_finds_all_words_in_what_both_can_see_newest_first_with_links() -> None:
    async with world() as w:
        root = await w.bo.says(w.general, "The Budget of March")
        reply = await w.ann.says(w.general, f"march: <@{w.bo.user_id}> has the budget", thread=root)
        await w.bo.says(w.ops, "budget", files=[("march.csv", b"1")])
        await w.bo.says(w.ops, "budget only")
        await w.bo.says(w.boards, "secret budget of march")
        await w.ann.says(w.away, "budget of march, elsewhere")
        page = await w.chat.search(w.person(w.ann), w.thread(w.general, root), "BUDGET march")
        assert [(m.channel, m.author, m.text) for m in page.messages] == [
            ("#ops", "bo", "budget\n(files: march.csv)"),
            ("#general", "ann", "march: @bo has the budget"),
            ("#general", "bo", "The Budget of March"),
        ]
        assert [m.link for m in page.messages[1:]] == [w.discord.link(reply), w.discord.link(root)]
        assert page.messages[1].thread == page.messages[2].thread != ""
        assert page.messages[0].thread == ""
        assert page.covered == "Looked at #general, #ops, and at 1 of the threads that are open there."


async def test_whoever_is_in_a_private_channel_finds_what_is_there() -> None:
    async with world() as w:
        said = await w.bo.says(w.boards, "secret budget")
        asked = (w.thread(w.boards, said), "budget")
        assert [m.channel for m in (await w.chat.search(w.person(w.bo), *asked)).messages] == ["#boards"]
        assert (await w.chat.search(w.person(w.ann), *asked)).messages == ()
        assert (await w.chat.search(w.person(w.bo, w.ann), *asked)).messages == ()


async def test_direct_messages_are_searched_only_from_themselves() -> None:
    async with world() as w:
        dm = w.discord.dm(w.ann)
        private = await w.ann.says(dm, "my salary is low")
        public = await w.ann.says(w.general, "hello")
        ann = w.person(w.ann)
        assert (await w.chat.search(ann, w.thread(w.general, public), "salary")).messages == ()
        found = await w.chat.search(ann, w.thread(dm, private), "salary")
        assert [(m.channel, m.text) for m in found.messages] == [("direct messages", "my salary is low")]
        with pytest.raises(NotFound):
            await w.chat.history(ann, w.thread(w.general, public), str(dm.id))
        with pytest.raises(NotFound):
            await w.chat.history(ann, w.thread(dm, private), "#general")
        assert len((await w.chat.history(ann, w.thread(dm, private), "")).messages) == 1


async def test_a_search_goes_on_where_the_page_before_ended() -> None:
    async with world() as w:
        for number in range(5):
            await w.bo.says(w.general if number % 2 else w.ops, f"budget {number}")
        asked = (w.person(w.ann), w.thread(w.general, NOWHERE), "budget")
        texts: list[str] = []
        cursor = ""
        for _ in range(3):
            page = await w.chat.search(*asked, cursor=cursor, limit=2)
            texts += [m.text for m in page.messages]
            cursor = page.cursor
        assert (texts, cursor) == ([f"budget {number}" for number in (4, 3, 2, 1, 0)], "")
        with pytest.raises(Refused):
            await w.chat.search(*asked, cursor="page 2")


async def test_a_search_is_bounded_and_says_what_it_left_out() -> None:
    async with world() as w:
        await w.bo.says(w.general, "budget of long ago")
        for _ in range(CHANNEL_PAGES * 100):
            await w.bo.says(w.general, "noise")
        for number in range(CHANNELS):
            w.discord.channel(f"more{number}")
        page = await w.chat.search(w.person(w.ann), w.thread(w.general, NOWHERE), "budget")
        assert page.messages == ()
        assert "#general (back to 20" in page.covered
        assert page.covered.endswith(" 2 more channels were not looked at.")
        assert len(w.discord.calls("GET /channels/*/messages")) == CHANNELS - 1 + CHANNEL_PAGES


async def test_what_discord_keeps_from_gofer_is_said() -> None:
    async with world() as w:
        w.discord.world.message_content = False
        await w.bo.says(w.general, "budget")
        await w.bo.says(w.general, f"{w.discord.mention} budget")
        here = w.thread(w.general, NOWHERE)
        page = await w.chat.search(w.person(w.ann), here, "budget")
        assert [m.text for m in page.messages] == ["@gofer budget"]
        assert "GOFER_DISCORD_MESSAGE_CONTENT" in page.covered
        assert "GOFER_DISCORD_MESSAGE_CONTENT" in (await w.chat.history(w.person(w.ann), here, "")).covered


# -- reading


async def test_a_channel_is_read_newest_first_page_by_page() -> None:
    async with world() as w:
        for number in range(5):
            await w.bo.says(w.ops, f"news {number}")
        asked = (w.person(w.ann), w.thread(w.general, NOWHERE), "ops")
        first = await w.chat.history(*asked, limit=3)
        second = await w.chat.history(*asked, limit=3, cursor=first.cursor)
        assert [m.text for m in (*first.messages, *second.messages)] == [f"news {n}" for n in (4, 3, 2, 1, 0)]
        assert (bool(first.cursor), second.cursor) == (True, "")


@pytest.mark.parametrize("by", ["the first message", "a reply", "the thread of a search"])
async def test_a_thread_is_read_oldest_first_by_the_link_of_any_of_its_messages(by: str) -> None:
    async with world() as w:
        root = await w.bo.says(w.ops, "question")
        for number in range(4):
            reply = await w.bo.says(w.ops, f"answer {number}", thread=root)
        found = await w.chat.search(w.person(w.ann), w.thread(w.general, NOWHERE), "question")
        link = {"the first message": w.discord.link(root), "a reply": w.discord.link(reply)}.get(by)
        asked = (w.person(w.ann), w.thread(w.general, NOWHERE), "")
        first = await w.chat.history(*asked, thread=link or found.messages[0].thread, limit=3)
        second = await w.chat.history(*asked, thread=link or first.messages[0].thread, limit=3, cursor=first.cursor)
        texts = [m.text for m in (*first.messages, *second.messages)]
        assert texts == ["question", *(f"answer {number}" for number in range(4))]
        assert first.messages[0].link == w.discord.link(root)


@pytest.mark.parametrize("channel", ["#boards", "boards", "#away", "#nothing", "id of boards", NOWHERE])
async def test_what_one_of_both_cannot_see_does_not_exist(channel: str) -> None:
    async with world() as w:
        await w.bo.says(w.boards, "secret")
        name = str(w.boards.id) if channel == "id of boards" else channel
        for doing in (w.chat.history, w.chat.post):
            more = {"text": "hi", "key": "k"} if doing == w.chat.post else {}
            with pytest.raises(
                NotFound, match=r"Gofer and everybody who directs this task can read\. There is: #general, #ops\."
            ):
                await doing(w.person(w.ann), w.thread(w.general, NOWHERE), name, **more)  # type: ignore[operator]


async def test_channels_of_another_server_do_not_exist() -> None:
    async with world() as w:
        other = w.discord.world.backend.create_guild("Other")
        far = w.discord.world.backend.create_channel(other.id, "far")
        w.discord.world.backend.add_member(other.id, w.ann.user_id)
        with pytest.raises(NotFound):
            await w.chat.history(w.person(w.ann), w.thread(w.general, NOWHERE), str(far.id))


async def test_a_thread_of_another_channel_than_the_one_named_is_refused() -> None:
    async with world() as w:
        root = await w.bo.says(w.ops, "question")
        await w.bo.says(w.ops, "answer", thread=root)
        asked = (w.person(w.ann), w.thread(w.general, NOWHERE), "#general")
        with pytest.raises(Refused, match="not in that channel"):
            await w.chat.history(*asked, thread=w.discord.link(root))
        with pytest.raises(Refused, match="no link"):
            await w.chat.history(*asked, thread="the one about lunch")
        alone = await w.bo.says(w.ops, "nobody answered")
        with pytest.raises(Refused, match="no thread"):
            await w.chat.history(*asked[:2], "", thread=w.discord.link(alone))


@pytest.mark.parametrize("person", ["slack:T1:U1", "web:owner", "discord:x", f"discord:{NOWHERE}"])
async def test_who_is_not_of_the_server_sees_nothing(person: str) -> None:
    async with world() as w:
        await w.bo.says(w.general, "budget")
        with pytest.raises((NotAllowed, NotFound)):
            await w.chat.history((person,), w.thread(w.general, NOWHERE), "#general")


async def test_discords_troubles_are_told_in_plain_words() -> None:
    async with world() as w:
        ann, here = w.person(w.ann), w.thread(w.general, NOWHERE)
        w.discord.faults.refuse("GET /channels/*/messages", 50001, "Missing Access", status=403)
        with pytest.raises(Refused, match="cannot see this channel"):
            await w.chat.history(ann, here, "#ops")
        w.discord.faults.http("GET /channels/*/messages", 503)
        with pytest.raises(Refused, match="cannot be reached now"):
            await w.chat.history(ann, here, "#ops")


# -- posting


async def test_a_post_goes_into_the_conversation_when_no_other_place_is_named() -> None:
    async with world() as w:
        root = await w.ann.says(w.general, "please work")
        posted = await w.chat.post(w.person(w.ann), w.thread(w.general, root), "", "half *done*", key="k1")
        message = w.discord.messages(root.id)[-1]
        assert posted.link == w.discord.link(message)
        assert message.components[0]["id"] == mark_of("k1")
        assert message.plain.strip() == "half done"


async def test_a_post_goes_into_a_channel_or_one_of_its_threads() -> None:
    async with world() as w:
        root = await w.bo.says(w.ops, "question")
        ann, here = w.person(w.ann), w.thread(w.general, NOWHERE)
        top = await w.chat.post(ann, here, "ops", "news", key="k1")
        reply = await w.chat.post(ann, here, "#ops", "answer", thread=w.discord.link(root), key="k2")
        (news,), (answer,) = w.ours(w.ops), w.ours(root.id)
        assert (news.plain, answer.plain) == ("news", "answer")
        assert (top.link, reply.link) == (w.discord.link(news), w.discord.link(answer))
        assert (top.thread, bool(reply.thread)) == ("", True)


async def test_gofer_posts_nowhere_for_somebody_who_could_not() -> None:
    async with world() as w:
        rules = w.discord.channel("rules")
        await w.bo.says(rules, "be kind")
        everybody = w.discord.guild.everyone_role
        everybody.permissions &= ~(1 << 11)
        with pytest.raises(Refused, match="directs this task may write in #rules"):
            await w.chat.post(w.person(w.ann), w.thread(w.general, NOWHERE), "#rules", "news", key="k1")
        assert w.ours(rules) == []


async def test_nothing_in_a_post_mentions_anybody() -> None:
    async with world() as w:
        text = f"<@{w.bo.user_id}> @everyone @here *bold* [our wiki](https://evil.example) & more\n```\n@here\n```"
        await w.chat.post(w.person(w.ann), w.thread(w.general, NOWHERE), "#ops", text, key="k1")
        (sent,) = w.ours(w.ops)
        assert sent.rung == set()
        assert w.discord.calls(POST)[-1].body["allowed_mentions"] == {"parse": []}
        assert f"<@{w.bo.user_id}>" in sent.plain


@pytest.mark.parametrize(
    "text", ["x" * 3_000, "**a** " * 500, "- a\n" * 750, "*_`~|" * 600, "| a | b |\n|---|---|\n" + "| c | d |\n" * 200]
)
async def test_texts_of_the_longest_kind_are_taken(text: str) -> None:
    async with world() as w:
        await w.chat.post(w.person(w.ann), w.thread(w.general, NOWHERE), "#ops", text[:3_000], key="k1")
        assert len(w.ours(w.ops)) == 1


async def test_the_same_key_posts_once() -> None:
    async with world() as w:
        root = await w.ann.says(w.general, "please work")
        for channel, count in [("#ops", 1), ("", 2)]:
            asked = (w.person(w.ann), w.thread(w.general, root), channel, "news")
            first = await w.chat.post(*asked, key=f"k{count}")
            w.discord.world.nonces.clear()
            again = await w.chat.post(*asked, key=f"k{count}")
            assert (first.link, len(w.discord.calls(POST))) == (again.link, count)


async def test_a_post_whose_answer_was_lost_is_found_and_not_repeated() -> None:
    async with world() as w:
        w.discord.faults.lose_reply(POST)
        posted = await w.chat.post(w.person(w.ann), w.thread(w.general, NOWHERE), "#ops", "news", key="k1")
        (message,) = w.ours(w.ops)
        assert posted.link == w.discord.link(message)


async def test_a_post_that_nobody_can_find_is_of_unknown_outcome() -> None:
    async with world() as w:
        w.discord.faults.http(POST, 503)
        asked = (w.person(w.ann), w.thread(w.general, NOWHERE), "#ops", "news")
        with pytest.raises(Refused, match=r"may have been posted\. Look with chat_history"):
            await w.chat.post(*asked, key="k1")


async def test_discord_that_asks_to_wait_is_waited_for_or_told() -> None:
    async with world() as w:
        w.discord.faults.rate_limit(POST, retry_after_s=0.1)
        asked = (w.person(w.ann), w.thread(w.general, NOWHERE), "#ops", "news")
        await w.chat.post(*asked, key="k1")
        w.discord.faults.rate_limit(POST, retry_after_s=100)
        with pytest.raises(Refused, match="cannot be reached now"):
            await w.chat.post(*asked, key="k2")
        assert len(w.ours(w.ops)) == 1


# -- through a task


async def test_a_task_searches_cites_and_posts_after_the_click(tmp_path: Path) -> None:
    async with world() as w:
        said = await w.bo.says(w.ops, "the budget is 5")
        root = await w.ann.says(w.general, "look it up")
        script = [
            call("chat_search", query="budget"),
            call("chat_post", channel="#ops", text="Ann asks: is it still 5?"),
            say("Asked."),
        ]
        async with open_kit(tmp_path, script, chat_of=lambda _: w.chat) as kit:
            ann = Actor(*w.person(w.ann), "ann")
            await kit.access.admit(ann.person_id, ann.name, Role.MEMBER)
            task = await kit.service.start(ann, w.thread(w.general, root), "look it up", inbox_id="m1")
            await kit.work()
            found = str(kit.llm.requests[1][1][-1].content)  # type: ignore[attr-defined]
            assert "> the budget is 5" in found
            assert w.discord.link(said) in found
            assert w.ours(w.ops) == []
            await kit.answer(task, "allow", actor=ann)
            assert (await kit.view(task)).status is Status.FINISHED
            assert [m.plain for m in w.ours(w.ops)] == ["Ann asks: is it still 5?"]


async def test_a_process_that_only_runs_tasks_reads_there_too(tmp_path: Path) -> None:
    async with DiscordFake() as discord:
        there = {"discord_api_url": discord.url, "discord_token": SecretStr(discord.token)}
        settings = Settings.model_validate({"home": tmp_path, **there})
        connected: asyncio.Queue[tuple[str, DiscordChat]] = asyncio.Queue()
        working = asyncio.create_task(
            connect_chat(settings, SystemClock(), lambda space, chat: connected.put_nowait((space, chat)), print)
        )
        async with asyncio.timeout(10):
            space, chat = await connected.get()
        w = World(discord, chat)
        await w.bo.says(w.ops, "the budget is 5")
        page = await chat.search(w.person(w.ann), w.thread(w.general, NOWHERE), "budget")
        assert (space, [m.text for m in page.messages]) == ("discord", ["the budget is 5"])
        assert discord.gateway.identified == 0
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_a_token_that_discord_refuses_is_said_and_leaves_the_work_alone(tmp_path: Path) -> None:
    async with DiscordFake() as discord:
        there = {"discord_api_url": discord.url, "discord_token": SecretStr("of.somebody.else")}
        lines: list[str] = []
        settings = Settings.model_validate({"home": tmp_path, **there})
        async with asyncio.timeout(10):
            await connect_chat(settings, SystemClock(), lambda space, chat: lines.append(space), lines.append)
    assert len(lines) == 1
    assert "DISCORD_TOKEN" in lines[0]


# -- reading what people write


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("#general", ("", "general")),
        (" General ", ("", "general")),
        ("<#123456789012345678>", ("123456789012345678", "")),
        ("123456789012345678", ("123456789012345678", "")),
        ("https://discord.com/channels/1/2/3", ("2", "")),
        ("2024", ("", "2024")),
        ("", ("", "")),
    ],
)
def test_a_channel_is_named_in_many_ways(said: str, meant: tuple[str, str]) -> None:
    assert channel_name(said) == meant
