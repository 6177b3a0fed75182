"""How much room text takes in Arial, so that nothing leaves its box."""

from __future__ import annotations

import unicodedata

_WIDTHS = {
    char: width
    for width, chars in (
        (0.222, "ijl|'‘’"),
        (0.278, "tfI.,:;/\\! []\u00a0"),
        (0.333, "r()-`{}"),
        (0.389, '*"“”'),
        (0.5, "ckJsvxyz"),
        (0.611, "FTZ"),
        (0.667, "ABEKPSVXY&"),
        (0.722, "CDHNRUw"),
        (0.778, "GOQ"),
        (0.833, "mM"),
        (0.889, "%"),
        (0.944, "W"),
        (1.0, "@—…"),
    )
    for char in chars
}
LINE = 1.2
"""Height of a line as a multiple of its font size."""
AFTER_PT = 8.0
"""Space below a bullet, as the master says."""


def width_em(text: str) -> float:
    """The width of a line of Arial in ems, a little on the large side."""
    total = 0.0
    for char in unicodedata.normalize("NFD", text):
        if unicodedata.combining(char):
            continue
        wide = unicodedata.east_asian_width(char) in "WF"
        total += 1.0 if wide else _WIDTHS.get(char, 0.556)
    return total * 1.02


def lines(text: str, size_pt: float, width_in: float) -> int:
    """How many lines the text needs in a box of this width."""
    room = max(1.0, width_in * 72 / size_pt)
    count, used = 1, 0.0
    for word in text.split():
        width = width_em(word)
        if used and used + 0.285 + width > room:
            count, used = count + 1, 0.0
        while width > room:
            count, width = count + 1, width - room
        used += (0.285 if used else 0.0) + width
    return count


def height_in(text: str, size_pt: float, width_in: float) -> float:
    """The height of a bullet with the space below it."""
    return (lines(text, size_pt, width_in) * size_pt * LINE + AFTER_PT) / 72


def shortened(text: str, most: int) -> str:
    """The text cut at a word, with an ellipsis when something is missing."""
    if len(text) <= most:
        return text
    return text[: most - 1].rsplit(" ", 1)[0].rstrip(" ,;:–-") + "…"
