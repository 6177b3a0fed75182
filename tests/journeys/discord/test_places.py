"""Threads and channels as they are: full, archived, locked, gone, or without a right that Gofer needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.discord import Message
from tests.journeys.brain import say
from tests.journeys.discord.counting import DONE, POEM, TURNS, assert_told_once, statuses
from tests.journeys.discord.driver import Company, DiscordChat
from tests.journeys.discord.serving import Office, office, together
from tests.journeys.scenarios import JOB

THREADS = "POST /channels/*/messages/*/threads"


async def in_channel(gofer: Office, words: str, *, button: str = "") -> Message:
    """Wait for a card in the channel itself."""

    def found() -> Message | None:
        bot = gofer.discord.bot_id
        shown = together([m for m in gofer.discord.messages(gofer.general) if m.author_id == bot])
        fitting = (s for s in shown if words in s.plain and (not button or button in s.button_labels))
        return next((s.card for s in fitting), None)

    return await gofer.until(found)


async def test_a_thread_that_somebody_else_began_is_used(work: Company, chat: DiscordChat) -> None:
    chat.model(*JOB)
    request = await chat.ask("count the words", [POEM])
    await chat.reply("I open the thread myself", who="ben")
    await chat.click(await chat.card("Count the words", button="Approve"), "Approve")
    await chat.card("Three words.")
    assert work.discord.world.thread_on(request.model) is not None


async def test_where_all_threads_are_in_use_it_works_in_the_channel(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        gofer.discord.world.active_threads = 0
        await gofer.asks("count the words", files=[POEM])
        plan = await in_channel(gofer, "Count", button="Approve")
        await gofer.ann.clicks(plan, "Approve")
        await in_channel(gofer, DONE)


async def test_where_it_may_begin_no_thread_it_works_in_the_channel(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        gofer.general = gofer.discord.channel("quiet", denied="create_public_threads")
        await gofer.asks("count the words", files=[POEM])
        plan = await in_channel(gofer, "Count", button="Approve")
        await gofer.ann.clicks(plan, "Approve")
        await in_channel(gofer, DONE)


async def test_where_there_is_no_thread_a_reply_goes_on_with_the_work(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        gofer.general = gofer.discord.channel("quiet", denied="create_public_threads")
        await gofer.asks("count the words", files=[POEM])
        plan = await in_channel(gofer, "Count", button="Approve")
        await gofer.ann.says(gofer.general, f"{gofer.discord.mention} approve", answers=plan)
        await in_channel(gofer, DONE)


async def test_an_archived_thread_is_opened_again_for_what_changes(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        root = await gofer.asks("count the words", files=[POEM])
        plan = await gofer.card(root, "Count", button="Approve")
        gofer.discord.archive(root.id)
        await gofer.ann.clicks(plan, "Approve")
        await gofer.until(lambda: any("Approved" in shown.plain for shown in gofer.thread(root)))
        await gofer.card(root, DONE)
        assert_told_once(gofer, root)


async def test_a_thread_that_is_gone_ends_in_no_storm(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        root = await gofer.asks("count the words", files=[POEM])
        plan = await gofer.card(root, "Count", button="Approve")
        gofer.discord.delete_channel(root.id)
        assert plan.deleted
        other = await gofer.asks("count the words again", files=[POEM])
        await gofer.ann.clicks(await gofer.card(other, "Count", button="Approve"), "Approve")
        await gofer.card(other, DONE)
        assert len(gofer.discord.refusals) < 10


async def test_the_task_of_a_deleted_thread_ends_and_whoever_asked_is_told(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        root = await gofer.asks("count the words", files=[POEM])
        await gofer.card(root, "Count", button="Approve")
        gofer.discord.delete_channel(root.id)
        direct = gofer.discord.dm(gofer.ann)
        await gofer.until(lambda: [m for m in gofer.discord.messages(direct) if "is gone" in m.plain])
        assert await statuses(gofer) == ["cancelled"]
        assert len(gofer.discord.refusals) < 10


@pytest.mark.parametrize("away", [False, True])
async def test_what_is_at_work_in_a_deleted_channel_ends(tmp_path: Path, *, away: bool) -> None:
    async with office(tmp_path, TURNS) as gofer:
        gofer.general = gofer.discord.channel("short-lived")
        root = await gofer.asks("count the words", files=[POEM])
        await gofer.card(root, "Count", button="Approve")
        if away:
            await gofer.server.kill()
        gofer.discord.delete_channel(gofer.general)
        if away:
            await gofer.start()
        direct = gofer.discord.dm(gofer.ann)
        await gofer.until(lambda: [m for m in gofer.discord.messages(direct) if "I cannot write in that" in m.plain])
        assert await statuses(gofer) == ["cancelled"]


async def test_a_mention_in_a_thread_works_in_that_thread(work: Company, chat: DiscordChat) -> None:
    talk = chat.model(say("Here I am."))
    await chat.begin("let us talk", who="ben")
    await chat.reply("yes, let us", who="ben")
    await chat.ask("join us")
    await chat.card("Here I am.")
    assert "yes, let us" in talk.seen[0]


async def test_who_asked_is_told_alone_that_the_thread_is_locked(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        root = await gofer.asks("count the words", files=[POEM])
        plan = await gofer.card(root, "Count", button="Approve")
        gofer.discord.archive(root.id, locked=True)
        await gofer.ann.clicks(plan, "Approve")
        direct = gofer.discord.dm(gofer.ann)
        await gofer.until(lambda: [m for m in gofer.discord.messages(direct) if "locked this thread" in m.plain])
        assert gofer.discord.messages(gofer.general) == [root]
