"""Saying how a result was: by whoever sees it, once each, for admins to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.domain.errors import NotAllowed, NotFound, Refused
from bot.cards import Token, Verb
from bot.press import Press, press
from tests.kit import MEMBER, OWNER, STRANGER, call, open_kit, say


def thumb(task_id: str, choice: str) -> Press:
    token = Token(verb=Verb.FEEDBACK, subject_id=task_id, choice=choice)
    return Press(token=token, event_id=f"e:{choice}", via="button", values={})


async def test_the_last_word_of_each_person_counts(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [say("ok")]) as kit:
        task = await kit.start("work", actor=MEMBER)
        assert "noted" in (await press(kit.service, MEMBER, thumb(task.task_id, "good"))).text
        assert "different" in (await press(kit.service, MEMBER, thumb(task.task_id, "bad"))).text
        await press(kit.service, OWNER, thumb(task.task_id, "good"))
        said = await kit.service.feedback.newest(OWNER)
        assert {(f.task_id, f.person_id, f.good) for f in said} == {
            (task.task_id, MEMBER.person_id, False),
            (task.task_id, OWNER.person_id, True),
        }


async def test_only_who_sees_a_task_judges_it_and_only_admins_read_it(tmp_path: Path) -> None:
    async with open_kit(tmp_path, [say("ok")]) as kit:
        task = await kit.start("private work")
        for actor, refusal in ((STRANGER, NotAllowed), (MEMBER, NotFound)):
            with pytest.raises(refusal):
                await press(kit.service, actor, thumb(task.task_id, "good"))
        with pytest.raises(NotAllowed):
            await kit.service.feedback.newest(MEMBER)
        assert await kit.service.feedback.newest(OWNER) == ()


async def test_what_has_no_result_yet_and_what_is_no_thumb_is_refused(tmp_path: Path) -> None:
    plan = call("plan", steps=["one", "two"], files=["a"])
    async with open_kit(tmp_path, [plan, say("ok")]) as kit:
        task = await kit.start("work")
        with pytest.raises(Refused, match="no result yet"):
            await press(kit.service, OWNER, thumb(task.task_id, "good"))
        with pytest.raises(Refused, match="does nothing"):
            await press(kit.service, OWNER, thumb(task.task_id, "great"))
