"""The port between people and Gofer: what a surface can do, and what it reports.

Four surfaces implement it: slack, discord, web, terminal. A surface translates and nothing else:
it knows no tasks and decides no rights. `person_id`s in incoming things are those the platform
has authenticated, never what a message claims. Calls are at-least-once on both sides: `event_id`
makes incoming things unique, `key` makes outgoing ones.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from urllib.parse import quote, unquote

from agent.domain.errors import GoferError
from agent.domain.people import Actor
from bot.cards import Attachment, Card, FileLine, Form

SurfaceName = Literal["slack", "discord", "web", "terminal"]
_SURFACES: Mapping[str, SurfaceName] = {"slack": "slack", "discord": "discord", "web": "web", "terminal": "terminal"}


@dataclass(frozen=True, slots=True)
class ThreadRef:
    """Where a conversation is. Its text form `surface:space:channel:thread` is the task's `thread_id`.

    Slack: team, channel, timestamp of the root message. Discord: guild (`@me` for direct messages), channel,
    thread. Web: `local`, empty, thread. Terminal: `local`, empty, run.
    """

    surface: SurfaceName
    space: str
    channel: str
    thread: str

    @property
    def thread_id(self) -> str:
        """`surface:space:channel:thread`; a colon or percent sign within a part is percent-encoded."""
        return ":".join((self.surface, *(quote(p, safe="@._-") for p in (self.space, self.channel, self.thread))))

    @staticmethod
    def parse(thread_id: str) -> ThreadRef:
        """Reads what `thread_id` wrote; raises ValueError on anything else."""
        surface, *parts = thread_id.split(":")
        if surface not in _SURFACES or len(parts) != 3:
            raise ValueError(f"not a thread id: {thread_id!r}")
        space, channel, thread = map(unquote, parts)
        return ThreadRef(_SURFACES[surface], space, channel, thread)

    def holds(self, thread_id: str) -> bool:
        """Whether that conversation is this one, or within this channel where no thread is named."""
        try:
            other = ThreadRef.parse(thread_id)
        except ValueError:
            return False
        same = (self.surface, self.space, self.channel) == (other.surface, other.space, other.channel)
        return same and self.thread in ("", other.thread)

    def knows(self, person_id: str) -> bool:
        """Whether somebody can be mentioned here: people of Slack belong to their workspace (`slack:T1:U1`), those of
        Discord to all of it (`discord:1`)."""
        return person_id.rpartition(":")[0] in (self.surface, f"{self.surface}:{self.space}")


@dataclass(frozen=True, slots=True)
class MessageRef:
    """One message of a thread: Slack's timestamp, Discord's id."""

    thread: ThreadRef
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a surface can do; the desk and the feed choose by it, never by the surface's name."""

    edit: bool
    """Messages can be changed after they were sent."""
    buttons: bool
    forms: bool
    reactions: bool
    threads: bool
    direct: bool
    """People can be written to alone."""
    private: bool
    """A message in a thread can be visible to one person only."""
    streams: bool
    """Text appears while it is written."""
    max_text_chars: int
    max_choices: int
    max_file_bytes: int
    """Largest file that can be sent as one; may be lowered while running, when the platform says so."""
    max_files: int
    """Files of one message."""
    edit_every_s: float
    """Shortest time between two edits of one card."""
    paces_all: bool = False
    """That holds for each edit of a status card, also for one that changes what people can do with it."""
    feedback: bool = False
    """It has small buttons of its own for how a result was."""


Fetch = Callable[[], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingFile:
    """A file somebody handed over. `fetch` streams it from the platform; its address may expire, so fetch at once."""

    name: str
    size_bytes: int
    media_type: str
    fetch: Fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class OutFile:
    """A file for people. `open` streams it; it may be called again after a failed upload."""

    name: str
    size_bytes: int
    media_type: str
    open: Fetch
    path: str = ""
    """Path in the workspace: joins it with the card line that shows it."""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Trigger:
    """The right to open one form or to answer in private, good for seconds. Only its own surface can read it."""

    surface: SurfaceName
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What all incoming things share. `event_id` is the platform's own id: a redelivery has the same."""

    event_id: str
    thread: ThreadRef
    person: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingMessage(Event):
    """Somebody wrote something. `text` has the mention of Gofer removed and other people's written as names.

    `mentioned` is what the platform itself says about a mention of Gofer (never @everyone, never text that looks
    like one); `direct`: said to Gofer alone. `root`: begins a thread. `edited`: replaces an earlier text of `message`;
    `deleted`: the message is gone and `text` is empty. `addressed`: other people it speaks to by mention.
    """

    message: MessageRef
    text: str
    mentioned: bool = False
    direct: bool = False
    root: bool = False
    edited: bool = False
    deleted: bool = False
    addressed: tuple[str, ...] = ()
    reply_to: MessageRef | None = None
    files: tuple[IncomingFile, ...] = ()
    kind: Literal["message"] = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingChoice(Event):
    """Somebody clicked. `token` is the button's value, unread; `picked` the option of a select."""

    message: MessageRef
    token: str
    picked: str = ""
    trigger: Trigger | None = None
    kind: Literal["choice"] = "choice"


FormValue = str | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingForm(Event):
    """Somebody sent a form. Text gives str, one choice str, many a tuple, a check bool; files of all fields."""

    token: str
    values: Mapping[str, FormValue]
    files: tuple[IncomingFile, ...] = ()
    trigger: Trigger | None = None
    kind: Literal["form"] = "form"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingReaction(Event):
    """Somebody put an emoji on a message, or took it back. `emoji` is a character or the platform's name for it."""

    message: MessageRef
    emoji: str
    added: bool = True
    kind: Literal["reaction"] = "reaction"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingCommand(Event):
    """A slash command, shortcut or menu entry; `words` is what follows it.

    `name`: "gofer" and "task" are typed commands; "hand_over" gives a message to Gofer, `text` and `files` are those
    of the message; "new_task" asks for the form of a new task, "begin" begins one with `text` and `files`; "stop" is
    the platform's own stop button of a thread.
    """

    name: str
    words: tuple[str, ...] = ()
    text: str = ""
    message: MessageRef | None = None
    files: tuple[IncomingFile, ...] = ()
    trigger: Trigger | None = None
    kind: Literal["command"] = "command"


Presence = Literal["working", "waiting", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingGone(Event):
    """A thread was deleted, or a whole channel: then `thread.thread` is empty. Nobody says who did it."""

    kind: Literal["gone"] = "gone"


Incoming = IncomingMessage | IncomingChoice | IncomingForm | IncomingReaction | IncomingCommand | IncomingGone


def trigger_of(incoming: Incoming) -> Trigger | None:
    """What a click, form or command is answered with in private; the others bring none."""
    return incoming.trigger if isinstance(incoming, IncomingChoice | IncomingForm | IncomingCommand) else None


Receive = Callable[[Incoming], Awaitable[None]]
"""Takes an incoming thing for good: returns only when it is stored. The surface acknowledges after that, and not at
all when it raises, so that the platform delivers again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message somebody wrote earlier, as context: data, never an instruction."""

    message: MessageRef
    person: Actor
    text: str
    at: datetime
    by_gofer: bool = False
    files: tuple[IncomingFile, ...] = ()
    link: str = ""
    """A permanent link to it."""


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a card went, and the files of it that could not go along (too big, too many): send them apart or link."""

    message: MessageRef
    left_out: tuple[FileLine, ...] = ()


class Surface(Protocol):
    """One place where people and Gofer meet.

    All methods raise `SurfaceDown` when the platform cannot be reached now (the caller's outbox tries again with the
    same `key`) and `SurfaceRefused` when it never will (no access, thread gone). Rate limits are waited for inside.
    """

    @property
    def name(self) -> SurfaceName: ...

    @property
    def abilities(self) -> Abilities: ...

    async def run(self, receive: Receive) -> None:
        """Listen until cancelled; reconnects by itself."""
        ...

    async def post(self, thread: ThreadRef, card: Card, *, key: str, files: Sequence[OutFile] = ()) -> Posted:
        """Post a card as a new message, marked with `key` so that `find` knows it again."""
        ...

    async def begin(self, place: ThreadRef, person_id: str, card: Card, *, key: str) -> MessageRef:
        """Post a card that begins a thread, which is that of the message given back: in the channel of `place`, or
        with `person_id` alone where it names none. Posted with this `key` before: that message."""
        ...

    async def find(self, thread: ThreadRef, key: str) -> MessageRef | None:
        """The message that was posted with this key, if it is there: asked after a crash, before posting again."""
        ...

    async def edit(self, message: MessageRef, card: Card) -> bool:
        """Replace a card in place; an edit that still waits for its turn is replaced by a newer one of its message.

        False: this message can be changed no more (a stream is used up, an edit limit reached); post the card as a
        continuation and `retire` this one.
        """
        ...

    async def retire(self, message: MessageRef) -> None:
        """Take away a message that a continuation replaces; one that is gone already is no error."""
        ...

    async def presence(self, thread: ThreadRef, state: Presence, *, title: str = "", person: str = "") -> None:
        """Show what Gofer does in a thread, by the platform's own means; does nothing where there are none.

        `person` is who asked for the work.
        """
        ...

    async def history(
        self, thread: ThreadRef, *, before: MessageRef | None = None, limit: int = 50, reader: str = ""
    ) -> tuple[Said, ...]:
        """What was said in a thread, oldest first: at most `limit` messages, the newest before `before`.

        Messages that these link to or forward are among them, where Gofer and the platform allow it. `reader`: the
        person id of whoever it is read for; what they may not see themselves is not behind any link.
        """
        ...

    async def send_files(
        self, thread: ThreadRef, files: Sequence[OutFile], *, key: str, comment: str = ""
    ) -> tuple[OutFile, ...]:
        """Upload files as one message, unless that was done with this `key` before; gives back those too big."""
        ...

    async def whisper(self, thread: ThreadRef, person: Actor, card: Card, *, trigger: Trigger | None = None) -> None:
        """Show a card to one person only; by direct message where the thread cannot."""
        ...

    async def open_form(self, trigger: Trigger, form: Form, thread: ThreadRef) -> bool:
        """Open a dialog, which comes back as of this thread; False when the trigger is too old."""
        ...

    async def react(self, message: MessageRef, emoji: str, *, on: bool = True) -> None:
        """Put one of Gofer's emoji on a message, or take it off. Doing it twice is no error."""
        ...


class SurfaceDown(GoferError, ConnectionError):
    """The platform cannot be reached now. `retry_after_s`: what it asked for."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SurfaceRefused(GoferError, PermissionError):
    """The platform says no for good: the channel is gone, Gofer was removed, a right is missing."""


def text_file(attachment: Attachment) -> OutFile:
    """A card's overflow as a file to send."""
    data = attachment.text.encode("utf-8")

    async def stream() -> AsyncIterator[bytes]:
        yield data

    kind = "text/csv" if attachment.name.endswith(".csv") else "text/plain"
    return OutFile(name=attachment.name, size_bytes=len(data), media_type=f"{kind}; charset=utf-8", open=stream)
