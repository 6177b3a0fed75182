"""While a task waits nobody holds anything for it, and what people decide while no worker is up counts."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from pathlib import Path

import pytest

from agent.domain.events import AskAnswered
from agent.domain.people import Role
from agent.domain.task import Status
from agent.engine import LocalDispatcher
from agent.ports.clock import SystemClock
from agent.sandbox.memory import MemoryHost
from agent.service import Access
from tests.crash.cradle import Cradle
from tests.crash.job import STEPS, open_office
from tests.crash.places import Place, Places
from tests.crash.script import bell
from tests.kit import MEMBER, OWNER, THREAD, call, open_kit, say

BELL_ASKED = 4
"""The step at which a click on the bell's card is due."""
LAST = STEPS - 1


@pytest.fixture(scope="module")
def cradle() -> Generator[Cradle]:
    with Cradle() as cradle:
        yield cradle


@pytest.fixture
def places(tmp_path: Path) -> Generator[Places]:
    with Places("sqlite", tmp_path) as places:
        yield places


@pytest.fixture
def place(cradle: Cradle, places: Places) -> Place:
    """The bell's card is open, and no process runs."""
    place = places.fresh()
    for step in range(BELL_ASKED):
        cradle.run(place.job(step))
    return place


def rings(place: Place) -> int:
    rung = place.job(0).rung
    return len(rung.read_text(encoding="utf-8").splitlines()) if rung.exists() else 0


async def test_waiting_task_holds_no_sandbox_and_no_coroutine(tmp_path: Path) -> None:
    root = tmp_path / "sandboxes"
    script = [call("write", path="a.txt", content="x"), call("ring_bell", who="ana"), say("ok")]
    ring_bell = bell(tmp_path / "rung.txt", 0.0)
    async with open_kit(tmp_path, script, tools=(ring_bell,), sandboxes=MemoryHost(root)) as kit:
        dispatcher = LocalDispatcher(kit.journal, worker_id="w", clock=SystemClock())
        await dispatcher.start(kit.loop.run_segment)
        idle = asyncio.all_tasks()
        task = await kit.service.start(OWNER, THREAD, "ring", inbox_id="m1")
        async with asyncio.timeout(5):
            async for _ in kit.journal.changes(task.task_id):
                if (await kit.service.task(OWNER, task.task_id)).status is Status.WAITING:
                    break
            while started := asyncio.all_tasks() - idle:
                await asyncio.wait(started)
        assert (await kit.pending(task)).prompt == "Ring the bell for ana"
        assert list(root.iterdir()) == []
        await dispatcher.stop()


async def test_click_while_no_worker_is_up_counts_after_the_restart(cradle: Cradle, place: Place) -> None:
    async with open_office(place.job(BELL_ASKED)) as office:
        assert (await office.press()).won
        assert rings(place) == 0
        await asyncio.to_thread(cradle.run, place.job(LAST))
        assert (await office.view()).status is Status.FINISHED
    assert rings(place) == 1


async def test_denial_while_no_worker_is_up_counts_after_the_restart(cradle: Cradle, place: Place) -> None:
    async with open_office(place.job(BELL_ASKED)) as office:
        ask = (await office.view()).asks[-1].ask
        await office.service.answer(OWNER, ask.ask_id, ask.revision, "deny", via="button")
        await asyncio.to_thread(cradle.run, place.job(LAST))
        view = await office.view()
    assert (view.status, view.denied) == (Status.FINISHED, ("Ring the bell for ana",))
    assert rings(place) == 0


async def test_two_clicks_count_once_and_the_late_one_learns_who_decided(cradle: Cradle, place: Place) -> None:
    async with open_office(place.job(BELL_ASKED)) as office:
        await Access(office.journal, SystemClock()).admit(MEMBER.person_id, MEMBER.name, Role.ADMIN)
        ask = (await office.view()).asks[-1].ask
        first = await office.press()
        again = await office.press()
        late = await office.service.answer(MEMBER, ask.ask_id, ask.revision, "deny", via="button")
        assert [d.won for d in (first, again, late)] == [True, False, False]
        assert again.answer == late.answer == first.answer
        assert late.answer is not None
        assert (late.answer.by, late.answer.choice) == (OWNER.person_id, "allow")
        await asyncio.to_thread(cradle.run, place.job(LAST))
        assert not (await office.press()).won
        events = await office.service.events(OWNER, ask.task_id)
    assert sum(isinstance(e, AskAnswered) and e.answer.ask_id == ask.ask_id for e in events) == 1
    assert rings(place) == 1


def test_call_cut_off_in_the_middle_is_reported_unknown_and_not_repeated(
    cradle: Cradle, places: Places, place: Place
) -> None:
    """Two points have to say so: right after the beginning was written down, and right before the result is."""
    cradle.run(place.job(BELL_ASKED))
    seen: list[tuple[bool, int]] = []
    for crash in ("2:after", "3:before", "3:after", "4:before", "4:after"):
        life = places.copy(place)
        assert cradle.run(life.job(LAST, crash=crash)).killed
        verdict = cradle.run(life.job(LAST, finish=True)).verdict
        assert verdict.faults == []
        seen.append((verdict.unknown, rings(life)))
    assert seen == [(False, 1), (False, 1), (True, 0), (True, 1), (False, 1)]
