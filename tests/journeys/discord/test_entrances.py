"""All the ways in: direct messages, commands, the menu of a message; and who is let in."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.discord import Message
from tests.journeys.brain import call, say
from tests.journeys.discord.driver import Company, DiscordChat
from tests.journeys.scenarios import COUNT, DELIVER, JOB, PLAN, POEM, PUBLISH


@pytest.fixture(scope="module", autouse=True)
async def commands(work: Company) -> None:
    """People find the commands in their client."""
    await work.synchronise()


async def begun(work: Company, chat: DiscordChat, words: str) -> Message:
    """Wait for the message of Gofer's that begins a thread in the channel, and look at that thread from now on."""
    bot = work.discord.bot_id

    def found() -> Message | None:
        said = (m for m in work.discord.messages(chat.channel) if m.author_id == bot)
        return next((message for message in said if words in message.plain), None)

    chat.root = await work.until(found)
    return chat.root


async def test_a_direct_message_needs_no_mention(work: Company) -> None:
    chat = work.alone()
    chat.model(*JOB)
    await chat.ask("count the words", [POEM])
    await chat.click(await chat.card("Count the words", button="Approve"), "Approve")
    await chat.card("Three words.")
    await chat.files("words.txt")


async def test_a_message_is_handed_over_by_its_menu(work: Company, chat: DiscordChat) -> None:
    talk = chat.model(COUNT, DELIVER, say("Three words."))
    said = await chat.begin(f"please count these words {chat.tag}", [POEM], who="ben")
    await work.people["ann"].uses("Hand to Gofer", said)
    result = await chat.card("Three words.")
    assert result.rung == {"ann"}
    assert "poem.txt" in talk.seen[0]


async def test_a_task_begins_by_command_with_files(work: Company, chat: DiscordChat) -> None:
    talk = chat.model(COUNT, say("Five words."))
    files = [POEM, ("more.txt", b"four five\n")]
    await work.people["ben"].runs("/task new", chat.channel, prompt=f"count the words {chat.tag}", files=files)
    await begun(work, chat, f"count the words {chat.tag}")
    await chat.card("Five words.")
    assert "poem.txt" in talk.seen[0]
    assert "more.txt" in talk.seen[0]


async def test_a_task_begins_in_a_form_with_a_file(work: Company, chat: DiscordChat) -> None:
    talk = chat.model(COUNT, say("Three words."))
    ben = work.people["ben"]
    await ben.runs("/task new", chat.channel)
    await ben.submits(await chat.form(who="ben"), {"note": f"count the words {chat.tag}", "files": [POEM]})
    await begun(work, chat, f"count the words {chat.tag}")
    await chat.card("Three words.")
    assert "poem.txt" in talk.seen[0]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/gofer help", "How to work with me"),
        ("/gofer status", "What I am working on"),
        ("/task list", "Tasks"),
        ("/gofer usage", "You today"),
        ("/gofer skills", "tidy-folder"),
        ("/gofer settings", "You are"),
        ("/gofer connectors", "The web chat has no address that you could reach."),
    ],
)
async def test_a_command_is_answered_in_private(work: Company, chat: DiscordChat, line: str, words: str) -> None:
    await work.people["ann"].runs(line, chat.channel)
    await chat.told(words)
    assert work.discord.messages(chat.channel) == []


async def test_a_stranger_asks_for_access_and_works_once_let_in(work: Company, chat: DiscordChat) -> None:
    chat.model(say("Welcome."))
    await chat.ask("hello", who="zoe")
    refused = await chat.told("You have no access", who="zoe")
    await work.people["zoe"].clicks(refused.message, "Request access")
    await chat.told("I have asked an admin", who="zoe")
    asked = await chat.told("Somebody asks for access", who="eve")
    await work.people["eve"].clicks(asked.message, "Let in")
    await chat.told("You have access to Gofer now", who="zoe")
    await work.until(lambda: "let in by" in asked.message.plain and not asked.message.button_labels)
    await chat.ask("hello again", who="zoe")
    await chat.card("Welcome.")


async def test_programs_are_not_heard(work: Company, chat: DiscordChat) -> None:
    chat.model(say("Only this."))
    said = await chat.ask("do it", who="rob")
    chat.root = None
    await chat.ask("do it")
    await chat.card("Only this.")
    assert said.reactions == {}
    assert work.discord.messages(said.id) == []


async def test_only_the_role_of_approvers_decides_where_it_is_named(work: Company) -> None:
    chat = work.chat(work.approvals)
    chat.model(PUBLISH, say("It is out."))
    await chat.ask("publish it")
    card = await chat.card("publish --to", button="Allow once")
    await chat.click(card, "Allow once")
    await chat.told("not yours to decide")
    await chat.click(card, "Allow once", who="lea")
    await chat.card("Allowed once by lea", without="Allow once")
    await chat.card("It is out.")


async def test_a_post_elsewhere_takes_a_button_and_may_be_allowed_for_the_task(
    work: Company, chat: DiscordChat
) -> None:
    target = work.discord.channel(f"news-{chat.channel.name}")
    first = call("chat_post", channel=f"#{target.name}", text="Number one")
    chat.model(first, call("chat_post", channel=f"#{target.name}", text="Number two"), say("Both are out."))
    await chat.ask("tell the others")
    card = await chat.card("Number one", button="Allow once")
    await chat.react(card, "white_check_mark")
    await chat.told("needs a button")
    label = next(label for label in card.buttons if "for this task" in label)
    await chat.click(card, label)
    await chat.card("Both are out.")
    posted = [m.plain for m in work.discord.messages(target)]
    assert [("Number one" in posted[0]), ("Number two" in posted[1]), len(posted)] == [True, True, 2]
    asked = [m for m in chat.messages() if "Number two" in m.text and m.buttons]
    assert asked == []


async def test_a_mention_told_again_and_again_is_one_task(work: Company, chat: DiscordChat) -> None:
    chat.model(PLAN, say("Done."))
    root = await chat.ask("count the words", [POEM])
    plan = await chat.card("Count the words", button="Approve")
    gateway = work.discord.gateway
    told = next(p for event, p in gateway.delivered if event == "MESSAGE_CREATE" and p["id"] == str(root.id))
    for _ in range(3):
        gateway.again("MESSAGE_CREATE", told)
        await asyncio.sleep(0)
    await chat.status()
    await chat.click(plan, "Approve")
    await chat.card("Done.")
    assert sum("Done." in message.text for message in chat.messages()) == 1
    assert len([m for m in chat.messages() if "Count the words" in m.text and "Approved" in m.text]) == 1
