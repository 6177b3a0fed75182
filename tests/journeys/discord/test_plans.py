"""Plans in Discord: approved, changed and refused."""

from __future__ import annotations

import pytest

from tests.journeys import scenarios
from tests.journeys.discord.driver import DiscordChat

SCENARIOS = [
    scenarios.a_plan_is_approved_by_button,
    scenarios.a_plan_is_approved_by_emoji,
    scenarios.a_plan_is_approved_by_word,
    scenarios.a_plan_is_rejected,
    scenarios.a_plan_is_edited_in_a_form,
    scenarios.a_plan_is_changed_by_a_reply,
    scenarios.an_edited_request_is_planned_anew,
    scenarios.a_deleted_request_is_cancelled,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_plan(scenario: scenarios.Scenario, chat: DiscordChat) -> None:
    await scenario(chat)
