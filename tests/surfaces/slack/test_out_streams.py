"""Status cards as streams: what changes in place, when a segment ends, and what happens where there are none."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from bot.cards import CardState, StepLine, Text
from bot.slack.streams import SEGMENT_ROWS, SEGMENT_S
from bot.surface import MessageRef, SurfaceDown, ThreadRef
from tests.fakes.slack import Channel, Human, Message, SlackFake
from tests.surfaces.slack.out import Fast, opened, place, status

KEY = "status:t_1"


@pytest.fixture
async def slack() -> AsyncGenerator[SlackFake]:
    async with SlackFake("socket") as fake:
        yield fake


class Aged(Fast):
    """The fast clock, which a test may push forward."""

    ahead_s = 0.0

    def now(self) -> float:
        return super().now() + self.ahead_s


async def begun(slack: SlackFake) -> tuple[Human, Channel, Message, ThreadRef]:
    """A request in a channel."""
    ann = slack.user("ann")
    general = slack.channel("general", members=[ann])
    request = await ann.says(general, "please")
    return ann, general, request, place(slack, general, request)


def me(slack: SlackFake, user: Human) -> str:
    return f"slack:{slack.team_id}:{user.id}"


def steps(done: int, count: int = 3, **others: Any) -> tuple[StepLine, ...]:
    states = ["done" if n < done else "running" if n == done else "pending" for n in range(count)]
    return tuple(StepLine(f"Step {n}", state) for n, state in enumerate(states))  # type: ignore[arg-type]


async def test_a_running_task_is_streamed_and_only_what_changes_is_sent(slack: SlackFake) -> None:
    ann, general, request, thread = await begun(slack)
    async with opened(slack) as surface:
        posted = await surface.post(thread, status(*steps(0), asked_by=me(slack, ann)), key=KEY)
        (start,) = slack.calls("chat.startStream")
        assert (start.args["recipient_user_id"], start.args["task_display_mode"]) == (ann.id, "plan")
        assert await surface.edit(posted.message, status(*steps(1), now="bash: ls", asked_by=me(slack, ann)))
        assert await surface.edit(posted.message, status(*steps(1), now="bash: ls", asked_by=me(slack, ann)))
        (append,) = slack.calls("chat.appendStream")
        changed = {chunk["id"].partition("|")[2]: chunk["status"] for chunk in append.args["chunks"]}
        assert changed == {"1": "complete", "2": "in_progress", "now": "in_progress"}
        message = slack.messages(general, request)[1]
        assert message.streaming
        assert "Step 2" in message.plain
        finished = status(*steps(3), state=CardState.DONE, actions=(), asked_by=me(slack, ann))
        assert await surface.edit(posted.message, finished)
        assert await surface.find(thread, KEY) == posted.message
    assert not message.streaming
    assert message.button_labels == []
    assert message.metadata == {"event_type": "gofer_card", "event_payload": {"key": KEY}}
    assert [b["type"] for b in message.blocks] == ["header", "plan", "context"]
    assert ann.id not in str(message.blocks)
    assert len(slack.calls("chat.update")) == 1


async def test_the_buttons_of_a_running_task_are_on_its_stream(slack: SlackFake) -> None:
    ann, general, request, thread = await begun(slack)
    async with opened(slack) as surface:
        await surface.post(thread, status(*steps(0), asked_by=me(slack, ann)), key=KEY)
    message = slack.messages(general, request)[1]
    assert message.stream is not None
    assert [b["type"] for b in message.stream.blocks] == ["actions"]


async def test_a_task_that_waits_is_a_message_and_stays_one(slack: SlackFake) -> None:
    ann, general, request, thread = await begun(slack)
    async with opened(slack) as surface:
        posted = await surface.post(thread, status(*steps(0), asked_by=me(slack, ann)), key=KEY)
        assert await surface.edit(posted.message, status(*steps(1), state=CardState.WAITING, actions=()))
        message = slack.messages(general, request)[1]
        assert not message.streaming
        assert await surface.edit(posted.message, status(*steps(2)))
    assert "Step 2" in message.plain
    assert len(slack.calls("chat.startStream")) == 1
    assert len(slack.calls("chat.update")) == 2


async def test_a_direct_conversation_needs_no_recipient(slack: SlackFake) -> None:
    ann = slack.user("ann")
    hello = await ann.says(slack.dm(ann), "please")
    async with opened(slack) as surface:
        await surface.post(place(slack, slack.dm(ann), hello), status(*steps(0)), key=KEY)
    (start,) = slack.calls("chat.startStream")
    assert "recipient_user_id" not in start.args


async def test_who_asked_is_known_from_the_session(slack: SlackFake) -> None:
    ann, _, _, thread = await begun(slack)
    async with opened(slack) as surface:
        await surface.presence(thread, "working", title="Sort", person=me(slack, ann))
        await surface.post(thread, status(*steps(0)), key=KEY)
        assert slack.calls("chat.startStream")[0].args["recipient_user_id"] == ann.id


async def test_without_a_recipient_it_is_an_ordinary_message(slack: SlackFake) -> None:
    _, general, request, thread = await begun(slack)
    async with opened(slack) as surface:
        await surface.post(thread, status(*steps(0)), key=KEY)
    assert slack.calls("chat.startStream") == []
    assert "Step 0" in slack.messages(general, request)[1].plain


@pytest.mark.parametrize("error", ["unknown_method", "feature_not_enabled"])
async def test_a_workspace_without_streams_is_asked_once(slack: SlackFake, error: str) -> None:
    slack.disable("streams", error=error)
    ann, general, request, thread = await begun(slack)
    async with opened(slack) as surface:
        card = status(*steps(0), asked_by=me(slack, ann))
        posted = await surface.post(thread, card, key=KEY)
        await surface.post(thread, card, key="status:t_2")
        assert await surface.edit(posted.message, status(*steps(1)))
        assert await surface.find(thread, KEY) == posted.message
    assert len(slack.calls("chat.startStream")) == 1
    assert slack.messages(general, request)[1].button_labels == ["Stop"]


async def test_a_channel_without_streams_does_not_end_them_elsewhere(slack: SlackFake) -> None:
    ann, _, _, thread = await begun(slack)
    slack.faults.error("chat.startStream", "channel_type_not_supported")
    hello = await ann.says(slack.dm(ann), "please")
    async with opened(slack) as surface:
        for _ in range(2):
            await surface.post(thread, status(*steps(0), asked_by=me(slack, ann)), key=KEY)
        assert len(slack.calls("chat.startStream")) == 1
        await surface.post(place(slack, slack.dm(ann), hello), status(*steps(0)), key=KEY)
        assert len(slack.calls("chat.startStream")) == 2


async def test_a_busy_minute_posts_messages_instead_of_waiting_for_streams(slack: SlackFake) -> None:
    ann, general, request, thread = await begun(slack)
    slack.faults.rate_limit("chat.startStream", retry_after_s=50)
    async with opened(slack) as surface:
        for n in range(3):
            await surface.post(thread, status(*steps(0), asked_by=me(slack, ann)), key=f"status:t_{n}")
    assert len(slack.calls("chat.startStream")) == 1
    assert [m.streaming for m in slack.messages(general, request)[1:]] == [False] * 3


async def test_a_stream_that_slack_has_ended_is_edited_like_any_message(slack: SlackFake) -> None:
    slack.stream_ttl_s = 2
    ann, general, request, thread = await begun(slack)
    async with opened(slack) as surface:
        posted = await surface.post(thread, status(*steps(0), asked_by=me(slack, ann)), key=KEY)
        slack.clock.advance(3)
        assert await surface.edit(posted.message, status(*steps(1)))
        assert await surface.edit(posted.message, status(*steps(3), state=CardState.DONE))
        assert await surface.find(thread, KEY) == posted.message
    message = slack.messages(general, request)[1]
    assert [task["status"] for task in message.blocks[1]["tasks"]] == ["complete"] * 3


async def test_a_person_who_stopped_the_stream_stops_only_the_stream(slack: SlackFake) -> None:
    ann, general, request, thread = await begun(slack)
    async with opened(slack) as surface:
        await surface.presence(thread, "working", person=me(slack, ann))
        posted = await surface.post(thread, status(*steps(0), asked_by=me(slack, ann)), key=KEY)
        await ann.presses_stop(general, request.ts)
        assert await surface.edit(posted.message, status(*steps(1), state=CardState.STOPPED))
    assert "Step 1" in slack.messages(general, request)[1].plain


async def test_a_segment_ends_before_slack_ends_it_and_asks_for_the_next(slack: SlackFake) -> None:
    ann, general, request, thread = await begun(slack)
    clock = Aged()
    async with opened(slack, clock) as surface:
        card = status(*steps(0), asked_by=me(slack, ann))
        posted = await surface.post(thread, card, key=KEY)
        clock.ahead_s += SEGMENT_S
        assert await surface.edit(posted.message, status(*steps(1), asked_by=me(slack, ann))) is False
        first = slack.messages(general, request)[1]
        assert not first.streaming
        again = await surface.post(thread, status(*steps(1), asked_by=me(slack, ann)), key=f"{KEY}#2")
        await surface.retire(posted.message)
        assert slack.messages(general, request)[1].streaming
        # Old or not: what ends is shown in place.
        clock.ahead_s += SEGMENT_S
        assert await surface.edit(again.message, status(*steps(3), state=CardState.DONE))
    assert len(slack.messages(general, request)) == 2


async def test_a_live_stream_can_be_retired(slack: SlackFake) -> None:
    ann, general, request, thread = await begun(slack)
    async with opened(slack) as surface:
        posted = await surface.post(thread, status(*steps(0), asked_by=me(slack, ann)), key=KEY)
        await surface.retire(posted.message)
    assert len(slack.messages(general, request)) == 1


async def test_a_plan_of_two_hundred_steps_goes_on_in_segments(slack: SlackFake) -> None:
    ann, _, _, thread = await begun(slack)
    segments: list[MessageRef] = []
    async with opened(slack) as surface:
        for done in range(0, 200, 4):
            card = status(*steps(done, 200), now=f"call {done}", asked_by=me(slack, ann))
            if not segments or not await surface.edit(segments[-1], card):
                key = f"{KEY}#{len(segments) + 1}"
                segments.append((await surface.post(thread, card, key=key)).message)
        assert await surface.edit(segments[-1], status(*steps(200, 200), state=CardState.DONE))
    assert 4 < len(segments) < 12
    assert all(call.ok for call in slack.calls("chat.appendStream"))
    starts = [len(call.args["chunks"]) for call in slack.calls("chat.startStream")]
    assert max(starts) <= SEGMENT_ROWS


async def test_long_titles_stay_within_what_a_stream_holds(slack: SlackFake) -> None:
    ann, _, _, thread = await begun(slack)
    async with opened(slack) as surface:
        long = tuple(StepLine("字" * 400 + str(n)) for n in range(200))
        card = status(*long, now="语" * 4_000, asked_by=me(slack, ann))
        posted = await surface.post(thread, card, key=KEY)
        assert await surface.edit(posted.message, status(*long, now="x", asked_by=me(slack, ann)))
    assert [call.ok for call in slack.calls("chat.startStream")] == [True]


async def test_a_plan_that_shrinks_ends_the_stream(slack: SlackFake) -> None:
    ann, general, request, thread = await begun(slack)
    async with opened(slack) as surface:
        posted = await surface.post(thread, status(*steps(0, 5), asked_by=me(slack, ann)), key=KEY)
        assert await surface.edit(posted.message, status(*steps(1, 2), asked_by=me(slack, ann)))
    message = slack.messages(general, request)[1]
    assert not message.streaming
    assert "Step 4" not in message.plain


async def test_what_is_said_is_shown_where_there_are_no_steps(slack: SlackFake) -> None:
    ann, general, request, thread = await begun(slack)
    card = status(asked_by=me(slack, ann))
    said = type(card)(
        **{name: getattr(card, name) for name in card.__slots__} | {"blocks": (Text("I *look* at it."), *card.blocks)}
    )
    async with opened(slack) as surface:
        posted = await surface.post(thread, card, key=KEY)
        assert await surface.edit(posted.message, said)
    assert "I look at it." in slack.messages(general, request)[1].plain


# -- after a crash


async def test_after_a_restart_a_live_stream_is_found_ended_and_edited(slack: SlackFake) -> None:
    ann, general, request, thread = await begun(slack)
    async with opened(slack) as surface:
        posted = await surface.post(thread, status(*steps(0), asked_by=me(slack, ann)), key=KEY)
    async with opened(slack) as surface:
        assert await surface.find(thread, KEY) == posted.message
        assert await surface.edit(posted.message, status(*steps(1)))
        assert await surface.find(thread, KEY) == posted.message
        assert await surface.find(thread, "status:t_0") is None
    message = slack.messages(general, request)[1]
    assert not message.streaming
    assert "Step 1" in message.plain


async def test_a_stream_whose_start_was_not_heard_of_is_found(slack: SlackFake) -> None:
    ann, general, request, thread = await begun(slack)
    slack.faults.lose_reply("chat.startStream")
    async with opened(slack) as surface:
        with pytest.raises(SurfaceDown):
            await surface.post(thread, status(*steps(0), asked_by=me(slack, ann)), key=KEY)
        found = await surface.find(thread, KEY)
        assert found is not None
        assert found.message_id == slack.messages(general, request)[1].ts
        assert await surface.find(thread, "ask:a_1") is None
        assert await surface.edit(found, status(*steps(2)))
    assert len(slack.messages(general, request)) == 2


async def test_an_append_that_slack_refuses_falls_back_to_an_edit(slack: SlackFake) -> None:
    ann, general, request, thread = await begun(slack)
    async with opened(slack) as surface:
        posted = await surface.post(thread, status(*steps(0), asked_by=me(slack, ann)), key=KEY)
        slack.faults.error("chat.appendStream", "msg_too_long")
        assert await surface.edit(posted.message, status(*steps(1)))
    assert not slack.messages(general, request)[1].streaming
    assert len(slack.calls("chat.update")) == 1


async def test_an_append_whose_answer_is_lost_is_sent_again(slack: SlackFake) -> None:
    ann, general, request, thread = await begun(slack)
    async with opened(slack) as surface:
        posted = await surface.post(thread, status(*steps(0), asked_by=me(slack, ann)), key=KEY)
        slack.faults.http("chat.appendStream", 502)
        with pytest.raises(SurfaceDown):
            await surface.edit(posted.message, status(*steps(1)))
        assert await surface.edit(posted.message, status(*steps(1)))
    assert slack.messages(general, request)[1].streaming


async def test_a_rate_limit_on_the_end_of_a_stream_is_waited_for(slack: SlackFake) -> None:
    ann, general, request, thread = await begun(slack)
    async with opened(slack) as surface:
        posted = await surface.post(thread, status(*steps(0), asked_by=me(slack, ann)), key=KEY)
        slack.faults.rate_limit("chat.stopStream", retry_after_s=1, times=2)
        assert await surface.edit(posted.message, status(*steps(3), state=CardState.DONE))
    assert not slack.messages(general, request)[1].streaming
    assert "Step 2" in slack.messages(general, request)[1].plain
