"""The same scenarios where Slack calls Gofer over HTTP; most are slow tests, because only the way in differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys import scenarios
from tests.journeys.slack import test_contents, test_deciding, test_entrances, test_plans, test_working
from tests.journeys.slack.driver import Company, SlackChat
from tests.journeys.slack.serving import Mode

QUICK = (
    scenarios.a_plan_is_approved_by_button,
    scenarios.a_plan_is_edited_in_a_form,
    scenarios.a_reply_steers_and_a_mention_interrupts,
    scenarios.it_stops_by_word,
    scenarios.two_presses_and_an_emoji_are_one_decision,
    scenarios.somebody_else_does_not_decide,
)
OTHERS = [
    scenario
    for scenario in (*test_plans.SCENARIOS, *test_deciding.SCENARIOS, *test_working.SCENARIOS)
    if scenario not in QUICK
]


@pytest.fixture(scope="module")
def mode() -> Mode:
    return "http"


@pytest.mark.parametrize(
    "scenario",
    [*QUICK, *(pytest.param(scenario, marks=pytest.mark.slow) for scenario in OTHERS)],
    ids=lambda scenario: scenario.__name__,
)
async def test_over_http(scenario: scenarios.Scenario, chat: SlackChat) -> None:
    await scenario(chat)


async def test_a_command_and_a_shortcut_come_over_http(work: Company, chat: SlackChat) -> None:
    ann = work.people["ann"]
    await ann.runs("/gofer status", chat.channel)
    await chat.told("What I am working on")
    await ann.shortcut("new_task")
    assert "What shall I do?" in (await chat.form()).plain


@pytest.mark.parametrize("how", ["button", "emoji"])
async def test_the_shared_case_over_http(chat: SlackChat, tmp_path: Path, how: str) -> None:
    await test_contents.test_tables_are_merged_and_the_grader_agrees(chat, tmp_path, how)


async def test_redelivery_and_slacks_stop_button_over_http(work: Company) -> None:
    await test_entrances.test_a_mention_told_twice_and_again_is_one_task(work, work.chat())
    await test_entrances.test_its_own_stop_button_stops(work, work.chat())
