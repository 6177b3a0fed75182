"""Calls to Slack's Web API: the client, one call, and what its refusals mean for people.

A refusal for good is `SlackRefused`, anything that may pass is `SurfaceDown`; nothing else leaves this module. A call
is repeated inside only where doing it twice is the same as once: Slack may have posted before the connection broke.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol, cast
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.builtin_async_handlers import AsyncConnectionErrorRetryHandler, AsyncServerErrorRetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.pacer import Pacer, Priority, RateLimited
from bot.slack.payload import Payload, text
from bot.surface import SurfaceDown, SurfaceRefused

logger = logging.getLogger(__name__)

TIMEOUT_S = 30.0
ONCE = frozenset(
    {
        "chat.postMessage",
        "chat.postEphemeral",
        "chat.startStream",
        "files.completeUploadExternal",
        "views.open",
        "views.push",
    }
)
"""Doing these twice is not the same as once, so a lost answer is left to the caller, who can look."""
GONE = frozenset({"message_not_found", "thread_not_found", "cant_delete_message"})
"""The message is not there any more."""
UNKNOWN_FEATURE = frozenset(
    {"unknown_method", "feature_not_enabled", "feature_disabled", "missing_scope", "not_allowed_token_type"}
)
"""This workspace, or this installation of the app, does not have what the method belongs to."""

_PASSING = frozenset(
    {
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
        "external_channel_migrating",
        "messaging_processing_failed",
        "update_failed",
    }
)
_LIMITED = frozenset({"ratelimited", "rate_limited"})
_REINSTALL = "Slack no longer accepts Gofer's token: install the app again and put the new token into SLACK_BOT_TOKEN."
_ARCHIVED = "This channel is archived: restore it, or go on in another one."
_WRITING = "A setting of this workspace keeps Gofer from writing there: ask an admin of Slack."
_SENTENCES: Mapping[str, str] = {
    "channel_not_found": "Gofer does not know this channel or is not in it: invite @Gofer there.",
    "not_in_channel": "Gofer is not in this channel: invite @Gofer there.",
    "is_archived": _ARCHIVED,
    "is_inactive": _ARCHIVED,
    "message_not_found": "The message is gone.",
    "thread_not_found": "The thread is gone.",
    "user_not_found": "Slack does not know this person.",
    "user_disabled": "This person is no longer in the workspace.",
    "user_not_in_channel": "This person is not in the channel.",
    "messages_tab_disabled": "Direct messages to Gofer are switched off: turn on the Messages tab in App Home.",
    "invalid_auth": _REINSTALL,
    "not_authed": _REINSTALL,
    "account_inactive": _REINSTALL,
    "token_revoked": _REINSTALL,
    "token_expired": _REINSTALL,
    "restricted_action": _WRITING,
    "restricted_action_read_only_channel": _WRITING,
    "restricted_action_thread_locked": "An admin has locked this thread: go on in another one.",
    "restricted_action_thread_only_channel": _WRITING,
    "restricted_action_non_threadable_channel": "Nobody can reply in threads of this channel: use another one.",
    "access_denied": "Slack keeps Gofer out of this: ask an admin of Slack.",
    "org_login_required": "The workspace is being moved by Slack: try again when that is done.",
}
_NO_TOKEN = frozenset(error for error, sentence in _SENTENCES.items() if sentence == _REINSTALL)


class SlackRefused(SurfaceRefused):
    """Slack said no for good. `error` is its word for it, `why` what it explains, `method` what was asked."""

    def __init__(self, method: str, error: str, why: tuple[str, ...] = (), *, needed: str = "") -> None:
        super().__init__(_sentence(method, error, needed))
        self.method, self.error, self.why = method, error, why

    @property
    def shut_out(self) -> bool:
        """Nothing works until the app is installed again."""
        return self.error in _NO_TOKEN


class Web:
    """The calls of one workspace, in their turn. Whoever posts shares one of these, so that the limits hold."""

    def __init__(self, client: AsyncWebClient, pacer: Pacer) -> None:
        self.client, self.pacer = client, pacer

    async def call(self, method: str, priority: Priority, *, lane: str = "", **arguments: Any) -> Payload:
        """One call when its turn has come. `lane`: the channel it writes to. Raises `SlackRefused`, `SurfaceDown`."""
        return await self.pacer.call(method, priority, lambda: ask(self.client, method, **arguments), channel=lane)

    async def ask(self, method: str, **arguments: Any) -> Payload:
        """A call within the turn that the pacer gave for it."""
        return await ask(self.client, method, **arguments)

    async def also(self, method: str, **arguments: Any) -> Payload:
        """A further call within a turn: made at once, and counted."""
        self.pacer.charge(method)
        return await ask(self.client, method, **arguments)


def make_client(token: str, base_url: str = "") -> AsyncWebClient:
    """A client with a session of its own, for `close_client`. Needs a running loop. `base_url`: GOFER_SLACK_API_URL."""
    base_url = base_url.rstrip("/") + "/" if base_url else AsyncWebClient.BASE_URL
    client = AsyncWebClient(
        token=token,
        base_url=base_url,
        timeout=int(TIMEOUT_S),
        session=aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)),
        # Being limited is the pacer's business: a client that sleeps would keep an approval waiting behind progress.
        retry_handlers=[_Unless(AsyncConnectionErrorRetryHandler()), _Unless(AsyncServerErrorRetryHandler())],
    )
    if client.proxy and proxy_bypass(urlsplit(base_url).hostname or ""):
        client.proxy = None  # the SDK reads HTTPS_PROXY and knows no NO_PROXY
    return client


async def close_client(client: AsyncWebClient) -> None:
    """Close the connections of a client from `make_client`."""
    if client.session is not None:
        await client.session.close()


async def ask(client: AsyncWebClient, method: str, **arguments: Any) -> Payload:
    """One call, now; arguments that are None are left out.

    Raises `SlackRefused` when Slack says no for good, `RateLimited` and `SurfaceDown` when it may work later.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        if any(isinstance(value, dict | list | tuple) for value in given.values()):
            answer = await _api(client).api_call(method, json=given)
        else:
            # Every method reads forms; those that only read do not take JSON.
            answer = await _api(client).api_call(method, data={name: _form(value) for name, value in given.items()})
    except SlackApiError as error:
        raise _meaning(method, error) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise SurfaceDown(f"Slack cannot be reached ({method}: {type(error).__name__}).") from error
    return _object(answer.data)


class _Answer(Protocol):
    data: object
    status_code: int
    headers: Mapping[str, str]


class _Api(Protocol):
    async def api_call(
        self, api_method: str, *, data: dict[str, str] | None = None, json: dict[str, Any] | None = None
    ) -> _Answer: ...


def _api(client: AsyncWebClient) -> _Api:
    return cast(_Api, client)  # its own types are partly unknown


def _form(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _object(data: object) -> Payload:
    return cast(Payload, data) if isinstance(data, dict) else {}


def _meaning(method: str, error: SlackApiError) -> SlackRefused | SurfaceDown:
    answer = cast(_Answer, error.response)
    said = _object(getattr(answer, "data", None))
    status = getattr(answer, "status_code", 0) or getattr(answer, "status", 0)
    code = text(said, "error")
    if status == 429 or code in _LIMITED:
        return RateLimited(method, _seconds(answer.headers.get("Retry-After", "")))
    if not code or status >= 500 or code in _PASSING:
        return SurfaceDown(f"Slack cannot do {method} now ({code or f'HTTP {status}'}).")
    messages = cast(Payload, said.get("response_metadata") or {}).get("messages")
    why = tuple(str(item) for item in cast(list[object], messages)) if isinstance(messages, list) else ()
    logger.info("slack said no", extra={"action": "slack_refused", "method": method, "error": code})
    return SlackRefused(method, code, why, needed=text(said, "needed"))


def _seconds(header: str) -> float:
    try:
        return max(float(header), 0.1)
    except ValueError:
        return 1.0


def _sentence(method: str, error: str, needed: str) -> str:
    if error == "missing_scope":
        return (
            f"Gofer's Slack app lacks the scope {needed or 'that this needs'}: add it to the app, as in "
            "deploy/slack-manifest.yaml, and install the app again."
        )
    return _SENTENCES.get(error, f"Slack refuses this ({method}: {error}).")


class _Unless(AsyncRetryHandler):
    """A retry handler that leaves the methods of `ONCE` alone."""

    def __init__(self, inner: AsyncRetryHandler) -> None:
        super().__init__(inner.max_retry_count, inner.interval_calculator)
        self._inner = inner

    async def can_retry_async(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        if request.url.rstrip("/").rpartition("/")[2] in ONCE:
            return False
        return await self._inner.can_retry_async(state=state, request=request, response=response, error=error)
