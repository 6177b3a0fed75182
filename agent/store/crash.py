"""Test equipment: die at a chosen commit, the way a power cut would.

GOFER_CRASH_AT="N:before" or "N:after" kills this process with SIGKILL right before or right after the COMMIT of its
N-th committing write transaction, counted from 1 since process start over all journals. Unset: does nothing.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import Literal

VARIABLE = "GOFER_CRASH_AT"
Moment = Literal["before", "after"]


@dataclass(slots=True)
class CrashPoint:
    """Counts commits until the chosen one."""

    number: int
    moment: str
    commits: int = 0

    def reached(self, moment: Moment) -> None:
        """Call around each COMMIT; does not return from the chosen one."""
        if moment == "before":
            self.commits += 1
        if self.number and self.commits == self.number and moment == self.moment:
            os.kill(os.getpid(), signal.SIGKILL)


def from_environment() -> CrashPoint:
    """The crash point of this process. Raises ValueError for a setting that is not `N:before` or `N:after`."""
    text = os.environ.get(VARIABLE, "")
    if not text:
        return CrashPoint(0, "")
    number, _, moment = text.partition(":")
    if moment not in ("before", "after"):
        raise ValueError(f"{VARIABLE} is N:before or N:after, not {text!r}")
    return CrashPoint(int(number), moment)


CRASH = from_environment()
