"""Undo: an older snapshot becomes the workspace again."""

from __future__ import annotations

from agent.domain.errors import Refused
from agent.domain.events import FilesChanged
from agent.domain.task import Task, Thread
from agent.ports.journal import Journal, KeepWorkspace

QUOTED_CHARS = 60
"""Of a request, so that people know which one is meant."""


async def undo(journal: Journal, thread: Thread, event_id: str) -> str:
    """Put the workspace back to what it was before the thread's last task; a sentence on it, the same one for the same
    message. Raises `Refused` when nothing was changed, or a task is still at work."""
    task = await _undone_by(journal, event_id)
    if task is None:
        target, task = await _target(journal, thread)
        write = KeepWorkspace(thread_id=thread.thread_id, snapshot=target, base_snapshot=target)
        if not await journal.keep_workspace(write, inbox_id=event_id, task_id=task.task_id):
            task = await _undone_by(journal, event_id) or task  # the same message was at work beside this
    return f"The workspace is again as it was before “{_in_short(task.request)}”."


def _in_short(request: str) -> str:
    """A request in one line; one that is cut shows it, and between two words where it has any."""
    line = " ".join(request.split())
    if len(line) <= QUOTED_CHARS:
        return line
    cut = line[:QUOTED_CHARS]
    return f"{cut.rpartition(' ')[0] or cut}…"


async def _undone_by(journal: Journal, event_id: str) -> Task | None:
    task_id = await journal.undone_by(event_id) if event_id else ""
    return await journal.task(task_id) if task_id else None


async def _target(journal: Journal, thread: Thread) -> tuple[str, Task]:
    """The snapshot before the thread's last task worked (its inputs stay), and that task."""
    tasks = await journal.tasks(thread_id=thread.thread_id, limit=20)
    if tasks and not tasks[0].status.final:
        raise Refused("A task is still at work here.", next_step="Stop it first, then undo.")
    for position, task in enumerate(tasks):
        snapshots = await _snapshots(journal, task)
        if not snapshots:
            continue
        target = snapshots[0] if task.files else await _last_before(journal, tasks[position + 1 :])
        if target == thread.snapshot:
            break
        return target, task
    raise Refused("There is nothing to undo.", next_step="The workspace is as it was handed over.")


async def _snapshots(journal: Journal, task: Task) -> list[str]:
    return [e.snapshot for e in await journal.events(task.task_id, limit=10_000) if isinstance(e, FilesChanged)]


async def _last_before(journal: Journal, older: tuple[Task, ...]) -> str:
    for task in older:
        if snapshots := await _snapshots(journal, task):
            return snapshots[-1]
    return ""
