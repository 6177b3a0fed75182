"""Permissions beyond once, results with several files, and buttons that nobody should find any more."""

from __future__ import annotations

from typing import Any

from tests.journeys.brain import call, say
from tests.journeys.scenarios import COUNT, DELIVER, PLAN, POEM, QUESTION
from tests.journeys.slack.driver import Company, SlackChat

HARMLESS = {"Details", "Good result", "Not what I wanted"}
"""Buttons that may be pressed at any time: they show something, or note an opinion."""


async def test_what_is_always_allowed_here_is_asked_elsewhere(work: Company, chat: SlackChat) -> None:
    news = work.slack.channel(f"news-{chat.channel.name}", members=[work.people["ann"]])
    post = call("chat_post", channel=f"#{news.name}", text="It is out")
    chat.model(post, say("The first."))
    await chat.ask("tell them")
    card = await chat.card("It is out", button="Allow once")
    label = next(label for label in card.buttons if label.startswith("Always allow"))
    assert news.name in label
    await chat.click(card, label)
    await chat.card("Always allowed here by ann", without="Allow once")
    await chat.card("The first.")

    again = work.chat(channel=chat.channel)
    again.model(post, say("The second."))
    await again.ask("tell them once more")
    await again.card("The second.")
    assert not any("Allow" in message.text for message in again.messages())

    elsewhere = work.chat()
    elsewhere.model(post, say("The third."))
    await elsewhere.ask("tell them")
    await elsewhere.click(await elsewhere.card("It is out", button="Allow once"), "Allow once")
    await elsewhere.card("The third.")
    assert len(work.slack.messages(news)) == 3


async def test_all_files_of_a_result_come_in_one_message_of_the_thread(work: Company, chat: SlackChat) -> None:
    make = call("bash", command="mkdir -p outputs; for n in 1 2 3; do echo $n > outputs/part$n.txt; done")
    names = [f"part{n}.txt" for n in (1, 2, 3)]
    chat.model(make, *(call("deliver", path=f"outputs/{name}") for name in names), say("Three parts."))
    root = await chat.ask("make three parts")
    await chat.card("Three parts.", button="Change something")
    bearing = [message for message in chat.thread() if message.files]
    assert [[file.name for file in message.files] for message in bearing] == [names]
    calls = work.slack.calls("files.completeUploadExternal")
    assert [call.ok for call in calls if call.args.get("thread_ts") == root.ts] == [True]


async def test_no_button_outlives_what_it_is_for(work: Company, chat: SlackChat) -> None:
    talk = chat.model(PLAN, COUNT, DELIVER, say("Three words."))
    await chat.ask("count the words", [POEM])
    await chat.click(await chat.card("Count the words", button="Approve"), "Approve")
    await chat.card("Three words.", button="Change something")
    later = chat.model(QUESTION, say("In francs."))
    await chat.ask("sum it up")
    await chat.click(await chat.card("Which currency?", button="Franc"), "Franc")
    for decided in ("Approved by ann, <!date^", "Answered by ann, <!date^"):
        await chat.card(decided)  # who, and when
    last = await chat.card("In francs.", button="Change something")
    await work.until(lambda: [m for m in chat.thread() if set(m.button_labels) - HARMLESS] == [last.message])

    # Somebody who looks at an old version of a card is told so, and nothing happens.
    said, told = len(chat.messages()), (len(talk.seen), len(later.seen))
    for message in chat.thread():
        for label in old_labels(message.history) - set(last.buttons if message is last.message else ()) - HARMLESS:
            before = len(work.slack.ephemerals(work.people["ann"]))
            await chat.click(chat.seen(message), label, stale=True)
            await work.until(lambda before=before: len(work.slack.ephemerals(work.people["ann"])) > before)
            assert work.slack.views(work.people["ann"]) == [], label
    assert len(chat.messages()) == said
    assert (len(talk.seen), len(later.seen)) == told


def old_labels(versions: list[Any]) -> set[str]:
    """What stood on the buttons of earlier versions of a message."""
    found: set[str] = set()
    for blocks in versions:
        for block in blocks:
            for element in block.get("elements", []) if block["type"] == "actions" else []:
                found.add(element["text"]["text"])
    return found
