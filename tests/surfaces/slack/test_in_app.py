"""Slack's front door over HTTP: stored before it is acknowledged, and only what Slack signed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest

from agent.service import Arrival, Mailbox
from agent.store import SqlJournal
from bot.slack.app import FrontDoor, only
from bot.slack.workspace import Workspace
from tests.store.databases import fresh_database
from tests.store.tasks import HandClock
from tests.surfaces.slack.in_payloads import (
    HERE,
    NOW,
    SECRET,
    Json,
    click,
    event,
    mention,
    message,
    request,
    shortcut,
    signature,
    slash,
    submission,
    view,
)


@dataclass
class Shelf:
    """A store that can fail, or take its time."""

    taken: list[Arrival] = field(default_factory=list)
    failures: int = 0
    gate: asyncio.Event | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def take_in(self, arrival: Arrival) -> bool:
        self.asked.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise OSError("no room")
        self.taken.append(arrival)
        return True


def door(shelf: Shelf, secret: str = SECRET) -> FrontDoor:
    return FrontDoor(shelf.take_in, only(HERE), lambda: NOW, signing_secret=secret)


ASKED = event(message("<@U0BOT> add"))


async def test_event_is_stored_before_it_is_acknowledged() -> None:
    shelf = Shelf(gate=asyncio.Event())
    answering = asyncio.create_task(door(shelf).handle(*request(ASKED)))
    await shelf.asked.wait()
    assert shelf.gate is not None
    assert not answering.done()
    shelf.gate.set()
    assert (await answering).status == 200
    assert [arrival.arrival_id for arrival in shelf.taken] == ["slack:ev:Ev1"]


@pytest.mark.promise("stored-first")
async def test_event_that_cannot_be_stored_is_not_acknowledged_and_stored_when_it_comes_again() -> None:
    shelf = Shelf(failures=1)
    front = door(shelf)
    raw, headers = request(ASKED)
    assert (await front.handle(raw, headers)).status == 500
    assert shelf.taken == []
    again = {**headers, "X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_error"}
    assert (await front.handle(raw, again)).status == 200
    assert len(shelf.taken) == 1


@pytest.mark.parametrize("number", ["0", "1", "3"])
async def test_a_delivery_that_comes_as_a_retry_may_be_the_first_and_is_stored(number: str) -> None:
    shelf = Shelf()
    raw, headers = request(ASKED)
    reply = await door(shelf).handle(
        raw, {**headers, "X-Slack-Retry-Num": number, "X-Slack-Retry-Reason": "http_error"}
    )
    assert (reply.status, len(shelf.taken)) == (200, 1)


@pytest.mark.parametrize(
    "body",
    [
        ASKED,
        click(),
        submission(view({}, [])),
        shortcut("hand_over", message("a")),
        shortcut("new_task"),
        slash("status"),
    ],
    ids=["event", "click", "form", "message shortcut", "global shortcut", "command"],
)
async def test_every_kind_is_stored_and_acknowledged_with_nothing_else(body: Json) -> None:
    shelf = Shelf()
    reply = await door(shelf).handle(*request(body))
    assert (reply.status, reply.body) == (200, "")
    assert len(shelf.taken) == 1


@pytest.mark.parametrize(
    "body",
    [
        event(message("just talk")),
        event({"type": "app_context_changed", "user": "U1"}),
        event({"type": "never_heard_of"}),
        {"type": "view_closed", "team": {"id": "T1"}, "user": {"id": "U1"}, "view": {"id": "V1"}},
        {"type": "block_suggestion", "team": {"id": "T1"}, "user": {"id": "U1"}, "value": "a", "action_id": "x"},
        {"type": "interactive_message", "team": {"id": "T1"}, "user": {"id": "U1"}, "actions": []},
        {"type": "dialog_submission", "team": {"id": "T1"}, "user": {"id": "U1"}},
    ],
)
async def test_what_is_not_kept_is_acknowledged_all_the_same(body: Json) -> None:
    shelf = Shelf()
    assert (await door(shelf).handle(*request(body))).status == 200
    assert shelf.taken == []


async def test_what_gofer_did_itself_is_left_out() -> None:
    shelf = Shelf()
    own = message("<@U0BOT> mine", user="U0BOT", bot_id="B0BOT", thread_ts="1.1")
    assert (await door(shelf).handle(*request(event(own)))).status == 200
    joined = {"type": "member_joined_channel", "user": "U0BOT", "channel": "C1", "event_ts": "1.2"}
    assert (await door(shelf).handle(*request(event(joined)))).status == 200
    assert [arrival.kind for arrival in shelf.taken] == ["joined"]


async def test_address_and_certificate_are_confirmed_to_slack() -> None:
    shelf = Shelf()
    challenge = {"type": "url_verification", "challenge": "3eZbrw1a", "token": "x"}
    reply = await door(shelf).handle(*request(challenge))
    assert reply.status == 200
    assert json.loads(reply.body) == {"challenge": "3eZbrw1a"}
    assert (await door(shelf).handle(urlencode({"ssl_check": "1", "token": "x"}).encode(), {})).status == 200
    assert shelf.taken == []


RAW, SIGNED = request(ASKED)
STAMP = SIGNED["X-Slack-Request-Timestamp"]
OLD = str(int((NOW - timedelta(seconds=301)).timestamp()))
AHEAD = str(int((NOW + timedelta(seconds=301)).timestamp()))


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        (RAW, {}),
        (RAW, {**SIGNED, "X-Slack-Signature": ""}),
        (RAW, {**SIGNED, "X-Slack-Signature": "v0=" + "0" * 64}),
        (RAW, {**SIGNED, "X-Slack-Signature": "v0=ä"}),
        (RAW, {**SIGNED, "X-Slack-Request-Timestamp": "soon"}),
        (RAW, {**SIGNED, "X-Slack-Request-Timestamp": ""}),
        (RAW, {**SIGNED, "X-Slack-Request-Timestamp": "-5"}),
        (RAW, {**SIGNED, "X-Slack-Request-Timestamp": "²"}),
        (RAW, {**SIGNED, "X-Slack-Request-Timestamp": "9" * 400}),
        (RAW, {**SIGNED, **signature(RAW, OLD)}),
        (RAW, {**SIGNED, **signature(RAW, AHEAD)}),
        (RAW, {**SIGNED, **signature(RAW, STAMP, "other-secret")}),
        (RAW + b" ", SIGNED),
        (b"\xff\xfe", {**SIGNED}),
        (b"{", SIGNED),
        (b"", SIGNED),
    ],
)
async def test_request_that_slack_did_not_sign_just_now_is_refused_and_never_read(
    raw: bytes, headers: dict[str, str]
) -> None:
    shelf = Shelf()
    assert (await door(shelf).handle(raw, headers)).status == 401
    assert shelf.taken == []


@pytest.mark.parametrize("secret", ["", "  "])
async def test_without_a_signing_secret_nothing_comes_in_over_http(secret: str) -> None:
    raw, headers = request(ASKED, secret=secret)
    assert (await door(Shelf(), secret).handle(raw, headers)).status == 401


@pytest.mark.parametrize("raw", [b"{", b"payload=%7B"])
async def test_signed_nonsense_is_a_bad_request(raw: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", **signature(raw, STAMP)}
    assert (await door(Shelf()).handle(raw, headers)).status == 400


async def test_body_beyond_all_measure_is_refused_unread() -> None:
    assert (await door(Shelf()).handle(b"a" * (4 * 1024 * 1024 + 1), SIGNED)).status == 413


async def test_other_workspace_than_those_installed_is_acknowledged_and_left_out() -> None:
    async def workspace_of(team_id: str) -> Workspace | None:
        return HERE if team_id == "T1" else None

    shelf = Shelf()
    front = FrontDoor(shelf.take_in, workspace_of, lambda: NOW, signing_secret=SECRET)
    foreign = event(message("<@U0BOT> a"), team_id="T9", authorizations=[{"team_id": "T9"}])
    assert (await front.handle(*request(foreign))).status == 200
    assert shelf.taken == []
    # In a shared channel the team is the other side's; the authorization tells which installation it came to.
    assert (await front.handle(*request(ASKED | {"team_id": "T9"}))).status == 200
    assert len(shelf.taken) == 1


# -- on a real journal


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncGenerator[SqlJournal]:
    with fresh_database("sqlite", tmp_path) as url:
        opened = await SqlJournal.open(url, tmp_path, HandClock())
        yield opened
        await opened.close()


async def test_a_burst_in_a_thread_is_stored_in_order(journal: SqlJournal) -> None:
    mail = Mailbox(journal.mail)
    front = FrontDoor(mail.take_in, only(HERE), lambda: NOW)
    said = [event(message(f"m{n}", f"176400000{n}.0", thread_ts="5.5"), f"Ev{n}") for n in range(8)]
    answers = await asyncio.gather(*(front.take(payload) for payload in said))
    assert {answer.status for answer in answers} == {200}
    for n in range(8):
        (arrival,) = await mail.claim("slack", "w1", limit=9)
        assert arrival.arrival_id == f"slack:ev:Ev{n}"
        await mail.settle(arrival.arrival_id, "w1")


@pytest.mark.parametrize("first", ["mention", "message"])
@pytest.mark.promise("stored-first")
async def test_mention_and_message_and_every_redelivery_are_one_arrival(journal: SqlJournal, first: str) -> None:
    mail = Mailbox(journal.mail)
    front = FrontDoor(mail.take_in, only(HERE), lambda: NOW, signing_secret=SECRET)
    bodies = [event(message("<@U0BOT> add"), "Ev1"), event(mention("<@U0BOT> add"), "Ev2")]
    if first == "mention":
        bodies.reverse()
    for body in bodies:
        for attempt in range(4):
            raw, headers = request(body)
            again = headers | ({"X-Slack-Retry-Num": str(attempt)} if attempt else {})
            assert (await front.handle(raw, again)).status == 200
    (kept,) = await mail.claim("slack", "p", limit=10)
    assert kept.arrival_id == ("slack:ev:Ev2" if first == "mention" else "slack:ev:Ev1")


async def test_burst_is_stored_whole(journal: SqlJournal) -> None:
    mail = Mailbox(journal.mail)
    front = FrontDoor(mail.take_in, only(HERE), lambda: NOW, signing_secret=SECRET)
    bodies = [
        event(message("hi", f"17640000{number:02}.0001", channel=f"D{number % 4}", channel_type="im"), f"Ev{number}")
        for number in range(60)
    ]
    replies = await asyncio.gather(*(front.handle(*request(body)) for body in bodies))
    assert {reply.status for reply in replies} == {200}
    kept = await mail.claim("slack", "p", limit=100)
    assert sorted(arrival.arrival_id for arrival in kept) == sorted(f"slack:ev:Ev{number}" for number in range(60))
