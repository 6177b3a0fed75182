"""Who is signed in: one-time links, and sessions that survive a restart."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from agent.domain.people import WEB_OWNER, Actor

logger = logging.getLogger(__name__)

LINK_LIFETIME = timedelta(days=1)
SESSION_LIFETIME = timedelta(days=30)
KEPT = 200
"""Newest sessions kept; older ones have to sign in again."""


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


@dataclass(slots=True)
class _Stored:
    key: bytes
    sessions: dict[str, datetime] = field(default_factory=dict[str, datetime])
    """sha256 of the session's token → when it ends."""


class Sessions:
    """Sign-in links (in memory: they are printed anew at each start) and sessions (a small file, hashes only)."""

    def __init__(self, file: Path, *, now: Callable[[], datetime] = utc_now) -> None:
        """`file` is made at the first need, mode 0600. One that cannot be read counts as empty, and says so."""
        self._file = file
        self._now = now
        self._stored = _read(file)
        self._links: dict[str, datetime] = {}
        self._writing = asyncio.Lock()  # guards the order of the file's versions

    @property
    def key(self) -> bytes:
        """Secret of this installation, for signed links."""
        return self._stored.key

    @property
    def cookie(self) -> str:
        """Name of the cookie. Cookies know no ports, so each installation has a name of its own."""
        return f"gofer_{hashlib.sha256(self._stored.key).hexdigest()[:8]}"

    @property
    def now(self) -> Callable[[], datetime]:
        """The clock in use."""
        return self._now

    def new_link(self) -> str:
        """The token of a fresh sign-in link: good once, for a day."""
        token = secrets.token_urlsafe(24)
        self._links[_hash(token)] = self._now() + LINK_LIFETIME
        return token

    async def sign_in(self, link_token: str) -> str | None:
        """Use up a link; returns the token of a new session. None: the link was used, is too old or not ours."""
        ends = self._links.pop(_hash(link_token), None)
        if ends is None or ends <= self._now():
            return None
        token = secrets.token_urlsafe(32)
        self._stored.sessions[_hash(token)] = self._now() + SESSION_LIFETIME
        await self._save()
        logger.info("signed in", extra={"action": "signed_in"})
        return token

    def actor(self, token: str) -> Actor | None:
        """Who holds this session; None: nobody (any more)."""
        ends = self._stored.sessions.get(_hash(token))
        return WEB_OWNER if ends is not None and ends > self._now() else None

    async def sign_out(self, token: str) -> None:
        """End a session."""
        if self._stored.sessions.pop(_hash(token), None) is not None:
            await self._save()

    async def prepare(self) -> None:
        """Write the file now, so that links signed today are good after a restart."""
        await self._save()

    async def _save(self) -> None:
        now = self._now()
        live = sorted((item for item in self._stored.sessions.items() if item[1] > now), key=lambda item: item[1])
        self._stored.sessions = dict(live[-KEPT:])
        async with self._writing:
            sessions = {digest: ends.isoformat() for digest, ends in self._stored.sessions.items()}
            text = json.dumps({"key": self._stored.key.hex(), "sessions": sessions})
            await asyncio.to_thread(_write, self._file, text)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _read(file: Path) -> _Stored:
    try:
        raw = cast(Mapping[str, Any], json.loads(file.read_text(encoding="utf-8")))
        sessions = {str(digest): datetime.fromisoformat(ends) for digest, ends in raw["sessions"].items()}
        return _Stored(bytes.fromhex(raw["key"]), sessions)
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        logger.warning("sessions unreadable, everybody signs in again", extra={"action": "sessions_lost"})
    return _Stored(secrets.token_bytes(32))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)
