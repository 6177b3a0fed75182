"""The same scenarios where Discord posts interactions to Gofer; most are slow tests: only the way in differs."""

from __future__ import annotations

import pytest

from tests.journeys import scenarios
from tests.journeys.discord import test_deciding, test_plans, test_working
from tests.journeys.discord.driver import Company, DiscordChat, Mode

QUICK = (
    scenarios.a_plan_is_approved_by_button,
    scenarios.a_plan_is_edited_in_a_form,
    scenarios.a_reply_steers_and_a_mention_interrupts,
)
OTHERS = [
    scenario
    for scenario in (*test_plans.SCENARIOS, *test_deciding.SCENARIOS, *test_working.SCENARIOS)
    if scenario not in QUICK
]


@pytest.fixture(scope="module")
def mode() -> Mode:
    return "http"


@pytest.fixture(scope="module", autouse=True)
async def commands(work: Company) -> None:
    """People find the commands in their client."""
    await work.synchronise()


@pytest.mark.parametrize(
    "scenario",
    [*QUICK, *(pytest.param(scenario, marks=pytest.mark.slow) for scenario in OTHERS)],
    ids=lambda scenario: scenario.__name__,
)
async def test_over_http(scenario: scenarios.Scenario, chat: DiscordChat) -> None:
    await scenario(chat)


async def test_commands_and_suggestions_come_over_http(work: Company, chat: DiscordChat) -> None:
    ann = work.people["ann"]
    await ann.runs("/gofer status", chat.channel)
    await chat.told("What I am working on")
    assert list((await ann.offers("/gofer run", chat.channel, "skill", "tidy")).values()) == ["tidy-folder"]
    await ann.runs("/task new", chat.channel)
    assert (await chat.form()).fields
    ann.closes(await chat.form())


async def test_what_discord_did_not_sign_is_refused(work: Company, chat: DiscordChat) -> None:
    ping = {"type": 1, "id": "1", "application_id": str(work.discord.application_id), "token": "x", "version": 1}
    assert await work.discord.interactions.post(ping) == (200, {"type": 1})
    assert (await work.discord.interactions.post(ping, signed=False))[0] == 401


async def test_a_click_that_is_posted_twice_counts_once(work: Company, chat: DiscordChat) -> None:
    chat.model(*scenarios.JOB)
    await chat.ask("count the words", [scenarios.POEM])
    await chat.click(await chat.card("Count the words", button="Approve"), "Approve")
    status, _ = await work.discord.interactions.post(work.discord.interactions.sent[-1])
    assert status == 202
    await chat.card("Three words.")
    assert sum("Approved by ann" in message.text for message in chat.messages()) == 1
    assert work.private(work.people["ann"]) == []
