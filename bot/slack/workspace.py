"""Which workspace a bot token belongs to, and who Gofer is there."""

from __future__ import annotations

from dataclasses import dataclass

from bot.surface import ThreadRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """One installation. Everything of it is named by its own `team_id`, also in channels shared with other workspaces
    (Slack Connect): the ids of people and channels are the same on both sides, and rights are given here."""

    team_id: str
    bot_user_id: str
    bot_id: str
    name: str = ""
    url: str = ""
    """`https://team.slack.com/`."""

    def person_id(self, user_id: str) -> str:
        """`slack:T1:U2`."""
        return f"slack:{self.team_id}:{user_id}"

    def place(self, channel: str) -> str:
        """`slack:T1:C2`; empty where there is no channel."""
        return f"slack:{self.team_id}:{channel}" if channel else ""

    def thread(self, channel: str, root_ts: str) -> ThreadRef:
        """A thread. Without a channel: nowhere in particular (App Home, a global shortcut). Without a root: the
        channel itself, where a slash command was typed."""
        return ThreadRef("slack", self.team_id, channel, root_ts)
