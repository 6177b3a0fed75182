"""An arrival that is worked on again, after a crash or while its platform was away, acts once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from agent.domain.people import Role, Standing
from agent.domain.task import Status
from agent.service import AccessRules, Mailbox
from bot.cards import Token, Verb
from bot.reception import Reception
from bot.surface import Incoming, IncomingChoice, IncomingForm, MessageRef, SurfaceDown, SurfaceRefused
from tests.kit import call, say
from tests.surfaces.scene import ANN, BEN, LONG_AGO, PLAN, THREAD, Scene, a_file, scene

RISKY = call("plan", steps=["one", "two"], files=["b"])
QUESTION = call("ask", question="With tax?")
OTHER_QUESTION = call("ask", question="Delete the old ones?")


async def test_a_reply_that_revised_a_plan_revises_it_once(tmp_path: Path) -> None:
    async with scene(tmp_path, PLAN, PLAN, PLAN, say("Done.")) as s:
        await s.says("work", mention=True)
        said = await s.says("leave out step two")
        await s.gets(said)
        view = await s.view()
        assert view.plan is not None
        assert view.plan.revision == 2


async def test_an_answer_is_not_given_to_the_next_question(tmp_path: Path) -> None:
    async with scene(tmp_path, QUESTION, OTHER_QUESTION, say("Done.")) as s:
        await s.says("work", mention=True)
        said = await s.says("Always.")
        await s.gets(said)
        assert [ask.prompt for ask in (await s.view()).pending] == ["Delete the old ones?"]


async def test_a_yes_counts_for_what_was_open_when_it_first_came(tmp_path: Path) -> None:
    async with scene(tmp_path, PLAN, RISKY, say("Done.")) as s:
        await s.says("work", mention=True)
        said = await s.says("yes")
        if (await s.task()).status.final:
            pytest.fail("the second plan should be open")
        before = (await s.view()).pending
        await s.gets(said)
        assert (await s.view()).pending == before
        assert not s.told()


async def test_a_form_that_began_a_task_does_not_revise_its_plan(tmp_path: Path) -> None:
    async with scene(tmp_path, PLAN, PLAN, say("Done.")) as s:
        form = IncomingForm(
            event_id="e1",
            thread=replace(THREAD, channel="", thread=""),
            person=replace(ANN, place=""),
            at=LONG_AGO,
            token=Token(verb=Verb.NEW, subject_id="task").encode(),
            values={"note": "add these"},
        )
        await s.kit.access.admit(ANN.person_id, "Ann", Role.MEMBER)
        await s.gets(form)
        await s.gets(form)
        (task,) = await s.kit.journal.tasks()
        view = await s.kit.view(task)
        assert view.plan is not None
        assert view.plan.revision == 1
        assert not s.told()


async def test_two_clicks_at_once_start_one_task(tmp_path: Path) -> None:
    async with scene(tmp_path, say("Done."), say("Again."), say("Again.")) as s:
        await s.says("work", mention=True)
        retry = Token(verb=Verb.RETRY, subject_id=(await s.task()).task_id)
        await asyncio.gather(s.clicks(retry, work=False), s.clicks(retry, work=False))
        assert len(await s.tasks()) == 2


async def test_a_place_where_gofer_cannot_read_is_told_to_whoever_asked(tmp_path: Path) -> None:
    async with scene(tmp_path, say("Done.")) as s:
        s.surface.fail("history", SurfaceRefused("Gofer is not in this channel: invite @Gofer there."))
        await s.says("work", mention=True)
        assert "invite @Gofer" in s.told()[-1]


async def test_files_for_a_question_are_not_given_to_the_next_one(tmp_path: Path) -> None:
    async with scene(tmp_path, QUESTION, OTHER_QUESTION, say("Done.")) as s:
        await s.says("work", mention=True)
        said = await s.says("as in this", files=(a_file("rates.csv"),))
        assert [ask.prompt for ask in (await s.view()).pending] == ["Delete the old ones?"]
        await s.gets(said)
        assert [ask.prompt for ask in (await s.view()).pending] == ["Delete the old ones?"]


async def test_a_sign_that_cannot_be_put_on_a_message_is_no_trouble(tmp_path: Path) -> None:
    async with scene(tmp_path, say("Done.")) as s:
        s.surface.fail("react", SurfaceRefused("Slack refuses this."))
        await s.says("work", mention=True, files=(a_file("huge.bin", size=10**12), a_file("a.csv")))
        assert (await s.task()).status is Status.FINISHED
        (told,) = s.told()
        assert "huge.bin" in told


async def test_a_request_for_access_reaches_the_admins_though_its_first_try_failed(tmp_path: Path) -> None:
    async with scene(tmp_path, say("Done."), access=AccessRules()) as s:
        await s.kit.access.admit(ANN.person_id, "Ann", Role.ADMIN)
        await s.says("work", BEN, mention=True)
        (action,) = s.told_card(BEN).actions
        click = IncomingChoice(
            event_id="click:1",
            thread=THREAD,
            person=BEN,
            at=LONG_AGO,
            message=MessageRef(THREAD, "c1"),
            token=action.token.encode(),
        )
        s.surface.fail("begin", SurfaceDown("away"))
        with pytest.raises(SurfaceDown):
            await s.gets(click)
        await s.gets(click)
        (asked,) = s.chat.messages
        assert "Ben" in asked.text
        await s.gets(replace(click, event_id="click:2"))
        assert len(s.chat.messages) == 1
        assert "asked" in s.told(BEN)[-1]
        assert asked.card is not None
        allow = replace(click, event_id="click:3", person=ANN, message=asked.message)
        allow = replace(allow, token=asked.card.actions[0].token.encode())
        s.surface.fail("begin", SurfaceDown("away"))
        with pytest.raises(SurfaceDown):
            await s.gets(allow)
        await s.gets(allow)
        assert await s.kit.service.role(BEN) is Role.MEMBER
        assert [shown.key for shown in s.chat.messages if shown.key.endswith(f"told:{BEN.person_id}")]
        assert not s.told(ANN)


class NotedMeanwhile(Mailbox):
    """A mailbox whose feed notes the plan's message while somebody asks what is on its way."""

    def __init__(self, s: Scene, key: str) -> None:
        super().__init__(s.kit.journal.mail)
        self._scene, self._key = s, key

    async def behind(self, surface: str) -> tuple[str, ...]:
        await self._scene.shows(self._key, "20.1")
        return ()


async def test_a_reaction_counts_though_its_message_is_noted_at_the_same_moment(tmp_path: Path) -> None:
    async with scene(tmp_path, PLAN, say("Done.")) as s:
        await s.says("work", mention=True)
        (ask,) = (await s.view()).pending
        noting = NotedMeanwhile(s, f"ask:{ask.ask_id}")
        s.reception = Reception(s.kit.service, s.surface, noting)
        await s.reacts("white_check_mark", "20.1")
        assert (await s.task()).status is Status.FINISHED


async def test_only_what_was_meant_for_gofer_and_came_to_nothing_is_told_to_be_lost(tmp_path: Path) -> None:
    async with scene(tmp_path, PLAN, say("Done.")) as s:
        said = await s.says("work", mention=True)
        talk = replace(said, message=MessageRef(replace(THREAD, thread="77.1"), "77.2"), mentioned=False)
        talk = replace(talk, thread=talk.message.thread)
        for nothing in (said, talk, replace(said, person=replace(ANN, standing=Standing.OUTSIDER))):
            await s.reception.lost(nothing)
        assert not s.told()
        asked = replace(said, message=MessageRef(THREAD, "78.1"), text="add\nthese", mentioned=False)
        await s.reception.lost(asked)
        assert s.told() == [
            "I could not take this up\n\nadd these\n\nSomething went wrong at my end, again and again. "
            "Please send it again."
        ]


@pytest.mark.parametrize("by", ["word", "button"])
async def test_an_undo_that_comes_again_tells_the_same_and_undoes_nothing_more(tmp_path: Path, by: str) -> None:
    async with scene(tmp_path, call("write", path="outputs/a", content="a"), say("Made it.")) as s:
        await s.says("make a", mention=True)
        undo = Token(verb=Verb.UNDO, subject_id=(await s.task()).task_id)
        if by == "word":
            undone: Incoming = await s.says("undo")
        else:
            undone = s.click(undo)
            await s.gets(undone)
        await s.gets(undone)
        assert s.told() == ["The workspace is again as it was before “make a”."] * 2
        await s.kit.service.start(ANN, THREAD.thread_id, "make it again", inbox_id="later")
        await s.kit.work()
        await s.gets(undone)
        assert list((await s.kit.service.workspace(ANN, (await s.task()).task_id)).files()) == ["outputs/a"]
