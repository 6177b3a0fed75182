"""Interactions on their way to the app: over the gateway or, signed, to its own address; and what it answers."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from simcord import interactions as building
from simcord.backend.errors import BackendError
from simcord.backend.models import Interaction
from simcord.http.router import dispatch

if TYPE_CHECKING:
    from tests.fakes.discord.fake import DiscordFake

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5


class NotAnswered(Exception):
    """Discord tells the person that the application did not respond."""


class Interactions:
    """Builds interactions, hands them over and waits for the answer."""

    def __init__(self, fake: DiscordFake) -> None:
        self._fake = fake
        self._key = Ed25519PrivateKey.generate()
        self.url = ""
        """Where the app takes interactions over HTTP; empty: over the gateway."""
        self.ack_timeout_s = 3.0
        self.sent: list[dict[str, Any]] = []

    @property
    def public_key(self) -> str:
        return self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    def begin(
        self,
        kind: int,
        *,
        channel_id: int,
        user_id: int,
        data: dict[str, Any],
        message: Mapping[str, Any] | None = None,
        source_message_id: int | None = None,
    ) -> tuple[Interaction, dict[str, Any]]:
        """An interaction and what the app is told of it."""
        backend = self._fake.world.backend
        guild_id = backend.get_channel(channel_id).guild_id
        record, payload = building.base_payload(
            backend, type=kind, channel_id=channel_id, guild_id=guild_id, user_id=user_id, data=data
        )
        del backend.interaction_tokens[record.token]
        record.token = payload["token"] = f"aW50ZXJhY3Rpb24{record.id}{'x' * 160}"
        backend.interaction_tokens[record.token] = record.id
        record.source_message_id = source_message_id
        payload["attachment_size_limit"] = self._fake.world.upload_bytes
        if message is not None:
            payload["message"] = dict(message)
        return record, payload

    async def send(self, record: Interaction, payload: dict[str, Any]) -> Interaction:
        """Hand it over; the record once it is answered. Raises `NotAnswered` after three seconds."""
        self.sent.append(payload)
        if self.url:
            await self._post(record, payload)
        else:
            self._fake.world.backend.emit("INTERACTION_CREATE", payload)
        try:
            await self._fake.wait_for(lambda: record.responded, timeout=self.ack_timeout_s)
        except AssertionError as error:
            if self._fake.problems:
                raise
            record.initial_response_deadline = self._fake.world.backend.now_iso()
            raise NotAnswered(f"the application did not respond: {payload['data']}") from error
        return record

    def again(self, payload: dict[str, Any]) -> None:
        """Tell of an interaction a second time, as after a resume."""
        self._fake.world.backend.emit("INTERACTION_CREATE", payload)

    async def post(self, payload: dict[str, Any], *, signed: bool = True) -> tuple[int, Any]:
        """One request to the app's address; its status and JSON."""
        body = json.dumps(payload).encode()
        moment = str(int(time.time())).encode()
        signature = self._key.sign(moment + body) if signed else bytes(64)
        headers = {
            "Content-Type": "application/json",
            "X-Signature-Ed25519": signature.hex(),
            "X-Signature-Timestamp": moment.decode(),
        }
        timeout = aiohttp.ClientTimeout(total=self.ack_timeout_s)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(self.url, data=body, headers=headers) as answer,
        ):
            text = await answer.text()
            return answer.status, json.loads(text) if text.strip().startswith("{") else None

    async def _post(self, record: Interaction, payload: dict[str, Any]) -> None:
        try:
            status, answer = await self.post(payload)
        except (TimeoutError, aiohttp.ClientError) as error:
            raise NotAnswered(f"the application was not there: {error!r}") from error
        if status not in (200, 202):
            raise NotAnswered(f"the application answered {status}")
        if not answer or record.responded:
            return
        try:
            dispatch(
                self._fake.world.backend, "POST", f"/interactions/{record.id}/{record.token}/callback", json=answer
            )
        except BackendError as refusal:
            self._fake.world.problem(f"the answer to an interaction is refused: {refusal}")
        self._fake.world.changed()
