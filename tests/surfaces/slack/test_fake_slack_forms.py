"""Modals in the Slack fake: what a person can fill in, and which answers of the app Slack takes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import Human, NotPossible, ResponseAction, SlackFake, View

Json = dict[str, Any]


def label(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def field(name: str, *, optional: bool = True, **element: Any) -> Json:
    body = {"action_id": "value", **element}
    return {"type": "input", "block_id": name, "label": label(name), "element": body, "optional": optional}


def options(*names: str) -> list[Json]:
    return [{"text": label(name), "value": name.lower()} for name in names]


def modal(*blocks: Json, **others: Any) -> Json:
    body = {"type": "modal", "callback_id": "form", "title": label("Form"), "submit": label("Send"), **others}
    return {**body, "blocks": list(blocks)}


NAME = field("name", optional=False, type="plain_text_input", min_length=2, max_length=5)


@asynccontextmanager
async def shown(view: Json, *answers: Any) -> AsyncGenerator[tuple[SlackFake, Human, View, list[Json]]]:
    """A modal that ann has open, and an app that gives these answers; the payloads that it got."""
    async with SlackFake() as slack, aiohttp.ClientSession() as session:
        ann = slack.user("ann")
        web = AsyncWebClient(token=slack.bot_token, base_url=slack.url)
        opened = await web.apps_connections_open(app_token=slack.app_token)
        got: list[Json] = []
        left = list(answers)

        async def answer() -> None:
            async with session.ws_connect(opened["url"]) as socket:
                async for message in socket:
                    envelope = json.loads(message.data)
                    if "envelope_id" in envelope:
                        got.append(envelope["payload"])
                        payload = {"payload": left.pop(0)} if left and left[0] else {}
                        await socket.send_json({"envelope_id": envelope["envelope_id"], **payload})

        app = asyncio.create_task(answer())
        await slack.wait_for(lambda: slack.socket_count)
        await web.views_open(trigger_id=slack.interactions.trigger(ann.id, slack.team), view=view)
        yield slack, ann, slack.views(ann)[-1], got
        slack.problems.clear()
        app.cancel()
        await asyncio.gather(app, return_exceptions=True)


async def test_every_input_reports_its_value() -> None:
    view = modal(
        NAME,
        field("choice", type="static_select", options=options("One", "Two")),
        field("radio", type="radio_buttons", options=options("A", "B"), initial_option=options("B")[0]),
        field("boxes", type="checkboxes", options=options("X", "Y", "Z")),
        field("who", type="users_select"),
        field("day", type="datepicker", initial_date="2026-11-23"),
        field("empty", type="plain_text_input"),
        field("files", type="file_input", max_files=2, filetypes=["csv"]),
    )
    async with shown(view) as (_, ann, opened, got):
        values = {"name": "Gina", "choice": "Two", "boxes": ["X", "z"], "who": "U1", "files": [("a.csv", b"1")]}
        assert await ann.submits(opened, values) is None
        state = {name: entry["value"] for name, entry in got[0]["view"]["state"]["values"].items()}
        assert state["name"] == {"type": "plain_text_input", "value": "Gina"}
        assert state["choice"]["selected_option"]["value"] == "two"
        assert state["radio"]["selected_option"]["value"] == "b"
        assert [option["value"] for option in state["boxes"]["selected_options"]] == ["x", "z"]
        assert (state["who"]["selected_user"], state["day"]["selected_date"]) == ("U1", "2026-11-23")
        assert state["empty"] == {"type": "plain_text_input", "value": None}
        assert [file["name"] for file in state["files"]["files"]] == ["a.csv"]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "must be filled in"),
        ({"name": "G"}, "from 2 to 5"),
        ({"name": "Georgina"}, "from 2 to 5"),
        ({"name": "Gina", "other": "x"}, "no input"),
        ({"name": "Gina", "choice": "Three"}, "no option"),
        ({"name": "Gina", "many": ["One", "Two"]}, "at most 1"),
        ({"name": "Gina", "files": [("a.csv", b""), ("b.csv", b"")]}, "at most 1 files"),
        ({"name": "Gina", "files": [("a.exe", b"")]}, "is not of"),
        ({"name": "Gina", "link": "nowhere"}, "must be a URL"),
        ({"name": "Gina", "count": "many"}, "must be a number"),
    ],
)
async def test_client_does_not_send_what_does_not_fit(values: Json, why: str) -> None:
    view = modal(
        NAME,
        field("choice", type="static_select", options=options("One", "Two")),
        field("many", type="multi_static_select", options=options("One", "Two"), max_selected_items=1),
        field("files", type="file_input", max_files=1, filetypes=["csv"]),
        field("link", type="url_text_input"),
        field("count", type="number_input", is_decimal_allowed=False),
    )
    async with shown(view) as (slack, ann, opened, got):
        with pytest.raises(NotPossible, match=why):
            await ann.submits(opened, values)
        assert slack.views(ann) == [opened]
        assert got == []


async def test_answers_change_push_and_clear_the_stack() -> None:
    second = modal(field("more", type="plain_text_input"), title=label("Second"))
    answers = (
        {"response_action": "errors", "errors": {"name": "taken"}},
        {"response_action": "push", "view": second},
        {"response_action": "update", "view": {**second, "title": label("Third")}},
        {"response_action": "clear"},
    )
    async with shown(modal(NAME), *answers) as (slack, ann, first, got):
        refused = await ann.submits(first, {"name": "Gina"})
        assert isinstance(refused, ResponseAction)
        assert (refused, refused.errors, slack.views(ann)) == ("errors", {"name": "taken"}, [first])
        assert await ann.submits(first, {"name": "Gina"}) == "push"
        below, top = slack.views(ann)
        assert (below, top.title, top.previous_id) == (first, "Second", first.id)
        with pytest.raises(NotPossible, match="on top"):
            await ann.submits(first, {"name": "Gina"})
        assert await ann.submits(top) == "update"
        assert top.title == "Third"
        assert await ann.submits(top) == "clear"
        assert slack.views(ann) == []
        assert len(got) == 4
        assert slack.problems == []


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"response_action": "errors", "errors": {"nowhere": "x"}}, "no inputs of the modal"),
        ({"response_action": "errors", "errors": {}}, "no inputs of the modal"),
        ({"response_action": "update", "view": {"type": "modal"}}, "is refused"),
        ({"response_action": "push", "view": modal({"type": "markdown", "text": "x"})}, "is refused"),
        ({"response_action": "explode"}, "no such answer"),
        ({"text": "thanks"}, "no such answer"),
    ],
)
async def test_answer_that_slack_does_not_take_is_a_problem(answer: Json, problem: str) -> None:
    async with shown(modal(NAME), answer) as (slack, ann, opened, _):
        await ann.submits(opened, {"name": "Gina"})
        assert problem in slack.problems[0]


async def test_closing_is_told_only_where_the_app_asked_for_it() -> None:
    async with shown(modal(NAME)) as (slack, ann, opened, got):
        await ann.closes(opened)
        assert (slack.views(ann), got) == ([], [])
    async with shown(modal(NAME, notify_on_close=True)) as (slack, ann, opened, got):
        await ann.closes(opened)
        assert [(body["type"], body["is_cleared"]) for body in got] == [("view_closed", False)]
        with pytest.raises(NotPossible):
            await ann.closes(opened)


async def test_press_inside_a_modal_carries_what_was_typed_and_can_push() -> None:
    row = {"type": "actions", "elements": [{"type": "button", "action_id": "more", "text": label("More")}]}
    async with shown(modal(NAME, row)) as (slack, ann, opened, got):
        await ann.clicks(opened, "More", values={"name": "Gina"})
        (body,) = got
        assert body["container"] == {"type": "view", "view_id": opened.id}
        assert body["view"]["state"]["values"]["name"]["value"]["value"] == "Gina"
        assert "channel" not in body
        web = AsyncWebClient(token=slack.bot_token, base_url=slack.url)
        await web.views_push(trigger_id=body["trigger_id"], view=modal(NAME))
        assert len(slack.views(ann)) == 2
        with pytest.raises(SlackApiError, match="the type of a view cannot change"):
            await web.views_update(view_id=opened.id, view={"type": "home", "blocks": [{"type": "divider"}]})


async def test_ticket_opens_one_socket_and_an_app_has_ten() -> None:
    async with SlackFake() as slack, aiohttp.ClientSession() as session:
        web = AsyncWebClient(token=slack.bot_token, base_url=slack.url)
        sockets = []
        for _ in range(10):
            url = (await web.apps_connections_open(app_token=slack.app_token))["url"]
            sockets.append(await session.ws_connect(url))
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await session.ws_connect(url)
        url = (await web.apps_connections_open(app_token=slack.app_token))["url"]
        eleventh = await session.ws_connect(url)
        assert (await eleventh.receive_json())["reason"] == "too_many_websockets"
        for socket in [*sockets, eleventh]:
            await socket.close()
