"""The contract of `agent.ports.journal`, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.domain.calls import CallState
from agent.domain.errors import Bug, Fenced, NotFound, Refused
from agent.domain.events import PlanProposed, TaskCancelled, TaskPaused, UnknownEvent
from agent.domain.files import WorkFile
from agent.domain.people import Role
from agent.domain.task import Feedback, Status
from agent.ports.journal import (
    KeepWorkspace,
    MoveCall,
    PersonRecord,
    Record,
    SetStatus,
    TakeInbox,
)
from agent.store import SqlJournal
from tests.store.tasks import (
    NOON,
    THREAD,
    HandClock,
    answer,
    call,
    call_ask,
    narrated,
    plan,
    queue,
    record,
    say,
    start,
    steer,
    task,
    thread,
    wait_for,
)


async def status(journal: SqlJournal, task_id: str) -> Status:
    found = await journal.task(task_id)
    assert found is not None
    return found.status


# -- people, threads, tasks


async def test_people_are_kept_changed_and_forgotten(journal: SqlJournal) -> None:
    ann = PersonRecord(person_id="web:ann", name="Ann", role=Role.MEMBER, since=NOON)
    bob = PersonRecord(person_id="web:bob", name="Bob", role=Role.ADMIN, since=NOON - timedelta(days=1))
    await journal.put_person(ann)
    await journal.put_person(bob)
    assert await journal.people() == (bob, ann)
    promoted = PersonRecord(person_id="web:ann", name="Ann", role=Role.ADMIN, since=NOON)
    await journal.put_person(promoted)
    assert await journal.person("web:ann") == promoted
    await journal.remove_person("web:ann")
    assert await journal.person("web:ann") is None


async def test_task_comes_back_as_it_was_stored(journal: SqlJournal) -> None:
    stored = await queue(journal, "t1")
    assert await journal.task("t1") == stored
    assert await journal.thread(THREAD) == thread()
    assert await journal.task("t2") is None


async def test_files_of_a_request_come_back(journal: SqlJournal) -> None:
    file = WorkFile(path="a.csv", size_bytes=3, sha256="a" * 64, media_type="text/csv")
    with_file = replace(task("t1"), files=(file,))
    assert await journal.create_task(with_file, thread(), (), inbox_id="in")
    assert await journal.task("t1") == with_file


async def test_same_message_makes_one_task_and_is_no_steering(journal: SqlJournal) -> None:
    await queue(journal, "t1")
    assert not await journal.create_task(task("t2"), thread(), (), inbox_id="in:t1")
    assert await journal.task("t2") is None
    assert not await journal.receive(steer("t1", "in:t1"))


async def test_of_tasks_that_want_a_thread_alone_one_begins_at_a_time(journal: SqlJournal) -> None:
    async def begin(task_id: str) -> bool:
        return await journal.create_task(task(task_id), thread(), (), inbox_id=f"in:{task_id}", alone=True)

    begun = await asyncio.gather(begin("t1"), begin("t2"), begin("t3"), return_exceptions=True)
    assert [one for one in begun if one is True] == [True]
    assert len([one for one in begun if isinstance(one, Refused)]) == 2
    (first,) = await journal.tasks()
    assert await journal.move(first.task_id, Status.CANCELLED)
    assert not await journal.create_task(task("t4"), thread(), (), inbox_id=f"in:{first.task_id}", alone=True)
    assert await begin("t5")


async def test_tasks_and_threads_are_listed_newest_first(journal: SqlJournal) -> None:
    for minute, task_id in enumerate(("t1", "t2", "t3")):
        await queue(journal, task_id, THREAD if task_id != "t2" else "web:local::2", minute=minute)
    assert [t.task_id for t in await journal.tasks()] == ["t3", "t2", "t1"]
    assert [t.task_id for t in await journal.tasks(thread_id=THREAD)] == ["t3", "t1"]
    assert [t.task_id for t in await journal.tasks(limit=1)] == ["t3"]
    assert await journal.tasks(person_id="web:bob") == ()
    assert {t.thread_id for t in await journal.threads(owner_id="web:ann")} == {THREAD, "web:local::2"}


async def test_words_that_no_database_takes_do_not_stop_a_task(journal: SqlJournal) -> None:
    odd = "nul \0 and half a pair \ud83d and 💡"
    assert await journal.create_task(replace(task("t1"), request=odd), thread(), (narrated("t1", odd),), inbox_id="i")
    found = await journal.task("t1")
    assert found is not None
    assert found.request == "nul \ufffd and half a pair \ufffd and 💡"
    (event,) = await journal.events("t1")
    assert event.text == odd


# -- events


async def test_events_are_numbered_without_gaps_whoever_writes(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")

    async def segment() -> None:
        for number in range(10):
            await journal.commit(fence, record("t1", f"s{number}", f"s{number}b"))

    async def front() -> None:
        for number in range(10):
            await journal.receive(steer("t1", f"i{number}"), narrated("t1", f"f{number}"))

    await asyncio.gather(segment(), front())
    events = await journal.events("t1")
    assert [event.seq for event in events] == list(range(1, 32))
    assert [event.seq for event in await journal.events("t1", after=29)] == [30, 31]
    assert [event.seq for event in await journal.events("t1", after=3, limit=2)] == [4, 5]


async def test_fact_of_a_newer_version_is_kept_as_it_is(journal: SqlJournal) -> None:
    newer = UnknownEvent(task_id="t1", at=NOON, original_kind="Applauded", body={"by": "web:ann"})
    fence = await start(journal, "t1")
    await journal.commit(fence, Record((newer,)))
    assert (await journal.events("t1", after=1))[0] == UnknownEvent(
        task_id="t1", at=NOON, seq=2, original_kind="Applauded", body={"by": "web:ann"}
    )


async def test_event_of_another_task_is_a_bug_and_nothing_is_written(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    with pytest.raises(Bug):
        await journal.commit(fence, record("t1", "mine"), record("t2", "not mine"))
    assert len(await journal.events("t1")) == 1


# -- claim and fence


async def test_oldest_task_is_claimed_first_and_raises_the_epoch(journal: SqlJournal) -> None:
    await queue(journal, "young", "web:local::1", minute=2)
    await queue(journal, "old", "web:local::2", minute=1)
    first = await journal.claim("w1", NOON)
    assert first is not None
    assert (first.task_id, first.epoch) == ("old", 1)
    second = await journal.claim("w1", NOON)
    assert second is not None
    assert second.task_id == "young"
    assert await journal.claim("w1", NOON) is None


async def test_one_thread_runs_one_task(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await queue(journal, "t2", minute=1)
    assert await journal.claim("w1", NOON) is None
    await journal.commit(fence, SetStatus(status=Status.FINISHED))
    next_one = await journal.claim("w1", NOON)
    assert next_one is not None
    assert next_one.task_id == "t2"


async def test_many_claims_at_once_take_each_task_once(journal: SqlJournal) -> None:
    for number in range(6):
        await queue(journal, f"t{number}", f"web:local::{number % 3}", minute=number)
    fences = await asyncio.gather(*(journal.claim("w1", NOON) for _ in range(8)))
    assert sorted(fence.task_id for fence in fences if fence) == ["t0", "t1", "t2"]


async def test_task_without_a_plan_is_planning_and_with_one_running(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    assert await status(journal, "t1") is Status.PLANNING
    await journal.commit(fence, Record((PlanProposed(task_id="t1", at=NOON, plan=plan(1)),)))
    await journal.commit(fence, SetStatus(status=Status.QUEUED))
    assert await journal.claim("w1", NOON)
    assert await status(journal, "t1") is Status.RUNNING


async def test_task_that_waits_for_a_time_is_claimed_after_it(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    later = NOON + timedelta(minutes=5)
    await journal.commit(fence, SetStatus(status=Status.QUEUED, not_before=later))
    assert await journal.next_due() == later
    assert await journal.claim("w1", NOON) is None
    assert await journal.claim("w1", later)
    assert await journal.next_due() is None


async def test_words_of_a_person_end_the_waiting_for_a_time(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await journal.commit(fence, SetStatus(status=Status.QUEUED, not_before=NOON + timedelta(hours=1)))
    await journal.receive(steer("t1", "i1"))
    assert await journal.claim("w1", NOON)


@pytest.mark.parametrize("move", [Status.PAUSED, Status.CANCELLED, Status.FAILED, Status.QUEUED])
async def test_segment_writes_nothing_after_a_move_from_outside(journal: SqlJournal, move: Status) -> None:
    fence = await start(journal, "t1")
    if move is Status.FAILED:
        await journal.commit(fence, SetStatus(status=Status.WAITING))
    assert await journal.move("t1", move)
    with pytest.raises(Fenced):
        await journal.commit(fence, record("t1", "late"))
    with pytest.raises(Fenced):
        await journal.load(fence)
    with pytest.raises(Fenced):
        await journal.inbox(fence)
    assert len(await journal.events("t1")) == 1


async def test_segment_of_an_older_claim_is_fenced(journal: SqlJournal) -> None:
    old = await start(journal, "t1")
    assert await journal.release_all() == 1
    new = await journal.claim("w2", NOON)
    assert new is not None
    assert new.epoch > old.epoch
    with pytest.raises(Fenced):
        await journal.commit(old, record("t1", "zombie"))
    assert await journal.commit(new, record("t1", "alive"))


async def test_parked_segment_is_fenced(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await wait_for(journal, fence)
    with pytest.raises(Fenced):
        await journal.commit(fence, record("t1", "late"))


async def test_nothing_is_left_to_release_but_what_runs(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await wait_for(journal, fence)
    await queue(journal, "t2", "web:local::2")
    assert await journal.release_all() == 0


async def test_takeover_is_told_to_the_running_segment(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    told = asyncio.create_task(journal.taken_over(fence))
    await journal.commit(fence, record("t1", "still at it"))
    assert not told.done()
    await journal.move("t1", Status.PAUSED)
    async with asyncio.timeout(5):
        await told


# -- moves from outside


async def test_ended_task_is_not_moved_again(journal: SqlJournal) -> None:
    await queue(journal, "t1")
    cancelled = TaskCancelled(task_id="t1", at=NOON, by="web:ann")
    assert await journal.move("t1", Status.CANCELLED, cancelled)
    ended = await journal.task("t1")
    assert ended is not None
    assert ended.ended_at == NOON
    assert not await journal.move("t1", Status.CANCELLED, cancelled)
    assert not await journal.move("t1", Status.QUEUED)
    assert not await journal.receive(steer("t1", "i1"))
    assert len(await journal.events("t1")) == 2


async def test_paused_task_is_not_paused_twice(journal: SqlJournal) -> None:
    await queue(journal, "t1")
    paused = TaskPaused(task_id="t1", at=NOON, by="web:ann")
    assert await journal.move("t1", Status.PAUSED, paused)
    assert not await journal.move("t1", Status.PAUSED, paused)
    assert len(await journal.events("t1")) == 2


async def test_moving_an_unknown_task_says_so(journal: SqlJournal) -> None:
    with pytest.raises(NotFound):
        await journal.move("nobody", Status.PAUSED)
    with pytest.raises(NotFound):
        await journal.receive(steer("nobody", "i1"))


# -- inbox


async def test_item_that_arrives_twice_is_once(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    item = steer("t1", "i1")
    both = await asyncio.gather(journal.receive(item, narrated("t1", "a")), journal.receive(item, narrated("t1", "a")))
    assert sorted(both) == [False, True]
    assert await journal.inbox(fence) == (item,)
    assert len(await journal.events("t1")) == 2


async def test_unread_item_keeps_a_segment_from_parking_or_ending(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await journal.receive(steer("t1", "i1"))
    for end in (Status.WAITING, Status.FINISHED, Status.FAILED):
        assert not await journal.commit(fence, record("t1", "unseen"), SetStatus(status=end))
    assert len(await journal.events("t1")) == 1
    assert await journal.commit(fence, TakeInbox(("i1",)), SetStatus(status=Status.FINISHED))


async def test_item_the_segment_has_seen_may_stay_for_later(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await journal.receive(steer("t1", "i1"))
    await journal.receive(steer("t1", "i2"))
    assert not await journal.commit(fence, SetStatus(status=Status.WAITING, seen=("i1",)))
    assert await journal.commit(fence, SetStatus(status=Status.WAITING, seen=("i1", "i2")))


async def test_items_are_read_oldest_first(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    for name in ("z", "a", "m"):
        await journal.receive(steer("t1", name))
    await journal.commit(fence, TakeInbox(("a",)))
    assert [item.inbox_id for item in (await journal.load(fence)).inbox] == ["z", "m"]


async def test_item_wakes_a_waiting_task_and_leaves_a_paused_one(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await wait_for(journal, fence)
    await journal.receive(steer("t1", "i1"))
    assert await status(journal, "t1") is Status.QUEUED
    await journal.move("t1", Status.PAUSED)
    assert await journal.receive(steer("t1", "i2"))
    assert await status(journal, "t1") is Status.PAUSED
    await journal.move("t1", Status.QUEUED)
    again = await journal.claim("w1", NOON)
    assert again is not None
    assert [item.inbox_id for item in await journal.inbox(again)] == ["i1", "i2"]


# -- all or nothing


async def test_one_bad_write_undoes_the_others(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    with pytest.raises(Bug):
        await journal.commit(
            fence,
            record("t1", "never"),
            KeepWorkspace(thread_id=THREAD, snapshot="never"),
            MoveCall(call_id="unknown", state=CallState.DONE),
        )
    state = await journal.load(fence)
    assert state.thread.snapshot == ""
    assert len(await journal.events("t1")) == 1
    assert await journal.commit(fence, record("t1", "goes on"))


async def test_commit_whose_caller_went_away_is_whole(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    commit = asyncio.create_task(journal.commit(fence, record("t1", "a", "b"), SetStatus(status=Status.FINISHED)))
    await asyncio.sleep(0)
    commit.cancel()
    with pytest.raises(asyncio.CancelledError):
        await commit
    async with asyncio.timeout(5):
        async for _ in journal.changes("t1"):
            if await status(journal, "t1") is Status.FINISHED:
                break
    assert [event.seq for event in await journal.events("t1")] == [1, 2, 3]


# -- wake-ups


async def test_new_work_rings(journal: SqlJournal) -> None:
    bell = journal.runnable()
    async with asyncio.timeout(5):
        await anext(bell)
        await queue(journal, "t1")
        await anext(bell)
        fence = await journal.claim("w1", NOON)
        assert fence is not None
        await wait_for(journal, fence, call_ask("a1", "t1"))
        await journal.decide(answer("a1", "allow"), None)
        while await journal.claim("w1", NOON) is None:
            await anext(bell)


async def test_follower_misses_no_event(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    seen: list[int] = []

    async def follow() -> None:
        async for _ in journal.changes("t1"):
            after = seen[-1] if seen else 0
            seen.extend(event.seq for event in await journal.events("t1", after=after))
            if seen and seen[-1] == 21:
                return

    async with asyncio.timeout(5):
        follower = asyncio.create_task(follow())
        for number in range(20):
            await journal.commit(fence, record("t1", str(number)))
        await follower
    assert seen == list(range(1, 22))


async def test_closing_ends_the_waiting(database: str, tmp_path: Path, clock: HandClock) -> None:
    journal = await SqlJournal.open(database, tmp_path, clock)

    async def follow() -> None:
        async for _ in journal.changes("t1"):
            pass

    follower = asyncio.create_task(follow())
    await asyncio.sleep(0)
    await journal.close()
    async with asyncio.timeout(5):
        await follower


async def test_feedback_of_a_person_is_replaced_by_their_next_and_never_by_an_older_one(journal: SqlJournal) -> None:
    first = Feedback(task_id="t1", person_id="web:ann", good=True, at=NOON)
    second = replace(first, good=False, at=NOON + timedelta(minutes=2))
    other = replace(first, person_id="web:bob", at=NOON + timedelta(minutes=1))
    for each in (first, second, other, first):
        await journal.put_feedback(each)
    assert await journal.feedback() == (second, other)
    assert await journal.feedback(limit=1) == (second,)


async def test_second_worker_is_refused_until_the_first_ends(journal: SqlJournal) -> None:
    async with journal.sole_worker():
        with pytest.raises(Refused, match="worker"):
            async with journal.sole_worker():
                pass
    async with journal.sole_worker():
        assert await journal.claim("w1", NOON) is None


async def test_journal_is_there_again_after_closing(database: str, tmp_path: Path, clock: HandClock) -> None:
    first = await SqlJournal.open(database, tmp_path, clock)
    fence = await start(first, "t1")
    await say(first, fence, 1, "one", call("c1", "t1", seq=1))
    before = await first.load(fence)
    await first.close()
    second = await SqlJournal.open(database, tmp_path, clock)
    assert await second.load(fence) == before
    await second.close()
