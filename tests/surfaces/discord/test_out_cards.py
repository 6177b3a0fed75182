"""Cards in Discord: where they go, whom they ring, how they change, and what happens when Discord says no."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from agent.domain.people import Actor
from bot import phrases
from bot.cards import CardState, FileLine, Files, Note, Person, StepLine, Text
from bot.surface import MessageRef, SurfaceDown, SurfaceRefused
from tests.fakes.discord import DiscordFake
from tests.surfaces.discord.out import (
    EDIT,
    POST,
    THREAD,
    approval,
    at,
    direct,
    opened,
    out_file,
    place,
    status,
)


@pytest.fixture
async def discord() -> AsyncGenerator[DiscordFake]:
    async with DiscordFake() as fake:
        yield fake


async def test_the_first_card_begins_the_thread_and_the_next_goes_there(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, f"{discord.mention} merge the *May* tables, please")
    async with opened(discord) as surface:
        first = await surface.post(place(discord, general, request), approval(), key="ask:a_1")
        second = await surface.post(place(discord, general, request), status(), key="status:t_1")
    said = [message for message in discord.messages(request.id) if message.author_id == discord.bot_id]
    assert [str(message.id) for message in said] == [first.message.message_id, second.message.message_id]
    assert said[0].button_labels == ["Allow once", "Deny"]
    assert discord.world.channel(request.id).name == "merge the *May* tables, please"
    assert len(discord.calls(THREAD)) == 1
    assert discord.messages(general) == [request]


async def test_only_whom_a_card_is_to_tell_is_rung_by_the_line_above_it(discord: DiscordFake) -> None:
    ann, bob = discord.user("ann"), discord.user("bob")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    card = approval(
        Text(f"@everyone <@{bob.user_id}> look"),
        Note((Person(f"discord:{bob.user_id}"),)),
        notify=(Person(f"discord:{ann.user_id}"),),
    )
    async with opened(discord) as surface:
        posted = await surface.post(place(discord, general, request), card, key="ask:a_1")
        lead, shown = discord.messages(request.id)[-2:]
        assert "bob" in shown.plain
        await surface.edit(posted.message, approval(Text(f"<@{bob.user_id}> @here"), state=CardState.DONE))
    assert "ann May I do this?" in lead.plain
    assert (lead.rung, shown.rung) == ({"ann"}, set())
    assert shown.is_card


async def test_a_card_is_found_again_by_its_key_by_another_process(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    thread = place(discord, general, request)
    async with opened(discord) as surface:
        assert await surface.find(thread, "ask:a_1") is None
        posted = await surface.post(thread, approval(), key="ask:a_1")
        await surface.post(thread, status(), key="status:t_1")
        await surface.edit(posted.message, approval(Text("Sent"), state=CardState.DONE))
    async with opened(discord) as surface:
        assert await surface.find(thread, "ask:a_1") == posted.message
        assert await surface.find(thread, "ask:a_2") is None


async def test_a_card_whose_answer_was_lost_is_there_once(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    thread = place(discord, general, request)
    card = approval(notify=(Person(f"discord:{ann.user_id}"),))
    async with opened(discord) as surface:
        discord.faults.lose_reply(POST, where=lambda told: "components" in told)
        with pytest.raises(SurfaceDown):
            await surface.post(thread, card, key="ask:a_1")
        posted = await surface.post(thread, card, key="ask:a_1")
    ours = [message for message in discord.messages(request.id) if message.author_id == discord.bot_id]
    assert len(ours) == 2
    assert posted.message.message_id == str(ours[1].id)


async def test_the_line_that_rings_is_not_repeated_after_a_crash(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    thread = place(discord, general, request)
    card = approval(notify=(Person(f"discord:{ann.user_id}"),))
    async with opened(discord) as surface:
        discord.faults.http(POST, 503, where=lambda told: "components" in told)
        with pytest.raises(SurfaceDown):
            await surface.post(thread, card, key="ask:a_1")
    discord.world.nonces.clear()  # the crash was a while ago
    async with opened(discord) as surface:
        await surface.post(thread, card, key="ask:a_1")
    ours = [message for message in discord.messages(request.id) if message.author_id == discord.bot_id]
    assert [message.is_card for message in ours] == [False, True]


async def test_a_card_changes_in_place_and_takes_its_overflow_along(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    async with opened(discord) as surface:
        posted = await surface.post(place(discord, general, request), approval(Text("x y " * 3_000)), key="ask:a_1")
        (shown,) = [message for message in discord.messages(request.id) if message.is_card]
        assert [file.name for file in shown.files] == ["approval.md"]
        assert await surface.edit(posted.message, approval(Text("z w " * 3_000)))
        assert b"z w z w" in shown.files[0].data
        assert len(shown.files) == 1
        assert await surface.edit(posted.message, approval(Text("Sent"), state=CardState.DONE, actions=()))
    assert (shown.files, shown.button_labels) == ([], [])
    assert shown.components[0]["accent_color"] == 0x57F287


@pytest.mark.parametrize(
    ("state", "colour"),
    [
        (CardState.PLANNED, 0x5865F2),
        (CardState.RUNNING, 0xFEE75C),
        (CardState.WAITING, 0xEB459E),
        (CardState.DONE, 0x57F287),
        (CardState.FAILED, 0xED4245),
        (CardState.STOPPED, 0x99AAB5),
    ],
)
async def test_a_card_has_the_colour_of_its_state(discord: DiscordFake, state: CardState, colour: int) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    async with opened(discord) as surface:
        posted = await surface.post(place(discord, general, request), approval(), key="ask:a_1")
        await surface.edit(posted.message, approval(state=state))
    assert discord.messages(request.id)[-1].components[0]["accent_color"] == colour


async def test_a_card_that_is_gone_is_continued_elsewhere(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    async with opened(discord) as surface:
        posted = await surface.post(place(discord, general, request), approval(), key="ask:a_1")
        await surface.retire(posted.message)
        await surface.retire(posted.message)
        assert not await surface.edit(posted.message, approval())


async def test_progress_moves_to_a_new_card_before_the_hour_is_over_but_a_decision_stays(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    async with opened(discord) as surface:
        thread = place(discord, general, request)
        work = await surface.post(thread, status(StepLine("Sort")), key="status:t_1")
        asked = await surface.post(thread, approval(), key="ask:a_1")
        assert await surface.edit(work.message, status(StepLine("Sort", "running")))
        discord.world.backend.clock.advance(51 * 60)
        assert not await surface.edit(work.message, status(StepLine("Sort", "done")))
        assert await surface.edit(work.message, status(state=CardState.DONE))
        assert await surface.edit(asked.message, approval(state=CardState.DONE, actions=()))


async def test_in_direct_messages_there_is_no_thread(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    await ann.says(discord.dm(ann), "please")
    async with opened(discord) as surface:
        posted = await surface.post(direct(discord, ann), approval(), key="ask:a_1")
        assert await surface.find(direct(discord, ann), "ask:a_1") == posted.message
    assert discord.messages(discord.dm(ann))[-1].button_labels == ["Allow once", "Deny"]
    assert discord.calls(THREAD) == []


# -- threads


async def test_an_existing_thread_is_adopted(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    await ann.says(general, "more", thread=request)
    async with opened(discord) as surface:
        await surface.post(place(discord, general, request), approval(), key="ask:a_1")
    assert discord.messages(request.id)[-1].is_card
    assert [called.code for called in discord.calls(THREAD)] == [160004]


async def test_a_thread_that_began_without_a_message_is_written_in(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    thread = discord.world.backend.create_thread(general.id, "free", ann.user_id)
    async with opened(discord) as surface:
        await surface.post(place(discord, general, str(thread.id)), approval(), key="ask:a_1")
    assert discord.messages(thread)[-1].is_card


@pytest.mark.parametrize("case", ["no right", "too many threads"])
async def test_where_no_thread_can_begin_the_answer_comes_in_the_channel_and_says_why(
    discord: DiscordFake, case: str
) -> None:
    ann = discord.user("ann")
    general = discord.channel("general", denied="create_public_threads" if case == "no right" else "")
    if case != "no right":
        discord.world.active_threads = 0
    request = await ann.says(general, f"{discord.mention} please")
    thread = place(discord, general, request)
    async with opened(discord) as surface:
        posted = await surface.post(thread, approval(), key="ask:a_1")
    async with opened(discord) as surface:
        await surface.post(thread, status(), key="status:t_1")
        assert await surface.find(thread, "ask:a_1") == posted.message
        assert await surface.edit(posted.message, approval(Text("Sent"), state=CardState.DONE))
        await surface.react(posted.message, "✅")
    why, first, second = [message for message in discord.messages(general) if message.author_id == discord.bot_id]
    assert why.plain == (phrases.NO_THREADS if case == "no right" else phrases.THREADS_FULL)
    assert all(m.model.reference["message_id"] == str(request.id) for m in (why, first, second))
    assert "Sent" in first.plain
    assert second.is_card


async def test_an_archived_thread_is_opened_again_to_change_a_card(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    async with opened(discord) as surface:
        posted = await surface.post(place(discord, general, request), approval(), key="ask:a_1")
        discord.archive(request.id)
        assert await surface.edit(posted.message, approval(Text("Sent"), state=CardState.DONE))
    discord.archive(request.id)
    async with opened(discord) as surface:
        await surface.react(posted.message, "👀")
    assert not discord.world.channel(request.id).thread_metadata.archived
    assert "Sent" in discord.messages(request.id)[-1].plain


async def test_a_locked_thread_is_refused_in_plain_words(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general", denied="manage_threads")
    request = await ann.says(general, "please")
    await ann.says(general, "more", thread=request)
    discord.archive(request.id, locked=True)
    async with opened(discord) as surface:
        with pytest.raises(SurfaceRefused, match="A moderator has locked this thread"):
            await surface.post(place(discord, general, request), approval(), key="ask:a_1")


async def test_a_thread_that_a_moderator_closed_is_not_opened_again(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    async with opened(discord) as surface:
        posted = await surface.post(place(discord, general, request), approval(), key="ask:a_1")
        discord.archive(request.id, locked=True)
        with pytest.raises(SurfaceRefused, match="A moderator has locked this thread"):
            await surface.edit(posted.message, approval(Text("Sent"), actions=()))
    assert discord.world.channel(request.id).thread_metadata.archived


async def test_a_thread_or_channel_that_is_gone_is_refused(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    thread = place(discord, general, request)
    async with opened(discord) as surface:
        posted = await surface.post(thread, approval(), key="ask:a_1")
        discord.delete_channel(request.id)
        with pytest.raises(SurfaceRefused, match="gone"):
            await surface.post(thread, status(), key="status:t_1")
        with pytest.raises(SurfaceRefused, match="gone"):
            await surface.edit(posted.message, approval())


async def test_a_request_that_was_deleted_is_not_answered(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    await ann.deletes(request)
    async with opened(discord) as surface:
        with pytest.raises(SurfaceRefused, match="The message is gone"):
            await surface.post(place(discord, general, request), approval(), key="ask:a_1")


# -- begin


async def test_a_card_begins_a_conversation_in_a_channel_once(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    card = approval(Text("Merge the tables", literal=True), title="Task of ann", actions=())
    person = f"discord:{ann.user_id}"
    async with opened(discord) as surface:
        begun = await surface.begin(place(discord, general), person, card, key="begin:1")
        discord.world.nonces.clear()
        assert await surface.begin(place(discord, general), person, card, key="begin:1") == begun
        await surface.post(begun.thread, approval(), key="ask:a_1")
    (root,) = discord.messages(general)
    assert begun == at(discord, root)
    assert discord.world.channel(root.id).name == "Merge the tables"
    assert discord.messages(root.id)[-1].is_card


async def test_a_card_begins_a_conversation_with_one_person(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    nowhere = place(discord, discord.channel("general")).__class__("discord", str(discord.guild.id), "", "")
    async with opened(discord) as surface:
        begun = await surface.begin(nowhere, f"discord:{ann.user_id}", approval(actions=()), key="begin:1")
    (root,) = discord.messages(discord.dm(ann))
    assert begun == MessageRef(direct(discord, ann), str(root.id))


async def test_in_a_forum_a_card_begins_a_post_once(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    forum = discord.world.backend.create_channel(discord.guild.id, "requests", type=15)
    asked = (place(discord, forum), f"discord:{ann.user_id}", approval(title="Task of ann", actions=()))
    async with opened(discord) as surface:
        discord.faults.refuse(POST, 50008, "Cannot send messages in a non-text channel", times=2)
        begun = await surface.begin(*asked, key="begin:1")
        assert await surface.begin(*asked, key="begin:1") == begun
        await surface.post(begun.thread, approval(), key="ask:a_1")
        assert await surface.edit(begun, approval(Text("Sent"), actions=()))
    root, card = [m for m in discord.messages(int(begun.thread.thread)) if m.author_id == discord.bot_id]
    assert (begun.thread.channel, begun.message_id) == (str(forum.id), str(root.id))
    assert "Sent" in root.plain
    assert card.button_labels == ["Allow once", "Deny"]


# -- what goes wrong


async def test_patience_that_discord_asks_for_is_kept_and_nothing_is_lost(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    async with opened(discord) as surface:
        discord.faults.rate_limit(POST, retry_after_s=0.05)
        await surface.post(place(discord, general, request), approval(), key="ask:a_1")
        discord.faults.rate_limit(EDIT, retry_after_s=60)
        with pytest.raises(SurfaceDown) as told:
            await surface.edit(at(discord, discord.messages(request.id)[-1]), approval())
    assert told.value.retry_after_s == 60
    assert len([m for m in discord.messages(request.id) if m.is_card]) == 1


async def test_a_decision_does_not_stand_behind_the_progress_of_many_tasks(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general", denied="create_public_threads")
    async with opened(discord) as surface:
        cards = []
        for number in range(5):
            thread = place(discord, general, await ann.says(general, "please"))
            cards.append(await surface.post(thread, status(), key=f"status:t_{number}"))
        asked = await surface.post(cards[0].message.thread, approval(), key="ask:a_1")
        await surface.edit(asked.message, approval(Text("Changed")))  # so that the client knows the bucket
        gate = discord.faults.hold(EDIT)
        async with asyncio.TaskGroup() as group:
            for number, card in enumerate(cards):
                group.create_task(surface.edit(card.message, status(StepLine(f"Step {number}", "running"))))
            await gate.reached
            assert await surface.edit(asked.message, approval(Text("Sent"), state=CardState.DONE, actions=()))
            assert len(discord.calls(EDIT)) == 3
            gate.open()
    assert len(discord.calls(EDIT)) == 7
    assert all(any(f"Step {n}" in m.plain for m in discord.messages(general)) for n in range(5))


async def test_a_server_in_trouble_is_no_refusal(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    async with opened(discord) as surface:
        discord.faults.http(POST, 503)
        with pytest.raises(SurfaceDown, match="Discord cannot do this now"):
            await surface.post(place(discord, general, request), approval(), key="ask:a_1")


async def test_what_may_not_be_attached_is_said_instead(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general", denied="attach_files")
    request = await ann.says(general, "please")
    async with opened(discord) as surface:
        posted = await surface.post(place(discord, general, request), approval(Text("x y " * 1_500)), key="ask:a_1")
        assert await surface.edit(posted.message, approval(Text("z w " * 1_500)))
    card, *spoken = [message for message in discord.messages(request.id) if message.author_id == discord.bot_id]
    assert card.button_labels == ["Allow once", "Deny"]
    assert "approval.md (1/2)" in spoken[0].plain
    assert len(spoken) == 2


async def test_files_of_a_card_go_along_and_the_rest_is_named(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    small, large = out_file("Größe & co.csv", b"1,2"), out_file("large.bin", b"x" * 11_000_000)
    lines = Files(tuple(FileLine(f.name, f.size_bytes, path=f.path) for f in (small, large)))
    async with opened(discord) as surface:
        posted = await surface.post(
            place(discord, general, request), approval(lines), key="result:t_1", files=[small, large]
        )
    shown = discord.messages(request.id)[-1]
    assert [(file.name, file.data) for file in shown.files] == [("Gr_e_co.csv", b"1,2")]
    assert [line.path for line in posted.left_out] == ["outputs/large.bin"]


async def test_a_signs_of_work_is_shown_only_where_something_was_written(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    thread = place(discord, general, request)
    async with opened(discord) as surface:
        await surface.presence(thread, "working")
        await surface.post(thread, approval(), key="ask:a_1")
        await surface.presence(thread, "working")
        await surface.presence(thread, "ended")
    assert [called.ids for called in discord.calls("POST /channels/*/typing")] == [[request.id]]


async def test_an_emoji_is_put_on_a_request_and_taken_off_twice_without_error(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    async with opened(discord) as surface:
        for on in (True, True, False, False):
            await surface.react(at(discord, request), "👀", on=on)
            assert bool(request.reactions) is on


async def test_a_card_for_one_person_without_a_click_comes_as_a_direct_message(discord: DiscordFake) -> None:
    ann = discord.user("ann")
    general = discord.channel("general")
    request = await ann.says(general, "please")
    async with opened(discord) as surface:
        for _ in range(2):
            await surface.whisper(place(discord, general, request), Actor(f"discord:{ann.user_id}"), approval())
        discord.world.closed_dms.add(ann.user_id)
        with pytest.raises(SurfaceRefused, match="takes no direct messages"):
            await surface.whisper(place(discord, general, request), Actor(f"discord:{ann.user_id}"), approval())
    assert len(discord.messages(discord.dm(ann))) == 2
    assert discord.messages(general) == [request]
