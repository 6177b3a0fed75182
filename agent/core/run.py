"""One segment's knowledge of its task: read once from the journal, kept in step with every commit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agent.core.parts import Parts
from agent.core.weight import Weight, weigh
from agent.domain.asks import Answer, Ask, AskStatus, Grant
from agent.domain.calls import CallState, ToolCall
from agent.domain.errors import Bug
from agent.domain.events import Event
from agent.domain.requests import COMMAND_MODEL
from agent.domain.task import Status, Task, Thread
from agent.ports.chat import Chat
from agent.ports.journal import (
    AddCalls,
    AppendMessage,
    Fence,
    FreezePrefix,
    InboxItem,
    KeepWorkspace,
    MoveCall,
    OpenAsk,
    RaiseCap,
    Record,
    SetStatus,
    StoredMessage,
    TakeInbox,
    TaskState,
    Write,
)
from agent.ports.llm import Message, Prefix
from agent.tools.registry import Tool


class Run:
    """The task as this segment knows it. Nothing here is true unless it was committed."""

    def __init__(self, parts: Parts, fence: Fence, state: TaskState) -> None:
        self.parts = parts
        self.fence = fence
        self.settled_asks: set[str] = set()
        """Budget asks this segment has acted on."""
        self.rested = False
        """This segment has put the task to rest: it waits, or has ended."""
        self._take(state)

    def _take(self, state: TaskState) -> None:
        self.task: Task = state.task
        self.thread: Thread = state.thread
        self.frozen: Prefix | None = state.prefix
        self.messages: list[StoredMessage] = list(state.messages)
        self.calls: list[ToolCall] = list(state.calls)
        self.asks: dict[str, tuple[Ask, Answer | None]] = {ask.ask_id: (ask, answer) for ask, answer in state.asks}
        self.grants: tuple[Grant, ...] = state.grants
        self.plan_revision = state.plan_revision
        self.plan_approved = state.plan_approved
        self.weights: list[Weight] = [weigh(m.message) for m in self.messages]
        """Of each message, so that a long conversation is not measured anew for every request."""
        self.words: list[InboxItem] = []
        """What people said, to Gofer (steer) or beside it (talk), and the model has not heard."""
        self._read: list[str] = []
        self._held: list[Write] = []
        self.note_inbox(state.inbox)

    async def reload(self) -> None:
        """Read everything again: something arrived while the segment wanted to stop."""
        self._take(await self.parts.journal.load(self.fence))

    def note_inbox(self, items: Iterable[InboxItem]) -> None:
        """Keep people's words for the next boundary; everything else is only a wake-up and counts as read."""
        known = {item.inbox_id for item in self.words} | set(self._read)
        for item in items:
            if item.inbox_id in known:
                continue
            if item.kind in ("steer", "talk"):
                self.words.append(item)
            else:
                self._read.append(item.inbox_id)

    @property
    def prefix(self) -> Prefix:
        """The frozen front of every request."""
        if self.frozen is None:
            raise Bug("the task was not opened")
        return self.frozen

    @property
    def seen(self) -> tuple[str, ...]:
        """What people said and this segment leaves for later: it does not keep the task from resting."""
        return tuple(item.inbox_id for item in self.words)

    @property
    def interrupted(self) -> bool:
        """Whether the model must hear an instruction before it goes on."""
        return any(i.kind == "steer" and i.interrupt and (i.text.strip() or i.files) for i in self.words)

    @property
    def is_command(self) -> bool:
        """Whether this task runs the one command that somebody typed, without a model."""
        return self.prefix.model == COMMAND_MODEL

    @property
    def chat(self) -> Chat | None:
        """The platform that the conversation is on; None where it cannot be searched."""
        return self.parts.chat_of(self.thread.thread_id)

    def tool(self, name: str) -> Tool | None:
        """The tool of this name, where this task may have it."""
        found = self.parts.tools.find(name)
        return None if found is None or (found.chat and self.chat is None) else found

    @property
    def next_seq(self) -> int:
        """Number of the next message."""
        return self.messages[-1].seq + 1 if self.messages else 1

    def window(self) -> tuple[Message, ...]:
        """The conversation as the model gets it: from the newest fresh start on."""
        return tuple(m.message for m in self.messages[self._window_start :])

    def window_weight(self) -> Weight:
        """How much that is."""
        weights = self.weights[self._window_start :]
        return Weight(sum(w.chars for w in weights), sum(w.pictures for w in weights))

    @property
    def _window_start(self) -> int:
        return max((i for i, m in enumerate(self.messages) if m.fresh_start), default=0)

    def open_call(self) -> ToolCall | None:
        """The first call that still owes a result."""
        return next((call for call in self.calls if call.state.open), None)

    def decision(self, call: ToolCall) -> tuple[Ask, Answer | None] | None:
        """The ask of a call and its answer, when that ask can still count."""
        ask, answer = self.asks.get(call.ask_id, (None, None))
        if ask is None or (answer is None and ask.status is not AskStatus.PENDING):
            return None
        return ask, answer

    async def commit(self, *writes: Write) -> bool:
        """Write to the journal and mirror it here. False: not written, unread inbox items must be seen first."""
        rests = any(isinstance(write, SetStatus) for write in writes)
        if rests and self.thread.sandbox_state:
            # Should we die before the sandbox is removed, nobody refers to it any more, and the next start removes it.
            writes = (*writes, KeepWorkspace(thread_id=self.thread.thread_id, sandbox_state=""))
        taken = (TakeInbox(tuple(self._read)),) if self._read else ()
        if not await self.parts.journal.commit(self.fence, *taken, *self._held, *writes):
            await self.parts.journal.commit(self.fence, *self._held)
            return False
        self._read.clear()
        self._held.clear()
        self.rested = rests
        for write in writes:
            self._mirror(write)
        return True

    def hold(self, *writes: Write) -> None:
        """Keep writes for the next commit, which follows at once: nothing outside may happen in between.

        Saves a transaction. A crash before that commit loses only what the journal lets us derive or ask for again.
        """
        self._held += writes
        for write in writes:
            self._mirror(write)

    async def park(self, *writes: Write) -> bool:
        """Commit and wait for people. False: something arrived meanwhile; everything was read again, go on."""
        if await self.commit(*writes, SetStatus(status=Status.WAITING, seen=self.seen)):
            return True
        await self.reload()
        return False

    async def record(self, *events: Event) -> None:
        """Commit events only."""
        await self.commit(Record(events))

    def _mirror(self, write: Write) -> None:
        match write:
            case FreezePrefix(prefix):
                self.frozen = prefix
            case AppendMessage():
                self.messages.append(
                    StoredMessage(write.seq, write.message, write.stop_reason, fresh_start=write.fresh_start)
                )
                self.weights.append(weigh(write.message))
                if write.message.role == "assistant":
                    self.calls = []
            case AddCalls(calls):
                self.calls = list(calls)
            case MoveCall():
                self.calls = [self._moved(c, write) if c.call_id == write.call_id else c for c in self.calls]
            case OpenAsk(ask):
                self.asks[ask.ask_id] = (ask, None)
            case KeepWorkspace():
                self.thread = replace(
                    self.thread,
                    snapshot=self.thread.snapshot if write.snapshot is None else write.snapshot,
                    base_snapshot=self.thread.base_snapshot if write.base_snapshot is None else write.base_snapshot,
                    sandbox_state=self.thread.sandbox_state if write.sandbox_state is None else write.sandbox_state,
                )
            case RaiseCap(cap_usd):
                self.task = replace(self.task, cap_usd=cap_usd)
            case TakeInbox(inbox_ids):
                self.words = [item for item in self.words if item.inbox_id not in inbox_ids]
            case _:
                pass

    def _moved(self, call: ToolCall, move: MoveCall) -> ToolCall:
        return replace(
            call,
            state=move.state,
            epoch=self.fence.epoch if move.state is CallState.STARTED else call.epoch,
            incarnation=call.incarnation if move.incarnation is None else move.incarnation,
            ask_id=call.ask_id if move.ask_id is None else move.ask_id,
            result=call.result if move.result is None else move.result,
            is_error=call.is_error if move.is_error is None else move.is_error,
        )
