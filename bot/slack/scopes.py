"""What Gofer asks a workspace for. The same list stands in deploy/slack-manifest.yaml; a test compares them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

SCOPES: Mapping[str, str] = {
    "app_mentions:read": "hearing mentions",
    "assistant:write": "suggested prompts in the direct conversation",
    "channels:history": "reading threads in public channels it is in",
    "channels:read": "names and members of public channels",
    "chat:write": "writing at all",
    "commands": "`/gofer` and the shortcuts",
    "files:read": "taking files",
    "files:write": "bringing files back",
    "groups:history": "reading threads in private channels it is in",
    "groups:read": "names and members of private channels it is in",
    "im:history": "reading direct messages to it",
    "im:read": "knowing direct conversations with it",
    "im:write": "writing to a person directly",
    "mpim:history": "reading group conversations it is in",
    "mpim:read": "members of group conversations it is in",
    "reactions:read": "emoji as decisions",
    "reactions:write": "marking a message as taken up",
    "usergroups:read": "user groups in the access rules",
    "users:read": "names, time zones, and who is a guest or a bot",
}
"""Bot scope → what it is needed for."""
SOCKET_SCOPE = "connections:write"
"""Of the app-level token, for Socket Mode."""


def missing(granted: Iterable[str]) -> tuple[str, ...]:
    """The scopes that are needed and were not granted, in the list's order."""
    have = frozenset(granted)
    return tuple(scope for scope in SCOPES if scope not in have)
