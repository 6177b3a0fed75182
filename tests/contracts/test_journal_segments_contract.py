"""The contract of `agent.ports.journal`, second part: what segments write and people decide."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from agent.domain.asks import AskStatus
from agent.domain.calls import CallState
from agent.domain.errors import Bug, Fenced, Refused
from agent.domain.events import AskExpired, PlanProposed, TaskPaused
from agent.domain.task import Status
from agent.ports.journal import (
    AddGrant,
    AppendMessage,
    FreezePrefix,
    KeepWorkspace,
    MoveCall,
    OpenAsk,
    RaiseCap,
    Record,
    Reserve,
    SetStatus,
    Settle,
    UseGrant,
    WithdrawAsk,
)
from agent.ports.llm import Message, Prefix
from agent.store import SqlJournal
from tests.store.tasks import (
    NOON,
    THREAD,
    HandClock,
    answer,
    answered,
    call,
    call_ask,
    grant,
    plan,
    plan_ask,
    record,
    say,
    start,
    wait_for,
)


async def status(journal: SqlJournal, task_id: str) -> Status:
    found = await journal.task(task_id)
    assert found is not None
    return found.status


# -- conversation


async def test_conversation_comes_back_exactly(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    blocks = (
        {"type": "thinking", "thinking": "é\u2028\ud800\0", "signature": "s=="},
        {"z": 1, "a": [1.0, 1e-7, 10**25, None, True], "type": "tool_use", "id": "u", "name": "n", "input": {}},
    )
    await journal.commit(fence, AppendMessage(seq=1, message=Message("assistant", blocks), stop_reason="tool_use"))
    (stored,) = (await journal.load(fence)).messages
    assert (stored.seq, stored.stop_reason, stored.fresh_start) == (1, "tool_use", False)
    assert repr(stored.message) == repr(Message("assistant", blocks))


async def test_second_writer_of_a_message_number_is_fenced(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await say(journal, fence, 1, "one")
    with pytest.raises(Fenced):
        await say(journal, fence, 1, "one again")
    with pytest.raises(Bug):
        await say(journal, fence, 3, "two is missing")


async def test_conversation_begins_at_its_newest_fresh_start(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await say(journal, fence, 1, "one", call("c1", "t1", seq=1))
    summary = Message("user", ({"type": "text", "text": "so far"},))
    await journal.commit(fence, AppendMessage(seq=2, message=summary, fresh_start=True))
    state = await journal.load(fence)
    assert [m.seq for m in state.messages] == [2]
    assert state.calls == ()


async def test_frozen_prefix_stays(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    prefix = Prefix(model="m", system=({"type": "text", "text": "ü"},), tools=({"name": "bash"},), betas=("b",))
    await journal.commit(fence, FreezePrefix(prefix))
    assert (await journal.load(fence)).prefix == prefix
    with pytest.raises(Bug):
        await journal.commit(fence, FreezePrefix(Prefix(model="other", system=(), tools=())))


# -- calls


async def test_calls_are_those_of_the_newest_answer_in_order(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await say(journal, fence, 1, "one", call("c1", "t1", seq=1))
    second = (call("c3", "t1", seq=2, position=1), call("c2", "t1", seq=2, position=0))
    await say(journal, fence, 2, "two", *second)
    assert (await journal.load(fence)).calls == (second[1], second[0])


async def test_call_moves_down_only_and_knows_its_claim(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await say(journal, fence, 1, "one", call("c1", "t1", seq=1))
    await journal.commit(fence, MoveCall(call_id="c1", state=CallState.ASKED, ask_id="a1"))
    await journal.commit(fence, MoveCall(call_id="c1", state=CallState.STARTED, incarnation="box-1"))
    result = ({"type": "text", "text": "done"},)
    await journal.commit(fence, MoveCall(call_id="c1", state=CallState.DONE, result=result, is_error=True))
    (done,) = (await journal.load(fence)).calls
    assert (done.state, done.ask_id, done.incarnation, done.epoch) == (CallState.DONE, "a1", "box-1", fence.epoch)
    assert (done.result, done.is_error) == (result, True)
    with pytest.raises(Bug):
        await journal.commit(fence, MoveCall(call_id="c1", state=CallState.STARTED))
    with pytest.raises(Bug):
        await journal.commit(fence, MoveCall(call_id="unknown", state=CallState.DONE))


async def test_started_call_is_found_after_a_crash(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await say(journal, fence, 1, "one", call("c1", "t1", seq=1))
    await journal.commit(fence, MoveCall(call_id="c1", state=CallState.STARTED, incarnation="box-1"))
    await journal.release_all()
    again = await journal.claim("w2", NOON)
    assert again is not None
    (found,) = (await journal.load(again)).calls
    assert (found.state, found.epoch, found.incarnation) == (CallState.STARTED, fence.epoch, "box-1")


# -- asks and answers


async def test_first_answer_wins_and_wakes_the_task(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await wait_for(journal, fence, call_ask("a1", "t1"))
    yes, no = answer("a1", "allow"), answer("a1", "deny", by="web:bob")
    decisions = await asyncio.gather(
        journal.decide(yes, grant("g1", "t1"), answered("t1", yes)), journal.decide(no, None, answered("t1", no))
    )
    won = next(d for d in decisions if d.won)
    lost = next(d for d in decisions if not d.won)
    assert won.answer == lost.answer
    assert await status(journal, "t1") is Status.QUEUED
    found = await journal.ask("a1")
    assert found is not None
    assert (found[0].status, found[1]) == (AskStatus.ANSWERED, won.answer)
    again = await journal.claim("w1", NOON)
    assert again is not None
    state = await journal.load(again)
    assert [(item.kind, item.inbox_id) for item in state.inbox] == [("answer", "answer:a1:1")]
    assert state.asks == (found,)
    assert len(await journal.events("t1")) == 2


async def test_answer_while_the_segment_runs_keeps_it_from_parking(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await journal.commit(fence, OpenAsk(call_ask("a1", "t1")))
    assert (await journal.decide(answer("a1", "allow"), None)).won
    assert not await journal.commit(fence, SetStatus(status=Status.WAITING))


async def test_answer_to_a_paused_task_is_kept(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await wait_for(journal, fence, call_ask("a1", "t1"))
    await journal.move("t1", Status.PAUSED)
    assert (await journal.decide(answer("a1", "allow"), None)).won
    assert await status(journal, "t1") is Status.PAUSED


async def test_answer_to_an_older_revision_changes_nothing(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await journal.commit(fence, OpenAsk(call_ask("a1", "t1")))
    await journal.commit(fence, OpenAsk(call_ask("a1", "t1", revision=2)))
    late = await journal.decide(answer("a1", "allow", revision=1), grant("g1", "t1"))
    assert not late.won
    assert late.why
    assert await journal.grants() == ()
    assert (await journal.decide(answer("a1", "allow", revision=2), None)).won


async def test_message_that_decided_decides_nothing_more(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await wait_for(journal, fence, call_ask("a1", "t1"), call_ask("a2", "t1"))
    first = await asyncio.gather(
        *(journal.decide(answer("a1", "allow"), None, inbox_id="m1") for _ in range(2)),
    )
    assert [decision.won for decision in first] == [True, True]
    assert (await journal.decide(answer("a2", "allow"), None, inbox_id="m1")).won
    found = await journal.ask("a2")
    assert found is not None
    assert found[1] is None
    assert not (await journal.decide(answer("a1", "deny"), None, inbox_id="m2")).won
    assert (await journal.decide(answer("a2", "deny"), None, inbox_id="m2")).won
    found = await journal.ask("a2")
    assert found is not None
    assert found[1] == answer("a2", "deny")


async def test_answer_to_nothing_says_why(journal: SqlJournal) -> None:
    decision = await journal.decide(answer("a1", "allow"), None)
    assert not decision.won
    assert decision.why


async def test_end_of_a_task_takes_its_questions_back(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await wait_for(journal, fence, call_ask("a1", "t1"), call_ask("a2", "t1"))
    await journal.decide(answer("a1", "allow"), None)
    await journal.move("t1", Status.CANCELLED)
    answered_one, withdrawn = await journal.ask("a1"), await journal.ask("a2")
    assert answered_one is not None
    assert withdrawn is not None
    assert (answered_one[0].status, withdrawn[0].status) == (AskStatus.ANSWERED, AskStatus.WITHDRAWN)
    assert not (await journal.decide(answer("a2", "allow"), None)).won


async def test_question_taken_back_cannot_be_answered(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await journal.commit(fence, OpenAsk(call_ask("a1", "t1")))
    await journal.commit(fence, WithdrawAsk("a1"))
    assert not (await journal.decide(answer("a1", "allow"), None)).won


async def test_question_nobody_answered_falls_due_and_expires(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    ask = call_ask("a1", "t1")
    await wait_for(journal, fence, ask)
    assert await journal.due_asks(ask.expires_at - timedelta(seconds=1)) == ()
    assert await journal.due_asks(ask.expires_at) == (ask,)
    expired = AskExpired(task_id="t1", at=NOON, ask_id="a1")
    assert await journal.move("t1", Status.PAUSED, expired, TaskPaused(task_id="t1", at=NOON, by="system"))
    assert await journal.due_asks(ask.expires_at) == ()
    assert not (await journal.decide(answer("a1", "allow"), None)).won


async def test_question_of_a_paused_task_expires_too(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    ask = call_ask("a1", "t1")
    await wait_for(journal, fence, ask)
    await journal.move("t1", Status.PAUSED)
    expired = AskExpired(task_id="t1", at=NOON, ask_id="a1")
    assert await journal.move("t1", Status.PAUSED, expired, TaskPaused(task_id="t1", at=NOON, by="system"))
    assert await journal.due_asks(ask.expires_at) == ()
    assert [type(event) for event in await journal.events("t1", after=1)] == [AskExpired]


async def test_question_answered_in_the_last_moment_pauses_nothing(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await wait_for(journal, fence, call_ask("a1", "t1"))
    assert (await journal.decide(answer("a1", "allow"), None)).won
    expired = AskExpired(task_id="t1", at=NOON, ask_id="a1")
    assert not await journal.move("t1", Status.PAUSED, expired)
    assert await status(journal, "t1") is Status.QUEUED


@pytest.mark.parametrize(("choice", "approved"), [("approve", True), ("revise", False), ("reject", False)])
async def test_plan_counts_as_approved_by_its_newest_answer(journal: SqlJournal, choice: str, approved: bool) -> None:
    fence = await start(journal, "t1")
    await journal.commit(fence, OpenAsk(plan_ask("p1", "t1")))
    state = await journal.load(fence)
    assert (state.plan_revision, state.plan_approved) == (1, False)
    await journal.decide(answer("p1", choice), None)
    state = await journal.load(fence)
    assert (state.plan_revision, state.plan_approved) == (1, approved)
    await journal.commit(fence, OpenAsk(plan_ask("p1", "t1", revision=2)))
    state = await journal.load(fence)
    assert (state.plan_revision, state.plan_approved) == (2, False)


async def test_plan_that_needs_no_click_counts_as_approved(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    assert (await journal.load(fence)).plan_revision == 0
    await journal.commit(fence, Record((PlanProposed(task_id="t1", at=NOON, plan=plan(1)),)))
    state = await journal.load(fence)
    assert (state.plan_revision, state.plan_approved) == (1, True)


# -- grants


async def test_grant_for_once_is_spent_once(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await journal.commit(fence, AddGrant(grant("g1", "t1")))
    assert [g.grant_id for g in (await journal.load(fence)).grants] == ["g1"]
    await journal.commit(fence, UseGrant("g1"), record("t1", "used"))
    with pytest.raises(Fenced):
        await journal.commit(fence, record("t1", "again"), UseGrant("g1"))
    assert (await journal.load(fence)).grants == ()
    assert len(await journal.events("t1")) == 2


async def test_always_holds_in_the_channel_and_task_only_in_the_task(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await journal.commit(fence, AddGrant(grant("g-always", "t1", "always")), AddGrant(grant("g-task", "t1", "task")))
    here = await start(journal, "t2", "slack:T1:C1:2")
    elsewhere = await start(journal, "t3", "slack:T1:C2:1")
    assert [g.grant_id for g in (await journal.load(fence)).grants] == ["g-always", "g-task"]
    assert [g.grant_id for g in (await journal.load(here)).grants] == ["g-always"]
    assert (await journal.load(elsewhere)).grants == ()


async def test_grant_ends_by_time_and_by_hand(journal: SqlJournal, clock: HandClock) -> None:
    fence = await start(journal, "t1")
    await journal.commit(fence, AddGrant(grant("g1", "t1", "task")), AddGrant(grant("g2", "t1", "task", hours=9)))
    assert [g.grant_id for g in await journal.grants(task_id="t1")] == ["g1", "g2"]
    clock.advance(hours=2)
    assert [g.grant_id for g in await journal.grants()] == ["g2"]
    assert await journal.revoke("g2")
    assert not await journal.revoke("g2")
    assert (await journal.load(fence)).grants == ()
    with pytest.raises(Fenced):
        await journal.commit(fence, UseGrant("g2"))


# -- workspace and money


async def test_workspace_keeps_what_is_not_named(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await journal.commit(fence, KeepWorkspace(thread_id=THREAD, snapshot="s1", base_snapshot="b1", sandbox_state="x"))
    await journal.commit(fence, KeepWorkspace(thread_id=THREAD, snapshot="s2"))
    state = await journal.load(fence)
    assert (state.thread.snapshot, state.thread.base_snapshot, state.thread.sandbox_state) == ("s2", "b1", "x")
    assert await journal.live_sandboxes() == {"x"}
    await journal.commit(fence, KeepWorkspace(thread_id=THREAD, sandbox_state=""))
    assert await journal.live_sandboxes() == set()


async def test_workspace_is_not_changed_under_a_running_task(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    with pytest.raises(Refused):
        await journal.keep_workspace(KeepWorkspace(thread_id=THREAD, snapshot="old"))
    await journal.commit(fence, SetStatus(status=Status.FINISHED))
    await journal.keep_workspace(KeepWorkspace(thread_id=THREAD, snapshot="old"))
    found = await journal.thread(THREAD)
    assert found is not None
    assert found.snapshot == "old"


async def test_the_same_message_changes_the_workspace_once(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await journal.commit(fence, SetStatus(status=Status.FINISHED))
    assert await journal.undone_by("m1") == ""
    for snapshot, changed in (("old", True), ("older", False)):
        write = KeepWorkspace(thread_id=THREAD, snapshot=snapshot)
        assert await journal.keep_workspace(write, inbox_id="m1", task_id="t1") is changed
    assert await journal.undone_by("m1") == "t1"
    assert await journal.started_by("m1") == ""
    found = await journal.thread(THREAD)
    assert found is not None
    assert found.snapshot == "old"


async def test_reserved_money_counts_until_it_is_settled(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    yesterday = NOON - timedelta(days=1)

    async def spent() -> tuple[float, float, float]:
        found = await journal.spending(task_id="t1", person_id="web:ann", now=NOON)
        return found.task_usd, found.person_day_usd, found.day_usd

    def reserve(spend_id: str, usd: float, *, person: str = "web:ann", at=NOON) -> Reserve:
        return Reserve(spend_id=spend_id, person_id=person, thread_id=THREAD, at=at, usd=usd)

    assert await spent() == (0.0, 0.0, 0.0)
    await journal.commit(
        fence, reserve("s1", 2.0), reserve("s2", 4.0, person="web:bob"), reserve("s3", 8.0, at=yesterday)
    )
    assert await spent() == (14.0, 2.0, 6.0)
    await journal.commit(fence, Settle(spend_id="s1", usd=0.5, model="m", input_tokens=10, output_tokens=5))
    assert await spent() == (12.5, 0.5, 4.5)
    with pytest.raises(Bug):
        await journal.commit(fence, Settle(spend_id="s1", usd=0.5))
    await journal.release_all()
    await journal.claim("w2", NOON)
    assert await spent() == (0.5, 0.5, 0.5)


async def test_budget_of_a_task_is_raised(journal: SqlJournal) -> None:
    fence = await start(journal, "t1")
    await journal.commit(fence, RaiseCap(7.5))
    assert (await journal.load(fence)).task.cap_usd == 7.5
