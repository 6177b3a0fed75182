"""Connect your account: from Slack into the web chat, as oneself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx2
import pytest

from tests.fakes.slack import Channel, Message, View
from tests.journeys.brain import say
from tests.journeys.signing_in import PAGE, PUBLIC, a_browser, kept_in, link_in, press
from tests.journeys.slack.driver import Card, Company, company

BUTTON = "Open the web chat as me"
LINK = "Sign in to the web chat as"


@pytest.fixture(scope="module")
async def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this Gofer keeps its things."""
    return tmp_path_factory.mktemp("public")


@pytest.fixture(scope="module")
async def work(folder: Path, anyio_backend: str) -> AsyncGenerator[Company]:
    """Gofer at work, with a web chat that people can reach."""
    async with company(folder, GOFER_PUBLIC_URL=PUBLIC) as opened:
        yield opened


@pytest.fixture
async def browser(folder: Path, work: Company) -> AsyncGenerator[httpx2.AsyncClient]:
    """Somebody's browser."""
    await work.server.says("Gofer is ready")
    async with a_browser(folder) as opened:
        yield opened


async def home_of(work: Company, who: str) -> View:
    """Somebody's Home tab, as it is now."""
    person = work.people[who]
    await person.opens_home()
    return await work.until(lambda: work.slack.home(person))


async def linked(work: Company, who: str) -> Card:
    """Press the button on the Home tab; what comes of it."""
    dm = work.slack.dm(work.people[who])
    before = {message.ts for message in work.slack.messages(dm)}
    await work.people[who].clicks(await home_of(work, who), BUTTON)
    return work.alone(who).seen(await work.until(lambda: newest(work, dm, before)))


def newest(work: Company, dm: Channel, before: set[str]) -> Message | None:
    """A link that was not there before."""
    return next((m for m in work.slack.messages(dm) if m.ts not in before and LINK in m.plain), None)


async def test_the_home_tab_gives_a_link_that_signs_in_as_oneself(
    work: Company, folder: Path, browser: httpx2.AsyncClient
) -> None:
    home = await home_of(work, "eve")
    assert "Your account" in home.plain
    assert "eve (Slack), admin" in home.plain
    told = await linked(work, "eve")
    link = link_in(told.message.blocks)
    assert told.message.channel is work.slack.dm(work.people["eve"])
    assert "15 minutes" in told.text
    assert link not in told.message.text  # what notifications show and what is read back later
    elsewhere = [c for c in work.slack.world.channels.values() if c is not told.message.channel]
    assert not any(LINK in message.plain for channel in elsewhere for message in work.slack.messages(channel))
    assert (await press(browser, link)).status_code == 303
    person_id = f"slack:{work.slack.team_id}:{work.people['eve'].user_id}"
    assert (await browser.get("/api/me")).json() == {"person_id": person_id, "role": "admin"}
    assert "Signed in as eve (Slack)" in (await browser.get("/", headers=PAGE)).text
    async with a_browser(folder) as other:
        assert (await other.get(link.removeprefix(PUBLIC), headers=PAGE)).status_code == 401
    token = link.partition("token=")[2]
    assert token not in work.server.log
    kept = await asyncio.to_thread(lambda: list(kept_in(folder)))
    assert kept
    assert not any(token.encode() in part for part in kept)


async def test_a_newer_link_ends_the_one_before(work: Company, folder: Path, browser: httpx2.AsyncClient) -> None:
    older = link_in((await linked(work, "eve")).message.blocks)
    newer = link_in((await linked(work, "eve")).message.blocks)
    assert (await browser.get(older.removeprefix(PUBLIC), headers=PAGE)).status_code == 401
    assert (await press(browser, newer)).status_code == 303


async def test_a_command_in_a_channel_says_what_is_connected_and_gives_the_link_to_one_person(
    work: Company, browser: httpx2.AsyncClient
) -> None:
    chat = work.chat("eve")
    await work.people["eve"].runs("/gofer connectors", chat.channel)
    card = await chat.told("None are set up: this version cannot add any yet.", who="eve")
    assert "eve (Slack), admin" in card.text
    eve = work.people["eve"]
    await eve.clicks(card.message, BUTTON)
    told = await work.until(lambda: next((m for m in work.slack.ephemerals(eve) if LINK in m.plain), None))
    assert told.channel is chat.channel
    assert work.slack.messages(chat.channel) == []
    assert not any(LINK in m.plain for who in ("ann", "ben") for m in work.slack.ephemerals(work.people[who]))
    assert (await press(browser, link_in(told.blocks))).status_code == 303


async def test_access_by_a_group_opens_no_web_chat_and_says_how_to_get_in(work: Company) -> None:
    chat = work.chat()
    await work.people["ann"].runs("/gofer connectors", chat.channel)
    card = await chat.told("None are set up")
    await work.people["ann"].clicks(card.message, BUTTON)
    refused = await chat.told("You have access by a channel, a group")
    assert "Ask an admin to add you by your id" in refused.text
    assert "token=" not in str(refused.message.blocks)


async def test_a_stranger_has_no_button_until_an_admin_lets_them_in(work: Company, browser: httpx2.AsyncClient) -> None:
    assert (await home_of(work, "zoe")).button_labels == ["Request access"]
    chat = work.chat("zoe", "eve")
    await work.people["zoe"].runs("/gofer connectors", chat.channel)
    refused = await chat.told("You have no access", who="zoe")
    await work.people["zoe"].clicks(refused.message, "Request access")
    asked = await chat.told("Somebody asks for access", who="eve")
    await work.people["eve"].clicks(asked.message, "Let in")
    await chat.told("You have access to Gofer now", who="zoe")
    await work.people["zoe"].opens_home()
    zoe = work.people["zoe"]
    await work.until(lambda: (view := work.slack.home(zoe)) and BUTTON in view.button_labels)
    assert (await press(browser, link_in((await linked(work, "zoe")).message.blocks))).status_code == 303
    assert (await browser.get("/api/me")).json()["role"] == "member"


async def test_a_session_goes_on_after_a_restart_and_the_button_of_before_still_works(
    work: Company, folder: Path, browser: httpx2.AsyncClient
) -> None:
    home = await home_of(work, "eve")
    assert (await press(browser, link_in((await linked(work, "eve")).message.blocks))).status_code == 303
    assert await work.server.stop() == 0
    await work.server.start()
    await work.server.says("Gofer is ready")
    async with a_browser(folder) as again:
        again.headers["Cookie"] = browser.headers["Cookie"]
        assert "Signed in as eve (Slack)" in (await again.get("/", headers=PAGE)).text
    eve = work.people["eve"]
    dm = work.slack.dm(eve)
    before = {message.ts for message in work.slack.messages(dm)}
    await eve.clicks(home, BUTTON)
    assert link_in((await work.until(lambda: newest(work, dm, before))).blocks)


async def test_what_is_begun_in_the_web_chat_is_theirs_and_answered_there(
    work: Company, browser: httpx2.AsyncClient
) -> None:
    chat = work.alone("eve")
    chat.model(say("Done in the browser."))
    await press(browser, link_in((await linked(work, "eve")).message.blocks))
    body = {"thread_id": "", "text": f"do it {chat.tag}", "files": [], "event_id": "e1"}
    said = (await browser.post("/api/messages", json=body)).raise_for_status().json()
    task = await browser.get(f"/api/tasks/{said['task_id']}/events", params={"follow": "1"}, timeout=30)
    assert "Done in the browser." in task.text
    assert not [m for m in work.slack.messages(chat.channel) if "Done in the browser." in m.plain]
