"""Installing Gofer in several workspaces: the vault, what is stored, and the two pages, against the fake Slack."""

from __future__ import annotations

import asyncio
import base64
import re
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest
from aiohttp import web

from agent.domain.errors import Refused
from bot.settings import Settings
from bot.slack.install import COOKIE, INSTALL_PATH, REDIRECT_PATH, Installer, Page, check_settings
from bot.slack.installations import FOLDER, Installation, Installations
from bot.slack.scopes import SCOPES
from bot.slack.vault import KEY_FILE, Vault, open_key
from tests.fakes.slack import SlackFake

PUBLIC = "https://gofer.example.com"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ACME = Installation(
    team_id="T1",
    name="Acme",
    bot_token="xoxb-acme",
    bot_user_id="U1",
    bot_id="B1",
    app_id="A1",
    scopes=("chat:write", "users:read"),
    url="https://acme.slack.com/",
    installed_by="U2",
    at=NOON,
)


@dataclass(frozen=True)
class Request:
    query: dict[str, str]
    cookies: dict[str, str]
    owner: bool


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time


class Browser:
    """Keeps the cookie, as a browser does."""

    def __init__(self, *, owner: bool = False) -> None:
        self.owner = owner
        self.cookies: dict[str, str] = {}

    async def open(self, installer: Installer, url: str) -> Page:
        """One of the two pages."""
        parts = urlsplit(url)
        # The owner's session is SameSite=Strict: it does not come along when Slack sends the browser back.
        signed_in = self.owner and parts.path == INSTALL_PATH
        visit = Request(query=dict(parse_qsl(parts.query)), cookies=dict(self.cookies), owner=signed_in)
        page = await (installer.begin(visit) if parts.path == INSTALL_PATH else installer.finish(visit))
        if (cookie := page.headers.get("set-cookie", "")).startswith(f"{COOKIE}="):
            self.cookies[COOKIE] = cookie.partition("=")[2].partition(";")[0]
        return page

    async def agree(self, page: Page, team: str = "") -> str:
        """Click through to Slack and agree there; the address that Slack sends back to."""
        (link,) = re.findall(r'<a class="button" href="([^"]+)"', page.body)
        url = unescape(link) + (f"&team={team}" if team else "")
        async with aiohttp.ClientSession() as http, http.get(url, allow_redirects=False) as answer:
            assert answer.status == 302, await answer.text()
            return answer.headers["Location"]


def installer_for(
    slack: SlackFake,
    home: Path,
    *,
    now: Hand | None = None,
    secret: str = "",
    api_url: str = "",
    told: list[str] | None = None,
) -> tuple[Installer, Installations]:
    """An installer with a data folder."""
    stored = Installations(home, open_key(home))

    async def installed(installation: Installation) -> None:
        if told is not None:
            told.append(installation.team_id)

    installer = Installer(
        stored,
        client_id=slack.client_id,
        client_secret=secret or slack.client_secret,
        public_url=PUBLIC,
        api_url=api_url or slack.url,
        now=now or Hand(),
        installed=installed,
    )
    return installer, stored


@asynccontextmanager
async def slack_that_answers(answer: dict[str, object]) -> AsyncGenerator[str]:
    """A Web API that says the same to everything."""

    async def handle(request: web.Request) -> web.Response:
        return web.json_response(answer)

    app = web.Application()
    app.router.add_route("*", "/api/{method}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
    finally:
        await runner.cleanup()


# -- the vault


def test_the_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    key = open_key(tmp_path / "home")
    assert open_key(tmp_path / "home") == key
    file = tmp_path / "home" / KEY_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "home").iterdir()] == [KEY_FILE]


async def test_processes_that_make_the_key_at_once_get_the_same(tmp_path: Path) -> None:
    keys = await asyncio.gather(*(asyncio.to_thread(open_key, tmp_path) for _ in range(8)))
    assert len(set(keys)) == 1


@pytest.mark.parametrize("alphabet", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_key_of_the_settings_is_taken_in_both_alphabets(tmp_path: Path, alphabet: type) -> None:
    raw = bytes([0xFB, 0xEF, 0xFF]) * 10 + b"xy"
    assert base64.urlsafe_b64decode(open_key(tmp_path, alphabet(raw).decode())) == raw
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "key", ["short", "x" * 44, base64.b64encode(b"31 bytes are not a key, not here").decode()[:-4]]
)
def test_a_key_of_another_form_is_refused_and_not_shown(tmp_path: Path, key: str) -> None:
    with pytest.raises(Refused, match="GOFER_SECRET_KEY does not hold a key") as refused:
        open_key(tmp_path, key)
    assert key not in str(refused.value)
    assert "openssl" in refused.value.next_step


async def test_what_is_stored_is_encrypted_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "secrets", open_key(tmp_path))
    await vault.put("T1", "old")
    await vault.put("T1", "xoxb-token")
    (file,) = (tmp_path / "secrets").iterdir()
    assert b"xoxb" not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert (await vault.get("T1"), await vault.get("T2"), await vault.names()) == ("xoxb-token", None, ("T1",))
    assert (await vault.remove("T1"), await vault.remove("T1"), await vault.names()) == (True, False, ())


async def test_another_key_or_an_altered_file_is_refused(tmp_path: Path) -> None:
    vault, file = Vault(tmp_path, open_key(tmp_path)), tmp_path / "T1.sealed"
    await vault.put("T1", "xoxb-token")
    with pytest.raises(Refused, match="cannot be read with the key in force"):
        await Vault(tmp_path, open_key(tmp_path, base64.b64encode(b"k" * 32).decode())).get("T1")
    sealed = file.read_bytes()
    file.write_bytes(sealed[:-8] + b"AAAAAAA=")
    with pytest.raises(Refused, match="cannot be read"):
        await vault.get("T1")


@pytest.mark.parametrize("name", ["", "../T1", "a/b", ".", "T1.x", "T\u0661"])
async def test_a_name_never_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        await Vault(tmp_path, open_key(tmp_path)).put(name, "text")


# -- installations


async def test_installations_are_there_after_a_restart(tmp_path: Path) -> None:
    key = open_key(tmp_path)
    stored = Installations(tmp_path, key)
    other = replace(ACME, team_id="T2", name="Globex", bot_token="xoxb-globex")
    await stored.put(other)
    await stored.put(ACME)
    again = Installations(tmp_path, key)
    assert await again.all() == (ACME, other)
    assert await again.get("T1") == ACME
    assert await again.workspace_of("T2") == other.workspace
    assert await again.workspace_of("T3") is None
    assert await again.remove("T1")
    assert not await again.remove("T1")
    assert await Installations(tmp_path, key).all() == (other,)


def test_a_token_is_not_shown_where_an_installation_is() -> None:
    assert "xoxb" not in repr(ACME)


async def test_an_installation_under_another_workspaces_name_is_refused(tmp_path: Path) -> None:
    stored = Installations(tmp_path, open_key(tmp_path))
    await stored.put(ACME)
    (file,) = (tmp_path / FOLDER).iterdir()
    file.rename(file.with_name(file.name.replace("T1", "T2")))
    with pytest.raises(Refused, match="workspace T2 is damaged"):
        await Installations(tmp_path, open_key(tmp_path)).all()


async def test_an_uninstalled_workspace_is_forgotten(tmp_path: Path) -> None:
    stored = Installations(tmp_path, open_key(tmp_path))
    await stored.put(ACME)
    assert await stored.gone("T1", NOON + timedelta(seconds=1))
    assert not await stored.gone("T1", NOON + timedelta(seconds=2)), "Slack tells of it twice"
    assert await stored.all() == ()
    assert list((tmp_path / FOLDER).iterdir()) == []


async def test_a_late_word_of_an_earlier_uninstall_leaves_the_new_installation(tmp_path: Path) -> None:
    stored = Installations(tmp_path, open_key(tmp_path))
    await stored.put(ACME)
    assert not await stored.gone("T1", NOON - timedelta(minutes=1))
    assert await stored.get("T1") == ACME


# -- the pages


async def test_the_owner_installs_gofer_in_a_workspace(tmp_path: Path) -> None:
    async with SlackFake() as slack:
        team = slack.workspace("globex")
        slack.user("bea", team=team)
        told: list[str] = []
        installer, stored = installer_for(slack, tmp_path, told=told)
        browser = Browser(owner=True)
        first = await browser.open(installer, PUBLIC + INSTALL_PATH)
        assert first.status == 200
        back = await browser.agree(first)
        assert back.startswith(PUBLIC + REDIRECT_PATH)
        done = await browser.open(installer, back)
        assert (done.status, "Gofer is now in globex" in done.body) == (200, True)
        (found,) = await stored.all()
        assert (found.team_id, found.bot_token, found.bot_user_id) == (team.team_id, team.bot_token, team.bot_user_id)
        assert (found.scopes, found.at, told) == (tuple(SCOPES), NOON, [team.team_id])
        files = b"".join(path.read_bytes() for path in (tmp_path / FOLDER).iterdir())
        assert team.bot_token.encode() not in files


async def test_the_cookie_comes_along_from_slack_and_goes_nowhere_else(tmp_path: Path) -> None:
    async with SlackFake() as slack:
        installer, _ = installer_for(slack, tmp_path)
        page = await Browser(owner=True).open(installer, PUBLIC + INSTALL_PATH)
        attributes = page.headers["set-cookie"].split("; ")[1:]
        assert attributes == ["Max-Age=600", "Path=/slack/", "HttpOnly", "SameSite=Lax", "Secure"]
        assert page.headers["cache-control"] == "no-store"
        ended = await Browser().open(installer, PUBLIC + REDIRECT_PATH)
        assert "Max-Age=0" in ended.headers["set-cookie"]


async def test_nobody_else_can_begin(tmp_path: Path) -> None:
    async with SlackFake() as slack:
        installer, _ = installer_for(slack, tmp_path)
        for query in ("", "?invitation=", "?invitation=made-up"):
            page = await Browser().open(installer, PUBLIC + INSTALL_PATH + query)
            assert (page.status, "href" in page.body.partition("<body")[2]) == (403, False)
            assert "set-cookie" not in page.headers


async def test_an_invitation_is_good_for_one_installation(tmp_path: Path) -> None:
    async with SlackFake() as slack:
        for name in ("globex", "initech"):
            slack.user("bea", team=slack.workspace(name))
        installer, stored = installer_for(slack, tmp_path)
        link = installer.new_invitation()
        guest, other = Browser(), Browser()
        looked = await other.open(installer, link)
        back = await guest.agree(await guest.open(installer, link))
        assert (await guest.open(installer, back)).status == 200
        late = await other.agree(looked)
        assert (await other.open(installer, late)).status == 403
        assert (await Browser().open(installer, link)).status == 403
        assert len(await stored.all()) == 1


async def test_the_owner_gets_a_link_to_pass_on(tmp_path: Path) -> None:
    async with SlackFake() as slack:
        installer, _ = installer_for(slack, tmp_path)
        page = await Browser(owner=True).open(installer, PUBLIC + INSTALL_PATH)
        (link,) = re.findall(rf"{PUBLIC}{INSTALL_PATH}\?invitation=[\w-]+", page.body)
        passed_on = await Browser().open(installer, link)
        assert passed_on.status == 200
        assert "invitation=" not in passed_on.body, "who was invited invites nobody"


async def test_an_invitation_ends_after_a_day_and_a_state_after_ten_minutes(tmp_path: Path) -> None:
    async with SlackFake() as slack:
        slack.user("bea", team=slack.workspace("globex"))
        clock = Hand()
        installer, stored = installer_for(slack, tmp_path, now=clock)
        link = installer.new_invitation()
        browser = Browser()
        back = await browser.agree(await browser.open(installer, link))
        clock.time += timedelta(minutes=10)
        assert (await browser.open(installer, back)).status == 400
        assert (await browser.open(installer, link)).status == 200
        clock.time += timedelta(days=1)
        assert (await browser.open(installer, link)).status == 403
        assert await stored.all() == ()


async def test_slacks_answer_counts_only_once_and_in_the_browser_that_began(tmp_path: Path) -> None:
    async with SlackFake() as slack:
        slack.user("bea", team=slack.workspace("globex"))
        installer, stored = installer_for(slack, tmp_path)
        browser, thief = Browser(owner=True), Browser(owner=True)
        back = await browser.agree(await browser.open(installer, PUBLIC + INSTALL_PATH))
        await thief.open(installer, PUBLIC + INSTALL_PATH)
        for other in (Browser(), thief):
            assert (await other.open(installer, back)).status == 400
        assert slack.calls("oauth.v2.access") == []
        kept = dict(browser.cookies)
        assert (await browser.open(installer, back)).status == 200
        browser.cookies = kept
        assert (await browser.open(installer, back)).status == 400, "a second time"
        assert len(await stored.all()) == 1


async def test_a_cancelled_or_refused_installation_says_so_in_safe_words(tmp_path: Path) -> None:
    async with SlackFake() as slack:
        installer, stored = installer_for(slack, tmp_path)
        browser = Browser(owner=True)
        for query, said in (
            ("error=access_denied", "You cancelled it."),
            ("error=<script>alert(1)</script>", "Slack said no: &lt;script&gt;"),
            ("", "Slack said no: no code."),
        ):
            await browser.open(installer, PUBLIC + INSTALL_PATH)
            page = await browser.open(installer, f"{PUBLIC}{REDIRECT_PATH}?state={browser.cookies[COOKIE]}&{query}")
            assert (page.status, said in page.body, "<script" in page.body) == (400, True, False)
        assert await stored.all() == ()


async def test_when_slack_fails_the_invitation_is_still_good(tmp_path: Path) -> None:
    async with SlackFake() as slack:
        slack.user("bea", team=slack.workspace("globex"))
        installer, stored = installer_for(slack, tmp_path)
        link = installer.new_invitation()
        browser = Browser()
        for fault, said in (
            (lambda: slack.faults.error("oauth.v2.access", "invalid_code"), "invalid_code"),
            (lambda: slack.faults.http("oauth.v2.access", 503, times=9), "could not be reached"),
            (lambda: slack.faults.error("auth.test", "internal_error", times=9), "could not be reached"),
        ):
            back = await browser.agree(await browser.open(installer, link))
            fault()
            page = await browser.open(installer, back)
            assert (page.status, said in page.body) == (502, True), page.body
            slack.faults.clear()
        assert await stored.all() == ()
        back = await browser.agree(await browser.open(installer, link))
        assert (await browser.open(installer, back)).status == 200


async def test_a_wrong_client_secret_is_said_and_never_shown(tmp_path: Path) -> None:
    async with SlackFake() as slack:
        slack.user("bea", team=slack.workspace("globex"))
        installer, _ = installer_for(slack, tmp_path, secret="not-the-secret")
        browser = Browser(owner=True)
        page = await browser.open(installer, await browser.agree(await browser.open(installer, PUBLIC + INSTALL_PATH)))
        assert (page.status, "bad_client_secret" in page.body, "not-the-secret" in page.body) == (502, True, False)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"ok": True, "is_enterprise_install": True, "enterprise": {"id": "E1"}, "team": None}, "whole organisation"),
        (
            {"ok": True, "team": {"id": "T1"}, "access_token": "xoxe.xoxb-1", "refresh_token": "r", "expires_in": 9},
            "Token rotation",
        ),
        ({"ok": True, "team": {"id": "T1"}, "access_token": "xoxb-1", "team_id": "T2"}, "another workspace"),
    ],
)
async def test_kinds_of_installation_that_gofer_does_not_serve_are_refused(
    tmp_path: Path, answer: dict[str, object], said: str
) -> None:
    async with SlackFake() as slack, slack_that_answers(answer) as url:
        installer, stored = installer_for(slack, tmp_path, api_url=url)
        browser = Browser(owner=True)
        await browser.open(installer, PUBLIC + INSTALL_PATH)
        page = await browser.open(installer, f"{PUBLIC}{REDIRECT_PATH}?state={browser.cookies[COOKIE]}&code=1")
        assert (page.status, said in page.body) == (400, True), page.body
        assert await stored.all() == ()


async def test_a_second_installation_replaces_the_first_token(tmp_path: Path) -> None:
    async with SlackFake() as slack:
        team = slack.workspace("globex")
        slack.user("bea", team=team)
        installer, stored = installer_for(slack, tmp_path)
        browser = Browser(owner=True)
        for _ in range(2):
            page = await browser.open(installer, PUBLIC + INSTALL_PATH)
            await browser.open(installer, await browser.agree(page, team.team_id))
        (found,) = await stored.all()
        assert found.bot_token == team.bot_token


async def test_many_beginnings_make_room_for_each_other(tmp_path: Path) -> None:
    async with SlackFake() as slack:
        slack.user("bea", team=slack.workspace("globex"))
        installer, _ = installer_for(slack, tmp_path)
        first, last = Browser(owner=True), Browser(owner=True)
        page = await first.open(installer, PUBLIC + INSTALL_PATH)
        for _ in range(100):
            newest = await last.open(installer, PUBLIC + INSTALL_PATH)
        assert (await first.open(installer, await first.agree(page))).status == 400
        assert (await last.open(installer, await last.agree(newest))).status == 200


def settings(**changes: str) -> Settings:
    good = {"SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "s", "GOFER_PUBLIC_URL": PUBLIC, "GOFER_DATABASE_URL": ""}
    return Settings.model_validate({**good, **changes})


def test_good_settings_are_accepted() -> None:
    check_settings(settings())
    check_settings(settings(GOFER_PUBLIC_URL="http://127.0.0.1:8765"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SLACK_CLIENT_SECRET": ""}, "belong together"),
        ({"GOFER_PUBLIC_URL": ""}, "GOFER_PUBLIC_URL with https"),
        ({"GOFER_PUBLIC_URL": "http://gofer.example.com"}, "GOFER_PUBLIC_URL with https"),
        ({"GOFER_DATABASE_URL": "postgresql+psycopg://db.example/gofer"}, "SQLite only"),
    ],
)
def test_settings_with_which_nobody_could_install_are_refused_at_the_start(changes: dict[str, str], said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        check_settings(settings(**changes))
    assert refused.value.next_step
