"""A conversation as the page shows it: what was said and which cards, in order, from events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from agent.domain.asks import Answer, AskKind
from agent.domain.events import (
    AskAnswered,
    AskOpened,
    Event,
    Steered,
    TaskAccepted,
)
from agent.domain.files import WorkFile
from agent.domain.task import Status
from agent.domain.view import Delivered, TaskView, fold
from bot import phrases
from bot.cards import Block, Card, CardKind, CardState, Note, Person, Steps, Text
from bot.fit import fallback
from bot.render import card_for_ask, result_card, status_card


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Words of a person."""

    key: str
    by: str
    at: datetime
    text: str
    files: tuple[WorkFile, ...] = ()
    task_id: str = ""
    downloads: bool = False
    """The task gives these files out again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A card. `folded`: it has done its work and shows only its title and outcome until opened."""

    key: str
    card: Card
    task_id: str
    folded: bool = False
    delivered: tuple[Delivered, ...] = ()


Item = Said | Shown


class TaskTimeline:
    """One task's part of a conversation."""

    def __init__(self, viewer: str = "") -> None:
        """`viewer`: person id of the reader, who need not be told that something is for them."""
        self.view = TaskView()
        self._viewer = viewer
        self._order: list[Said | str] = []

    def add(self, events: Iterable[Event]) -> None:
        """Take in stored events, in order; known ones are ignored."""
        fresh = [event for event in events if event.seq > self.view.seq]
        self.view = fold(fresh, self.view)
        for event in fresh:
            self._place(event)

    def items(self, *, newest: bool) -> tuple[Item, ...]:
        """Everything of this task, in order. `newest`: no later task was started in the thread.

        The status stands where the eye is: below what is settled, above what waits for a decision and the result.
        """
        cards = self._cards(newest=newest)
        placed = (entry if isinstance(entry, Said) else cards.get(entry) for entry in self._order)
        found = [item for item in placed if item is not None]
        status = f"status:{self.view.task_id}"
        return tuple(sorted(found, key=lambda item: (_is_open(item), item.key == status and not _is_open(item))))

    def _place(self, event: Event) -> None:
        match event:
            case TaskAccepted():
                said = Said(
                    key=f"said:{event.task_id}:{event.seq}",
                    by=event.asked_by,
                    at=event.at,
                    text=event.request,
                    files=event.files,
                    task_id=event.task_id,
                    downloads=True,
                )
                self._order += [said, f"status:{event.task_id}", f"result:{event.task_id}"]
            case Steered():
                key = f"said:{event.task_id}:{event.seq}"
                self._order.append(Said(key=key, by=event.by, at=event.at, text=event.text, files=event.files))
            case AskAnswered() if event.answer.via == "word" and event.answer.note:
                self._order.append(_reply(event.task_id, event.seq, event.answer))
            case AskOpened():
                self._order.append(f"ask:{event.ask.ask_id}")
            case _:
                pass

    def _cards(self, *, newest: bool) -> Mapping[str, Shown]:
        view = self.view
        ended = view.status.final
        cards = [_slim(card_for_ask(item.ask, view), view, self._viewer) for item in view.asks]
        status = _slim(status_card(view), view, self._viewer)
        if not ended or any(not isinstance(block, Note) for block in status.blocks):
            cards.append(status)
        if ended:
            result = _slim(result_card(view, newest=newest), replace(view, outcome=""), self._viewer)
            cards.append(replace(result, title=phrases.STATUS[view.status]))
        return {
            card.key: Shown(
                key=card.key,
                card=card,
                task_id=view.task_id,
                folded=_folded(card, ended=ended),
                delivered=view.delivered if card.key.startswith("result:") else (),
            )
            for card in cards
        }


_MARKS = {
    Status.WAITING: "waiting",
    Status.QUEUED: "running",
    Status.PLANNING: "running",
    Status.RUNNING: "running",
    Status.PAUSED: "paused",
}


def mark_of(status: Status) -> str:
    """How a conversation is marked in the list; empty: it is at rest."""
    return _MARKS.get(status, "")


def changed(before: Mapping[str, Item], after: Sequence[Item]) -> tuple[Item, ...]:
    """Those items that are new or look different now."""
    return tuple(item for item in after if before.get(item.key) != item)


def spoken(item: Item, before: Item | None) -> str:
    """What a screen reader says about a change; empty: nothing worth interrupting for."""
    if not isinstance(item, Shown):
        return ""
    old = before.card if isinstance(before, Shown) else None
    if item.card.kind is not CardKind.STATUS:
        return fallback(item.card) if old is None or old.state is not item.card.state else ""
    step = _running_step(item.card)
    if step and (old is None or _running_step(old) != step):
        return step
    return item.card.title if old is not None and old.title != item.card.title else ""


def _reply(task_id: str, seq: int, answer: Answer) -> Said:
    return Said(key=f"said:{task_id}:{seq}", by=answer.by, at=answer.at, text=answer.note)


def _slim(card: Card, view: TaskView, viewer: str) -> Card:
    """The card without what stands beside it on the page anyway: the request, an open plan's steps, the outcome."""
    beside = {view.request.strip(), view.outcome.strip()} - {""}
    blocks = tuple(_to(b, viewer) for b in card.blocks if not (isinstance(b, Text) and b.text.strip() in beside))
    if card.kind is not CardKind.STATUS:
        return replace(card, blocks=blocks)
    if any(ask.kind is AskKind.PLAN for ask in view.pending):
        blocks = tuple(block for block in blocks if not isinstance(block, Steps))
    if all(ask.asked_of == viewer for ask in view.pending):
        blocks = tuple(b for b in blocks if not (isinstance(b, Note) and b.parts[:1] == (phrases.WAITING_FOR,)))
    return replace(card, title=card.title if card.quiet else phrases.STATUS[view.status], blocks=blocks)


def _to(block: Block, viewer: str) -> Block:
    """The block without "For you." at its front."""
    match block:
        case Note(parts=(phrases.FOR, Person(person_id=person_id), str() as rest, *others)) if person_id == viewer:
            return Note((rest.removeprefix(". "), *others))
        case _:
            return block


def _is_open(item: Item) -> bool:
    """Waits for a decision, or is the last word."""
    return isinstance(item, Shown) and not item.folded and item.card.kind is not CardKind.STATUS


def _folded(card: Card, *, ended: bool) -> bool:
    if card.kind is CardKind.STATUS:
        return ended
    return card.key.startswith("ask:") and card.state is not CardState.WAITING


def _running_step(card: Card) -> str:
    steps = (item for block in card.blocks if isinstance(block, Steps) for item in block.items)
    return next((item.title for item in steps if item.status == "running"), "")
