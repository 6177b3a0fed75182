"""The emoji names that the fake's workspaces know; a reaction with another is refused."""

from __future__ import annotations

import re

ALIASES = {
    "thumbsup": "+1",
    "thumbsdown": "-1",
    "stop_sign": "octagonal_sign",
    "hankey": "poop",
    "collision": "boom",
    "warning_sign": "warning",
    "satisfied": "laughing",
}
NAMES = frozenset(
    {
        *("+1", "-1", "eyes", "white_check_mark", "heavy_check_mark", "ballot_box_with_check", "x", "octagonal_sign"),
        *("negative_squared_cross_mark", "no_entry", "no_entry_sign", "stopwatch", "hourglass", "warning", "question"),
        *("hourglass_flowing_sand", "double_vertical_bar", "pause_button", "arrows_counterclockwise", "repeat", "ok"),
        *("arrow_forward", "black_square_for_stop", "rewind", "fast_forward", "one", "two", "three", "four", "five"),
        *("zero", "six", "seven", "eight", "nine", "keycap_ten", "ok_hand", "raised_hands", "clap", "wave", "pray"),
        *("tada", "rocket", "fire", "100", "bulb", "memo", "pencil2", "paperclip", "open_file_folder", "file_folder"),
        *("mag", "mag_right", "bell", "no_bell", "mute", "speaker", "speech_balloon", "thought_balloon", "robot_face"),
        *("gear", "hammer_and_wrench", "wrench", "lock", "unlock", "key", "link", "inbox_tray", "outbox_tray", "bug"),
        *("red_circle", "large_green_circle", "large_yellow_circle", "large_blue_circle", "white_circle", "zzz"),
        *(
            "smile",
            "laughing",
            "joy",
            "heart",
            "broken_heart",
            "cry",
            "thinking_face",
            "sweat_smile",
            "slightly_smiling_face",
        ),
        *("exclamation", "bangbang", "grey_question", "information_source", "recycle", "new", "wastebasket", "boom"),
        *("leftwards_arrow_with_hook", "arrow_right_hook", "email", "calendar", "clock1", "alarm_clock", "poop"),
        *("chart_with_upwards_trend", "bar_chart", "clipboard", "pushpin", "triangular_flag_on_post", "checkered_flag"),
    }
)
_SKINNED = frozenset({"+1", "-1", "ok_hand", "raised_hands", "clap", "wave", "pray"})


def known_name(name: str) -> str:
    """The name as Slack stores it: without alias, a skin tone kept. Empty when there is no such emoji."""
    base, _, tone = name.partition("::")
    base = ALIASES.get(base, base)
    if base not in NAMES:
        return ""
    if not tone:
        return base
    return f"{base}::{tone}" if base in _SKINNED and re.fullmatch(r"skin-tone-[2-6]", tone) else ""
