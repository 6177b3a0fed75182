"""Forgetting a thread, and muting one, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, create_engine, text

from agent.domain.asks import ANSWER, Ask, AskKind, ChangesSubject, Risk
from agent.domain.calls import CallState
from agent.domain.errors import NotFound, Refused
from agent.domain.events import (
    AskAnswered,
    AskOpened,
    Event,
    FileDelivered,
    FilesChanged,
    Narrated,
    PlanProposed,
    Steered,
    TaskAccepted,
    TaskCancelled,
    TaskFinished,
    ToolCalled,
    UnknownEvent,
)
from agent.domain.files import Change, ChangeSet, WorkFile
from agent.domain.task import Plan, Status, Step, Thread
from agent.domain.view import fold
from agent.ports.journal import (
    AddCalls,
    AddGrant,
    AppendMessage,
    Fence,
    FreezePrefix,
    InboxItem,
    KeepWorkspace,
    MoveCall,
    OpenAsk,
    Record,
    Reserve,
    SetStatus,
    Settle,
    TakeInbox,
)
from agent.ports.llm import Message, Prefix
from agent.ports.mail import Arrival, Post
from agent.store import SqlJournal, forgetting
from agent.store.database import make_engine
from agent.store.tx import Tx
from tests.store.databases import fresh_database
from tests.store.tasks import NOON, THREAD, HandClock, answer, call, call_ask, grant, queue, start, task, thread

OTHER = "slack:T1:C1:2"
LATER = NOON + timedelta(hours=1)


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def file(word: str, name: str) -> WorkFile:
    return WorkFile(path=f"inputs/{word}.csv", size_bytes=3, sha256=digest(name))


async def lived(journal: SqlJournal, task_id: str, thread_id: str, word: str) -> list[Event]:
    """A task of which every fact that can hold words holds this one; its files are named by it, too. Finished."""
    made = replace(task(task_id, thread_id), request=f"Sum {word}", files=(file(word, f"{word} input"),))
    where = Thread(thread_id=thread_id, owner_id="web:ann", title=word, created_at=NOON)
    accepted = TaskAccepted(
        task_id=task_id, at=NOON, thread_id=thread_id, asked_by="web:ann", request=made.request, files=made.files
    )
    assert await journal.create_task(made, where, (accepted,), inbox_id=f"in:{task_id}")
    fence = await journal.claim("w1", NOON)
    assert fence is not None
    await _worked(journal, fence, word)
    await _asked(journal, fence, word)
    await _steered(journal, fence, thread_id, word)
    finished = TaskFinished(task_id=task_id, at=NOON, text=word)
    fence = await journal.claim("w1", NOON) or fence
    await journal.commit(fence, TakeInbox((f"steer:{task_id}",)), Record((finished,)))
    seen = tuple(item.inbox_id for item in await journal.inbox(fence))
    assert await journal.commit(fence, SetStatus(status=Status.FINISHED, seen=seen))
    await _mailed(journal, task_id, thread_id, word)
    return list(await journal.events(task_id))


async def _worked(journal: SqlJournal, fence: Fence, word: str) -> None:
    task_id = fence.task_id
    block = {"type": "text", "text": f"about {word}"}
    made = replace(call(f"c:{task_id}", task_id, seq=2), arguments={"command": word})
    facts: tuple[Event, ...] = (
        PlanProposed(task_id=task_id, at=NOON, plan=Plan(revision=1, steps=(Step(number=1, title=word),))),
        Narrated(task_id=task_id, at=NOON, text=word),
        ToolCalled(task_id=task_id, at=NOON, call_id=made.call_id, tool="bash", summary=word, arguments={"c": word}),
        FilesChanged(
            task_id=task_id,
            at=NOON,
            snapshot=digest(f"{word} older"),
            changes=ChangeSet((Change(type="created", path=f"{word}.csv", size_bytes=1),)),
        ),
        FileDelivered(
            task_id=task_id,
            at=NOON,
            file=file(word, f"{word} output"),
            title=word,
            previews=(file(word, f"{word} preview"),),
        ),
    )
    assert await journal.commit(
        fence,
        FreezePrefix(Prefix(model="m", system=(block,), tools=())),
        AppendMessage(seq=1, message=Message("user", (block,))),
        AppendMessage(seq=2, message=Message("assistant", (block,))),
        AddCalls((made,)),
        MoveCall(call_id=made.call_id, state=CallState.DONE, result=(block,)),
        KeepWorkspace(
            thread_id=(await journal.load(fence)).thread.thread_id,
            snapshot=digest(f"{word} newest"),
            base_snapshot=digest(f"{word} base"),
            sandbox_state=word,
        ),
        AddGrant(replace(grant(f"g:{task_id}", task_id, "task"), pattern=f"{word} *")),
        AddGrant(replace(grant(f"always:{task_id}", task_id, "always"), pattern="mail *")),
        Reserve(spend_id=f"s:{task_id}", person_id="web:ann", thread_id=THREAD, at=NOON, usd=1.0),
        Settle(spend_id=f"s:{task_id}", usd=0.5, model="m"),
        Record(facts),
    )


async def _asked(journal: SqlJournal, fence: Fence, word: str) -> None:
    task_id = fence.task_id
    changes = ChangesSubject(changes=ChangeSet(), base=digest(f"{word} asked base"), head=digest(f"{word} asked head"))
    one: Ask = replace(call_ask(f"a:{task_id}", task_id), prompt=word)
    two = replace(one, ask_id=f"b:{task_id}", kind=AskKind.CHANGES, subject=changes, risk=Risk.LOW, choices=(ANSWER,))
    opened = tuple(AskOpened(task_id=task_id, at=NOON, ask=a) for a in (one, two))
    assert await journal.commit(fence, OpenAsk(one), OpenAsk(two), Record(opened), SetStatus(status=Status.WAITING))
    given = replace(answer(one.ask_id, "allow"), note=word)
    assert (await journal.decide(given, None, AskAnswered(task_id=task_id, at=NOON, answer=given))).won


async def _steered(journal: SqlJournal, fence: Fence, thread_id: str, word: str) -> None:
    task_id = fence.task_id
    for name in ("steer", "unread"):
        files = (file(word, f"{word} {name}"),)
        item = InboxItem(
            inbox_id=f"{name}:{task_id}", task_id=task_id, kind="steer", by="web:ann", at=NOON, text=word, files=files
        )
        assert await journal.receive(item, Steered(task_id=task_id, at=NOON, by="web:ann", text=word, files=files))


async def _mailed(journal: SqlJournal, task_id: str, thread_id: str, word: str) -> None:
    mail = journal.mail
    for name in ("done", "given up"):
        arrival = Arrival(
            arrival_id=f"{name}:{task_id}",
            twin=f"twin:{name}:{task_id}",
            surface="slack",
            lane=thread_id,
            kind="message",
            body=json.dumps({"text": word}),
            at=NOON,
        )
        assert await mail.take_in(arrival)
        await mail.claim("slack", "w1", limit=1)
    await mail.settle(f"done:{task_id}", "w1")
    await mail.claim("slack", "w1", limit=1)
    await mail.give_up(f"given up:{task_id}", "w1", why=f"cannot read {word}")
    post = Post(key=f"status:{task_id}", surface="slack", thread_id=thread_id, task_id=task_id, at=NOON)
    await mail.intend(post)
    await mail.sent(post.key, message_id="1", digest=digest(word))


def dump(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table."""
    engine = create_engine(url)
    with engine.connect() as conn:
        metadata = MetaData()
        metadata.reflect(conn)
        rows = {
            table.name: [dict(row) for row in conn.execute(table.select().order_by(*table.primary_key)).mappings()]
            for table in metadata.sorted_tables
        }
    engine.dispose()
    return rows


def holding(url: str, word: str) -> set[str]:
    """The columns that hold this word in any row."""
    return {
        f"{table}.{column}"
        for table, rows in dump(url).items()
        for row in rows
        for column, value in row.items()
        if word in str(value)
    }


def names(word: str) -> set[str]:
    """Digests of all that a task which has lived with this word names."""
    kinds = ("input", "output", "preview", "steer", "unread")
    snapshots = ("older", "newest", "base", "asked base", "asked head")
    return {digest(f"{word} {kind}") for kind in (*kinds, *snapshots)}


def snapshots(word: str) -> set[str]:
    return {digest(f"{word} {kind}") for kind in ("older", "newest", "base", "asked base", "asked head")}


@pytest.mark.promise("forgotten")
async def test_no_word_of_the_thread_stays_anywhere(journal: SqlJournal, database: str) -> None:
    await lived(journal, "t1", THREAD, "walrus")
    await lived(journal, "t2", OTHER, "heron")
    # The word is everywhere that words can be, so that its absence afterwards means something.
    assert holding(database, "walrus") == {
        *("gofer_ask.answer", "gofer_ask.body", "gofer_arrival.why", "gofer_call.arguments", "gofer_call.result"),
        *("gofer_event.body", "gofer_grant.body", "gofer_inbox.body", "gofer_message.content", "gofer_prefix.body"),
        *("gofer_task.files", "gofer_task.request", "gofer_thread.sandbox_state", "gofer_thread.title"),
    }
    others = holding(database, "heron")
    before = dump(database)
    assert await journal.forget(THREAD, LATER) == names("walrus")
    assert holding(database, "walrus") == set()
    assert holding(database, "heron") == others
    after = dump(database)
    for table in ("gofer_spend", "gofer_post", "gofer_person"):
        assert after[table] == before[table]
    about_other = [row for rows in before.values() for row in rows if "t2" in row.values() or OTHER in row.values()]
    still = [row for rows in after.values() for row in rows]
    assert [row for row in about_other if row not in still] == []


async def test_events_keep_when_and_what_kind_and_the_digest_of_the_rest(journal: SqlJournal, database: str) -> None:
    before = await lived(journal, "t1", THREAD, "walrus")
    bodies = {row["seq"]: row["body"] for row in dump(database)["gofer_event"]}
    await journal.forget(THREAD, LATER)
    after = await journal.events("t1")
    assert [(e.seq, e.at, e.original_kind) for e in after if isinstance(e, UnknownEvent)] == [
        (e.seq, e.at, e.kind) for e in before
    ]
    assert [e.body for e in after if isinstance(e, UnknownEvent)] == [{"sha256": digest(bodies[e.seq])} for e in before]
    assert fold(after).seq == before[-1].seq
    await journal.forget(THREAD, LATER)
    assert await journal.events("t1") == after


async def test_thread_and_task_are_left_without_words(journal: SqlJournal) -> None:
    await lived(journal, "t1", THREAD, "walrus")
    old = await journal.task("t1")
    assert old is not None
    await journal.forget(THREAD, LATER)
    assert await journal.thread(THREAD) == replace(thread(), title="", forgotten_at=LATER)
    assert await journal.task("t1") == replace(old, request="", files=())
    assert await journal.ask("a:t1") is None
    assert await journal.ask("b:t1") is None
    late = await journal.decide(answer("b:t1", "answer"), None)
    assert (late.won, late.why) == (False, "There is no such question (any more).")
    assert [post.digest for post in await journal.mail.posts(task_id="t1")] == [digest("walrus")]
    assert await journal.mail.behind("slack") == ()


async def test_what_came_before_is_still_known(journal: SqlJournal) -> None:
    await lived(journal, "t1", THREAD, "walrus")
    await journal.forget(THREAD, LATER)
    assert not await journal.create_task(task("t9"), thread(), (), inbox_id="in:t1")
    assert await journal.started_by("in:t1") == "t1"
    assert await journal.started_by("steer:t1") == ""
    for key in ("arrival_id", "twin"):
        again = Arrival(arrival_id="new", surface="slack", lane=THREAD, kind="message", body="{}", at=NOON)
        value = "done:t1" if key == "arrival_id" else "twin:done:t1"
        assert not await journal.mail.take_in(replace(again, **{key: value}))


async def test_what_was_said_since_is_still_worked_on(journal: SqlJournal) -> None:
    await lived(journal, "t1", THREAD, "walrus")
    wish = Arrival(arrival_id="wish", surface="slack", lane=THREAD, kind="message", body="forget", at=NOON)
    next_one = replace(wish, arrival_id="next", body="Sum the seals")
    for each in (wish, next_one):
        assert await journal.mail.take_in(each)
    assert await journal.mail.claim("slack", "w1", limit=1) == (replace(wish, tries=1),)
    await journal.forget(THREAD, LATER)
    await journal.mail.settle("wish", "w1")
    assert await journal.mail.claim("slack", "w1", limit=1) == (replace(next_one, tries=1),)


async def test_forgetting_is_refused_while_a_task_has_not_ended(journal: SqlJournal, database: str) -> None:
    await lived(journal, "t1", THREAD, "walrus")
    await queue(journal, "t2", minute=1)
    before = dump(database)
    for move in (None, Status.PAUSED):
        if move:
            await journal.move("t2", move)
            before = dump(database)
        with pytest.raises(Refused, match="at work"):
            await journal.forget(THREAD, LATER)
        assert dump(database) == before
    await journal.move("t2", Status.CANCELLED, TaskCancelled(task_id="t2", at=NOON, by="web:ann"))
    assert await journal.forget(THREAD, LATER) == names("walrus")
    with pytest.raises(NotFound):
        await journal.forget("slack:T1:C1:unknown", LATER)


async def test_what_another_thread_names_is_not_given_back(journal: SqlJournal) -> None:
    await lived(journal, "t1", THREAD, "walrus")
    fence = await start(journal, "t2", OTHER)
    shared = (digest("walrus newest"), digest("walrus output"))
    changed = FilesChanged(task_id="t2", at=NOON, snapshot=shared[0], changes=ChangeSet())
    said = Steered(task_id="t2", at=NOON, by="web:ann", text="this", files=(file("seal", "walrus output"),))
    # Words that only look as if: a call's arguments fetch nothing.
    looks = ToolCalled(
        task_id="t2", at=NOON, call_id="c", tool="bash", summary="", arguments={"sha256": digest("walrus input")}
    )
    quoted = Narrated(task_id="t2", at=NOON, text=f'"sha256":"{digest("walrus preview")}"')
    await journal.commit(fence, Record((changed, said, looks, quoted)))
    assert await journal.forget(THREAD, LATER) == names("walrus") - set(shared)
    left = await journal.referenced()
    assert (left.snapshots, left.files) == ({shared[0]}, {shared[1]})


async def test_what_is_still_referenced_is_told_apart(journal: SqlJournal) -> None:
    await lived(journal, "t1", THREAD, "walrus")
    found = await journal.referenced()
    assert found.snapshots == snapshots("walrus")
    assert found.files == names("walrus") - snapshots("walrus")


async def test_forgetting_again_names_what_may_not_be_deleted_yet(journal: SqlJournal) -> None:
    await lived(journal, "t1", THREAD, "walrus")
    await journal.forget(THREAD, LATER)
    await lived(journal, "t2", THREAD, "heron")
    await lived(journal, "t3", OTHER, "seal")
    assert (await journal.thread(THREAD)).title == "heron"
    assert await journal.forget(THREAD, LATER) == names("walrus") | names("heron")
    assert await journal.forget(THREAD, LATER) == names("walrus") | names("heron")
    assert (await journal.referenced()).files == names("seal") - snapshots("seal")


async def test_permission_of_a_channel_stays_and_those_of_the_thread_go(journal: SqlJournal) -> None:
    own = "slack:T1::5"  # a direct conversation: a place of its own
    await lived(journal, "t1", THREAD, "walrus")
    await lived(journal, "t2", own, "heron")
    await journal.forget(THREAD, LATER)
    assert {g.grant_id for g in await journal.grants()} == {"always:t1", "g:t2", "always:t2"}
    await journal.forget(own, LATER)
    assert {g.grant_id for g in await journal.grants()} == {"always:t1"}


async def test_muted_thread_stays_muted_until_it_is_not(journal: SqlJournal) -> None:
    await queue(journal, "t1")
    await journal.set_muted(THREAD, True)
    assert await journal.thread(THREAD) == replace(thread(), muted=True)
    await journal.move("t1", Status.CANCELLED)
    await journal.forget(THREAD, LATER)
    await queue(journal, "t2", minute=1)
    assert await journal.thread(THREAD) == replace(thread(), muted=True, forgotten_at=LATER)
    await journal.set_muted(THREAD, False)
    assert await journal.thread(THREAD) == replace(thread(), forgotten_at=LATER)
    with pytest.raises(NotFound):
        await journal.set_muted(OTHER, True)


async def test_forgotten_words_leave_the_file_of_sqlite(tmp_path: Path) -> None:
    with fresh_database("sqlite", tmp_path) as url:
        journal = await SqlJournal.open(url, tmp_path, HandClock())
        for number in range(30):
            await lived(journal, f"t{number}", THREAD, "walrus" * 200)
        assert await journal.forget(THREAD, LATER)
        await journal.close()  # the last one out moves the write-ahead log into the file
        files = await asyncio.to_thread(lambda: {path.name: path.read_bytes() for path in tmp_path.iterdir()})
        assert [name for name, data in files.items() if b"walrus" in data] == []


LOCKED = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


@pytest.mark.postgres
@pytest.mark.parametrize("first", ["forget", "create"])
async def test_task_that_begins_meanwhile_keeps_its_words(tmp_path: Path, first: str) -> None:
    with fresh_database("postgresql", tmp_path) as url:
        journal, engine = await SqlJournal.open(url, tmp_path, HandClock()), make_engine(url)
        await lived(journal, "t1", THREAD, "walrus")
        with engine.connect() as slow, engine.connect() as watch, slow.begin() as transaction:
            if first == "forget":
                forgetting.forget(Tx(slow, NOON), THREAD, LATER)
                second = asyncio.create_task(queue(journal, "t2"))
            else:
                slow.execute(text("SELECT 1 FROM gofer_thread WHERE thread_id = :it FOR UPDATE"), {"it": THREAD})
                second = asyncio.create_task(journal.forget(THREAD, LATER))
            async with asyncio.timeout(5):
                while not await asyncio.to_thread(watch.scalar, LOCKED):
                    await asyncio.to_thread(watch.rollback)
            if first == "create":
                slow.execute(text("UPDATE gofer_task SET status = 'queued'"))  # as a task that has just begun
            transaction.commit()
            if first == "forget":
                await second
                assert (await journal.thread(THREAD)).title == "Numbers"
                assert (await journal.task("t2")).request == "Add the numbers"
            else:
                with pytest.raises(Refused):
                    await second
        engine.dispose()
        await journal.close()
