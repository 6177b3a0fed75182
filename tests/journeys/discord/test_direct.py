"""The same scenarios in direct messages, where there are no threads and no roles come along."""

from __future__ import annotations

import pytest

from tests.journeys import scenarios
from tests.journeys.discord.driver import Company

SCENARIOS = [
    scenarios.a_plan_is_approved_by_emoji,
    scenarios.a_plan_is_approved_by_word,
    scenarios.a_plan_is_edited_in_a_form,
    scenarios.an_edited_request_is_planned_anew,
    scenarios.a_deleted_request_is_cancelled,
    scenarios.a_call_is_denied_with_a_reason,
    scenarios.a_question_is_answered_by_a_reply,
    scenarios.it_stops_by_emoji_and_tries_again_by_emoji,
    scenarios.it_is_undone_by_button,
    scenarios.all_is_forgotten,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_alone(scenario: scenarios.Scenario, work: Company) -> None:
    await scenario(work.alone())
