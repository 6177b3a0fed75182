"""Who gets in: links that work once, sessions that last, and nobody else."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from agent.domain.people import WEB_OWNER
from bot.web import Sessions
from bot.web.signing import Signer
from tests.kit import say
from tests.surfaces.web.harness import open_site

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Clock:
    """A clock the test sets."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


async def test_without_a_session_the_page_says_how_to_sign_in_and_shows_nothing(tmp_path: Path) -> None:
    async with open_site(tmp_path, [say("done")]) as site:
        await site.say("the secret merger")
        answer = await site.nobody.get("/", headers={"Accept": "text/html"})
        assert answer.status_code == 401
        assert "gofer serve" in answer.text
        assert "secret" not in answer.text


async def test_a_sign_in_link_works_once(tmp_path: Path) -> None:
    async with open_site(tmp_path, []) as site, httpx2.AsyncClient(base_url=site.url) as other:
        link = site.link()
        first = await site.nobody.get(link)
        assert (first.status_code, first.headers["location"]) == (303, "/")
        cookie = first.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert (await site.nobody.get("/")).status_code == 200
        assert (await other.get(link)).status_code == 401
        assert (await other.get("/api/me")).status_code == 401


async def test_looking_at_a_link_does_not_use_it_up(tmp_path: Path) -> None:
    async with open_site(tmp_path, []) as site:
        link = site.link()
        await site.nobody.head(link)
        await site.nobody.get(link, headers={"Sec-Purpose": "prefetch"})
        assert (await site.nobody.get("/api/me")).status_code == 401
        assert (await site.nobody.get(link)).status_code == 303


async def test_a_link_opened_from_another_site_still_signs_in(tmp_path: Path) -> None:
    """There the strict cookie would not go along with a redirect."""
    async with open_site(tmp_path, []) as site:
        answer = await site.nobody.get(site.link(), headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 200
        assert 'http-equiv="refresh"' in answer.text
        assert (await site.nobody.get("/api/me")).status_code == 200


async def test_signing_out_ends_the_session(tmp_path: Path) -> None:
    async with open_site(tmp_path, []) as site:
        ((name, value),) = site.browser.cookies.items()
        await site.browser.post("/signout")
        assert (await site.nobody.get("/api/me", headers={"Cookie": f"{name}={value}"})).status_code == 401


async def test_a_local_program_can_make_a_fresh_link_and_a_browser_cannot(tmp_path: Path) -> None:
    async with open_site(tmp_path, []) as site:
        made = await site.program.post("/api/links", json={})
        assert made.status_code == 201
        assert (await site.nobody.get(made.json()["url"])).status_code == 303
        assert (await site.browser.post("/api/links", json={})).status_code == 409


async def test_a_session_survives_a_restart_and_its_file_holds_no_token(tmp_path: Path) -> None:
    file = tmp_path / "web.json"
    sessions = Sessions(file)
    token = await sessions.sign_in(sessions.new_link())
    assert token is not None
    again = Sessions(file)
    assert again.actor(token) == WEB_OWNER
    assert (again.key, again.cookie) == (sessions.key, sessions.cookie)
    assert token not in file.read_text(encoding="utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_sessions_end_after_thirty_days_and_links_after_one(tmp_path: Path) -> None:
    clock = Clock()
    sessions = Sessions(tmp_path / "web.json", now=clock)
    stale, link = sessions.new_link(), sessions.new_link()
    token = await sessions.sign_in(link)
    assert token is not None
    clock.now += timedelta(days=1)
    assert await sessions.sign_in(stale) is None
    clock.now += timedelta(days=28, hours=23)
    assert sessions.actor(token) == WEB_OWNER
    clock.now += timedelta(hours=1)
    assert sessions.actor(token) is None


@pytest.mark.parametrize("text", ["", "nonsense", '{"key": 5}', '{"key": "zz", "sessions": {}}', "[]"])
async def test_a_broken_session_file_signs_everybody_out_and_is_replaced(tmp_path: Path, text: str) -> None:
    file = tmp_path / "web.json"
    file.write_text(text, encoding="utf-8")
    sessions = Sessions(file)
    token = await sessions.sign_in(sessions.new_link())
    assert token is not None
    assert Sessions(file).actor(token) == WEB_OWNER


def test_a_signed_text_opens_only_for_its_purpose_and_until_its_end() -> None:
    clock = Clock()
    signer = Signer(b"k" * 32, clock)
    token = signer.seal("file", {"name": "a.csv"}, lifetime=timedelta(days=1))
    assert signer.open("file", token) == {"name": "a.csv"}
    assert signer.open("upload", token) is None
    assert Signer(b"x" * 32, clock).open("file", token) is None
    assert signer.open("file", token[:-3]) is None
    assert signer.open("file", "ä.ö") is None
    clock.now += timedelta(days=2)
    assert signer.open("file", token) is None
