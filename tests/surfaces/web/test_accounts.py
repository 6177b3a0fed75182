"""People of chats in the web chat: in by a link of their own, as themselves, and with no more than they have there."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agent.domain.errors import Bug
from agent.domain.people import SYSTEM, TERMINAL, WEB_OWNER, Actor, Role, Standing
from bot.web import Sessions
from bot.web.sessions import KEPT_OF_PERSON, PersonalLinks
from tests.kit import OWNER, call, say
from tests.surfaces.web.harness import CSRF, Site, open_site

PAGE = {"Accept": "text/html"}
PLAN = call("plan", steps=["Read the file", "Write the result"], files=["outputs/result.txt"])
ANN = Actor("slack:T1:UANN", "Ann <b>Lee</b>", place="slack:T1:C1", groups=frozenset({"slack:T1:S1"}))
SECRET = "merger with Acme"


class Clock:
    """A clock the test sets."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def link_of(site: Site, actor: Actor = ANN) -> str:
    """What somebody gets in their chat."""
    return PersonalLinks(site.sessions, site.url)(actor)


async def presses(browser: httpx2.AsyncClient, link: str) -> httpx2.Response:
    """Press the button of the page behind a link."""
    page = await browser.get(link, headers=PAGE)
    token = re.search(r'<form method="post" action="/signin">.*name="token" value="([\w-]+)"', page.text)
    assert token is not None, page.text
    return await browser.post("/signin", data={"token": token[1]}, headers=PAGE)


@asynccontextmanager
async def signed_in(site: Site, actor: Actor = ANN, role: Role = Role.MEMBER) -> AsyncGenerator[httpx2.AsyncClient]:
    """A browser of this person, who has access as `role`."""
    await site.kit.access.admit(actor.person_id, actor.name, role)
    async with httpx2.AsyncClient(base_url=site.url, headers=CSRF) as browser:
        assert (await presses(browser, link_of(site, actor))).status_code == 303
        yield browser


async def test_a_link_from_a_chat_shows_a_button_that_signs_in_as_that_person(tmp_path: Path) -> None:
    async with open_site(tmp_path, []) as site, signed_in(site) as ann:
        assert (await ann.get("/api/me")).json() == {"person_id": "slack:T1:UANN", "role": "member"}
        page = (await ann.get("/", headers=PAGE)).text
        assert "Signed in as Ann &lt;b&gt;Lee&lt;/b&gt; (Slack)" in page
        assert "Sign out" in page
        owner = (await site.browser.get("/", headers=PAGE)).text
        assert "Signed in as the owner" in owner
        await ann.post("/signout")
        assert (await ann.get("/api/me")).status_code == 401


async def test_opening_such_a_link_signs_nobody_in_and_does_not_use_it_up(tmp_path: Path) -> None:
    async with open_site(tmp_path, []) as site:
        await site.kit.access.admit(ANN.person_id, ANN.name, Role.MEMBER)
        link = link_of(site)
        for headers in ({}, {"User-Agent": "Slackbot-LinkExpanding 1.0"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = await site.nobody.get(link, headers=headers)
            assert answer.status_code == 200
            assert "set-cookie" not in answer.headers
        assert (await site.nobody.head(link)).status_code == 204
        assert (await site.nobody.get("/api/me")).status_code == 401
        signed = await presses(site.nobody, link)
        assert (signed.status_code, signed.headers["location"]) == (303, "/")
        cookie = signed.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert f"max-age={12 * 3600}" in cookie


async def test_a_link_from_a_chat_works_once_and_a_newer_one_ends_it(tmp_path: Path) -> None:
    async with open_site(tmp_path, []) as site, httpx2.AsyncClient(base_url=site.url) as other:
        await site.kit.access.admit(ANN.person_id, ANN.name, Role.MEMBER)
        ben = link_of(site, Actor("slack:T1:UBEN", "Ben"))
        older, newer = link_of(site), link_of(site)
        token = older.partition("token=")[2]
        assert (await other.get(older, headers=PAGE)).status_code == 401
        assert (await other.post("/signin", data={"token": token})).status_code == 401
        assert (await presses(site.nobody, newer)).status_code == 303
        used = await other.post("/signin", data={"token": newer.partition("token=")[2]}, headers=PAGE)
        assert used.status_code == 401
        assert "used already or is too old" in used.text
        assert (await other.get(ben, headers=PAGE)).status_code == 200  # somebody else's is not touched


async def test_a_link_from_a_chat_is_good_for_fifteen_minutes_and_its_session_for_twelve_hours(tmp_path: Path) -> None:
    clock = Clock()
    async with open_site(tmp_path, [], now=clock) as site:
        await site.kit.access.admit(ANN.person_id, ANN.name, Role.MEMBER)
        link = link_of(site)
        clock.now += timedelta(minutes=15)
        assert (await site.nobody.get(link, headers=PAGE)).status_code == 401
        link = link_of(site)
        clock.now += timedelta(minutes=14, seconds=59)
        assert (await presses(site.nobody, link)).status_code == 303
        clock.now += timedelta(hours=11, minutes=59)
        assert (await site.nobody.get("/api/me")).status_code == 200
        clock.now += timedelta(minutes=1)
        assert (await site.nobody.get("/api/me")).status_code == 401


async def test_a_button_of_another_site_signs_nobody_in(tmp_path: Path) -> None:
    async with open_site(tmp_path, []) as site:
        await site.kit.access.admit(ANN.person_id, ANN.name, Role.MEMBER)
        token = link_of(site).partition("token=")[2]
        forged = await site.nobody.post("/signin", data={"token": token}, headers={"Origin": "https://evil.example"})
        assert forged.status_code == 403
        assert "set-cookie" not in forged.headers
        assert (await site.nobody.post("/signin", data={"token": token})).status_code == 303


@pytest.mark.parametrize("body", [b"", b"token=", b"token=%00%ff", b"other=1"])
async def test_a_button_without_a_link_says_so(tmp_path: Path, body: bytes) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded", **PAGE}
    async with open_site(tmp_path, []) as site:
        assert (await site.nobody.post("/signin", content=body, headers=kind)).status_code == 401


async def test_whoever_signs_in_as_somebody_else_is_told_and_the_earlier_session_ends(tmp_path: Path) -> None:
    async with open_site(tmp_path, []) as site:
        await site.kit.access.admit(ANN.person_id, ANN.name, Role.MEMBER)
        ((name, value),) = site.browser.cookies.items()
        link = link_of(site)
        assert "This browser is signed in as the owner. That ends here." in (await site.browser.get(link)).text
        await presses(site.browser, link)
        assert (await site.browser.get("/api/me")).json()["person_id"] == ANN.person_id
        assert (await site.nobody.get("/api/me", headers={"Cookie": f"{name}={value}"})).status_code == 401


async def test_somebody_expelled_is_refused_at_once_with_a_sentence(tmp_path: Path) -> None:
    async with open_site(tmp_path, [say("done")]) as site, signed_in(site) as ann:
        body = {"thread_id": "", "text": "work", "files": [], "event_id": "e1"}
        said = (await ann.post("/api/messages", json=body)).json()
        late = link_of(site)
        await site.kit.service.expel(OWNER, ANN.person_id)
        for path in ("/", f"/t/{said['thread']}"):
            page = await ann.get(path, headers=PAGE)
            assert page.status_code == 403
            assert "You have no access to Gofer here yet. Ask an admin" in " ".join(
                re.sub("<[^>]+>", " ", page.text).split()
            )
        assert (await ann.get("/api/tasks")).status_code == 403
        assert (await ann.post("/api/messages", json={**body, "event_id": "e2"})).status_code == 403
        refused = await presses(site.nobody, late)
        assert refused.status_code == 403
        assert "You have no access to Gofer any more." in refused.text
        assert (await site.nobody.get("/api/me")).status_code == 401


async def _everything(site: Site, thread: str, task_id: str, ask_id: str, sha256: str) -> dict[str, Any]:
    """Each route that the API describes, with a request that means the owner's conversation."""
    thread_id = f"web:local::{thread}"
    parts = {"task_id": task_id, "thread_id": thread_id, "ask_id": ask_id, "sha256": sha256, "path": "inputs/plans.csv"}
    parts |= {"key": f"ask:{ask_id}", "name": "ask.txt"}
    bodies: dict[str, Any] = {
        "/api/links": {},
        "/api/uploads": None,
        "/api/threads/{thread_id}/undo": {},
        "/api/messages": {"thread_id": thread_id, "text": "yes", "event_id": "x1"},
        "/api/tasks": {"thread_id": thread_id, "request": "more", "inbox_id": "x2"},
        "/api/tasks/{task_id}/steer": {"text": "stop that", "inbox_id": "x3"},
        "/api/tasks/{task_id}/stop": {},
        "/api/tasks/{task_id}/pause": {},
        "/api/tasks/{task_id}/resume": {},
        "/api/asks/{ask_id}": {"revision": 1, "choice": "approve"},
        "/api/press": {"token": f"g1:answer:{ask_id}:1:approve", "event_id": "x4"},
    }
    paths = (await site.program.get("/api/openapi.json")).json()["paths"]
    assert set(bodies) == {path for path, methods in paths.items() if "post" in methods}
    return {
        f"{method} {path}": (method, path.format_map(parts), bodies.get(path))
        for path, methods in paths.items()
        for method in methods
    }


async def test_nothing_of_the_owners_is_seen_or_changed_by_a_person_of_a_chat(tmp_path: Path) -> None:
    async with open_site(tmp_path, [PLAN]) as site, signed_in(site) as ann:
        file = await site.upload("plans.csv", f"{SECRET}\n".encode())
        said = await site.say(SECRET, files=[file])
        ask = await site.pending(said["task_id"])
        before = await site.kit.journal.events(said["task_id"])
        everything = await _everything(site, said["thread"], said["task_id"], ask["ask_id"], file["sha256"])
        for name, (method, path, body) in everything.items():
            answer = await ann.request(method, path, json=body) if body is not None else await ann.request(method, path)
            assert SECRET not in answer.text, name
            if "{" in name:
                assert answer.status_code in (403, 404, 409), (name, answer.text)
        assert await site.kit.journal.events(said["task_id"]) == before
        assert (await ann.get("/api/threads")).json() == {"threads": []}
        assert (await ann.get("/api/tasks")).json() == {"tasks": []}
        assert (await ann.get("/api/feedback")).status_code == 403
        for path in ("/", f"/t/{said['thread']}", f"/t/{said['thread']}/stream"):
            page = await ann.get(path, headers=PAGE)
            assert SECRET not in page.text
            assert (page.status_code == 200) is (path == "/")
        # A file is used only by whoever uploaded it, whatever receipt is shown.
        stolen = {"thread_id": "", "text": "read it", "files": [file], "event_id": "x9"}
        assert (await ann.post("/api/messages", json=stolen)).status_code == 403


async def test_a_person_sees_and_goes_on_with_their_own_conversations_only(tmp_path: Path) -> None:
    async with open_site(tmp_path, [say("Done for Ann."), say("Done for the owner.")]) as site, signed_in(site) as ann:
        body = {"thread_id": "", "text": "sum up the budget", "files": [], "event_id": "e1"}
        mine = (await ann.post("/api/messages", json=body)).json()
        await site.until(mine["task_id"], "finished")
        page = (await ann.get(f"/t/{mine['thread']}", headers=PAGE)).text
        assert "Done for Ann." in page
        assert "sum up the budget" in (await ann.get("/", headers=PAGE)).text
        assert "sum up the budget" not in (await site.browser.get("/", headers=PAGE)).text
        task = await site.kit.service.task(OWNER, mine["task_id"])
        assert task.asked_by == ANN.person_id


async def test_an_admin_of_a_chat_has_their_own_list_and_none_of_the_local_accounts_rights(tmp_path: Path) -> None:
    script = [PLAN, say("Done.")]
    async with open_site(tmp_path, script) as site, signed_in(site, role=Role.ADMIN) as ann:
        said = await site.say(SECRET)
        ask = await site.pending(said["task_id"])
        assert SECRET not in (await ann.get("/", headers=PAGE)).text
        assert SECRET in (await ann.get(f"/api/tasks/{said['task_id']}")).text  # admins see all tasks
        await site.browser.post(f"/api/asks/{ask['ask_id']}", json={"revision": 1, "choice": "approve"})
        await site.until(said["task_id"], "finished")
        for browser, who in ((ann, "Approved by the owner"), (site.browser, "Approved by you")):
            assert who in (await browser.get(f"/t/{said['thread']}", headers=PAGE)).text
        made = await ann.post("/api/links", json={})
        assert made.status_code == 409
        assert "Only a local program" in made.text
        terminal = {"thread_id": "terminal:local::run1", "request": "x", "files": [], "inbox_id": "e1"}
        assert (await ann.post("/api/tasks", json=terminal)).status_code == 400


async def test_a_guest_stays_a_guest(tmp_path: Path) -> None:
    """What somebody is to their workspace came with the click, whatever role stands in the record."""
    gus = replace(ANN, standing=Standing.GUEST)
    async with open_site(tmp_path, [PLAN]) as site, signed_in(site, gus, Role.ADMIN) as browser:
        assert (await browser.get("/api/me")).json()["role"] == "member"
        body = {"thread_id": "", "text": "work", "files": [], "event_id": "e1"}
        said = (await browser.post("/api/messages", json=body)).json()
        ask = await site.pending(said["task_id"])
        decided = await browser.post(f"/api/asks/{ask['ask_id']}", json={"revision": 1, "choice": "approve"})
        assert decided.status_code == 403


async def test_sessions_of_people_survive_a_restart_and_take_no_place_of_the_owners(tmp_path: Path) -> None:
    clock, file = Clock(), tmp_path / "web.json"
    sessions = Sessions(file, now=clock)
    owner = await sessions.sign_in(sessions.new_link())
    tokens: list[str] = []
    for _ in range(KEPT_OF_PERSON + 1):
        clock.now += timedelta(seconds=1)
        token = await sessions.sign_in(sessions.new_link_for(replace(ANN, standing=Standing.GUEST)))
        assert token is not None
        tokens.append(token)
    again = Sessions(file, now=clock)
    assert owner is not None
    assert again.actor(owner) == WEB_OWNER
    known = Actor(ANN.person_id, ANN.name, standing=Standing.GUEST)  # the place and the groups of a click stay behind
    assert [again.actor(token) for token in tokens] == [None, *[known] * KEPT_OF_PERSON]
    stored = file.read_text(encoding="utf-8")
    assert not any(token in stored for token in tokens)


async def test_a_session_file_from_before_there_were_others_is_the_owners(tmp_path: Path) -> None:
    file = tmp_path / "web.json"
    sessions = Sessions(file)
    token = await sessions.sign_in(sessions.new_link())
    stored = json.loads(file.read_text(encoding="utf-8"))
    assert stored.pop("people") == {}
    file.write_text(json.dumps(stored), encoding="utf-8")
    assert token is not None
    assert Sessions(file).actor(token) == WEB_OWNER


@pytest.mark.parametrize("who", [WEB_OWNER, TERMINAL, SYSTEM])
def test_no_link_from_a_chat_is_for_the_local_account(tmp_path: Path, who: Actor) -> None:
    with pytest.raises(Bug):
        Sessions(tmp_path / "web.json").new_link_for(replace(who, name="Ann"))
