"""Blocks that not every workspace has yet: plans, sortable tables, charts, feedback buttons. Pure.

`blocks` draws each only where it is in the `native` set that it was given; without them a card says the same in older
blocks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from bot import phrases
from bot.cards import LABEL_CHARS, Action, Chart, Payload, Steps, Table, Verb
from bot.markup import clip, one_line, units
from bot.slack.rich_text import Element

NativeBlock = Literal["plan", "data_table", "data_visualization", "context_actions"]
NATIVE: frozenset[NativeBlock] = frozenset({"plan", "data_table", "data_visualization", "context_actions"})

TABLE_ROWS = 201
"""With the header."""
TABLE_COLUMNS = 20
SMALL_ROWS, SMALL_COLUMNS = 11, 8
"""What stays a plain table: it can be taken in at a glance."""
PAGE_ROWS = 10
CHART_TITLE_CHARS = 50
CHART_LABEL_CHARS = 20
CHART_SEGMENTS = 12
"""Of a pie; other charts take 20 points, which is all that an excerpt has."""
CELL_CHARS = 31
"""What a cell costs in JSON besides its text."""
STEP_STATUS = {
    "pending": "pending",
    "running": "in_progress",
    "done": "complete",
    "skipped": "complete",
    "failed": "error",
    "unreported": "pending",
}
"""A task card has no state for a step that nobody reported: `can_plan` says where such a plan is drawn in words."""
_NUMBER = re.compile(r"-?(\d{1,3}(,\d{3})+|0|[1-9]\d{0,14})(\.\d{1,10})?")


def plan(steps: Steps) -> Element:
    """Steps as a plan of task cards: at most 50, as many as they are."""
    first = steps.start or 1
    tasks = [
        {"type": "task_card", "task_id": f"step_{first + i}", "title": text, "status": STEP_STATUS[item.status]}
        for i, item in enumerate(steps.items)
        if (text := f"{item.title}{f' ({item.note})' if item.note else ''}".strip() or "–")
    ]
    return {"type": "plan", "title": steps.label or phrases.STEPS_TITLE, "tasks": tasks}


def can_plan(steps: Steps) -> bool:
    """Whether task cards say the truth about these steps."""
    return bool(steps.items) and all(item.status != "unreported" for item in steps.items)


def is_large(table: Table) -> bool:
    """Whether a table is more than a glance: then it is worth sorting and paging."""
    return bool(table.rows) and (len(table.rows) >= SMALL_ROWS or len(table.header) > SMALL_COLUMNS)


def data_table(table: Table) -> Element:
    """A table that can be sorted and paged. Columns of nothing but numbers sort as numbers."""
    width = len(table.header)
    rows = [[one_line(cell) for cell in (*row[:width], *[""] * (width - len(row)))] for row in table.rows]
    numeric = [all(_NUMBER.fullmatch(row[column]) for row in rows if row[column]) for column in range(width)]
    body = [[_cell(cell, number=numeric[column]) for column, cell in enumerate(row)] for row in rows]
    return {
        "type": "data_table",
        "caption": table.label or phrases.counted(len(rows), "row"),
        "rows": [[_cell(one_line(cell)) for cell in table.header], *body],
        "page_size": PAGE_ROWS,
    }


def data_visualization(chart: Chart) -> Element | None:
    """A chart that Slack draws; None: it takes no such one."""
    drawn = chart.excerpt
    labels = [clip(label, CHART_LABEL_CHARS) or "–" for label in drawn.labels]
    names = [clip(each.name, CHART_LABEL_CHARS) or "–" for each in drawn.series]
    points = [
        [{"label": label, "value": value} for label, value in zip(labels, each.values, strict=True)]
        for each in drawn.series
    ]
    if len(set(labels)) < len(labels) or len(set(names)) < len(names):
        return None
    if drawn.kind != "pie":
        series = [{"name": name, "data": data} for name, data in zip(names, points, strict=True)]
        shown: Element = {"type": drawn.kind, "series": series, "axis_config": {"categories": labels}}
    elif len(points) == 1 and len(labels) <= CHART_SEGMENTS and min(drawn.series[0].values) > 0:
        shown = {"type": "pie", "segments": points[0]}
    else:
        return None
    title = clip(chart.label, CHART_TITLE_CHARS) or phrases.CHART
    return {"type": "data_visualization", "title": title, "chart": shown}


def feedback(actions: Sequence[Action]) -> tuple[Element | None, tuple[Action, ...]]:
    """Slack's own pair of thumbs for the two feedback actions among these, and the other actions."""
    found = {
        action.token.choice: action
        for action in actions
        if action.token.verb is Verb.FEEDBACK and action.token.choice in ("good", "bad")
    }
    if len(found) < 2 or found["good"].token.subject_id != found["bad"].token.subject_id:
        return None, tuple(actions)
    good, bad = found["good"], found["bad"]
    element: Element = {
        "type": "feedback_buttons",
        "action_id": f"feedback:{good.token.subject_id}:{good.token.revision}",
        "positive_button": _thumb(good),
        "negative_button": _thumb(bad),
    }
    others = tuple(action for action in actions if action not in (good, bad))
    return {"type": "context_actions", "elements": [element]}, others


def used(payload: Payload) -> frozenset[NativeBlock]:
    """The native blocks of a message."""
    kinds = {block["type"] for block in payload.get("blocks", ())}
    return frozenset(kind for kind in NATIVE if kind in kinds)


def _cell(text: str, *, number: bool = False) -> dict[str, Any]:
    if number and text:
        return {"type": "raw_number", "value": float(text.replace(",", "")), "text": text}
    return {"type": "raw_text", "text": text or "–"}


def _thumb(action: Action) -> Element:
    label = clip(one_line(action.label) or "–", LABEL_CHARS)
    # Plain text objects take entities for their three signs, which makes them longer.
    escaped = label.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = escaped if units(escaped) <= LABEL_CHARS else "–"
    return {"text": {"type": "plain_text", "text": text, "emoji": False}, "value": action.token.encode()}
