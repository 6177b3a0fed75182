"""Lint of plans and task cards, and of the chunks of a stream."""

from __future__ import annotations

from typing import Any

from tests.fakes.slack.checker import Checker
from tests.fakes.slack.rich import rich_text

PLAN_TASKS = 50
STATUSES = "pending in_progress complete error"
CHUNK_TEXT_CHARS = 12_000


def plan(check: Checker, node: Any, at: str) -> None:
    check.shape(node, at, "title", "tasks block_id")
    check.string(node, "title", at, 3_000)
    tasks = check.items(node, "tasks", at, 1, PLAN_TASKS)
    for i, task in enumerate(tasks):
        if isinstance(task, dict) and task.get("type", "task_card") != "task_card":
            check.fault(f"{at}/tasks/{i}", f"unsupported type: {task.get('type')}")
        task_card(check, task, f"{at}/tasks/{i}", alone=False)
    check.unique([t.get("task_id") for t in tasks if isinstance(t, dict)], at, "task_id")


def task_card(check: Checker, node: Any, at: str, *, alone: bool = True) -> None:
    """`alone`: outside a plan, where a task cannot be pending (a third party's finding)."""
    if not check.shape(node, at, "task_id title status", "details output sources block_id"):
        return
    check.string(node, "task_id", at, 255)
    check.string(node, "title", at, 3_000)
    check.one_of(node, "status", at, STATUSES)
    if alone and node.get("status") == "pending":
        check.fault(f"{at}/status", "pending is only for tasks inside a plan")
    for name in ("details", "output"):
        if name in node:
            if isinstance(node[name], dict) and node[name].get("type") == "rich_text":
                rich_text(check, node[name], f"{at}/{name}")
            else:
                check.fault(f"{at}/{name}", "must be a rich_text block")
    sources(check, node, at)


def sources(check: Checker, node: Any, at: str) -> None:
    for i, item in enumerate(check.items(node, "sources", at, 0, 100)):
        where = f"{at}/sources/{i}"
        if check.shape(item, where, "type url text"):
            check.one_of(item, "type", where, "url")
            check.url(item, "url", where, "http https")
            check.string(item, "text", where, 3_000)


def chunk(check: Checker, node: Any, at: str) -> list[Any]:
    """One chunk of a stream. Gives the blocks in it, for the caller to check and to count."""
    kind = node.get("type") if isinstance(node, dict) else None
    match kind:
        case "markdown_text":
            check.shape(node, at, "text")
            check.string(node, "text", at, CHUNK_TEXT_CHARS)
        case "plan_update":
            check.shape(node, at, "title")
            check.string(node, "title", at, 3_000)
        case "task_update":
            check.shape(node, at, "id title status", "details output sources")
            check.string(node, "id", at, 255)
            check.string(node, "title", at, 3_000)
            check.one_of(node, "status", at, STATUSES)
            for name in ("details", "output"):
                check.string(node, name, at, 40_000)
            sources(check, node, at)
        case "blocks":
            check.shape(node, at, "blocks")
            return list(check.items(node, "blocks", at, 1, 50))
        case _:
            check.fault(at, f"unsupported chunk: {kind}")
    return []
