"""What was said before: threads, forwarded messages, links, and Slack's signs as plain text."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from agent.domain.people import Standing
from bot.slack.mrkdwn import plain_text, users_in
from bot.surface import IncomingFile, MessageRef, Said
from tests.fakes.slack import Message, SlackFake
from tests.surfaces.slack.out import approval, opened, place


@pytest.fixture
async def slack() -> AsyncGenerator[SlackFake]:
    async with SlackFake("socket") as fake:
        yield fake


def told(said: tuple[Said, ...]) -> list[str]:
    return [one.text for one in said]


def at(slack: SlackFake, message: Message) -> MessageRef:
    return MessageRef(place(slack, message.channel, message.root_ts), message.ts)


async def read(file: IncomingFile) -> bytes:
    return b"".join([piece async for piece in file.fetch()])


async def test_the_thread_before_the_request_with_its_people_and_files(slack: SlackFake) -> None:
    ann, bob = slack.user("ann"), slack.user("bob", guest=True)
    general = slack.channel("general", members=[ann, bob])
    root = await ann.says(general, "The numbers & more", files=[("may.csv", b"1,2")])
    reply = await bob.says(general, f"{ann.mention} see https://example.com/a", thread=root)
    request = await ann.says(general, f"{slack.mention} sum them", thread=root)
    await ann.says(general, "later", thread=root)
    async with opened(slack) as surface:
        ours = await surface.post(place(slack, general, root), approval(), key="ask:a_1")
        first, second = await surface.history(at(slack, request).thread, before=at(slack, request))
        everything = await surface.history(at(slack, request).thread)
        assert await read(first.files[0]) == b"1,2"
    assert (first.text, first.message, first.by_gofer) == ("The numbers & more", at(slack, root), False)
    assert (first.person.person_id, first.person.name) == (f"slack:{slack.team_id}:{ann.id}", "ann")
    assert first.link == slack.permalink(root)
    assert (second.text, second.link) == ("@ann see https://example.com/a", slack.permalink(reply))
    assert second.person.standing is Standing.GUEST
    assert [one.by_gofer for one in everything] == [False] * 4 + [True]
    assert everything[-1].message == ours.message


async def test_a_request_that_begins_a_thread_has_nothing_before_it(slack: SlackFake) -> None:
    ann = slack.user("ann")
    general = slack.channel("general", members=[ann])
    await ann.says(general, "something else")
    request = await ann.says(general, f"{slack.mention} hello")
    async with opened(slack) as surface:
        assert await surface.history(at(slack, request).thread, before=at(slack, request)) == ()


async def test_the_newest_of_a_long_thread_and_of_a_channel(slack: SlackFake) -> None:
    ann = slack.user("ann")
    general = slack.channel("general", members=[ann])
    root = await ann.says(general, "root")
    for n in range(230):
        await ann.says(general, f"reply {n}", thread=root)
    for n in range(3):
        await ann.says(general, f"message {n}")
    async with opened(slack) as surface:
        said = await surface.history(place(slack, general, root), limit=3)
        assert told(said) == ["reply 227", "reply 228", "reply 229"]
        assert told(await surface.history(place(slack, general), limit=2)) == ["message 1", "message 2"]
        assert len(slack.calls("conversations.replies")) == 2


async def test_a_thread_that_is_gone_has_no_history(slack: SlackFake) -> None:
    general = slack.channel("general")
    async with opened(slack) as surface:
        assert await surface.history(place(slack, general, "1700000000.000100")) == ()
        assert await surface.find(place(slack, general, "1700000000.000100"), "ask:a_1") is None


async def test_forwarded_messages_are_told_with_their_author_and_files(slack: SlackFake) -> None:
    ann, bob = slack.user("ann"), slack.user("bob")
    general, far = slack.channel("general", members=[ann]), slack.channel("far", members=[ann, bob], bot=False)
    original = await bob.says(far, "the old numbers", files=[("old.csv", b"3,4")])
    root = await ann.forwards(original, general, "look")
    request = await ann.says(general, f"{slack.mention} compare", thread=root)
    async with opened(slack) as surface:
        forwarded, said = await surface.history(at(slack, request).thread, before=at(slack, request))
        assert await read(forwarded.files[0]) == b"3,4"
    assert (forwarded.text, forwarded.person.name) == ("the old numbers", "bob")
    assert forwarded.link == slack.permalink(original)
    assert said.text == "look"


async def test_a_link_in_the_request_is_followed_with_its_file(slack: SlackFake) -> None:
    ann, bob = slack.user("ann"), slack.user("bob")
    general, other = slack.channel("general", members=[ann]), slack.channel("other", members=[ann, bob])
    root = await bob.says(other, "root")
    linked = await bob.says(other, "the numbers", thread=root, files=[("n.csv", b"5,6")])
    request = await ann.says(general, f"{slack.mention} sum <{slack.permalink(linked).replace('&', '&amp;')}>")
    async with opened(slack) as surface:
        (said,) = await surface.history(at(slack, request).thread, before=at(slack, request))
        assert await read(said.files[0]) == b"5,6"
    assert (said.text, said.person.name, said.link) == ("the numbers", "bob", slack.permalink(linked))


@pytest.mark.parametrize("case", ["gofer is not in it", "the person is not in it", "it is gone"])
async def test_a_link_is_not_followed_where_somebody_may_not_look(slack: SlackFake, case: str) -> None:
    ann, bob = slack.user("ann"), slack.user("bob")
    general = slack.channel("general", members=[ann])
    members = [bob] if case == "the person is not in it" else [ann, bob]
    other = slack.channel("secret", private=True, members=members, bot=case != "gofer is not in it")
    linked = await bob.says(other, "secret numbers")
    if case == "it is gone":
        await bob.deletes(linked)
    root = await ann.says(general, f"see <{slack.permalink(linked)}>")
    request = await ann.says(general, f"{slack.mention} sum", thread=root)
    async with opened(slack) as surface:
        said = await surface.history(at(slack, request).thread, before=at(slack, request))
    assert len(said) == 1
    assert "secret numbers" not in str(told(said))


async def test_a_link_to_the_same_thread_is_not_told_twice(slack: SlackFake) -> None:
    ann = slack.user("ann")
    general = slack.channel("general", members=[ann])
    root = await ann.says(general, "root")
    request = await ann.says(general, f"{slack.mention} see <{slack.permalink(root)}>", thread=root)
    async with opened(slack) as surface:
        assert told(await surface.history(at(slack, request).thread, before=at(slack, request))) == ["root"]


async def test_a_program_is_told_as_a_program(slack: SlackFake) -> None:
    ann, robot = slack.user("ann"), slack.user("robot", bot=True)
    general = slack.channel("general", members=[ann, robot])
    root = await robot.says(general, "build failed")
    request = await ann.says(general, f"{slack.mention} why", thread=root)
    async with opened(slack) as surface:
        (said,) = await surface.history(at(slack, request).thread, before=at(slack, request))
    assert said.person.standing is Standing.BOT


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("plain &amp; &lt;simple&gt;", "plain & <simple>"),
        ("<@U1> <@U2|Bob> <@U9>", "@Ann & Co @Bob @U9"),
        ("<#C1|general> <#C2>", "#general #C2"),
        ("<!here> <!channel|channel> <!subteam^S1|@leads> <!subteam^S2>", "@here @channel @leads @S2"),
        ("<!date^1700000000^{date}|Nov 14>", "Nov 14"),
        ("<https://a.example/x?y=1&amp;z=2>", "https://a.example/x?y=1&z=2"),
        ("<https://a.example|the site> <http://a.example|a.example>", "[the site](https://a.example) http://a.example"),
        ("<mailto:ann@a.example|ann@a.example> <tel:+1|+1>", "ann@a.example +1"),
        ("&amp;lt;@U1&amp;gt;", "&lt;@U1&gt;"),
        ("a < b > c <>", "a < b > c <>"),
        ("<" * 5_000, "<" * 5_000),
        ("", ""),
    ],
)
def test_slacks_signs_become_text(written: str, read_as: str) -> None:
    assert plain_text(written, {"U1": "Ann & Co"}) == read_as


def test_mentioned_people_are_listed_once() -> None:
    assert users_in(["<@U1> <@W2|x> <@U1>", "&lt;@U3&gt; <@U4>"]) == ("U1", "W2", "U4")
