"""Slack's rate limits, enforced when a test asks for them.

The tiers are a third party's transcription, those of streams assumed: start and stop Tier 2, append Tier 4. Methods
without a known tier count as Tier 3. Tier 1 (`apps.connections.open`) lets 10 a minute through, since Slack tolerates
a burst and an app may hold ten sockets.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque

from tests.fakes.slack.world import Clock

PER_MINUTE = {1: 10, 2: 20, 3: 50, 4: 100}
WINDOW_S = 60.0
POST_BURST = 3
"""Messages that a channel takes at once; then one a second."""
TIERS = {
    "apps.connections.open": 1,
    "chat.startStream": 2,
    "chat.stopStream": 2,
    "reactions.remove": 2,
    "conversations.create": 2,
    "usergroups.list": 2,
    "usergroups.users.list": 2,
    "chat.appendStream": 4,
    "chat.postEphemeral": 4,
    "users.info": 4,
    "conversations.members": 4,
    "files.info": 4,
    "files.getUploadURLExternal": 4,
    "files.completeUploadExternal": 4,
    "assistant.threads.setSuggestedPrompts": 4,
    "assistant.threads.setTitle": 4,
    "views.open": 4,
    "views.push": 4,
    "views.update": 4,
    "views.publish": 4,
    "oauth.v2.access": 4,
}
_FREE = frozenset({"auth.test", "chat.getPermalink"})
"""Several hundred a minute."""
_READING = frozenset({"conversations.history", "conversations.replies"})


class Rates:
    """`mode`: `off` or `real`. `distributed`: an app sold outside Slack's marketplace reads history once a minute."""

    def __init__(self, clock: Clock) -> None:
        self.mode = "off"
        self.distributed = False
        self._clock = clock
        self._seen: dict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    def wait_s(self, team_id: str, method: str, channel: str) -> int:
        """0 when the call may go on, else the Retry-After. Counts the call only when it may."""
        if self.mode == "off" or method in _FREE:
            return 0
        now = self._clock.now()
        if method == "chat.postMessage":
            return self._drip((team_id, channel), now)
        most = PER_MINUTE[TIERS.get(method, 3)]
        if self.distributed and method in _READING:
            most = 1
        seen = self._seen[team_id, method]
        while seen and now - seen[0] >= WINDOW_S:
            seen.popleft()
        if len(seen) >= most:
            return max(1, math.ceil(WINDOW_S - (now - seen[0])))
        seen.append(now)
        return 0

    def _drip(self, key: tuple[str, str], now: float) -> int:
        left, then = self._buckets.get(key, (float(POST_BURST), now))
        left = min(POST_BURST, left + now - then)
        if left < 1:
            self._buckets[key] = (left, now)
            return max(1, math.ceil(1 - left))
        self._buckets[key] = (left - 1, now)
        return 0
