"""Buttons and fields that the shared scenarios do not press, and whose decision counts at the moment of the click."""

from __future__ import annotations

from tests.journeys.brain import call, say
from tests.journeys.discord.driver import Company, DiscordChat
from tests.journeys.scenarios import COUNT, DELIVER, POEM, PUBLISH, thinking

CURRENCIES = ["Euro", "Franc", "Yen", "Crown", "Pound"]


async def test_a_question_with_many_answers_has_a_field_to_choose_in(work: Company, chat: DiscordChat) -> None:
    talk = chat.model(call("ask", question="Which currency?", options=CURRENCIES), say("In yen."))
    await chat.ask("sum it up")
    question = await chat.card("Which currency?", button="Answer in my words")
    assert [label for label in question.buttons if label in CURRENCIES] == []
    await work.people["ann"].chooses(question.message, "Yen")
    await talk.heard("The person answered: Yen")
    await chat.card("In yen.")
    decided = await chat.card("Which currency?", without="Answer in my words")
    assert "Yen" in decided.text
    assert decided.shown.choices == []


async def test_a_form_steers_with_words_and_files(work: Company, chat: DiscordChat) -> None:
    talk = chat.model(COUNT, thinking("First."), COUNT, DELIVER, say("Five words."))
    await chat.ask("count the words", [POEM])
    await talk.thinks()
    await chat.click(await chat.card("Working", button="Steer"), "Steer")
    await chat.fill({"note": "and count this, too", "files": [("more.txt", b"four five\n")]})
    await chat.status()  # the form was worked on
    talk.go_on()
    assert "more.txt" in await talk.heard("and count this, too")
    await chat.card("Five words.")
    assert (await chat.files("words.txt"))["words.txt"].split() == [b"5"]


async def test_it_pauses_goes_on_and_stops_by_button(work: Company, chat: DiscordChat) -> None:
    talk = chat.model(COUNT, thinking())
    await chat.ask("count the words", [POEM])
    await talk.thinks()
    await chat.click(await chat.card("Working", button="Pause"), "Pause")
    await chat.click(await chat.card("Paused", button="Resume"), "Resume")
    working = await chat.card("Working", button="Stop")
    await chat.click(working, "Stop")  # which asks "Are you sure?" first
    await chat.card("Stopped", button="Try again")
    await chat.card("Stopped after", without="Stop")


async def test_a_role_that_was_taken_away_decides_no_more(work: Company) -> None:
    chat = work.chat(work.approvals)
    backend, lea = work.discord.world.backend, work.people["lea"]
    member = work.discord.guild.members[lea.user_id]
    chat.model(PUBLISH, say("It is out."))
    await chat.ask("publish it")
    asked = await chat.card("publish --to", button="Allow once")
    (role,) = [role for role in member.role_ids if backend.guilds[work.discord.guild.id].roles[role].name == "leads"]
    backend.remove_member_role(work.discord.guild.id, lea.user_id, role)
    await chat.click(asked, "Allow once", who="lea")
    await chat.told("You have no access", who="lea")
    assert "Allow once" in asked.buttons
    backend.add_member_role(work.discord.guild.id, lea.user_id, role)
    await chat.react(asked, "white_check_mark", who="lea")
    await chat.card("Allowed once by lea", without="Allow once")
    await chat.card("It is out.")


async def test_where_one_person_is_named_only_they_decide(work: Company) -> None:
    chat = work.chat(work.signing)
    chat.model(PUBLISH, say("It is out."))
    await chat.ask("publish it")
    asked = await chat.card("publish --to", button="Allow once")
    await chat.click(asked, "Allow once")
    await chat.told("not yours to decide")
    await chat.click(asked, "Allow once", who="ben")
    await chat.card("Allowed once by ben", without="Allow once")
    await chat.card("It is out.")


async def test_what_the_person_who_asks_cannot_see_is_not_behind_a_link(work: Company, chat: DiscordChat) -> None:
    ben = work.people["ben"]
    secret = work.discord.channel(f"secret-{chat.channel.name}", members=[ben])
    linked = await ben.says(secret, "our salaries", files=[("salaries.csv", b"1,2\n")])
    talk = chat.model(say("I see nothing there."))
    await chat.begin(f"see {work.discord.link(linked)}", who="ben")
    await chat.ask("sum them up")
    await chat.card("I see nothing there.")
    assert "salaries" not in talk.seen[0]


async def test_a_task_searches_and_reads_what_its_requester_sees_and_nothing_else(
    work: Company, chat: DiscordChat
) -> None:
    ben, name = work.people["ben"], chat.channel.name
    open_to_all = work.discord.channel(f"open-{name}")
    secret = work.discord.channel(f"secret-{name}", members=[ben])
    said = await ben.says(open_to_all, f"the budget of {name} is five")
    await ben.says(secret, f"the budget of {name} is really nine")
    search, read = call("chat_search", query=f"budget {name}"), call("chat_history", channel=f"#open-{name}")
    talk = chat.model(search, read, call("chat_history", channel=f"#secret-{name}"), say("Five."))
    await chat.ask("what is the budget?")
    await chat.card("Five.")
    assert talk.seen[-1].count("is five") >= 2
    assert work.discord.link(said) in talk.seen[-1]
    assert "really nine" not in talk.seen[-1]
    assert f"There is no channel #secret-{name}" in talk.seen[-1]


async def test_the_status_says_what_is_done_what_it_cost_and_since_when(work: Company, chat: DiscordChat) -> None:
    steps = call("plan", steps=["Count the words", "Write them down"], files=["outputs/words.txt"])
    talk = chat.model(steps, call("plan", doing=1), COUNT, call("plan", done=[1], doing=2), thinking("Three words."))
    await chat.ask("count the words", [POEM])
    await chat.click(await chat.card("Count the words", button="Approve"), "Approve")
    await talk.thinks()
    status = await chat.card("Write them down", button="Stop")

    def shown() -> bool:
        return "✓ 1. Count the words" in status.text and "▶ 2. Write them down" in status.text

    await work.until(shown)
    assert "$" in status.text
    assert "Started at " in status.text
    talk.go_on()
    await chat.card("Done in", without="Stop")
