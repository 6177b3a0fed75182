"""Interactions: answered within three seconds, after they were stored; over the gateway and over HTTP alike.

Discord takes one answer to each. A click that changes nothing visible is answered with nothing, a command with a
private "thinking…". One that may open a dialog is left open for it, because a dialog is an answer, too: whoever opens
it answers by that, and if nothing has for two seconds, it is answered like the others. Autocomplete is answered on the
spot and never stored.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agent.domain.errors import UserFacing
from bot.cards import Token, Verb
from bot.discord.arrivals import AUTOCOMPLETE, COMMAND, MODAL, kind_of_interaction
from bot.discord.commands import PROMPT
from bot.discord.components import EPHEMERAL
from bot.discord.payload import Payload, number, part, parts, snowflake, text
from bot.discord.triggers import Interaction, Kind
from bot.discord.web import ALREADY_ANSWERED, UNKNOWN_INTERACTION, DiscordRefused, Web
from bot.surface import SurfaceDown

logger = logging.getLogger(__name__)

PATH = "/discord/interactions"
"""Where Discord posts interactions, when it is told this address of ours."""
PONG = 1
NOTHING = 6
"""Answers a click: what was clicked stays as it is."""
THINKING = 5
"""Answers a command: "thinking…", to be filled in."""
CHOICES = 8
LOADING = 1 << 7
"""The flag of a message that is only "thinking…" so far."""
LEFT_OPEN_S = 2.0
"""How long a dialog may take to open."""
ANSWER_S = 3.0
"""Discord forgets what was not answered by then."""
CHOICES_S = 2.5
MOST_CHOICES = 25
_PING = 1
_DIALOGS = frozenset({Verb.FORM, Verb.STEER, Verb.CHANGE, Verb.NEW})

Suggest = Callable[[Payload], Awaitable[Sequence[tuple[str, str]]]]
"""What may be meant by what is being typed: labels with their values."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What Discord gets over HTTP."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str = ""


class Visit(Protocol):
    """A request as the web server passes it on."""

    @property
    def body(self) -> bytes: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


class Answering:
    """Answers interactions in time. One per application."""

    def __init__(self, web: Web, sleep: Callable[[float], Coroutine[Any, Any, None]], suggest: Suggest) -> None:
        self._web, self._sleep, self._suggest = web, sleep, suggest
        self._open: set[asyncio.Task[None]] = set()

    async def acknowledge(self, payload: Payload) -> None:
        """Answer an interaction that was stored, or one that means nothing to us. Never raises for what Discord says:
        who clicked sees whether it came through."""
        if kind_of_interaction(payload) is None or not opens_dialog(payload):
            await self._answer(payload, _plain_answer(payload))
            return
        waiting = asyncio.create_task(self._answer_late(payload))
        self._open.add(waiting)
        waiting.add_done_callback(self._open.discard)

    async def complete(self, payload: Payload) -> None:
        """Answer what is asked while somebody types."""
        choices: Sequence[tuple[str, str]] = ()
        try:
            async with asyncio.timeout(CHOICES_S):
                choices = await self._suggest(payload)
        except UserFacing:
            pass  # somebody without access is told when they send it
        except (TimeoutError, SurfaceDown) as error:
            logger.warning("no suggestions in time: %s", error, extra={"action": "autocomplete_late"})
        shown = [{"name": label[:100] or "–", "value": value[:100]} for label, value in choices[:MOST_CHOICES]]
        await self._answer(payload, {"type": CHOICES, "data": {"choices": shown}})

    async def clear_up(self, interaction: Interaction) -> None:
        """Take away the "thinking…" of a command that left nothing to say: its thread shows what comes of it."""
        if interaction.kind != "command":
            return
        path = "/webhooks/{webhook_id}/{webhook_token}/messages/@original"
        ids = {"webhook_id": interaction.application_id, "webhook_token": interaction.token}
        try:
            if number(await self._web.one("GET", path, ids), "flags") & LOADING:
                await self._web.call("DELETE", path, ids)
        except DiscordRefused as error:
            logger.info("nothing to clear up: %s", error, extra={"action": "clear_up_refused"})
        except SurfaceDown as error:
            logger.warning("cannot clear up: %s", error, extra={"action": "clear_up_failed"})

    async def close(self) -> None:
        """Leave nothing open behind."""
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _answer_late(self, payload: Payload) -> None:
        await self._sleep(LEFT_OPEN_S)
        await self._answer(payload, _plain_answer(payload), late=True)

    async def _answer(self, payload: Payload, answer: Mapping[str, Any], *, late: bool = False) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                # By these names the library gives each interaction a queue of its own, as Discord does.
                await self._web.call(
                    "POST",
                    "/interactions/{webhook_id}/{webhook_token}/callback",
                    {"webhook_id": snowflake(payload, "id"), "webhook_token": text(payload, "token")},
                    json=answer,
                )
        except DiscordRefused as error:
            expected = {ALREADY_ANSWERED, UNKNOWN_INTERACTION} if late else {ALREADY_ANSWERED}
            if error.code not in expected:
                logger.warning("cannot answer a click: %s", error, extra={"action": "answer_refused"})
        except (SurfaceDown, TimeoutError) as error:
            logger.warning("cannot answer a click: %s", error, extra={"action": "answer_failed"})


class HttpDoor:
    """Interactions as Discord posts them to us, signed."""

    def __init__(self, public_key: str, take: Callable[[Payload], Awaitable[None]]) -> None:
        """`take` stores and answers an interaction; what it raises means that it was not stored."""
        self._key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        self._take = take

    async def handle(self, visit: Visit) -> Reply:
        """One request. What is not signed by Discord is refused, and Discord tests that we do."""
        known = {name.lower(): value for name, value in visit.headers.items()}
        if not self._signed(visit.body, known):
            return Reply(401, body="not signed by Discord")
        try:
            payload = json.loads(visit.body)
        except ValueError:
            return Reply(400)
        if not isinstance(payload, dict):
            return Reply(400)
        if number(cast(Payload, payload), "type") == _PING:
            return Reply(200, {"content-type": "application/json"}, json.dumps({"type": PONG}))
        try:
            await self._take(cast(Payload, payload))
        except Exception:
            logger.exception("An interaction could not be stored")
            return Reply(503)
        return Reply(202)  # answered by a call of ours, as over the gateway

    def _signed(self, body: bytes, headers: Mapping[str, str]) -> bool:
        timestamp, signature = headers.get("x-signature-timestamp", ""), headers.get("x-signature-ed25519", "")
        try:
            self._key.verify(bytes.fromhex(signature), timestamp.encode() + body)
        except (InvalidSignature, ValueError):
            return False
        return True


def is_autocomplete(payload: Payload) -> bool:
    """Whether somebody is still typing."""
    return number(payload, "type") == AUTOCOMPLETE


def opens_dialog(payload: Payload) -> bool:
    """Whether this may be answered with a dialog: a button that needs words, or `/task new` without any."""
    match kind_of_interaction(payload):
        case "click":
            token = Token.parse(text(payload, "data", "custom_id"))
            return token is not None and token.verb in _DIALOGS and not token.confirm
        case "command":
            return is_empty_task(payload)
        case _:
            return False


def is_empty_task(payload: Payload) -> bool:
    """`/task new` with nothing to do."""
    data = part(payload, "data")
    none: Payload = {}
    subcommand = next(iter(parts(data, "options")), none)
    if text(data, "name") != "task" or text(subcommand, "name") != "new":
        return False
    return not any(text(option, "name") == PROMPT for option in parts(subcommand, "options"))


def interaction_of(payload: Payload) -> Interaction:
    """What an answer to it needs. A dialog that a command opened is answered like a command."""
    kind: Kind = "component"
    if _by_command(payload):
        kind = "command"
    elif kind_of_interaction(payload) == "form":
        kind = "modal"
    return Interaction(snowflake(payload, "id"), text(payload, "token"), snowflake(payload, "application_id"), kind)


def _plain_answer(payload: Payload) -> Mapping[str, Any]:
    return {"type": THINKING, "data": {"flags": EPHEMERAL}} if _by_command(payload) else {"type": NOTHING}


def _by_command(payload: Payload) -> bool:
    """A command, or the dialog that one opened: there is no message to leave as it is."""
    return number(payload, "type") == COMMAND or (number(payload, "type") == MODAL and not part(payload, "message"))
