"""Tool calls as the journal keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.domain.blocks import Block, Json


class CallState(StrEnum):
    """A call moves only downwards in this list."""

    PENDING = "pending"  #: wanted by the model, not looked at yet
    ASKED = "asked"  #: waits for an Ask
    STARTED = "started"  #: committed before the effect; found so after a crash, its outcome is unknown
    DONE = "done"  #: has a result, good or bad

    @property
    def open(self) -> bool:
        """Still owes the model a result."""
        return self is not CallState.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call. `call_id` is ours: task, assistant message and position; unique for ever, so it names sandbox jobs."""

    call_id: str
    task_id: str
    message_seq: int
    position: int
    tool_use_id: str
    tool: str
    arguments: Mapping[str, Json]
    state: CallState = CallState.PENDING
    epoch: int = 0
    incarnation: str = ""
    """The sandbox it was started in."""
    ask_id: str = ""
    result: tuple[Block, ...] = ()
    is_error: bool = False
