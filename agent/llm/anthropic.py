"""The Messages API through the Anthropic SDK."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from agent.domain.errors import LlmUnavailable
from agent.llm.faults import SystemRoleRefused
from agent.llm.request import encode, refuses_system_role, request_body
from agent.llm.stream import Assembler, garbled
from agent.ports.llm import Llm, Message, ModelInfo, Prefix, Reply

if TYPE_CHECKING:
    from agent.llm.wire import Wire

DEFAULT_BASE_URL = "https://api.anthropic.com"


class AnthropicLlm(Llm):
    """A model behind the Messages API, or behind any gateway that speaks it.

    `idle_timeout_s`: longest silence within an answer; the service sends pings while a model thinks.
    `total_timeout_s`: longest answer, so that a stream of pings alone ends too.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str = "",
        *,
        idle_timeout_s: float = 180.0,
        total_timeout_s: float = 3600.0,
    ) -> None:
        self._api_key = api_key
        self._base_url = base_url or DEFAULT_BASE_URL
        self._idle_timeout_s = idle_timeout_s
        self._total_timeout_s = total_timeout_s
        self._wire: Wire | None = None
        self._opening = asyncio.Lock()  # guards _wire: one SDK import and one client
        self._models: dict[str, ModelInfo] = {}
        self._learned: set[str] = set()  # models that refused system messages since this process started

    async def respond(
        self,
        prefix: Prefix,
        messages: Sequence[Message],
        *,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """One complete answer, or an error; see the port."""
        wire = await self._open()
        fold = prefix.model in self._learned or refuses_system_role(prefix.model)
        body = encode(request_body(prefix, messages, fold_system=fold))
        assembler = Assembler(on_text=on_text)
        try:
            async with asyncio.timeout(self._total_timeout_s), wire.stream(body, betas=prefix.betas) as events:
                async for event in events:
                    try:
                        assembler.feed(event)
                    except (KeyError, TypeError) as error:
                        garbled(f"an event lacks {error}")
                request_id = events.request_id
        except TimeoutError as error:
            raise LlmUnavailable("The model did not finish its answer in time.") from error
        except SystemRoleRefused:
            self._learned.add(prefix.model)
            raise
        return assembler.reply(request_id=request_id)

    async def info(self, model: str) -> ModelInfo:
        """Context size and label; an unlisted model has neither.

        Raises `LlmUnavailable` when the service cannot be asked.
        """
        if model not in self._models:
            wire = await self._open()
            for listed in await wire.models():
                name, size = str(listed.get("id", "")), listed.get("max_input_tokens")
                self._models[name] = ModelInfo(
                    model=name,
                    context_tokens=size if isinstance(size, int) else None,
                    label=str(listed.get("display_name") or ""),
                )
        return self._models.get(model, ModelInfo(model=model))

    async def close(self) -> None:
        """Close connections."""
        if self._wire is not None:
            await self._wire.close()
            self._wire = None

    async def _open(self) -> Wire:
        async with self._opening:
            if self._wire is None:
                self._wire = await asyncio.to_thread(self._make)
            return self._wire

    def _make(self) -> Wire:
        module = importlib.import_module("agent.llm.wire")
        return module.Wire(api_key=self._api_key, base_url=self._base_url, idle_timeout_s=self._idle_timeout_s)
