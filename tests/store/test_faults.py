"""Lost connections, full disks and sudden death: nothing half, nothing twice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import event, make_url

from agent.domain.errors import Refused
from agent.domain.task import Status
from agent.ports.journal import AppendMessage, SetStatus
from agent.ports.llm import Message
from agent.store import SqlJournal
from agent.store.database import Database, make_engine
from agent.store.signals import Signals
from agent.store.sole import FileSole
from tests.store.databases import fresh_database
from tests.store.tasks import NOON, HandClock, narrated, queue, record, start, steer, task, thread

Moment = Literal["before", "after"]


class Wire:
    """A line to PostgreSQL that can be cut: at the next COMMIT before or after it arrived, or as a whole."""

    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self._cut: Moment | None = None
        self.cuts = 0

    async def plug_in(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def cut_at_commit(self, moment: Moment) -> None:
        self._cut = moment

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(*self._there)
        pair = {writer, server_writer}
        self._writers |= pair
        with suppress(ConnectionError):
            await asyncio.gather(
                self._up(reader, server_reader, server_writer, writer), self._down(server_reader, writer)
            )
        for end in pair:
            end.transport.abort()
        self._writers -= pair

    async def _up(
        self,
        reader: asyncio.StreamReader,
        server_reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
        writer: asyncio.StreamWriter,
    ) -> None:
        while data := await reader.read(65536):
            if self._cut is not None and b"COMMIT" in data:
                moment, self._cut = self._cut, None
                self.cuts += 1
                if moment == "after":
                    writer.transport.abort()
                    server_writer.write(data)
                    await server_writer.drain()
                    await asyncio.sleep(0.2)  # the server's turn: its reply goes nowhere
                raise ConnectionResetError
            server_writer.write(data)
            await server_writer.drain()
        raise ConnectionResetError

    async def _down(self, server_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await server_reader.read(65536):
            if not writer.transport.is_closing():
                writer.write(data)
                await writer.drain()
        raise ConnectionResetError


@asynccontextmanager
async def wired(tmp_path: Path) -> AsyncGenerator[tuple[Wire, SqlJournal, SqlJournal]]:
    """A line, a journal at its end, and one with a line of its own."""
    with fresh_database("postgresql", tmp_path) as url:
        parsed = make_url(url)
        wire = Wire(parsed.host or "127.0.0.1", parsed.port or 5432)
        await wire.plug_in()
        far = parsed.set(host="127.0.0.1", port=wire.port).render_as_string(hide_password=False)
        journal, steady = [await SqlJournal.open(u, tmp_path, HandClock()) for u in (far, url)]
        yield wire, journal, steady
        await journal.close()
        await steady.close()
        await wire.unplug()


@pytest.mark.postgres
@pytest.mark.parametrize("moment", ["before", "after"])
async def test_commit_without_a_reply_happens_exactly_once(tmp_path: Path, moment: Moment) -> None:
    async with wired(tmp_path) as (wire, journal, _):
        wire.cut_at_commit(moment)
        assert await journal.create_task(task("t1"), thread(), (narrated("t1", "a"),), inbox_id="in")
        fence = await journal.claim("w1", NOON)
        assert fence is not None
        wire.cut_at_commit(moment)
        assert await journal.commit(fence, record("t1", "b", "c"))
        wire.cut_at_commit(moment)
        assert await journal.receive(steer("t1", "i1"), narrated("t1", "d"))
        wire.cut_at_commit(moment)
        assert await journal.move("t1", Status.CANCELLED, narrated("t1", "e"))
        assert wire.cuts == 4
        events = await journal.events("t1")
        assert [(e.seq, e.text) for e in events] == list(enumerate("abcde", start=1))


@pytest.mark.postgres
async def test_journal_outlives_a_restart_of_its_server(tmp_path: Path) -> None:
    async with wired(tmp_path) as (wire, journal, _):
        fence = await start(journal, "t1")
        await wire.unplug()
        writing = asyncio.create_task(journal.commit(fence, record("t1", "late")))
        reading = asyncio.create_task(journal.task("t1"))
        await asyncio.sleep(0.1)
        await wire.plug_in()
        assert await writing
        assert await reading is not None
        assert [e.seq for e in await journal.events("t1")] == [1, 2]


@pytest.mark.postgres
async def test_listener_hears_again_after_a_lost_connection(tmp_path: Path) -> None:
    async with wired(tmp_path) as (wire, journal, steady):
        fence = await start(steady, "t1")
        told = asyncio.create_task(journal.taken_over(fence))
        bell = journal.runnable()
        await anext(bell)
        wire.cut()
        await steady.move("t1", Status.CANCELLED)
        async with asyncio.timeout(5):
            await told
            await queue(steady, "t2", "web:local::2")
            while await journal.claim("w1", NOON) is None:
                await anext(bell)


@pytest.mark.postgres
async def test_worker_that_lost_its_lock_to_another_claims_nothing_until_it_has_it_again(tmp_path: Path) -> None:
    async with wired(tmp_path) as (wire, journal, steady), journal.sole_worker(), asyncio.timeout(20):
        await wire.unplug()
        other = await _lock_of(steady)
        await wire.plug_in()
        await _until(lambda: journal.claim("w1", NOON), refused=True)
        await other.aclose()
        await _until(lambda: journal.claim("w1", NOON), refused=False)
        with pytest.raises(Refused):
            async with steady.sole_worker():
                pass


@pytest.mark.postgres
async def test_leader_whose_line_broke_is_told_and_another_leads(tmp_path: Path) -> None:
    async with wired(tmp_path) as (wire, journal, steady), asyncio.timeout(20):
        led = asyncio.Event()

        async def lead(source: SqlJournal) -> None:
            async with source.mail.leader("slack:T1") as lost:
                led.set()
                assert not lost.is_set()

        async with journal.mail.leader("slack:T1") as lost:
            other = asyncio.create_task(lead(steady))
            await wire.unplug()
            await lost.wait()
            await other
        assert led.is_set()
        led.clear()
        again = asyncio.create_task(lead(journal))
        await asyncio.sleep(0)
        assert not led.is_set()
        await wire.plug_in()
        await again
        assert led.is_set()


@pytest.mark.postgres
async def test_follower_of_all_tasks_is_told_what_it_may_have_missed(tmp_path: Path) -> None:
    async with wired(tmp_path) as (wire, journal, steady), asyncio.timeout(10):
        stirred = journal.mail.stirred()
        assert await anext(stirred) is None
        await wire.unplug()
        await queue(steady, "t1")
        await wire.plug_in()
        assert await anext(stirred) is None
        assert await journal.mail.behind("slack") == ("t1",)
        for number in count():  # once it listens again, tasks are named again
            await steady.receive(steer("t1", f"i{number}"), narrated("t1", "more"))
            if await anext(stirred) == {"t1"}:
                break


async def _lock_of(journal: SqlJournal) -> AsyncExitStack:
    """The worker's lock, as soon as it is free."""
    while True:
        stack = AsyncExitStack()
        with suppress(Refused):
            await stack.enter_async_context(journal.sole_worker())
            return stack


async def _until(act: Callable[[], Awaitable[object]], *, refused: bool) -> None:
    while True:
        await asyncio.sleep(0)  # a refusal does not pause by itself
        try:
            await act()
        except Refused:
            if refused:
                return
        else:
            if not refused:
                return


async def test_full_disk_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    with fresh_database("sqlite", tmp_path) as url:
        engine, signals = make_engine(url), Signals()
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count = 60"))
        journal = SqlJournal(
            Database(engine, HandClock(), signals, tmp_path), signals, HandClock(), FileSole(tmp_path / "gofer.db")
        )
        fence = await start(journal, "t1")
        big = AppendMessage(seq=1, message=Message("user", ({"type": "text", "text": "x" * 1_000_000},)))
        with pytest.raises(Refused, match="full"):
            await journal.commit(fence, record("t1", "never"), big)
        assert [e.seq for e in await journal.events("t1")] == [1]
        assert await journal.commit(fence, record("t1", "goes on"), SetStatus(status=Status.FINISHED))
        await journal.close()


CRASHING = """
import asyncio, json, sys
from pathlib import Path
from agent.store import SqlJournal
from agent.domain.task import Status
from agent.ports.journal import SetStatus
from tests.store.tasks import NOON, HandClock, call, queue, say, steer

async def main():
    journal = await SqlJournal.open(sys.argv[1], Path(sys.argv[2]), HandClock())
    def did(name):
        print(name, flush=True)
    await queue(journal, "t1"); did("created")
    fence = await journal.claim("w1", NOON); did("claimed")
    await say(journal, fence, 1, "one", call("c1", "t1", seq=1)); did("said")
    await journal.receive(steer("t1", "i1")); did("steered")
    await journal.move("t1", Status.PAUSED); did("paused")
    await journal.close()

asyncio.run(main())
"""
STEPS = ["created", "claimed", "said", "steered", "paused"]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
@pytest.mark.parametrize(("number", "moment"), [(1, "before"), (1, "after"), (3, "before"), (3, "after"), (5, "after")])
async def test_process_killed_at_a_commit_leaves_all_or_nothing(
    tmp_path: Path, kind: str, number: int, moment: Moment
) -> None:
    with fresh_database(kind, tmp_path) as url:
        died = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", CRASHING, url, str(tmp_path)],
            env={**os.environ, "GOFER_CRASH_AT": f"{number}:{moment}", "PYTHONPATH": str(Path.cwd())},
            stdout=subprocess.PIPE,
            check=False,
            timeout=60,
        )
        assert died.returncode == -signal.SIGKILL
        assert died.stdout.decode().split() == STEPS[: number - 1]
        stored = number if moment == "after" else number - 1
        journal = await SqlJournal.open(url, tmp_path, HandClock())
        found = await journal.task("t1")
        assert (found is not None) is (stored >= 1)
        if found is not None:
            assert found.epoch == {1: 0, 2: 1, 3: 1, 4: 1, 5: 2}[stored]
            if found.status is Status.PAUSED:
                await journal.move("t1", Status.QUEUED)
            await journal.release_all()
            fence = await journal.claim("w2", NOON)
            assert fence is not None
            state = await journal.load(fence)
            assert [c.call_id for c in state.calls] == (["c1"] if stored >= 3 else [])
            assert [m.seq for m in state.messages] == ([1] if stored >= 3 else [])
            assert [item.inbox_id for item in state.inbox] == (["i1"] if stored >= 4 else [])
        await journal.close()
