"""The one file that imports the Anthropic SDK; imported off-loop, at the first request only.

The SDK does addressing, authentication, headers and connections. Its retry is off (it would sleep out
an hour-long Retry-After), and body and events pass as the bytes they are (see `request`, `stream`).
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx2
from anthropic import (
    APIConnectionError,
    APIResponseValidationError,
    APIStatusError,
    APITimeoutError,
    AsyncAnthropic,
    AsyncStream,
)

from agent.domain.blocks import Json
from agent.domain.errors import LlmUnavailable
from agent.llm.faults import fault, stream_fault
from agent.llm.stream import garbled

_CONNECT_TIMEOUT_S = 10.0
_MODELS_PATH = "/v1/models"


class Wire:
    """One client, kept for its connections."""

    def __init__(self, *, api_key: str, base_url: str, idle_timeout_s: float) -> None:
        self._client = AsyncAnthropic(
            # Gateways without keys exist, and an empty key makes the SDK look for credentials in the environment.
            api_key=api_key or "unset",
            base_url=base_url,
            max_retries=0,
            timeout=httpx2.Timeout(idle_timeout_s, connect=_CONNECT_TIMEOUT_S),
            open_telemetry=False,
        )

    @asynccontextmanager
    async def stream(self, body: bytes, *, betas: tuple[str, ...]) -> AsyncGenerator[Events]:
        """The events of one request, as parsed JSON; every fault of service and network is an error of ours."""
        headers = {"content-type": "application/json"}
        if betas:
            headers["anthropic-beta"] = ",".join(betas)
        with _translated():
            response = cast(
                httpx2.Response,
                await self._client.post(
                    "/v1/messages",
                    cast_to=cast(type[Any], httpx2.Response),  # hands the open response over, unparsed
                    content=body,
                    options={"headers": headers},
                    stream=True,
                    stream_cls=AsyncStream[object],
                ),
            )
        try:
            with _translated():
                yield Events(response)
        finally:
            await response.aclose()

    async def models(self) -> list[Mapping[str, Json]]:
        """The model list of the service; empty where a gateway has none."""
        with _translated():
            try:
                answer: object = await self._client.get(
                    _MODELS_PATH, cast_to=object, options={"params": {"limit": 1000}}
                )
            except APIStatusError as error:
                if error.status_code in {404, 405, 501}:
                    return []
                raise
        data = cast(Mapping[str, Json], answer).get("data") if isinstance(answer, dict) else None
        return cast(list[Mapping[str, Json]], data) if isinstance(data, list) else []

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


class Events:
    """The events of an open answer."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self.request_id = str(response.headers.get("request-id", ""))

    async def __aiter__(self) -> AsyncIterator[Mapping[str, Json]]:
        kind = str(self._response.headers.get("content-type", ""))
        if "text/event-stream" not in kind:
            garbled(f"a stream of events was asked for, {kind or 'something unnamed'} came")
        async for event in AsyncStream.raw_events(self._response):
            if event.event == "ping" or not event.data:
                continue
            data = json.loads(event.data)
            if not isinstance(data, dict):
                garbled("an event is not a JSON object")
            if event.event == "error":
                raise stream_fault(cast(object, data), self._response.headers)
            yield cast(Mapping[str, Json], data)


class _translated:
    """Within it, faults of the SDK and the network turn into errors of ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        match error:
            case APIStatusError():
                raise fault(error.status_code, error.body, error.response.headers) from error
            case APITimeoutError() | httpx2.TimeoutException():
                raise LlmUnavailable("The model service did not answer in time.") from error
            case APIConnectionError() | httpx2.TransportError():
                raise LlmUnavailable(f"The connection to the model service failed ({_cause(error)}).") from error
            case APIResponseValidationError() | httpx2.DecodingError() | json.JSONDecodeError() | UnicodeDecodeError():
                raise LlmUnavailable("The model's answer was garbled: it is not JSON.") from error
            case _:
                return


def _cause(error: BaseException) -> str:
    return type(error.__cause__ or error).__name__
