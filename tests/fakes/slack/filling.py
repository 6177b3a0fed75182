"""What a person puts into the inputs of a modal, as `state.values`; and what Slack's client would not let them send."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.fakes.slack.world import Block, File

Values = Mapping[str, Any]
KeepFile = Callable[[Any], File]


class NotPossible(AssertionError):
    """A person could not do this: no such button, not visible to them, a form that is not filled in."""


_MANY = frozenset({"checkboxes", "multi_static_select", "multi_external_select"})
_TEXTS = frozenset({"plain_text_input", "email_text_input", "url_text_input", "number_input"})
_IDS = {
    "users_select": ("selected_user", "initial_user"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_users_select": ("selected_users", "initial_users"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
}


def filled(blocks: list[Block], values: Values, keep: KeepFile, describe: Callable[[File], Any]) -> dict[str, Any]:
    """`state.values` of a whole form. `values`: by block_id; options by label or value, files as (name, bytes).

    What is not given keeps its initial value. Raises `NotPossible` for an unknown block, a value that the input does
    not take, and a required input that is empty.
    """
    inputs = {block["block_id"]: block for block in blocks if block["type"] == "input"}
    if unknown := set(values) - set(inputs):
        raise NotPossible(f"no input {sorted(unknown)}; there are {sorted(inputs)}")
    state: dict[str, Any] = {}
    for block_id, block in inputs.items():
        element = block["element"]
        value = _value(element, values[block_id], keep, describe) if block_id in values else _initial(element)
        if not block.get("optional", False) and _empty(value):
            raise NotPossible(f"{block_id!r} ({block['label']['text']}) must be filled in")
        state[block_id] = {element["action_id"]: {"type": element["type"], **value}}
    return state


def options_of(element: Mapping[str, Any]) -> list[dict[str, Any]]:
    inside = [option for group in element.get("option_groups") or () for option in group["options"]]
    return [*(element.get("options") or ()), *inside]


def choose(element: Mapping[str, Any], wanted: Any) -> dict[str, Any]:
    """The option with this label or value."""
    for option in options_of(element):
        if wanted in (option["text"]["text"], option["value"]):
            return option
    raise NotPossible(f"no option {wanted!r}; there are {[o['text']['text'] for o in options_of(element)]}")


def _value(element: dict[str, Any], given: Any, keep: KeepFile, describe: Callable[[File], Any]) -> dict[str, Any]:
    kind = element["type"]
    if kind in _TEXTS:
        return {"value": _text(element, given)}
    if kind in _IDS:
        return {_IDS[kind][0]: given}
    if kind in _MANY:
        chosen = [choose(element, wanted) for wanted in given or ()]
        if len(chosen) > element.get("max_selected_items", len(chosen)):
            raise NotPossible(f"at most {element['max_selected_items']} can be chosen")
        return {"selected_options": chosen}
    if kind == "file_input":
        files = [keep(item) for item in given or ()]
        if len(files) > element.get("max_files", 10):
            raise NotPossible(f"at most {element.get('max_files', 10)} files")
        for file in files:
            if element.get("filetypes") and file.name.rpartition(".")[2].lower() not in element["filetypes"]:
                raise NotPossible(f"{file.name!r} is not of {element['filetypes']}")
        return {"files": [describe(file) for file in files]}
    if kind in ("static_select", "radio_buttons"):
        return {"selected_option": None if given is None else choose(element, given)}
    raise NotPossible(f"the fake's people cannot fill in {kind}")


def _text(element: dict[str, Any], given: Any) -> str | None:
    if not given:
        return None
    text = str(given)
    low = element.get("min_length", 0)
    high = element.get("max_length", 3_000)
    if element["type"] == "plain_text_input" and not low <= len(text) <= high:
        raise NotPossible(f"must have from {low} to {high} characters, not {len(text)}")
    if element["type"] == "url_text_input" and "://" not in text:
        raise NotPossible("must be a URL")
    if element["type"] == "number_input" and not text.removeprefix("-").replace(".", "", 1).isdigit():
        raise NotPossible("must be a number")
    return text


def _initial(element: dict[str, Any]) -> dict[str, Any]:
    kind = element["type"]
    if kind in _TEXTS:
        return {"value": element.get("initial_value")}
    if kind in _IDS:
        return {_IDS[kind][0]: element.get(_IDS[kind][1])}
    if kind in _MANY:
        return {"selected_options": element.get("initial_options", [])}
    if kind == "file_input":
        return {"files": []}
    if kind == "rich_text_input":
        return {"rich_text_value": element.get("initial_value")}
    return {"selected_option": element.get("initial_option")}


def _empty(value: dict[str, Any]) -> bool:
    return not any(value.values())
