"""Our own lint of what Slack and Discord accept, beside the models of their SDKs, which check only a part.

Each function gives the faults of a payload as sentences; an empty list is a valid payload.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # discord.py imports audioop, which Python 3.13 drops
    import discord
    from discord.components import _component_factory
    from discord.ui.view import LayoutView, _component_to_item

Json = Any


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def walk(node: Json) -> Iterator[dict[str, Json]]:
    """Every object of a payload, the outermost first."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from walk(value)


def slack_faults(payload: dict[str, Json]) -> list[str]:
    """Message bodies: `text` and `blocks`."""
    blocks = payload["blocks"]
    faults = _slack_common(blocks)
    for block in blocks:
        parsed = Block.parse(block)
        if parsed is None:
            faults.append(f"slack_sdk knows no block {block['type']}")
        else:
            parsed.to_dict()
    if not 1 <= len(blocks) <= 50:
        faults.append(f"{len(blocks)} blocks")
    if sum(block["type"] == "table" for block in blocks) > 1:
        faults.append("two tables")
    if utf16(json.dumps(blocks, ensure_ascii=False, separators=(",", ":"))) > 13_200:
        faults.append("msg_blocks_too_long")
    if not payload["text"].strip() or len(payload["text"]) > 4_000:
        faults.append("the fallback text is missing or too long")
    ids = [node["action_id"] for node in walk(blocks) if "action_id" in node]
    if len(ids) > len(set(ids)):
        faults.append("an action_id twice")
    return faults


def slack_view_faults(view: dict[str, Json]) -> list[str]:
    """Modals."""
    View(**view).to_dict()
    faults = _slack_common(view["blocks"])
    if not 1 <= len(view["blocks"]) <= 100:
        faults.append("number of blocks")
    for key in ("title", "submit", "close"):
        if not 1 <= utf16(view[key]["text"]) <= 24:
            faults.append(f"{key}: {view[key]['text']!r}")
    for block in view["blocks"]:
        if block["type"] == "input" and utf16(block["element"].get("initial_value", "")) > 3_000:
            faults.append("initial_value")
    return faults


def _slack_common(blocks: list[Json]) -> list[str]:
    faults: list[str] = []
    for node in walk(blocks):
        kind, text = node.get("type"), node.get("text")
        size = utf16(text) if isinstance(text, str) else 1
        if kind in ("text", "link", "raw_text", "plain_text", "mrkdwn") and not (isinstance(text, str) and text):
            faults.append(f"empty {kind}")
        if kind in ("plain_text", "mrkdwn") and size > 3_000:
            faults.append(f"{kind} of {size}")
        if kind == "header" and utf16(node["text"]["text"]) > 150:
            faults.append("header")
        if kind == "button" and (utf16(node["text"]["text"]) > 75 or ("style" in node and node["style"] == "plain")):
            faults.append("button")
        if kind == "actions" and not 1 <= len(node["elements"]) <= 25:
            faults.append("actions")
        if kind == "context" and not 1 <= len(node["elements"]) <= 10:
            faults.append("context")
        if kind in ("rich_text", "rich_text_section", "rich_text_list", "rich_text_quote", "rich_text_preformatted"):
            faults += [] if node["elements"] else [f"empty {kind}"]
        if kind == "rich_text_preformatted" and {e["type"] for e in node["elements"]} - {"text", "link"}:
            faults.append("preformatted holds more than text")
        if kind == "rich_text_list" and not 0 <= node["indent"] <= 8:
            faults.append("indent")
        if kind == "table" and not (len(node["rows"]) <= 100 and all(1 <= len(row) <= 20 for row in node["rows"])):
            faults.append("table")
        if kind == "plan" and not 1 <= len(node["tasks"]) <= 50:
            faults.append("plan")
        if "action_id" in node and not 1 <= len(node["action_id"]) <= 255:
            faults.append("action_id")
        if "confirm" in node and isinstance(node["confirm"], dict) and kind == "button":
            sizes = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
            faults += [f"confirm {key}" for key, most in sizes.items() if utf16(node["confirm"][key]["text"]) > most]
        for option in node.get("options", ()):
            if utf16(option["text"]["text"]) > 75 or not 1 <= len(option["value"]) <= 150:
                faults.append("option")
        if "options" in node:
            most = {"radio_buttons": 10, "checkboxes": 10}.get(str(kind), 100)
            faults += [] if 1 <= len(node["options"]) <= most else [f"{kind} with {len(node['options'])} options"]
    return faults


def discord_faults(payload: dict[str, Json], *, files: tuple[str, ...] = ()) -> list[str]:
    """Message bodies, plain or V2; `files` are the names uploaded with them."""
    faults: list[str] = []
    mentions = payload["allowed_mentions"]
    if mentions["parse"] or len(mentions.get("users", ())) > 100:
        faults.append("mentions are not disarmed")
    if "content" in payload:
        return faults + ([] if 1 <= utf16(payload["content"]) <= 2_000 else ["content"])
    nodes = [node for node in walk(payload["components"]) if "type" in node and "emoji" not in node]
    rebuilt = LayoutView.from_message(_Message(payload["components"]), timeout=None)
    if rebuilt.content_length() > 4_000 or rebuilt.total_children_count > 40 or len(nodes) > 40:
        faults.append(f"{len(nodes)} components with {rebuilt.content_length()} characters")
    if sum(utf16(node["content"]) for node in nodes if node["type"] == 10) > 4_000:
        faults.append("text in UTF-16")
    shown: list[str] = []
    for node in nodes:
        match node["type"]:
            case 10 if not node["content"].strip():
                faults.append("empty text display")
            case 1:
                kinds = [child["type"] for child in node["components"]]
                if not (kinds == [3] or (1 <= len(kinds) <= 5 and set(kinds) == {2})):
                    faults.append(f"row of {kinds}")
            case 2 if not (1 <= utf16(node["label"]) <= 80 and 1 <= len(node["custom_id"]) <= 100):
                faults.append("button")
            case 3:
                faults += _discord_select(node)
            case 13:
                shown.append(node["file"]["url"].removeprefix("attachment://"))
            case _:
                pass
    if sorted(shown) != sorted(files) or len(files) > 10 or len(set(files)) < len(files):
        faults.append(f"files {files} are shown as {shown}")
    ids = [node["custom_id"] for node in nodes if "custom_id" in node]
    if len(ids) > len(set(ids)):
        faults.append("a custom_id twice")
    return faults


def discord_modal_faults(modal: dict[str, Json]) -> list[str]:
    """The `data` of a modal response."""
    faults: list[str] = []
    if not 1 <= utf16(modal["title"]) <= 45 or not 1 <= len(modal["custom_id"]) <= 100:
        faults.append("title or custom_id")
    if not 1 <= len(modal["components"]) <= 5:
        faults.append("number of components")
    for top in modal["components"]:
        component = _component_factory(top)
        assert component is not None
        _component_to_item(component)
        if top["type"] == 10:
            faults += [] if 1 <= utf16(top["content"]) <= 4_000 else ["text display"]
            continue
        inner = top["component"]
        if utf16(top["label"]) > 45 or utf16(top.get("description", "")) > 100:
            faults.append("label")
        if inner["type"] == 4 and utf16(inner.get("value", "")) > 4_000:
            faults.append("value")
        if inner["type"] == 3:
            faults += _discord_select(inner)
        if inner["type"] == 21 and not 2 <= len(inner["options"]) <= 10:
            faults.append("radio group")
        if inner["type"] == 22 and not 1 <= len(inner["options"]) <= 10:
            faults.append("checkbox group")
        if inner["type"] in (3, 21) and inner.get("max_values", 1) == 1:
            chosen = [option for option in inner["options"] if option.get("default")]
            faults += [] if len(chosen) <= 1 else ["two defaults"]
    return faults


def _discord_select(node: dict[str, Json]) -> list[str]:
    good = 1 <= len(node["options"]) <= 25 and 1 <= len(node["custom_id"]) <= 100
    good = good and all(1 <= utf16(o["label"]) <= 100 and 1 <= len(o["value"]) <= 100 for o in node["options"])
    good = good and utf16(node.get("placeholder", "")) <= 150
    return [] if good else ["select"]


class _Message:
    """What discord.py needs to rebuild a view."""

    def __init__(self, components: list[Json]) -> None:
        self.components = [_component_factory(component) for component in components]
        assert all(isinstance(component, discord.components.Component) for component in self.components)
