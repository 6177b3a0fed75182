"""Calls, questions, and whose decision counts."""

from __future__ import annotations

import pytest

from tests.journeys import scenarios
from tests.journeys.slack.driver import SlackChat

SCENARIOS = [
    scenarios.two_presses_and_an_emoji_are_one_decision,
    scenarios.somebody_else_does_not_decide,
    scenarios.a_call_shows_its_arguments_and_is_allowed_once,
    scenarios.a_call_is_denied_with_a_reason,
    scenarios.a_call_is_denied_by_emoji,
    scenarios.a_question_is_answered_by_button,
    scenarios.a_question_is_answered_by_a_reply,
    scenarios.a_question_is_answered_in_a_form,
    scenarios.changes_are_shown_and_kept_by_button,
    scenarios.changes_are_discarded_by_button,
    scenarios.changes_are_kept_by_emoji,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_deciding(scenario: scenarios.Scenario, chat: SlackChat) -> None:
    await scenario(chat)
