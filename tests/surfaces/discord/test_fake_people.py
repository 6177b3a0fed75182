"""People in the Discord fake: what they can do, and how interactions with them end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fakes.discord import NotAnswered, NotPossible
from tests.surfaces.discord.bare import Bare, Line, bare, button, card, text

EPHEMERAL = 1 << 6
FORM: dict[str, Any] = {
    "title": "Edit",
    "custom_id": "form",
    "components": [
        {"type": 18, "label": "Steps", "component": {"type": 4, "custom_id": "steps", "style": 2, "value": "Count"}},
        {"type": 18, "label": "Files", "component": {"type": 19, "custom_id": "files", "required": False}},
        {
            "type": 18,
            "label": "Scope",
            "component": {
                "type": 21,
                "custom_id": "scope",
                "options": [{"label": "A", "value": "a"}, {"label": "B", "value": "b", "default": True}],
            },
        },
    ],
}
COMMANDS: list[dict[str, Any]] = [
    {
        "name": "task",
        "description": "Tasks",
        "options": [
            {
                "name": "new",
                "type": 1,
                "description": "Begin",
                "options": [
                    {"name": "prompt", "type": 3, "description": "What", "required": True},
                    {"name": "file1", "type": 11, "description": "File"},
                ],
            },
            {
                "name": "status",
                "type": 1,
                "description": "How it is",
                "options": [{"name": "id", "type": 3, "description": "Which", "autocomplete": True}],
            },
        ],
    },
    {"name": "Hand over", "type": 3},
]


async def answering(it: Bare, line: Line, kind: int, **data: Any) -> dict[str, Any]:
    """Answer the next interaction; what was told of it."""
    told = await line.until("INTERACTION_CREATE")
    assert (await it.callback(told, kind, **data)).status == 200
    return told


async def both(act: Any, answer: Any) -> Any:
    """What came of a person's act while the app answers, and what the app was told."""
    async with asyncio.TaskGroup() as group:
        done, told = group.create_task(act), group.create_task(answer)
    return done.result(), told.result()


async def posted(it: Bare) -> Any:
    sent = await it.post(it.general, **card(text("Plan"), button("Approve", "g1:x")))
    return it.discord.find(it.general.id, int(sent.data["id"]))


async def test_a_click_carries_the_message_and_the_person() -> None:
    async with bare() as it, it.online() as line:
        plan = await posted(it)
        record, told = await both(it.ann.clicks(plan, "Approve"), answering(it, line, 6))
        assert record.responded
        assert (told["data"]["custom_id"], told["data"]["component_type"]) == ("g1:x", 2)
        assert told["message"]["id"] == str(plan.id)
        assert told["message"]["flags"] & 1 << 15
        assert told["member"]["user"]["username"] == "ann"
        assert int(told["member"]["permissions"]) > 0
        assert told["attachment_size_limit"] == 10 * 1024 * 1024


async def test_who_is_not_answered_is_told_so_and_later_answers_are_refused() -> None:
    async with bare() as it, it.online() as line:
        it.discord.interactions.ack_timeout_s = 0.05
        with pytest.raises(NotAnswered):
            await it.ann.clicks(await posted(it), "Approve")
        late = await it.callback(await line.until("INTERACTION_CREATE"), 6)
        assert (late.status, late.code) == (404, 10062)


async def test_an_interaction_is_answered_once() -> None:
    async with bare() as it, it.online() as line:
        _, told = await both(it.ann.clicks(await posted(it), "Approve"), answering(it, line, 6))
        again = await it.callback(told, 6)
        assert (again.status, again.code) == (400, 40060)


async def test_a_private_follow_up_is_seen_by_one_person_only() -> None:
    async with bare() as it, it.online() as line:
        _, told = await both(it.ann.clicks(await posted(it), "Approve"), answering(it, line, 6))
        path = f"/webhooks/{it.discord.application_id}/{told['token']}"
        body = card(text("Decided already."), allowed_mentions={"parse": []})
        assert (await it.call("POST", path, body | {"flags": EPHEMERAL | 1 << 15})).status == 200
        assert [message.plain for message in it.discord.ephemerals(it.ann)] == ["Decided already."]
        assert it.discord.ephemerals(it.ben) == []
        assert len(it.discord.messages(it.general)) == 1


async def test_buttons_are_pressed_only_where_they_are() -> None:
    async with bare() as it, it.online() as line:
        plan = await posted(it)
        with pytest.raises(NotPossible):
            await it.ann.clicks(plan, "Reject")
        await it.edit(it.general.id, plan.id, **card(text("Decided")))
        with pytest.raises(NotPossible):
            await it.ann.clicks(plan, "Approve")
        await both(it.ann.clicks(plan, "Approve", stale=True), answering(it, line, 6))
        secret = it.discord.channel("secret", members=[it.ann])
        with pytest.raises(NotPossible):
            await it.ben.says(secret, "let me in")


async def test_a_form_opens_with_what_stands_in_it_and_carries_files() -> None:
    async with bare() as it, it.online() as line:
        await both(it.ann.clicks(await posted(it), "Approve"), answering(it, line, 9, **FORM))
        (form,) = it.discord.forms(it.ann)
        assert "Count" in form.plain
        with pytest.raises(NotPossible):
            await it.ann.submits(form, {"nothing": "x"})
        _, told = await both(
            it.ann.submits(form, {"files": [("a.txt", b"hello")]}), answering(it, line, 4, content="Thanks",
            flags=EPHEMERAL, allowed_mentions={"parse": []})
        )  # fmt: skip
        values = {part["component"]["custom_id"]: part["component"] for part in told["data"]["components"]}
        assert (values["steps"]["value"], values["scope"]["value"]) == ("Count", "b")
        (file_id,) = values["files"]["values"]
        async with it.session.get(told["data"]["resolved"]["attachments"][file_id]["url"]) as file:
            assert await file.read() == b"hello"
        assert it.discord.forms(it.ann) == []
        with pytest.raises(NotPossible):
            await it.ann.submits(form, {})


async def test_a_form_without_its_title_is_refused() -> None:
    async with bare() as it, it.online() as line:
        clicking = asyncio.create_task(it.ann.clicks(await posted(it), "Approve"))
        told = await line.until("INTERACTION_CREATE")
        refused = await it.callback(told, 9, **{**FORM, "title": ""})
        assert (refused.status, refused.code) == (400, 50035)
        assert (await it.callback(told, 6)).status == 200  # what was refused answered nothing
        await clicking


async def test_commands_are_there_once_they_are_synchronised() -> None:
    async with bare() as it, it.online() as line:
        with pytest.raises(NotPossible):
            await it.ann.runs("/task new", it.general, prompt="count")
        assert (await it.call("PUT", f"/applications/{it.discord.application_id}/commands", COMMANDS)).status == 200
        with pytest.raises(NotPossible):
            await it.ann.runs("/task new", it.general)
        run = it.ann.runs("/task new", it.general, prompt="count", files=[("a.txt", b"one")])
        _, told = await both(run, answering(it, line, 5, flags=EPHEMERAL))
        (sub,) = told["data"]["options"]
        assert (sub["name"], sub["options"][0]["value"]) == ("new", "count")
        file_id = sub["options"][1]["value"]
        assert told["data"]["resolved"]["attachments"][file_id]["filename"] == "a.txt"
        assert it.discord.ephemerals(it.ann) == []  # "thinking…" says nothing
        path = f"/webhooks/{it.discord.application_id}/{told['token']}/messages/@original"
        await it.call("PATCH", path, {"content": "Begun.", "allowed_mentions": {"parse": []}})
        assert [message.plain for message in it.discord.ephemerals(it.ann)] == ["Begun."]


async def test_options_are_completed_while_they_are_typed() -> None:
    async with bare() as it, it.online() as line:
        await it.call("PUT", f"/applications/{it.discord.application_id}/commands", COMMANDS)
        offered, told = await both(
            it.ann.completes("/task status", it.general, "id", "co"),
            answering(it, line, 8, choices=[{"name": "count the words", "value": "t1"}]),
        )
        assert offered == ["count the words"]
        assert told["data"]["options"][0]["options"][0]["focused"] is True


async def test_a_message_is_handed_over_with_its_words_and_files() -> None:
    async with bare() as it, it.online() as line:
        await it.call("PUT", f"/applications/{it.discord.application_id}/commands", COMMANDS)
        said = await it.ben.says(it.general, "count this", files=[("a.txt", b"one")])
        _, told = await both(it.ann.uses("Hand over", said), answering(it, line, 5, flags=EPHEMERAL))
        message = told["data"]["resolved"]["messages"][told["data"]["target_id"]]
        assert (message["content"], message["attachments"][0]["filename"]) == ("count this", "a.txt")


async def test_people_talk_in_threads_and_react() -> None:
    async with bare() as it, it.online() as line:
        said = await it.ann.says(it.general, "hello")
        reply = await it.ben.says(it.general, "hi", thread=said)
        assert reply.model.channel_id == said.id
        await it.ann.reacts(reply, "✅")
        told = await line.until("MESSAGE_REACTION_ADD")
        assert (told["emoji"]["name"], told["user_id"]) == ("✅", str(it.ann.user_id))
        assert told["member"]["user"]["username"] == "ann"
        await it.ann.edits(said, "hello again")
        await it.ann.deletes(said)
        assert (await line.until("MESSAGE_DELETE"))["id"] == str(said.id)
        assert said.deleted
        it.discord.archive(reply.channel, locked=True)
        with pytest.raises(NotPossible):
            await it.ben.says(reply.channel, "again")


async def test_an_app_that_is_not_there_over_http_did_not_respond() -> None:
    async with bare(mode="http") as it:
        assert it.discord.env()["DISCORD_PUBLIC_KEY"] == it.discord.verify_key
        it.discord.interactions.url = "http://127.0.0.1:9/discord/interactions"
        plan = await posted(it)
        with pytest.raises(NotAnswered):
            await it.ann.clicks(plan, "Approve")
