"""`gofer doctor` on Slack: what is well, what is wrong and where to mend it; against the fake and broken settings."""

from __future__ import annotations

import asyncio
import json
import re
import tomllib
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from agent.ports.clock import SystemClock
from agent.service import Arrival
from agent.store import SqlJournal
from bot.app import heard
from bot.checks import Check
from bot.settings import Settings
from bot.slack.app import PATH, FrontDoor, only
from bot.slack.doctor import examine
from bot.slack.installations import Installations
from bot.slack.scopes import SCOPES
from bot.slack.vault import KEY_FILE, open_key
from tests.architecture.repository import ROOT
from tests.fakes.slack import SlackFake
from tests.journeys.program import program
from tests.surfaces.slack.in_payloads import HERE
from tests.surfaces.slack.test_install import ACME

NAMES = {
    "slack",
    "slack agent",
    "slack app token",
    "slack clock",
    "slack events",
    "slack http",
    "slack install",
    "slack lost",
    "slack scopes",
    "slack socket",
    "slack token",
}
CLOSED = "http://127.0.0.1:9/api/"
"""Nobody listens on the port `discard`."""
HEARD = {"message": datetime(2026, 3, 1, 9, 30, tzinfo=UTC), "click": datetime(2026, 3, 2, 12, 0, tzinfo=UTC)}


def utc_now() -> datetime:
    return datetime.now(UTC)


async def report(
    home: Path,
    settings: Mapping[str, str],
    *,
    seen: Mapping[str, datetime] = HEARD,
    now: Callable[[], datetime] = utc_now,
) -> dict[str, Check]:
    """The checks by name. Each that is not well says what to do; each name is in the list that the guide explains."""
    nothing = {
        "SLACK_BOT_TOKEN": "",
        "SLACK_APP_TOKEN": "",
        "SLACK_SIGNING_SECRET": "",
        "SLACK_CLIENT_ID": "",
        "SLACK_CLIENT_SECRET": "",
        "GOFER_SECRET_KEY": "",
        "GOFER_PUBLIC_URL": "",
        "GOFER_DATABASE_URL": "",
    }
    checks = await examine(Settings.model_validate({**nothing, "GOFER_HOME": home, **settings}), seen, now=now)
    assert {check.name for check in checks} <= NAMES
    assert [check for check in checks if check.state in ("fail", "warn") and not check.fix] == []
    return {check.name: check for check in checks}


def entries(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def states(checks: Mapping[str, Check]) -> dict[str, str]:
    return {name.removeprefix("slack "): check.state for name, check in checks.items()}


async def test_all_is_well_over_a_socket(tmp_path: Path) -> None:
    async with SlackFake(scopes=SCOPES) as slack:
        checks = await report(tmp_path, slack.env())
        assert states(checks) == dict.fromkeys(
            ("token", "scopes", "app token", "socket", "events", "agent", "clock"), "ok"
        )
        assert checks["slack token"].detail == f"acme ({slack.team_id}), as @gofer"
        assert checks["slack events"].detail == "the last one came at 2026-03-02 12:00 UTC; so far: click, message"
        await slack.wait_for(lambda: slack.socket_count == 0)
        assert entries(tmp_path) == []


async def test_nothing_is_changed_in_slack(tmp_path: Path) -> None:
    async with SlackFake(scopes=SCOPES) as slack:
        await report(tmp_path, slack.env())
        done = [called.method for called in slack.calls() if called.ok]
        assert sorted(done) == ["apps.connections.open", "auth.test", "bots.info"]
        assert slack.sessions == {}


@pytest.mark.parametrize(
    ("changes", "name", "detail", "fix"),
    [
        ({"SLACK_BOT_TOKEN": ""}, "slack token", "SLACK_BOT_TOKEN is not set", "OAuth & Permissions"),
        ({"SLACK_BOT_TOKEN": "xapp-1"}, "slack token", "belongs into SLACK_APP_TOKEN", "OAuth & Permissions"),
        ({"SLACK_BOT_TOKEN": "xoxp-1"}, "slack token", "does not begin with xoxb-", "OAuth & Permissions"),
        ({"SLACK_BOT_TOKEN": "xoxb-no"}, "slack token", "does not know this token", "OAuth & Permissions"),
        ({"SLACK_APP_TOKEN": ""}, "slack app token", "SLACK_APP_TOKEN is not set", "App-Level Tokens"),
        ({"SLACK_APP_TOKEN": "xoxb-1"}, "slack app token", "does not begin with xapp-", "connections:write"),
        ({"SLACK_APP_TOKEN": "xapp-no"}, "slack app token", "does not know this token", "App-Level Tokens"),
        ({"GOFER_SLACK_API_URL": CLOSED}, "slack token", "cannot be reached", "HTTPS_PROXY"),
        ({"GOFER_SLACK_API_URL": CLOSED}, "slack app token", "cannot be reached", "HTTPS_PROXY"),
    ],
)
async def test_a_wrong_token_is_named_with_the_place_to_get_the_right_one(
    tmp_path: Path, changes: dict[str, str], name: str, detail: str, fix: str
) -> None:
    async with SlackFake(scopes=SCOPES) as slack:
        checks = await report(tmp_path, {**slack.env(), **changes})
        assert (checks[name].state, detail in checks[name].detail, fix in checks[name].fix) == ("fail", True, True)


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        ("account_inactive", "removed from the workspace"),
        ("token_revoked", "was revoked"),
        ("token_expired", "token rotation is on"),
        ("something_new", "Slack says something_new"),
    ],
)
async def test_what_slack_says_of_the_token_is_explained(tmp_path: Path, error: str, detail: str) -> None:
    async with SlackFake(scopes=SCOPES) as slack:
        slack.faults.error("auth.test", error)
        checks = await report(tmp_path, slack.env())
        assert detail in checks["slack token"].detail
        assert states(checks) == {
            "token": "fail",
            "app token": "ok",
            "socket": "ok",
            "events": "ok",
            "agent": "skip",
            "clock": "skip",
        }


async def test_missing_scopes_are_named_with_what_they_are_for(tmp_path: Path) -> None:
    async with SlackFake(scopes=[s for s in SCOPES if s not in ("reactions:read", "usergroups:read")]) as slack:
        check = (await report(tmp_path, slack.env()))["slack scopes"]
        assert check.state == "fail"
        assert check.detail == (
            "missing: reactions:read (emoji as decisions), usergroups:read (user groups in the access rules)"
        )
        assert "reinstall the app" in check.fix


@pytest.mark.parametrize(
    ("error", "state", "detail"),
    [
        ("missing_scope", "fail", "lacks the scope connections:write"),
        ("not_allowed_token_type", "fail", "no app-level token"),
        ("socket_mode_not_enabled", "fail", "Slack says socket_mode_not_enabled"),
        ("ratelimited", "warn", "does not answer now"),
    ],
)
async def test_an_app_token_that_opens_nothing_is_explained(
    tmp_path: Path, error: str, state: str, detail: str
) -> None:
    async with SlackFake(scopes=SCOPES) as slack:
        slack.faults.error("apps.connections.open", error)
        checks = await report(tmp_path, slack.env())
        assert (checks["slack app token"].state, detail in checks["slack app token"].detail) == (state, True)
        assert checks["slack socket"].state == "skip"


@asynccontextmanager
async def served(handle: Callable[[web.Request], object]) -> AsyncGenerator[str]:
    """A server that answers everything with this; its origin."""
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("hello", "state", "detail"),
    [
        (None, "fail", "no connection to 127.0.0.1"),
        ({"type": "disconnect", "reason": "link_disabled"}, "fail", "hangs up: link_disabled"),
        ({"type": "disconnect", "reason": "too_many_websockets"}, "warn", "ten connections"),
        ({"type": "hello", "connection_info": {"app_id": "A0OTHER"}}, "fail", "of different apps"),
        ({"type": "hello", "connection_info": {"app_id": "A0FAKE"}}, "ok", "greets"),
    ],
)
async def test_a_socket_is_opened_and_its_greeting_read(
    tmp_path: Path, hello: dict[str, object] | None, state: str, detail: str
) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == "/api/apps.connections.open":
            return web.json_response({"ok": True, "url": f"ws://{request.host}/link"})
        if request.path == "/api/auth.test":
            return web.json_response({"ok": True, "team": "acme", "team_id": "T1", "user": "gofer", "bot_id": "B1"})
        if request.path == "/api/bots.info":
            return web.json_response({"ok": True, "bot": {"app_id": "A0FAKE"}})
        if request.path != "/link":
            return web.json_response({"ok": False, "error": "unknown_method"})
        socket = web.WebSocketResponse()
        if hello is None:
            return web.Response(status=403)
        await socket.prepare(request)
        await socket.send_json(hello)
        await socket.receive()
        return socket

    async with served(handle) as origin:
        good = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"}
        checks = await report(tmp_path, {**good, "GOFER_SLACK_API_URL": f"http://{origin}/api/"})
        assert (checks["slack socket"].state, detail in checks["slack socket"].detail) == (state, True)
        assert checks["slack scopes"].state == "skip", "this Slack does not say them"
        assert checks["slack agent"].state == "warn"


async def test_a_workspace_without_agents_is_told_what_happens_instead(tmp_path: Path) -> None:
    async with SlackFake(scopes=SCOPES) as slack:
        slack.disable("agents.sessions", error="feature_not_enabled")
        check = (await report(tmp_path, slack.env()))["slack agent"]
        assert (check.state, "shown in messages instead" in check.detail) == ("warn", True)


async def test_an_answer_that_is_no_json_is_no_fault_of_ours(tmp_path: Path) -> None:
    async with SlackFake(scopes=SCOPES) as slack:
        for method in ("auth.test", "apps.connections.open"):
            slack.faults.http(method, 503, times=9)
        checks = await report(tmp_path, slack.env())
        assert states(checks) == {
            "token": "warn",
            "app token": "warn",
            "socket": "skip",
            "events": "ok",
            "agent": "skip",
            "clock": "skip",
        }


@pytest.mark.parametrize(
    ("ahead_s", "state", "way"), [(-300, "fail", "behind"), (300, "fail", "ahead of"), (20, "ok", "")]
)
async def test_a_clock_that_is_off_is_noticed(tmp_path: Path, ahead_s: int, state: str, way: str) -> None:
    async with SlackFake(scopes=SCOPES) as slack:
        checks = await report(tmp_path, slack.env(), now=lambda: utc_now() + timedelta(seconds=ahead_s))
        assert (checks["slack clock"].state, way in checks["slack clock"].detail) == (state, True)


async def test_silence_of_slack_is_a_hint_at_the_event_subscriptions(tmp_path: Path) -> None:
    async with SlackFake(scopes=SCOPES) as slack:
        check = (await report(tmp_path, slack.env(), seen={}))["slack events"]
        assert (check.state, "Event Subscriptions must be on" in check.fix) == ("warn", True)


async def test_what_arrived_is_known_from_the_database(tmp_path: Path) -> None:
    settings = Settings.model_validate({"GOFER_HOME": tmp_path, "GOFER_DATABASE_URL": ""})
    assert await heard(settings, "slack") == {}
    assert entries(tmp_path) == []
    journal = await SqlJournal.open(settings.database, home=tmp_path, clock=SystemClock())
    try:
        for number, (surface, kind, minute) in enumerate(
            (("slack", "message", 1), ("slack", "message", 3), ("slack", "click", 2), ("discord", "message", 4))
        ):
            at = datetime(2026, 3, 2, 12, minute, tzinfo=UTC)
            await journal.mail.take_in(
                Arrival(arrival_id=f"a{number}", surface=surface, lane="", kind=kind, body="{}", at=at)
            )
        # Also while another process has the database open.
        assert await heard(settings, "slack") == {
            "message": datetime(2026, 3, 2, 12, 3, tzinfo=UTC),
            "click": datetime(2026, 3, 2, 12, 2, tzinfo=UTC),
        }
    finally:
        await journal.close()


# -- over HTTP


@asynccontextmanager
async def a_running_gofer(secret: str) -> AsyncGenerator[str]:
    """Something that serves `/slack/events` as Gofer does; its public address."""

    async def take_in(arrival: Arrival) -> bool:
        raise AssertionError("nothing of the doctor's is kept")

    door = FrontDoor(take_in, only(HERE), utc_now, signing_secret=secret)

    async def handle(request: web.Request) -> web.Response:
        if request.path != PATH:
            return web.Response(status=404)
        reply = await door.handle(await request.read(), request.headers)
        return web.Response(status=reply.status, headers=reply.headers, body=reply.body.encode())

    async with served(handle) as origin:
        yield f"http://{origin}"


async def test_all_is_well_over_http(tmp_path: Path) -> None:
    async with SlackFake(mode="http", scopes=SCOPES) as slack, a_running_gofer(slack.signing_secret) as url:
        checks = await report(tmp_path, {**slack.env(), "GOFER_PUBLIC_URL": f"{url}/"})
        assert states(checks) == dict.fromkeys(("token", "scopes", "http", "events", "agent", "clock"), "ok")
        assert checks["slack http"].detail == f"{url}{PATH} answers"


async def test_what_http_mode_needs_is_asked_for(tmp_path: Path) -> None:
    async with SlackFake(mode="http", scopes=SCOPES) as slack:
        without = {**slack.env(), "SLACK_SIGNING_SECRET": ""}
        checks = await examine(Settings.model_validate({"GOFER_HOME": tmp_path, "GOFER_PUBLIC_URL": "", **without}), {})
        assert [check.detail for check in checks if check.name == "slack http"] == [
            "SLACK_SIGNING_SECRET is not set",
            "GOFER_PUBLIC_URL is not an https address",
        ]


async def test_a_gofer_that_answers_otherwise_is_explained(tmp_path: Path) -> None:
    async def nothing_here(request: web.Request) -> web.Response:
        return web.Response(status=404)

    async def somebody_elses(request: web.Request) -> web.Response:
        return web.Response(text="welcome")

    async with SlackFake(mode="http", scopes=SCOPES) as slack:
        async with a_running_gofer("another secret") as url:
            assert await knock(tmp_path, slack, url) == ("fail", f"{url}{PATH} does not accept our signature")
        async with served(nothing_here) as origin:
            url = f"http://{origin}"
            assert await knock(tmp_path, slack, url) == ("fail", f"{url}{PATH} is not served")
        async with served(somebody_elses) as origin:
            url = f"http://{origin}"
            assert await knock(tmp_path, slack, url) == ("fail", f"{url}{PATH} answers 200, and not what was asked")
        state, detail = await knock(tmp_path, slack, "http://127.0.0.1:9")
        assert (state, detail.startswith("nobody answers")) == ("warn", True)


async def knock(home: Path, slack: SlackFake, url: str) -> tuple[str, str]:
    check = (await report(home, {**slack.env(), "GOFER_PUBLIC_URL": url}))["slack http"]
    return check.state, check.detail


# -- several workspaces


def several(slack: SlackFake) -> dict[str, str]:
    return {
        **slack.env(),
        "SLACK_BOT_TOKEN": "",
        "SLACK_CLIENT_ID": slack.client_id,
        "SLACK_CLIENT_SECRET": slack.client_secret,
        "GOFER_PUBLIC_URL": "https://gofer.example.com",
    }


async def test_each_installed_workspace_is_looked_at(tmp_path: Path) -> None:
    async with SlackFake(scopes=SCOPES) as slack:
        checks = await report(tmp_path, several(slack))
        assert (checks["slack install"].state, "no workspace" in checks["slack install"].detail) == ("warn", True)
        assert entries(tmp_path) == [], "looking makes no key"

        stored = Installations(tmp_path, open_key(tmp_path))
        await stored.put(replace(ACME, team_id="T0ACME", bot_token=slack.bot_token))
        await stored.put(replace(ACME, team_id="T2", name="Globex", bot_token="xoxb-gone"))
        found = await examine(Settings.model_validate({"GOFER_HOME": tmp_path, **several(slack)}), HEARD)
        assert [(check.state, check.detail) for check in found if check.name == "slack token"] == [
            ("ok", "acme (T0ACME), as @gofer"),
            ("fail", "Globex (T2): Slack does not know this token"),
        ]
        assert found[0] == Check("slack install", "ok", "2 installed; more at https://gofer.example.com/slack/install")
        (tmp_path / KEY_FILE).chmod(0o644)
        loose = (await report(tmp_path, several(slack)))["slack install"]
        assert (loose.state, "can be read by other accounts" in loose.detail) == ("warn", True)


async def test_settings_that_cannot_serve_several_workspaces_are_said(tmp_path: Path) -> None:
    async with SlackFake(scopes=SCOPES) as slack:
        both = await report(tmp_path, {**several(slack), **slack.env()})
        assert (both["slack install"].state, "not used" in both["slack install"].detail) == ("warn", True)
        no_address = await report(tmp_path, {**several(slack), "GOFER_PUBLIC_URL": ""})
        assert (no_address["slack install"].state, "https" in no_address["slack install"].detail) == ("fail", True)
        await Installations(tmp_path, open_key(tmp_path)).put(ACME)
        other_key = await report(tmp_path, {**several(slack), "GOFER_SECRET_KEY": "a2s=" + "A" * 40})
        assert other_key["slack install"].state == "fail"


# -- the command and the guide


async def test_the_command_tells_of_slack_and_never_shows_a_token(tmp_path: Path) -> None:
    async with SlackFake(scopes=SCOPES) as slack:
        settings = {"GOFER_MODEL": "offline", **slack.env()}
        ended = await asyncio.to_thread(program(tmp_path, **settings).run, "doctor", "--json")
        found = {check["name"]: check["state"] for check in json.loads(ended.out)["checks"]}
        assert found["slack token"] == found["slack socket"] == "ok"
        assert found["slack events"] == "warn"

        slack.uninstall()
        words = await asyncio.to_thread(program(tmp_path, **settings).run, "doctor")
        assert (words.code, "✗ slack token: the token was revoked" in words.out) == (1, True)
        for secret in (slack.team.bot_token, slack.app_token, slack.signing_secret):
            assert secret not in ended.out + ended.err + words.out + words.err


async def test_a_gofer_without_slack_is_well(tmp_path: Path) -> None:
    ended = await asyncio.to_thread(program(tmp_path, GOFER_MODEL="offline").run, "doctor", "--json")
    assert ended.code == 0
    checks = [check for check in json.loads(ended.out)["checks"] if check["name"].startswith("slack")]
    assert [(check["name"], check["state"]) for check in checks] == [("slack", "skip")]


GUIDE = ROOT / "docs/slack.md"


def test_the_guide_explains_every_check_and_every_scope() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    assert [name for name in sorted(NAMES - {"slack"}) if f"| `{name}` |" not in guide] == []
    assert [scope for scope in SCOPES if f"`{scope}`" not in guide] == []


def test_the_access_rules_of_the_guide_are_accepted() -> None:
    (rules,) = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    read = Settings.model_validate(tomllib.loads(rules))
    assert (read.access.start, [channel.plan for channel in read.channels.values()]) == (["everyone"], ["always"])
