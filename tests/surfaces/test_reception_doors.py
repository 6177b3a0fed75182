"""Clicks, emoji, commands and strangers at the reception."""

from __future__ import annotations

import inspect
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from agent.domain.people import Actor, Role, Standing
from agent.domain.task import Status
from agent.service import AccessRules
from bot.cards import Token, Verb
from bot.doorway import Right
from bot.reception import Door, Reception
from bot.surface import (
    Incoming,
    IncomingChoice,
    IncomingCommand,
    IncomingForm,
    IncomingGone,
    IncomingMessage,
    IncomingReaction,
    MessageRef,
    Said,
)
from tests.kit import say
from tests.surfaces.scene import ANN, BEN, LONG_AGO, OPEN, PLAN, THREAD, scene

# -- clicks, emoji


async def test_a_click_decides_once_and_the_late_one_is_told_who_did(tmp_path: Path) -> None:
    async with scene(tmp_path, PLAN, say("Done."), access=replace(OPEN, decide=("everyone",))) as s:
        await s.says("work", mention=True)
        token = await s.token("approve")
        await s.clicks(token)
        assert (await s.task()).status is Status.FINISHED
        await s.clicks(token, BEN)
        assert "decided already" in s.told(BEN)[-1]
        assert "UANN" in s.told(BEN)[-1]


async def test_only_those_who_may_decide_do(tmp_path: Path) -> None:
    async with scene(tmp_path, PLAN, say("Done.")) as s:
        await s.says("work", mention=True)
        await s.clicks(await s.token("approve"), BEN)
        assert "not yours to decide" in s.told(BEN)[-1]
        assert (await s.task()).status is Status.WAITING


@pytest.mark.parametrize(("emoji", "after"), [("white_check_mark", Status.FINISHED), ("-1", Status.CANCELLED)])
async def test_an_emoji_on_the_card_decides(tmp_path: Path, emoji: str, after: Status) -> None:
    async with scene(tmp_path, PLAN, say("Done.")) as s:
        await s.says("work", mention=True)
        (ask,) = (await s.view()).pending
        await s.shows(f"ask:{ask.ask_id}:1", "20.1")
        await s.reacts(emoji, "20.1", BEN)
        assert "not yours to decide" in s.told(BEN)[-1]
        await s.reacts(emoji, "20.1")
        assert (await s.task()).status is after


async def test_an_emoji_on_the_card_of_an_older_plan_decides_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path, PLAN, PLAN, say("Done.")) as s:
        await s.says("work", mention=True)
        (ask,) = (await s.view()).pending
        await s.shows(f"ask:{ask.ask_id}:1", "20.1")
        await s.says("leave out step two")
        await s.reacts("+1", "20.1")
        assert (await s.task()).status is Status.WAITING
        assert "decided already" in s.told()[-1]


async def test_stop_pause_and_retry_by_emoji_on_the_request(tmp_path: Path) -> None:
    async with scene(tmp_path, PLAN, PLAN) as s:
        said = await s.says("work", mention=True)
        ts = said.message.message_id
        await s.reacts("double_vertical_bar", ts)
        assert (await s.task()).status is Status.PAUSED
        await s.reacts("octagonal_sign", ts)
        assert (await s.task()).status is Status.CANCELLED
        await s.reacts("repeat", ts)
        assert [task.status for task in await s.tasks()] == [Status.WAITING, Status.CANCELLED]


async def test_the_platforms_own_stop_button_stops(tmp_path: Path) -> None:
    async with scene(tmp_path, PLAN) as s:
        await s.says("work", mention=True)
        await s.gets(IncomingCommand(event_id="e", thread=THREAD, person=BEN, at=LONG_AGO, name="stop"))
        assert (await s.task()).status is Status.CANCELLED


async def test_edit_opens_a_form_whose_steps_come_back_as_a_revision(tmp_path: Path) -> None:
    async with scene(tmp_path, PLAN, PLAN, say("Done.")) as s:
        await s.says("work", mention=True)
        await s.clicks(await s.token("revise"))
        (form,) = s.chat.forms
        sent = IncomingForm(
            event_id="f1",
            thread=THREAD,
            person=ANN,
            at=LONG_AGO,
            token=form.token.encode(),
            values={"steps": "one", "note": ""},
        )
        await s.gets(sent)
        view = await s.view()
        assert view.plan is not None
        assert view.plan.revision == 2


async def test_a_form_that_comes_too_late_says_what_to_do(tmp_path: Path) -> None:
    async with scene(tmp_path, PLAN) as s:
        await s.says("work", mention=True)
        await s.clicks(await s.token("revise"), trigger="too late")
        assert "could not be opened in time" in s.told()[-1]


@pytest.mark.parametrize("token", ["", "g9:answer:a_1:1:approve", "g1:nonsense:a_1:1:approve"])
async def test_a_button_of_another_version_is_refused_kindly(tmp_path: Path, token: str) -> None:
    async with scene(tmp_path, PLAN) as s:
        await s.clicks(token)
        assert "another version" in s.told()[-1]


# -- commands


@pytest.mark.parametrize("words", [[], ["help"], ["status"], ["tasks"], ["usage"], ["skills"], ["settings"]])
async def test_typed_commands_answer_in_private(tmp_path: Path, words: list[str]) -> None:
    async with scene(tmp_path, PLAN) as s:
        await s.says("work", mention=True)
        command = IncomingCommand(
            event_id="e", thread=replace(THREAD, thread=""), person=ANN, at=LONG_AGO, name="gofer", words=tuple(words)
        )
        await s.gets(command)
        assert s.told()


async def test_an_unknown_command_names_those_there_are(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        command = IncomingCommand(event_id="e", thread=THREAD, person=ANN, at=LONG_AGO, name="gofer", words=("dance",))
        await s.gets(command)
        assert "status" in s.told()[-1]


# -- strangers


def _every_kind(who: Actor) -> list[Incoming]:
    base = {"thread": THREAD, "person": who, "at": LONG_AGO}
    message = MessageRef(THREAD, "99.1")
    token = Token(verb=Verb.STOP, subject_id="t_1").encode()
    return [
        IncomingMessage(event_id="k1", message=message, text="work", mentioned=True, **base),  # type: ignore[arg-type]
        IncomingChoice(event_id="k2", message=message, token=token, **base),  # type: ignore[arg-type]
        IncomingForm(event_id="k3", token=token, values={}, **base),  # type: ignore[arg-type]
        IncomingReaction(event_id="k4", message=message, emoji="octagonal_sign", **base),  # type: ignore[arg-type]
        IncomingCommand(event_id="k5", name="gofer", words=("run", "x"), **base),  # type: ignore[arg-type]
        IncomingGone(event_id="k6", **base),  # type: ignore[arg-type]
    ]


def test_every_kind_of_arrival_has_a_door_with_a_right() -> None:
    kinds = {inspect.signature(kind).parameters["kind"].default for kind in get_args(Incoming)}
    doors = Reception(None, None, None).doors  # type: ignore[arg-type]
    assert set(doors) == kinds == {incoming.kind for incoming in _every_kind(ANN)}
    assert all(isinstance(door, Door) and isinstance(door.right, Right) for door in doors.values())


@pytest.mark.parametrize(
    "who",
    [
        replace(BEN, place=""),
        replace(BEN, standing=Standing.GUEST),
        replace(BEN, standing=Standing.OUTSIDER),
        replace(BEN, standing=Standing.BOT),
        replace(BEN, person_id="slack:T9:UBEN", place="slack:T9:C1", standing=Standing.OUTSIDER),
    ],
)
@pytest.mark.parametrize("number", range(6))
@pytest.mark.promise("members-only")
async def test_strangers_of_every_kind_do_nothing_at_any_door(tmp_path: Path, who: Actor, number: int) -> None:
    async with scene(tmp_path, PLAN) as s:
        said = await s.says("work", mention=True)
        before = await s.kit.journal.events((await s.task()).task_id)
        incoming = _every_kind(who)[number]
        if isinstance(incoming, IncomingReaction):
            incoming = replace(incoming, message=said.message)
        if isinstance(incoming, IncomingChoice):
            incoming = replace(incoming, token=(await s.token("approve")).encode())
        await s.gets(incoming)
        assert await s.kit.journal.events((await s.task()).task_id) == before
        assert len(await s.kit.journal.tasks()) == 1
        if who.standing is Standing.BOT:
            assert not s.told(who)


async def test_a_stranger_asks_for_access_and_an_admin_lets_them_in(tmp_path: Path) -> None:
    async with scene(tmp_path, say("Done."), access=AccessRules()) as s:
        await s.kit.access.admit(ANN.person_id, "Ann", Role.ADMIN)
        await s.says("work", BEN, mention=True)
        (action,) = s.told_card(BEN).actions
        await s.clicks(action.token, BEN)
        (asked,) = s.chat.messages
        assert "Ben" in asked.text
        assert asked.card is not None
        await s.clicks(asked.card.actions[0].token, BEN)
        assert await s.kit.service.role(BEN) is Role.STRANGER
        await s.clicks(asked.card.actions[0].token, ANN, message=asked.message)
        assert await s.kit.service.role(BEN) is Role.MEMBER
        assert "let in by Ann" in s.chat.messages[0].text
        assert not s.chat.messages[0].buttons
        await s.says("work", BEN, mention=True)
        assert (await s.task()).asked_by == BEN.person_id


async def test_the_first_admin_claims_gofer_in_a_direct_message(tmp_path: Path) -> None:
    async with scene(tmp_path, access=AccessRules()) as s:
        await s.kit.access.admit("web:owner", "Owner", Role.MEMBER)
        code = await s.kit.access.new_claim_code()
        await s.says(f"claim {code}", direct=True)
        assert await s.kit.service.role(ANN) is Role.ADMIN
        await s.says(f"claim {code}", BEN, direct=True)
        assert await s.kit.service.role(BEN) is Role.STRANGER


async def test_a_refusal_that_cannot_be_told_is_not_worked_on_again(tmp_path: Path) -> None:
    async with scene(tmp_path, access=AccessRules()) as s:
        s.chat.closed.add(THREAD)
        await s.clicks("", ANN)


async def test_old_talk_is_not_repeated_to_a_follow_up(tmp_path: Path) -> None:
    async with scene(tmp_path, say("Done."), say("Again.")) as s:
        old = Said(message=MessageRef(THREAD, "1.1"), person=BEN, text="ancient words", at=LONG_AGO)
        new = replace(old, text="fresh words", at=datetime.now(UTC) + timedelta(hours=1))
        s.chat.said += [old, new]
        await s.says("work", mention=True)
        assert "ancient words" in s.model_saw()
        await s.says("more", mention=True)
        assert "fresh words" in s.model_saw()


async def test_who_resumes_what_is_not_paused_is_told_where_it_stands(tmp_path: Path) -> None:
    async with scene(tmp_path, PLAN, say("Done.")) as s:
        await s.says("work", mention=True)
        await s.says("pause")
        await s.says("resume")
        await s.says("resume")
        assert s.told()[-1].startswith("It was resumed already, or never paused: ")
        assert "not paused" not in "".join(s.told())
