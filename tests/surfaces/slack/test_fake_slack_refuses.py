"""What the Slack fake refuses because of the state of things: who may do what, where, and when."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from tests.fakes.slack import Channel, Human, Message, SlackFake

Json = dict[str, Any]
MODAL: Json = {"type": "modal", "title": {"type": "plain_text", "text": "M"}, "blocks": [{"type": "divider"}]}
HOME: Json = {"type": "home", "blocks": [{"type": "divider"}]}


@dataclass(frozen=True, slots=True)
class World:
    """A fake with something in it, and a plain client."""

    slack: SlackFake
    session: aiohttp.ClientSession
    ann: Human
    ben: Human
    general: Channel
    secret: Channel
    """Private; the bot is not in it."""
    open: Channel
    """Public; the bot is not in it."""
    archive: Channel
    asked: Message
    """Of ann, in general."""

    async def ask(self, method: str, *, token: str | None = None, **args: Any) -> Json:
        """One call with a JSON body."""
        headers = {"Authorization": f"Bearer {self.slack.bot_token if token is None else token}"}
        async with self.session.post(f"{self.slack.url}{method}", json=args, headers=headers) as response:
            return await response.json()

    async def form(self, method: str, **args: Any) -> Json:
        """One call with the arguments in the query string."""
        args["token"] = self.slack.bot_token
        async with self.session.post(f"{self.slack.url}{method}", params=args) as response:
            return await response.json()

    async def ok(self, method: str, **args: Any) -> Json:
        answer = await self.ask(method, **args)
        assert answer["ok"], answer
        return answer


@asynccontextmanager
async def world(**settings: Any) -> AsyncGenerator[World]:
    async with SlackFake(**settings) as slack, aiohttp.ClientSession() as session:
        ann, ben = slack.user("ann"), slack.user("ben")
        general = slack.channel("general", members=[ann])
        secret = slack.channel("secret", private=True, members=[ann], bot=False)
        public = slack.channel("open", members=[ann], bot=False)
        archive = slack.channel("archive", members=[ann])
        archive.archived = True
        asked = await ann.says(general, "hello")
        yield World(slack, session, ann, ben, general, secret, public, archive, asked)


Args = Callable[[World], Json]
DEAD = "1700000000.000100"
REFUSALS: dict[str, tuple[str, Args, str]] = {
    # what → (method, its arguments, Slack's error)
    "channel by name": ("chat.postMessage", lambda w: {"channel": "#general", "text": "x"}, "channel_not_found"),
    "no such channel": ("chat.postMessage", lambda w: {"channel": "C404", "text": "x"}, "channel_not_found"),
    "private channel": ("chat.postMessage", lambda w: {"channel": w.secret.id, "text": "x"}, "channel_not_found"),
    "not in channel": ("chat.postMessage", lambda w: {"channel": w.open.id, "text": "x"}, "not_in_channel"),
    "archived": ("chat.postMessage", lambda w: {"channel": w.archive.id, "text": "x"}, "is_archived"),
    "no channel": ("chat.postMessage", lambda w: {"text": "x"}, "invalid_arguments"),
    "nothing said": ("chat.postMessage", lambda w: {"channel": w.general.id}, "no_text"),
    "typo in an argument": ("chat.postMessage", lambda w: {**here(w), "tread_ts": w.asked.ts}, "invalid_arguments"),
    "number for text": ("chat.postMessage", lambda w: {**here(w), "text": 7}, "invalid_arguments"),
    "text for a boolean": ("chat.postMessage", lambda w: {**here(w), "unfurl_links": "no"}, "invalid_arguments"),
    "dead thread": ("chat.postMessage", lambda w: {**here(w), "thread_ts": DEAD}, "thread_not_found"),
    "malformed thread": ("chat.postMessage", lambda w: {**here(w), "thread_ts": "now"}, "invalid_arguments"),
    "broadcast of no reply": ("chat.postMessage", lambda w: {**here(w), "reply_broadcast": True}, "invalid_arguments"),
    "another name": ("chat.postMessage", lambda w: {**here(w), "username": "Boss"}, "missing_scope"),
    "another's message": ("chat.update", lambda w: {**at(w), "text": "x"}, "cant_update_message"),
    "unknown message": ("chat.update", lambda w: {**here(w), "ts": DEAD}, "message_not_found"),
    "deleting another's": ("chat.delete", lambda w: at(w), "cant_delete_message"),
    "unknown to delete": ("chat.delete", lambda w: {"channel": w.general.id, "ts": DEAD}, "message_not_found"),
    "whisper to a stranger": ("chat.postEphemeral", lambda w: {**here(w), "user": w.ben.id}, "user_not_in_channel"),
    "whisper in a dead thread": (
        "chat.postEphemeral",
        lambda w: {**here(w), "user": w.ann.id, "thread_ts": DEAD},
        "thread_not_found",
    ),
    "unknown emoji": ("reactions.add", lambda w: {**sign(w), "name": "flurb"}, "invalid_name"),
    "emoji with colons": ("reactions.add", lambda w: {**sign(w), "name": ":eyes:"}, "invalid_name"),
    "reaction to nothing": ("reactions.add", lambda w: {**sign(w), "timestamp": DEAD}, "message_not_found"),
    "reaction elsewhere": ("reactions.add", lambda w: {**sign(w), "channel": w.open.id}, "not_in_channel"),
    "no such reaction": ("reactions.remove", lambda w: sign(w), "no_reaction"),
    "stream without thread": ("chat.startStream", lambda w: {"channel": w.general.id}, "invalid_arguments"),
    "stream to nobody": (
        "chat.startStream",
        lambda w: {"channel": w.general.id, "thread_ts": w.asked.ts},
        "missing_recipient_user_id",
    ),
    "stream to no team": (
        "chat.startStream",
        lambda w: {"channel": w.general.id, "thread_ts": w.asked.ts, "recipient_user_id": w.ann.id},
        "missing_recipient_team_id",
    ),
    "append to no stream": (
        "chat.appendStream",
        lambda w: {**at(w), "markdown_text": "x"},
        "message_not_in_streaming_state",
    ),
    "session without thread": (
        "agents.sessions.setStatus",
        lambda w: {"channel_id": w.general.id, "status": "active"},
        "invalid_arguments",
    ),
    "session of a dead thread": (
        "agents.sessions.setStatus",
        lambda w: {"channel_id": w.general.id, "status": "active", "thread_ts": DEAD},
        "thread_not_found",
    ),
    "renaming no session": (
        "agents.sessions.rename",
        lambda w: {"channel_id": w.general.id, "title": "x", "thread_ts": w.asked.ts},
        "session_not_found",
    ),
    "prompts in a channel": (
        "assistant.threads.setSuggestedPrompts",
        lambda w: {"channel_id": w.general.id, "prompts": [{"title": "a", "message": "b"}]},
        "channel_type_not_supported",
    ),
    "unknown trigger": ("views.open", lambda w: {"trigger_id": "1.2.3", "view": MODAL}, "invalid_trigger_id"),
    "unknown view": ("views.update", lambda w: {"view_id": "V404", "view": MODAL}, "not_found"),
    "no view named": ("views.update", lambda w: {"view": MODAL}, "invalid_arguments"),
    "home of nobody": ("views.publish", lambda w: {"user_id": "U404", "view": HOME}, "user_not_found"),
    "unknown file": ("files.completeUploadExternal", lambda w: {"files": [{"id": "F404"}]}, "file_not_found"),
    "no files": ("files.completeUploadExternal", lambda w: {"files": []}, "invalid_arguments"),
    "dm with nobody": ("conversations.open", lambda w: {"users": "U404"}, "user_not_found"),
    "dm with several": ("conversations.open", lambda w: {"users": f"{w.ann.id},{w.ben.id}"}, "missing_scope"),
    "joining without scope": ("conversations.join", lambda w: {"channel": w.open.id}, "missing_scope"),
}
FORMS: dict[str, tuple[str, Args, str]] = {
    "unknown user": ("users.info", lambda w: {"user": "U404"}, "user_not_found"),
    "history of a stranger channel": ("conversations.history", lambda w: {"channel": w.open.id}, "not_in_channel"),
    "history of a private one": ("conversations.history", lambda w: {"channel": w.secret.id}, "channel_not_found"),
    "page too long": ("conversations.history", lambda w: {"channel": w.general.id, "limit": 1_000}, "invalid_limit"),
    "page of nothing": ("conversations.history", lambda w: {"channel": w.general.id, "limit": 0}, "invalid_limit"),
    "cursor": ("conversations.history", lambda w: {"channel": w.general.id, "cursor": "x"}, "invalid_cursor"),
    "replies of nothing": (
        "conversations.replies",
        lambda w: {"channel": w.general.id, "ts": DEAD},
        "thread_not_found",
    ),
    "unknown types": ("users.conversations", lambda w: {"types": "secret"}, "invalid_types"),
    "types without scope": ("users.conversations", lambda w: {"types": "mpim"}, "missing_scope"),
    "groups without scope": ("usergroups.list", lambda w: {}, "missing_scope"),
    "bot": ("bots.info", lambda w: {"bot": "B404"}, "bot_not_found"),
    "team": ("team.info", lambda w: {"team": "T404"}, "team_not_found"),
    "link to nothing": (
        "chat.getPermalink",
        lambda w: {"channel": w.general.id, "message_ts": DEAD},
        "message_not_found",
    ),
    "file": ("files.info", lambda w: {"file": "F404"}, "file_not_found"),
    "file of no bytes": ("files.getUploadURLExternal", lambda w: {"filename": "a", "length": 0}, "invalid_arguments"),
}


def here(w: World) -> Json:
    return {"channel": w.general.id, "text": "x"}


def at(w: World) -> Json:
    return {"channel": w.general.id, "ts": w.asked.ts}


def sign(w: World) -> Json:
    return {"channel": w.general.id, "timestamp": w.asked.ts, "name": "eyes"}


@pytest.mark.parametrize("what", REFUSALS)
async def test_call_is_refused(what: str) -> None:
    method, args, error = REFUSALS[what]
    async with world() as w:
        answer = await w.ask(method, **args(w))
        assert answer["error"] == error
        assert [call.error for call in w.slack.refusals] == [error]


@pytest.mark.parametrize("what", FORMS)
async def test_reading_call_is_refused(what: str) -> None:
    method, args, error = FORMS[what]
    async with world() as w:
        assert (await w.form(method, **args(w)))["error"] == error


async def test_tokens_are_told_apart() -> None:
    async with world() as w:
        assert (await w.ask("auth.test", token=""))["error"] == "not_authed"
        assert (await w.ask("auth.test", token="xoxb-wrong"))["error"] == "invalid_auth"
        assert (await w.ask("auth.test", token=w.slack.app_token))["error"] == "not_allowed_token_type"
        assert (await w.ask("apps.connections.open"))["error"] == "not_allowed_token_type"
        assert (await w.ok("auth.test"))["user_id"] == w.slack.bot_user_id
        w.slack.uninstall()
        assert (await w.ask("auth.test", token=next(iter(w.slack.revoked_tokens))))["error"] == "token_revoked"
    async with world(mode="http") as w:
        assert (await w.ask("apps.connections.open", token=w.slack.app_token))["error"] == "socket_mode_not_enabled"


async def test_missing_scope_is_named() -> None:
    async with world(scopes=["users:read"]) as w:
        answer = await w.ask("chat.postMessage", **here(w))
        assert (answer["error"], answer["needed"], answer["provided"]) == ("missing_scope", "chat:write", "users:read")
        assert (await w.form("users.info", user=w.ann.id))["user"]["profile"].get("email") is None
    async with world(scopes=["users:read", "users:read.email", "usergroups:read"]) as w:
        assert (await w.form("users.info", user=w.ann.id))["user"]["profile"]["email"] == "ann@example.com"
        group = w.slack.group("leads", [w.ann])
        assert (await w.form("usergroups.users.list", usergroup=group))["users"] == [w.ann.id]
        assert (await w.form("usergroups.users.list", usergroup="S404"))["error"] == "no_such_subteam"
        assert [g["handle"] for g in (await w.form("usergroups.list"))["usergroups"]] == ["leads"]


async def test_arguments_are_taken_from_query_form_and_json_and_not_from_json_where_slack_reads_forms() -> None:
    async with world() as w:
        assert (await w.form("chat.postMessage", channel=w.general.id, text="query", unfurl_links="0"))["ok"]
        data = {"channel": w.general.id, "text": "form", "blocks": json.dumps([{"type": "divider"}])}
        headers = {"Authorization": f"Bearer {w.slack.bot_token}"}
        async with w.session.post(f"{w.slack.url}chat.postMessage", data=data, headers=headers) as response:
            assert (await response.json())["ok"]
        await w.ok("chat.postMessage", channel=w.general.id, text="json")
        assert [m.text for m in w.slack.messages(w.general)] == ["hello", "query", "form", "json"]
        assert (await w.ask("users.info", user=w.ann.id))["error"] == "invalid_arguments"
        async with w.session.post(
            f"{w.slack.url}chat.postMessage", data=b"{", headers={**headers, "Content-Type": "application/json"}
        ) as response:
            assert (await response.json())["error"] == "invalid_json"


async def test_reply_to_a_reply_and_to_a_deleted_root_is_refused_but_a_tombstone_keeps_its_thread() -> None:
    async with world() as w:
        reply = await w.ann.says(w.general, "more", thread=w.asked)
        answer = await w.ask("chat.postMessage", **here(w), thread_ts=reply.ts)
        assert answer["error"] == "cannot_reply_to_message"
        await w.ann.deletes(w.asked)
        await w.ok("chat.postMessage", **here(w), thread_ts=w.asked.ts)
        lonely = await w.ann.says(w.general, "alone")
        await w.ann.deletes(lonely)
        assert (await w.ask("chat.postMessage", **here(w), thread_ts=lonely.ts))["error"] == "thread_not_found"
        assert w.slack.messages(w.general, lonely) == []


async def test_update_of_a_deleted_message_is_refused_and_a_text_alone_keeps_the_buttons() -> None:
    button = {"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "Go"}}
    async with world() as w:
        posted = await w.ok("chat.postMessage", **here(w), blocks=[{"type": "actions", "elements": [button]}])
        where = {"channel": w.general.id, "ts": posted["ts"]}
        await w.ok("chat.update", **where, text="y")
        message = w.general.messages[posted["ts"]]
        assert (message.text, message.button_labels) == ("y", ["Go"])
        await w.ok("chat.update", **where, text="z", blocks=[])
        assert message.button_labels == []
        await w.ok("chat.delete", **where)
        assert message.deleted
        assert (await w.ask("chat.update", **where, text="x"))["error"] == "message_not_found"


async def test_reactions_are_once_only_and_aliases_are_one_emoji() -> None:
    async with world() as w:
        await w.ok("reactions.add", **{**sign(w), "name": "thumbsup"})
        assert (await w.ask("reactions.add", **{**sign(w), "name": "+1"}))["error"] == "already_reacted"
        await w.ann.reacts(w.asked, "+1::skin-tone-3")
        assert w.asked.reactions == {"+1": [w.slack.bot_user_id], "+1::skin-tone-3": [w.ann.id]}
        await w.ok("reactions.remove", **{**sign(w), "name": "+1"})
        await w.ann.unreacts(w.asked, "+1::skin-tone-3")
        assert w.asked.reactions == {}


async def test_trigger_works_once_and_for_three_seconds() -> None:
    async with world() as w:
        trigger = w.slack.interactions.trigger(w.ann.id, w.slack.team)
        late = w.slack.interactions.trigger(w.ann.id, w.slack.team)
        await w.ok("views.open", trigger_id=trigger, view=MODAL)
        assert (await w.ask("views.open", trigger_id=trigger, view=MODAL))["error"] == "exchanged_trigger_id"
        w.slack.clock.advance(3.1)
        assert (await w.ask("views.open", trigger_id=late, view=MODAL))["error"] == "expired_trigger_id"


async def test_modals_stack_three_high_and_are_updated_by_hash() -> None:
    async with world() as w:
        trigger = w.slack.interactions.trigger
        outside = trigger(w.ann.id, w.slack.team)
        assert (await w.ask("views.push", trigger_id=outside, view=MODAL))["error"] == "invalid_trigger_id"
        view = (await w.ok("views.open", trigger_id=outside, view={**MODAL, "external_id": "mine"}))["view"]
        for _ in range(2):
            await w.ok("views.push", trigger_id=trigger(w.ann.id, w.slack.team, view["id"]), view=MODAL)
        again = trigger(w.ann.id, w.slack.team, view["id"])
        assert (await w.ask("views.push", trigger_id=again, view=MODAL))["error"] == "push_limit_reached"
        assert w.slack.views(w.ann)[0].previous_id == ""
        twice = {"trigger_id": again, "view": {**MODAL, "external_id": "mine"}}
        assert (await w.ask("views.push", **twice))["error"] == "duplicate_external_id"
        changed = {"view_id": view["id"], "view": MODAL, "hash": view["hash"]}
        await w.ok("views.update", **changed)
        assert (await w.ask("views.update", **changed))["error"] == "hash_conflict"
        home = (await w.ok("views.publish", user_id=w.ann.id, view=HOME))["view"]
        await w.ok("views.publish", user_id=w.ann.id, view=HOME, hash=home["hash"])
        stale = await w.ask("views.publish", user_id=w.ann.id, view=HOME, hash=home["hash"])
        assert stale["error"] == "hash_conflict"


async def test_response_url_works_five_times_and_for_half_an_hour() -> None:
    async with world() as w:
        url = w.slack.interactions.response_url(w.slack.origin, w.ann.id, w.slack.team, w.general, None)
        late = w.slack.interactions.response_url(w.slack.origin, w.ann.id, w.slack.team, w.general, None)
        for number in range(5):
            assert await respond(w, url, {"text": str(number)}) == (200, "")
        assert await respond(w, url, {"text": "x"}) == (404, "used_url")
        assert await respond(w, late, {"text": "x", "blocks": [{"type": "nope"}]}) == (400, "invalid_blocks")
        assert await respond(w, late, {"txt": "x"}) == (400, "invalid_arguments")
        w.slack.clock.advance(30 * 60 + 1)
        assert await respond(w, late, {"text": "x"}) == (404, "expired_url")
        assert [m.text for m in w.slack.ephemerals(w.ann)] == ["0", "1", "2", "3", "4"]


async def respond(w: World, url: str, body: Json) -> tuple[int, str]:
    async with w.session.post(url, json=body) as response:
        raw = await response.text()
        return response.status, "" if raw == "ok" else json.loads(raw)["error"]


async def test_files_are_announced_sent_whole_and_completed_once() -> None:
    async with world() as w:
        announced = await w.form("files.getUploadURLExternal", filename="a.csv", length=3)
        done = {"files": [{"id": announced["file_id"], "title": "A"}], "channel_id": w.general.id}
        assert (await w.ask("files.completeUploadExternal", **done))["error"] == "file_not_found"
        async with w.session.post(announced["upload_url"], data=b"1,2,3") as response:
            assert response.status == 400
        async with w.session.post(announced["upload_url"], data=b"1,2") as response:
            assert response.status == 200
        dead = await w.ask("files.completeUploadExternal", **done, thread_ts=DEAD)
        assert dead["error"] == "thread_not_found"
        answer = await w.ok("files.completeUploadExternal", **done, thread_ts=w.asked.ts)
        assert answer["files"] == [{"id": announced["file_id"], "title": "A"}]
        assert w.slack.messages(w.general, w.asked)[1:] == []
        (shared,) = await w.slack.wait_for(lambda: w.slack.messages(w.general, w.asked)[1:])
        assert [file.data for file in shared.files] == [b"1,2"]
        assert (await w.ask("files.completeUploadExternal", **done))["error"] == "file_not_found"
        info = (await w.form("files.info", file=announced["file_id"]))["file"]
        assert info["shares"]["public"][w.general.id][0]["thread_ts"] == w.asked.ts


async def test_an_organisation_can_forbid_files() -> None:
    async with world() as w:
        w.slack.uploads.size_max = 5
        w.slack.uploads.forbidden = frozenset({"exe"})
        big = await w.form("files.getUploadURLExternal", filename="a.csv", length=6)
        assert big["error"] == "file_upload_size_restricted"
        odd = await w.form("files.getUploadURLExternal", filename="a.exe", length=1)
        assert odd["error"] == "file_type_not_allowed"
        w.slack.uploads.enabled = False
        none = await w.form("files.getUploadURLExternal", filename="a.csv", length=1)
        assert none["error"] == "file_uploads_disabled"


async def test_a_file_is_a_login_page_without_the_token() -> None:
    async with world() as w:
        message = await w.ann.says(w.general, "see", files=[("a.csv", b"1,2")])
        hidden = await w.ann.says(w.secret, "see", files=[("b.csv", b"3")])
        url = (await w.form("files.info", file=message.files[0].id))["file"]["url_private"]
        assert await get(w, url, "") == ("text/html", False)
        assert await get(w, url, "xoxb-wrong") == ("text/html", False)
        assert await get(w, url, w.slack.bot_token) == ("text/csv", True)
        assert (await w.form("files.info", file=hidden.files[0].id))["error"] == "file_not_found"


async def get(w: World, url: str, token: str) -> tuple[str, bool]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with w.session.get(url, headers=headers) as response:
        assert response.status == 200
        return response.content_type, await response.read() == b"1,2"


async def test_a_workspace_can_lack_features() -> None:
    plan = {"type": "plan", "title": "p", "tasks": [{"task_id": "1", "title": "t", "status": "pending"}]}
    async with world() as w:
        session = {"channel_id": w.general.id, "thread_ts": w.asked.ts, "status": "processing"}
        await w.ok("chat.postMessage", **here(w), blocks=[plan])
        w.slack.disable("streams", "plan_block")
        w.slack.disable("agents.sessions", error="feature_not_enabled")
        assert (await w.ask("chat.postMessage", **here(w), blocks=[plan]))["error"] == "invalid_blocks"
        assert (await w.ask("agents.sessions.setStatus", **session))["error"] == "feature_not_enabled"
        assert (await w.ask("chat.startStream", channel=w.general.id))["error"] == "unknown_method"
        w.slack.disable("agents.conversations")
        assert (await w.ask("agents.conversations.create"))["error"] == "unknown_method"
        with pytest.raises(ValueError, match="no feature 'teleport'"):
            w.slack.disable("teleport")
    async with world(agent=False) as w:
        session = {"channel_id": w.general.id, "thread_ts": w.asked.ts, "status": "processing"}
        assert (await w.ask("agents.sessions.setStatus", **session))["error"] == "feature_not_enabled"


async def test_real_rate_limits_are_enforced_per_method_and_channel() -> None:
    async with world() as w:
        w.slack.rate_limits = "real"
        posted = [await w.ask("chat.postMessage", **here(w)) for _ in range(4)]
        assert [answer.get("error") for answer in posted] == [None, None, None, "ratelimited"]
        assert (await w.ask("chat.postMessage", channel=w.slack.dm(w.ann).id, text="x"))["ok"]
        w.slack.clock.advance(1)
        await w.ok("chat.postMessage", **here(w))
        where = {"channel": w.general.id, "ts": posted[0]["ts"], "text": "y"}
        for _ in range(50):
            await w.ok("chat.update", **where)
        headers = {"Authorization": f"Bearer {w.slack.bot_token}"}
        async with w.session.post(f"{w.slack.url}chat.update", json=where, headers=headers) as response:
            assert response.status == 429
            assert 1 <= int(response.headers["Retry-After"]) <= 60
        w.slack.clock.advance(60)
        await w.ok("chat.update", **where)
