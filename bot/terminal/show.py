"""Cards and progress as plain terminal text."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TextIO

from rich.console import Console
from rich.markup import escape

from agent.domain.events import (
    AskAnswered,
    Event,
    FileDelivered,
    Narrated,
    SandboxLost,
    SkillLoaded,
    StepFinished,
    StepStarted,
    TaskAccepted,
    ToolCalled,
    ToolReturned,
)
from agent.domain.view import TaskView
from bot import phrases
from bot.cards import Card, Chart, Code, Fields, Files, Note, Rule, Steps, Table, Text
from bot.fit import plain_block

ROWS_SHOWN = 10
"""Of a table that people have as a file."""


class Screen:
    """Writes for people on one stream (stderr), so that stdout can carry data."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self.console = Console(file=stream, highlight=False, soft_wrap=True)

    def say(self, text: str, style: str = "") -> None:
        """One line, as it is."""
        self.console.print(escape(text), style=style)

    def card(self, card: Card) -> None:
        """A whole card."""
        self.console.print(f"\n[bold]{phrases.STATE_SIGNS[card.state]} {escape(card.title)}[/bold]")
        for block in card.blocks:
            for line in block_lines(block):
                self.console.print(f"  {escape(line)}")

    def progress(self, event: Event, view: TaskView) -> None:
        """The line an event is worth, if any."""
        line = progress_line(event, view)
        if line:
            self.console.print(escape(line), style="dim" if line.startswith("  ") else "")


def block_lines(block: object) -> list[str]:
    """A block of a card as lines."""
    match block:
        case Text(text=text):
            return text.splitlines()
        case Fields(rows=rows):
            return [f"{row.label}: {row.value}" for row in rows]
        case Steps(items=items, label=label, start=start):
            first = start if start is not None else 1
            lines = [
                f"{phrases.STEP_SIGNS[item.status]} {f'{n}. ' if start is not None else ''}{item.title}"
                + (f" ({item.note})" if item.note else "")
                for n, item in enumerate(items, first)
            ]
            return [label, *lines] if label else lines
        case Files(items=items, label=label):
            lines = [f"- {item.name}" + (f" ({item.note})" if item.note else "") for item in items]
            return [label, *lines] if label else lines
        case Code(text=text, label=label):
            return [*([label] if label else []), *(f"│ {line}" for line in text.splitlines())]
        case Chart():
            return plain_block(block).splitlines()
        case Table():
            return plain_block(_first_rows(block)).splitlines()
        case Note(parts=parts):
            return ["".join(str(part) for part in parts)]
        case Rule():
            return ["─" * 40]
        case _:
            return []


def _first_rows(table: Table) -> Table:
    """As much of a table as can be taken in between other lines."""
    left = len(table.rows) - ROWS_SHOWN
    if left <= 0 or not table.whole:
        return table
    more = phrases.more_in(left + table.rows_left, table.whole)
    return replace(table, rows=table.rows[:ROWS_SHOWN], more=more)


def progress_line(event: Event, view: TaskView) -> str:
    """What an event looks like in the terminal; empty: nothing."""
    match event:
        case TaskAccepted():
            return f"Task {event.task_id} · model {event.model}"
        case StepStarted() | StepFinished():
            steps = view.plan.steps if view.plan else ()
            step = next((s for s in steps if s.number == event.number), None)
            sign = phrases.STEP_SIGNS["running" if isinstance(event, StepStarted) else "done"]
            return f"{sign} {event.number}. {step.title}" if step else ""
        case ToolCalled():
            return f"  · {event.summary}"
        case ToolReturned(ok=False):
            return f"  ✗ {event.tool}: {event.summary or 'did not work'}"
        case SkillLoaded():
            return f"  · skill {event.name}"
        case Narrated():
            return event.text
        case FileDelivered():
            return f"✓ {event.file.name} checked"
        case SandboxLost():
            return f"  ! The sandbox was lost ({event.detail}); going on in a new one."
        case AskAnswered():
            asked = next((a.ask for a in view.asks if a.ask.ask_id == event.answer.ask_id), None)
            return f"  → {phrases.decision(asked.kind, event.answer.choice)}" if asked else ""
        case _:
            return ""
