"""Slack's front door: every delivery is stored before it is acknowledged, over HTTP and over Socket Mode alike.

Bolt acknowledges an event before its listener runs, so a listener that stores is too late. What stores here is a
global middleware, the last one: when the store fails it raises, bolt answers 500 (Socket Mode: no acknowledgement) and
Slack delivers again. It acknowledges by itself and nothing stands behind it, so no kind of request can be forgotten:
what is not kept is acknowledged too, and a form closes.

An acknowledgement may take three seconds. On the way to it nothing is asked of Slack: the workspace is known, names
and standings are looked up later, by `bot.slack.intake`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from urllib.parse import parse_qsl

from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.response import BoltResponse
from slack_sdk.signature import Clock as SignatureClock
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from agent.service import Arrival
from bot.slack.arrivals import arrival_of
from bot.slack.payload import Payload
from bot.slack.workspace import Workspace

PATH = "/slack/events"
"""Where Slack posts everything in HTTP mode: events, interactions and slash commands."""
MOST_BODY_BYTES = 4 * 1024 * 1024

_bolt_log = logging.getLogger(__name__ + ".bolt")
# Bolt warns of tokens in the environment that it leaves alone, which is how ours get there; its errors are kept.
_bolt_log.setLevel(logging.ERROR)

TakeIn = Callable[[Arrival], Awaitable[bool]]
"""Stores an arrival, in the order of the calls; False: it was known. Raises when it could not."""
WorkspaceOf = Callable[[str], Awaitable[Workspace | None]]
"""The installation in this team; None: there is none. Asked at every delivery, so it must answer at once."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What Slack gets. Anything but 200 makes it deliver again."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str = ""


class FrontDoor:
    """Takes deliveries in, in any number at a time."""

    def __init__(
        self,
        take_in: TakeIn,
        workspace_of: WorkspaceOf,
        now: Callable[[], datetime],
        *,
        signing_secret: str = "",
    ) -> None:
        """`signing_secret` is for HTTP; without one every request over HTTP is refused."""
        self._verifier = SignatureVerifier(signing_secret, _Seconds(now)) if signing_secret.strip() else None
        self._app = AsyncApp(
            name="gofer",
            logger=_bolt_log,
            client=AsyncWebClient(),
            authorize=cast(Any, _Authorize(workspace_of)),  # its type leaves out that None is an answer
            request_verification_enabled=False,  # done in `handle`, before anything of the request is read
            attaching_function_token_enabled=False,
            attaching_conversation_kwargs_enabled=False,
        )
        cast(Any, self._app).use(_Keep(take_in, workspace_of, now))

    async def handle(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """One POST to `PATH`: 200 when it is stored or not worth storing, 401 for a signature that is wrong, older
        than five minutes or missing, 400 for what cannot be read, 413 above 4 MiB, 500 when it could not be stored."""
        if len(body) > MOST_BODY_BYTES:
            return Reply(413)
        try:
            said = body.decode("utf-8")
        except UnicodeDecodeError:
            return Reply(401)
        known = {name.lower(): value for name, value in headers.items()}
        if len(body) < 2_000 and dict(parse_qsl(said)).get("ssl_check") == "1":
            return Reply(200)  # Slack looks at our certificate; unsigned, and nothing is done for it
        if not self._signed(said, known):
            return Reply(401)
        try:
            request = AsyncBoltRequest(body=said, headers=cast(Any, known))
        except ValueError:
            return Reply(400)
        response = await self._app.async_dispatch(request)
        first = {name: values[0] for name, values in response.headers.items() if values and name != "set-cookie"}
        return Reply(response.status, first, response.body)

    async def take(self, payload: Payload) -> Reply:
        """One payload of Socket Mode, which the socket itself vouches for. Acknowledge it for a 200 only."""
        request = AsyncBoltRequest(mode="socket_mode", body=dict(payload))
        response = await self._app.async_dispatch(request)
        return Reply(response.status, {}, response.body)

    def _signed(self, body: str, headers: Mapping[str, str]) -> bool:
        timestamp = headers.get("x-slack-request-timestamp", "")
        signature = headers.get("x-slack-signature", "")
        # What is no number, or no ASCII, would be an error in the verifier instead of a no.
        readable = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12 and signature.isascii()
        return readable and self._verifier is not None and self._verifier.is_valid(body, timestamp, signature)


class _Keep(AsyncMiddleware):
    """Stores what can matter and acknowledges everything."""

    def __init__(self, take_in: TakeIn, workspace_of: WorkspaceOf, now: Callable[[], datetime]) -> None:
        self._take_in, self._workspace_of, self._now = take_in, workspace_of, now

    async def async_process(
        self, *, req: AsyncBoltRequest, resp: BoltResponse, next: Callable[[], Awaitable[BoltResponse]]
    ) -> BoltResponse:
        workspace = await self._workspace_of(req.context.team_id or "")
        arrival = arrival_of(req.body, workspace, self._now()) if workspace is not None else None
        if arrival is not None:
            await self._take_in(arrival)
        return await req.context.ack()


class _Authorize(AsyncAuthorize):
    """Tells bolt who Gofer is, so that it drops what Gofer did itself."""

    def __init__(self, workspace_of: WorkspaceOf) -> None:
        super().__init__()
        self._workspace_of = workspace_of

    async def __call__(
        self,
        *,
        context: AsyncBoltContext,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None,
        actor_enterprise_id: str | None = None,
        actor_team_id: str | None = None,
        actor_user_id: str | None = None,
    ) -> AuthorizeResult | None:
        workspace = await self._workspace_of(team_id or "")
        if workspace is None:
            return None
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=workspace.team_id,
            bot_user_id=workspace.bot_user_id,
            bot_id=workspace.bot_id,
            user_id=user_id,
        )


class _Seconds(SignatureClock):
    """Our clock for the verifier."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    def now(self) -> float:
        return self._now().timestamp()


def only(workspace: Workspace) -> WorkspaceOf:
    """For an app that is installed in one workspace: whatever team a payload names (in a channel shared with another
    organisation it may be theirs), it came to this installation."""

    async def workspace_of(team_id: str) -> Workspace:
        return workspace

    return workspace_of
