"""Streams, sessions and prompts in the Slack fake."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import SUBSCRIPTIONS, Human, Message, NotPossible, SlackFake

Json = dict[str, Any]


class Stage:
    """A question of ann in a channel, and Slack's own client."""

    def __init__(self, slack: SlackFake, ann: Human, asked: Message) -> None:
        self.slack, self.ann, self.asked = slack, ann, asked
        self.client = AsyncWebClient(token=slack.bot_token, base_url=slack.url)
        self.thread = {"channel": asked.channel.id, "thread_ts": asked.ts}
        self.session = {"channel_id": asked.channel.id, "thread_ts": asked.ts}

    async def start(self, **others: Any) -> dict[str, str]:
        """Start a stream; gives channel and ts for what follows."""
        recipient = {"recipient_user_id": self.ann.id, "recipient_team_id": self.slack.team_id}
        answer = await self.client.chat_startStream(**self.thread, **recipient, **others)
        return {"channel": self.asked.channel.id, "ts": str(answer["ts"])}

    async def refused(self, call: Any) -> str:
        """The error of a call that must not pass."""
        with pytest.raises(SlackApiError) as caught:
            await call
        return caught.value.response["error"]

    @property
    def last(self) -> Message:
        return self.slack.messages(self.asked.channel)[-1]


@asynccontextmanager
async def stage(**settings: Any) -> AsyncGenerator[Stage]:
    async with SlackFake(**settings) as slack:
        ann = slack.user("ann")
        general = slack.channel("general", members=[ann])
        yield Stage(slack, ann, await ann.says(general, "hello"))


def task(number: int, status: str = "in_progress", **others: Any) -> Json:
    return {"type": "task_update", "id": str(number), "title": f"Step {number}", "status": status, **others}


def words(text: str) -> Json:
    return {"type": "markdown_text", "text": text}


async def test_stream_grows_and_becomes_a_message_with_buttons() -> None:
    button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
    async with stage() as s:
        where = await s.start(chunks=[task(1), {"type": "plan_update", "title": "Work"}], task_display_mode="plan")
        assert s.last.streaming
        assert s.last.plain == "Work\nStep 1"
        assert await s.refused(s.client.chat_update(**where, text="x")) == "streaming_state_conflict"
        assert await s.refused(s.client.chat_delete(**where)) == "streaming_state_conflict"
        await s.client.chat_appendStream(**where, chunks=[task(1, "complete", output="done"), task(2), words("**Hi**")])
        await s.client.chat_stopStream(
            **where,
            chunks=[words(" there")],
            blocks=[{"type": "actions", "elements": [button]}],
            session_status="active",
        )
        message = s.last
        assert not message.streaming
        assert [block["type"] for block in message.blocks] == ["plan", "markdown", "actions"]
        assert [t["status"] for t in message.blocks[0]["tasks"]] == ["complete", "in_progress"]
        assert message.text == "**Hi** there"
        assert message.button_labels == ["Go"]
        assert s.slack.sessions[s.asked.channel, s.asked].status == "active"
        again = s.client.chat_appendStream(**where, chunks=[words("x")])
        assert await s.refused(again) == "message_not_in_streaming_state"


async def test_helper_of_the_library_works() -> None:
    async with stage() as s:
        recipient = {"recipient_user_id": s.ann.id, "recipient_team_id": s.slack.team_id}
        stream = await s.client.chat_stream(**s.thread, **recipient, buffer_size=4)
        await stream.append(markdown_text="hello")
        await stream.append(markdown_text="!")
        await stream.stop()
        assert s.last.text == "hello!"


async def test_stream_dies_of_age_even_while_it_is_fed_and_its_message_can_be_rewritten() -> None:
    async with stage() as s:
        where = await s.start(markdown_text="a")
        for _ in range(4):
            s.slack.clock.advance(70)
            await s.client.chat_appendStream(**where, markdown_text="a")
        s.slack.clock.advance(21)
        late = s.client.chat_appendStream(**where, markdown_text="b")
        assert await s.refused(late) == "message_not_in_streaming_state"
        assert await s.refused(s.client.chat_stopStream(**where)) == "message_not_in_streaming_state"
        assert s.last.plain == "aaaaa"
        await s.client.chat_update(**where, text="all of it")
        assert s.last.plain == "all of it"


async def test_mode_of_a_stream_cannot_change() -> None:
    async with stage() as s:
        where = await s.start(markdown_text="a")
        assert await s.refused(s.client.chat_appendStream(**where, chunks=[task(1)])) == "streaming_mode_mismatch"
        where = await s.start(chunks=[task(1)])
        assert await s.refused(s.client.chat_stopStream(**where, markdown_text="a")) == "streaming_mode_mismatch"


async def test_stream_holds_so_much_and_what_is_refused_changes_nothing() -> None:
    async with stage() as s:
        where = await s.start(chunks=[words("x" * 10_000)])
        assert await s.refused(s.client.chat_appendStream(**where, chunks=[words("é" * 301)])) == "msg_too_long"
        await s.client.chat_appendStream(**where, chunks=[words("é" * 300)])
        assert len(s.last.plain) == 10_300
        where = await s.start(chunks=[task(1, details="x" * 5_290)])
        assert await s.refused(s.client.chat_appendStream(**where, chunks=[task(2, output="x" * 10)])) == "msg_too_long"
        where = await s.start(chunks=[task(i) for i in range(50)])
        await s.client.chat_appendStream(**where, chunks=[task(49, "complete")])
        assert await s.refused(s.client.chat_appendStream(**where, chunks=[task(50)])) == "msg_too_long"
        blocks = {"type": "blocks", "blocks": [{"type": "divider"}] * 50}
        await s.client.chat_appendStream(**where, chunks=[blocks])
        more = {"type": "blocks", "blocks": [{"type": "divider"}]}
        assert await s.refused(s.client.chat_appendStream(**where, chunks=[more])) == "invalid_chunks"
        await s.client.chat_stopStream(**where, blocks=[{"type": "divider"}] * 50)


async def test_recipient_is_needed_in_channels_only_and_must_be_there() -> None:
    async with stage() as s:
        dm = s.slack.dm(s.ann)
        asked = await s.ann.says(dm, "hi")
        assert (await s.client.chat_startStream(channel=dm.id, thread_ts=asked.ts))["ok"]
        ben = s.slack.user("ben")
        absent = {"recipient_user_id": ben.id, "recipient_team_id": s.slack.team_id}
        assert await s.refused(s.client.chat_startStream(**s.thread, **absent)) == "user_not_in_channel"


async def test_stop_ends_the_streams_and_leaves_the_status_to_the_app() -> None:
    async with stage() as s:
        with pytest.raises(NotPossible, match="not processing"):
            await s.ann.presses_stop(s.asked.channel, s.asked)
        answer = await s.client.agents_sessions_setStatus(**s.session, status="processing", title="Work")
        assert "warning" not in answer.data
        where = await s.start(chunks=[task(1)])
        await s.ann.presses_stop(s.asked.channel, s.asked)
        assert not s.last.streaming
        assert await s.refused(s.client.chat_appendStream(**where, chunks=[task(2)])) == "stopped_by_user"
        session = s.slack.sessions[s.asked.channel.id, s.asked.ts]
        assert (session.status, session.title) == ("processing", "Work")
        stopped = await s.slack.wait_for(
            lambda: [d for d in s.slack.deliveries if d.event["type"] == "agent_session_stopped"]
        )
        event = stopped[0].event
        assert event["streaming_message_ts"] == [where["ts"]]
        assert (event["channel"], event["thread_ts"], event["user"]) == (*s.thread.values(), s.ann.id)


async def test_title_counts_at_creation_and_is_changed_by_rename_or_a_person() -> None:
    async with stage() as s:
        await s.client.agents_sessions_setStatus(**s.session, status="processing", title="First")
        await s.client.agents_sessions_setStatus(**s.session, status="suspended", title="Second")
        session = s.slack.sessions[s.asked.channel, s.asked]
        assert (session.status, session.title) == ("suspended", "First")
        await s.client.agents_sessions_rename(**s.session, title="Third")
        assert session.title == "Third"
        await s.ann.renames_session(s.asked.channel, s.asked, "Fourth")
        assert session.title == "Fourth"
        await s.slack.wait_for(lambda: s.slack.deliveries[-1].event["type"] == "agent_session_title_changed")


async def test_app_without_the_stop_event_is_warned_and_shows_no_button() -> None:
    deaf = [name for name in SUBSCRIPTIONS if name != "agent_session_stopped"]
    async with stage(subscriptions=deaf) as s:
        answer = await s.client.agents_sessions_setStatus(**s.session, status="processing")
        assert answer["warning"] == "missing_agent_session_stopped_event_subscription"
        with pytest.raises(NotPossible, match="not subscribed"):
            await s.ann.presses_stop(s.asked.channel, s.asked)


async def test_status_text_goes_away_when_the_app_posts() -> None:
    async with stage() as s:
        await s.client.assistant_threads_setStatus(**s.session, status="is thinking…")
        assert list(s.slack.statuses.values()) == ["is thinking…"]
        await s.client.chat_postMessage(**s.thread, text="done")
        assert not s.slack.statuses


async def test_prompts_are_shown_in_the_direct_messages() -> None:
    async with stage() as s:
        dm = s.slack.dm(s.ann)
        prompts = [{"title": "Merge", "message": "Merge these"}]
        await s.client.assistant_threads_setSuggestedPrompts(channel_id=dm.id, prompts=prompts, title="Try")
        assert s.slack.prompts[dm.id].title == "Try"
        assert s.slack.prompts[dm.id].prompts == tuple(prompts)
