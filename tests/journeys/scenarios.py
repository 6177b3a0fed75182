"""What people do with Gofer in a chat, and what they see: the same on every platform."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.journeys.brain import Turn, call, say
from tests.journeys.chat import Chat

POEM = ("poem.txt", b"one two three\n")
COUNT = call("bash", command="mkdir -p outputs; cat inputs/*.txt | wc -w > outputs/words.txt")
PLAN = call("plan", steps=["Count the words", "Write them down"], files=["outputs/words.txt"])
OTHER_PLAN = call("plan", steps=["Count the words", "Write a table"], files=["outputs/words.csv"])
DELIVER = call("deliver", path="outputs/words.txt")
JOB: tuple[Turn, ...] = (PLAN, COUNT, DELIVER, say("Three words."))
WIPE = call("bash", command="echo short > inputs/poem.txt")
LOOK = call("bash", command="echo poem says: $(cat inputs/poem.txt)")
PUBLISH = call("bash", command="publish --to everybody 2>/dev/null; echo tried")
QUESTION = call("ask", question="Which currency?", options=["Euro", "Franc"])

Scenario = Callable[[Chat], Awaitable[None]]


def thinking(text: str = "That is all.") -> Turn:
    """The model takes its time over these words."""
    return say(text, hold=True)


async def content_afterwards(chat: Chat) -> str:
    """What stands in the poem, as the next task in this thread sees it."""
    talk = chat.model(LOOK, say("Looked."))
    await chat.ask("look at it")
    await chat.card("Looked.")
    return talk.seen[-1].rpartition("poem says: ")[2].partition("\n")[0]


# -- plans


async def a_plan_is_approved_by_button(chat: Chat) -> None:
    chat.model(*JOB)
    request = await chat.ask("count the words", [POEM])
    await chat.noticed(request, "eyes")
    plan = await chat.card("Count the words", button="Approve")
    assert plan.rung == {"ann"}
    assert "outputs/words.txt" in plan.text
    await chat.click(plan, "Approve")
    decided = await chat.card("Approved by ann", without="Approve")
    assert "Plan: approved" in decided.text
    result = await chat.card("Three words.", button="Change something")
    assert result.rung == {"ann"}
    assert (await chat.files("words.txt"))["words.txt"].split() == [b"3"]
    assert len(chat.messages()) <= 5
    rung = [message for message in chat.messages() if message.rung]
    assert [message.text for message in rung if message.text not in (plan.text, result.text)] == []


async def a_plan_is_approved_by_emoji(chat: Chat) -> None:
    chat.model(*JOB)
    await chat.ask("count the words", [POEM])
    plan = await chat.card("Count the words", button="Approve")
    await chat.react(plan, "thumbsup::skin-tone-4")
    await chat.card("Approved by ann", without="Approve")
    await chat.card("Three words.")


async def a_plan_is_approved_by_word(chat: Chat) -> None:
    chat.model(*JOB)
    await chat.ask("count the words", [POEM])
    await chat.card("Count the words", button="Approve")
    await chat.reply("Looks good!")
    await chat.card("Approved by ann", without="Approve")
    await chat.card("Three words.")


async def a_plan_is_rejected(chat: Chat) -> None:
    chat.model(*JOB)
    await chat.ask("count the words", [POEM])
    await chat.click(await chat.card("Count the words", button="Reject"), "Reject")
    await chat.card("Rejected by ann", without="Approve")
    await chat.card("Stopped", button="Try again")


async def a_plan_is_edited_in_a_form(chat: Chat) -> None:
    talk = chat.model(PLAN, OTHER_PLAN, say("As you wished."))
    await chat.ask("count the words", [POEM])
    old = await chat.card("Write them down", button="Edit")
    await chat.click(old, "Edit")
    await chat.fill({"steps": "Count the words\nWrite a table"})
    new = await chat.card("Write a table", button="Approve")
    assert "Write a table" in await talk.heard("The steps should be")
    assert "new" in new.text
    await chat.card("An earlier plan", without="Approve")
    await chat.click(old, "Approve", stale=True)
    await chat.told("decided already")
    await chat.click(new, "Approve")
    await chat.card("As you wished.")


async def a_plan_is_changed_by_a_reply(chat: Chat) -> None:
    talk = chat.model(PLAN, OTHER_PLAN, say("As you wished."))
    await chat.ask("count the words", [POEM])
    await chat.card("Write them down", button="Approve")
    await chat.reply("make it a table please")
    new = await chat.card("Write a table", button="Approve")
    await talk.heard("make it a table please")
    await chat.react(new, "white_check_mark")
    await chat.card("As you wished.")


async def an_edited_request_is_planned_anew(chat: Chat) -> None:
    talk = chat.model(PLAN, OTHER_PLAN, say("As you wished."))
    request = await chat.ask("count the words", [POEM])
    await chat.card("Write them down", button="Approve")
    await chat.edit(request, "count the letters")
    new = await chat.card("Write a table", button="Approve")
    await talk.heard("count the letters")
    await chat.click(new, "Approve")
    await chat.card("As you wished.")


async def a_deleted_request_is_cancelled(chat: Chat) -> None:
    chat.model(*JOB)
    request = await chat.ask("count the words", [POEM])
    plan = await chat.card("Write them down", button="Approve")
    await chat.delete(request)
    await chat.card("The request was deleted.")
    await chat.click(plan, "Approve", stale=True)
    await chat.told("taken back")


async def two_presses_and_an_emoji_are_one_decision(chat: Chat) -> None:
    chat.model(*JOB)
    await chat.ask("count the words", [POEM])
    plan = await chat.card("Count the words", button="Approve")
    await chat.click(plan, "Approve", stale=True)
    await chat.click(plan, "Approve", stale=True)
    await chat.react(plan, "white_check_mark")
    await chat.told("decided already, by you")
    await chat.card("Three words.")
    assert sum("Approved by ann" in message.text for message in chat.messages()) == 1
    assert list(await chat.files("words.txt")) == ["words.txt"]


async def somebody_else_does_not_decide(chat: Chat) -> None:
    chat.model(*JOB)
    await chat.ask("count the words", [POEM])
    plan = await chat.card("Count the words", button="Approve")
    await chat.click(plan, "Approve", who="ben")
    await chat.told("not yours to decide", who="ben")
    await chat.react(plan, "+1", who="ben")
    await chat.told("not yours to decide", who="ben")
    await chat.click(plan, "Approve")
    await chat.card("Approved by ann", without="Approve")
    await chat.click(plan, "Reject", who="ben", stale=True)
    await chat.told("not yours to decide", who="ben")
    await chat.click(plan, "Reject", stale=True)
    await chat.told("decided already, by you")
    await chat.card("Three words.")


# -- calls


async def a_call_shows_its_arguments_and_is_allowed_once(chat: Chat) -> None:
    chat.model(PUBLISH, PUBLISH, say("It is out."))
    await chat.ask("publish it")
    first = await chat.card("publish --to everybody", button="Allow once")
    assert first.rung == {"ann"}
    assert "Open until" in first.text
    await chat.click(first, "Allow once")
    await chat.card("Allowed once by ann", without="Allow once")
    second = await chat.card("publish --to everybody", button="Allow once")
    await chat.react(second, "white_check_mark")
    await chat.card("It is out.")


async def a_call_is_denied_with_a_reason(chat: Chat) -> None:
    talk = chat.model(PUBLISH, say("Then not."))
    await chat.ask("publish it")
    await chat.click(await chat.card("publish --to", button="Deny"), "Deny")
    await chat.fill({"note": "it is a secret"})
    await chat.card("Denied by ann", without="Deny")
    await talk.heard("it is a secret")
    result = await chat.card("Then not.")
    assert "Not done, because it was denied" in result.text


async def a_call_is_denied_by_emoji(chat: Chat) -> None:
    chat.model(PUBLISH, say("Then not."))
    await chat.ask("publish it")
    await chat.react(await chat.card("publish --to", button="Deny"), "x")
    await chat.card("Denied by ann", without="Deny")
    await chat.card("Then not.")


# -- questions


async def a_question_is_answered_by_button(chat: Chat) -> None:
    talk = chat.model(QUESTION, say("In francs."))
    await chat.ask("sum it up")
    question = await chat.card("Which currency?", button="Franc")
    assert question.rung == {"ann"}
    await chat.click(question, "Franc")
    await talk.heard("The person answered: Franc")
    await chat.card("In francs.")
    await chat.card("Franc", without="Franc")


async def a_question_is_answered_by_a_reply(chat: Chat) -> None:
    talk = chat.model(QUESTION, say("In crowns."))
    await chat.ask("sum it up")
    await chat.card("Which currency?", button="Franc")
    await chat.reply("crowns, please")
    await talk.heard("crowns, please")
    await chat.card("In crowns.")
    await chat.card("crowns, please", without="Franc")


async def a_question_is_answered_in_a_form(chat: Chat) -> None:
    talk = chat.model(QUESTION, say("In yen."))
    await chat.ask("sum it up")
    await chat.click(await chat.card("Which currency?", button="Franc"), "Answer in my words")
    await chat.fill({"note": "yen"})
    await talk.heard("The person answered: yen")
    await chat.card("In yen.")


# -- changes to files that were handed over


async def changes_are_shown_and_kept_by_button(chat: Chat) -> None:
    chat.model(WIPE, say("Changed."))
    await chat.ask("make it shorter", [POEM])
    changes = await chat.card("poem.txt", button="Apply")
    assert changes.rung == {"ann"}
    await chat.click(changes, "Apply", who="ben")
    await chat.told("not yours to decide", who="ben")
    await chat.click(changes, "Apply")
    await chat.card("poem.txt", without="Apply")
    await chat.card("Changed.", button="Change something")
    assert await content_afterwards(chat) == "short"


async def changes_are_discarded_by_button(chat: Chat) -> None:
    chat.model(WIPE, say("Changed."))
    await chat.ask("make it shorter", [POEM])
    await chat.click(await chat.card("poem.txt", button="Discard"), "Discard")
    await chat.card("poem.txt", without="Discard")
    await chat.card("Changed.", button="Change something")
    assert await content_afterwards(chat) == "one two three"


async def changes_are_kept_by_emoji(chat: Chat) -> None:
    chat.model(WIPE, say("Changed."))
    await chat.ask("make it shorter", [POEM])
    await chat.react(await chat.card("poem.txt", button="Apply"), "white_check_mark")
    await chat.card("poem.txt", without="Apply")
    await chat.card("Changed.", button="Change something")
    assert await content_afterwards(chat) == "short"


# -- while it works


async def a_reply_steers_and_a_mention_interrupts(chat: Chat) -> None:
    talk = chat.model(thinking("First."), say("Second."), say("Third."))
    await chat.ask("think about it")
    await talk.thinks()
    queued = await chat.reply("in euros")
    await chat.noticed(queued, "eyes")
    assert "in euros" not in talk.seen[-1]
    urgent = await chat.reply("no, in francs", mention=True)
    await chat.noticed(urgent, "eyes")
    told = await talk.heard("no, in francs")
    assert "in euros" in told
    talk.go_on()
    await chat.card("First.")


async def thanks_and_talk_to_others_disturb_nothing(chat: Chat) -> None:
    talk = chat.model(thinking("Done."))
    await chat.ask("think about it")
    await talk.thinks()
    thanks = await chat.reply("thank you!", mention=True)
    await chat.noticed(thanks, "pray")
    await chat.reply("delete it all", to="ben")
    await chat.status()
    talk.go_on()
    await chat.card("Done.")
    assert len(talk.seen) == 1


async def it_stops_by_word(chat: Chat) -> None:
    talk = chat.model(thinking())
    await chat.ask("think about it")
    await talk.thinks()
    await chat.reply("stop")
    await chat.card("Stopped", button="Try again")


async def it_stops_by_emoji_and_tries_again_by_emoji(chat: Chat) -> None:
    talk = chat.model(thinking())
    request = await chat.ask("think about it")
    await talk.thinks()
    await chat.react(request, "octagonal_sign")
    stopped = await chat.card("Stopped", button="Try again")
    chat.model(say("Thought again."))
    await chat.react(stopped, "repeat")
    await chat.card("Thought again.")


async def it_pauses_and_goes_on(chat: Chat) -> None:
    talk = chat.model(COUNT, thinking("Counted."))
    request = await chat.ask("count", [POEM])
    await chat.card("Working")
    await chat.react(request, "double_vertical_bar")
    paused = await chat.card("Paused", button="Resume")
    talk.go_on()
    await chat.click(paused, "Resume")
    await chat.card("Counted.", button="Change something")


async def muted_it_hears_mentions_only(chat: Chat) -> None:
    talk = chat.model(PLAN, OTHER_PLAN, say("Done."))
    await chat.ask("count the words", [POEM])
    await chat.card("Write them down", button="Approve")
    await chat.reply("mute")
    await chat.told("no longer listen")
    await chat.reply("make it purple")
    await chat.reply("make it a table", mention=True)
    await chat.card("Write a table", button="Approve")
    assert "purple" not in talk.seen[-1]
    await chat.reply("make it a rose")  # the mention ended the silence
    await talk.heard("make it a rose")
    await chat.card("Done.")


async def files_in_replies_join(chat: Chat) -> None:
    talk = chat.model(QUESTION, COUNT, DELIVER, say("Five words."))
    await chat.ask("count the words", [POEM])
    await chat.card("Which currency?", button="Franc")
    await chat.reply("francs, and with this", [("more.txt", b"four five\n")])
    await talk.heard("more.txt")
    await chat.card("Five words.")
    assert (await chat.files("words.txt"))["words.txt"].split() == [b"5"]


# -- afterwards


async def a_mention_goes_on_in_the_same_workspace(chat: Chat) -> None:
    chat.model(COUNT, say("Counted."))
    await chat.ask("count the words", [POEM])
    await chat.card("Counted.", button="Change something")
    talk = chat.model(call("bash", command="cat outputs/words.txt inputs/poem.txt"), say("Still there."))
    await chat.ask("and show them")
    await chat.card("Still there.", button="Change something")
    assert "one two three" in talk.seen[-1]
    await chat.card("Counted.", without="Change something")


async def something_is_changed_by_button(chat: Chat) -> None:
    chat.model(COUNT, say("Counted."))
    await chat.ask("count the words", [POEM])
    result = await chat.card("Counted.", button="Change something")
    talk = chat.model(say("Changed."))
    await chat.click(result, "Change something")
    await chat.fill({"note": f"in red {chat.tag}"})
    await talk.heard("in red")
    await chat.card("Changed.")


async def it_is_undone_by_button(chat: Chat) -> None:
    chat.model(COUNT, say("Counted."))
    await chat.ask("count the words", [POEM])
    await chat.click(await chat.card("Counted.", button="Undo"), "Undo")
    await chat.told("The workspace is again as it was before")
    talk = chat.model(call("bash", command="ls outputs || echo none"), say("Gone."))
    await chat.ask("what is there?")
    await chat.card("Gone.")
    assert "none" in talk.seen[-1]


async def after_a_failure_it_tries_again(chat: Chat) -> None:
    chat.model({"error": 400})
    await chat.ask("count the words", [POEM])
    failed = await chat.card("Failed", button="Try again")
    assert failed.rung == {"ann"}
    await chat.click(failed, "Details")
    await chat.told("1 file changed")
    talk = chat.model(say("This time it went well."))
    await chat.click(failed, "Try again")
    await chat.card("This time it went well.")
    assert "poem.txt" in talk.seen[-1]
    await chat.card("Failed", without="Try again")


async def all_is_forgotten(chat: Chat) -> None:
    chat.model(COUNT, say("Counted."))
    await chat.ask("count the secret words", [POEM])
    await chat.card("Counted.", button="Change something")
    await chat.reply("forget", mention=True)
    await chat.told("removed the files")
    talk = chat.model(call("bash", command="ls inputs outputs || echo none"), say("Nothing."))
    await chat.ask("what is there?")
    await chat.card("Nothing.")
    assert "none" in talk.seen[-1]


async def a_command_runs_without_a_model(chat: Chat) -> None:
    talk = chat.model()
    await chat.ask("!echo $((6 * 7))")
    await chat.card("42")
    assert talk.seen == []


async def a_skill_is_asked_for_by_name(chat: Chat) -> None:
    talk = chat.model(say("With the skill."))
    await chat.ask("use tidy-folder on this", [POEM])
    await chat.card("With the skill.")
    assert "The skill tidy-folder was asked for by name" in talk.seen[0]


# -- what comes with a request


async def earlier_files_and_words_of_the_thread_come_along(chat: Chat) -> None:
    talk = chat.model(COUNT, DELIVER, say("Three words."))
    await chat.begin("here is a poem", [POEM], who="ben")
    await chat.ask("count its words")
    assert (await chat.files("words.txt"))["words.txt"].split() == [b"3"]
    assert "here is a poem" in talk.seen[0]
    assert "never an instruction" in talk.seen[0]
