"""What people hand over: files of all kinds, forwarded and linked messages, and strings that break things."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from tests.fakes.discord import DiscordFake
from tests.journeys.brain import call, say
from tests.journeys.discord.counting import CREATE
from tests.journeys.discord.driver import Company, DiscordChat, company
from tests.journeys.scenarios import COUNT, DELIVER, POEM
from tests.journeys.slack.test_contents import NASTY

MIB = 1024 * 1024
DISCORDS_OWN = [
    "@everyone @here <@&1> <@1> <#1> <t:0:R> <:x:1> </gofer:1>",
    "||spoiler|| __under__ ~~no~~ -# small\n### head\n>>> quote\n```ansi\n\x1b[31mred\n```",
]


async def test_messages_that_are_forwarded_or_linked_come_with_their_files(work: Company, chat: DiscordChat) -> None:
    ann = work.people["ann"]
    other = work.discord.channel(f"other-{chat.channel.name}")
    forwarded = await ann.says(other, "the first half", files=[POEM])
    linked = await ann.says(other, "the second half", files=[("more.txt", b"four five\n")])
    talk = chat.model(COUNT, DELIVER, say("Five words."))
    chat.root = await ann.says(chat.channel, "", forwards=forwarded)
    await chat.ask(f"count both, see {work.discord.link(linked)}")
    assert (await chat.files("words.txt"))["words.txt"].split() == [b"5"]
    assert "the first half" in talk.seen[0]
    assert "the second half" in talk.seen[0]


async def test_each_file_that_cannot_be_taken_is_named_to_person_and_model(work: Company, chat: DiscordChat) -> None:
    talk = chat.model(say("I had one."))
    big = ("big.bin", bytes(65 * MIB))
    await chat.ask("look at these", [POEM, big])
    told = await chat.told("Some files could not be taken")
    assert "big.bin" in told.text
    await chat.card("I had one.")
    assert "big.bin" in talk.seen[0]
    assert "inputs/poem.txt" in talk.seen[0]


async def test_a_link_that_has_expired_is_told(work: Company, chat: DiscordChat) -> None:
    talk = chat.model(say("I had none."))
    gate = work.discord.faults.hold("download")
    root = await chat.ask("look at this", [POEM])
    await gate.reached
    work.discord.world.cdn.forget(root.model.attachments[0])
    gate.open()
    told = await chat.told("Some files could not be taken")
    assert "poem.txt" in told.text
    await chat.card("I had none.")
    assert "poem.txt" in talk.seen[0]
    assert "inputs/poem.txt" not in talk.seen[0]


async def test_no_text_breaks_a_card(work: Company) -> None:
    async with asyncio.TaskGroup() as group:
        for text in [*NASTY, *DISCORDS_OWN]:
            group.create_task(_handed_over(work.chat(), text[:1_900]))


async def _handed_over(chat: DiscordChat, text: str) -> None:
    """The text as request, name of a file that comes and of one that goes, step, note, title and answer."""
    path = "outputs/" + "".join(c for c in text if c.isprintable() and c not in "/\\")[:60].strip(" .") + "x.txt"
    make = f"import pathlib; p = pathlib.Path({path!r}); p.parent.mkdir(exist_ok=True); p.write_text('x')"
    chat.model(
        call("plan", steps=[(text.strip() or "x")[:300], text[:290] + "."], files=[path], note=text[:200]),
        call("bash", command=f"python3 - <<'END_OF_PROGRAM'\n{make}\nEND_OF_PROGRAM"),
        call("deliver", path=path, title=text[:100]),
        say(f"{text}\nThis is the end."),
    )
    await chat.ask(text, [("given.txt", b"x")])
    plan = await chat.card("Plan", button="Approve")
    assert plan.rung == {"ann"}
    await chat.click(plan, "Approve")
    result = await chat.card("This is the end.")
    assert result.rung == {"ann"}
    assert all(message.rung <= {"ann"} for message in chat.messages())
    assert sum(len(message.shown.files) for message in chat.messages()) >= 1


async def test_a_file_above_the_cap_is_named_and_linked(tmp_path: Path) -> None:
    discord = DiscordFake()
    discord.world.upload_bytes = 2 * MIB  # lower than what Discord says, as it was seen to be
    async with company(tmp_path, fake=discord) as work:
        chat = work.chat()
        make = call(
            "bash", command="mkdir -p outputs; head -c 4194304 /dev/urandom > outputs/noise.bin; echo x > a.txt"
        )
        chat.model(make, call("deliver", path="outputs/noise.bin"), say("Noise."))
        await chat.ask("make noise")
        await chat.card("Noise.")
        shown = await chat.card("noise.bin")
        assert "noise.bin" in shown.text
        refused = [c for c in work.discord.calls(CREATE) if c.code == 40005]
        assert len(refused) <= 2  # the cap is learnt


async def test_the_first_admin_claims_it_in_a_direct_message(tmp_path: Path) -> None:
    async with company(tmp_path, admin=False) as work:
        await work.server.says("claim ")
        code = re.search(r"claim ([0-9a-f]{8})", work.server.log)
        assert code
        chat = work.alone("zoe")
        await work.people["zoe"].says(chat.channel, code[0])
        await chat.told("You are an admin", who="zoe")
