"""All that was done in a task, for whoever asks. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from agent.domain.events import Event, FilesChanged, SandboxLost, SkillLoaded, ToolCalled, ToolReturned
from agent.domain.view import TaskView
from bot import phrases
from bot.cards import Card, CardKind, CardState, StepLine, Steps, StepState, Text


def details_card(view: TaskView, events: Sequence[Event]) -> Card:
    """All that was done in a task, call by call."""
    outcome = {event.call_id: event for event in events if isinstance(event, ToolReturned)}
    lines: list[StepLine] = []
    for event in events:
        match event:
            case ToolCalled():
                end = outcome.get(event.call_id)
                state: StepState = "running" if end is None else "done" if end.ok else "failed"
                lines.append(StepLine(event.summary or event.tool, state, end.summary if end else ""))
            case SkillLoaded():
                lines.append(StepLine(f"Skill {event.name} {event.version}", "done", event.why))
            case FilesChanged() if event.changes:
                lines.append(StepLine(phrases.counted(len(event.changes.changes), "file") + " changed", "done"))
            case SandboxLost():
                lines.append(StepLine("The sandbox was lost and made anew", "failed", event.detail))
            case _:
                pass
    checks = tuple(StepLine(check, "done", d.file.name) for d in view.delivered for check in d.checks)
    blocks = [Steps(tuple(lines), start=None)] if lines else [Text("No call was made.", literal=True)]
    return Card(
        key=f"details:{view.task_id}",
        kind=CardKind.NOTICE,
        state=CardState.DONE,
        title=phrases.DETAILS,
        blocks=(*blocks, *((Steps(checks, label="Checks", start=None),) if checks else ())),
    )
