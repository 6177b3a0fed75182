"""What people can do is the same on every chat platform, and written down."""

from __future__ import annotations

from tests.journeys import parity


def test_every_scenario_is_played_on_every_platform() -> None:
    everything = {scenario for _, group in parity.sections() for scenario in group}
    assert len(everything) > 30
    for platform, played in parity.PLATFORMS.items():
        assert everything - set(played) == set(), platform


def test_the_page_is_made_from_todays_scenarios() -> None:
    assert parity.PAGE.read_text(encoding="utf-8") == parity.page(), "run `make docs`"
