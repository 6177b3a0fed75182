"""The model."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol

from agent.domain.blocks import Block, Json

StopReason = Literal[
    "end_turn", "tool_use", "max_tokens", "stop_sequence", "pause_turn", "refusal", "model_context_window_exceeded"
]
Role = Literal["user", "assistant", "system"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """What never changes within a task: the front of every request, frozen and stored at the task's start."""

    model: str
    system: tuple[Block, ...]
    tools: tuple[Block, ...]
    betas: tuple[str, ...] = ()
    effort: str = ""
    max_tokens: int = 16_000


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the conversation. `role` system is allowed only right after a user message."""

    role: Role
    content: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUse:
    """Tokens of one request as billed; `iterations` holds extra passes the top-level figures leave out."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    iterations: tuple[TokenUse, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A complete answer: `content` byte-exact as received, with a stop reason (a reply without one never exists)."""

    content: tuple[Block, ...]
    stop_reason: StopReason
    use: TokenUse = field(default_factory=TokenUse)
    request_id: str = ""
    model: str = ""
    refusal: str = ""
    unable: str = ""
    """With the stop reason `refusal`: why this cannot be done, in words for the person; the task fails with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What the adapter knows of a model. `context_tokens` None: unknown."""

    model: str
    context_tokens: int | None = None
    label: str = ""


class Llm(Protocol):
    """A Messages-API-shaped model."""

    async def respond(
        self,
        prefix: Prefix,
        messages: Sequence[Message],
        *,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """One complete answer, or an error; never a part of one.

        The request is the frozen prefix plus the messages, in this order and unchanged but for cache breakpoints.
        `on_text` gets text deltas for live display; they are not facts.
        Raises `LlmUnavailable` (overload, rate limit with `retry_after_s`, dropped or truncated or garbled stream;
        `retryable=False` for a refused key or a spending limit), `ContextExceeded`, and `Bug` for a request the
        service calls invalid. One request, no retry inside.
        """
        ...

    async def info(self, model: str) -> ModelInfo:
        """Context size and a label for `doctor`; never raises for an unknown model."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


@dataclass(frozen=True, slots=True)
class Cost:
    """What a request costs. `known` is False when the model has no price and the dearest known one was taken."""

    usd: Decimal
    known: bool = True


class Prices(Protocol):
    """The dated price table."""

    def cost_usd(self, model: str, use: TokenUse, at: datetime) -> Cost:
        """What these tokens cost at that time."""
        ...

    def worst_case_usd(self, model: str, input_tokens: int, max_tokens: int, at: datetime) -> Cost:
        """The most a request can cost: nothing cached, everything written, output to its limit."""
        ...


def json_size_chars(value: Json) -> int:
    """Characters of the compact JSON of a value: what the bench and worst-case estimates count."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
