"""What Slack shows of the work in its own way: the session of a thread, and a stream that it may end at any time."""

from __future__ import annotations

from tests.journeys.scenarios import COUNT, DELIVER, PLAN, POEM, thinking
from tests.journeys.slack.driver import Company, SlackChat


async def test_the_session_has_a_title_and_shows_each_state(work: Company, chat: SlackChat) -> None:
    talk = chat.model(PLAN, COUNT, DELIVER, thinking("Three words."))
    request = await chat.ask("count the words of the poem", [POEM])
    plan = await chat.card("Count the words", button="Approve")
    session = await work.until(lambda: work.slack.sessions[chat.channel, request])
    await work.until(lambda: session.status == "suspended")
    assert session.title.startswith("count the words of the poem")
    await chat.click(plan, "Approve")
    await talk.thinks()
    await work.until(lambda: session.status == "processing")
    talk.go_on()
    await chat.card("Three words.", button="Change something")
    await work.until(lambda: session.status == "closed")


async def test_a_stream_that_slack_ends_while_the_model_thinks_harms_nothing(work: Company, chat: SlackChat) -> None:
    talk = chat.model(COUNT, thinking("Three words."))
    await chat.ask("count the words", [POEM])
    await talk.thinks()
    working = (await chat.card("Working")).message
    await work.until(lambda: working.streaming)
    work.slack.clock.advance(301)  # Slack's own end of every stream
    talk.go_on()
    await chat.card("Three words.", button="Change something")
    await chat.card("Done in")
    assert not any(message.streaming for message in chat.thread())
    assert len(chat.messages()) <= 5
