"""The front door: stored in order, answered once stored; over HTTP only what Discord has signed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.domain.errors import NotAllowed
from agent.service import Arrival
from bot.discord.arrivals import ChannelFacts
from bot.discord.door import FrontDoor
from bot.discord.interactions import Answering, HttpDoor
from bot.discord.payload import Payload
from bot.discord.shard import Shard
from bot.discord.web import Web

GOFER, ANN = "900", "1"
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@dataclass
class Calls:
    """Stands in for the REST API: notes what it is asked."""

    made: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def call(self, method: str, path: str, ids: Mapping[str, str], *, json: Payload | None = None) -> Any:
        self.made.append((path.format(**ids), json))
        self.heard.set()
        return None


@dataclass
class Store:
    """Keeps arrivals by their keys; `broken` times it cannot."""

    kept: dict[str, Arrival] = field(default_factory=dict[str, Arrival])
    broken: int = 0
    stored: asyncio.Event = field(default_factory=asyncio.Event)

    async def take_in(self, arrival: Arrival) -> bool:
        await asyncio.sleep(0)
        if self.broken:
            self.broken -= 1
            raise OSError("the disk is full")
        if {arrival.arrival_id, arrival.twin} & set(self.kept):
            return False
        self.kept[arrival.arrival_id] = arrival
        self.stored.set()
        if arrival.twin:
            self.kept[arrival.twin] = arrival
        return True

    @property
    def ids(self) -> list[str]:
        return [key for key, arrival in self.kept.items() if key == arrival.arrival_id]


class Opened:
    """A door at work on such a store. Waiting takes no time, but lets others go on."""

    def __init__(self, suggest: Callable[[Payload], Awaitable[list[tuple[str, str]]]] | None = None) -> None:
        self.store, self.calls = Store(), Calls()
        self.waited: list[float] = []
        answering = Answering(cast(Web, self.calls), self._sleep, suggest or self._nothing)
        self.door = FrontDoor(self.store.take_in, GOFER, self._facts, lambda: NOW, self._sleep, answering)

    async def __aenter__(self) -> Opened:
        self.running = asyncio.create_task(self.door.run())
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.door.close()
        self.running.cancel()

    async def _sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        await asyncio.sleep(0)

    async def _nothing(self, payload: Payload) -> list[tuple[str, str]]:
        return []

    def _facts(self, channel_id: str) -> ChannelFacts:
        return ChannelFacts(11, "60")


def said(message_id: str) -> dict[str, Any]:
    return {"id": message_id, "type": 0, "channel_id": "70", "guild_id": "50", "author": {"id": ANN}, "content": "hi"}


def reacted(**more: Any) -> dict[str, Any]:
    base = {"user_id": ANN, "channel_id": "70", "message_id": "81", "guild_id": "50", "message_author_id": GOFER}
    return base | {"emoji": {"id": None, "name": "✅"}} | more


def clicked(custom_id: str, interaction_id: str = "300") -> dict[str, Any]:
    base = {"id": interaction_id, "type": 3, "token": "tok", "application_id": "901", "channel_id": "70"}
    return base | {"guild_id": "50", "data": {"custom_id": custom_id}}


async def test_what_comes_is_stored_in_its_order_though_the_store_stumbles() -> None:
    async with Opened() as it:
        it.store.broken = 2
        for number in ("1", "2", "3"):
            it.door.take("MESSAGE_CREATE", said(number))
        await it.door.close()
        assert it.store.ids == ["discord:message:1", "discord:message:2", "discord:message:3"]
        assert it.waited == [1.0, 1.0]


async def test_an_event_that_cannot_be_read_stops_nothing() -> None:
    async with Opened() as it:
        it.door.take("MESSAGE_DELETE_BULK", {"ids": 3, "channel_id": {"id": []}})
        it.door.take("MESSAGE_CREATE", said("2"))
        await it.door.close()
        assert it.store.ids == ["discord:message:2"]


async def test_what_was_missed_is_stored_before_what_comes_live() -> None:
    async with Opened() as it:
        it.door.hold()
        it.door.take("MESSAGE_CREATE", said("9"))
        await it.door.missed("MESSAGE_CREATE", said("5"))
        it.door.release()
        await it.door.close()
        assert it.store.ids == ["discord:message:5", "discord:message:9"]


async def test_what_one_connection_missed_holds_back_no_other() -> None:
    first, second = Shard(0, 2), Shard(1, 2)
    async with Opened() as it:
        it.door.hold(second)
        it.door.take("MESSAGE_CREATE", said("8"), second)
        it.door.take("MESSAGE_CREATE", said("9"), second)
        it.door.take("MESSAGE_CREATE", said("10"), first)
        await it.store.stored.wait()
        assert it.store.ids == ["discord:message:10"]
        assert it.door.heard_at == {first: NOW}
        it.door.release(second)
        await it.door.close()
        assert it.store.ids == ["discord:message:10", "discord:message:8", "discord:message:9"]


async def test_what_is_held_back_is_stored_when_gofer_stops() -> None:
    async with Opened() as it:
        it.door.hold(Shard(1, 2))
        it.door.take("MESSAGE_CREATE", said("8"), Shard(1, 2))
        await it.door.close()
        assert it.store.ids == ["discord:message:8"]


async def test_an_emoji_told_twice_counts_once_and_put_on_again_it_counts_again() -> None:
    async with Opened() as it:
        it.door.take("MESSAGE_REACTION_ADD", reacted())
        it.door.take("MESSAGE_REACTION_ADD", reacted())
        await it.door.missed("MESSAGE_REACTION_ADD", reacted())
        it.door.take("MESSAGE_REACTION_REMOVE", reacted())
        it.door.take("MESSAGE_REACTION_ADD", reacted())
        await it.door.close()
        assert len(it.store.ids) == 2


async def test_an_emoji_that_was_heard_before_a_restart_counts_once_when_it_is_asked_for() -> None:
    async with Opened() as before:
        before.door.take("MESSAGE_REACTION_ADD", reacted())
        await before.door.close()
        async with Opened() as after:
            after.store.kept |= before.store.kept
            await after.door.missed("MESSAGE_REACTION_ADD", reacted())
            assert len(after.store.ids) == 1
            after.door.take("MESSAGE_REACTION_REMOVE", reacted())
            after.door.take("MESSAGE_REACTION_ADD", reacted())
            await after.door.close()
            assert len(after.store.ids) == 2


@pytest.mark.promise("stored-first")
async def test_a_click_is_answered_once_it_is_stored_and_one_told_twice_once() -> None:
    async with Opened() as it:
        it.door.take("INTERACTION_CREATE", clicked("g1:answer:a_1:1:approve"))
        it.door.take("INTERACTION_CREATE", clicked("g1:answer:a_1:1:approve"))
        await it.door.close()
        assert it.calls.made == [("/interactions/300/tok/callback", {"type": 6})]
        assert it.store.ids == ["discord:interaction:300"]


@pytest.mark.promise("stored-first")
async def test_a_click_that_could_not_be_stored_is_not_answered() -> None:
    async with Opened() as it:
        it.store.broken = 1
        it.door.take("INTERACTION_CREATE", clicked("g1:answer:a_1:1:approve"))
        await it.door.close()
        assert it.calls.made == []
        assert it.store.ids == []


async def test_a_click_that_may_open_a_form_is_answered_after_two_seconds() -> None:
    async with Opened() as it:
        await it.door.interact(clicked("g1:steer:t_1:0:"))
        assert it.calls.made == []
        await asyncio.wait_for(it.calls.heard.wait(), 5)
        assert it.waited == [2.0]
        assert it.calls.made == [("/interactions/300/tok/callback", {"type": 6})]


async def test_a_command_is_thinking_in_private() -> None:
    async with Opened() as it:
        command = {"id": "301", "type": 2, "token": "tok", "data": {"name": "gofer", "options": [{"name": "help"}]}}
        await it.door.interact(command)
        assert it.calls.made == [("/interactions/301/tok/callback", {"type": 5, "data": {"flags": 64}})]


async def test_what_is_being_typed_is_answered_and_never_stored() -> None:
    async def suggest(payload: Payload) -> list[tuple[str, str]]:
        return [(f"task {number}", f"t_{number}") for number in range(40)]

    async with Opened(suggest) as it:
        await it.door.interact({"id": "302", "type": 4, "token": "tok", "data": {"name": "task"}})
        ((_, answer),) = it.calls.made
        assert answer["type"] == 8
        assert len(answer["data"]["choices"]) == 25
        assert answer["data"]["choices"][0] == {"name": "task 0", "value": "t_0"}
        assert it.store.ids == []


async def test_who_has_no_access_gets_no_suggestions() -> None:
    async def suggest(payload: Payload) -> list[tuple[str, str]]:
        raise NotAllowed("You have no access here.", next_step="Ask an admin.")

    async with Opened(suggest) as it:
        await it.door.interact({"id": "302", "type": 4, "token": "tok", "data": {"name": "task"}})
        assert it.calls.made == [("/interactions/302/tok/callback", {"type": 8, "data": {"choices": []}})]


@dataclass(frozen=True)
class Visit:
    body: bytes
    headers: Mapping[str, str]


@dataclass
class Poster:
    """Discord, posting signed requests."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    taken: list[Payload] = field(default_factory=list[Payload])
    broken: bool = False

    @property
    def door(self) -> HttpDoor:
        public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
        return HttpDoor(public, self._take)

    async def _take(self, payload: Payload) -> None:
        if self.broken:
            raise OSError("the disk is full")
        self.taken.append(payload)

    def visit(self, payload: object, *, stamp: str = "1764000000", body: bytes | None = None) -> Visit:
        signed = json.dumps(payload).encode()
        signature = self.key.sign(stamp.encode() + signed).hex()
        return Visit(body or signed, {"X-Signature-Ed25519": signature, "X-Signature-Timestamp": stamp})


async def test_discords_question_whether_somebody_is_there_is_answered() -> None:
    reply = await Poster().door.handle(Poster(key=(key := Ed25519PrivateKey.generate())).visit({"type": 1}))
    assert reply.status == 401
    reply = await Poster(key=key).door.handle(Poster(key=key).visit({"type": 1}))
    assert (reply.status, json.loads(reply.body)) == (200, {"type": 1})


async def test_a_signed_interaction_is_taken_and_what_cannot_be_stored_is_not() -> None:
    discord = Poster()
    payload = clicked("g1:stop:t_1:0:")
    assert (await discord.door.handle(discord.visit(payload))).status == 202
    assert discord.taken == [payload]
    discord.broken = True
    assert (await discord.door.handle(discord.visit(payload))).status == 503


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Signature-Ed25519": "zz", "X-Signature-Timestamp": "1"},
        {"X-Signature-Ed25519": "00" * 64, "X-Signature-Timestamp": "1"},
        {"X-Signature-Ed25519": "é", "X-Signature-Timestamp": "ü"},
    ],
    ids=["none", "no hex", "wrong", "no ascii"],
)
async def test_what_discord_did_not_sign_is_refused(headers: Mapping[str, str]) -> None:
    discord = Poster()
    assert (await discord.door.handle(Visit(b'{"type": 1}', headers))).status == 401
    assert discord.taken == []


async def test_a_body_that_was_changed_on_the_way_is_refused() -> None:
    discord = Poster()
    changed = discord.visit({"type": 1}, body=b'{"type": 2}')
    assert (await discord.door.handle(changed)).status == 401
    assert (await discord.door.handle(discord.visit([1]))).status == 400
