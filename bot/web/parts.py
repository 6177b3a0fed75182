"""What the web surface is made of, and who is behind a request."""

from __future__ import annotations

import asyncio
import hmac
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.requests import Request

from agent.domain.errors import NotAllowed
from agent.domain.events import Live
from agent.domain.people import TERMINAL, Actor
from agent.service import Service
from bot.desk import Desk
from bot.web.html import Html
from bot.web.meters import Meters
from bot.web.problems import NotSignedIn
from bot.web.sessions import Sessions
from bot.web.signing import Signer

CSRF_HEADER = "x-gofer"
"""Other sites cannot send it along with the cookie without asking first, and nobody answers them."""
_SAFE = frozenset({"GET", "HEAD"})

Subscribe = Callable[[str], AsyncIterator[Live]]
"""Live pieces of a task, for callers that have checked the actor's rights."""


class Bell:
    """Tells open pages that a task was started in their thread, by a request to this process."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def ring(self, thread_id: str) -> None:
        """A new task is there."""
        for event in self._waiting.get(thread_id, ()):
            event.set()

    def listen(self, thread_id: str) -> asyncio.Event:
        """An event that every ring sets; give it back with `leave`."""
        event = asyncio.Event()
        self._waiting[thread_id].add(event)
        return event

    def leave(self, thread_id: str, event: asyncio.Event) -> None:
        """Stop listening."""
        self._waiting[thread_id].discard(event)
        if not self._waiting[thread_id]:
            del self._waiting[thread_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """Everything the handlers share."""

    service: Service
    desk: Desk
    sessions: Sessions
    signer: Signer
    html: Html
    live: Subscribe
    ready: Callable[[], bool]
    model: str
    sandbox: Callable[[], str]
    api_token: str | None
    public_url: str
    meters: Meters
    bell: Bell = field(default_factory=Bell)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set before the server stops: event streams end, so that it need not wait for them."""

    def known(self, request: Request) -> Actor | None:
        """Who sent this, by bearer token or session cookie; None: nobody we know."""
        if authorization := request.headers.get("authorization"):
            scheme, _, token = authorization.partition(" ")
            good = self.api_token is not None and hmac.compare_digest(
                token.strip().encode("utf-8", "replace"), self.api_token.encode("utf-8")
            )
            return TERMINAL if good and scheme.lower() == "bearer" else None
        return self.sessions.actor(request.cookies.get(self.sessions.cookie, ""))

    def visitor(self, request: Request) -> Actor:
        """As `known`, for handlers that need somebody. Raises `NotSignedIn`, and `NotAllowed` for forged requests."""
        actor = self.known(request)
        if actor is None:
            raise NotSignedIn(
                "You are not signed in here.",
                next_step="Open the link that `gofer serve` printed, or ask for one in your chat: `/gofer connectors`.",
            )
        if request.method not in _SAFE and actor != TERMINAL:
            self.check_own_page(request)
        return actor

    def check_own_page(self, request: Request, *, header: bool = True) -> None:
        """Raises `NotAllowed` unless one of our own pages sent this. `header`: its script did, with our header.

        Ports count: another program of this machine is the same site to a browser, so the cookie comes along.
        """
        headers = request.headers
        origin = headers.get("origin")
        own = {headers.get("host", "").lower(), urlsplit(self.public_url).netloc.lower()}
        foreign = origin is not None and origin.partition("://")[2].lower() not in own - {""}
        if foreign or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise NotAllowed("This came from another site.", next_step="Do it on Gofer's own page.")
        if header and CSRF_HEADER not in headers:
            raise NotAllowed("The header X-Gofer is missing.", next_step="Send `X-Gofer: 1` with every change.")
