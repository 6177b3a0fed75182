"""What a sent form holds, as `bot.slack.blocks.render_form` drew it. Pure."""

from __future__ import annotations

from bot.slack.payload import Payload, part, parts, text
from bot.surface import FormValue


def values_of(view: Payload) -> dict[str, FormValue]:
    """The values by field name: text and one choice as str, many as a tuple, a single check as bool; files apart."""
    fields = {text(block, "block_id"): part(block, "element") for block in parts(view, "blocks")}
    values: dict[str, FormValue] = {}
    for name, held in _held(view).items():
        if text(held, "type") != "file_input":
            values[name] = _value(held, fields.get(name, {}))
    return values


def files_of(view: Payload) -> tuple[Payload, ...]:
    """Slack's descriptions of the files of all fields."""
    return tuple(file for held in _held(view).values() for file in parts(held, "files"))


def _held(view: Payload) -> dict[str, Payload]:
    """What each field holds: a block has one element."""
    state = part(view, "state", "values")
    return {name: part(state, name, *list(part(state, name))[:1]) for name in state}


def _value(held: Payload, element: Payload) -> FormValue:
    match text(held, "type"):
        case "checkboxes" if [text(option, "value") for option in parts(element, "options")] == ["yes"]:
            return bool(parts(held, "selected_options"))  # a CheckField: its only option is "yes"
        case "checkboxes" | "multi_static_select":
            return tuple(text(option, "value") for option in parts(held, "selected_options"))
        case "radio_buttons" | "static_select":
            return text(held, "selected_option", "value")
        case _:
            return text(held, "value")
