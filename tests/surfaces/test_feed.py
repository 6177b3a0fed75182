"""What people see of a task in a thread: in order, up to date, once each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.domain.errors import LlmUnavailable
from agent.domain.events import FileDelivered
from agent.domain.files import WorkFile
from agent.tools.deliver import media_type
from bot.cards import Card, CardKind, CardState, Code, Files, Note, Person, Text
from bot.feed.wanted import batches_of, digest_of
from bot.render import status_card
from bot.surface import ThreadRef
from tests.fakes.surface import ABILITIES, MemorySurface
from tests.kit import OWNER, call, say
from tests.surfaces.examples import NOW, view, working
from tests.surfaces.feeding import ANN, HAND, JOB, LINGER, PLAN, THREAD, open_scene


async def test_an_ordinary_task_is_five_messages_of_which_only_questions_and_the_result_notify(tmp_path: Path) -> None:
    async with open_scene(tmp_path, JOB) as it, it.feed(MemorySurface(it.chat)):
        task = await it.start("Write the report")
        await it.caught_up(task)
        (plan,) = it.chat.of(THREAD)
        assert plan.buttons == ("Approve", "Edit", "Reject")
        async with it.at_work(it.decide(task, "approve")):
            await it.until(lambda: "▶ 1. Read the list" in it.chat.of(THREAD)[-1].text)
            _, status = it.chat.of(THREAD)
            assert (plan.buttons, status.buttons) == ((), ("Steer", "Pause", "Stop"))
            assert "Approved by UANN" in plan.text
        await it.caught_up(task)
        _, _, approval = it.chat.of(THREAD)
        assert "Ring the bell for ben" in approval.text
        assert "Waiting for a decision: UANN" in status.text
        await it.decide(task, "allow")
        await it.caught_up(task)
        *_, files, result = it.chat.of(THREAD)
        assert len(it.chat.of(THREAD)) == 5
        assert [name for name, _ in files.files] == ["report.xlsx", "report preview 1.png", "report preview 2.png"]
        assert files.files[0][1] == b"42"
        assert "Done." in result.text
        assert (plan.buttons, status.buttons, approval.buttons) == ((), (), ())
        pinged = {shown.key.partition(":")[0]: shown.pinged for shown in it.chat.messages}
        assert pinged == {"ask": (ANN.person_id,), "status": (), "files": (), "result": (ANN.person_id,)}
        states = [state for _, state in it.chat.presences]
        assert ("waiting" in states, states[-1]) == (True, "ended")


async def test_a_short_answer_is_one_message(tmp_path: Path) -> None:
    async with open_scene(tmp_path, [say("It is 42.")]) as it, it.feed(MemorySurface(it.chat)):
        task = await it.start("How many?")
        await it.caught_up(task)
        (result,) = it.chat.of(THREAD)
        assert "It is 42." in result.text


async def test_a_plan_that_was_revised_points_to_the_newer_one_and_has_no_buttons(tmp_path: Path) -> None:
    script = [PLAN, call("plan", steps=["Read both lists", "Write it"], files=["a.txt"]), say("Done.")]
    async with open_scene(tmp_path, script) as it, it.feed(MemorySurface(it.chat)):
        task = await it.start("Write the report")
        await it.caught_up(task)
        await it.decide(task, "revise", note="read both")
        await it.caught_up(task)
        older, newer = it.chat.of(THREAD)
        assert (older.buttons, newer.buttons) == ((), ("Approve", "Edit", "Reject"))
        assert older.text.startswith("An earlier plan\n\nChanges requested by UANN")
        assert "“read both”" in older.text
        assert "Replaced by the newer plan below." in older.text
        assert "Read the list" not in older.text
        assert newer.pinged == (ANN.person_id,)


async def test_a_plan_that_was_replaced_before_it_was_shown_is_not_shown(tmp_path: Path) -> None:
    script = [PLAN, call("plan", steps=["Read both lists", "Write it"], files=["a.txt"]), say("Done.")]
    async with open_scene(tmp_path, script) as it:
        task = await it.start("Write the report")
        await it.decide(task, "revise", note="read both")
        async with it.feed(MemorySurface(it.chat)):
            await it.caught_up(task)
        (plan,) = it.chat.of(THREAD)
        assert "Read both lists" in plan.text


async def test_what_happened_unseen_is_told_in_order_without_a_ping_for_what_is_settled(tmp_path: Path) -> None:
    async with open_scene(tmp_path, JOB) as it:
        task = await it.start("Write the report")
        await it.decide(task, "approve")
        await it.decide(task, "allow")
        async with it.feed(MemorySurface(it.chat)):
            await it.caught_up(task)
        shown = [(message.key.partition(":")[0], message.pinged) for message in it.chat.of(THREAD)]
        assert shown == [("ask", ()), ("ask", ()), ("files", ()), ("result", (ANN.person_id,))]


async def test_a_rejected_plan_ends_with_a_notice_that_offers_another_try(tmp_path: Path) -> None:
    async with open_scene(tmp_path, JOB) as it, it.feed(MemorySurface(it.chat)):
        task = await it.start("Write the report")
        await it.caught_up(task)
        await it.decide(task, "reject", note="too dear")
        await it.caught_up(task)
        plan, result = it.chat.of(THREAD)
        assert (plan.buttons, result.buttons) == ((), ("Try again",))
        assert "too dear" in result.text


async def test_a_status_card_follows_the_work_and_offers_what_works_then(tmp_path: Path) -> None:
    async with open_scene(tmp_path, [LINGER, LINGER, say("Done.")]) as it, it.feed(MemorySurface(it.chat)):
        async with it.at_work(it.begin("Take your time")):
            await it.until(lambda: any("Take my time" in shown.text for shown in it.chat.messages))
            (status,) = it.chat.of(THREAD)
            task_id = status.key.removeprefix("status:")
            await it.kit.service.pause(ANN, task_id)
            await it.until(lambda: status.buttons == ("Resume", "Stop"))
        await it.kit.service.stop(ANN, task_id, "No longer needed")
        await it.until(lambda: len(it.chat.of(THREAD)) == 2)
        await it.until(lambda: status.buttons == ())
        assert "Stopped" in status.text
        assert "I have it and start now." not in status.text


async def test_a_task_that_waits_for_the_model_says_so(tmp_path: Path) -> None:
    away = LlmUnavailable("overloaded", retry_after_s=3600)
    async with open_scene(tmp_path, [away, say("Done.")]) as it, it.feed(MemorySurface(it.chat)):
        task = await it.start("Write the report")
        await it.caught_up(task)
        (status,) = it.chat.of(THREAD)
        assert "The model is not available now" in status.text


async def test_a_newer_task_takes_the_last_word_from_the_one_before(tmp_path: Path) -> None:
    async with open_scene(tmp_path, [HAND, say("Done.")]) as it, it.feed(MemorySurface(it.chat)):
        first = await it.start("Write the report")
        await it.caught_up(first)
        result = it.chat.one(f"result:{first.task_id}")
        assert result.buttons == ("Change something", "Undo")
        second = await it.start("And another one")
        await it.caught_up(second)
        assert result.buttons == ()
        assert it.chat.one(f"result:{second.task_id}").buttons == ("Change something", "Undo")


async def test_files_too_big_for_the_chat_are_linked_in_the_result(tmp_path: Path) -> None:
    script = [call("hand", path="outputs/a.zip", text="x" * 20), call("hand", path="b.txt", text="small"), say("Done.")]
    small = replace(ABILITIES, max_file_bytes=10)

    def link(task_id: str, file: WorkFile) -> str:
        return f"https://gofer.example/files/{task_id}/{file.name}"

    async with open_scene(tmp_path, script) as it, it.feed(MemorySurface(it.chat, abilities=small), link=link):
        task = await it.start("Write the report")
        await it.caught_up(task)
        files, result = it.chat.one(f"files:{task.task_id}:1"), it.chat.one(f"result:{task.task_id}")
        assert [name for name, _ in files.files] == ["b.txt"]
        too_big, sent = (item for block in result.card.blocks if isinstance(block, Files) for item in block.items)  # type: ignore[union-attr]
        assert too_big.url == f"https://gofer.example/files/{task.task_id}/a.zip"
        assert too_big.note == "The report; could not be sent here: use the link, good for a week"
        assert (sent.url, sent.note, sent.path) == ("", "The report", "")


async def test_without_an_address_of_its_own_gofer_says_how_to_get_a_big_file(tmp_path: Path) -> None:
    script = [call("hand", path="outputs/a.zip", text="x" * 20), say("Done.")]
    small = replace(ABILITIES, max_file_bytes=10)
    async with open_scene(tmp_path, script) as it, it.feed(MemorySurface(it.chat, abilities=small)):
        task = await it.start("Write the report")
        await it.caught_up(task)
        assert "GOFER_PUBLIC_URL" in it.chat.one(f"result:{task.task_id}").text
        assert not any(key.startswith("files:") for key in it.chat.keys(THREAD))


async def test_tasks_of_other_surfaces_and_workspaces_are_left_alone(tmp_path: Path) -> None:
    elsewhere = ThreadRef("slack", "T2", "C1", "1.1")
    async with open_scene(tmp_path, [say("Done.")]) as it, it.feed(MemorySurface(it.chat)):
        await it.start("One", thread=elsewhere)
        await it.start("Two", thread=ThreadRef("web", "local", "", "one"))
        await it.caught_up(await it.start("Three"))
        assert {shown.message.thread for shown in it.chat.messages} == {THREAD}


async def test_a_person_of_another_surface_is_called_by_name(tmp_path: Path) -> None:
    async def names(person_id: str) -> str:
        return {"web:owner": "Olga"}[person_id]

    async with open_scene(tmp_path, [PLAN, say("Done.")]) as it, it.feed(MemorySurface(it.chat), names=names):
        task = await it.start("Write the report")
        await it.caught_up(task)
        await it.kit.answer(task, "approve", actor=OWNER)
        await it.caught_up(task)
        card = it.chat.of(THREAD)[0].card
        people = [part for block in card.blocks if isinstance(block, Note) for part in block.parts]  # type: ignore[union-attr]
        assert Person("web:owner", "Olga") in people


async def test_a_forgotten_thread_is_not_told_again(tmp_path: Path) -> None:
    async with open_scene(tmp_path, [say("Done.")]) as it:
        task = await it.start("Write the report")
        await it.kit.service.forget(ANN, THREAD.thread_id)
        async with it.feed(MemorySurface(it.chat)):
            await it.caught_up(task)
        assert it.chat.messages == []


async def test_a_notice_is_posted_once_and_changed_under_the_same_key(tmp_path: Path) -> None:
    async with open_scene(tmp_path, []) as it, it.feed(surface := MemorySurface(it.chat)) as feed:
        asked, decided = notice("Ben wants in"), notice("Ben was let in")
        first = await feed.say(THREAD, asked, key="access:r1")
        again = await feed.say(THREAD, asked, key="access:r1")
        changed = await feed.say(THREAD, decided, key="access:r1")
        (shown,) = it.chat.of(THREAD)
        assert first == again == changed == shown.message
        assert (shown.card, shown.edits) == (decided, 1)
        assert surface.calls == [("post", "say:access:r1"), ("edit", "say:access:r1")]
        (post,) = await it.mail.posts(thread_id=THREAD.thread_id)
        assert (post.key, post.task_id, post.message_id) == ("say:access:r1", "", shown.message.message_id)


def test_each_document_shows_its_first_page_before_any_shows_its_second() -> None:
    done = view(*(delivered(f"outputs/{name}", pages=3) for name in ("a.xlsx", "b.docx", "c.pdf", "d.png")))
    (batch,) = batches_of(done, max_files=10)
    assert [parcel.name for parcel in batch.parcels] == [
        *("a.xlsx", "b.docx", "c.pdf", "d.png"),
        *("a preview 1.png", "b preview 1.png", "a preview 2.png", "b preview 2.png"),
    ]
    pages = [parcel.title for parcel in batch.parcels[4:]]
    assert pages == ["a.xlsx, page 1", "b.docx, page 1", "a.xlsx, page 2", "b.docx, page 2"]  # for who cannot see them


def test_pictures_never_cost_a_message_of_their_own() -> None:
    done = view(*(delivered(f"outputs/{n}.xlsx", pages=1) for n in range(4)))
    assert [len(batch.parcels) for batch in batches_of(done, max_files=4)] == [4]
    assert [len(batch.parcels) for batch in batches_of(done, max_files=3)] == [3, 3]


@pytest.mark.parametrize(
    "changed",
    [
        replace(status_card(working()), title="Other"),
        replace(status_card(working()), actions=()),
        replace(status_card(working()), blocks=(Text("x"),)),
        replace(status_card(working()), blocks=(Code("x"),)),
    ],
)
def test_a_digest_tells_what_a_reader_can_see(changed: Card) -> None:
    card = status_card(working())
    assert digest_of(card) == digest_of(replace(card, notify=(Person("slack:T1:UANN"),)))
    assert digest_of(changed) != digest_of(card)
    assert digest_of(replace(card, blocks=(Text("x"),))) != digest_of(replace(card, blocks=(Code("x"),)))


def delivered(path: str, *, pages: int) -> FileDelivered:
    pictures = tuple(file(f".gofer/previews/{path}/{n}.png") for n in range(pages))
    return FileDelivered(task_id="t_00001", at=NOW, file=file(path), title="", previews=pictures)


def file(path: str) -> WorkFile:
    return WorkFile(path=path, size_bytes=1, sha256="0" * 64, media_type=media_type(path))


def notice(text: str) -> Card:
    return Card(key="notice", kind=CardKind.NOTICE, state=CardState.WAITING, title=text)
