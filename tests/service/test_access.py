"""Who may hand over work and who decides, by the rules of gofer.toml and what the platform says at the click."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.domain.errors import NotAllowed, NotFound, Refused
from agent.domain.people import Actor, Role, Standing
from agent.service import AccessRules, PlaceRules
from tests.kit import OWNER, Kit, call, open_kit, say

PLACE = "slack:T1:C1"
THREAD = f"{PLACE}:1.5"
ANN = Actor("slack:T1:UANN", "Ann", place=PLACE)
BEN = Actor("slack:T1:UBEN", "Ben", place=PLACE)
LEAD = Actor("slack:T1:ULEAD", "Lea", place=PLACE, groups=frozenset({"slack:T1:SLEADS"}))
PLAN = call("plan", steps=["one", "two"], files=["a"])


def rules(*start: str, decide: tuple[str, ...] = ("requester",), **places: PlaceRules) -> AccessRules:
    """Rules with these lists; `places` by channel name."""
    return AccessRules(start=start, decide=decide, places={f"slack:T1:{name}": r for name, r in places.items()})


async def start(kit: Kit, actor: Actor, thread: str = THREAD) -> str:
    task = await kit.service.start(actor, thread, "work", inbox_id=f"{actor.person_id}:{thread}")
    await kit.work()
    return task.task_id


async def may(kit: Kit, actor: Actor, thread: str = THREAD) -> bool:
    return await kit.service.may_start(actor, thread)


async def test_nothing_configured_lets_nobody_in(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [say("ok")]) as kit:
        assert not await may(kit, ANN)
        with pytest.raises(NotAllowed):
            await start(kit, ANN)


@pytest.mark.parametrize(
    ("names", "actor", "allowed"),
    [
        (["everyone"], ANN, True),
        (["slack:T1:UANN"], ANN, True),
        (["slack:T1:UANN"], BEN, False),
        (["slack:T1:SLEADS"], LEAD, True),
        (["slack:T1:SLEADS"], ANN, False),
        (["everyone"], replace(ANN, standing=Standing.GUEST), False),
        (["slack:T1:UANN"], replace(ANN, standing=Standing.GUEST), True),
        (["slack:T1:SLEADS"], replace(LEAD, standing=Standing.GUEST), False),
        (["everyone", "slack:T1:UANN"], replace(ANN, standing=Standing.OUTSIDER), False),
        (["everyone", "slack:T1:UANN"], replace(ANN, standing=Standing.BOT), False),
        (["everyone"], replace(ANN, place=""), False),
    ],
)
async def test_who_may_hand_over_work(tmp_path: Path, names: list[str], actor: Actor, allowed: bool) -> None:
    async with open_kit(tmp_path, [say("ok")], access=rules(*names)) as kit:
        assert await may(kit, actor) is allowed


async def test_a_channel_has_rules_of_its_own(tmp_path: Path) -> None:
    narrow = rules("everyone", C1=PlaceRules(start=("slack:T1:SLEADS",)))
    async with open_kit(tmp_path, [say("ok")], access=narrow) as kit:
        assert not await may(kit, ANN)
        assert await may(kit, LEAD)
        elsewhere = replace(ANN, place="slack:T1:C2")
        assert await may(kit, elsewhere, "slack:T1:C2:1.5")


async def test_a_channel_may_be_open_where_the_rest_is_shut(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [say("ok")], access=rules(C1=PlaceRules(start=("everyone",)))) as kit:
        assert await may(kit, ANN)
        assert not await may(kit, replace(ANN, place="slack:T1:C2"), "slack:T1:C2:1.5")


async def test_outsiders_stay_out_even_when_an_admin_let_them_in_before(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [say("ok")]) as kit:
        await kit.access.admit(ANN.person_id, "Ann", Role.ADMIN)
        assert await kit.service.role(ANN) is Role.ADMIN
        assert await kit.service.role(replace(ANN, standing=Standing.GUEST)) is Role.MEMBER
        assert await kit.service.role(replace(ANN, standing=Standing.OUTSIDER)) is Role.STRANGER


async def test_people_of_a_channel_see_and_steer_what_happens_there(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [PLAN, say("ok")], access=rules("everyone")) as kit:
        task_id = await start(kit, ANN)
        assert (await kit.service.view(BEN, task_id)).request == "work"
        assert await kit.service.stop(BEN, task_id)
        with pytest.raises(NotFound):
            await kit.service.view(replace(BEN, place="slack:T1:C2"), task_id)


@pytest.mark.parametrize(
    ("decide", "actor", "allowed"),
    [
        (("requester",), ANN, True),
        (("requester",), BEN, False),
        (("slack:T1:SLEADS",), LEAD, True),
        (("slack:T1:SLEADS",), ANN, False),
        (("everyone",), BEN, True),
        (("requester", "slack:T1:UBEN"), BEN, True),
        (("everyone",), replace(BEN, standing=Standing.GUEST), False),
        (("slack:T1:UBEN",), replace(BEN, standing=Standing.OUTSIDER), False),
    ],
)
@pytest.mark.promise("members-only")
async def test_who_may_decide(tmp_path: Path, decide: tuple[str, ...], actor: Actor, allowed: bool) -> None:
    async with open_kit(tmp_path, [PLAN, say("ok")], access=rules("everyone", decide=decide)) as kit:
        task_id = await start(kit, ANN)
        (ask,) = (await kit.service.view(OWNER, task_id)).pending
        if allowed:
            assert (await kit.service.answer(actor, ask.ask_id, 1, "approve", via="emoji")).won
        else:
            with pytest.raises((NotAllowed, NotFound)):
                await kit.service.answer(actor, ask.ask_id, 1, "approve", via="emoji")
            assert (await kit.service.view(OWNER, task_id)).pending == (ask,)


async def test_a_stranger_asks_and_an_admin_lets_them_in_once(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [say("ok")]) as kit:
        asked = await kit.service.request_access(ANN)
        assert asked is not None
        assert await kit.service.request_access(ANN) is None
        with pytest.raises(NotAllowed):
            await kit.service.decide_access(BEN, asked.request_id, allow=True)
        await kit.service.decide_access(OWNER, asked.request_id, allow=True)
        assert await kit.service.role(ANN) is Role.MEMBER
        with pytest.raises(Refused):
            await kit.service.decide_access(OWNER, asked.request_id, allow=False)
        assert await may(kit, ANN)


@pytest.mark.parametrize("standing", [Standing.OUTSIDER, Standing.BOT])
async def test_those_nobody_can_let_in_may_not_ask(tmp_path: Path, standing: Standing) -> None:
    async with open_kit(tmp_path, [say("ok")]) as kit:
        with pytest.raises(NotAllowed):
            await kit.service.request_access(replace(ANN, standing=standing))
