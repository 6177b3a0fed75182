"""Slack's names for the emoji that Gofer puts on messages. Pure."""

from __future__ import annotations

from collections.abc import Mapping

_NAMES: Mapping[str, str] = {
    "👀": "eyes",
    "✅": "white_check_mark",
    "❌": "x",
    "⏳": "hourglass_flowing_sand",
    "🙏": "pray",
    "👍": "+1",
    "👎": "-1",
    "🛑": "octagonal_sign",
    "⏸": "double_vertical_bar",
    "▶": "arrow_forward",
    "⏹": "black_square_for_stop",
    "🔁": "repeat",
    "✋": "raised_hand",
    "📋": "clipboard",
    "⚠": "warning",
    "🎉": "tada",
    "❓": "question",
}


def slack_name(emoji: str) -> str:
    """The name of a character; a name, with or without its colons, stays one. Raises ValueError for others."""
    bare = emoji.strip().strip(":").replace("\ufe0f", "")
    name = _NAMES.get(bare, bare)
    if not name or not name.isascii():
        raise ValueError(f"no name is known in Slack for {emoji!r}")
    return name
