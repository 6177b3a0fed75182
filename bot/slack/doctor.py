"""What `gofer doctor` looks at in Slack, without changing anything there.

Which events an app is subscribed to cannot be asked of Slack; what has arrived so far stands in for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from agent.domain.errors import Refused
from bot.checks import Check, State, lost
from bot.settings import Settings
from bot.slack.install import INSTALL_PATH, check_settings
from bot.slack.installations import FOLDER, Installations
from bot.slack.payload import text
from bot.slack.reach import APP, AWAY, COPY_TOKEN, PASSING, Known, call, fault, http_checks, socket_checks
from bot.slack.scopes import SCOPES, missing
from bot.slack.vault import KEY_FILE, open_key

SKEW_S = 60
"""Slack's signatures are good for five minutes; a clock that is off by one goes on drifting."""
_NOWHERE = "C0000000000"
"""A channel that no workspace has: a call about it is refused for that reason only if it is allowed otherwise."""


async def examine(
    settings: Settings,
    heard: Mapping[str, datetime],
    given_up: Sequence[tuple[datetime, str]] = (),
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[Check]:
    """All checks of the way in that is configured. `heard`: the kinds of deliveries that arrived in the last 30 days,
    each with its last time. `given_up`: when some of them were not taken up for good, and why; newest first."""
    token, client_id = settings.slack_bot_token.get_secret_value(), settings.slack_client_id
    if not token and not client_id:
        return [Check("slack token", "fail", "SLACK_BOT_TOKEN is not set", COPY_TOKEN)]
    checks: list[Check] = []
    known: list[Known] = []
    try:
        tokens = {"": token} if token else await _installed(settings)
    except Refused as error:
        return [Check("slack install", "fail", error.message, error.next_step)]
    if not token:
        checks.append(_install_check(settings, len(tokens)))
    elif client_id:
        unused = "SLACK_BOT_TOKEN is set, so only its workspace is served and SLACK_CLIENT_ID is not used"
        checks.append(Check("slack install", "warn", unused, "Remove one of the two."))
    for where, bot_token in tokens.items():
        check, found = await _token(settings, where, bot_token)
        checks.append(check)
        if found is not None:
            known.append(found)
    checks += [_scopes(found, several=not token) for found in known]
    first = known[0] if known else None
    checks += await (socket_checks(settings, first) if settings.slack_mode == "socket" else http_checks(settings, now))
    checks.append(_events(heard))
    checks += lost("slack", given_up)
    checks.append(await _agent(settings, first))
    checks.append(_clock(first, now()))
    return checks


# -- tokens and scopes


async def _token(settings: Settings, where: str, token: str) -> tuple[Check, Known | None]:
    def check(state: State, detail: str, fix: str = "") -> Check:
        return Check("slack token", state, f"{where}: {detail}" if where else detail, fix)

    if not token.startswith("xoxb-"):
        swapped = " (this is the app-level token, which belongs into SLACK_APP_TOKEN)" if token[:5] == "xapp-" else ""
        return check("fail", f"SLACK_BOT_TOKEN does not begin with xoxb-{swapped}", COPY_TOKEN), None
    answer = await call(settings, token, "auth.test")
    if answer.error in PASSING:
        return check("warn", *AWAY), None
    if answer.error:
        return check("fail", *fault(answer.error)), None
    team, team_id = text(answer.data, "team"), text(answer.data, "team_id")
    found = Known(token, f"{team} ({team_id})", text(answer.data, "bot_id"), answer.headers)
    return Check("slack token", "ok", f"{found.workspace}, as @{text(answer.data, 'user')}"), found


def _scopes(found: Known, *, several: bool) -> Check:
    where = f"{found.workspace}: " if several else ""
    granted = found.headers.get("x-oauth-scopes", "")
    if not granted:
        return Check("slack scopes", "skip", f"{where}Slack did not say which ones the token has")
    lacking = missing(scope.strip() for scope in granted.split(","))
    if not lacking:
        return Check("slack scopes", "ok", f"{where}all {len(SCOPES)}")
    named = ", ".join(f"{scope} ({SCOPES[scope]})" for scope in lacking)
    again = "reinstall the app" if not several else f"install it there again at {INSTALL_PATH}"
    return Check(
        "slack scopes",
        "fail",
        f"{where}missing: {named}",
        f"{APP} → OAuth & Permissions → Bot Token Scopes: add them, then {again}.",
    )


async def _installed(settings: Settings) -> dict[str, str]:
    """Tokens by workspace. Makes no key and no folder."""
    if not (settings.home / FOLDER).is_dir():
        return {}
    stored = Installations(settings.home, open_key(settings.home, settings.secret_key.get_secret_value()))
    return {f"{i.name} ({i.team_id})": i.bot_token for i in await stored.all()}


def _install_check(settings: Settings, count: int) -> Check:
    try:
        check_settings(settings)
    except Refused as error:
        return Check("slack install", "fail", error.message, error.next_step)
    page = settings.public_url.rstrip("/") + INSTALL_PATH
    if not count:
        return Check("slack install", "warn", "no workspace has installed Gofer yet", f"Sign in, then open {page}.")
    loose = _readable_by_others(settings.home) if not settings.secret_key.get_secret_value() else None
    if loose is not None:
        return Check("slack install", "warn", f"{loose} can be read by other accounts", f"Run `chmod 600 {loose}`.")
    return Check("slack install", "ok", f"{count} installed; more at {page}")


def _readable_by_others(home: Path) -> Path | None:
    key = home / KEY_FILE
    return key if key.exists() and key.stat().st_mode & 0o077 else None


# -- what else


def _events(heard: Mapping[str, datetime]) -> Check:
    if not heard:
        return Check(
            "slack events",
            "warn",
            "nothing has arrived from Slack in the last 30 days",
            "Send Gofer a direct message while it runs. If nothing comes: "
            f"{APP} → Event Subscriptions must be on, with the bot events of deploy/slack-manifest.yaml.",
        )
    last = max(heard.values()).astimezone(UTC)
    kinds = ", ".join(sorted(heard))
    return Check("slack events", "ok", f"the last one came at {last:%Y-%m-%d %H:%M} UTC; so far: {kinds}")


async def _agent(settings: Settings, bot: Known | None) -> Check:
    if bot is None:
        return Check("slack agent", "skip", "needs a working bot token")
    method = "agents.sessions.setStatus"
    probe = {"channel_id": _NOWHERE, "thread_ts": "1000000000.000000", "status": "closed"}
    answer = await call(settings, bot.token, method, **probe)
    match answer.error:
        case "channel_not_found" | "not_in_channel" | "invalid_arguments" | "":
            return Check("slack agent", "ok", "native status and Stop button can be used")
        case error if error in PASSING or error == "unreachable":
            return Check("slack agent", "skip", AWAY[0])
        case error:
            return Check(
                "slack agent",
                "warn",
                f"no native status and Stop button here (Slack says {error}); progress is shown in messages instead",
                "Nothing to do, unless the workspace has agents: the app needs the agent_view of the manifest.",
            )


def _clock(bot: Known | None, now: datetime) -> Check:
    try:
        theirs = parsedate_to_datetime(bot.headers.get("date", "") if bot else "")
    except ValueError:
        return Check("slack clock", "skip", "needs an answer of Slack that says the time")
    ahead_s = (now - theirs).total_seconds()
    if abs(ahead_s) <= SKEW_S:
        return Check("slack clock", "ok", "agrees with Slack's")
    way = "ahead of" if ahead_s > 0 else "behind"
    return Check(
        "slack clock",
        "fail",
        f"this machine is {abs(ahead_s):.0f} s {way} Slack",
        "Switch on time synchronisation (timedatectl set-ntp true): signatures count for five minutes only.",
    )
