"""What a thread should show of a task: its messages, from the fold of its events. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import datetime
from itertools import chain, islice, zip_longest
from pathlib import PurePosixPath
from typing import Any, cast

from agent.domain.asks import AskKind
from agent.domain.events import (
    AskAnswered,
    Event,
    Narrated,
    Steered,
    StepStarted,
    TaskAccepted,
    TaskCancelled,
    TaskPaused,
    TaskResumed,
    ToolCalled,
)
from agent.domain.files import WorkFile
from agent.domain.task import Status
from agent.domain.view import AskView, Delivered, TaskView, fold
from bot import phrases
from bot.cards import Block, Card, CardKind, CardState, FileLine, Files, Person, Text
from bot.render import card_for_ask, replaced_plan_card, result_card, status_card
from bot.surface import Presence

PREVIEWS_SENT = 4
_SHOWN_BY_CHAT = ("image/", "video/", "audio/", "text/", "application/pdf")
"""Files that a chat shows by itself, so that pictures of their pages would only repeat them."""
_WORK = (ToolCalled, StepStarted, Narrated, TaskPaused)
_BY_PEOPLE = (TaskAccepted, Steered, AskAnswered, TaskResumed, TaskCancelled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A task as far as it was read."""

    view: TaskView = field(default_factory=TaskView)
    began: bool = False
    """Something is at work that takes longer than an answer: it gets a status card."""
    spoke: int = 0
    """Number of the newest event that a person caused."""

    def add(self, events: Iterable[Event]) -> Story:
        """The story with these events, which come in order; known ones are ignored."""
        fresh = [event for event in events if event.seq > self.view.seq]
        return Story(
            view=fold(fresh, self.view),
            began=self.began or any(isinstance(event, _WORK) or _approves(event) for event in fresh),
            spoke=max((event.seq for event in fresh if isinstance(event, _BY_PEOPLE)), default=self.spoke),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as it should be. `key` names it for ever."""

    key: str
    card: Card
    late: bool = True
    """Worth posting when it is not there yet; False: only what is there is changed."""


@dataclass(frozen=True, slots=True)
class AskState:
    """All that an ask's message depends on."""

    seen: AskView
    replaced: bool
    """It is a plan that was not approved, and a newer one was proposed."""

    @property
    def key(self) -> str:
        """Of its message."""
        return f"ask:{self.seen.ask.ask_id}"

    def message(self, view: TaskView) -> Message:
        """Only an open ask notifies; a plan that was replaced before anybody saw it is left out."""
        ask = self.seen.ask
        card = replaced_plan_card(ask, view) if self.replaced else card_for_ask(ask, view)
        return Message(
            key=self.key, card=card if self.seen.pending else replace(card, notify=()), late=not self.replaced
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A file to upload. `delivered` False: a picture of one, for those who do not open it."""

    file: WorkFile
    name: str
    title: str = ""
    delivered: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Files of one message."""

    key: str
    parcels: tuple[Parcel, ...]


def asks_of(view: TaskView) -> tuple[AskState, ...]:
    """The task's asks, in the order they were opened."""
    plans = [item.ask.ask_id for item in view.asks if item.ask.kind is AskKind.PLAN]
    return tuple(AskState(item, item.ask.ask_id in plans[:-1] and not _approved(item)) for item in view.asks)


def status_of(story: Story) -> Message | None:
    """The status card; None: the task needs none yet.

    While somebody must decide, their card is what counts, so a first status waits; a task that ended needs no new one.
    """
    view = story.view
    if not story.began:
        return None
    late = not view.pending and not view.status.final
    return Message(key=f"status:{view.task_id}", card=status_card(view), late=late)


def batches_of(view: TaskView, *, max_files: int) -> tuple[Batch, ...]:
    """Delivered files, in as few messages as the surface allows, and pictures of their pages where there is room."""
    parcels = [Parcel(file=d.file, name=d.file.name, title=d.title) for d in view.delivered]
    if not parcels:
        return ()
    parcels += islice(_previews(view.delivered), min(PREVIEWS_SENT, -len(parcels) % max_files))
    parts = [tuple(parcels[at : at + max_files]) for at in range(0, len(parcels), max_files)]
    return tuple(Batch(key=f"files:{view.task_id}:{n}", parcels=part) for n, part in enumerate(parts, 1))


def result_of(view: TaskView, *, newest: bool, left_out: Mapping[str, str], feedback: bool = False) -> Message:
    """The last card. The files went before it; `left_out` has the paths of those that did not, with a link or not."""
    card = result_card(view, newest=newest, feedback=feedback)
    blocks = tuple(_named(block, left_out) if isinstance(block, Files) else block for block in card.blocks)
    return Message(key=f"result:{view.task_id}", card=replace(card, blocks=blocks))


def presence_of(view: TaskView) -> Presence:
    """What Gofer does in the thread."""
    if view.status.final:
        return "ended"
    return "waiting" if view.status in (Status.WAITING, Status.PAUSED) else "working"


def refused_card(task_id: str, request: str, why: str) -> Card:
    """For the requester alone: nothing can be written where they asked."""
    return Card(
        key=f"refused:{task_id}",
        kind=CardKind.FAILURE,
        state=CardState.FAILED,
        title=phrases.CANNOT_POST,
        blocks=(Text(request, literal=True), Text(why, literal=True)),
    )


def digest_of(card: Card) -> str:
    """Of what a reader sees: equal cards, equal digests. Whom it pinged does not count."""
    content = json.dumps(_plain(replace(card, notify=())), ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(content.encode("ascii")).hexdigest()[:32]


def with_names(card: Card, names: Mapping[str, str]) -> Card:
    """The card with the people named, wherever they stand."""
    return cast(Card, _renamed(card, names))


def people_in(card: Card) -> frozenset[str]:
    """Ids of the people on the card whose names it does not say."""
    return frozenset(part.person_id for part in _parts(card) if isinstance(part, Person) and not part.name)


def _approves(event: Event) -> bool:
    return isinstance(event, AskAnswered) and event.answer.choice == "approve"


def _approved(item: AskView) -> bool:
    return item.answer is not None and item.answer.choice == "approve"


def _previews(delivered: Iterable[Delivered]) -> Iterable[Parcel]:
    """First pages first, so that each file has one before any has two."""
    hidden = [d for d in delivered if not d.file.media_type.startswith(_SHOWN_BY_CHAT)]
    rounds = zip_longest(*([_preview(d, n, page) for n, page in enumerate(d.previews, 1)] for d in hidden))
    return (parcel for parcel in chain.from_iterable(rounds) if parcel is not None)


def _preview(delivered: Delivered, number: int, page: WorkFile) -> Parcel:
    name = f"{PurePosixPath(delivered.file.name).stem} preview {number}{PurePosixPath(page.path).suffix}"
    title = phrases.page_of(delivered.title or delivered.file.name, number)
    return Parcel(file=page, name=name, title=title, delivered=False)


def _named(block: Files, left_out: Mapping[str, str]) -> Block:
    """The block with lines that only name their files, and say how to get those that did not fit."""
    return replace(block, items=tuple(_line(item, left_out) for item in block.items))


def _line(item: FileLine, left_out: Mapping[str, str]) -> FileLine:
    url = left_out.get(item.path)
    if url is None:
        return replace(item, path="")
    how = phrases.NOT_SENT_LINKED if url else phrases.NOT_SENT
    return replace(item, path="", url=url, note=f"{item.note}; {how}" if item.note else how)


def _plain(value: object) -> object:
    """The value as JSON. Classes count: a `Text` and a `Code` of the same words look different."""
    match value:
        case datetime():
            return value.isoformat()
        case tuple():
            return [_plain(item) for item in cast(tuple[object, ...], value)]
        case _ if is_dataclass(value):
            return [type(value).__name__, *(_plain(getattr(value, part.name)) for part in fields(value))]
        case _:
            return value


def _parts(value: object) -> Iterable[object]:
    """The value and everything in it."""
    yield value
    if isinstance(value, tuple):
        inner: Iterable[object] = cast(tuple[object, ...], value)
    elif is_dataclass(value):
        inner = [getattr(value, part.name) for part in fields(value)]
    else:
        inner = ()
    for item in inner:
        yield from _parts(item)


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Person):
        return replace(value, name=value.name or names.get(value.person_id, ""))
    if isinstance(value, tuple):
        return tuple(_renamed(item, names) for item in cast(tuple[Any, ...], value))
    if is_dataclass(value) and not isinstance(value, type):
        found = {part.name: getattr(value, part.name) for part in fields(value)}
        changed = {name: new for name, old in found.items() if (new := _renamed(old, names)) != old}
        return replace(value, **changed) if changed else value
    return value
