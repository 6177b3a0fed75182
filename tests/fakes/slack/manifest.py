"""An app's manifest as the fake's settings, so that what is not declared there does not happen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def settings_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments of `SlackFake` for an app made from this manifest."""
    features, settings = manifest.get("features", {}), manifest.get("settings", {})
    commands = features.get("slash_commands", [])
    return {
        "mode": "socket" if settings.get("socket_mode_enabled") else "http",
        "scopes": tuple(manifest["oauth_config"]["scopes"]["bot"]),
        "subscriptions": tuple(settings.get("event_subscriptions", {}).get("bot_events", ())),
        "commands": {item["command"]: bool(item.get("should_escape")) for item in commands},
        "shortcuts": {item["callback_id"]: item["type"] for item in features.get("shortcuts", [])},
        "agent": "agent_view" in features or "assistant_view" in features,
    }
