"""Tokens that prove who made them: for links to files and receipts of uploads."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, cast

Purpose = Literal["file", "shared", "upload"]
_DAY_S = 86_400


class Signer:
    """Seals a few fields into URL-safe text with an expiry, and opens it again."""

    def __init__(self, key: bytes, now: Callable[[], datetime]) -> None:
        self._key = key
        self._now = now

    def seal(self, purpose: Purpose, fields: Mapping[str, str | int], *, lifetime: timedelta) -> str:
        """Text that `open` reads for the same purpose until `lifetime` is over.

        The end is rounded up to a whole day, so that the same fields give the same text all day and browsers can
        keep what a link led to.
        """
        ends = int((self._now() + lifetime).timestamp()) // _DAY_S * _DAY_S + _DAY_S
        body = json.dumps([ends, fields], sort_keys=True, separators=(",", ":")).encode("ascii")
        return f"{_text(body)}.{_text(self._mac(purpose, body))}"

    def open(self, purpose: Purpose, token: str) -> Mapping[str, Any] | None:
        """The fields; None: not ours, for another purpose, or too old."""
        body_text, _, mac_text = token.partition(".")
        try:
            body, mac = _bytes(body_text), _bytes(mac_text)
        except (binascii.Error, ValueError):
            return None
        if not hmac.compare_digest(mac, self._mac(purpose, body)):
            return None
        ends, fields = cast(tuple[int, Mapping[str, Any]], json.loads(body))
        return fields if ends > self._now().timestamp() else None

    def _mac(self, purpose: Purpose, body: bytes) -> bytes:
        return hmac.digest(self._key, purpose.encode("ascii") + b"\0" + body, hashlib.sha256)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
