"""Whether Slack's deliveries can reach Gofer, for `gofer doctor`: over a socket, or over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, cast
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from bot.checks import Check
from bot.settings import Settings
from bot.slack.app import PATH
from bot.slack.payload import Payload, text
from bot.slack.scopes import SOCKET_SCOPE
from bot.slack.web import close_client, make_client

GUIDE = "docs/slack.md"
APP = "api.slack.com/apps → your app"
COPY_TOKEN = f"Copy the Bot User OAuth Token (xoxb-…): {APP} → OAuth & Permissions."
PASSING = frozenset({"ratelimited", "internal_error", "fatal_error", "service_unavailable", "no answer"})
AWAY = ("Slack does not answer now", "Try again in a minute.")
_ANSWER_S = 10
_REINSTALL = f"{APP} → Install App: reinstall it to the workspace"
_TOKEN_FAULTS: Mapping[str, tuple[str, str]] = {
    "invalid_auth": ("Slack does not know this token", COPY_TOKEN),
    "account_inactive": ("the app was removed from the workspace", f"{_REINSTALL}, and copy the new token."),
    "token_revoked": ("the token was revoked", f"{_REINSTALL}, and copy the new token."),
    "token_expired": (
        "the token has expired: token rotation is on for this app",
        f"Slack cannot turn it off again. Create a new app from the manifest ({GUIDE}).",
    ),
}


_APP_TOKEN_FAULTS: Mapping[str, str] = {
    "missing_scope": f"it lacks the scope {SOCKET_SCOPE}",
    "invalid_auth": "Slack does not know this token",
    "token_revoked": "the token was revoked",
    "not_allowed_token_type": "it is no app-level token",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Of the Web API. `error`: its word for what is wrong; empty: nothing; `unreachable` and `no answer` are ours."""

    data: Payload
    error: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Known:
    """What a good bot token told. `workspace`: as people name it."""

    token: str = field(repr=False)
    workspace: str
    bot_id: str
    headers: Mapping[str, str]


class _Raw(Protocol):
    data: object
    headers: Mapping[str, str]


class _Api(Protocol):
    async def api_call(self, api_method: str, *, data: Mapping[str, str]) -> _Raw: ...


async def socket_checks(settings: Settings, bot: Known | None) -> list[Check]:
    """The app-level token, and one connection with it. `bot`: to compare the two tokens' apps."""
    token = settings.slack_app_token.get_secret_value()
    fix = f"{APP} → Basic Information → App-Level Tokens: generate one with the scope {SOCKET_SCOPE} and copy it."
    blind = Check("slack socket", "skip", "needs a working app token")
    if not token.startswith("xapp-"):
        said = "SLACK_APP_TOKEN does not begin with xapp-" if token else "SLACK_APP_TOKEN is not set"
        return [Check("slack app token", "fail", said, fix), blind]
    answer = await call(settings, token, "apps.connections.open")
    match answer.error:
        case "":
            good = Check("slack app token", "ok", "opens connections")
            return [good, await _greeting(settings, text(answer.data, "url"), bot)]
        case "unreachable":
            return [Check("slack app token", "fail", *fault(answer.error)), blind]
        case error if error in PASSING:
            return [Check("slack app token", "warn", *AWAY), blind]
        case error:
            said = _APP_TOKEN_FAULTS.get(error, f"Slack says {error}")
            return [
                Check("slack app token", "fail", said, f"{fix} Socket Mode must be on: {APP} → Socket Mode."),
                blind,
            ]


async def _greeting(settings: Settings, url: str, bot: Known | None) -> Check:
    """Connect and hang up at the greeting. What Slack might deliver in between is not acknowledged, so that it comes
    again on another connection."""
    host = urlsplit(url).hostname or "Slack"
    fix = f"Let WebSockets (wss) out to {host}, or use GOFER_SLACK_MODE=http ({GUIDE})."
    try:
        hello = await _hello(url)
    except (aiohttp.ClientError, TimeoutError, OSError, TypeError, ValueError) as error:
        return Check("slack socket", "fail", f"no connection to {host}: {type(error).__name__}", fix)
    reason = text(hello, "reason")
    if reason == "too_many_websockets":
        return Check("slack socket", "warn", "ten connections are open, Slack allows no more", "Stop some processes.")
    if text(hello, "type") != "hello":
        return Check("slack socket", "fail", f"Slack hangs up: {reason or 'no reason given'}", fix)
    app_id = text(hello, "connection_info", "app_id")
    if bot is not None and app_id and bot.bot_id:
        own = text((await call(settings, bot.token, "bots.info", bot=bot.bot_id)).data, "bot", "app_id")
        if own and own != app_id:
            said = f"the two tokens are of different apps: the bot's of {own}, the app-level one of {app_id}"
            return Check("slack socket", "fail", said, "Copy both from the same app.")
    return Check("slack socket", "ok", "Slack greets")


async def _hello(url: str) -> Payload:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_ANSWER_S), trust_env=True) as http:
        socket = await http.ws_connect(url)
        try:
            return object_of(await socket.receive_json(timeout=_ANSWER_S))
        finally:
            # Slack answers a goodbye late or not at all; aiohttp would wait ten seconds for it.
            with contextlib.suppress(TimeoutError, ConnectionError, aiohttp.ClientError):
                async with asyncio.timeout(1):
                    await socket.close()


async def http_checks(settings: Settings, now: Callable[[], datetime]) -> list[Check]:
    """The signing secret, the public address, and what a running Gofer says there."""
    secret = settings.slack_signing_secret.get_secret_value().strip()
    base = settings.public_url.rstrip("/")
    found: list[Check] = []
    if not secret:
        fix = f"Copy it: {APP} → Basic Information → App Credentials → Signing Secret."
        found.append(Check("slack http", "fail", "SLACK_SIGNING_SECRET is not set", fix))
    if urlsplit(base).scheme != "https" and not (base and settings.slack_api_url):  # beside a test's API, any will do
        fix = f"Put a proxy with TLS in front of Gofer and set GOFER_PUBLIC_URL ({GUIDE})."
        found.append(Check("slack http", "fail", "GOFER_PUBLIC_URL is not an https address", fix))
    return found or [await _knock(base + PATH, secret, now())]


async def _knock(url: str, secret: str, now: datetime) -> Check:
    """Ask ourselves what Slack asks when a request URL is entered."""
    challenge = secrets.token_urlsafe(12)
    body = json.dumps({"type": "url_verification", "challenge": challenge, "token": ""})
    timestamp = str(int(now.timestamp()))
    headers = {
        "content-type": "application/json",
        "x-slack-request-timestamp": timestamp,
        "x-slack-signature": SignatureVerifier(secret).generate_signature(timestamp=timestamp, body=body) or "",
    }
    timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as http,
            http.post(url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            status, said = answer.status, await answer.text()
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        said = f"nobody answers at {url} ({type(error).__name__}), seen from this machine"
        return Check(
            "slack http", "warn", said, "Start Gofer; then look at the proxy, its certificate and its DNS name."
        )
    if status == 200 and challenge in said:
        return Check("slack http", "ok", f"{url} answers")
    if status == 401:
        fix = "Start Gofer again with the settings of today, and compare the clocks of both machines."
        return Check("slack http", "fail", f"{url} does not accept our signature", fix)
    if status == 404:
        return Check("slack http", "fail", f"{url} is not served", "Start Gofer again with GOFER_SLACK_MODE=http.")
    fix = "Look at the proxy: it must pass Host, headers and body on unchanged."
    return Check("slack http", "fail", f"{url} answers {status}, and not what was asked", fix)


async def call(settings: Settings, token: str, method: str, **arguments: str) -> Answer:
    """One call with the answer's headers; raises nothing for what Slack or the network do."""
    client = make_client(token, settings.slack_api_url)
    try:
        answer = await _api(client).api_call(method, data=arguments)
    except SlackApiError as error:
        refused = cast(_Raw, error.response)
        said = object_of(getattr(refused, "data", None))
        return Answer(said, text(said, "error") or "no answer", _lower(refused.headers))
    except (aiohttp.ClientError, TimeoutError, OSError):
        return Answer({}, "unreachable", {})
    finally:
        await close_client(client)
    return Answer(object_of(answer.data), "", _lower(answer.headers))


def _api(client: AsyncWebClient) -> _Api:
    return cast(_Api, client)  # its own types are partly unknown


def object_of(data: object) -> Payload:
    """A JSON object; what is none counts as empty."""
    return cast(Payload, data) if isinstance(data, dict) else {}


def _lower(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def fault(error: str) -> tuple[str, str]:
    """What a refused bot token means, and what to do."""
    if error == "unreachable":
        return "Slack cannot be reached from here", "Check this machine's network; behind a proxy, set HTTPS_PROXY."
    return _TOKEN_FAULTS.get(error, (f"Slack says {error}", "Try again; if it stays, reinstall the app."))
