"""The cards that people see, as docs/cards.md shows them: made from the example tasks of the tests, so that no picture
is of something Gofer does not draw."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from agent.domain.events import TaskFailed
from agent.domain.files import ChartExcerpt, ChartSeries, TableExcerpt
from agent.domain.view import TaskView
from bot.cards import Card
from bot.feed.wanted import with_names
from bot.fit import plain
from bot.render import card_for_ask, result_card, status_card
from bot.slack.blocks import render_card
from bot.slack.native import NATIVE
from tests.surfaces import examples

FOLDER = Path(__file__).parent / "cards"
PAGE = FOLDER.with_suffix(".md")
INTRO = """\
# Cards

<!-- Made by `make docs` from docs/gallery.py; do not edit. -->

What Gofer posts while it works on a task. Each card is drawn here in the web chat, beside the Block Kit that
[Slack](slack.md) gets with `chat.postMessage`, and as plain text. The Block Kit is that of a workspace which has
Slack's newest blocks (`plan`, `data_table`, `data_visualization`, `context_actions`); where one is missing, older
blocks say the same. The pictures are made by `make pictures`, in Debian's Chromium; they are not what Slack looks like.
"""
EXPENSES = TableExcerpt(
    sheet="May",
    header=("Item", "Date", "USD"),
    rows=(
        *((f"Train {n}", f"2026-05-{n:02}", f"{20 + n}.50") for n in range(1, 9)),
        *((f"Hotel {n}", f"2026-05-{n + 10:02}", "78.00") for n in range(1, 4)),
        ("Hotel 4", "2026-05-14", "78.30"),
        ("Total", "", "512.30"),
    ),
    rows_total=13,
    columns_total=3,
)
BY_KIND = ChartExcerpt(
    kind="bar",
    title="Expenses by kind",
    labels=("Train", "Hotel"),
    series=(ChartSeries(name="USD", values=(200.0, 312.3)),),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One card of the page."""

    name: str
    when: str
    card: Card

    @property
    def drawn(self) -> Path:
        """The picture."""
        return FOLDER / f"{self.name}.png"


def gallery() -> Iterator[Example]:
    """Every kind of card, in the order of a task's life."""
    asked, decided, asks = examples.asked, examples.decided, examples.ASKS
    waiting, working = asked(asks["plan"]), examples.working()
    done = examples.finished(worked=timedelta(minutes=2, seconds=5), table=EXPENSES, chart=BY_KIND)
    reason = "Three of the receipts are photographs that cannot be read."
    failed = TaskFailed(task_id="t_00001", at=examples.NOW, reason=reason, next_step="Send them again, larger.")
    shown = (
        ("plan", "A plan, before work begins that changes something.", card_for_ask(asks["plan"], waiting)),
        ("plan-approved", "The same, once somebody approved it.", _decided("plan", decided(asks["plan"], "approve"))),
        ("working", "The one card that follows the work, edited in place.", _status(working)),
        ("waiting", "The same, while somebody has to decide.", _status(waiting)),
        ("call", "A call that leaves Gofer or cannot be undone.", card_for_ask(asks["call"], asked(asks["call"]))),
        ("question", "A question.", card_for_ask(asks["question"], asked(asks["question"]))),
        ("changes", "Changes to your own files.", card_for_ask(asks["changes"], asked(asks["changes"]))),
        ("budget", "A budget that is used up.", card_for_ask(asks["budget"], asked(asks["budget"]))),
        ("ended", "What the card that followed the work becomes.", _status(done)),
        ("result", "The result; its files were posted just before.", _result(done)),
        ("failure", "A task that failed.", _result(examples.view(failed))),
    )
    for name, when, card in shown:
        yield Example(name=name, when=when, card=with_names(card, {"slack:T1:U0ADA": "U0ADA"}))


def pages() -> Iterator[tuple[Path, str]]:
    """Every file of text that belongs to the page, and its content."""
    parts = [INTRO]
    for example in gallery():
        mention = [person.person_id for person in example.card.notify]
        payload = render_card(example.card, native=NATIVE, mention=mention).card
        parts.append(_part(example))
        yield FOLDER / f"{example.name}.json", json.dumps(payload, ensure_ascii=False, indent=2) + "\n"
    yield PAGE, "\n".join(parts)


def _part(example: Example) -> str:
    title = example.name.replace("-", " ").capitalize()
    picture = f"![{title}, in the web chat](cards/{example.name}.png)"
    said = plain(example.card).replace("```", "'''")
    return f"## {title}\n\n{example.when} [Block Kit](cards/{example.name}.json)\n\n{picture}\n\n```text\n{said}\n```\n"


def _named(view: TaskView) -> TaskView:
    return replace(view, request="Make an expense report")


def _status(view: TaskView) -> Card:
    return status_card(_named(view))


def _result(view: TaskView) -> Card:
    return result_card(_named(view), feedback=True)


def _decided(name: str, view: TaskView) -> Card:
    return card_for_ask(examples.ASKS[name], view)
