"""A real slack-bolt app against the fake, over both transports: what Slack does is what the app sees."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import Human, NotAnswered, NotPossible, SlackFake

Mode = Literal["socket", "http"]
BOTH = pytest.mark.parametrize("mode", ["socket", "http"])
BUTTON = {"type": "button", "action_id": "ok", "text": {"type": "plain_text", "text": "Approve"}, "value": "7"}
FORM: dict[str, Any] = {
    "type": "modal",
    "callback_id": "form",
    "title": {"type": "plain_text", "text": "Form"},
    "submit": {"type": "plain_text", "text": "Send"},
    "notify_on_close": True,
    "blocks": [
        {
            "type": "input",
            "block_id": "what",
            "label": {"type": "plain_text", "text": "What"},
            "element": {"type": "plain_text_input", "action_id": "what"},
        },
        {
            "type": "input",
            "block_id": "files",
            "optional": True,
            "label": {"type": "plain_text", "text": "Files"},
            "element": {"type": "file_input", "action_id": "files"},
        },
    ],
}


@asynccontextmanager
async def serving(slack: SlackFake, app: AsyncApp) -> AsyncGenerator[None]:
    """The app, connected to the fake as the fake's mode wants."""
    if slack.mode == "socket":
        handler = AsyncSocketModeHandler(app, slack.app_token, web_client=client(slack), ping_interval=1)
        await handler.connect_async()
        await slack.wait_for(lambda: slack.socket_count)
        try:
            yield
        finally:
            await handler.close_async()
        return

    async def take(request: web.Request) -> web.Response:
        raw = (await request.read()).decode()
        headers = dict(request.headers.items())
        answer = await app.async_dispatch(AsyncBoltRequest(body=raw, headers=headers))
        return web.Response(
            status=answer.status, text=answer.body or "", headers=answer.first_headers_without_set_cookie()
        )

    server = web.Application()
    server.router.add_post("/slack/events", take)
    runner = web.AppRunner(server, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        slack.deliver_to(f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events")
        yield
    finally:
        await runner.cleanup()


def client(slack: SlackFake) -> AsyncWebClient:
    return AsyncWebClient(token=slack.bot_token, base_url=slack.url)


def bolt(slack: SlackFake) -> AsyncApp:
    app = AsyncApp(client=client(slack), signing_secret=slack.signing_secret)

    async def nothing(ack: Callable[[], Awaitable[None]]) -> None:
        await ack()

    app.event("message")(nothing)
    app.event("file_shared")(nothing)
    app.event("reaction_added")(nothing)
    return app


async def greet(event: dict[str, Any], client: AsyncWebClient) -> None:
    """Answer a mention with a button, in the thread."""
    await client.chat_postMessage(
        channel=event["channel"],
        thread_ts=event["ts"],
        text="hello",
        blocks=[{"type": "actions", "elements": [BUTTON]}],
    )


def ready(slack: SlackFake) -> tuple[Human, Any]:
    ann = slack.user("ann")
    return ann, slack.channel("general", members=[ann])


@BOTH
async def test_mention_is_answered_in_its_thread_and_the_button_changes_the_answer(mode: Mode) -> None:
    async with SlackFake(mode) as slack:
        ann, general = ready(slack)
        app = bolt(slack)
        app.event("app_mention")(greet)

        async def approve(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
            await ack()
            where = {"channel": body["channel"]["id"], "ts": body["message"]["ts"]}
            await client.chat_update(**where, text=f"by {body['user']['id']} {body['actions'][0]['value']}", blocks=[])

        app.action("ok")(approve)
        async with serving(slack, app):
            request = await ann.says(general, f"{slack.mention} please")
            (answer,) = await slack.wait_for(lambda: slack.messages(general, request)[1:])
            assert (answer.user, answer.button_labels) == (slack.bot_user_id, ["Approve"])
            await ann.clicks(answer, "Approve")
            await slack.wait_for(lambda: answer.edited)
            assert (answer.text, answer.button_labels) == (f"by {ann.id} 7", [])
            await slack.settled()
        kinds = [d.event["type"] for d in slack.deliveries if d.event.get("ts") == request.ts]
        assert kinds == ["message", "app_mention"]
        assert all(delivery.acked for delivery in slack.deliveries)
        assert all(call.ok for call in slack.calls())


@BOTH
async def test_modal_is_opened_refused_and_submitted_with_a_file(mode: Mode) -> None:
    async with SlackFake(mode) as slack:
        ann, _ = ready(slack)
        app = bolt(slack)
        got: list[dict[str, Any]] = []

        async def open_form(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
            await ack()
            await client.views_open(trigger_id=body["trigger_id"], view=FORM)

        async def submitted(ack: Any, view: dict[str, Any]) -> None:
            values = view["state"]["values"]
            if values["what"]["what"]["value"] == "no":
                await ack(response_action="errors", errors={"what": "say yes"})
                return
            got.append(values)
            await ack()

        async def closed(ack: Any, body: dict[str, Any]) -> None:
            await ack()
            got.append({"closed": body["is_cleared"]})

        app.shortcut("new_task")(open_form)
        app.view("form")(submitted)
        app.view_closed("form")(closed)
        async with serving(slack, app):
            await ann.shortcut("new_task")
            view = await slack.wait_for(lambda: slack.views(ann)[-1])
            with pytest.raises(NotPossible, match="must be filled in"):
                await ann.submits(view)
            refused = await ann.submits(view, {"what": "no"})
            assert refused == "errors"
            assert refused.errors == {"what": "say yes"}
            assert await ann.submits(view, {"what": "yes", "files": [("a.csv", b"1,2")]}) is None
            assert slack.views(ann) == []
            await ann.shortcut("new_task")
            await ann.closes(await slack.wait_for(lambda: slack.views(ann)[-1]))
            assert got[0]["what"]["what"]["value"] == "yes"
            (file,) = got[0]["files"]["files"]["files"]
            assert await download(file["url_private_download"], slack.bot_token) == b"1,2"
            assert got[1] == {"closed": False}


@BOTH
async def test_command_is_answered_to_the_person_alone(mode: Mode) -> None:
    async with SlackFake(mode) as slack:
        ann, general = ready(slack)
        app = bolt(slack)

        async def status(ack: Any, command: dict[str, Any], respond: Any) -> None:
            await ack(f"you said {command['text']}")
            await respond(text="and more")

        app.command("/gofer")(status)
        async with serving(slack, app):
            said = await ann.runs("/gofer status", general)
            assert said is not None
            assert said.text == "you said status"
            await slack.wait_for(lambda: len(slack.ephemerals(ann)) == 2)
            assert slack.messages(general) == []
            with pytest.raises(NotPossible, match="/other is not a command"):
                await ann.runs("/other", general)


@BOTH
async def test_event_without_acknowledgement_comes_again_with_the_same_id(mode: Mode) -> None:
    async with SlackFake(mode) as slack:
        ann, general = ready(slack)
        app = bolt(slack)
        tries: list[str] = []

        async def fail_twice(body: dict[str, Any], request: AsyncBoltRequest, next: Any) -> None:
            if body["event"]["type"] == "app_mention":
                tries.append(request.headers.get("x-slack-retry-num", ["0"])[0])
                if len(tries) < 3:
                    raise RuntimeError("the store is down")
            await next()

        app.use(fail_twice)
        app.event("app_mention")(greet)
        slack.ack_timeout_s = 0.5
        async with serving(slack, app):
            await ann.says(general, f"{slack.mention} please")
            await slack.wait_for(lambda: [m for m in slack.messages(general) if m.user == slack.bot_user_id])
            await slack.settled()
        assert tries == ["0", "1", "2"]
        mentions = [d for d in slack.deliveries if d.event["type"] == "app_mention"]
        assert [d.acked for d in mentions] == [False, False, True]
        assert len({d.event_id for d in mentions}) == 1
        assert len({d.envelope_id for d in mentions}) == 3


@pytest.mark.parametrize("graceful", [True, False])
async def test_app_comes_back_after_its_socket_is_lost(graceful: bool) -> None:
    async with SlackFake("socket") as slack:
        ann, general = ready(slack)
        app = bolt(slack)
        app.event("app_mention")(greet)
        async with serving(slack, app):
            await slack.drop_sockets(graceful=graceful)
            await ann.says(general, f"{slack.mention} please")
            await slack.wait_for(lambda: slack.messages(general)[1:])
            await slack.settled()


async def test_payloads_are_shared_out_and_a_dying_socket_loses_none() -> None:
    async with SlackFake("socket") as slack, aiohttp.ClientSession() as session:
        ann, general = ready(slack)
        first, second = await raw_socket(slack, session), await raw_socket(slack, session)
        await ann.says(general, "one")
        await ann.says(general, "two")
        seen = [(await first.receive_json())["payload"], (await second.receive_json())["payload"]]
        assert sorted(payload["event"]["text"] for payload in seen) == ["one", "two"]
        await first.close()
        again = await second.receive_json()
        assert again["payload"] in seen
        assert again["retry_attempt"] == 1
        await second.close()


@BOTH
async def test_what_was_said_while_nobody_listened_arrives_as_a_retry(mode: Mode) -> None:
    async with SlackFake(mode) as slack:
        ann, general = ready(slack)
        app = bolt(slack)
        app.event("app_mention")(greet)
        await ann.says(general, f"{slack.mention} please")
        await slack.wait_for(lambda: len([d for d in slack.deliveries if d.failure]) == 2)
        async with serving(slack, app):
            await slack.wait_for(lambda: slack.messages(general)[1:])
            await slack.settled()
        mention = [d for d in slack.deliveries if d.event["type"] == "app_mention"]
        assert [(d.attempt, d.failure, d.retry_reason) for d in mention] == [
            (0, "nobody_listens", ""),
            (1, "", "connection_failed"),
        ]


async def test_event_is_given_up_after_its_retries_and_can_be_sent_again() -> None:
    async with SlackFake("socket") as slack, aiohttp.ClientSession() as session:
        ann, general = ready(slack)
        slack.ack_timeout_s = 0.05
        slack.retry_schedule_s = (0.01, 0.01)
        socket = await raw_socket(slack, session)
        await ann.says(general, "hello")
        envelopes = [await socket.receive_json() for _ in range(3)]
        await slack.settled()
        assert [e["retry_attempt"] for e in envelopes] == [0, 1, 2]
        assert not any(d.acked for d in slack.deliveries)
        redelivery = slack.redeliver(times=2)
        for _ in range(2):
            envelope = await socket.receive_json()
            await socket.send_json({"envelope_id": envelope["envelope_id"]})
        await redelivery
        assert [d.acked for d in slack.deliveries] == [False, False, False, True, True]
        await socket.close()


async def test_a_click_nobody_acknowledges_is_shown_to_the_person() -> None:
    async with SlackFake("socket") as slack, aiohttp.ClientSession() as session:
        ann, general = ready(slack)
        slack.ack_timeout_s = 0.05
        posted = await client(slack).chat_postMessage(
            channel=general.id, text="x", blocks=[{"type": "actions", "elements": [BUTTON]}]
        )
        message = general.messages[posted["ts"]]
        with pytest.raises(NotAnswered, match="nobody_listens"):
            await ann.clicks(message, "Approve")
        socket = await raw_socket(slack, session)
        with pytest.raises(NotAnswered, match="http_timeout"):
            await ann.clicks(message, "Approve")
        await socket.close()


async def raw_socket(slack: SlackFake, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
    """A socket that acknowledges nothing by itself."""
    opened = await client(slack).apps_connections_open(app_token=slack.app_token)
    socket = await session.ws_connect(opened["url"])
    assert (await socket.receive_json())["type"] == "hello"
    return socket


async def download(url: str, token: str) -> bytes:
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, headers={"Authorization": f"Bearer {token}"}) as response,
    ):
        assert response.status == 200
        return await response.read()


async def test_waiting_ends_with_the_state_of_everything() -> None:
    async with SlackFake() as slack:
        ann, general = ready(slack)
        await ann.says(general, "hello")
        with pytest.raises(AssertionError, match=r"(?s)did not happen within 0\.05 s.*hello"):
            async with asyncio.timeout(5):
                await slack.wait_for(lambda: slack.messages(general)[5], timeout=0.05)


async def test_unknown_paths_and_methods_are_problems() -> None:
    with pytest.raises(AssertionError, match=r"GET /elsewhere.*\n.*pins\.add"):
        await call_what_does_not_exist()


async def call_what_does_not_exist() -> None:
    async with SlackFake() as slack, aiohttp.ClientSession() as session:
        async with session.get(f"{slack.origin}/elsewhere") as response:
            assert response.status == 404
        async with session.post(f"{slack.url}pins.add", data={"token": slack.bot_token}) as response:
            assert (await response.json())["error"] == "unknown_method"
