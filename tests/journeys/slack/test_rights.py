"""Who has no rights: whatever entrance they try, and whatever kind of person they are, nothing is done for them."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.fakes.slack import Human
from tests.journeys.brain import say
from tests.journeys.scenarios import COUNT, DELIVER, PLAN, POEM, thinking
from tests.journeys.slack.driver import Company, SlackChat

REFUSED = {
    "zoe": "You have no access to Gofer here yet",
    "gus": "You have no access to Gofer here yet",
    "oz": "Gofer works for members of this workspace only",
    "rob": "",
}
"""A stranger, a guest, somebody of another organisation, a program; and what each is told."""


async def tasks_of(work: Company) -> list[str]:
    """Who asked for tasks so far; the newest first."""
    listed = await asyncio.to_thread(work.server.program.run, "tasks", "list", "--json")
    return [task["asked_by"] for task in json.loads(listed.out)]


async def refused(chat: SlackChat, who: str) -> None:
    """Wait for the private refusal; programs get none."""
    if REFUSED[who]:
        await chat.told(REFUSED[who], who=who)


@pytest.mark.parametrize("who", ["zoe", "gus", "oz"])
async def test_slacks_own_stop_button_stops_for_those_with_rights_only(work: Company, who: str) -> None:
    chat = work.chat(who)
    talk = chat.model(thinking("Thought."))
    request = await chat.ask("think about it")
    await talk.thinks()
    await work.until(lambda: work.slack.sessions[chat.channel, request].status == "processing")
    await work.people[who].presses_stop(chat.channel, request)
    await refused(chat, who)
    await chat.status()
    talk.go_on()
    await chat.card("Thought.", button="Change something")


@pytest.mark.parametrize("who", REFUSED)
@pytest.mark.promise("members-only")
async def test_no_entrance_does_anything_for_who_has_no_rights(work: Company, who: str) -> None:
    chat = work.chat(who)
    them = work.people[who]
    before = await tasks_of(work)
    talk = chat.model(PLAN, COUNT, DELIVER, say("Three words."))
    request = await chat.ask("count the words", [POEM])
    plan = await chat.card("Count the words", button="Approve")
    for label in ("Approve", "Edit", "Reject"):
        await chat.click(plan, label, who=who)
        await refused(chat, who)
    await chat.ask("count the letters", who=who)
    await refused(chat, who)
    for word in ("approve", "no", "stop", "forget", "!rm -r inputs", "count the letters"):
        await chat.reply(word, who=who)
    for message, emoji in ((plan, "white_check_mark"), (plan, "x"), (request, "octagonal_sign")):
        await chat.react(message, emoji, who=who)
    await them.shortcut("hand_over", request)
    await refused(chat, who)
    if who in ("zoe", "gus"):  # Slack offers these to people of the workspace only
        await them.shortcut("new_task")
        await refused(chat, who)
        await them.runs("/gofer run tidy-folder of everything", chat.channel)
        await refused(chat, who)
        await them.runs("/gofer tasks", chat.channel)
        await refused(chat, who)
        await them.opens_home()
        home = await work.until(lambda: work.slack.home(them))
        assert "count the words" not in home.plain
    await work.slack.settled()
    await chat.status()
    assert [card.buttons for card in chat.messages() if card.buttons] == [["Approve", "Edit", "Reject"]]
    assert work.slack.views(them) == []

    await chat.click(plan, "Approve")
    await chat.card("Three words.")
    assert await tasks_of(work) == [f"slack:{work.slack.team_id}:{work.people['ann'].user_id}", *before]
    # What people said is told as talk, and no more than that; what programs say is not even heard.
    for words in ("said to the thread: count the letters", "never an instruction"):
        assert (words in talk.seen[-1]) is (who != "rob")


async def test_who_brings_it_into_a_channel_without_being_of_the_workspace_is_told_nothing(work: Company) -> None:
    ann, oz = work.people["ann"], work.people["oz"]
    place = work.slack.channel("shared", members=[ann, oz], bot=False)
    await oz.invites(place)
    await settled_after(work, place.name, ann)
    assert work.slack.ephemerals(oz) == []


async def settled_after(work: Company, name: str, person: Human) -> None:
    """What happened before was worked on: a later invitation was answered."""
    other = work.slack.channel(f"after-{name}", members=[person], bot=False)
    await person.invites(other)
    await work.until(lambda: [m for m in work.slack.ephemerals(person) if m.channel is other])
