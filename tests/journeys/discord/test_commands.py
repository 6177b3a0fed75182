"""Commands: what is suggested while one types, and what each of them does to a task."""

from __future__ import annotations

import pytest

from bot import phrases
from tests.journeys.brain import Turn, call, say
from tests.journeys.discord.driver import Company, DiscordChat
from tests.journeys.discord.test_entrances import begun
from tests.journeys.scenarios import COUNT, DELIVER, PLAN, POEM, thinking


@pytest.fixture(scope="module", autouse=True)
async def commands(work: Company) -> None:
    """People find the commands in their client. Nobody has told Discord of them before an operator does."""
    assert work.discord.calls("PUT /applications/*/commands") == []
    await work.synchronise()


async def task_id(work: Company, chat: DiscordChat, line: str) -> str:
    """The task of this chat as Discord suggests it for this command."""
    offered = await work.people["ann"].offers(line, chat.channel, "task", chat.tag)
    (found,) = offered.values()
    return found


async def test_a_command_takes_ten_files(work: Company, chat: DiscordChat) -> None:
    talk = chat.model(COUNT, DELIVER, say("Ten words."))
    files = [(f"part{number}.txt", b"word\n") for number in range(1, 11)]
    await work.people["ann"].runs("/task new", chat.channel, prompt=f"count {chat.tag}", files=files)
    await begun(work, chat, f"count {chat.tag}")
    assert (await chat.files("words.txt"))["words.txt"].split() == [b"10"]
    assert [name for name, _ in files if name not in talk.seen[0]] == []


async def test_a_skill_is_suggested_and_run(work: Company, chat: DiscordChat) -> None:
    ann = work.people["ann"]
    offered = await ann.offers("/gofer run", chat.channel, "skill", "TIDY")
    assert list(offered.values()) == ["tidy-folder"]
    assert "tidy-folder" in (await ann.offers("/gofer run", chat.channel, "skill", "")).values()
    talk = chat.model(say("All is tidy."))
    await ann.runs("/gofer run", chat.channel, skill="tidy-folder", what=f"as it was {chat.tag}")
    await begun(work, chat, chat.tag)
    await chat.card("All is tidy.")
    assert "The skill tidy-folder was asked for by name" in talk.seen[0]


async def test_why_says_who_one_is_and_what_one_may(work: Company, chat: DiscordChat) -> None:
    ann, zoe = work.people["ann"], work.people["zoe"]
    await ann.runs("/gofer why", chat.channel)
    told = await chat.told(phrases.WHY_YES)
    assert f"discord:{ann.user_id}" in told.text
    await zoe.runs("/gofer why", chat.channel)
    refused = await chat.told("You have no access", who="zoe")
    assert refused.buttons == ["Request access"]


async def test_a_task_is_stopped_and_tried_again_by_its_name(work: Company, chat: DiscordChat) -> None:
    ann = work.people["ann"]
    talk = chat.model(thinking())
    await chat.ask("think about it")
    await talk.thinks()
    named = await task_id(work, chat, "/task stop")
    await ann.runs("/task stop", chat.channel, task=named)
    await chat.told(phrases.STOPPED_IT)
    await chat.card("Stopped", button="Try again")
    chat.model(say("Thought again."))
    assert await ann.offers("/task stop", chat.channel, "task", chat.tag) == {}  # it has ended
    await ann.runs("/task retry", chat.channel, task=await task_id(work, chat, "/task retry"))
    await chat.told(phrases.TRIED_AGAIN)
    await chat.card("Thought again.")


async def test_a_task_tells_where_it_stands_and_what_it_brought(work: Company, chat: DiscordChat) -> None:
    ann = work.people["ann"]
    chat.model(COUNT, DELIVER, say("Three words."))
    await chat.ask("count the words", [POEM])
    await chat.card("Three words.", button="Change something")
    named = await task_id(work, chat, "/task files")
    await ann.runs("/task files", chat.channel, task=named)
    told = await chat.told(phrases.FILES_IN_THREAD)
    assert "outputs/words.txt" in told.text
    await ann.runs("/task status", chat.channel, task=named)
    told = await chat.told(named)
    assert phrases.STATUS["finished"] in told.text  # type: ignore[index]  a StrEnum's value is its key


@pytest.mark.parametrize(
    ("line", "turns", "card"),
    [("/task approve", [PLAN, say("As planned.")], "Approved by ann"), ("/task deny", [PLAN], "Rejected by ann")],
)
async def test_a_plan_is_decided_by_command_in_its_thread(
    work: Company, chat: DiscordChat, line: str, turns: list[Turn], card: str
) -> None:
    chat.model(*turns)
    request = await chat.ask("count the words", [POEM])
    await chat.card("Write them down", button="Approve")
    # In a thread its own task is meant, though others of hers may be at work.
    await work.people["ann"].runs(line, work.discord.world.channel(request.id))
    await chat.told(phrases.DECIDED_YES if line == "/task approve" else phrases.DECIDED_NO)
    await chat.card(card, without="Approve")


async def test_no_command_allows_a_call_of_high_risk(work: Company, chat: DiscordChat) -> None:
    target = work.discord.channel(f"news-{chat.channel.name}")
    chat.model(call("chat_post", channel=f"#{target.name}", text="Number one"), say("It is out."))
    request = await chat.ask("tell the others")
    asked = await chat.card("Number one", button="Allow once")
    await work.people["ann"].runs("/task approve", work.discord.world.channel(request.id))
    await chat.told("needs a button")
    assert work.discord.messages(target) == []
    await chat.click(asked, "Allow once")
    await chat.card("It is out.")


async def test_commands_work_in_direct_messages(work: Company) -> None:
    chat = work.alone("ben")
    ben = work.people["ben"]
    chat.model(say("Here it is."))
    await ben.runs("/gofer help", chat.channel)
    await chat.told("How to work with me", who="ben")
    await ben.runs("/task new", chat.channel, prompt=f"do it {chat.tag}")
    await begun(work, chat, f"do it {chat.tag}")
    await chat.card("Here it is.")


async def test_people_without_access_begin_nothing_by_command(work: Company, chat: DiscordChat) -> None:
    zoe = work.people["zoe"]
    await zoe.runs("/task new", chat.channel, prompt=f"do it {chat.tag}")
    await chat.told("You have no access", who="zoe")
    assert await zoe.offers("/task status", chat.channel, "task", "") == {}
    assert work.discord.messages(chat.channel) == []
