"""The contract of `agent.ports.mail`, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.domain.errors import NotFound
from agent.domain.task import Status
from agent.ports.mail import AccessRequest, Arrival, Mail, Post
from agent.store import SqlJournal
from tests.store.tasks import NOON, THREAD, HandClock, narrated, queue, record, start, steer

OTHER = "slack:T1:C1:2"
POSTGRES = pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
"""SQLite has one process only."""


@pytest.fixture
def mail(journal: SqlJournal) -> Mail:
    return journal.mail


@pytest.fixture
async def elsewhere(database: str, journal: SqlJournal, tmp_path: Path, clock: HandClock) -> AsyncGenerator[SqlJournal]:
    """A second journal on the same database, as another process has it."""
    opened = await SqlJournal.open(database, tmp_path, clock)
    yield opened
    await opened.close()


def arrival(name: str, lane: str = THREAD, *, twin: str = "", urgent: bool = False, surface: str = "slack") -> Arrival:
    return Arrival(
        arrival_id=f"{surface}:ev:{name}",
        twin=twin,
        surface=surface,
        lane=lane,
        kind="message",
        body=f'{{"text":"{name}"}}',
        at=NOON,
        urgent=urgent,
    )


async def take_in(mail: Mail, *arrivals: Arrival) -> None:
    for each in arrivals:
        assert await mail.take_in(each)


async def claimed(mail: Mail, owner: str = "w1", *, limit: int = 10, surface: str = "slack") -> list[str]:
    return [a.arrival_id.rpartition(":")[2] for a in await mail.claim(surface, owner, limit=limit)]


def post(key: str, thread_id: str = THREAD, *, task_id: str = "", minute: int = 0) -> Post:
    return Post(key=key, surface="slack", thread_id=thread_id, task_id=task_id, at=NOON + timedelta(minutes=minute))


# -- taken in once


async def test_delivery_comes_back_as_it_was_taken_in(mail: Mail) -> None:
    odd = replace(arrival("a", twin="slack:msg:1", urgent=True), body='{"text":"💡 é \\u0000 \\ud83d"}')
    assert await mail.take_in(odd)
    assert await mail.claim("slack", "w1", limit=1) == (replace(odd, tries=1),)


async def test_delivery_that_comes_again_is_stored_once(mail: Mail) -> None:
    results = await asyncio.gather(*(mail.take_in(arrival("a")) for _ in range(4)))
    assert sorted(results) == [False, False, False, True]
    assert await claimed(mail) == ["a"]


async def test_mention_and_message_of_one_text_are_one(mail: Mail) -> None:
    assert await mail.take_in(arrival("mention", twin="slack:msg:C1:1"))
    assert not await mail.take_in(arrival("message", twin="slack:msg:C1:1"))
    assert await mail.take_in(arrival("later", twin="slack:msg:C1:2"))
    assert await mail.take_in(arrival("click"))
    assert await mail.take_in(arrival("command"))


async def test_ended_delivery_is_still_known(mail: Mail) -> None:
    await take_in(mail, arrival("a", twin="t"), arrival("b", OTHER))
    await mail.claim("slack", "w1", limit=10)
    await mail.settle("slack:ev:a", "w1")
    await mail.give_up("slack:ev:b", "w1", why="broken")
    for again in (arrival("a"), arrival("c", twin="t"), arrival("b")):
        assert not await mail.take_in(again)
    assert await mail.next_due("slack") is None


# -- claimed in order


async def test_lane_is_worked_in_order_and_one_at_a_time(mail: Mail) -> None:
    await take_in(mail, arrival("a1"), arrival("b1", OTHER), arrival("a2"), arrival("b2", OTHER))
    assert await claimed(mail) == ["a1", "b1"]
    assert await claimed(mail, "w2") == []
    await mail.settle("slack:ev:a1", "w1")
    assert await claimed(mail, "w2") == ["a2"]
    await mail.give_up("slack:ev:b1", "w1", why="broken")
    assert await claimed(mail, "w2") == ["b2"]


async def test_without_a_lane_there_is_no_order(mail: Mail) -> None:
    await take_in(mail, *(arrival(name, "") for name in "abc"))
    assert await claimed(mail, limit=2) == ["a", "b"]
    assert await claimed(mail) == ["c"]


async def test_urgent_one_goes_first_and_pulls_its_lane_along(mail: Mail) -> None:
    await take_in(mail, arrival("old", ""), arrival("a1"), arrival("click", "", urgent=True))
    await take_in(mail, arrival("a2", urgent=True), arrival("b1", OTHER))
    assert await claimed(mail) == ["a1", "click", "old", "b1"]
    await mail.settle("slack:ev:a1", "w1")
    assert await claimed(mail) == ["a2"]


async def test_urgent_ones_alone_can_be_asked_for(mail: Mail) -> None:
    await take_in(mail, arrival("old", ""), arrival("a1"), arrival("a2", urgent=True))
    await take_in(mail, arrival("b1", OTHER), arrival("click", "", urgent=True))
    got = await mail.claim("slack", "w1", limit=10, urgent_only=True)
    assert [a.arrival_id for a in got] == ["slack:ev:a1", "slack:ev:click"]
    assert await claimed(mail) == ["old", "b1"]


async def test_surfaces_do_not_see_each_others(mail: Mail) -> None:
    await take_in(mail, arrival("a"), arrival("a", surface="discord"))
    assert await claimed(mail, surface="discord") == ["a"]
    assert await mail.claim("web", "w1", limit=1) == ()
    assert await claimed(mail) == ["a"]


async def test_many_claimers_at_once_get_each_one_once(mail: Mail, elsewhere: SqlJournal) -> None:
    await take_in(mail, *(arrival(f"{lane}{number}", lane) for number in range(3) for lane in ("x", "y", "z", "")))
    mails = (mail, elsewhere.mail)
    got = await asyncio.gather(*(claimed(mails[n % 2], f"w{n}", limit=2) for n in range(8)))
    assert sorted(name for batch in got for name in batch) == ["0", "1", "2", "x0", "y0", "z0"]


@POSTGRES
async def test_lane_is_worked_one_at_a_time_by_many_processes(mail: Mail, elsewhere: SqlJournal) -> None:
    sources, per_source = (mail, elsewhere.mail) * 3, 10
    begun: list[str] = []
    at_work = 0
    done = asyncio.Event()

    async def fill(source: Mail, name: str) -> None:
        for number in range(per_source):
            assert await source.take_in(arrival(f"{name}{number}"))

    async def work(source: Mail, owner: str) -> None:
        nonlocal at_work
        async for _ in source.arrived("slack"):
            for each in await source.claim("slack", owner, limit=5):
                at_work += 1
                assert at_work == 1
                begun.append(each.arrival_id.rpartition(":")[2])
                await source.next_due("slack")  # time for the others
                at_work -= 1
                await source.settle(each.arrival_id, owner)
            if len(begun) == len(sources) * per_source:
                done.set()
                return

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        workers = [group.create_task(work(source, f"w{n}")) for n, source in enumerate(sources)]
        for name, source in zip("abcdef", sources, strict=True):
            group.create_task(fill(source, name))
        await done.wait()
        for worker in workers:
            worker.cancel()
    for name in "abcdef":
        assert [s for s in begun if s.startswith(name)] == [f"{name}{number}" for number in range(per_source)]


# -- leases


async def test_lease_that_is_over_hands_the_work_to_another(mail: Mail, clock: HandClock) -> None:
    await take_in(mail, arrival("a1"), arrival("a2"))
    (first,) = await mail.claim("slack", "w1", limit=10, lease_s=60)
    assert await mail.next_due("slack") == NOON + timedelta(seconds=60)
    clock.advance(seconds=59)
    assert await claimed(mail, "w2") == []
    clock.advance(seconds=1)
    (second,) = await mail.claim("slack", "w2", limit=10)
    assert (first.tries, second) == (1, replace(first, tries=2))
    await mail.extend("w1")
    await mail.settle(first.arrival_id, "w1")
    await mail.put_off(first.arrival_id, "w1", until=NOON, why="late")
    await mail.give_up(first.arrival_id, "w1", why="late")
    assert await claimed(mail, "w3") == []
    await mail.settle(first.arrival_id, "w2")
    assert await claimed(mail, "w3") == ["a2"]


async def test_lease_is_extended_as_long_as_the_work_takes(mail: Mail, clock: HandClock) -> None:
    await take_in(mail, arrival("a"), arrival("b", OTHER))
    assert await claimed(mail, "w1", limit=1) == ["a"]
    assert await claimed(mail, "w2", limit=1) == ["b"]
    clock.advance(seconds=50)
    await mail.extend("w1", 60)
    clock.advance(seconds=50)
    assert await claimed(mail, "w3") == ["b"]


async def test_work_put_off_waits_with_its_lane_and_comes_again(mail: Mail, clock: HandClock) -> None:
    await take_in(mail, arrival("a1"), arrival("a2"), arrival("b1", OTHER))
    assert await claimed(mail) == ["a1", "b1"]
    later = NOON + timedelta(seconds=30)
    await mail.put_off("slack:ev:a1", "w1", until=later, why="the platform is busy")
    await mail.settle("slack:ev:b1", "w1")
    assert await claimed(mail) == []
    assert await mail.next_due("slack") == later
    clock.advance(seconds=30)
    (again,) = await mail.claim("slack", "w2", limit=10)
    assert again == replace(arrival("a1"), tries=2)
    assert await mail.next_due("slack") == later + timedelta(seconds=60)


async def test_what_is_due_now_is_said_too(mail: Mail) -> None:
    assert await mail.next_due("slack") is None
    await take_in(mail, arrival("a"))
    assert await mail.next_due("slack") == NOON


async def test_only_process_drops_the_leases_of_the_one_before(mail: Mail) -> None:
    await take_in(mail, arrival("a"), arrival("b", OTHER), arrival("c", ""))
    await mail.claim("slack", "host1:7", limit=1)
    await mail.claim("slack", "Host1:8", limit=1)
    await mail.claim("slack", "host2:7", limit=1)
    assert await mail.free("slack", "host1:") == 1
    assert await claimed(mail) == ["a"]
    assert await mail.free("discord") == 0
    assert await mail.free("slack") == 3
    assert await claimed(mail) == ["a", "b", "c"]


async def test_nothing_is_lost_when_the_process_ends(database: str, tmp_path: Path, clock: HandClock) -> None:
    first = await SqlJournal.open(database, tmp_path, clock)
    await take_in(first.mail, arrival("a1"), arrival("a2"), arrival("b1", OTHER))
    await first.mail.claim("slack", "w1", limit=1)
    await first.mail.intend(post("status:t1"))
    await first.mail.shown("t1", 4)
    await first.close()
    second = await SqlJournal.open(database, tmp_path, clock)
    assert await claimed(second.mail) == ["b1"]
    assert await second.mail.free("slack", "w1") == 2
    assert [a.tries for a in await second.mail.claim("slack", "w2", limit=10)] == [2, 2]
    assert await second.mail.posts() == (post("status:t1"),)
    assert await second.mail.shown_until("t1") == 4
    await second.close()


async def test_keys_are_kept_for_a_month_after_the_end(mail: Mail, clock: HandClock) -> None:
    await take_in(mail, arrival("done"), arrival("given up", OTHER), arrival("waits"))
    await mail.claim("slack", "w1", limit=10)
    clock.advance(days=40)
    await mail.settle("slack:ev:done", "w1")
    await mail.give_up("slack:ev:given up", "w1", why="broken")
    assert await mail.tidy(clock.now()) == 0
    clock.advance(days=30)
    assert await mail.tidy(clock.now()) == 0
    clock.advance(seconds=1)
    assert await mail.tidy(clock.now()) == 2
    assert await claimed(mail) == ["waits"]
    assert await mail.take_in(arrival("done"))


async def test_what_may_be_due_rings(mail: Mail) -> None:
    bell = mail.arrived("slack")
    async with asyncio.timeout(5):
        await anext(bell)
        await take_in(mail, arrival("a1"), arrival("a2"))
        await anext(bell)
        assert await claimed(mail) == ["a1"]
        await mail.settle("slack:ev:a1", "w1")
        while not await claimed(mail):
            await anext(bell)
        await mail.put_off("slack:ev:a2", "w1", until=NOON, why="once more")
        while not await claimed(mail):
            await anext(bell)
        await mail.free("slack")
        while not await claimed(mail):
            await anext(bell)


# -- what was posted


async def test_message_is_intended_once_and_then_known(mail: Mail) -> None:
    wanted = post("status:t1", task_id="t1")
    assert await mail.intend(wanted) is wanted
    again = await mail.intend(post("status:t1", task_id="t1", minute=3))
    assert again == wanted
    assert not again.sent
    await mail.sent("status:t1", message_id="17.1", digest="d1")
    there = replace(wanted, message_id="17.1", digest="d1", sent=True)
    assert await mail.intend(wanted) == there
    assert await mail.post_of("slack", THREAD, "17.1") == there
    await mail.sent("status:t1", message_id="17.1", digest="d2")
    assert await mail.posts(task_id="t1") == (replace(there, digest="d2"),)


async def test_two_that_intend_at_once_agree(mail: Mail, elsewhere: SqlJournal) -> None:
    both = [post("result:t1", minute=minute) for minute in range(2)]
    got = await asyncio.gather(mail.intend(both[0]), elsewhere.mail.intend(both[1]))
    assert got[0] == got[1]
    assert sum(mine is theirs for mine, theirs in zip(both, got, strict=True)) == 1


async def test_posts_are_found_by_task_by_thread_and_by_their_message(mail: Mail) -> None:
    all_posts = (
        post("say:1", minute=0),
        post("status:t1", task_id="t1", minute=1),
        post("ask:a1", task_id="t1", minute=2),
        post("status:t2", OTHER, task_id="t2", minute=3),
    )
    for each in reversed(all_posts):
        await mail.intend(each)
    assert await mail.posts() == all_posts
    assert await mail.posts(thread_id=THREAD) == all_posts[:3]
    assert await mail.posts(task_id="t1") == all_posts[1:3]
    assert await mail.posts(task_id="t1", thread_id=OTHER) == ()
    await mail.sent("say:1", message_id="5", digest="")
    for where in (("slack", OTHER, "5"), ("discord", THREAD, "5"), ("slack", THREAD, "6")):
        assert await mail.post_of(*where) is None
    await mail.drop_post("say:1")
    await mail.drop_post("say:1")
    assert await mail.posts(thread_id=THREAD) == all_posts[1:3]
    with pytest.raises(NotFound):
        await mail.sent("say:1", message_id="5", digest="")


# -- how far tasks were shown


async def test_tasks_with_events_that_were_not_shown_are_behind(mail: Mail, journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await queue(journal, "t2", OTHER, minute=1)
    await queue(journal, "t3", "web:local::1", minute=2)
    await queue(journal, "t4", "Slack:T1:C1:9", minute=3)
    assert await mail.behind("slack") == ("t1", "t2")
    await mail.shown("t1", 1)
    await mail.shown("t2", 1)
    assert await mail.behind("slack") == ()
    await journal.commit(fence, record("t1", "more"))
    assert await mail.behind("slack") == ("t1",)
    assert await mail.behind("sla") == ()


async def test_what_was_shown_never_goes_back(mail: Mail) -> None:
    assert await mail.shown_until("t1") == 0
    for seq, until in ((3, 3), (1, 3), (7, 7)):
        await mail.shown("t1", seq)
        assert await mail.shown_until("t1") == until


async def test_stirred_tells_which_tasks_have_something_new(mail: Mail, journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    stirred = mail.stirred()
    async with asyncio.timeout(5):
        assert await anext(stirred) is None
        await journal.commit(fence, record("t1", "a"))
        await journal.commit(fence, record("t1", "b"))
        await queue(journal, "t2", OTHER)
        seen: set[str] = set()
        while seen != {"t1", "t2"}:
            task_ids = await anext(stirred)
            assert task_ids
            seen |= task_ids
        await journal.move("t2", Status.CANCELLED)
        assert await anext(stirred) in ({"t2"}, {"t1", "t2"})


@POSTGRES
async def test_stirred_hears_other_processes(mail: Mail, elsewhere: SqlJournal) -> None:
    stirred = mail.stirred()
    async with asyncio.timeout(5):
        assert await anext(stirred) is None
        await queue(elsewhere, "t1")
        assert await anext(stirred) == {"t1"}
        await elsewhere.receive(steer("t1", "i1"), narrated("t1", "a"))
        assert await anext(stirred) == {"t1"}
        bell = mail.arrived("slack")
        await anext(bell)
        await elsewhere.mail.take_in(arrival("a"))
        await anext(bell)


async def test_closing_ends_what_waits_for_mail(database: str, tmp_path: Path, clock: HandClock) -> None:
    journal = await SqlJournal.open(database, tmp_path, clock)

    async def follow(mail: Mail) -> None:
        async for _ in mail.stirred():
            pass
        async for _ in mail.arrived("slack"):
            pass

    follower = asyncio.create_task(follow(journal.mail))
    await asyncio.sleep(0)
    await journal.close()
    async with asyncio.timeout(5):
        await follower
        assert [rung async for rung in journal.mail.stirred()] == []


# -- one at a time


async def test_second_leader_waits_for_the_first_and_other_names_do_not(mail: Mail) -> None:
    entered = asyncio.Event()

    async def second() -> None:
        async with mail.leader("slack:T1"):
            entered.set()

    async with asyncio.timeout(5):
        async with mail.leader("slack:T1") as lost:
            waiting = asyncio.create_task(second())
            async with mail.leader("slack:T2"):
                assert not entered.is_set()
            assert not lost.is_set()
        await waiting
    assert entered.is_set()


async def test_who_waits_to_lead_can_go_away(mail: Mail) -> None:
    async def second() -> None:
        async with mail.leader("slack:T1"):
            raise AssertionError("led beside the first")

    async with asyncio.timeout(10):
        async with mail.leader("slack:T1"):
            waiting = asyncio.create_task(second())
            async with mail.leader("slack:T2"):
                waiting.cancel()
                with suppress(asyncio.CancelledError):
                    await waiting
        async with mail.leader("slack:T1") as lost:
            assert not lost.is_set()


@POSTGRES
async def test_another_process_leads_when_the_first_ends(mail: Mail, elsewhere: SqlJournal) -> None:
    led: list[str] = []

    async def lead(source: Mail, name: str) -> None:
        async with source.leader("slack:T1"):
            led.append(name)

    async with asyncio.timeout(5):
        async with elsewhere.mail.leader("slack:T1"):
            waiting = asyncio.create_task(lead(mail, "here"))
            async with mail.leader("slack:T2"), elsewhere.mail.leader("slack:T3"):
                assert led == []
        await waiting
    assert led == ["here"]


# -- who wants in


async def test_person_has_one_open_request_and_the_first_decision_counts(mail: Mail) -> None:
    wish = AccessRequest(request_id="r1", person_id="slack:T1:U1", name="Bob", place="slack:T1:C1", at=NOON)
    asked = await asyncio.gather(*(mail.ask_access(replace(wish, request_id=f"r{n}")) for n in range(3)))
    assert sorted(asked) == [False, False, True]
    request_id = f"r{asked.index(True)}"
    assert await mail.ask_access(replace(wish, request_id="other", person_id="slack:T1:U2"))
    assert await mail.access_request(request_id) == replace(wish, request_id=request_id)
    assert await mail.access_request("unknown") is None
    decided = await asyncio.gather(*(mail.decide_access(request_id, by=f"U{n}", allowed=n == 1) for n in range(2)))
    assert sorted(decided) == [False, True]
    found = await mail.access_request(request_id)
    assert found is not None
    assert (found.state, found.decided_by) == (("refused", "U0"), ("allowed", "U1"))[decided.index(True)]
    assert not await mail.decide_access("unknown", by="U0", allowed=True)
    assert await mail.ask_access(replace(wish, request_id="again"))
