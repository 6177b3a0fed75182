"""What people do while a task works and after it ended, and what comes with a request."""

from __future__ import annotations

import pytest

from tests.journeys import scenarios
from tests.journeys.slack.driver import SlackChat

SCENARIOS = [
    scenarios.a_reply_steers_and_a_mention_interrupts,
    scenarios.thanks_and_talk_to_others_disturb_nothing,
    scenarios.it_stops_by_word,
    scenarios.it_stops_by_emoji_and_tries_again_by_emoji,
    scenarios.it_pauses_and_goes_on,
    scenarios.muted_it_hears_mentions_only,
    scenarios.files_in_replies_join,
    scenarios.a_mention_goes_on_in_the_same_workspace,
    scenarios.something_is_changed_by_button,
    scenarios.it_is_undone_by_button,
    scenarios.after_a_failure_it_tries_again,
    scenarios.all_is_forgotten,
    scenarios.a_command_runs_without_a_model,
    scenarios.a_skill_is_asked_for_by_name,
    scenarios.earlier_files_and_words_of_the_thread_come_along,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_working(scenario: scenarios.Scenario, chat: SlackChat) -> None:
    await scenario(chat)
