"""What Gofer shows and asks, without any platform: cards, buttons and forms.

Pure and frozen. Strings are literal text, which renderers escape; only `Text` may hold Markdown.
People and moments are values of their own, so that each surface can show a real mention and the
reader's own clock. A card has no size limit: renderers shorten what does not fit, hand the rest
over as attachments and never raise because of what a card contains.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal, Self

from agent.domain.files import ChartExcerpt
from agent.domain.people import LOCAL

Payload = Mapping[str, Any]
"""JSON of a platform. It leaves a renderer towards the SDK and is never read back."""

MAX_ACTIONS = 10
"""Buttons on a card. With their texts they stay well inside Slack's block size and Discord's 40 components."""
MAX_SELECTS = 2
MAX_OPTIONS = 25
"""Options of one select or choice field: Discord's limit, the smallest of all surfaces."""
MAX_FIELDS = 5
"""Fields of a form, its introduction counted as one: Discord's limit for modals."""
LABEL_CHARS = 75
"""What a button can say on every surface: Slack's limit. Longer labels are cut, so print what matters in the card."""

_TOKEN_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_TOKEN_CHOICE = re.compile(r"[A-Za-z0-9_-]{0,32}")
_TOKEN = re.compile(r"g1(\??):([a-z]{1,10}):([A-Za-z0-9_-]{1,40}):(\d{1,10}):([A-Za-z0-9_-]{0,32})")


class Verb(StrEnum):
    """What a button does. The desk decides; a surface only carries it."""

    ANSWER = "answer"  #: decides the ask with the token's choice
    FORM = "form"  #: opens the form that belongs to the choice
    DETAILS = "details"  #: shows more, to this person only
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"
    STEER = "steer"  #: opens a form for an instruction
    CHANGE = "change"  #: opens a form for a follow-up task
    RETRY = "retry"
    UNDO = "undo"
    FEEDBACK = "feedback"  #: how a result was, by the token's choice: good or bad
    NEW = "new"  #: opens a form for a new task; sent, it begins one
    REQUEST = "request"  #: asks the admins to be let in
    ACCOUNT = "account"  #: gives this person a link that signs them in to the web chat as themselves
    ACCESS = "access"  #: lets somebody in, or not, by the token's choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """The value behind a button or form: a key, never a secret and never trusted for rights. At most 100 characters.

    `subject_id` is an ask's or a task's id. `confirm` asks the surface for "Are you sure?" first, where the
    platform has no dialog of its own. Raises ValueError when a part has a form that ids and choices never have.
    """

    verb: Verb
    subject_id: str
    revision: int = 0
    choice: str = ""
    confirm: bool = False

    def __post_init__(self) -> None:
        if not _TOKEN_ID.fullmatch(self.subject_id) or not _TOKEN_CHOICE.fullmatch(self.choice):
            raise ValueError(f"a token cannot carry {self.subject_id!r} with choice {self.choice!r}")
        if not 0 <= self.revision < 10**10:
            raise ValueError(f"a token cannot carry revision {self.revision}")

    def encode(self) -> str:
        """`g1:verb:subject:revision:choice`; `g1?` when a confirmation must come first."""
        mark = "?" if self.confirm else ""
        return f"g1{mark}:{self.verb}:{self.subject_id}:{self.revision}:{self.choice}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The token in this text; None: not one of ours, or of a version this one does not know."""
        found = _TOKEN.fullmatch(text)
        if found is None or found[2] not in set(Verb):
            return None
        return cls(
            verb=Verb(found[2]),
            subject_id=found[3],
            revision=int(found[4]),
            choice=found[5],
            confirm=bool(found[1]),
        )


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a text. Their own surface shows a mention (which never pings by itself), others the name."""

    person_id: str
    name: str = ""

    def __str__(self) -> str:
        if self.person_id in LOCAL:  # where others read along, their surface says who it is
            return "you"
        return self.name or self.person_id.rpartition(":")[2] or "somebody"


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time, shown on the reader's clock where the platform can."""

    at: datetime
    relative: bool = False
    """Prefer "in 3 hours" where the platform counts by itself."""

    def __str__(self) -> str:
        return self.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


Inline = str | Person | Moment


@dataclass(frozen=True, slots=True)
class Text:
    """Light Markdown: emphasis, code, links, lists, quotes, fences, small tables. No HTML, no mentions, no pictures.

    `literal`: not Markdown at all, every character stands for itself.
    """

    text: str
    literal: bool = False
    file: str = ""
    """Name of the attachment that carries the whole text when it is cut; empty: the card's own."""
    more: str = ""
    """Last line, set when something was left out."""


@dataclass(frozen=True, slots=True)
class Field:
    """A label and its value. `exact`: shown in a code face, for values where each character counts."""

    label: str
    value: Inline
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Fields:
    """Labels with short values, one per line."""

    rows: tuple[Field, ...]
    file: str = ""
    more: str = ""


StepState = Literal["pending", "running", "done", "skipped", "failed", "unreported"]
"""`unreported`: the work has ended, and nobody said what became of this step."""


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step. `note` is a short remark behind it."""

    title: str
    status: StepState = "pending"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps in order, each with its state. `label` stands above them."""

    items: tuple[StepLine, ...]
    label: str = ""
    start: int | None = 1
    """Number of the first item; None: not numbered."""
    file: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True)
class FileLine:
    """One file. `path`: the surface uploads it with the card; empty: it is only named. `size_bytes` None: not shown."""

    name: str
    size_bytes: int | None = None
    note: str = ""
    url: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Files:
    """Files, one per line. `label` stands above them."""

    items: tuple[FileLine, ...]
    label: str = ""
    file: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True)
class Code:
    """Text in a code face, exactly as it is. `label` stands above it."""

    text: str
    label: str = ""
    language: str = ""
    file: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A preview. A surface shows the first rows and columns; `file` ending in .csv carries all of it.

    `label` stands above it. `whole`: the name of a file that people get anyway and that holds all of it, so that
    nothing is attached again; it has `rows_left` rows more than these.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    file: str = ""
    more: str = ""
    label: str = ""
    whole: str = ""
    rows_left: int = 0


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of a file that people get anyway: drawn where the platform can, else as bars of text or as a table; left
    out where there is no room. Each series has a value for each label."""

    excerpt: ChartExcerpt
    label: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A dividing line."""


@dataclass(frozen=True, slots=True)
class Note:
    """Small print."""

    parts: tuple[Inline, ...]


Block = Text | Fields | Steps | Files | Code | Table | Chart | Rule | Note


@dataclass(frozen=True, slots=True)
class Action:
    """A button. `confirm`: a sentence that must be agreed to before it counts."""

    token: Token
    label: str
    style: Literal["primary", "danger", "plain"] = "plain"
    confirm: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a select or a choice field. `value` has at most 32 characters of [A-Za-z0-9_-]."""

    value: str
    label: str

    def __post_init__(self) -> None:
        if not self.value or not _TOKEN_CHOICE.fullmatch(self.value):
            raise ValueError(f"an option cannot have the value {self.value!r}")


@dataclass(frozen=True, slots=True)
class Select:
    """A drop-down on a card; picking is deciding. The picked value becomes the token's choice."""

    token: Token
    placeholder: str
    options: tuple[Option, ...]

    def __post_init__(self) -> None:
        _check_options(self.options)


class CardKind(StrEnum):
    """What a card is for. Also names the attachment that carries what did not fit."""

    STATUS = "status"
    PLAN = "plan"
    APPROVAL = "approval"
    QUESTION = "question"
    CHANGES = "changes"
    RESULT = "result"
    FAILURE = "failure"
    NOTICE = "notice"


class CardState(StrEnum):
    """Decides colour and icon."""

    PLANNED = "planned"
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One message. `key` is stable over its life (`status:task_…`, `ask:ask_…`): the feed edits by it.

    `notify` are people to ping when the card is posted (never when it is edited). `fallback` is the line for
    notifications and screen readers; empty: made from title and first text. No two buttons have the same token.
    `quiet`: it has done its work, and is drawn without a heading, folded where the platform can.
    """

    key: str
    kind: CardKind
    state: CardState
    title: str
    blocks: tuple[Block, ...] = ()
    actions: tuple[Action, ...] = ()
    selects: tuple[Select, ...] = ()
    notify: tuple[Person, ...] = ()
    fallback: str = ""
    quiet: bool = False

    def __post_init__(self) -> None:
        if len(self.actions) > MAX_ACTIONS or len(self.selects) > MAX_SELECTS:
            raise ValueError(f"card {self.key!r} has {len(self.actions)} buttons and {len(self.selects)} selects")
        tokens = [replace(part.token, confirm=False) for part in (*self.actions, *self.selects)]
        if len(set(tokens)) < len(tokens):
            raise ValueError(f"card {self.key!r} has two buttons that do the same")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextField:
    """A line or a page of text. `value` stands in it already; where it is too long it stays empty and `hint` tells."""

    name: str
    label: str
    value: str = ""
    hint: str = ""
    required: bool = True
    multiline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceField:
    """One of several options, or any of them (`many`). `value` are the options chosen already."""

    name: str
    label: str
    options: tuple[Option, ...]
    value: tuple[str, ...] = ()
    hint: str = ""
    required: bool = True
    many: bool = False

    def __post_init__(self) -> None:
        _check_options(self.options)
        if not set(self.value) <= {option.value for option in self.options}:
            raise ValueError(f"field {self.name!r} starts with an option that it does not offer")


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesField:
    """Files to hand over, at most ten."""

    name: str
    label: str
    hint: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckField:
    """A yes or no."""

    name: str
    label: str
    value: bool = False
    hint: str = ""


FormField = TextField | ChoiceField | FilesField | CheckField


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A dialog. `token` comes back with the values; field names are unique, 1 to 32 characters of [A-Za-z0-9_-]."""

    token: Token
    title: str
    fields: tuple[FormField, ...]
    intro: str = ""
    submit: str = "Send"

    def __post_init__(self) -> None:
        names = [field.name for field in self.fields]
        if not names or len(names) + bool(self.intro) > MAX_FIELDS:
            raise ValueError(f"form {self.title!r} has {len(names)} fields")
        if len(set(names)) < len(names) or not all(n and _TOKEN_CHOICE.fullmatch(n) for n in names):
            raise ValueError(f"form {self.title!r} has field names that cannot be told apart: {names}")


@dataclass(frozen=True, slots=True)
class Attachment:
    """Text that did not fit on a card, complete, to be uploaded beside it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of the card that the payload refers to by `name` (safe on the platform)."""

    name: str
    file: FileLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A card as a platform wants it. `payloads` are messages in order; the last one is the card, the one to edit.

    `uploads` are the files that go with it; `left_out` those that found no room and must be sent apart.
    """

    payloads: tuple[Payload, ...]
    overflow: tuple[Attachment, ...] = ()
    uploads: tuple[Upload, ...] = ()
    left_out: tuple[FileLine, ...] = ()

    @property
    def card(self) -> Payload:
        """The message to edit later."""
        return self.payloads[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedForm:
    """A form as a platform wants it. `emptied`: text fields whose prefilled value was too long to be edited there."""

    payload: Payload
    emptied: tuple[str, ...] = ()


def _check_options(options: tuple[Option, ...]) -> None:
    if not 1 <= len(options) <= MAX_OPTIONS:
        raise ValueError(f"1 to {MAX_OPTIONS} options are possible, not {len(options)}")
    if len({option.value for option in options}) < len(options):
        raise ValueError("two options have the same value")
