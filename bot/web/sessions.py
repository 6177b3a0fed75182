"""Who is signed in: one-time links, and sessions that survive a restart.

The owner's links are printed by `gofer serve`. A person of a chat gets theirs in private there, and acts here as who
they are there: `slack:T1:U2`. What they may is looked up at each use; but what they are to their workspace (still a
member, a guest?) a browser cannot show, so it counts as of the click that made the link, and the session ends after
hours.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from agent.domain.errors import Bug
from agent.domain.people import LOCAL, SYSTEM, WEB_OWNER, Actor, Standing

logger = logging.getLogger(__name__)

LINK_LIFETIME = timedelta(days=1)
SESSION_LIFETIME = timedelta(days=30)
PERSON_LINK_LIFETIME = timedelta(minutes=15)
PERSON_SESSION_LIFETIME = timedelta(hours=12)
KEPT = 200
"""Newest sessions of the owner kept; older ones have to sign in again."""
KEPT_OF_PERSON = 5
"""The same for one person of a chat."""


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Pass:
    """A link or a session: who it is for, and when it ends."""

    actor: Actor
    ends: datetime


@dataclass(slots=True)
class _Stored:
    key: bytes
    sessions: dict[str, _Pass] = field(default_factory=dict[str, _Pass])
    """By the sha256 of the session's token."""


class Sessions:
    """Sign-in links (in memory: the owner's is printed anew at each start, a person of a chat asks for another one) and
    sessions (a small file, hashes only)."""

    def __init__(self, file: Path, *, now: Callable[[], datetime] = utc_now) -> None:
        """`file` is made at the first need, mode 0600. One that cannot be read counts as empty, and says so."""
        self._file = file
        self._now = now
        self._stored = _read(file)
        self._links: dict[str, _Pass] = {}
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
        """The token of a fresh sign-in link of the owner: good once, for a day."""
        return self._new_link(WEB_OWNER, LINK_LIFETIME)

    def new_link_for(self, actor: Actor) -> str:
        """The token of a link that signs this person of a chat in: good once, for 15 minutes, and the one before no
        more. For callers that have looked up that they may. Raises `Bug` for the local account and Gofer itself."""
        if actor.person_id in LOCAL or actor.person_id == SYSTEM.person_id:
            raise Bug(f"{actor.person_id} is no person of a chat")
        self._links = {digest: link for digest, link in self._links.items() if link.actor.person_id != actor.person_id}
        # Where they acted and their groups are facts of that act; a browser is in no channel.
        return self._new_link(Actor(actor.person_id, actor.name, standing=actor.standing), PERSON_LINK_LIFETIME)

    def offered(self, link_token: str) -> Actor | None:
        """Whom a link would sign in, without using it up. None: it was used, is too old or not ours."""
        link = self._links.get(_hash(link_token))
        return link.actor if link is not None and link.ends > self._now() else None

    async def sign_in(self, link_token: str) -> str | None:
        """Use up a link; returns the token of a new session. None: the link was used, is too old or not ours."""
        link = self._links.pop(_hash(link_token), None)
        if link is None or link.ends <= self._now():
            return None
        token = secrets.token_urlsafe(32)
        self._stored.sessions[_hash(token)] = _Pass(link.actor, self._now() + session_lifetime(link.actor))
        await self._save()
        logger.info("signed in", extra={"action": "signed_in", "person_id": link.actor.person_id})
        return token

    def actor(self, token: str) -> Actor | None:
        """Who holds this session; None: nobody (any more)."""
        session = self._stored.sessions.get(_hash(token))
        return session.actor if session is not None and session.ends > self._now() else None

    async def sign_out(self, token: str) -> None:
        """End a session."""
        if self._stored.sessions.pop(_hash(token), None) is not None:
            await self._save()

    async def prepare(self) -> None:
        """Write the file now, so that links signed today are good after a restart."""
        await self._save()

    def _new_link(self, actor: Actor, lifetime: timedelta) -> str:
        token, now = secrets.token_urlsafe(24), self._now()
        self._links = {digest: link for digest, link in self._links.items() if link.ends > now}
        self._links[_hash(token)] = _Pass(actor, now + lifetime)
        return token

    async def _save(self) -> None:
        self._stored.sessions = _newest(self._stored.sessions, self._now())
        async with self._writing:
            await asyncio.to_thread(_write, self._file, _text(self._stored))


class PersonalLinks:
    """Addresses that sign people of chats in as themselves."""

    def __init__(self, sessions: Sessions, base_url: str) -> None:
        """`base_url`: where people reach the web chat, without a slash at the end."""
        self._sessions, self._base_url = sessions, base_url

    def __call__(self, actor: Actor) -> str:
        return f"{self._base_url}/signin?token={self._sessions.new_link_for(actor)}"


def session_lifetime(actor: Actor) -> timedelta:
    """How long a session of theirs is good."""
    return SESSION_LIFETIME if actor.person_id in LOCAL else PERSON_SESSION_LIFETIME


def _newest(sessions: Mapping[str, _Pass], now: datetime) -> dict[str, _Pass]:
    """Those that have not ended, of each person only the newest."""
    kept: dict[str, _Pass] = {}
    counted: Counter[str] = Counter()
    for digest, session in sorted(sessions.items(), key=lambda item: item[1].ends, reverse=True):
        counted[session.actor.person_id] += 1
        most = KEPT if session.actor.person_id in LOCAL else KEPT_OF_PERSON
        if session.ends > now and counted[session.actor.person_id] <= most:
            kept[digest] = session
    return kept


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _text(stored: _Stored) -> str:
    """The file. The owner's sessions stand apart, as they did before there were others."""
    owner: dict[str, str] = {}
    people: dict[str, dict[str, str]] = {}
    for digest, session in stored.sessions.items():
        actor, ends = session.actor, session.ends.isoformat()
        if actor == WEB_OWNER:
            owner[digest] = ends
        else:
            facts = {"person_id": actor.person_id, "name": actor.name, "standing": actor.standing.value}
            people[digest] = {"ends": ends, **facts}
    return json.dumps({"key": stored.key.hex(), "sessions": owner, "people": people})


def _read(file: Path) -> _Stored:
    try:
        raw = cast(Mapping[str, Any], json.loads(file.read_text(encoding="utf-8")))
        sessions = {str(d): _Pass(WEB_OWNER, datetime.fromisoformat(ends)) for d, ends in raw["sessions"].items()}
        for digest, one in raw.get("people", {}).items():
            actor = Actor(str(one["person_id"]), str(one["name"]), standing=Standing(one["standing"]))
            sessions[str(digest)] = _Pass(actor, datetime.fromisoformat(one["ends"]))
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
