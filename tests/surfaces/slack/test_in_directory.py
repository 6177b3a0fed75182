"""Who people are and what they see, asked of the strict fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from agent.domain.people import Actor, Standing
from bot.slack.directory import KEPT_S, Directory
from bot.slack.web import close_client, make_client
from bot.surface import SurfaceDown
from tests.fakes.slack import SCOPES, SlackFake

ALL_SCOPES = (*SCOPES, "usergroups:read", "mpim:read")


class Hand:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@asynccontextmanager
async def asking(slack: SlackFake, *groups: str) -> AsyncGenerator[tuple[Directory, Hand]]:
    client = make_client(slack.bot_token, slack.url)
    hand = Hand()
    try:
        yield Directory(client, slack.team_id, groups=groups, now=hand), hand
    finally:
        await close_client(client)


async def test_everybody_has_the_standing_that_slack_gives_them() -> None:
    async with SlackFake() as slack, asking(slack) as (directory, _):
        ann, guest = slack.user("ann"), slack.user("guest", guest=True)
        bot, stranger, left = slack.user("helper", bot=True), slack.user("bob", outsider=True), slack.user("left")
        left.deleted = True
        slack.channel("shared", members=[ann, stranger])
        found = {
            human.name: (await directory.actor(human.user_id, "C1")).standing
            for human in (ann, guest, bot, stranger, left)
        }
        assert found == {
            "ann": Standing.MEMBER,
            "guest": Standing.GUEST,
            "helper": Standing.BOT,
            "bob": Standing.OUTSIDER,
            "left": Standing.OUTSIDER,
        }
        assert (await directory.actor(slack.bot_user_id)).standing is Standing.BOT
        assert (await directory.actor("U0NOBODY")).standing is Standing.OUTSIDER


async def test_actor_has_name_place_and_zone() -> None:
    async with SlackFake() as slack, asking(slack) as (directory, _):
        ann = slack.user("ann", tz="Asia/Tokyo")
        here = f"slack:{slack.team_id}"
        assert await directory.actor(ann.user_id, "C1") == Actor(f"{here}:{ann.user_id}", "ann", f"{here}:C1")
        assert await directory.actor(ann.user_id) == Actor(f"{here}:{ann.user_id}", "ann")
        assert (await directory.person(ann.user_id)).tz == "Asia/Tokyo"
        assert await directory.names([ann.user_id, "U0NOBODY"]) == {ann.user_id: "ann", "U0NOBODY": "U0NOBODY"}


async def test_answers_are_kept_a_minute_and_asked_for_once_at_a_time() -> None:
    async with SlackFake() as slack, asking(slack) as (directory, hand):
        ann = slack.user("ann")
        gate = slack.faults.hold("users.info")
        asks = [asyncio.create_task(directory.actor(ann.user_id, "C1")) for _ in range(5)]
        await gate.reached
        gate.open()
        assert len({(await ask).person_id for ask in asks}) == 1
        assert len(slack.calls("users.info")) == 1
        ann.guest = True
        hand.seconds = KEPT_S - 1
        assert (await directory.actor(ann.user_id)).standing is Standing.MEMBER
        hand.seconds = KEPT_S + 1
        assert (await directory.actor(ann.user_id)).standing is Standing.GUEST
        assert len(slack.calls("users.info")) == 2


async def test_whoever_asked_first_may_be_stopped_without_harm_to_the_others() -> None:
    async with SlackFake() as slack, asking(slack) as (directory, _):
        ann = slack.user("ann")
        gate = slack.faults.hold("users.info")
        first, second = (asyncio.create_task(directory.actor(ann.user_id)) for _ in range(2))
        await gate.reached
        first.cancel()
        assert (await second).name == "ann"
        gate.open()
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_slack_that_is_away_is_no_answer_about_anybody() -> None:
    async with SlackFake() as slack, asking(slack) as (directory, _):
        ann = slack.user("ann")
        slack.faults.rate_limit("users.info", retry_after_s=7)
        with pytest.raises(SurfaceDown) as limited:
            await directory.actor(ann.user_id)
        assert limited.value.retry_after_s == 7
        slack.faults.error("users.info", "internal_error")
        with pytest.raises(SurfaceDown):
            await directory.actor(ann.user_id)
        slack.faults.error("users.info", "token_revoked")
        with pytest.raises(SurfaceDown):
            await directory.actor(ann.user_id)
        assert (await directory.actor(ann.user_id)).standing is Standing.MEMBER


async def test_failure_is_shared_by_those_who_asked_together() -> None:
    async with SlackFake() as slack, asking(slack) as (directory, _):
        ann = slack.user("ann")
        gate = slack.faults.hold("users.info")
        slack.faults.error("users.info", "internal_error")
        asks = [asyncio.create_task(directory.actor(ann.user_id)) for _ in range(3)]
        await gate.reached
        gate.open()
        found = await asyncio.gather(*asks, return_exceptions=True)
        assert [type(error) for error in found] == [SurfaceDown] * 3
        assert len(slack.calls("users.info")) == 1


async def test_missing_scope_closes_and_says_so_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    scopes = [scope for scope in SCOPES if scope != "users:read"]
    async with SlackFake(scopes=scopes) as slack, asking(slack) as (directory, _):
        ann = slack.user("ann")
        assert (await directory.actor(ann.user_id)).standing is Standing.OUTSIDER
    assert any("lacks the scope users:read" in line for line in caplog.messages)


async def test_groups_are_those_the_policy_mentions_and_cost_nothing_without_any() -> None:
    async with SlackFake(scopes=ALL_SCOPES) as slack:
        ann, bob = slack.user("ann"), slack.user("bob")
        leads, others = slack.group("leads", [ann]), slack.group("others", [ann, bob])
        mentioned = f"slack:{slack.team_id}:{leads}"
        async with asking(slack, mentioned, "slack:T9:S1", "discord:G1:R2") as (directory, hand):
            assert (await directory.actor(ann.user_id)).groups == {mentioned}
            assert (await directory.actor(bob.user_id)).groups == frozenset()
            assert len(slack.calls("usergroups.users.list")) == 1
            slack.world.groups[leads][2].remove(ann.user_id)
            hand.seconds = KEPT_S + 1
            assert (await directory.actor(ann.user_id)).groups == frozenset()
        async with asking(slack) as (directory, _):
            assert (await directory.actor(ann.user_id)).groups == frozenset()
        assert len(slack.calls("usergroups.users.list")) == 2
        assert others


async def test_group_that_is_gone_has_nobody_in_it() -> None:
    async with SlackFake(scopes=ALL_SCOPES) as slack:
        ann = slack.user("ann")
        async with asking(slack, f"slack:{slack.team_id}:S0GONE") as (directory, _):
            assert (await directory.actor(ann.user_id)).groups == frozenset()


async def test_members_see_public_channels_and_everybody_what_they_are_in() -> None:
    async with SlackFake(scopes=ALL_SCOPES) as slack, asking(slack) as (directory, _):
        ann, bob = slack.user("ann"), slack.user("bob")
        guest, stranger = slack.user("guest", guest=True), slack.user("eve", outsider=True)
        helper = slack.user("helper", bot=True)
        public = slack.channel("public", members=[ann, helper])
        shared = slack.channel("shared", members=[ann, guest, stranger])
        private = slack.channel("private", private=True, members=[ann])
        hidden = slack.channel("hidden", private=True, members=[ann], bot=False)
        sees = {
            (human.name, channel.name): await directory.can_see(human.user_id, channel.id)
            for human in (ann, bob, guest, stranger, helper)
            for channel in (public, shared, private, hidden)
        }
        assert {pair for pair, seen in sees.items() if seen} == {
            ("ann", "public"),
            ("ann", "shared"),
            ("ann", "private"),
            ("bob", "public"),
            ("bob", "shared"),
            ("guest", "shared"),
            ("eve", "shared"),
        }
        assert not await directory.can_see(ann.user_id, "C0NONE")
        own = slack.dm(ann)
        assert await directory.can_see(ann.user_id, own.id)
        assert not await directory.can_see(bob.user_id, own.id)


async def test_long_member_lists_are_read_to_their_end() -> None:
    async with SlackFake() as slack, asking(slack) as (directory, _):
        crowd = [slack.user(f"u{number}") for number in range(700)]
        private = slack.channel("private", private=True, members=crowd)
        assert all([await directory.can_see(crowd[index].user_id, private.id) for index in (0, 350, 699)])
        assert len(slack.calls("conversations.members")) == 2


async def test_channel_says_what_it_is() -> None:
    async with SlackFake() as slack, asking(slack) as (directory, _):
        ann, stranger = slack.user("ann"), slack.user("eve", outsider=True)
        found = {}
        for channel in (
            slack.channel("public", members=[ann]),
            slack.channel("shared", members=[ann, stranger]),
            slack.channel("private", private=True, members=[ann]),
            slack.channel("away", members=[ann], bot=False),
            slack.dm(ann),
        ):
            info = await directory.channel(channel.id)
            assert info is not None
            found[info.name] = (info.private, info.shared, info.joined, info.direct)
        assert found == {
            "public": (False, False, True, False),
            "shared": (False, True, True, False),
            "private": (True, False, True, False),
            "away": (False, False, False, False),
            "": (True, False, True, True),
        }
        assert await directory.channel("C0NONE") is None
