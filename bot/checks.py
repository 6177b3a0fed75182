"""One line of what `gofer doctor` finds, in whatever room it was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

State = Literal["ok", "warn", "fail", "skip"]


@dataclass(frozen=True, slots=True)
class Check:
    """`skip`: it could not be looked at, which is no fault; `detail` says why. `fix`: what to do, and where."""

    name: str
    state: State
    detail: str
    fix: str = ""


def lost(surface: str, given_up: Sequence[tuple[datetime, str]]) -> list[Check]:
    """What arrived and could not be worked on: when and why, the last one first. At most 100 are looked at."""
    if not given_up:
        return []
    at, why = given_up[0]
    count = f"{len(given_up)} given up" if len(given_up) < 100 else "100 or more given up"
    last = f"{count} in the last 30 days, the last one at {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    fix = "Their senders were asked to send again what they sent. The log of `gofer serve` says more at that time."
    return [Check(f"{surface} lost", "warn", f"{last} ({why})" if why else last, fix)]
