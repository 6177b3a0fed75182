"""Calls to Discord's REST API, through the HTTP client of discord.py, and what Discord's refusals mean for people.

A refusal for good is `DiscordRefused`, anything that may pass is `SurfaceDown`; nothing else leaves this module. The
client keeps the limits of each route, waits where Discord asks for it, and repeats what broke off: a message that may
exist already is known again by its nonce.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import aiohttp
import discord
from discord.http import Route

from bot.discord.payload import Payload, parts
from bot.surface import SurfaceDown, SurfaceRefused

logger = logging.getLogger(__name__)

UNKNOWN_CHANNEL = 10003
UNKNOWN_MESSAGE = 10008
UNKNOWN_EMOJI = 10014
UNKNOWN_WEBHOOK = 10015
UNKNOWN_INTERACTION = 10062
TOO_LARGE = 40005
ALREADY_ANSWERED = 40060
NO_ACCESS = 50001
NO_DIRECT_MESSAGES = 50007
WRITES_NOT_HERE = 50008
MISSING_PERMISSIONS = 50013
WRONG_CHANNEL_TYPE = 50024
ARCHIVED = 50083
THREAD_EXISTS = 160004
LOCKED = 160005
THREADS_FULL = 160006

_PASSING = frozenset({30046, 40062, 130000})
"""Limits and overload that Discord tells with a code; whatever the status, they pass."""
_SIGNED_OUT = "Discord no longer accepts Gofer's token: make a new one on the page Bot of the application."
_SENTENCES: Mapping[int, str] = {
    10003: "This channel or thread is gone.",
    10004: "Gofer is no longer in this server: invite it again.",
    10007: "This person is not in the server.",
    10008: "The message is gone.",
    10013: "Discord does not know this person.",
    10015: "Discord does not know this click any more: click again.",
    10062: "Discord does not know this click any more: click again.",
    20028: "Discord lets nobody write in this channel so often: try again later.",
    40005: "This is too big for Discord.",
    50001: "Gofer cannot see this channel: give it the right View Channel there.",
    50007: "This person takes no direct messages from Gofer: they can allow them in the server's privacy settings.",
    50008: "Nobody can write in this kind of channel: use another one.",
    50013: "Gofer lacks a right in this channel: an admin of the server can give it Send Messages, "
    "Send Messages in Threads, Attach Files and Add Reactions there.",
    50024: "Discord does not have this in this kind of channel: use another one.",
    50083: "This thread is archived and Gofer may not open it again: write in it once.",
    90001: "This person has blocked Gofer, so it cannot react to what they write.",
    160005: "A moderator has locked this thread: go on in another one.",
    160006: "This server has as many open threads as Discord allows: archive some.",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Gofer as Discord knows it."""

    user_id: str
    application_id: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Body:
    """A file that goes along with a call. It is sent as `name`, which `attachment://` refers to."""

    name: str
    data: bytes
    description: str = ""


class DiscordRefused(SurfaceRefused):
    """Discord said no for good. `code`: its number for it, 0 where it gave none; `what`: the method and route."""

    def __init__(self, what: str, status: int, code: int, said: str = "") -> None:
        super().__init__(_sentence(what, status, code, said))
        self.what, self.status, self.code = what, status, code


class Web:
    """The calls of one application."""

    def __init__(self, client: discord.Client) -> None:
        self.client = client

    async def call(
        self,
        method: str,
        path: str,
        ids: Mapping[str, str] | None = None,
        *,
        json: Payload | None = None,
        params: Mapping[str, Any] | None = None,
        files: Sequence[Body] = (),
    ) -> Any:
        """One call. `path` has the names of `ids` in braces: `/channels/{channel_id}`. Files go along with `json`,
        whose `attachments` are written here. Raises `DiscordRefused`, `SurfaceDown`."""
        what = f"{method} {path}"
        if self.client.is_closed():
            raise SurfaceDown("Gofer is stopping.")
        if not self.client.http.token:
            raise SurfaceDown("Gofer has not reached Discord yet.")
        route = Route(method, path, **(ids or {}))
        given: dict[str, Any] = _multipart(json or {}, files) if files else {} if json is None else {"json": json}
        if params is not None:
            given["params"] = {name: str(value) for name, value in params.items()}
        try:
            return await self.client.http.request(route, **given)
        except discord.RateLimited as error:
            raise SurfaceDown(f"Discord asks for patience ({what}).", retry_after_s=error.retry_after) from error
        except discord.HTTPException as error:
            raise _meaning(what, error) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SurfaceDown(f"Discord cannot be reached ({what}: {type(error).__name__}).") from error

    async def one(self, method: str, path: str, ids: Mapping[str, str] | None = None, **more: Any) -> Payload:
        """A call whose answer is an object."""
        answer = await self.call(method, path, ids, **more)
        return cast(Payload, answer) if isinstance(answer, dict) else {}

    async def many(
        self, method: str, path: str, ids: Mapping[str, str] | None = None, **more: Any
    ) -> tuple[Payload, ...]:
        """A call whose answer is a list of objects."""
        return parts({"all": await self.call(method, path, ids, **more)}, "all")


def _multipart(body: Payload, files: Sequence[Body]) -> dict[str, Any]:
    declared = [
        {"id": number, "filename": file.name, **({"description": file.description} if file.description else {})}
        for number, file in enumerate(files)
    ]
    form: list[dict[str, Any]] = [
        {"name": "payload_json", "value": json.dumps({**body, "attachments": declared}, ensure_ascii=False)}
    ]
    opened = [discord.File(io.BytesIO(file.data), filename=file.name) for file in files]
    form += [
        {
            "name": f"files[{number}]",
            "value": file.fp,
            "filename": file.filename,
            "content_type": "application/octet-stream",
        }
        for number, file in enumerate(opened)
    ]
    return {"form": form, "files": opened}


def _meaning(what: str, error: discord.HTTPException) -> DiscordRefused | SurfaceDown:
    if error.status == 429:
        header = error.response.headers.get("Retry-After", "")
        wait_s = float(header) if header.replace(".", "", 1).isdecimal() else None
        return SurfaceDown(f"Discord asks for patience ({what}).", retry_after_s=wait_s)
    if error.status >= 500 or error.code in _PASSING:
        return SurfaceDown(f"Discord cannot do this now ({what}: {error.code or f'HTTP {error.status}'}).")
    code = TOO_LARGE if error.status == 413 else error.code
    logger.info("discord said no", extra={"action": "discord_refused", "what": what, "code": code})
    return DiscordRefused(what, error.status, code, error.text)


def _sentence(what: str, status: int, code: int, said: str) -> str:
    if status == 401:
        return _SIGNED_OUT
    known = _SENTENCES.get(code)
    return known or f"Discord refuses this ({what}: {code or status}{f', {said[:200]}' if said else ''})."
