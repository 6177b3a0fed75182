"""Lint of blocks: what each may hold, where it may stand, and what Slack's own library says of it.

`alert` passes in messages: one third party lists it as modal-only, Slack's pages do not say.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from tests.fakes.slack import elements, rich, tables, tasks
from tests.fakes.slack.checker import BLOCK_ID_CHARS, TEXT_CHARS, Checker, units

MARKDOWN_CHARS = 12_000
"""Of all markdown blocks of a message."""
_EVERYWHERE = "actions context divider header image input rich_text section video"
SURFACES = {
    "message": frozenset(
        [
            *_EVERYWHERE.split(),
            *("alert", "auth_provider", "card", "carousel", "container", "context_actions", "data_table"),
            *("data_visualization", "markdown", "plan", "table", "task_card"),
        ]
    ),
    "modal": frozenset([*_EVERYWHERE.split(), "alert", "card"]),
    "home": frozenset(
        [
            *_EVERYWHERE.split(),
            "auth_provider",
            "card",
            "carousel",
            "container",
            "data_table",
            "data_visualization",
            "table",
        ]
    ),
}
_CHILDREN = frozenset(["actions", "context", "divider", "header", "image", "markdown", "rich_text", "section", "table"])
"""Of a container. Documented nowhere; the plain ones."""
_PER_SURFACE = {"table": 1, "data_visualization": 2}


def check_blocks(check: Checker, blocks: Sequence[Any], at: str = "/blocks") -> None:
    """All blocks of one surface, one by one and together; the number of blocks is the caller's."""
    for i, block in enumerate(blocks):
        _block(check, block, f"{at}/{i}", SURFACES[check.surface])
    known = [block for block in blocks if isinstance(block, dict)]
    nested = [child for block in known for child in block.get("child_blocks") or () if isinstance(child, dict)]
    ids = [block["block_id"] for block in [*known, *nested] if isinstance(block.get("block_id"), str)]
    check.unique(ids, at, "block_id")
    for kind, most in _PER_SURFACE.items():
        if sum(block.get("type") == kind for block in [*known, *nested]) > most:
            check.fault(at, f"only {most} {kind} allowed")
    texts = [block.get("text") for block in [*known, *nested] if block.get("type") == "markdown"]
    if sum(units(text) for text in texts if isinstance(text, str)) > MARKDOWN_CHARS:
        check.fault(at, f"markdown blocks must be less than {MARKDOWN_CHARS + 1} characters together")
    if sum(tables.data_chars(block) for block in known if block.get("type") == "data_table") > tables.DATA_CHARS:
        check.fault(at, f"data tables must be less than {tables.DATA_CHARS + 1} characters together")


def _block(check: Checker, node: Any, at: str, allowed: frozenset[str]) -> None:
    kind = node.get("type") if isinstance(node, dict) else None
    if kind not in _KINDS or kind in check.missing:
        check.fault(at, f"unsupported type: {kind}")
        return
    if kind not in allowed:
        check.fault(at, f"{kind} is not allowed here ({check.surface})")
        return
    check.string(node, "block_id", at, BLOCK_ID_CHARS)
    _KINDS[kind](check, node, at)
    _by_sdk(check, node, at)


def _by_sdk(check: Checker, node: dict[str, Any], at: str) -> None:
    """A second opinion, where Slack's library has a class for the block."""
    if node["type"] in ("data_table", "data_visualization"):
        return
    try:
        parsed = Block.parse(copy.deepcopy(node))
        if parsed is None:
            check.fault(at, f"slack_sdk knows no block {node['type']}")
        else:
            parsed.to_dict()
    except (SlackObjectFormationError, TypeError, KeyError, AttributeError, ValueError) as error:
        # The library's classes assume the right types everywhere: any of these says that a type is wrong.
        check.fault(at, f"slack_sdk: {error}")


def _section(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "", "text fields accessory expand block_id")
    if "text" not in node and not node.get("fields"):
        check.fault(at, "text or fields is needed")
    check.text(node, "text", at, TEXT_CHARS, "plain_text mrkdwn")
    for i, field in enumerate(check.items(node, "fields", at, 1, 10)):
        check.text_object(field, f"{at}/fields/{i}", 2_000, "plain_text mrkdwn")
    check.boolean(node, "expand", at)
    if "accessory" in node:
        elements.element(check, node["accessory"], f"{at}/accessory", elements.ACCESSORIES)


def _divider(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "", "block_id")


def _header(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "text", "block_id level")
    check.text(node, "text", at, 150)
    check.integer(node, "level", at, 1, 4)


def _image(check: Checker, node: Any, at: str) -> None:
    elements.image(check, node, at, "title block_id")
    check.text(node, "title", at, 2_000)


def _elements(check: Checker, node: Any, at: str, most: int, allowed: frozenset[str]) -> None:
    check.shape(node, at, "elements", "block_id")
    inside = check.items(node, "elements", at, 1, most)
    for i, item in enumerate(inside):
        elements.element(check, item, f"{at}/elements/{i}", allowed)
    ids = [item["action_id"] for item in inside if isinstance(item, dict) and "action_id" in item]
    check.unique(ids, at, "action_id")


def _actions(check: Checker, node: Any, at: str) -> None:
    _elements(check, node, at, 25, elements.ACTIONS)


def _context_actions(check: Checker, node: Any, at: str) -> None:
    _elements(check, node, at, 5, elements.CONTEXT_ACTIONS)


def _context(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "elements", "block_id")
    for i, item in enumerate(check.items(node, "elements", at, 1, 10)):
        where = f"{at}/elements/{i}"
        if isinstance(item, dict) and item.get("type") == "image":
            elements.image(check, item, where)
        else:
            check.text_object(item, where, TEXT_CHARS, "plain_text mrkdwn")


def _input(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "label element", "hint optional dispatch_action block_id")
    check.text(node, "label", at, 2_000)
    check.text(node, "hint", at, 2_000)
    check.boolean(node, "optional", at)
    check.boolean(node, "dispatch_action", at)
    if "element" in node:
        elements.element(check, node["element"], f"{at}/element", elements.INPUTS)
        if isinstance(node["element"], dict) and "confirm" in node["element"]:
            check.fault(f"{at}/element/confirm", "no confirm inside an input block")


def _markdown(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "text", "block_id")
    text = check.string(node, "text", at, MARKDOWN_CHARS)
    if text and not text.strip():
        check.fault(f"{at}/text", "must not be blank")


def _video(check: Checker, node: Any, at: str) -> None:
    optional = "title_url description provider_icon_url provider_name author_name block_id"
    check.shape(node, at, "alt_text video_url thumbnail_url title", optional)
    check.string(node, "alt_text", at, 200)
    check.text(node, "title", at, 199)
    check.text(node, "description", at, 200)
    check.string(node, "author_name", at, 49)
    check.string(node, "provider_name", at, 50)
    for name in ("video_url", "title_url"):
        check.url(node, name, at, "https")


def _alert(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "text", "level block_id")
    check.text(node, "text", at, 200, "plain_text mrkdwn")
    check.one_of(node, "level", at, "default info warning error success")


def _card(check: Checker, node: Any, at: str) -> None:
    names = "hero_image icon title subtitle body subtext actions block_id"
    if not check.shape(node, at, "", names):
        return
    if not any(name in node for name in ("hero_image", "title", "actions", "body")):
        check.fault(at, "one of hero_image, title, actions and body is needed")
    for name, most in (("title", 150), ("subtitle", 150), ("body", 200), ("subtext", 200)):
        check.text(node, name, at, most, "plain_text mrkdwn")
    for name in ("hero_image", "icon"):
        if name in node:
            elements.image(check, node[name], f"{at}/{name}")
    for i, item in enumerate(check.items(node, "actions", at, 1, 3)):
        elements.element(check, item, f"{at}/actions/{i}", frozenset({"button"}))


def _carousel(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "elements", "block_id")
    for i, item in enumerate(check.items(node, "elements", at, 1, 10)):
        if isinstance(item, dict) and item.get("type") == "card":
            _card(check, item, f"{at}/elements/{i}")
        else:
            check.fault(f"{at}/elements/{i}", "a carousel takes only cards")


def _container(check: Checker, node: Any, at: str) -> None:
    names = "title rich_text_title subtitle width icon is_collapsible default_collapsed has_header_divider block_id"
    check.shape(node, at, "child_blocks", names)
    if "title" not in node and "rich_text_title" not in node:
        check.fault(at, "title or rich_text_title is needed")
    check.text(node, "title", at, 150)
    check.text(node, "subtitle", at, 150, "plain_text mrkdwn")
    if "rich_text_title" in node:
        rich.rich_text(check, node["rich_text_title"], f"{at}/rich_text_title")
    check.one_of(node, "width", at, "narrow standard wide full")
    for name in ("is_collapsible", "default_collapsed", "has_header_divider"):
        check.boolean(node, name, at)
    if node.get("default_collapsed") and not node.get("is_collapsible"):
        check.fault(at, "default_collapsed needs is_collapsible")
    if node.get("has_header_divider") and node.get("is_collapsible"):
        check.fault(at, "has_header_divider cannot be set when is_collapsible is true")
    if "icon" in node:
        elements.image(check, node["icon"], f"{at}/icon")
    for i, child in enumerate(check.items(node, "child_blocks", at, 1, 10)):
        _block(check, child, f"{at}/child_blocks/{i}", _CHILDREN & SURFACES[check.surface])


def _auth_provider(check: Checker, node: Any, at: str) -> None:
    names = (
        "description icon_url auth_url disconnect_url connected_identity connected_context accessory fallback block_id"
    )
    check.shape(node, at, "value name is_connected", names)
    check.string(node, "value", at, 150)
    check.text(node, "name", at, 75)
    check.boolean(node, "is_connected", at)
    check.text(node, "description", at, 150)
    for name in ("connected_identity", "connected_context"):
        check.text(node, name, at, 75)
    for name in ("icon_url", "auth_url", "disconnect_url"):
        check.url(node, name, at, "https")
    if "accessory" in node:
        elements.element(check, node["accessory"], f"{at}/accessory", frozenset({"overflow"}))


_KINDS: dict[str, Callable[[Checker, Any, str], None]] = {
    "section": _section,
    "divider": _divider,
    "header": _header,
    "image": _image,
    "actions": _actions,
    "context": _context,
    "context_actions": _context_actions,
    "input": _input,
    "markdown": _markdown,
    "rich_text": rich.rich_text,
    "video": _video,
    "alert": _alert,
    "card": _card,
    "carousel": _carousel,
    "container": _container,
    "auth_provider": _auth_provider,
    "table": tables.table,
    "data_table": tables.data_table,
    "data_visualization": tables.data_visualization,
    "plan": tasks.plan,
    "task_card": tasks.task_card,
}
