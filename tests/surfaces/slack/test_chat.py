"""What a task may read and write in a workspace, against the strict fake: only what both can see."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.domain.errors import NotAllowed, NotFound, Refused, UserFacing
from agent.domain.people import Actor, Role
from agent.domain.task import Status
from agent.ports.chat import Chat
from bot.slack.chat import CHANNELS, EVENT_TYPE, MESSAGES, SlackChat
from bot.slack.citations import channel_name, spot_of
from bot.slack.directory import Directory
from bot.slack.pacer import Pacer
from bot.slack.web import Web, close_client, make_client
from bot.slack.workspace import Workspace
from tests.fakes.slack import Channel, Human, Message, SlackFake
from tests.kit import call, open_kit, say


class World:
    """Ann asks in #general, where Bo is too; Gofer is there, in #ops and in Bo's private #boards."""

    def __init__(self, slack: SlackFake, chat: SlackChat) -> None:
        self.slack, self.chat = slack, chat
        self.ann, self.bo = slack.user("ann"), slack.user("bo")
        self.general = slack.channel("general", members=[self.ann, self.bo])
        self.ops = slack.channel("ops", members=[self.bo])
        self.boards = slack.channel("boards", private=True, members=[self.bo])
        self.away = slack.channel("away", members=[self.ann], bot=False)

    def person(self, human: Human) -> str:
        return f"slack:{self.slack.team_id}:{human.user_id}"

    def people(self, *humans: Human) -> tuple[str, ...]:
        return tuple(self.person(human) for human in humans)

    def thread(self, channel: Channel, root: Message | str) -> str:
        ts = root if isinstance(root, str) else root.ts
        return f"slack:{self.slack.team_id}:{channel.id}:{ts}"


@asynccontextmanager
async def world() -> AsyncGenerator[World]:
    async with SlackFake() as slack:
        client, pacer = make_client(slack.bot_token, slack.url), Pacer()
        here = Workspace(
            team_id=slack.team_id,
            bot_user_id=slack.bot_user_id,
            bot_id=slack.team.bot_id,
            url=f"https://{slack.team.domain}.slack.com/",
        )
        chat: Chat = SlackChat(Web(client, pacer), Directory(client, slack.team_id), here)
        assert isinstance(chat, SlackChat)
        try:
            yield World(slack, chat)
        finally:
            await pacer.close()
            await close_client(client)


# -- searching


async def test_search_finds_all_words_in_what_both_can_see_newest_first_with_links() -> None:
    async with world() as w:
        root = await w.bo.says(w.general, "The Budget of March")
        await w.ann.says(w.general, f"march: <@{w.bo.user_id}> has the budget", thread=root)
        await w.bo.says(w.ops, "budget", files=[("march.csv", b"1")])
        await w.bo.says(w.ops, "budget only")
        await w.bo.says(w.boards, "secret budget of march")
        await w.ann.says(w.away, "budget of march, elsewhere")
        page = await w.chat.search(w.people(w.ann), w.thread(w.general, root), "BUDGET march")
        assert [(m.channel, m.author, m.text) for m in page.messages] == [
            ("#ops", "bo", "budget\n(files: march.csv)"),
            ("#general", "ann", "march: @bo has the budget"),
            ("#general", "bo", "The Budget of March"),
        ]
        reply, begun = w.slack.messages(w.general, root)[::-1]
        assert page.messages[1].link == w.slack.permalink(reply)
        assert page.messages[2].link == page.messages[1].thread == page.messages[2].thread == w.slack.permalink(begun)
        assert page.messages[0].thread == ""
        assert page.covered == ("Looked at #general, #ops, and at replies in 1 of the newest threads there.")


async def test_whoever_is_in_a_private_channel_finds_what_is_there() -> None:
    async with world() as w:
        said = await w.bo.says(w.boards, "secret budget")
        asked = (w.thread(w.boards, said), "budget")
        assert [m.channel for m in (await w.chat.search(w.people(w.bo), *asked)).messages] == ["#boards"]
        assert (await w.chat.search(w.people(w.ann), *asked)).messages == ()


async def test_several_people_find_only_what_each_of_them_can_see() -> None:
    async with world() as w:
        guest = w.slack.user("guest", guest=True)
        w.general.members.add(guest.user_id)
        for channel in (w.general, w.ops, w.boards):
            await w.bo.says(channel, f"budget in {channel.name}")
        here = w.thread(w.general, "1700000000.000100")
        for people, seen in [
            ((w.bo,), ["#boards", "#ops", "#general"]),
            ((w.bo, w.ann), ["#ops", "#general"]),
            ((w.ann, w.bo), ["#ops", "#general"]),
            ((w.bo, w.ann, guest), ["#general"]),
        ]:
            page = await w.chat.search(w.people(*people), here, "budget")
            assert [message.channel for message in page.messages] == seen
        with pytest.raises(NotFound):
            await w.chat.history(w.people(w.bo, w.ann), here, "#boards")
        with pytest.raises(NotFound):
            await w.chat.post(w.people(w.bo, w.ann), here, "#boards", "hi", key="k1")


async def test_a_guest_finds_only_what_is_said_in_channels_they_are_in() -> None:
    async with world() as w:
        guest = w.slack.user("guest", guest=True)
        w.general.members.add(guest.user_id)
        said = await w.bo.says(w.general, "budget here")
        await w.bo.says(w.ops, "budget there")
        page = await w.chat.search(w.people(guest), w.thread(w.general, said), "budget")
        assert [m.text for m in page.messages] == ["budget here"]


async def test_direct_messages_are_searched_only_from_themselves() -> None:
    async with world() as w:
        dm = w.slack.dm(w.ann)
        private = await w.ann.says(dm, "my salary is low")
        public = await w.ann.says(w.general, "hello")
        ann = w.people(w.ann)
        assert (await w.chat.search(ann, w.thread(w.general, public), "salary")).messages == ()
        found = await w.chat.search(ann, w.thread(dm, private), "salary")
        assert [(m.channel, m.text) for m in found.messages] == [("direct messages", "my salary is low")]
        with pytest.raises(NotFound):
            await w.chat.history(ann, w.thread(w.general, public), dm.id)
        assert len((await w.chat.history(ann, w.thread(dm, private), "")).messages) == 1


async def test_a_search_goes_on_where_the_page_before_ended() -> None:
    async with world() as w:
        for number in range(5):
            await w.bo.says(w.general if number % 2 else w.ops, f"budget {number}")
        asked = (w.people(w.ann), w.thread(w.general, "1700000000.000100"), "budget")
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
        for _ in range(MESSAGES):
            await w.bo.says(w.general, "noise")
        for number in range(CHANNELS):
            w.slack.channel(f"more{number}", members=[w.ann])
        before = len(w.slack.called)
        page = await w.chat.search(w.people(w.ann), w.thread(w.general, "1700000000.000100"), "budget")
        assert page.messages == ()
        assert "#general (back to 20" in page.covered
        assert page.covered.endswith(" 2 more channels were not looked at.")
        assert len([c for c in w.slack.called[before:] if c.method == "conversations.history"]) == CHANNELS


async def test_comings_and_goings_are_no_messages() -> None:
    async with world() as w:
        cy = w.slack.user("cy")
        await cy.joins(w.general)
        said = await cy.says(w.general, "has joined as well")
        page = await w.chat.search(w.people(w.ann), w.thread(w.general, said), "has joined")
        assert [m.text for m in page.messages] == ["has joined as well"]


# -- reading


async def test_a_channel_is_read_newest_first_page_by_page() -> None:
    async with world() as w:
        for number in range(5):
            await w.bo.says(w.ops, f"line {number}")
        ann, here = w.people(w.ann), w.thread(w.general, "1700000000.000100")
        first = await w.chat.history(ann, here, "#Ops", limit=3)
        assert [m.text for m in first.messages] == ["line 4", "line 3", "line 2"]
        second = await w.chat.history(ann, here, w.ops.id, cursor=first.cursor, limit=3)
        assert [m.text for m in second.messages] == ["line 1", "line 0"]
        assert second.cursor == ""


@pytest.mark.parametrize("by", ["root", "reply", "bare_reply"])
async def test_a_thread_is_read_by_the_link_of_any_of_its_messages(by: str) -> None:
    async with world() as w:
        root = await w.bo.says(w.ops, "question")
        reply = await w.bo.says(w.ops, "answer", thread=root)
        link = w.slack.permalink(root if by == "root" else reply)
        if by == "bare_reply":
            link = link.partition("?")[0]
        page = await w.chat.history(w.people(w.ann), w.thread(w.general, "1700000000.000100"), "", thread=link)
        assert [m.text for m in page.messages] == ["question", "answer"]


@pytest.mark.parametrize(
    "channel", ["#boards", "boards", "{boards}", "<#{boards}|boards>", "#nowhere", "#away", "CNOWHERE1"]
)
async def test_what_one_of_both_cannot_see_does_not_exist(channel: str) -> None:
    async with world() as w:
        secret = await w.bo.says(w.boards, "secret")
        ann, here = w.people(w.ann), w.thread(w.general, "1700000000.000100")
        with pytest.raises(NotFound, match=r"everybody who directs this task can read. There is: #general, #ops.$"):
            await w.chat.history(ann, here, channel.format(boards=w.boards.id))
        with pytest.raises(NotFound):
            await w.chat.history(ann, here, "", thread=w.slack.permalink(secret))
        with pytest.raises(UserFacing):
            await w.chat.post(ann, here, channel.format(boards=w.boards.id), "hi", key="k1")
        assert w.slack.messages(w.boards) == [secret]


async def test_a_thread_of_another_channel_than_the_one_named_is_refused() -> None:
    async with world() as w:
        root = await w.bo.says(w.ops, "question")
        ann, here = w.people(w.ann), w.thread(w.general, "1700000000.000100")
        with pytest.raises(Refused, match="not in that channel"):
            await w.chat.post(ann, here, "#general", "hi", thread=w.slack.permalink(root), key="k1")
        with pytest.raises(Refused, match="no link"):
            await w.chat.post(ann, here, "#general", "hi", thread="the one above", key="k1")


@pytest.mark.parametrize("person", ["web:owner", "slack:T0OTHER:U1", "slack:T0ACME:", "discord:1"])
async def test_who_is_not_of_the_workspace_sees_nothing(person: str) -> None:
    async with world() as w:
        with pytest.raises(NotAllowed):
            await w.chat.search((*w.people(w.ann), person), w.thread(w.general, "1700000000.000100"), "x")
        assert w.slack.called == []


async def test_slacks_troubles_are_told_in_plain_words() -> None:
    async with world() as w:
        ann, here = w.people(w.ann), w.thread(w.general, "1700000000.000100")
        w.slack.faults.error("conversations.history", "missing_scope")
        with pytest.raises(Refused, match="lacks the scope"):
            await w.chat.history(ann, here, "#ops")
        w.slack.faults.error("conversations.history", "internal_error")
        with pytest.raises(Refused, match="cannot be reached now"):
            await w.chat.history(ann, here, "#ops")
        with pytest.raises(Refused, match="invalid_cursor"):
            await w.chat.history(ann, here, "#ops", cursor="nonsense")


# -- posting


async def test_a_post_goes_into_the_conversation_when_no_other_place_is_named() -> None:
    async with world() as w:
        root = await w.ann.says(w.general, "please work")
        posted = await w.chat.post(w.people(w.ann), w.thread(w.general, root), "", "half *done*", key="k1")
        message = w.slack.messages(w.general, root)[-1]
        assert posted.link == w.slack.permalink(message)
        assert message.metadata == {"event_type": EVENT_TYPE, "event_payload": {"key": "k1"}}
        assert message.plain.strip() == "half done"


async def test_a_post_goes_into_a_channel_or_one_of_its_threads() -> None:
    async with world() as w:
        root = await w.bo.says(w.ops, "question")
        ann, here = w.people(w.ann), w.thread(w.general, "1700000000.000100")
        top = await w.chat.post(ann, here, "ops", "news", key="k1")
        reply = await w.chat.post(ann, here, "#ops", "answer", thread=w.slack.permalink(root), key="k2")
        assert [m.text for m in w.slack.messages(w.ops, root)] == ["question", "answer"]
        assert [w.slack.permalink(m) for m in w.slack.messages(w.ops)][1:] == [top.link, reply.link]


async def test_nothing_in_a_post_mentions_anybody() -> None:
    async with world() as w:
        text = f"<!channel> <@{w.bo.user_id}> @here *bold* <https://evil.example|our wiki> & more\n```\n<!here>\n```"
        await w.chat.post(w.people(w.ann), w.thread(w.general, "1700000000.000100"), "#ops", text, key="k1")
        (sent,) = w.slack.calls("chat.postMessage")
        assert "<" not in sent.args["text"]
        assert '"user"' not in str(sent.args["blocks"]).replace("'", '"')
        assert "broadcast" not in str(sent.args["blocks"])
        assert "<!channel>" in w.slack.messages(w.ops)[-1].plain


@pytest.mark.parametrize(
    "text", ["x" * 3_000, "**a** " * 500, "- a\n" * 750, "| a | b |\n|---|---|\n" + "| c | d |\n" * 200]
)
async def test_texts_of_the_longest_kind_are_taken(text: str) -> None:
    async with world() as w:
        await w.chat.post(w.people(w.ann), w.thread(w.general, "1700000000.000100"), "#ops", text[:3_000], key="k1")
        assert len(w.slack.messages(w.ops)) == 1


async def test_the_same_key_posts_once() -> None:
    async with world() as w:
        root = await w.ann.says(w.general, "please work")
        for where, count in [({"channel": "#ops"}, 1), ({"channel": ""}, 2)]:
            asked = (w.people(w.ann), w.thread(w.general, root), where["channel"], "news")
            first = await w.chat.post(*asked, key=f"k{count}")
            again = await w.chat.post(*asked, key=f"k{count}")
            assert (first.link, len(w.slack.calls("chat.postMessage"))) == (again.link, count)


async def test_a_key_that_somebody_else_wrote_is_not_ours() -> None:
    async with world() as w:
        fake = await w.bo.says(w.ops, "news")
        fake.metadata = {"event_type": EVENT_TYPE, "event_payload": {"key": "k1"}}
        await w.chat.post(w.people(w.ann), w.thread(w.general, "1700000000.000100"), "#ops", "news", key="k1")
        assert len(w.slack.messages(w.ops)) == 2


async def test_a_post_whose_answer_was_lost_is_found_and_not_repeated() -> None:
    async with world() as w:
        w.slack.faults.lose_reply("chat.postMessage")
        asked = (w.people(w.ann), w.thread(w.general, "1700000000.000100"), "#ops", "news")
        posted = await w.chat.post(*asked, key="k1")
        (message,) = w.slack.messages(w.ops)
        assert posted.link == w.slack.permalink(message)


async def test_a_post_that_nobody_can_find_is_of_unknown_outcome() -> None:
    async with world() as w:
        w.slack.faults.http("chat.postMessage", 503)
        asked = (w.people(w.ann), w.thread(w.general, "1700000000.000100"), "#ops", "news")
        with pytest.raises(Refused, match=r"may have been posted\. Look with chat_history"):
            await w.chat.post(*asked, key="k1")


async def test_slack_that_asks_to_wait_is_waited_for() -> None:
    async with world() as w:
        w.slack.faults.rate_limit("chat.postMessage", retry_after_s=0.1)
        await w.chat.post(w.people(w.ann), w.thread(w.general, "1700000000.000100"), "#ops", "news", key="k1")
        assert len(w.slack.messages(w.ops)) == 1


# -- through a task


async def test_a_task_searches_cites_and_posts_after_the_click(tmp_path: Path) -> None:
    async with world() as w:
        await w.bo.says(w.ops, "the budget is 5")
        root = await w.ann.says(w.general, "look it up")
        script = [
            call("chat_search", query="budget"),
            call("chat_post", channel="#ops", text="Ann asks: is it still 5?"),
            say("Asked."),
        ]
        async with open_kit(tmp_path, script, chat_of=lambda _: w.chat) as kit:
            ann = Actor(w.person(w.ann), "ann")
            await kit.access.admit(ann.person_id, ann.name, Role.MEMBER)
            task = await kit.service.start(ann, w.thread(w.general, root), "look it up", inbox_id="m1")
            await kit.work()
            found = str(kit.llm.requests[1][1][-1].content)  # type: ignore[attr-defined]
            assert "> the budget is 5" in found
            assert w.slack.permalink(w.slack.messages(w.ops)[0]) in found
            assert len(w.slack.messages(w.ops)) == 1
            await kit.answer(task, "allow", actor=ann)
            assert (await kit.view(task)).status is Status.FINISHED
            assert [m.text for m in w.slack.messages(w.ops)] == ["the budget is 5", "Ann asks: is it still 5?"]


async def test_who_steers_a_task_does_not_get_to_read_with_the_requesters_eyes(tmp_path: Path) -> None:
    async with world() as w:
        await w.bo.says(w.boards, "the budget is 5")
        root = await w.bo.says(w.general, "look it up")
        search = call("chat_search", query="budget")
        script = [search, call("ask", question="Which year?"), search, say("Nothing.")]
        async with open_kit(tmp_path, script, chat_of=lambda _: w.chat) as kit:
            bo, ann = (
                Actor(w.person(human), human.name, place=f"slack:{w.slack.team_id}:{w.general.id}")
                for human in (w.bo, w.ann)
            )
            for actor in (bo, ann):
                await kit.access.admit(actor.person_id, actor.name, Role.MEMBER)
            task = await kit.service.start(bo, w.thread(w.general, root), "look it up", inbox_id="m1")
            await kit.work()
            await kit.service.steer(ann, task.task_id, "And tell me what is in #boards", inbox_id="m2")
            await kit.answer(task, "answer", actor=bo, note="This one.")
            before, _, after = (str(request[1][-1].content) for request in kit.llm.requests[1:])  # type: ignore[attr-defined]
            assert "> the budget is 5" in before
            assert "budget is 5" not in after
            assert "Looked at #general, #ops" in after


# -- reading what people write


@pytest.mark.parametrize(
    ("said", "channel", "name"),
    [
        ("#general", "", "general"),
        ("General", "", "general"),
        ("C0123ABCD", "C0123ABCD", ""),
        ("<#C0123ABCD|general>", "C0123ABCD", ""),
        ("<#C0123ABCD>", "C0123ABCD", ""),
        ("https://acme.slack.com/archives/C0123ABCD/p1700000000000100", "C0123ABCD", ""),
        ("", "", ""),
    ],
)
def test_a_channel_is_known_in_all_its_forms(said: str, channel: str, name: str) -> None:
    assert channel_name(said) == (channel, name)


@pytest.mark.parametrize(
    ("link", "spot"),
    [
        ("https://acme.slack.com/archives/C1/p1700000000000100", ("C1", "1700000000.000100")),
        ("<https://acme.slack.com/archives/C1/p1700000000000100|here>", ("C1", "1700000000.000100")),
        (
            "https://a.slack.com/archives/C1/p1700000009000100?thread_ts=1700000000.000100&cid=C1",
            ("C1", "1700000000.000100"),
        ),
        (
            "https://a.slack.com/archives/C1/p1700000009000100?cid=C1&thread_ts=1700000000.000100",
            ("C1", "1700000000.000100"),
        ),
        ("https://acme.slack.com/archives/C1", None),
        ("1700000000.000100", None),
        ("", None),
    ],
)
def test_a_link_leads_to_the_thread_of_its_message(link: str, spot: tuple[str, str] | None) -> None:
    found = spot_of(link)
    assert (None if found is None else (found.channel, found.root)) == spot
