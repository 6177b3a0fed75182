"""What people do in the Slack fake, and what the app hears of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import Channel, Human, NotAnswered, NotPossible, SlackFake, settings_of

Json = dict[str, Any]
MENU: Json = {
    "type": "static_select",
    "action_id": "pick",
    "options": [{"text": {"type": "plain_text", "text": name}, "value": name.lower()} for name in ("One", "Two")],
}


@asynccontextmanager
async def office(**settings: Any) -> AsyncGenerator[tuple[SlackFake, Human, Channel, AsyncWebClient]]:
    """Nobody listens: what is sent stays in `deliveries`."""
    async with SlackFake(**settings) as slack:
        slack.ack_timeout_s = 0.01
        ann = slack.user("ann")
        general = slack.channel("general", members=[ann])
        yield slack, ann, general, AsyncWebClient(token=slack.bot_token, base_url=slack.url)


async def heard(slack: SlackFake, count: int) -> list[Json]:
    """The events, once there are so many."""
    return await slack.wait_for(lambda: told(slack)[count - 1 :] and told(slack))


def told(slack: SlackFake) -> list[Json]:
    return [delivery.event for delivery in slack.deliveries if delivery.event and not delivery.attempt]


def button(label: str, **others: Any) -> Json:
    text = {"type": "plain_text", "text": label}
    return {"type": "button", "action_id": label.lower(), "text": text, "value": label, **others}


def row(*elements: Json) -> list[Json]:
    return [{"type": "actions", "elements": list(elements)}]


async def test_mention_arrives_twice_and_a_direct_message_once() -> None:
    async with office() as (slack, ann, general, _):
        said = await ann.says(general, f"{slack.mention} a < b & <@UNOBODY>, see https://example.com/a?b=1&c=2")
        message, mention = await heard(slack, 2)
        assert message["text"] == (
            f"<@{slack.bot_user_id}> a &lt; b &amp; &lt;@UNOBODY&gt;, see <https://example.com/a?b=1&amp;c=2>"
        )
        assert (message["type"], mention["type"]) == ("message", "app_mention")
        assert message["channel_type"] == "channel"
        assert "channel_type" not in mention
        assert {event["ts"] for event in (message, mention)} == {said.ts}
        assert len({delivery.event_id for delivery in slack.deliveries}) == 2
        assert [part["type"] for part in message["blocks"][0]["elements"][0]["elements"]] == ["user", "text", "link"]
        await ann.says(slack.dm(ann), f"{slack.mention} hi")
        direct = (await heard(slack, 3))[2]
        assert (direct["type"], direct["channel_type"]) == ("message", "im")
        assert len(told(slack)) == 3


async def test_files_make_a_message_a_file_share() -> None:
    async with office() as (slack, ann, general, _):
        await ann.says(general, f"{slack.mention} this", files=[("a.csv", b"1,2")])
        message, mention, shared = await heard(slack, 3)
        assert message["subtype"] == "file_share"
        assert "subtype" not in mention
        assert message["files"][0]["name"] == mention["files"][0]["name"] == "a.csv"
        assert message["files"][0]["size"] == 3
        assert shared["type"] == "file_shared"
        assert shared["file_id"] == message["files"][0]["id"]


async def test_edits_deletions_and_reactions_are_told() -> None:
    async with office() as (slack, ann, general, _):
        said = await ann.says(general, "one", edited="two")
        await ann.reacts(said, "+1")
        await ann.unreacts(said, "+1")
        await ann.deletes(said)
        _, changed, added, removed, deleted = await heard(slack, 5)
        assert changed["subtype"] == "message_changed"
        assert (changed["message"]["text"], changed["previous_message"]["text"]) == ("two", "one")
        assert changed["message"]["edited"]["user"] == ann.id
        assert added["item"] == removed["item"] == {"type": "message", "channel": general.id, "ts": said.ts}
        assert (added["type"], removed["type"]) == ("reaction_added", "reaction_removed")
        assert (deleted["subtype"], deleted["deleted_ts"]) == ("message_deleted", said.ts)


async def test_own_messages_come_back_with_the_bots_id() -> None:
    async with office() as (slack, _, general, client):
        await client.chat_postMessage(channel=general.id, text="hello")
        (event,) = await heard(slack, 1)
        assert (event["user"], event["bot_id"]) == (slack.bot_user_id, slack.team.bot_id)


async def test_nothing_is_told_of_places_without_the_bot() -> None:
    async with office() as (slack, ann, _, _):
        quiet = slack.channel("quiet", members=[ann], bot=False)
        await ann.says(quiet, f"{slack.mention} hello?")
        assert slack.deliveries == []


async def test_outsiders_come_from_another_organisation_and_their_files_must_be_looked_up() -> None:
    async with office() as (slack, ann, _, client):
        eve = slack.user("eve", outsider=True)
        shared = slack.channel("shared", members=[ann, eve])
        await eve.says(shared, "see", files=[("a.csv", b"1")])
        (event, _) = await heard(slack, 2)
        assert slack.deliveries[0].payload["is_ext_shared_channel"]
        assert event["user_team"] == eve.team_id != slack.team_id
        assert event["files"] == [
            {"id": event["files"][0]["id"], "mode": "file_access", "file_access": "check_file_info"}
        ]
        assert (await client.files_info(file=event["files"][0]["id"]))["file"]["name"] == "a.csv"
        assert (await client.users_info(user=eve.id))["user"]["is_stranger"]


async def test_kinds_of_people_can_be_told_apart() -> None:
    async with office() as (slack, _, general, client):
        guest, robot, boss = slack.user("gus", guest=True), slack.user("rob", bot=True), slack.user("amy", admin=True)
        seen = [(await client.users_info(user=user.id))["user"] for user in (guest, robot, boss)]
        assert [user["is_restricted"] for user in seen] == [True, False, False]
        assert [user["is_bot"] for user in seen] == [False, True, False]
        assert [user["is_admin"] for user in seen] == [False, False, True]
        general.members.add(robot.id)
        await robot.says(general, "beep")
        assert (await heard(slack, 1))[0]["bot_id"] == robot.bot_id


async def test_forwarded_message_carries_the_other_one() -> None:
    async with office() as (slack, ann, general, _):
        original = await ann.says(general, "the numbers", files=[("a.csv", b"1")])
        await ann.forwards(original, slack.dm(ann), "what about these?")
        event = next(e for e in await heard(slack, 3) if e.get("channel_type") == "im")
        (attachment,) = event["attachments"]
        assert attachment["is_share"]
        assert (attachment["text"], attachment["ts"]) == ("the numbers", original.ts)
        assert attachment["files"][0]["name"] == "a.csv"
        assert attachment["from_url"] == slack.permalink(original)


async def test_click_carries_everything_and_only_what_is_seen_can_be_pressed() -> None:
    async with office() as (slack, ann, general, client):
        ben = slack.user("ben")
        general.members.add(ben.id)
        asked = await ann.says(general, "?")
        blocks = row(button("Approve", visible_to_user_ids=[ann.id]), button("Deny"), MENU)
        ts = (await client.chat_postMessage(channel=general.id, thread_ts=asked.ts, text="x", blocks=blocks))["ts"]
        message = general.messages[ts]
        assert message.button_labels == ["Approve", "Deny"]
        delivery = await ann.clicks(message, "approve", wait=False)
        body = delivery.payload
        assert body["type"] == "block_actions"
        assert body["container"] == {
            "type": "message",
            "message_ts": ts,
            "channel_id": general.id,
            "is_ephemeral": False,
            "thread_ts": asked.ts,
        }
        assert body["message"]["thread_ts"] == asked.ts
        assert body["channel"] == {"id": general.id, "name": "general"}
        assert body["user"]["team_id"] == slack.team_id
        assert body["response_url"].startswith(slack.origin)
        (action,) = body["actions"]
        assert (action["action_id"], action["value"], action["type"]) == ("approve", "Approve", "button")
        assert action["block_id"] == body["message"]["blocks"][0]["block_id"]
        picked = (await ann.picks(message, "Two", wait=False)).payload["actions"][0]
        assert picked["selected_option"]["value"] == "two"
        with pytest.raises(NotPossible, match="does not see"):
            await ben.clicks(message, "Approve")
        with pytest.raises(NotPossible, match="no button 'Maybe'"):
            await ben.clicks(message, "Maybe")
        with pytest.raises(NotPossible, match="nothing offers"):
            await ben.picks(message, "Three")
        with pytest.raises(NotPossible, match="not in #general"):
            await slack.user("zoe").clicks(message, "Deny")


async def test_a_late_click_can_hit_the_button_of_an_earlier_version() -> None:
    async with office() as (_, ann, general, client):
        ts = (await client.chat_postMessage(channel=general.id, text="x", blocks=row(button("Go"))))["ts"]
        await client.chat_update(channel=general.id, ts=ts, text="gone", blocks=[])
        message = general.messages[ts]
        with pytest.raises(NotPossible):
            await ann.clicks(message, "Go", wait=False)
        body = (await ann.clicks(message, "Go", stale=True, wait=False)).payload
        assert body["actions"][0]["value"] == "Go"
        assert body["message"]["text"] == "gone"


async def test_ephemeral_message_is_seen_by_one_and_told_without_content() -> None:
    async with office() as (slack, ann, general, client):
        ben = slack.user("ben")
        general.members.add(ben.id)
        await client.chat_postEphemeral(channel=general.id, user=ann.id, text="psst", blocks=row(button("Ok")))
        (whisper,) = slack.ephemerals(ann)
        assert slack.ephemerals(ben) == slack.messages(general) == []
        body = (await ann.clicks(whisper, "Ok", wait=False)).payload
        assert body["container"]["is_ephemeral"]
        assert "message" not in body
        with pytest.raises(NotPossible):
            await ben.clicks(whisper, "Ok")


async def test_home_tab_is_opened_and_pressed() -> None:
    async with office() as (slack, ann, _, client):
        await ann.opens_home()
        (event,) = await heard(slack, 1)
        assert (event["type"], event["tab"], "view" in event) == ("app_home_opened", "home", False)
        await client.views_publish(user_id=ann.id, view={"type": "home", "blocks": row(button("New"))})
        home = slack.home(ann)
        assert home is not None
        body = (await ann.clicks(home, "New", wait=False)).payload
        assert body["container"] == {"type": "view", "view_id": home.id}
        assert body["view"]["type"] == "home"
        await ann.opens_home()
        await ann.opens_messages_tab()
        tabs = await heard(slack, 3)
        assert [event["tab"] for event in tabs] == ["home", "home", "messages"]
        assert tabs[1]["view"]["id"] == home.id


async def test_people_come_and_go() -> None:
    async with office(subscriptions=["member_joined_channel"]) as (slack, ann, general, _):
        ben = slack.user("ben")
        await ben.joins(general)
        elsewhere = slack.channel("elsewhere", members=[ann], bot=False)
        await ann.invites(elsewhere)
        first, second = await heard(slack, 2)
        assert (first["user"], first["channel"]) == (ben.id, general.id)
        assert (second["user"], second["inviter"]) == (slack.bot_user_id, ann.id)
        await ann.removes(elsewhere)
        assert slack.bot_user_id not in elsewhere.members


async def test_command_escapes_people_where_the_app_asked_for_it() -> None:
    async with office(commands={"/gofer": True, "/plain": False}) as (slack, ann, general, _):
        for line, text in (("/gofer ask <@{}> & co", "ask <@{}|ann> &amp; co"), ("/plain ask <@{}>", "ask @ann")):
            with pytest.raises(NotAnswered):
                await ann.runs(line.format(ann.id), general)
            assert slack.deliveries[-1].payload["text"] == text.format(ann.id)


async def test_history_is_paged_newest_first_and_threads_oldest_first() -> None:
    async with office() as (slack, ann, general, client):
        root = await ann.says(general, "0")
        others = [await ann.says(general, str(number)) for number in range(1, 5)]
        for number in range(3):
            await ann.says(general, f"reply {number}", thread=root)
        metadata = {"event_type": "card", "event_payload": {"a": 1}}
        await client.chat_postMessage(channel=general.id, thread_ts=root.ts, text="own", metadata=metadata)
        first = await client.conversations_history(channel=general.id, limit=2)
        pages = [[m["text"] for m in page["messages"]] async for page in first]
        assert pages == [["4", "3"], ["2", "1"], ["0"]]
        assert (await client.conversations_history(channel=general.id))["messages"][-1]["reply_count"] == 4
        thread = await client.conversations_replies(channel=general.id, ts=root.ts, include_all_metadata=True)
        assert [m["text"] for m in thread["messages"]] == ["0", "reply 0", "reply 1", "reply 2", "own"]
        assert thread["messages"][-1]["metadata"] == metadata
        bare = await client.conversations_replies(channel=general.id, ts=root.ts, limit=2)
        assert bare["has_more"]
        assert "metadata" not in bare["messages"][-1]
        later = await client.conversations_history(channel=general.id, oldest=others[1].ts)
        assert [m["text"] for m in later["messages"]] == ["4", "3"]
        both = await client.conversations_history(
            channel=general.id, oldest=others[1].ts, latest=others[2].ts, inclusive=True
        )
        assert [m["text"] for m in both["messages"]] == ["3", "2"]
        assert slack.messages(general, root)[0] is root


async def test_conversations_are_listed_as_far_as_the_bot_may_see() -> None:
    async with office(scopes=["channels:read", "groups:read", "im:read", "im:write"]) as (slack, ann, general, client):
        slack.channel("hidden", private=True, members=[ann], bot=False)
        inside = slack.channel("inside", private=True, members=[ann])
        opened = (await client.conversations_open(users=[ann.id]))["channel"]["id"]
        found = await client.users_conversations(user=ann.id, types="public_channel,private_channel,im")
        assert [c["id"] for c in found["channels"]] == [general.id, inside.id, opened]
        assert (await client.conversations_info(channel=general.id))["channel"]["is_member"]
        members = await client.conversations_members(channel=inside.id)
        assert set(members["members"]) == {ann.id, slack.bot_user_id}


def test_manifest_says_what_the_app_may() -> None:
    manifest = {
        "features": {
            "agent_view": {},
            "shortcuts": [{"callback_id": "hand_over", "type": "message"}],
            "slash_commands": [{"command": "/gofer", "should_escape": True}],
        },
        "oauth_config": {"scopes": {"bot": ["chat:write"]}},
        "settings": {"event_subscriptions": {"bot_events": ["app_mention"]}, "socket_mode_enabled": True},
    }
    slack = SlackFake(**settings_of(manifest))
    assert (slack.mode, slack.team.scopes, slack.agent) == ("socket", ("chat:write",), True)
    assert (slack.commands, slack.shortcuts) == ({"/gofer": True}, {"hand_over": "message"})
