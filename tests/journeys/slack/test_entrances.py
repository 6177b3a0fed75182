"""All the ways in: direct messages, shortcuts, commands, the app's own page; and who is let in."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.slack import Message
from tests.journeys.brain import call, say
from tests.journeys.scenarios import COUNT, DELIVER, JOB, PLAN, POEM, PUBLISH, QUESTION, thinking
from tests.journeys.slack.driver import Company, SlackChat


async def begun(work: Company, chat: SlackChat, words: str) -> Message:
    """Wait for the message of Gofer's that begins a thread in the channel, and look at that thread from now on."""
    bot = work.slack.bot_user_id

    def found() -> Message | None:
        said = (m for m in work.slack.messages(chat.channel) if m.user == bot and not m.parent_ts)
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


async def test_a_message_is_handed_over_by_shortcut(work: Company, chat: SlackChat) -> None:
    talk = chat.model(COUNT, DELIVER, say("Three words."))
    said = await chat.begin(f"please count these words {chat.tag}", [POEM], who="ben")
    await work.people["ann"].shortcut("hand_over", said)
    result = await chat.card("Three words.")
    assert result.rung == {"ann"}
    assert "poem.txt" in talk.seen[0]


async def test_a_task_begins_in_a_form_with_a_file(work: Company) -> None:
    chat = work.alone("ben")
    talk = chat.model(COUNT, say("Three words."))
    ben = work.people["ben"]
    await ben.shortcut("new_task")
    view = await chat.form(who="ben")
    assert await ben.submits(view, {"note": f"count the words {chat.tag}", "files": [POEM]}) is None
    await begun(work, chat, f"count the words {chat.tag}")
    await chat.card("Three words.")
    assert "poem.txt" in talk.seen[0]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/gofer", "How to work with me"),
        ("/gofer help", "How to work with me"),
        ("/gofer status", "What I am working on"),
        ("/gofer tasks", "Tasks"),
        ("/gofer usage", "You today"),
        ("/gofer skills", "tidy-folder"),
        ("/gofer settings", "You are"),
        ("/gofer connectors", "The web chat has no address that you could reach."),
        ("/gofer run", "Say which skill"),
        ("/gofer dance", "There is no command"),
    ],
)
async def test_a_command_is_answered_in_private(work: Company, chat: SlackChat, line: str, words: str) -> None:
    await work.people["ann"].runs(line, chat.channel)
    await chat.told(words)
    assert work.slack.messages(chat.channel) == []


async def test_a_skill_runs_by_command(work: Company, chat: SlackChat) -> None:
    talk = chat.model(say("Tidy now."))
    await work.people["ann"].runs(f"/gofer run tidy-folder all of it {chat.tag}", chat.channel)
    await begun(work, chat, "use tidy-folder")
    await chat.card("Tidy now.")
    assert "The skill tidy-folder was asked for by name" in talk.seen[0]


async def test_the_home_tab_shows_what_waits_and_begins_a_task(work: Company, chat: SlackChat) -> None:
    ann = work.people["ann"]
    chat.model(QUESTION, say("In francs."))
    await chat.ask("sum it up")
    question = await chat.card("Which currency?", button="Franc")
    await ann.opens_home()
    home = await work.until(lambda: (view := work.slack.home(ann)) and "Which currency?" in view.plain and view)
    waits, _, rest = home.plain.partition("Your tasks")
    assert "Which currency?" in waits
    for words in (f"sum it up {chat.tag} (Waiting for you", "Spent today", "Skills", "tidy-folder"):
        assert words in rest
    await ann.clicks(home, "New task")
    assert "What shall I do?" in (await chat.form()).plain
    await ann.closes(await chat.form())
    await chat.click(question, "Franc")
    await chat.card("In francs.")


async def test_a_stranger_sees_on_the_home_tab_how_to_get_in(work: Company) -> None:
    gus = work.people["gus"]
    await gus.opens_home()
    await work.until(lambda: (view := work.slack.home(gus)) and "no access" in view.plain)


async def test_the_messages_tab_suggests_how_to_begin(work: Company) -> None:
    ann = work.people["ann"]
    await ann.opens_messages_tab()
    dm = work.slack.dm(ann)
    shown = await work.until(lambda: work.slack.prompts.get(dm.id))
    assert len(shown.prompts) == 4


async def test_who_invites_it_is_told_how_to_begin(work: Company) -> None:
    ann = work.people["ann"]
    place = work.slack.channel("fresh", members=[ann], bot=False)
    await ann.invites(place)
    await work.chat(channel=place).told("Hello. I work on files")


async def test_a_stranger_asks_for_access_and_works_once_let_in(work: Company) -> None:
    chat = work.chat("zoe", "eve")
    chat.model(say("Welcome."))
    await chat.ask("hello", who="zoe")
    refused = await chat.told("You have no access", who="zoe")
    await work.people["zoe"].clicks(refused.message, "Request access")
    await chat.told("I have asked an admin", who="zoe")
    asked = await chat.told("Somebody asks for access", who="eve")
    await work.people["eve"].clicks(asked.message, "Let in")
    await chat.told("You have access to Gofer now", who="zoe")
    await work.until(lambda: "let in by" in asked.message.plain and not asked.message.button_labels)
    assert not chat.thread()
    await chat.ask("hello again", who="zoe")
    await chat.card("Welcome.")


async def test_guests_and_outsiders_are_refused_kindly_and_programs_silently(work: Company) -> None:
    chat = work.chat("gus", "oz", "rob")
    await chat.ask("do it", who="rob")
    await chat.ask("do it", who="oz")
    await chat.ask("do it", who="gus")
    await chat.told("You have no access", who="gus")
    await chat.told("members of this workspace only", who="oz")
    assert work.slack.ephemerals(work.people["rob"]) == []
    assert chat.thread() == []


async def test_only_the_group_of_approvers_decides_where_it_is_named(work: Company) -> None:
    chat = work.chat(channel=work.approvals)
    chat.model(PUBLISH, say("It is out."))
    await chat.ask("publish it")
    card = await chat.card("publish --to", button="Allow once")
    await chat.click(card, "Allow once")
    await chat.told("not yours to decide")
    await chat.click(card, "Allow once", who="lea")
    await chat.card("Allowed once by lea", without="Allow once")
    await chat.card("It is out.")


async def test_a_post_elsewhere_takes_a_button_and_may_be_allowed_for_the_task(work: Company, chat: SlackChat) -> None:
    ann = work.people["ann"]
    target = work.slack.channel(f"news-{chat.channel.name}", members=[ann])
    first = call("chat_post", channel=f"#{target.name}", text="Number one")
    chat.model(first, call("chat_post", channel=f"#{target.name}", text="Number two"), say("Both are out."))
    await chat.ask("tell the others")
    card = await chat.card("Number one", button="Allow once")
    await chat.react(card, "white_check_mark")
    await chat.told("needs a button")
    label = next(label for label in card.buttons if "for this task" in label)
    await chat.click(card, label)
    await chat.card("Both are out.")
    posted = [m.plain for m in work.slack.messages(target)]
    assert [("Number one" in posted[0]), ("Number two" in posted[1]), len(posted)] == [True, True, 2]
    asked = [m for m in chat.messages() if "Number two" in m.text and m.buttons]
    assert asked == []


async def test_its_own_stop_button_stops(work: Company, chat: SlackChat) -> None:
    talk = chat.model(COUNT, thinking())
    root = await chat.ask("count", [POEM])
    await talk.heard("count")
    await work.until(lambda: work.slack.sessions[chat.channel, root].status == "processing")
    await work.people["ann"].presses_stop(chat.channel, root)
    await chat.card("Stopped", button="Try again")
    await work.until(lambda: work.slack.sessions[chat.channel, root].status == "closed")


async def test_a_mention_told_twice_and_again_is_one_task(work: Company, chat: SlackChat) -> None:
    chat.model(PLAN, say("Done."))
    root = await chat.ask("count the words", [POEM])
    plan = await chat.card("Count the words", button="Approve")
    told = [d for d in work.slack.deliveries if d.event_id and root.ts in (d.event.get("ts"), d.event.get("event_ts"))]
    assert {delivery.event["type"] for delivery in told} == {"message", "app_mention"}
    await asyncio.gather(*(work.slack.redeliver(delivery, times=3) for delivery in told))
    await chat.status()
    await chat.click(plan, "Approve")
    await chat.card("Done.")
    assert sum("Done." in message.text for message in chat.messages()) == 1
    assert len([m for m in chat.messages() if "Count the words" in m.text and "Approved" in m.text]) == 1
