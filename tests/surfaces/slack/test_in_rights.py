"""Every kind of delivery that is kept ends behind the one place where rights are judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from agent.domain.people import Role
from agent.service import AccessRules, Arrival, Mailbox
from bot.doorway import Right
from bot.reception import Reception
from bot.settings import Settings
from bot.slack.arrivals import Kind, arrival_of
from bot.slack.office import Branch, Shop
from bot.slack.web import make_client
from bot.slack.workspace import Workspace
from bot.surface import Incoming
from tests.fakes.slack import SlackFake
from tests.kit import SystemClock, open_kit
from tests.surfaces.slack.in_payloads import (
    HERE,
    NOW,
    Json,
    changed,
    click,
    deleted,
    edited,
    event,
    message,
    reaction,
    shortcut,
    slash,
    submission,
    view,
)
from tests.surfaces.slack.test_in_intake import intake

SAID = message("<@U0BOT> work")
THERE = {"channel": "C1", "thread_ts": "1764000001.000100", "user": "U1", "event_ts": "1764000009.000900"}
KINDS: dict[Kind, list[Json]] = {
    "message": [event(SAID)],
    "edit": [event(changed(edited("<@U0BOT> harder", SAID), SAID))],
    "delete": [event(deleted(SAID))],
    "reaction": [event(reaction("octagonal_sign")), event(reaction("+1", added=False))],
    "click": [click()],
    "form": [submission(view({}, []))],
    "shortcut": [shortcut("hand_over", message("work")), shortcut("new_task")],
    "command": [slash("run tidy-folder")],
    "stopped": [event({"type": "agent_session_stopped", **THERE})],
    "home": [event({"type": "app_home_opened", "tab": tab, **THERE}) for tab in ("home", "messages")],
    "joined": [
        event({"type": "member_joined_channel", "channel": "C1", "user": "U0BOT", "inviter": "U1", "event_ts": "1.1"})
    ],
    "renamed": [event({"type": "agent_session_title_changed", "title": "Mine", **THERE})],
    "gone": [event({"type": "app_uninstalled"}), event({"type": "tokens_revoked", "tokens": {"bot": ["U0BOT"]}})],
}
"""Deliveries of every kind, all of the person U1."""


def arrived(body: Json, here: Workspace = HERE) -> Arrival:
    found = arrival_of(body, here, NOW)
    assert found is not None
    return found


def test_there_is_a_sample_of_every_kind() -> None:
    assert set(KINDS) == set(get_args(Kind))
    assert {kind: {arrived(body).kind for body in bodies} for kind, bodies in KINDS.items()} == {
        kind: {kind} for kind in KINDS
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_about_work_has_a_door_with_a_right_and_the_rest_is_about_slack(kind: Kind) -> None:
    doors = Reception(None, None, None).doors  # type: ignore[arg-type]
    for body in KINDS[kind]:
        happened: list[object] = []
        incoming: Incoming | None = await intake(happened).translate(arrived(body))  # type: ignore[arg-type]
        if kind in ("home", "joined", "renamed", "gone"):
            assert (incoming, len(happened)) == (None, 1)
        else:
            assert incoming is not None
            assert isinstance(doors[incoming.kind].right, Right)
            assert happened == []


@pytest.mark.parametrize("who", ["outsider", "bot"])
@pytest.mark.promise("members-only")
async def test_what_is_about_slack_does_nothing_for_outsiders_and_programs(tmp_path: Path, who: str) -> None:
    async with (
        SlackFake() as slack,
        open_kit(tmp_path, [], access=AccessRules(start=("everyone",), decide=("requester",))) as kit,
    ):
        them = slack.user("them", **{who: True})
        ann = slack.user("ann")
        shared = slack.channel("shared", members=[them, ann])
        here = Workspace(team_id=slack.team_id, bot_user_id=slack.bot_user_id, bot_id=slack.team.bot_id)
        shop = Shop(
            settings=Settings.model_validate({"GOFER_HOME": tmp_path}),
            service=kit.service,
            mailbox=Mailbox(kit.journal.mail),
            clock=SystemClock(),
            groups=frozenset(),
            connect=lambda space, chat: None,
            link=None,
            sign_in=None,
            say=lambda words: None,
        )
        await kit.access.admit(f"slack:{slack.team_id}:{them.user_id}", "them", Role.MEMBER)  # no list lets them in
        branch = Branch(shop, here, make_client(slack.bot_token, slack.url))
        try:
            for person, calls in ((them, 0), (ann, 3)):
                for kind in ("home", "joined", "renamed"):
                    for body in KINDS[kind]:
                        assert await branch.translate(arrived(_as(body, person.user_id, shared.id, here), here)) is None
                done = [call.method for call in slack.calls() if not call.method.startswith(("users.", "usergroups."))]
                assert len(done) == calls, done
        finally:
            await branch.surface.close()


def _as(body: Json, user_id: str, channel: str, here: Workspace) -> Json:
    """The same delivery, of this person in this channel."""
    names = {"U1": user_id, "C1": channel, "U0BOT": here.bot_user_id, "T1": here.team_id}
    text = json.dumps(body)
    for old, new in names.items():
        text = text.replace(json.dumps(old), json.dumps(new))
    return json.loads(text)
