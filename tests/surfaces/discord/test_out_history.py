"""What was said before a request: threads, forwarded messages, links, and who may see what is behind them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from agent.domain.people import Standing
from bot.discord.sight import EVERYTHING, MANAGE_THREADS, READ_HISTORY, VIEW_CHANNEL, rights_of
from bot.discord.words import heading_of, link_parts, links, plain_text, words_of
from bot.surface import IncomingFile, MessageRef, Said
from tests.fakes.discord import DiscordFake
from tests.surfaces.discord.out import approval, at, direct, opened, place


@pytest.fixture
async def discord() -> AsyncGenerator[DiscordFake]:
    async with DiscordFake() as fake:
        yield fake


def told(said: tuple[Said, ...]) -> list[str]:
    return [one.text for one in said]


async def read(file: IncomingFile) -> bytes:
    return b"".join([piece async for piece in file.fetch()])


async def test_the_thread_before_the_request_with_its_people_and_files(discord: DiscordFake) -> None:
    ann, bob = discord.user("ann"), discord.user("bob")
    general = discord.channel("general")
    root = await ann.says(general, "The numbers", files=[("may.csv", b"1,2")])
    reply = await bob.says(general, f"{ann.mention} see https://example.com/a", thread=root)
    request = await ann.says(general, f"{discord.mention} sum them", thread=root)
    await ann.says(general, "later", thread=root)
    async with opened(discord) as surface:
        ours = await surface.post(place(discord, general, root), approval(), key="ask:a_1")
        first, second = await surface.history(at(discord, request).thread, before=at(discord, request))
        everything = await surface.history(at(discord, request).thread)
        assert await read(first.files[0]) == b"1,2"
    assert (first.text, first.message, first.by_gofer) == ("The numbers", at(discord, root), False)
    assert (first.person.person_id, first.person.name) == (f"discord:{ann.user_id}", "ann")
    assert first.link == discord.link(root)
    assert (second.text, second.link) == ("@ann see https://example.com/a", discord.link(reply))
    assert second.person.standing is Standing.MEMBER
    assert [one.by_gofer for one in everything] == [False] * 4 + [True]
    assert everything[-1].message == ours.message


async def test_a_request_that_begins_a_thread_has_nothing_before_it(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    await ann.says(general, "something else")
    request = await ann.says(general, f"{discord.mention} hello")
    async with opened(discord) as surface:
        assert await surface.history(at(discord, request).thread, before=at(discord, request)) == ()


async def test_the_newest_of_a_long_thread_of_a_channel_and_of_direct_messages(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    root = await ann.says(general, "root")
    for n in range(230):
        await ann.says(general, f"reply {n}", thread=root)
    for n in range(3):
        await ann.says(general, f"message {n}")
        await ann.says(discord.dm(ann), f"secret {n}")
    async with opened(discord) as surface:
        said = await surface.history(place(discord, general, root), limit=3)
        assert told(said) == ["reply 227", "reply 228", "reply 229"]
        assert len(await surface.history(place(discord, general, root), limit=300)) == 231
        assert told(await surface.history(place(discord, general), limit=2)) == ["message 1", "message 2"]
        assert told(await surface.history(direct(discord, ann), limit=2)) == ["secret 1", "secret 2"]


async def test_a_conversation_without_a_thread_is_what_answers_its_first_message(discord: DiscordFake) -> None:
    ann, bob = discord.user("ann"), discord.user("bob")
    general = discord.channel("general", denied="create_public_threads")
    request = await ann.says(general, f"{discord.mention} please")
    thread = place(discord, general, request)
    async with opened(discord) as surface:
        await surface.post(thread, approval(), key="ask:a_1")
        card = discord.messages(general)[-1]
        await bob.says(general, "lunch?")
        await ann.says(general, "only May", answers=card)
        last = await ann.says(general, f"{discord.mention} and June", answers=card)
        said = await surface.history(thread, before=MessageRef(thread, str(last.id)))
    assert [one.text for one in said if not one.by_gofer] == ["@gofer please", "only May"]


async def test_a_thread_that_is_gone_has_no_history(discord: DiscordFake) -> None:
    general = discord.channel("general")
    async with opened(discord) as surface:
        assert await surface.history(place(discord, general, "1200000000000000000")) == ()
        assert await surface.find(place(discord, general, "1200000000000000000"), "ask:a_1") is None


async def test_forwarded_messages_are_told_with_their_files(discord: DiscordFake) -> None:
    ann, bob = discord.user("ann"), discord.user("bob")
    general, far = discord.channel("general"), discord.channel("far")
    original = await bob.says(far, "the old numbers", files=[("old.csv", b"3,4")])
    root = await ann.says(general, "", forwards=original)
    request = await ann.says(general, f"{discord.mention} compare", thread=root)
    async with opened(discord) as surface:
        (forwarded,) = await surface.history(at(discord, request).thread, before=at(discord, request))
        assert await read(forwarded.files[0]) == b"3,4"
    assert (forwarded.text, forwarded.link) == ("the old numbers", discord.link(original))
    assert forwarded.person.standing is Standing.OUTSIDER


async def test_a_link_in_the_request_is_followed_with_its_file(discord: DiscordFake) -> None:
    ann, bob = discord.user("ann"), discord.user("bob")
    general, other = discord.channel("general"), discord.channel("other")
    root = await bob.says(other, "root")
    linked = await bob.says(other, "the numbers", thread=root, files=[("n.csv", b"5,6")])
    request = await ann.says(general, f"{discord.mention} sum {discord.link(linked)}")
    async with opened(discord) as surface:
        (said,) = await surface.history(at(discord, request).thread, before=at(discord, request))
        assert await read(said.files[0]) == b"5,6"
    assert (said.text, said.person.name, said.link) == ("the numbers", "bob", discord.link(linked))
    assert said.message == at(discord, linked)


@pytest.mark.parametrize("case", ["gofer is not in it", "the author is not in it", "the reader is not", "it is gone"])
async def test_a_link_is_not_followed_where_somebody_may_not_look(discord: DiscordFake, case: str) -> None:
    ann, bob, eve = discord.user("ann"), discord.user("bob"), discord.user("eve")
    general = discord.channel("general")
    inside = {"the author is not in it": [bob, eve], "the reader is not": [bob, ann]}.get(case, [ann, bob, eve])
    denied = "view_channel" if case == "gofer is not in it" else ""
    other = discord.channel("secret", members=inside, denied=denied)
    linked = await bob.says(other, "secret numbers")
    if case == "it is gone":
        await bob.deletes(linked)
    root = await ann.says(general, f"see {discord.link(linked)}")
    request = await eve.says(general, f"{discord.mention} sum", thread=root)
    async with opened(discord) as surface:
        said = await surface.history(
            at(discord, request).thread, before=at(discord, request), reader=f"discord:{eve.user_id}"
        )
    assert len(said) == 1
    assert "secret numbers" not in str(told(said))


async def test_a_link_to_the_same_thread_is_not_told_twice(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    root = await ann.says(general, "root")
    request = await ann.says(general, f"{discord.mention} see {discord.link(root)}", thread=root)
    async with opened(discord) as surface:
        assert told(await surface.history(at(discord, request).thread, before=at(discord, request))) == ["root"]


async def test_a_program_is_told_as_a_program(discord: DiscordFake) -> None:
    ann, robot = discord.user("ann"), discord.user("robot", bot=True)
    general = discord.channel("general")
    root = await robot.says(general, "build failed")
    request = await ann.says(general, f"{discord.mention} why", thread=root)
    async with opened(discord) as surface:
        (said,) = await surface.history(at(discord, request).thread, before=at(discord, request))
    assert said.person.standing is Standing.BOT


@pytest.mark.parametrize("case", ["a role lets her", "nothing lets her", "she is in it", "she manages threads"])
async def test_who_sees_a_channel_or_a_private_thread_is_what_discord_says(discord: DiscordFake, case: str) -> None:
    ann, bob = discord.user("ann"), discord.user("bob")
    rights = {"a role lets her": {"administrator": True}, "she manages threads": {"manage_threads": True}}.get(case, {})
    discord.role("some", [ann], **rights)
    channel = discord.channel("secret", members=[ann] if case in ("she is in it", "she manages threads") else [bob])
    thread = discord.world.backend.create_thread(channel.id, "t", discord.bot_id, type=12)
    if case == "she is in it":
        discord.world.backend.add_thread_member(thread.id, ann.user_id)
    async with opened(discord) as surface:
        seen = await surface.sight.can_see(str(ann.user_id), str(channel.id))
        seen_inside = await surface.sight.can_see(str(ann.user_id), str(thread.id))
    assert (seen, seen_inside) == ((False, False) if case == "nothing lets her" else (True, True))


async def test_a_stranger_and_an_unknown_channel_see_nothing(discord: DiscordFake) -> None:
    ann, eve = discord.user("ann"), discord.user("eve", member=False)
    general = discord.channel("general")
    async with opened(discord) as surface:
        assert not await surface.sight.can_see(str(eve.user_id), str(general.id))
        assert not await surface.sight.can_see(str(ann.user_id), "1200000000000000000")
        assert not await surface.sight.can_see(str(ann.user_id), "../users/@me")
        assert await surface.sight.can_see(str(ann.user_id), str(discord.dm(ann).id))
        assert not await surface.sight.can_see(str(eve.user_id), str(discord.dm(ann).id))


def guild(**roles: int) -> dict[str, Any]:
    named = [{"id": role, "permissions": str(value)} for role, value in {"1": 0, **roles}.items()]
    return {"id": "1", "owner_id": "9", "roles": named}


def over(target: str, kind: int, *, allow: int = 0, deny: int = 0) -> dict[str, Any]:
    return {"id": target, "type": kind, "allow": str(allow), "deny": str(deny)}


@pytest.mark.parametrize(
    ("overwrites", "found"),
    [
        ([], VIEW_CHANNEL),
        ([over("1", 0, deny=VIEW_CHANNEL)], 0),
        ([over("1", 0, deny=VIEW_CHANNEL), over("2", 0, allow=VIEW_CHANNEL)], VIEW_CHANNEL),
        ([over("2", 0, allow=READ_HISTORY), over("3", 0, deny=READ_HISTORY)], VIEW_CHANNEL | READ_HISTORY),
        ([over("2", 0, allow=VIEW_CHANNEL), over("7", 1, deny=VIEW_CHANNEL)], 0),
        ([over("7", 0, deny=VIEW_CHANNEL), over("8", 1, deny=VIEW_CHANNEL)], VIEW_CHANNEL),
        ([over("1", 0, allow=MANAGE_THREADS)], VIEW_CHANNEL | MANAGE_THREADS),
    ],
)
def test_rights_come_from_roles_then_overwrites_in_discords_order(overwrites: list[Any], found: int) -> None:
    member = {"user": {"id": "7"}, "roles": ["2"]}
    assert rights_of(guild(**{"2": VIEW_CHANNEL}), member, {"permission_overwrites": overwrites}) == found


def test_owners_and_administrators_may_everything() -> None:
    closed = {"permission_overwrites": [over("1", 0, deny=VIEW_CHANNEL)]}
    assert rights_of(guild(), {"user": {"id": "9"}, "roles": []}, closed) == EVERYTHING
    assert rights_of(guild(**{"2": 8}), {"user": {"id": "7"}, "roles": ["2"]}, closed) == EVERYTHING


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("<@1> <@!2> <@9>", "@Ann & Co @Bob @9"),
        ("<#5> <@&6>", "#5 @role 6"),
        ("<:party:77> <a:dance:78>", ":party: :dance:"),
        ("<t:1700000000> <t:1700000000:R>", "2023-11-14 22:13 UTC 2023-11-14 22:13 UTC"),
        ("<t:99999999999999999>", "<t:99999999999999999>"),
        ("</task new:12>", "/task new"),
        ("a < b > c <>", "a < b > c <>"),
        ("<" * 5_000, "<" * 5_000),
        ("", ""),
    ],
)
def test_discords_signs_become_text(written: str, read_as: str) -> None:
    assert plain_text(written, {"1": "Ann & Co", "2": "Bob"}) == read_as


def test_what_a_program_drew_is_read_too() -> None:
    drawn = {
        "content": "",
        "embeds": [{"title": "Build", "fields": [{"name": "state", "value": "red"}]}],
        "components": [{"type": 17, "components": [{"type": 10, "content": "## Deploy"}, {"type": 14}]}],
    }
    assert words_of(drawn) == "Build\nstate: red\n## Deploy"


def test_a_thread_is_called_by_the_words_of_its_first_message() -> None:
    assert heading_of({"content": "<@1>  merge\nthem"}) == "merge them"
    card = {
        "components": [
            {"type": 17, "components": [{"type": 10, "content": "## 📋 Task of ann\nmerge \\*them\\_all\\*"}]}
        ]
    }
    assert heading_of(card) == "merge *them_all*"
    assert heading_of({"content": "<@1>"}) == ""
    assert (
        heading_of({"content": "<@1>", "attachments": [{"filename": "a.csv"}, {"filename": "b.csv"}]}) == "a.csv, b.csv"
    )


def test_links_to_messages_are_found_once() -> None:
    one, two = "https://discord.com/channels/1/2/3", "https://canary.discordapp.com/channels/@me/5/6"
    assert links({"content": f"{one} <{one}> {two} https://evil.example/channels/1/2/3"}) == (
        ("1", "2", "3"),
        ("@me", "5", "6"),
    )
    assert link_parts(f"<{one}>") == ("1", "2", "3")
    assert link_parts("general") is None
