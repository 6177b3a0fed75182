"""Gofer's commands: inside Discord's limits, and read as people typed them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from bot.discord.commands import Command, command_of, registered
from bot.discord.forms import files_of, values_of
from bot.discord.interactions import interaction_of, opens_dialog

FILE = {"id": "7", "filename": "a.csv", "size": 3, "url": "https://cdn.discordapp.com/a.csv"}


def used(name: str, *options: dict[str, Any], resolved: dict[str, Any] | None = None, kind: int = 1) -> dict[str, Any]:
    data = {"id": "1", "name": name, "type": kind, "options": list(options), "resolved": resolved or {}}
    return {"id": "300", "type": 2, "token": "t", "application_id": "901", "channel_id": "60", "data": data}


def sub(name: str, **options: str) -> dict[str, Any]:
    return {"type": 1, "name": name, "options": [{"type": 3, "name": n, "value": v} for n, v in options.items()]}


def every(options: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield options
    for option in options.get("options", ()):
        yield from every(option)


def test_the_commands_keep_discords_limits() -> None:
    for command in registered():
        for one in every(command):
            assert 1 <= len(one["name"]) <= 32
            assert len(one.get("options", ())) <= 25
            if command["type"] == 1:
                assert one["name"] == one["name"].lower()
                assert 1 <= len(one["description"]) <= 100
            wanted = [option.get("required", False) for option in one.get("options", ())]
            assert wanted == sorted(wanted, reverse=True), "required options come first"
        size = sum(len(o["name"]) + len(o.get("description", "")) for o in every(command))
        assert size <= 8_000


def test_discord_decides_for_nobody_who_may_use_a_command_and_no_skill_is_one() -> None:
    assert [command["name"] for command in registered()] == ["task", "gofer", "Hand to Gofer"]
    for command in registered():
        assert not {"default_member_permissions", "default_permission", "nsfw"} & set(command)
        # Not for users alone: there Gofer could neither post nor begin a thread.
        assert (command["contexts"], command["integration_types"]) == ([0, 1], [0])


@pytest.mark.parametrize(
    ("payload", "command"),
    [
        (used("task", sub("new", prompt="sum it up")), Command(name="begin", text="sum it up")),
        (used("task", sub("new")), Command(name="new_task")),
        (used("task", sub("list")), Command(name="task", words=("tasks",))),
        (used("task", sub("stop", task="t_1")), Command(name="task", words=("stop", "t_1"))),
        (used("task", sub("approve")), Command(name="task", words=("approve",))),
        (used("gofer", sub("why")), Command(name="gofer", words=("why",))),
        (
            used("gofer", sub("run", skill="make-deck", what="of  my notes")),
            Command(name="gofer", words=("run", "make-deck", "of", "my", "notes")),
        ),
    ],
)
def test_a_command_is_read_as_typed(payload: dict[str, Any], command: Command) -> None:
    assert command_of(payload) == command


@pytest.mark.parametrize(
    "payload",
    [used("other", sub("new")), used("task"), {}, used("Hand", kind=2)],
    ids=["unknown", "bare", "{}", "user"],
)
def test_what_is_no_command_of_this_version_is_none(payload: dict[str, Any]) -> None:
    assert command_of(payload) is None


def test_the_files_of_a_command_come_in_their_order() -> None:
    second = FILE | {"id": "8", "filename": "b.csv"}
    given = {"type": 1, "name": "new", "options": [{"type": 11, "name": "file2", "value": "8"}]}
    given["options"] += [{"type": 11, "name": "file1", "value": "7"}, {"type": 3, "name": "prompt", "value": "go"}]  # type: ignore[operator]
    command = command_of(used("task", given, resolved={"attachments": {"8": second, "7": FILE}}))
    assert command is not None
    assert [file["filename"] for file in command.files] == ["a.csv", "b.csv"]


def test_a_message_is_handed_over_with_what_discord_tells_of_it() -> None:
    message = {"id": "80", "content": "please do", "attachments": [FILE]}
    payload = used("Hand to Gofer", resolved={"messages": {"80": message}}, kind=3)
    payload["data"]["target_id"] = "80"
    assert command_of(payload) == Command(name="hand_over", message=message)


def test_only_what_may_open_a_form_is_left_unanswered() -> None:
    assert opens_dialog(used("task", sub("new")))
    assert not opens_dialog(used("task", sub("new", prompt="go")))

    def click(custom_id: str) -> dict[str, Any]:
        return {"id": "1", "type": 3, "data": {"custom_id": custom_id}}

    assert opens_dialog(click("g1:steer:t_1:0:"))
    assert opens_dialog(click("g1:form:a_1:1:deny"))
    assert not opens_dialog(click("g1:answer:a_1:1:approve"))
    assert not opens_dialog(click("g1?:change:t_1:0:"))


def test_a_form_that_a_command_opened_is_answered_like_one() -> None:
    sent = {"id": "1", "type": 5, "token": "t", "application_id": "9", "data": {"custom_id": "g1:new:task:0:"}}
    assert interaction_of(sent).kind == "command"
    assert interaction_of(sent | {"message": {"id": "2"}}).kind == "modal"


def test_every_kind_of_field_of_a_sent_form_is_read() -> None:
    fields = [
        {"type": 4, "custom_id": "note", "value": "two lines\nof it"},
        {"type": 21, "custom_id": "one", "value": "a"},
        {"type": 22, "custom_id": "some", "values": ["a", "b"]},
        {"type": 23, "custom_id": "sure", "value": True},
        {"type": 3, "custom_id": "pick", "values": ["x"]},
        {"type": 19, "custom_id": "files", "values": ["7", "gone"]},
    ]
    shown = [{"type": 10, "id": 1}, *({"type": 18, "component": field} for field in fields)]
    sent = {"data": {"components": shown, "resolved": {"attachments": {"7": FILE}}}}
    assert values_of(sent) == {
        "note": "two lines\nof it",
        "one": "a",
        "some": ("a", "b"),
        "sure": True,
        "pick": "x",
    }
    assert files_of(sent) == (FILE,)
