"""Connect your account: from Discord into the web chat, as oneself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.journeys.discord.driver import Card, Company, DiscordChat, company
from tests.journeys.signing_in import PAGE, PUBLIC, a_browser, kept_in, link_in, press

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
        await opened.synchronise()
        yield opened


async def linked(chat: DiscordChat, who: str) -> Card:
    """Press the button below the command's answer; what comes of it."""
    await chat.person(who).runs("/gofer connectors", chat.channel)
    card = await chat.told("None are set up: this version cannot add any yet.", who=who)
    await chat.person(who).clicks(card.message, BUTTON)
    return await chat.told(LINK, who=who)


async def test_the_command_gives_a_link_that_signs_in_as_oneself(
    work: Company, folder: Path, chat: DiscordChat
) -> None:
    told = await linked(chat, "eve")
    assert told.message.ephemeral
    assert "eve (Discord)" in told.text
    link = link_in(told.message.components)
    assert work.discord.messages(chat.channel) == []
    assert not any(LINK in shown.plain for shown in work.private(work.people["ann"]))
    async with a_browser(folder) as browser, a_browser(folder) as other:
        assert (await press(browser, link)).status_code == 303
        person_id = f"discord:{work.people['eve'].user_id}"
        assert (await browser.get("/api/me")).json() == {"person_id": person_id, "role": "admin"}
        assert "Signed in as eve (Discord)" in (await browser.get("/", headers=PAGE)).text
        assert (await other.get(link.removeprefix(PUBLIC), headers=PAGE)).status_code == 401
    token = link.partition("token=")[2]
    assert token not in work.server.log
    kept = await asyncio.to_thread(lambda: list(kept_in(folder)))
    assert kept
    assert not any(token.encode() in part for part in kept)


async def test_it_works_in_direct_messages_and_a_newer_link_ends_the_one_before(work: Company, folder: Path) -> None:
    alone = work.alone("eve")
    older = link_in((await linked(alone, "eve")).message.components)
    newer = link_in((await linked(alone, "eve")).message.components)
    async with a_browser(folder) as browser:
        assert (await browser.get(older.removeprefix(PUBLIC), headers=PAGE)).status_code == 401
        assert (await press(browser, newer)).status_code == 303


async def test_access_by_a_role_opens_no_web_chat_and_says_how_to_get_in(work: Company, chat: DiscordChat) -> None:
    await work.people["ann"].runs("/gofer connectors", chat.channel)
    card = await chat.told("None are set up")
    await work.people["ann"].clicks(card.message, BUTTON)
    refused = await chat.told("You have access by a channel, a group")
    assert "Ask an admin to add you by your id" in refused.text
    assert "token=" not in str(refused.message.components)


async def test_a_stranger_has_no_button(work: Company, chat: DiscordChat) -> None:
    await work.people["zoe"].runs("/gofer connectors", chat.channel)
    refused = await chat.told("You have no access", who="zoe")
    assert BUTTON not in refused.buttons
