"""The journal: the only truth about tasks. Everything else can be made anew from it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from agent.domain.asks import Answer, Ask, Grant
from agent.domain.blocks import Block
from agent.domain.calls import CallState, ToolCall
from agent.domain.events import Event
from agent.domain.files import WorkFile
from agent.domain.people import Role
from agent.domain.task import Feedback, Status, Task, Thread
from agent.ports.llm import Message, Prefix

InboxKind = Literal["steer", "talk", "answer", "expire"]


@dataclass(frozen=True, slots=True)
class Fence:
    """A worker's claim on a task. Writes that name an old epoch raise `Fenced` and change nothing."""

    task_id: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxItem:
    """Something that arrived for a task. `inbox_id` is the platform's own id, so that arriving twice is once."""

    inbox_id: str
    task_id: str
    kind: InboxKind
    by: str
    at: datetime
    text: str = ""
    files: tuple[WorkFile, ...] = ()
    interrupt: bool = False
    """An instruction by mention: the running model answer is cut short."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One row of the append-only conversation. `fresh_start` rows replace everything before them (compaction)."""

    seq: int
    message: Message
    stop_reason: str = ""
    fresh_start: bool = False


# --- what a segment writes; one `commit` is one transaction ------------------------------------------------


@dataclass(frozen=True, slots=True)
class FreezePrefix:
    prefix: Prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendMessage:
    """`seq` is the next number of the conversation; a second writer of the same number is refused."""

    seq: int
    message: Message
    stop_reason: str = ""
    fresh_start: bool = False


@dataclass(frozen=True, slots=True)
class AddCalls:
    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveCall:
    """Give a call a new state; the fields left None stay. Started calls take the epoch of the fence."""

    call_id: str
    state: CallState
    incarnation: str | None = None
    ask_id: str | None = None
    result: tuple[Block, ...] | None = None
    is_error: bool | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """Append events; the journal numbers them."""

    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class OpenAsk:
    ask: Ask


@dataclass(frozen=True, slots=True)
class WithdrawAsk:
    ask_id: str


@dataclass(frozen=True, slots=True)
class AddGrant:
    grant: Grant


@dataclass(frozen=True, slots=True)
class UseGrant:
    """Spend a single-use grant; raises `Fenced` when it was used before."""

    grant_id: str


@dataclass(frozen=True, slots=True)
class TakeInbox:
    inbox_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepWorkspace:
    """The thread's workspace and sandbox; the fields left None stay."""

    thread_id: str
    snapshot: str | None = None
    base_snapshot: str | None = None
    sandbox_state: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """Set money aside before a request."""

    spend_id: str
    person_id: str
    thread_id: str
    at: datetime
    usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """What the request really cost; the reservation is gone."""

    spend_id: str
    usd: float
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class RaiseCap:
    cap_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SetStatus:
    """Move the task. Waiting and every final status are refused while unread inbox items exist (see `commit`)."""

    status: Status
    not_before: datetime | None = None
    seen: tuple[str, ...] = ()
    """Inbox ids the segment knows and leaves unread for later; they do not count as unread here."""


Write = (
    FreezePrefix
    | AppendMessage
    | AddCalls
    | MoveCall
    | Record
    | OpenAsk
    | WithdrawAsk
    | AddGrant
    | UseGrant
    | TakeInbox
    | KeepWorkspace
    | Reserve
    | Settle
    | RaiseCap
    | SetStatus
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState:
    """All a segment needs, read at its start and after each wait."""

    task: Task
    thread: Thread
    prefix: Prefix | None
    messages: tuple[StoredMessage, ...]
    calls: tuple[ToolCall, ...]
    """Calls of the newest assistant message, in order."""
    inbox: tuple[InboxItem, ...]
    """Unread items, oldest first."""
    asks: tuple[tuple[Ask, Answer | None], ...]
    grants: tuple[Grant, ...]
    """Unused and unexpired grants that may fit this task: its own, and *always* ones of its thread's place."""
    plan_revision: int
    """Highest revision proposed so far; 0: none."""
    plan_approved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """Settled plus reserved money, in USD."""

    task_usd: float
    person_day_usd: float
    day_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What became of an answer: `won`, or the earlier one that stands in `answer`, or neither (`why`)."""

    won: bool
    answer: Answer | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRecord:
    """A known person."""

    person_id: str
    name: str
    role: Role
    since: datetime = field(repr=False)


@dataclass(frozen=True, slots=True)
class Referenced:
    """Digests that the journal names: of manifests that a workspace may go back to, and of files."""

    snapshots: frozenset[str]
    files: frozenset[str]


class Journal(Protocol):
    """Tasks, conversations, asks and events, on SQLite or PostgreSQL.

    Each method is one transaction. A lost connection is retried inside for a bounded time; a full disk raises
    `Refused` and leaves everything as it was.
    """

    # -- people
    async def person(self, person_id: str) -> PersonRecord | None:
        """The person, or None for a stranger."""
        ...

    async def people(self) -> tuple[PersonRecord, ...]:
        """Everybody known, oldest first."""
        ...

    async def put_person(self, record: PersonRecord) -> None:
        """Add or change a person."""
        ...

    async def remove_person(self, person_id: str) -> None:
        """Make a person a stranger again; their tasks stay."""
        ...

    # -- front side
    async def create_task(
        self, task: Task, thread: Thread, events: Sequence[Event], *, inbox_id: str, alone: bool = False
    ) -> bool:
        """Store a new queued task (and its thread, when new). False when `inbox_id` made a task before; with `alone`
        it raises `Refused` while another task of the thread has not ended."""
        ...

    async def receive(self, item: InboxItem, *events: Event) -> bool:
        """Store an inbox item with its events and wake the task. False when it came before, or the task ended."""
        ...

    async def decide(self, answer: Answer, grant: Grant | None, *events: Event, inbox_id: str = "") -> Decision:
        """Compare-and-set on (ask, revision, pending): the first answer wins, wakes the task and is recorded.

        `inbox_id`: of the message that decides, where it names no ask. One that was counted before, whatever for,
        changes nothing and has won: it must not decide what was opened since."""
        ...

    async def move(self, task_id: str, status: Status, *events: Event) -> bool:
        """Pause, resume, stop, fail from outside: raises the epoch, so that a running segment is fenced. False when
        the move is not legal (any more)."""
        ...

    async def keep_workspace(self, write: KeepWorkspace, *, inbox_id: str = "", task_id: str = "") -> bool:
        """Change a thread's workspace from outside a segment (undo); refused with `Refused` while a task runs there.

        `inbox_id`: the message that wants it, kept for `undone_by` with the task that is undone. False, with nothing
        changed: it is known.
        """
        ...

    async def undone_by(self, inbox_id: str) -> str:
        """The id of the task that this message has undone; empty when it has undone none."""
        ...

    async def task(self, task_id: str) -> Task | None:
        """The task, or None."""
        ...

    async def tasks(self, *, thread_id: str = "", person_id: str = "", limit: int = 50) -> tuple[Task, ...]:
        """Newest first."""
        ...

    async def thread(self, thread_id: str) -> Thread | None:
        """The thread, or None."""
        ...

    async def threads(self, *, owner_id: str = "", limit: int = 50) -> tuple[Thread, ...]:
        """Newest first."""
        ...

    async def started_by(self, inbox_id: str) -> str:
        """The id of the task that this message made; empty when it made none."""
        ...

    async def set_muted(self, thread_id: str, muted: bool) -> None:
        """Mute a thread, or not. Raises `NotFound` for an unknown one."""
        ...

    async def forget(self, thread_id: str, at: datetime) -> frozenset[str]:
        """Remove what people said and made in a thread; `at` is kept as `Thread.forgotten_at`.

        Gone are the texts of its messages, calls, asks, inbox items and arrivals, the title, the requests, the
        workspace, and the grants that hold nowhere else. Events keep task, number, kind and time; their body becomes
        the sha256 of the old one, so they load as `UnknownEvent`. Spending stays. Arrivals that nobody has worked on
        yet stay too: they were said after the wish to forget.

        Returns the digests, of snapshots and of files, that only this thread named, now or when it was forgotten
        before: a caller that died before it deleted them forgets again. What the snapshots name in turn is the
        caller's to find (`SnapshotStore.unneeded`). Raises `NotFound` for an unknown thread and `Refused` while a task
        of it has not ended.
        """
        ...

    async def referenced(self) -> Referenced:
        """What must not be deleted: every digest that any thread still names. Reads the whole journal."""
        ...

    async def ask(self, ask_id: str) -> tuple[Ask, Answer | None] | None:
        """The ask and its answer."""
        ...

    async def events(self, task_id: str, *, after: int = 0, limit: int = 1000) -> tuple[Event, ...]:
        """In order."""
        ...

    async def due_asks(self, now: datetime) -> tuple[Ask, ...]:
        """Pending asks whose time is over."""
        ...

    async def grants(self, *, task_id: str = "") -> tuple[Grant, ...]:
        """Live grants."""
        ...

    async def revoke(self, grant_id: str) -> bool:
        """End a grant now."""
        ...

    async def spending(self, *, task_id: str, person_id: str, now: datetime) -> Spending:
        """What was spent; days are UTC days."""
        ...

    async def put_feedback(self, feedback: Feedback) -> None:
        """Keep what a person thinks of a task; the newest of a person and task stays. Forgetting leaves it: it holds
        nobody's words."""
        ...

    async def feedback(self, *, limit: int = 50) -> tuple[Feedback, ...]:
        """Newest first."""
        ...

    # -- worker side
    async def claim(self, worker_id: str, now: datetime) -> Fence | None:
        """Take the oldest runnable task: epoch + 1, status running. None when there is none."""
        ...

    async def release_all(self) -> int:
        """Called once by the sole worker at its start: what a dead worker left running becomes queued again."""
        ...

    async def next_due(self) -> datetime | None:
        """When the earliest task that waits for a time becomes runnable."""
        ...

    async def load(self, fence: Fence) -> TaskState:
        """Raises `Fenced`."""
        ...

    async def inbox(self, fence: Fence) -> tuple[InboxItem, ...]:
        """Unread items, oldest first. Raises `Fenced`."""
        ...

    async def commit(self, fence: Fence, *writes: Write) -> bool:
        """All writes or none. Raises `Fenced`.

        False, with nothing written, when a `SetStatus` to waiting or a final status meets an unread inbox item:
        the segment must look at it first.
        """
        ...

    async def taken_over(self, fence: Fence) -> None:
        """Returns once this fence is old or its task runs no more, by whatever process. Costs nothing meanwhile."""
        ...

    def sole_worker(self) -> AbstractAsyncContextManager[None]:
        """Holds the right to run tasks. Raises `Refused` on entering when another worker has it; `claim` does so
        when it was lost later (its connection broke and another worker came first)."""
        ...

    async def live_sandboxes(self) -> set[str]:
        """Sandbox states that a running or queued task may still need."""
        ...

    # -- wake-ups
    def runnable(self) -> AsyncIterator[None]:
        """Yields at once and then whenever a task may have become runnable, in this process or another."""
        ...

    def changes(self, task_id: str) -> AsyncIterator[None]:
        """Yields at once and then whenever the task may have new events."""
        ...

    # -- house-keeping
    async def close(self) -> None:
        """Close connections."""
        ...
