"""Deliveries from the strict fake, over both transports, to what is received: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from aiohttp import web

from agent.ports.clock import SystemClock
from agent.service import Arrival, Mailbox
from agent.store import SqlJournal
from bot.pump import Pump
from bot.slack.app import PATH, FrontDoor, Reply, only
from bot.slack.directory import Directory
from bot.slack.intake import Happening, Intake
from bot.slack.payload import Payload, text
from bot.slack.socket import Socket
from bot.slack.web import close_client, make_client
from bot.slack.workspace import Workspace
from bot.surface import (
    Incoming,
    IncomingChoice,
    IncomingCommand,
    IncomingFile,
    IncomingMessage,
    IncomingReaction,
)
from tests.fakes.slack import Message, SlackFake
from tests.store.databases import fresh_database

Mode = Literal["socket", "http"]
MODES: tuple[Mode, ...] = ("socket", "http")
BUTTON = {
    "type": "actions",
    "elements": [
        {"type": "button", "text": {"type": "plain_text", "text": "Approve"}, "action_id": "g1:answer:a_1:0:approve"}
    ],
}


CALM_S = 60.0
"""Slack waits three seconds for an acknowledgement. A machine under load may take longer than that, and then Slack's
second delivery is right; here it would be taken for a fault."""


@asynccontextmanager
async def calm(mode: Mode = "socket") -> AsyncGenerator[SlackFake]:
    """A Slack that delivers again only when it has to."""
    async with SlackFake(mode) as slack:
        slack.ack_timeout_s = slack.courier.goodbye_s = CALM_S
        yield slack


async def _no_bytes() -> AsyncIterator[bytes]:
    yield b""


async def _described(file: Payload) -> IncomingFile:
    return IncomingFile(name=text(file, "name"), size_bytes=0, media_type="", fetch=_no_bytes)


@dataclass
class Store:
    """Puts arrivals into a journal; can fail."""

    mail: Mailbox
    failures: int = 0
    failed: int = 0

    async def take_in(self, arrival: Arrival) -> bool:
        if self.failures:
            self.failures -= 1
            self.failed += 1
            raise OSError("no room")
        return await self.mail.take_in(arrival)


@dataclass
class Received:
    """What came out at the other end."""

    slack: SlackFake
    things: list[Incoming] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)

    async def receive(self, incoming: Incoming) -> None:
        self.things.append(incoming)
        self.slack.world.changed()

    async def happened(self, happening: Happening) -> None:
        self.happenings.append(happening)
        self.slack.world.changed()

    @property
    def messages(self) -> list[IncomingMessage]:
        return [thing for thing in self.things if isinstance(thing, IncomingMessage)]


def workspace(slack: SlackFake) -> Workspace:
    return Workspace(team_id=slack.team_id, bot_user_id=slack.bot_user_id, bot_id=slack.team.bot_id)


@asynccontextmanager
async def front(slack: SlackFake, store: Store, mode: Mode) -> AsyncGenerator[FrontDoor]:
    """Takes deliveries in, over the transport; works nothing."""
    door = FrontDoor(store.take_in, only(workspace(slack)), SystemClock().now, signing_secret=slack.signing_secret)
    if mode == "socket":
        run = asyncio.create_task(Socket(slack.app_token, door.take, base_url=slack.url).run())
        try:
            await slack.wait_for(lambda: slack.socket_count)
            yield door
        finally:
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
        return

    async def post(request: web.Request) -> web.Response:
        reply = await door.handle(await request.read(), dict(request.headers))
        return web.Response(status=reply.status, body=reply.body, headers=dict(reply.headers))

    app = web.Application()
    app.router.add_post(PATH, post)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.deliver_to(f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}")
    try:
        yield door
    finally:
        slack.deliver_to()
        await runner.cleanup()


@asynccontextmanager
async def pumping(slack: SlackFake, mail: Mailbox, owner: str = "p1") -> AsyncGenerator[Received]:
    """Works on what was taken in."""
    received = Received(slack)
    client = make_client(slack.bot_token, slack.url)
    intake = Intake(workspace(slack), Directory(client, slack.team_id), _described, received.happened)
    pump = Pump(mail, "slack", owner, intake.translate, received.receive, SystemClock(), dead_owners="")
    run = asyncio.create_task(pump.run())
    try:
        yield received
    finally:
        await pump.close()
        await run
        await close_client(client)


@pytest.fixture
async def mail(tmp_path: Path) -> AsyncGenerator[Mailbox]:
    with fresh_database("sqlite", tmp_path) as url:
        journal = await SqlJournal.open(url, tmp_path, SystemClock())
        yield Mailbox(journal.mail)
        await journal.close()


@pytest.mark.parametrize("mode", MODES)
async def test_all_that_people_do_arrives_once_and_is_acknowledged(mail: Mailbox, mode: Mode) -> None:
    async with calm(mode) as slack, front(slack, Store(mail), mode), pumping(slack, mail) as received:
        ann, bob = slack.user("ann"), slack.user("bob")
        general = slack.channel("general", members=[ann, bob])
        asked = await ann.says(general, f"{slack.mention} add these for <@{bob.user_id}>", files=[("a.csv", b"1")])
        await slack.wait_for(lambda: received.messages)
        await bob.says(general, "just talk")
        card = await _card(slack, general.id, asked.ts)
        await ann.clicks(card, "Approve")
        await ann.reacts(card, "+1")
        await ann.runs("/gofer status", general)
        await ann.shortcut("hand_over", asked)
        await ann.shortcut("new_task")
        await ann.opens_home()
        await ann.says(general, "faster", thread=asked)
        await slack.wait_for(lambda: len(received.things) == 7 and received.happenings)
        await slack.settled()
        kinds = {type(thing).__name__ for thing in received.things}
        first = received.messages[0]
        assert (first.text, first.mentioned, first.person.name) == ("add these for @bob", True, "ann")
        assert [file.name for file in first.files] == ["a.csv"]
        assert first.addressed == (f"slack:{slack.team_id}:{bob.user_id}",)
        assert kinds == {"IncomingMessage", "IncomingChoice", "IncomingReaction", "IncomingCommand"}
        names = sorted(thing.name for thing in received.things if isinstance(thing, IncomingCommand))
        assert names == ["gofer", "hand_over", "new_task"]
        (choice,) = (thing for thing in received.things if isinstance(thing, IncomingChoice))
        assert (choice.token, choice.thread.thread) == ("g1:answer:a_1:0:approve", asked.ts)
        (reaction,) = (thing for thing in received.things if isinstance(thing, IncomingReaction))
        assert reaction.message.message_id == card.ts
        assert [happening.kind for happening in received.happenings] == ["home"]
        assert all(delivery.acked and delivery.attempt == 0 for delivery in slack.deliveries)


async def _card(slack: SlackFake, channel: str, thread_ts: str) -> Message:
    """A message of Gofer's with a button."""
    client = make_client(slack.bot_token, slack.url)
    posted = await client.chat_postMessage(channel=channel, thread_ts=thread_ts, text="May I?", blocks=[BUTTON])
    await close_client(client)
    return next(message for message in slack.messages(channel) if message.ts == posted["ts"])


@pytest.mark.parametrize("mode", MODES)
async def test_store_that_fails_once_makes_slack_deliver_again_and_one_arrival(mail: Mailbox, mode: Mode) -> None:
    store = Store(mail, failures=2)
    async with SlackFake(mode) as slack:
        slack.ack_timeout_s = 0.3
        async with front(slack, store, mode), pumping(slack, mail) as received:
            ann = slack.user("ann")
            general = slack.channel("general", members=[ann])
            await ann.says(general, f"{slack.mention} hello")
            await slack.settled()
            await slack.wait_for(lambda: received.messages)
            assert store.failed == 2
            assert [said.text for said in received.messages] == ["hello"]
            # At least: Slack delivers again, too, when the acknowledgement comes late.
            assert sum(delivery.attempt > 0 for delivery in slack.deliveries) >= 2


@pytest.mark.parametrize("mode", MODES)
async def test_redelivery_makes_nothing_twice(mail: Mailbox, mode: Mode) -> None:
    async with calm(mode) as slack, front(slack, Store(mail), mode), pumping(slack, mail) as received:
        ann = slack.user("ann")
        general = slack.channel("general", members=[ann])
        await ann.says(general, f"{slack.mention} hello")
        await slack.wait_for(lambda: received.messages)
        for delivery in list(slack.deliveries):
            await slack.redeliver(delivery, times=3)
        await ann.says(general, f"{slack.mention} last")
        await slack.wait_for(lambda: received.messages[-1].text == "last")
        await slack.settled()
        assert [said.text for said in received.messages] == ["hello", "last"]
        assert all(delivery.acked for delivery in slack.deliveries)


@pytest.mark.parametrize("mode", MODES)
async def test_what_was_acknowledged_outlives_the_process_that_did(mail: Mailbox, mode: Mode) -> None:
    async with calm(mode) as slack:
        ann = slack.user("ann")
        general = slack.channel("general", members=[ann])
        async with front(slack, Store(mail), mode):
            await ann.says(general, f"{slack.mention} hello")
            await slack.settled()
        # The process is gone after the acknowledgement: Slack will not say it again.
        assert all(delivery.acked for delivery in slack.deliveries)
        assert await mail.claim("slack", "dead", limit=10)
        async with pumping(slack, mail) as received:
            await slack.wait_for(lambda: received.messages)
        assert [said.text for said in received.messages] == ["hello"]


@pytest.mark.parametrize("mode", MODES)
async def test_burst_is_acknowledged_whole_without_a_redelivery(mail: Mailbox, mode: Mode) -> None:
    async with calm(mode) as slack, front(slack, Store(mail), mode), pumping(slack, mail) as received:
        people = [slack.user(f"u{number}") for number in range(10)]
        rooms = [slack.dm(person) for person in people]
        roots = [await person.says(room, "begin") for person, room in zip(people, rooms, strict=True)]
        for number in range(19):
            for person, room, root in zip(people, rooms, roots, strict=True):
                await person.says(room, f"m{number}", thread=root)
        await slack.wait_for(lambda: len(received.messages) == 200, timeout=60)
        await slack.settled()
        assert [delivery for delivery in slack.deliveries if delivery.attempt or not delivery.acked] == []
        for root in roots:
            said = [found.text for found in received.messages if found.thread.thread == root.ts]
            assert sorted(said) == sorted(["begin", *(f"m{number}" for number in range(19))])


async def test_lost_sockets_lose_nothing(mail: Mailbox) -> None:
    async with calm() as slack, front(slack, Store(mail), "socket"), pumping(slack, mail) as received:
        ann = slack.user("ann")
        general = slack.channel("general", members=[ann])
        for number in range(2):
            await ann.says(general, f"{slack.mention} before {number}")
            await slack.drop_sockets(graceful=False)
            await ann.says(general, f"{slack.mention} after {number}")
        await slack.wait_for(lambda: len(received.messages) == 4)
        await slack.settled()
        assert {said.text for said in received.messages} == {"before 0", "after 0", "before 1", "after 1"}


async def test_connection_that_slack_wants_replaced_is_kept_until_slack_ends_it(mail: Mailbox) -> None:
    async with calm() as slack, front(slack, Store(mail), "socket"), pumping(slack, mail) as received:
        ann = slack.user("ann")
        general = slack.channel("general", members=[ann])
        counts: list[int] = []
        slack.world.on_change.append(lambda: counts.append(slack.socket_count))
        await ann.says(general, f"{slack.mention} before")
        await slack.settled()
        await slack.drop_sockets(graceful=True)
        await ann.says(general, f"{slack.mention} after")
        await slack.wait_for(lambda: len(received.messages) == 2)
        await slack.settled()
        assert 2 in counts
        assert 0 not in counts, "the new one was open before the old one ended"
        assert [delivery for delivery in slack.deliveries if not delivery.acked] == []


async def test_two_processes_share_what_arrives(mail: Mailbox) -> None:
    async with calm() as slack, AsyncExitStack() as stack:
        await stack.enter_async_context(front(slack, Store(mail), "socket"))
        second = FrontDoor(mail.take_in, only(workspace(slack)), SystemClock().now)
        run = asyncio.create_task(Socket(slack.app_token, second.take, base_url=slack.url).run())
        await slack.wait_for(lambda: slack.socket_count == 2)
        received = await stack.enter_async_context(pumping(slack, mail))
        ann = slack.user("ann")
        general = slack.channel("general", members=[ann])
        for number in range(10):
            await ann.says(general, f"{slack.mention} {number}")
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        await slack.wait_for(lambda: len(received.messages) == 10)
        await slack.settled()
        assert sorted(int(said.text) for said in received.messages) == list(range(10))


# -- the beginning and the end of a connection


async def _unused(payload: Payload) -> Reply:
    raise AssertionError(payload)


@asynccontextmanager
async def opening(
    slack: SlackFake, take: Callable[[Payload], Awaitable[Reply]] = _unused
) -> AsyncGenerator[tuple[Socket, list[float]]]:
    """A socket whose waits between tries are only noted."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    socket = Socket(slack.app_token, take, base_url=slack.url, sleep=sleep)
    run = asyncio.create_task(socket.run())
    try:
        yield socket, waits
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)


async def test_first_connection_that_fails_is_tried_again_with_growing_waits_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with SlackFake() as slack:
        slack.faults.error("apps.connections.open", "internal_error", times=4)
        async with opening(slack) as (socket, waits):
            await asyncio.wait_for(socket.connected.wait(), 20)
            assert waits == [1, 2, 5, 10]
    told = [line for line in caplog.messages if line.startswith("Slack: no connection")]
    assert len(told) == 4
    assert "Next try in 1 s." in told[0]


async def test_refused_app_token_is_told_with_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    async with SlackFake() as slack:
        slack.faults.error("apps.connections.open", "invalid_auth")
        async with opening(slack) as (socket, waits):
            await asyncio.wait_for(socket.connected.wait(), 20)
            assert waits == [1]
    assert any("SLACK_APP_TOKEN" in line and "connections:write" in line for line in caplog.messages)


async def test_wait_that_slack_asks_for_is_kept() -> None:
    async with SlackFake() as slack:
        slack.faults.rate_limit("apps.connections.open", retry_after_s=30)
        async with opening(slack) as (socket, waits):
            await asyncio.wait_for(socket.connected.wait(), 20)
            assert waits == [30]


async def test_address_that_leads_nowhere_is_replaced_by_a_fresh_one() -> None:
    opened = 0

    async def open_connection(request: web.Request) -> web.Response:
        nonlocal opened
        opened += 1
        path = "socket" if opened > 2 else "spent"
        return web.json_response({"ok": True, "url": f"ws://{request.host}/{path}"})

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": 1})
        await socket.receive()
        return socket

    app = web.Application()
    app.router.add_post("/api/apps.connections.open", open_connection)
    app.router.add_get("/socket", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    socket = Socket("xapp-1", _unused, base_url=f"http://127.0.0.1:{runner.addresses[0][1]}/api/", sleep=sleep)
    run = asyncio.create_task(socket.run())
    await asyncio.wait_for(socket.connected.wait(), 20)
    assert (opened, waits) == (3, [1, 2])
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    await runner.cleanup()


async def test_connections_that_slack_ends_again_and_again_are_not_opened_in_a_hurry() -> None:
    async with SlackFake() as slack, opening(slack) as (_, waits):
        for _ in range(6):
            await slack.wait_for(lambda: slack.socket_count)
            await slack.drop_sockets(graceful=False)
        await slack.wait_for(lambda: slack.socket_count)
        assert waits[:4] == [1, 2, 5, 10]


async def test_closing_finishes_and_acknowledges_what_is_at_work() -> None:
    gate, begun = asyncio.Event(), asyncio.Event()

    async def take(payload: Payload) -> Reply:
        begun.set()
        await gate.wait()
        return Reply(200)

    async with calm() as slack:
        ann = slack.user("ann")
        general = slack.channel("general", members=[ann])
        async with opening(slack, take) as (_, _):
            await slack.wait_for(lambda: slack.socket_count)
            await ann.says(general, "hello")
            await begun.wait()
            asyncio.get_running_loop().call_later(0.05, gate.set)
        await slack.settled()
        assert [delivery.acked for delivery in slack.deliveries] == [True]


async def test_acknowledgement_may_say_something() -> None:
    async def take(payload: Payload) -> Reply:
        return Reply(200, {}, json.dumps({"text": "hi"}))

    async with calm() as slack:
        ann = slack.user("ann")
        general = slack.channel("general", members=[ann])
        async with opening(slack, take):
            await slack.wait_for(lambda: slack.socket_count)
            await ann.runs("/gofer", general)
            assert [message.text for message in slack.ephemerals(ann)] == ["hi"]


async def test_delivery_that_cannot_be_read_is_not_acknowledged_and_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = 1

    async def take(payload: Payload) -> Reply:
        nonlocal broken
        if broken:
            broken -= 1
            raise KeyError("odd")
        return Reply(200)

    async with SlackFake() as slack:
        slack.ack_timeout_s = 0.2
        ann = slack.user("ann")
        general = slack.channel("general", members=[ann])
        async with opening(slack, take):
            await slack.wait_for(lambda: slack.socket_count)
            await ann.says(general, "hello")
            await slack.settled()
        assert not slack.deliveries[0].acked
        assert slack.deliveries[-1].acked
    assert "A delivery of Slack could not be read" in caplog.messages
