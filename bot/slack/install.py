"""Installing Gofer in several workspaces, with OAuth: an option; by default it serves the one of SLACK_BOT_TOKEN.

Nothing is open. An installation begins with Gofer's owner, signed in on the web page, or with a link that the owner
passed on, good for one workspace. Slack's answer is taken only in the browser that began, once, within ten minutes.

Bolt has a flow for this. It is not used: it goes to Slack's own addresses whatever base URL is set, logs the code of
an exchange that failed, lets a lost connection to Slack through as a fault, and its stores keep tokens in plain text.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from agent.domain.errors import Refused
from bot.settings import Settings
from bot.slack.installations import Installation, Installations
from bot.slack.payload import Payload, flag, text
from bot.slack.scopes import SCOPES
from bot.slack.web import SlackRefused, ask, close_client, make_client
from bot.surface import SurfaceDown

INSTALL_PATH = "/slack/install"
REDIRECT_PATH = "/slack/oauth_redirect"
COOKIE = "gofer_slack_install"
STATE_LIFETIME = timedelta(minutes=10)
INVITATION_LIFETIME = timedelta(days=1)
MOST_TICKETS = 100
"""Of links that are not used yet, and of installations under way."""
_AUTHORIZE = "https://slack.com/oauth/v2/authorize"


class Visit(Protocol):
    """What a browser sent. `owner`: it is signed in on the web page as Gofer's owner."""

    @property
    def query(self) -> Mapping[str, str]: ...

    @property
    def cookies(self) -> Mapping[str, str]: ...

    @property
    def owner(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Page:
    """What it gets back: HTML."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class _Ticket:
    ends: datetime
    note: str


class _Tickets:
    """Random words that are good once, for a while. In memory: after a restart people begin again."""

    def __init__(self, now: Callable[[], datetime], lifetime: timedelta) -> None:
        self._now, self._lifetime = now, lifetime
        self._issued: dict[str, _Ticket] = {}

    def issue(self, note: str = "") -> str:
        """A new one. The oldest makes room for it."""
        while len(self._issued) >= MOST_TICKETS:
            del self._issued[next(iter(self._issued))]
        word = secrets.token_urlsafe(24)
        self._issued[word] = _Ticket(self._now() + self._lifetime, note)
        return word

    def is_good(self, word: str) -> bool:
        """Whether `take` would give something."""
        ticket = self._issued.get(word)
        return ticket is not None and ticket.ends > self._now()

    def take(self, word: str) -> _Ticket | None:
        """Use it up. None: not ours, used before, or too old."""
        good = self.is_good(word)
        ticket = self._issued.pop(word, None)
        return ticket if good else None

    def give_back(self, word: str, ticket: _Ticket) -> None:
        """Nothing came of it: it is good again, until its old end."""
        self._issued[word] = ticket


class Installer:
    """The two pages. Both are GET requests; the web surface routes them here and says who is signed in."""

    def __init__(
        self,
        installations: Installations,
        *,
        client_id: str,
        client_secret: str,
        public_url: str,
        api_url: str = "",
        now: Callable[[], datetime] | None = None,
        installed: Callable[[Installation], Awaitable[None]] | None = None,
    ) -> None:
        """`installed` is told of each new installation after it was stored, also of one that replaces another."""
        self._installations = installations
        self._client_id, self._client_secret = client_id, client_secret
        self._base = public_url.rstrip("/")
        self._api_url = api_url
        self._now = now or (lambda: datetime.now(UTC))
        self._installed = installed
        self._states = _Tickets(self._now, STATE_LIFETIME)
        self._invitations = _Tickets(self._now, INVITATION_LIFETIME)

    def new_invitation(self) -> str:
        """A link for somebody who may install apps in their workspace: good for one installation, for a day."""
        return f"{self._base}{INSTALL_PATH}?{urlencode({'invitation': self._invitations.issue()})}"

    async def begin(self, visit: Visit) -> Page:
        """The page at `INSTALL_PATH`: leads to Slack, and gives the owner a link to pass on."""
        invitation = visit.query.get("invitation", "")
        invited = self._invitations.is_good(invitation)
        if not invited and not visit.owner:
            return _page(403, "This link is not valid any more.", "Ask whoever runs Gofer for a new one.")
        state = self._states.issue(invitation if invited else "")
        lines = ["You choose the workspace on Slack's page. It may need an admin's approval there."]
        if visit.owner:
            link = self.new_invitation()
            lines.append(f"For a workspace of somebody else, pass on this link. It is good once, for a day: {link}")
        to_slack = ("Go on to Slack", self._authorize_url(state))
        page = _page(200, "Add Gofer to a Slack workspace", *lines, way_on=to_slack)
        return _with_cookie(page, self._cookie(state, int(STATE_LIFETIME.total_seconds())))

    async def finish(self, visit: Visit) -> Page:
        """The page at `REDIRECT_PATH`, to which Slack sends the browser back."""
        page = await self._finish(visit)
        return _with_cookie(page, self._cookie("", 0))

    async def _finish(self, visit: Visit) -> Page:
        state, cookie = visit.query.get("state", ""), visit.cookies.get(COOKIE, "")
        # Compared first: another browser must not end what this one began.
        same = hmac.compare_digest(state.encode("utf-8", "replace"), cookie.encode("utf-8", "replace"))
        begun = self._states.take(state) if same else None
        if begun is None:
            return _page(
                400,
                "This installation was not begun here, or took longer than ten minutes.",
                "Open the link again, in this browser.",
            )
        code = visit.query.get("code", "")
        if not code:
            reason = visit.query.get("error", "no code")
            said = "You cancelled it." if reason == "access_denied" else f"Slack said no: {reason}."
            return _page(400, said, "Open the link again when you want to go on.")
        invitation = self._invitations.take(begun.note)
        if begun.note and invitation is None:
            return _page(403, "This link was used already.", "Ask whoever runs Gofer for a new one.")
        try:
            installation = await self._exchange(code)
        except (Refused, SlackRefused, SurfaceDown) as error:
            if invitation is not None:
                self._invitations.give_back(begun.note, invitation)
            return _failed(error)
        await self._installations.put(installation)
        if self._installed is not None:
            await self._installed(installation)
        return _page(
            200,
            f"Gofer is now in {installation.name or installation.team_id}.",
            "Write it a direct message in Slack, or invite it to a channel with /invite @Gofer.",
        )

    async def _exchange(self, code: str) -> Installation:
        """The installation behind Slack's code. Raises `Refused` for kinds that Gofer does not serve."""
        answer = await self._ask(
            "",
            "oauth.v2.access",
            client_id=self._client_id,
            client_secret=self._client_secret,
            code=code,
            redirect_uri=self._base + REDIRECT_PATH,
        )
        if flag(answer, "is_enterprise_install") or not text(answer, "team", "id"):
            raise Refused(
                "Gofer was installed for a whole organisation, which it does not serve.",
                next_step="Remove it in the organisation's settings, then choose one workspace on Slack's page.",
            )
        if "refresh_token" in answer or "expires_in" in answer:
            raise Refused(
                "Token rotation is on for this Slack app; Gofer does not renew tokens.",
                next_step="Slack cannot turn it off again: create a new app from the manifest.",
            )
        token = text(answer, "access_token")
        known = await self._ask(token, "auth.test")
        if text(known, "team_id") != text(answer, "team", "id"):
            raise Refused("Slack gave a token of another workspace.", next_step="Open the link again.")
        return Installation(
            team_id=text(known, "team_id"),
            name=text(answer, "team", "name"),
            bot_token=token,
            bot_user_id=text(known, "user_id"),
            bot_id=text(known, "bot_id"),
            app_id=text(answer, "app_id"),
            scopes=tuple(scope for scope in text(answer, "scope").split(",") if scope),
            url=text(known, "url"),
            installed_by=text(answer, "authed_user", "id"),
            at=self._now(),
        )

    async def _ask(self, token: str, method: str, **arguments: str) -> Payload:
        client = make_client(token, self._api_url)
        try:
            return await ask(client, method, **arguments)
        finally:
            await close_client(client)

    def _authorize_url(self, state: str) -> str:
        # Beside another Web API (a test's), the page is at the same place below that address's root.
        api = urlsplit(self._api_url)
        page = f"{api.scheme}://{api.netloc}{urlsplit(_AUTHORIZE).path}" if self._api_url else _AUTHORIZE
        fields = {
            "client_id": self._client_id,
            "scope": ",".join(SCOPES),
            "redirect_uri": self._base + REDIRECT_PATH,
            "state": state,
        }
        return f"{page}?{urlencode(fields)}"

    def _cookie(self, state: str, max_age_s: int) -> str:
        # Lax, not Strict: it has to come along when Slack sends the browser back.
        secure = "; Secure" if self._base.startswith("https://") else ""
        return f"{COOKIE}={state}; Max-Age={max_age_s}; Path=/slack/; HttpOnly; SameSite=Lax{secure}"


def check_settings(settings: Settings) -> None:
    """Raises `Refused` for settings with which people cannot install Gofer in their workspaces."""
    if not settings.slack_client_id or not settings.slack_client_secret.get_secret_value():
        raise Refused(
            "SLACK_CLIENT_ID and SLACK_CLIENT_SECRET belong together.",
            next_step="Set both: api.slack.com/apps → your app → Basic Information → App Credentials.",
        )
    url = urlsplit(settings.public_url)
    if url.scheme != "https" and url.hostname not in ("localhost", "127.0.0.1"):
        raise Refused(
            "Installing in several Slack workspaces needs GOFER_PUBLIC_URL with https: Slack sends browsers there.",
            next_step="Set it, or use SLACK_BOT_TOKEN for one workspace.",
        )
    if not settings.database.startswith("sqlite"):
        raise Refused(
            "Several Slack workspaces work with SQLite only so far: their tokens are in one machine's data folder.",
            next_step="Use SLACK_BOT_TOKEN for one workspace, or leave GOFER_DATABASE_URL empty.",
        )


def open_installer(
    settings: Settings,
    installations: Installations,
    installed: Callable[[Installation], Awaitable[None]] | None = None,
) -> Installer:
    """The installer of these settings; raises as `check_settings`."""
    check_settings(settings)
    return Installer(
        installations,
        client_id=settings.slack_client_id,
        client_secret=settings.slack_client_secret.get_secret_value(),
        public_url=settings.public_url,
        api_url=settings.slack_api_url,
        installed=installed,
    )


def _failed(error: Refused | SlackRefused | SurfaceDown) -> Page:
    match error:
        case Refused():
            return _page(400, error.message, error.next_step)
        case SlackRefused():
            return _page(502, f"Slack did not accept the installation: {error.error}.", "Open the link again.")
        case SurfaceDown():
            return _page(502, "Slack could not be reached.", "Open the link again in a minute.")


def _page(status: int, title: str, *lines: str, way_on: tuple[str, str] | None = None) -> Page:
    said = "".join(f"<p>{escape(line)}</p>" for line in lines if line)
    link = f'<p><a class="button" href="{escape(way_on[1])}">{escape(way_on[0])}</a></p>' if way_on else ""
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Gofer</title>'
        '<link rel="stylesheet" href="/static/gofer.css"></head>'
        f'<body class="plainpage"><main><h1>{escape(title)}</h1>{said}{link}</main></body></html>'
    )
    return Page(status, {"content-type": "text/html; charset=utf-8", "cache-control": "no-store"}, body)


def _with_cookie(page: Page, cookie: str) -> Page:
    return Page(page.status, {**page.headers, "set-cookie": cookie}, page.body)
