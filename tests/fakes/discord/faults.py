"""Faults that a test asks for, in Discord's terms."""

from __future__ import annotations

from tests.fakes.slack.faults import Args, Fault, Gate, Where
from tests.fakes.slack.faults import Faults as Queue

__all__ = ["Args", "Fault", "Faults", "Gate", "Where"]


class Faults(Queue):
    """A call is named by its method and its path with `*` for every id: `POST /channels/*/messages`; a download is
    `download`. `where` gets the JSON of the call."""

    def refuse(
        self, method: str, code: int, message: str, *, status: int = 400, times: int = 1, where: Where | None = None
    ) -> None:
        """Answer with an error of Discord's; nothing is done. 429 comes without `Via` then, as from its edge."""
        self._add(Fault("refuse", method, times, where, f"{code} {message}", status))
