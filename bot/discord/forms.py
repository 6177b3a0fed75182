"""What a sent dialog holds, as `bot.discord.components.render_form` drew it. Pure."""

from __future__ import annotations

from bot.discord.payload import Payload, flag, number, part, parts, strings, text
from bot.surface import FormValue

_FILES = 19
"""The type of a field that takes files."""


def values_of(payload: Payload) -> dict[str, FormValue]:
    """The values by field name: text and one choice as str, several as a tuple, a single check as bool; files apart."""
    values: dict[str, FormValue] = {}
    for field in _fields(payload):
        name = text(field, "custom_id")
        match number(field, "type"):
            case 4 | 21:  # text, radio buttons
                values[name] = text(field, "value")
            case 22:  # check boxes
                values[name] = strings(field, "values")
            case 23:  # one check box
                values[name] = flag(field, "value")
            case 3:  # a select, which does not say whether it takes several
                chosen = strings(field, "values")
                values[name] = chosen if len(chosen) > 1 else "".join(chosen)
            case _:
                pass
    return values


def files_of(payload: Payload) -> tuple[Payload, ...]:
    """Discord's descriptions of the files of all fields."""
    known = part(payload, "data", "resolved", "attachments")
    wanted = [one for field in _fields(payload) if number(field, "type") == _FILES for one in strings(field, "values")]
    return tuple(found for one in wanted if (found := part(known, one)))


def _fields(payload: Payload) -> list[Payload]:
    """The fields of a dialog: each is in a label, or, of old, in a row."""
    found: list[Payload] = []
    for holder in parts(payload, "data", "components"):
        found += [inner for inner in (part(holder, "component"), *parts(holder, "components")) if inner]
    return found
