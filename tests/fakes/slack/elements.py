"""Lint of interactive elements and the objects inside them: buttons, menus, inputs, options, confirmations."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.fakes.slack.checker import ACTION_ID_CHARS, Checker

LABEL_CHARS = 75
PLACEHOLDER_CHARS = 150
INPUT_CHARS = 3_000
ICONS = frozenset(
    {
        *("archive", "book", "bookmark", "bot", "bug", "calendar", "call", "caret-left", "caret-right", "check"),
        *("clipboard", "code", "comment", "compass", "copy", "cube", "download", "edit", "email", "eye-closed"),
        *("eye-open", "file", "flag", "folder", "gear", "globe", "heart", "help", "image", "info", "key", "lightbulb"),
        *("link", "map", "mobile", "new-window", "pin", "plus", "refine", "refresh", "rocket", "save", "screen"),
        *("share", "sparkle", "star", "star-filled", "tag", "thumbs-down", "thumbs-up", "trash", "upload", "user"),
        "warning",
    }
)
"""Names that `icon_button` draws."""
_PICKERS = {"datepicker": r"\d{4}-\d\d-\d\d", "timepicker": r"([01]\d|2[0-3]):[0-5]\d"}
_OPEN_SELECTS = ("users", "conversations", "channels")
_SELECTS = frozenset(
    f"{many}{kind}_select" for many in ("", "multi_") for kind in ("static", "external", *_OPEN_SELECTS)
)
ACTIONS = frozenset(
    {
        *("button", "checkboxes", "datepicker", "datetimepicker", "overflow", "radio_buttons", "timepicker"),
        *("workflow_button", "rich_text_input"),
        *_SELECTS,
    }
)
ACCESSORIES = ACTIONS - {"rich_text_input"} | {"image"}
INPUTS = frozenset(
    {
        *("checkboxes", "datepicker", "datetimepicker", "email_text_input", "file_input", "number_input"),
        *("plain_text_input", "radio_buttons", "rich_text_input", "timepicker", "url_text_input"),
        *_SELECTS,
    }
)
CONTEXT_ACTIONS = frozenset({"feedback_buttons", "icon_button"})


def element(check: Checker, node: Any, at: str, allowed: frozenset[str]) -> None:
    """One element of a block that takes those in `allowed`."""
    kind = node.get("type") if isinstance(node, dict) else None
    if kind not in allowed:
        check.fault(at, f"unsupported type: {kind}")
        return
    if kind in _SELECTS:
        _select(check, node, at, kind)
    else:
        _KINDS[kind](check, node, at)
    check.string(node, "action_id", at, ACTION_ID_CHARS)
    if "confirm" in node:
        confirm(check, node["confirm"], f"{at}/confirm")
    check.focus(node, at)


def confirm(check: Checker, node: Any, at: str) -> None:
    if check.shape(node, at, "title text confirm deny", "style"):
        check.text(node, "title", at, 100)
        check.text(node, "text", at, 300, "plain_text mrkdwn")
        check.text(node, "confirm", at, 30)
        check.text(node, "deny", at, 30)
        check.one_of(node, "style", at, "primary danger")


def option(check: Checker, node: Any, at: str, *, rich: bool = False, url: bool = False) -> None:
    """`rich`: radio buttons and checkboxes take mrkdwn. `url`: only in overflow menus."""
    if check.shape(node, at, "text value", f"description{' url' if url else ''}"):
        kinds = "plain_text mrkdwn" if rich else "plain_text"
        check.text(node, "text", at, LABEL_CHARS, kinds)
        check.string(node, "value", at, 150)
        check.text(node, "description", at, LABEL_CHARS, kinds)
        check.url(node, "url", at)


def users(check: Checker, node: Any, at: str) -> None:
    """`visible_to_user_ids`: at most 10 is said of icon buttons only; taken to hold for all."""
    listed = check.items(node, "visible_to_user_ids", at, 1, 10)
    for i, user in enumerate(listed):
        if not isinstance(user, str) or not re.fullmatch(r"[UW][A-Z0-9]{2,}", user):
            check.fault(f"{at}/visible_to_user_ids/{i}", "must be a user id")


def image(check: Checker, node: Any, at: str, optional: str = "") -> None:
    """Image element or block: exactly one source, always an alternative text."""
    check.shape(node, at, "alt_text", f"image_url slack_file {optional}")
    check.string(node, "alt_text", at, 2_000)
    check.url(node, "image_url", at, "http https")
    if ("image_url" in node) == ("slack_file" in node):
        check.fault(at, "exactly one of image_url and slack_file is needed")
    if "slack_file" in node and check.shape(node["slack_file"], f"{at}/slack_file", "", "id url"):
        file = node["slack_file"]
        if ("id" in file) == ("url" in file):
            check.fault(f"{at}/slack_file", "exactly one of id and url is needed")


def _button(check: Checker, node: Any, at: str) -> None:
    names = (
        "action_id url value style confirm accessibility_label agent_prompt agent_prompt_display visible_to_user_ids"
    )
    check.shape(node, at, "text", names)
    check.text(node, "text", at, LABEL_CHARS)
    check.url(node, "url", at)
    check.string(node, "value", at, 2_000)
    check.one_of(node, "style", at, "primary danger")
    check.string(node, "accessibility_label", at, LABEL_CHARS)
    check.string(node, "agent_prompt", at, 4_000)
    check.string(node, "agent_prompt_display", at, LABEL_CHARS)
    users(check, node, at)


def _workflow_button(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "text workflow", "action_id style accessibility_label")
    check.text(node, "text", at, LABEL_CHARS)
    check.one_of(node, "style", at, "primary danger")


def _icon_button(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "icon text", "action_id accessibility_label value visible_to_user_ids confirm")
    if node.get("icon") not in ICONS:
        check.fault(f"{at}/icon", f"unknown icon {node.get('icon')!r}")
    check.text(node, "text", at, LABEL_CHARS)
    check.string(node, "value", at, 2_000)
    check.string(node, "accessibility_label", at, LABEL_CHARS)
    users(check, node, at)


def _feedback(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "positive_button negative_button", "action_id")
    for name in ("positive_button", "negative_button"):
        if name in node and check.shape(node[name], f"{at}/{name}", "text value", "accessibility_label"):
            check.text(node[name], "text", f"{at}/{name}", LABEL_CHARS)
            check.string(node[name], "value", f"{at}/{name}", 2_000)
            check.string(node[name], "accessibility_label", f"{at}/{name}", LABEL_CHARS)


def _overflow(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "options", "action_id confirm")
    for i, item in enumerate(check.items(node, "options", at, 1, 5)):
        option(check, item, f"{at}/options/{i}", url=True)


def _boxes(check: Checker, node: Any, at: str) -> None:
    first = "initial_options" if node["type"] == "checkboxes" else "initial_option"
    check.shape(node, at, "options", f"action_id {first} confirm focus_on_load")
    options = check.items(node, "options", at, 1, 10)
    for i, item in enumerate(options):
        option(check, item, f"{at}/options/{i}", rich=True)
    _initial(check, node, at, options)


def _select(check: Checker, node: Any, at: str, kind: str) -> None:
    many = kind.startswith("multi_")
    names = "action_id placeholder confirm focus_on_load" + (" max_selected_items" if many else "")
    source = kind.removeprefix("multi_").removesuffix("_select")
    options: list[Any] = []
    if source == "static":
        check.shape(node, at, "", f"{names} options option_groups {_first(many)}")
        options = _choices(check, node, at)
    elif source == "external":
        check.shape(node, at, "", f"{names} min_query_length {_first(many)}")
        check.integer(node, "min_query_length", at, 0, 1_000)
    else:
        first = f"initial_{source if many else source[:-1]}"
        extra = "response_url_enabled" if not many and source != "users" else ""
        wide = "default_to_current_conversation filter" if source == "conversations" else ""
        check.shape(node, at, "", f"{names} {first} {extra} {wide}")
    check.text(node, "placeholder", at, PLACEHOLDER_CHARS)
    check.integer(node, "max_selected_items", at, 1, 10**6)
    if source == "static":
        _initial(check, node, at, options)


def _first(many: bool) -> str:
    return "initial_options" if many else "initial_option"


def _choices(check: Checker, node: Any, at: str) -> list[Any]:
    if ("options" in node) == ("option_groups" in node):
        check.fault(at, "exactly one of options and option_groups is needed")
    found = list(check.items(node, "options", at, 1, 100))
    for i, item in enumerate(found):
        option(check, item, f"{at}/options/{i}")
    for g, group in enumerate(check.items(node, "option_groups", at, 1, 100)):
        where = f"{at}/option_groups/{g}"
        if check.shape(group, where, "label options"):
            check.text(group, "label", where, LABEL_CHARS)
            inside = check.items(group, "options", where, 1, 100)
            for i, item in enumerate(inside):
                option(check, item, f"{where}/options/{i}")
            found += inside
    return found


def _initial(check: Checker, node: Any, at: str, options: Any) -> None:
    """What is chosen at first must be one of the options, to the last character."""
    chosen = list(check.items(node, "initial_options", at, 1, 100))
    if "initial_option" in node:
        chosen.append(node["initial_option"])
    for item in chosen:
        if item not in options:
            check.fault(at, "initial option is not one of the options")
    most = node.get("max_selected_items")
    if isinstance(most, int) and len(chosen) > most:
        check.fault(at, "more initial options than max_selected_items")


def _picker(check: Checker, node: Any, at: str) -> None:
    kind = node["type"]
    first = {"datepicker": "initial_date", "timepicker": "initial_time"}[kind]
    names = "action_id placeholder confirm focus_on_load" + (" timezone" if kind == "timepicker" else "")
    check.shape(node, at, "", f"{names} {first}")
    check.text(node, "placeholder", at, PLACEHOLDER_CHARS)
    value = node.get(first)
    if value is not None and not (isinstance(value, str) and re.fullmatch(_PICKERS[kind], value)):
        check.fault(f"{at}/{first}", "has the wrong format")


def _datetime(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "", "action_id initial_date_time confirm focus_on_load")
    check.integer(node, "initial_date_time", at, 1_000_000_000, 9_999_999_999)


def _plain_input(check: Checker, node: Any, at: str) -> None:
    names = "action_id initial_value multiline min_length max_length dispatch_action_config focus_on_load placeholder"
    check.shape(node, at, "", names)
    check.boolean(node, "multiline", at)
    check.integer(node, "min_length", at, 0, INPUT_CHARS)
    check.integer(node, "max_length", at, 1, INPUT_CHARS)
    low, high = node.get("min_length"), node.get("max_length")
    if isinstance(low, int) and isinstance(high, int) and low > high:
        check.fault(at, "min_length is more than max_length")
    most = high if isinstance(high, int) else INPUT_CHARS
    check.string(node, "initial_value", at, min(most, INPUT_CHARS))
    check.text(node, "placeholder", at, PLACEHOLDER_CHARS)
    _dispatch(check, node, at)


def _line_input(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "", "action_id initial_value dispatch_action_config focus_on_load placeholder")
    check.string(node, "initial_value", at, INPUT_CHARS)
    check.text(node, "placeholder", at, PLACEHOLDER_CHARS)
    _dispatch(check, node, at)


def _number_input(check: Checker, node: Any, at: str) -> None:
    names = "action_id initial_value min_value max_value dispatch_action_config focus_on_load placeholder"
    check.shape(node, at, "is_decimal_allowed", names)
    check.boolean(node, "is_decimal_allowed", at)
    values: dict[str, float] = {}
    for name in ("initial_value", "min_value", "max_value"):
        value = node.get(name)
        if value is None:
            continue
        if not isinstance(value, str) or not re.fullmatch(r"-?\d+(\.\d+)?", value):
            check.fault(f"{at}/{name}", "must be a number in a string")
        else:
            values[name] = float(value)
    if values.get("min_value", float("-inf")) > values.get("max_value", float("inf")):
        check.fault(at, "min_value is more than max_value")
    check.text(node, "placeholder", at, PLACEHOLDER_CHARS)
    _dispatch(check, node, at)


def _rich_input(check: Checker, node: Any, at: str) -> None:
    names = "action_id initial_value dispatch_action_config focus_on_load placeholder min_lines max_lines"
    check.shape(node, at, "", names)
    check.integer(node, "min_lines", at, 1, 100)
    check.integer(node, "max_lines", at, 1, 100)
    check.text(node, "placeholder", at, PLACEHOLDER_CHARS)
    _dispatch(check, node, at)


def _file_input(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "", "action_id filetypes max_files")
    if check.surface != "modal":
        check.fault(at, "file_input is only for modals")
    check.integer(node, "max_files", at, 1, 10)
    for i, kind in enumerate(check.items(node, "filetypes", at, 1, 100)):
        if not isinstance(kind, str) or not re.fullmatch(r"[A-Za-z0-9]+", kind):
            check.fault(f"{at}/filetypes/{i}", "must be an extension without a dot")


def _dispatch(check: Checker, node: Any, at: str) -> None:
    if "dispatch_action_config" not in node:
        return
    where = f"{at}/dispatch_action_config"
    if check.shape(node["dispatch_action_config"], where, "trigger_actions_on"):
        for item in check.items(node["dispatch_action_config"], "trigger_actions_on", where, 1, 2):
            if item not in ("on_enter_pressed", "on_character_entered"):
                check.fault(where, f"unknown trigger {item!r}")


def _image_element(check: Checker, node: Any, at: str) -> None:
    image(check, node, at)


_KINDS: dict[str, Callable[[Checker, Any, str], None]] = {
    "button": _button,
    "workflow_button": _workflow_button,
    "icon_button": _icon_button,
    "feedback_buttons": _feedback,
    "overflow": _overflow,
    "checkboxes": _boxes,
    "radio_buttons": _boxes,
    "datepicker": _picker,
    "timepicker": _picker,
    "datetimepicker": _datetime,
    "plain_text_input": _plain_input,
    "email_text_input": _line_input,
    "url_text_input": _line_input,
    "number_input": _number_input,
    "rich_text_input": _rich_input,
    "file_input": _file_input,
    "image": _image_element,
}
