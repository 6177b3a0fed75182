"""Patience around a model: short troubles are waited out in place, long ones go to the caller."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence

from agent.domain.errors import LlmUnavailable
from agent.ports.llm import Llm, Message, ModelInfo, Prefix, Reply


class PatientLlm(Llm):
    """The same model, asked again after a passing fault.

    Waits double from `first_wait_s` up to `longest_wait_s`, each shortened by up to half by chance, never shorter
    than the service asks. From the first fault on at most `patience_s` pass before the last attempt begins; beyond
    that the `LlmUnavailable` goes on for the caller to park the task, with `retry_after_s` set to what the service
    asked where that is longer than our patience, and to `park_s` otherwise.
    """

    def __init__(
        self,
        llm: Llm,
        *,
        patience_s: float = 30.0,
        first_wait_s: float = 1.0,
        longest_wait_s: float = 10.0,
        park_s: float = 60.0,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._llm = llm
        self._patience_s = patience_s
        self._first_wait_s = first_wait_s
        self._longest_wait_s = longest_wait_s
        self._park_s = park_s
        self._sleep = sleep
        self._clock = clock
        self._chance = chance

    async def respond(
        self,
        prefix: Prefix,
        messages: Sequence[Message],
        *,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """One complete answer. `on_text` starts over with each attempt."""
        give_up_at = float("inf")
        attempt = 0
        while True:
            try:
                return await self._llm.respond(prefix, messages, on_text=on_text)
            except LlmUnavailable as error:
                if not error.retryable:
                    raise
                if attempt == 0:
                    give_up_at = self._clock() + self._patience_s
                wait_s = max(self._backoff_s(attempt), error.retry_after_s or 0.0)
                if self._clock() + wait_s > give_up_at:
                    asked_s = error.retry_after_s or 0.0
                    park_s = asked_s if asked_s > self._patience_s else self._park_s
                    raise LlmUnavailable(str(error), retry_after_s=park_s) from error
            attempt += 1
            await self._sleep(wait_s)

    async def info(self, model: str) -> ModelInfo:
        """What the model behind says; asked once."""
        return await self._llm.info(model)

    async def close(self) -> None:
        """Close the model behind."""
        await self._llm.close()

    def _backoff_s(self, attempt: int) -> float:
        # The exponent is bounded so that a long outage with a fake clock cannot overflow.
        full_s = min(self._longest_wait_s, self._first_wait_s * 2 ** min(attempt, 16))
        return full_s * (1 - self._chance() / 2)
