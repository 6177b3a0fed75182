"""A platform that is slow, down or refuses, and two processes: nothing is lost or doubled, nobody waits for others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.domain.errors import Refused
from bot.cards import Card, CardKind, CardState
from bot.feed.conversation import ORDER_WAIT_S
from bot.feed.patience import FAULTS_BORNE, persist
from bot.surface import SurfaceDown, SurfaceRefused
from tests.fakes.surface import ABILITIES, MemorySurface, Trap
from tests.kit import open_kit, say
from tests.store.databases import fresh_database
from tests.store.tasks import HandClock
from tests.surfaces.feeding import (
    ANN,
    BELL,
    HAND,
    JOB,
    LINGER,
    OTHER,
    PLAN,
    THREAD,
    QuickClock,
    Watched,
    open_scene,
)

DOWN = SurfaceDown("Slack does not answer.")
STEPS = [LINGER] * 12


@pytest.mark.parametrize("after", [False, True], ids=["not done", "reply lost"])
@pytest.mark.parametrize("method", ["post", "edit", "send_files", "find"])
async def test_a_platform_that_fails_for_a_while_shows_everything_once_in_the_end(
    tmp_path: Path, method: str, after: bool
) -> None:
    async with open_scene(tmp_path, JOB) as it, it.feed(surface := MemorySurface(it.chat)):
        surface.fail(method, DOWN, after=after, times=2)
        task = await it.start("Write the report")
        await it.caught_up(task)
        surface.fail(method, DOWN, after=after, times=2)
        async with it.at_work(it.decide(task, "approve")):
            await it.until(lambda: "▶ 1." in it.chat.of(THREAD)[-1].text)
        await it.caught_up(task)
        surface.fail(method, DOWN, after=after, times=2)
        await it.decide(task, "allow")
        await it.caught_up(task)
        assert [key.partition(":")[0] for key in it.chat.keys(THREAD)] == ["ask", "status", "ask", "files", "result"]
        assert [shown.buttons for shown in it.chat.of(THREAD)[:3]] == [(), (), ()]


async def test_the_pauses_grow_and_are_as_long_as_the_platform_asks(tmp_path: Path) -> None:
    async with open_scene(tmp_path, [say("Done.")]) as it, it.feed(surface := MemorySurface(it.chat)):
        surface.fail("post", DOWN, times=3)
        surface.fail("find", SurfaceDown("Too many requests.", retry_after_s=90), times=1)
        await it.caught_up(await it.start("Write the report"))
        assert it.clock.pauses == [1.0, 90.0, 4.0, 8.0]


async def test_a_slow_status_card_holds_up_nothing_and_ends_as_it_should(tmp_path: Path) -> None:
    script = [LINGER, *STEPS, BELL, HAND, say("Done.")]
    async with open_scene(tmp_path, script) as it, it.feed(surface := MemorySurface(it.chat)):
        async with it.at_work(it.begin("Take many steps")):
            await it.until(lambda: bool(it.chat.messages))
            slow = surface.hold("edit", key="status:")
        await reached(slow)
        await it.until(lambda: any(shown.buttons[:1] == ("Allow once",) for shown in it.chat.messages))
        (task,) = await it.kit.service.tasks(ANN)
        await it.decide(task, "allow")
        await it.until(lambda: f"result:{task.task_id}" in it.chat.keys(THREAD))
        status = it.chat.one(f"status:{task.task_id}")
        assert "Done in" not in status.text
        slow.release.set()
        await it.caught_up(task)
        assert "Done in" in status.text
        assert status.edits == 2


async def test_a_decided_card_that_cannot_be_changed_yet_holds_up_no_question_and_no_result(tmp_path: Path) -> None:
    async with open_scene(tmp_path, JOB) as it, it.feed(surface := MemorySurface(it.chat)):
        task = await it.start("Write the report")
        await it.caught_up(task)
        slow = surface.hold("edit", key="ask:")
        await it.decide(task, "approve")
        await reached(slow)
        await it.until(lambda: any(shown.buttons[:1] == ("Allow once",) for shown in it.chat.messages))
        await it.decide(task, "allow")
        await it.until(lambda: f"result:{task.task_id}" in it.chat.keys(THREAD))
        plan = it.chat.of(THREAD)[0]
        assert plan.buttons != ()
        slow.release.set()
        await it.caught_up(task)
        assert plan.buttons == ()
        assert [shown.buttons for shown in it.chat.of(THREAD) if shown.key.startswith("ask:")] == [(), ()]


@pytest.mark.parametrize("patient", [True, False])
async def test_a_result_waits_a_moment_for_the_first_status_card_that_is_on_its_way(
    tmp_path: Path, patient: bool
) -> None:
    class Waiting(HandClock):
        waits = asyncio.Event()

        async def sleep(self, seconds: float) -> None:
            self.waits.set()
            await super().sleep(seconds)

    clock = Waiting()
    async with (
        open_scene(tmp_path, [LINGER, HAND, say("Done.")]) as it,
        it.feed(surface := MemorySurface(it.chat), clock=clock),
    ):
        slow = surface.hold("post", key="status:")
        async with it.at_work(it.begin("Take your time")):
            await reached(slow)
        await happened(clock.waits)
        assert it.chat.messages == []
        if not patient:
            clock.advance(seconds=ORDER_WAIT_S)
            await it.until(lambda: len(it.chat.messages) == 2)
        slow.release.set()
        (task,) = await it.kit.service.tasks(ANN)
        await it.caught_up(task)
        kinds = [key.partition(":")[0] for key in it.chat.keys(THREAD)]
        assert kinds == (["status", "files", "result"] if patient else ["files", "result", "status"])


async def test_a_status_card_is_edited_no_oftener_than_the_surface_says(tmp_path: Path) -> None:
    abilities = replace(ABILITIES, edit_every_s=10.0)
    async with (
        open_scene(tmp_path, [LINGER, *STEPS, BELL, say("Done.")]) as it,
        it.feed(MemorySurface(it.chat, abilities=abilities), clock=HandClock()),
    ):
        async with it.at_work(it.begin("Take many steps")):
            await it.until(lambda: bool(it.chat.messages))
        (status,) = (shown for shown in it.chat.messages if shown.key.startswith("status:"))
        # It waits for a person now: that is told at once, with whatever else is new.
        await it.until(lambda: "Waiting for a decision" in status.text)
        assert status.edits == 1


async def test_where_every_edit_keeps_the_pace_a_change_of_state_waits_too(tmp_path: Path) -> None:
    class Stopped(HandClock):
        stands = True

        async def sleep(self, seconds: float) -> None:
            if self.stands:
                await super().sleep(seconds)
            else:  # a pause that begins only now is over, too
                self.advance(seconds=seconds)

    abilities = replace(ABILITIES, edit_every_s=10.0, paces_all=True)
    async with (
        open_scene(tmp_path, [LINGER, *STEPS, BELL, say("Done.")]) as it,
        it.feed(MemorySurface(it.chat, abilities=abilities), clock=(clock := Stopped())),
    ):
        async with it.at_work(it.begin("Take many steps")):
            await it.until(lambda: bool(it.chat.messages))
        (status,) = (shown for shown in it.chat.messages if shown.key.startswith("status:"))
        await it.until(lambda: any(shown.key.startswith("ask:") for shown in it.chat.messages))
        assert (status.edits, "Waiting for a decision" in status.text) == (0, False)
        clock.stands = False
        clock.advance(seconds=10.0)
        await it.until(lambda: "Waiting for a decision" in status.text)
        assert status.edits == 1


async def test_a_message_that_can_be_changed_no_more_goes_on_in_a_new_one(tmp_path: Path) -> None:
    async with open_scene(tmp_path, [LINGER, LINGER, BELL, say("Done.")]) as it, it.feed(MemorySurface(it.chat)):
        async with it.at_work(it.begin("Take your time")):
            await it.until(lambda: bool(it.chat.messages))
            (status,) = it.chat.of(THREAD)
            status.used_up = True
        (task,) = await it.kit.service.tasks(ANN)
        await it.caught_up(task)
        assert sorted(key.partition(":")[0] for key in it.chat.keys(THREAD)) == ["ask", "status"]
        status = it.chat.one(f"status:{task.task_id}#2")
        assert ("Waiting" in status.text, status.pinged) == (True, ())
        status.used_up = True
        await it.decide(task, "allow")
        await it.caught_up(task)
        assert "Done in" in it.chat.one(f"status:{task.task_id}#3").text
        posts = await it.mail.posts(task_id=task.task_id)
        assert {post.message_id for post in posts} == {shown.message.message_id for shown in it.chat.messages}


async def test_a_refusing_thread_holds_up_no_other_and_its_requester_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_scene(tmp_path, [PLAN, say("Done.")]) as it, it.feed(surface := MemorySurface(it.chat)):
        it.chat.closed.add(THREAD)
        shut, fine = await it.start("Write the report"), await it.start("Another", thread=OTHER)
        await it.caught_up(shut, fine)
        assert it.chat.keys(THREAD) == []
        assert len(it.chat.keys(OTHER)) == 1
        ((person, card),) = it.chat.whispers
        assert (person, card.title) == (ANN.person_id, "I cannot write in that conversation")
        assert "Invite it again" in str(card.blocks)
        assert "Invite it again" in str([record.__dict__.get("why") for record in caplog.records])
        assert [method for method, _ in surface.calls].count("post") == 2


async def test_a_thread_that_refused_is_tried_again_when_somebody_speaks_in_it(tmp_path: Path) -> None:
    async with open_scene(tmp_path, [PLAN, say("Done.")]) as it, it.feed(surface := MemorySurface(it.chat)):
        it.chat.closed.add(THREAD)
        task = await it.start("Write the report")
        await it.caught_up(task)
        tried = len(surface.calls)
        await it.kit.service.pause(ANN, task.task_id)
        await it.caught_up(task)
        assert surface.calls[tried:] == []
        await it.kit.service.resume(ANN, task.task_id)
        await it.caught_up(task)
        assert surface.calls[tried:] == [("post", f"ask:{(await it.kit.pending(task)).ask_id}")]
        it.chat.closed.clear()
        await it.kit.service.steer(ANN, task.task_id, "I invited you", inbox_id="m2")
        await it.kit.work()
        await it.caught_up(task)
        assert it.chat.of(THREAD)[-1].buttons == ("Change something",)
        assert len(it.chat.whispers) == 1


async def test_a_message_that_somebody_removed_is_left_until_a_person_acts(tmp_path: Path) -> None:
    async with open_scene(tmp_path, JOB) as it, it.feed(surface := MemorySurface(it.chat)):
        task = await it.start("Write the report")
        async with it.at_work(it.decide(task, "approve")):
            await it.until(lambda: len(it.chat.messages) == 2)
            it.chat.messages.clear()
        await it.caught_up(task)
        assert surface.calls.count(("edit", "")) == 1
        await it.decide(task, "allow")
        await it.caught_up(task)
        assert [key.partition(":")[0] for key in it.chat.keys(THREAD)] == ["ask", "files", "result"]
        assert it.chat.whispers == []


async def test_files_that_the_platform_refuses_are_told_in_the_result(tmp_path: Path) -> None:
    async with open_scene(tmp_path, [HAND, say("Done.")]) as it, it.feed(surface := MemorySurface(it.chat)):
        surface.fail("send_files", SurfaceRefused("Uploads are switched off here."))
        task = await it.start("Write the report")
        await it.caught_up(task)
        (result,) = (shown for shown in it.chat.messages if shown.key.startswith("result:"))
        assert "report.xlsx" in result.text
        assert "could not be sent here" in result.text


async def test_a_sign_of_presence_that_fails_stops_nothing_and_the_last_one_is_tried_again(tmp_path: Path) -> None:
    async with open_scene(tmp_path, [PLAN, say("Done.")]) as it, it.feed(surface := MemorySurface(it.chat)):
        surface.fail("presence", DOWN, key="w", times=10)
        surface.fail("presence", DOWN, key="ended", times=2)
        task = await it.start("Write the report")
        await it.decide(task, "approve")
        await it.caught_up(task)
        assert it.chat.presences == [(THREAD, "ended")]


async def test_a_feed_that_lost_its_lead_stops_and_takes_it_again(tmp_path: Path) -> None:
    leads: list[asyncio.Event] = []

    class Losing(Watched):
        @asynccontextmanager
        async def leader(self, name: str) -> AsyncGenerator[asyncio.Event]:
            assert name == "feed:slack:T1"
            leads.append(asyncio.Event())
            yield leads[-1]

    async with (
        open_scene(tmp_path, [say("Done.")]) as it,
        it.feed(surface := MemorySurface(it.chat), mailbox=Losing),
    ):
        slow = surface.hold("post")
        task = await it.start("Write the report")
        await reached(slow)
        leads[0].set()
        await it.caught_up(task)
        assert (len(leads), len(it.chat.messages)) == (2, 1)
        calls = [call for call in surface.calls if call[0] != "presence"]
        assert calls == [("post", key := f"result:{task.task_id}"), ("find", key), ("post", key)]


async def test_a_fault_in_one_thread_is_logged_and_stops_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_scene(tmp_path, [say("Done.")]) as it, it.feed(surface := MemorySurface(it.chat)):
        surface.fail("post", RuntimeError("a bug"), key="result:", times=FAULTS_BORNE - 1)
        broken, fine = await it.start("Write the report"), await it.start("Another", thread=OTHER)
        await it.caught_up(fine, broken)
        logged = [record for record in caplog.records if record.__dict__.get("action") == "feed_failed"]
        assert len(logged) == FAULTS_BORNE - 1
        assert all(record.exc_info for record in logged)


async def test_what_a_fault_kept_back_is_shown_by_the_next_feed(tmp_path: Path) -> None:
    async with open_scene(tmp_path, [say("Done.")]) as it:
        async with it.feed(surface := MemorySurface(it.chat)):
            trap = surface.fail("post", RuntimeError("a bug"), key="result:", times=1_000)
            broken = await it.start("Write the report")
            await reached(trap)
        assert it.chat.messages == []
        async with it.feed(MemorySurface(it.chat)):
            await it.caught_up(broken)
        assert it.chat.keys(THREAD) == [f"result:{broken.task_id}"]


async def test_a_full_or_broken_database_ends_no_feed(tmp_path: Path) -> None:
    """Whatever the feed itself meets, it begins again, from what is written."""
    failures = [Refused("The disk is full.")]

    class Failing(Watched):
        async def behind(self, surface: str) -> tuple[str, ...]:
            if failures:
                raise failures.pop()
            return await super().behind(surface)

    async with open_scene(tmp_path, [say("Done.")]) as it:
        task = await it.start("Write the report")
        async with it.feed(MemorySurface(it.chat), mailbox=Failing):
            await it.caught_up(task)
        assert failures == []


async def test_a_step_that_is_at_fault_every_time_is_left_alone() -> None:
    tries: list[int] = []

    async def step() -> None:
        tries.append(1)
        raise RuntimeError("a bug")

    clock = QuickClock()
    assert not await persist(clock, "t_1", step)
    assert (len(tries), clock.pauses) == (FAULTS_BORNE, [1.0, 2.0, 4.0, 8.0])


async def test_a_notice_whose_reply_was_lost_is_found_and_not_posted_again(tmp_path: Path) -> None:
    card = Card(key="notice", kind=CardKind.NOTICE, state=CardState.WAITING, title="Ben wants in")
    async with open_scene(tmp_path, []) as it, it.feed(surface := MemorySurface(it.chat)) as feed:
        surface.fail("post", DOWN, after=True)
        with pytest.raises(SurfaceDown):
            await feed.say(THREAD, card, key="access:r1")
        message = await feed.say(THREAD, card, key="access:r1")
        (shown,) = it.chat.of(THREAD)
        assert shown.message == message


@pytest.mark.postgres
async def test_of_two_processes_one_feeds_and_the_other_takes_over(tmp_path: Path) -> None:
    with fresh_database("postgresql", tmp_path) as database:
        async with (
            open_scene(tmp_path, [LINGER, BELL, say("Done.")], database=database) as it,
            open_kit(tmp_path, [], database=database) as beside,
            AsyncExitStack() as first_life,
        ):
            first, second = MemorySurface(it.chat), MemorySurface(it.chat)
            await first_life.enter_async_context(it.feed(first))
            async with it.at_work(it.begin("Take your time")):
                await it.until(lambda: bool(it.chat.messages))
            async with it.feed(second, kit=beside):
                (task,) = await it.kit.service.tasks(ANN)
                await it.caught_up(task)
                assert second.calls == []
                await first_life.aclose()
                calls = len(first.calls)
                await it.decide(task, "allow")
                await it.caught_up(task)
            assert (len(first.calls), second.calls != []) == (calls, True)
            assert [key.partition(":")[0] for key in it.chat.keys(THREAD)] == ["status", "ask", "result"]


async def reached(trap: Trap) -> None:
    """Wait until a call has run into it."""
    await happened(trap.reached)


async def happened(event: asyncio.Event) -> None:
    """Wait for it."""
    async with asyncio.timeout(30):
        await event.wait()
