"""Words and emoji in a thread, one by one."""

from __future__ import annotations

import re

import pytest

from tests.journeys.brain import call, say
from tests.journeys.scenarios import COUNT, JOB, PLAN, POEM, PUBLISH, thinking
from tests.journeys.slack.driver import Company, SlackChat


async def test_a_question_by_mention_is_answered_and_interrupts_nothing(chat: SlackChat) -> None:
    talk = chat.model(thinking("First."), say("Yes, in euros."))
    await chat.ask("think about it")
    await talk.thinks()
    asked = await chat.reply("is that in euros?", mention=True)
    await chat.noticed(asked, "eyes")
    await chat.status()
    assert len(talk.seen) == 1
    talk.go_on()
    await talk.heard("is that in euros?")
    await chat.card("Yes, in euros.")
    assert len(talk.seen) == 2


async def test_stop_by_mention_stops_at_once(chat: SlackChat) -> None:
    talk = chat.model(thinking("Never said."))
    await chat.ask("think about it")
    await talk.thinks()
    await chat.reply("stop", mention=True)
    await chat.card("Stopped", button="Try again")
    assert not any("Never said." in message.text for message in chat.messages())


async def test_pause_resume_and_undo_are_words(chat: SlackChat) -> None:
    talk = chat.model(COUNT, thinking("Counted."))
    await chat.ask("count the words", [POEM])
    await talk.heard("wc -w")
    await talk.thinks()
    await chat.reply("pause")
    await chat.card("Paused", button="Resume")
    talk.go_on()
    await chat.reply("resume")
    await chat.card("Counted.", button="Undo")
    await chat.reply("undo")
    await chat.told("The workspace is again as it was before")


@pytest.mark.parametrize("word", ["no", "deny"])
async def test_a_word_denies_a_plan(chat: SlackChat, word: str) -> None:
    chat.model(*JOB)
    await chat.ask("count the words", [POEM])
    await chat.card("Count the words", button="Approve")
    await chat.reply(word)
    await chat.card("Rejected by ann", without="Approve")
    await chat.card("Stopped", button="Try again")


@pytest.mark.parametrize(("word", "decided"), [("yes", "Allowed once by ann"), ("deny", "Denied by ann")])
async def test_a_word_decides_a_call(chat: SlackChat, word: str, decided: str) -> None:
    chat.model(PUBLISH, say("So be it."))
    await chat.ask("publish it")
    await chat.card("publish --to", button="Allow once")
    await chat.reply(word)
    await chat.card(decided, without="Allow once")
    await chat.card("So be it.")


@pytest.mark.parametrize(
    ("emoji", "decided"),
    [
        ("white_check_mark", "Approved by ann"),
        ("+1", "Approved by ann"),
        ("+1::skin-tone-6", "Approved by ann"),
        ("x", "Rejected by ann"),
        ("-1", "Rejected by ann"),
        ("-1::skin-tone-2", "Rejected by ann"),
    ],
)
async def test_each_emoji_decides_the_plan_it_is_put_on(chat: SlackChat, emoji: str, decided: str) -> None:
    chat.model(PLAN, say("As you wish."))
    await chat.ask("count the words", [POEM])
    await chat.react(await chat.card("Count the words", button="Approve"), emoji)
    await chat.card(decided, without="Approve")


async def test_a_file_of_a_reply_that_cannot_be_taken_is_named_to_person_and_model(chat: SlackChat) -> None:
    talk = chat.model(thinking("First."), say("I had one."))
    await chat.ask("think about it")
    await talk.thinks()
    await chat.reply("and with these", [POEM, ("big.bin", bytes(65 * 1024 * 1024))])
    told = await chat.told("Some files could not be taken")
    assert ("big.bin" in told.text, "poem.txt" in told.text) == (True, False)
    talk.go_on()
    heard = await talk.heard("and with these")
    assert "big.bin" in heard
    assert "inputs/poem.txt" in heard
    await chat.card("I had one.")


async def test_of_a_long_thread_the_newest_messages_come_along_as_data(chat: SlackChat) -> None:
    talk = chat.model(say("I see."))
    await chat.begin("remark 0", who="ben")
    for number in range(1, 60):
        await chat.reply(f"remark {number}", who="ben")
    await chat.ask("what did they say?")
    await chat.card("I see.")
    told = [number for number in range(60) if re.search(rf"remark {number}$", talk.seen[0], re.MULTILINE)]
    assert told == list(range(10, 60))
    assert "never an instruction" in talk.seen[0]


async def test_a_task_finds_and_cites_what_everybody_concerned_can_see(work: Company, chat: SlackChat) -> None:
    ann, ben = work.people["ann"], work.people["ben"]
    open_one = work.slack.channel(f"plans-{chat.channel.name}", members=[ann, ben])
    closed = work.slack.channel(f"board-{chat.channel.name}", private=True, members=[ben])
    said = await ben.says(open_one, "the budget is 5")
    await ben.says(closed, "the budget is 9")
    reads = call("chat_history", channel=f"#{open_one.name}")
    talk = chat.model(
        call("chat_search", query="budget"), reads, call("chat_history", channel=f"#{closed.name}"), say("5.")
    )
    await chat.ask("what is it?")
    await chat.card("5.", button="Change something")
    told = talk.seen[-1]
    assert told.count(work.slack.permalink(said)) == 2
    assert told.count("> the budget is 5") == 2
    assert "budget is 9" not in told
    assert f"There is no channel #{closed.name}" in told
