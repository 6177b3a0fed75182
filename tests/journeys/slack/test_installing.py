"""Several workspaces with one app: installed in a browser, worked in, kept over a restart, and uninstalled."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path

import httpx2
import pytest

from tests.fakes.slack import Message, SlackFake
from tests.fakes.slack.world import Team
from tests.journeys.program import scripted
from tests.journeys.slack.serving import MODES, Mode, Office, Server, free_port

TOML = '[access]\nstart = ["everyone"]\n'


@dataclass
class Shop:
    """Gofer with an app that others may install, and nobody has yet; `base` is its own address."""

    slack: SlackFake
    server: Server
    base: str

    async def sign_in(self, browser: httpx2.AsyncClient) -> None:
        """By the link that Gofer prints for its owner."""
        link = next(found[0] for line in self.server.lines if (found := re.search(r"http://\S+/signin\S+", line)))
        assert (await browser.get(link)).status_code == 303

    async def installs(self, browser: httpx2.AsyncClient, address: str, team: Team) -> httpx2.Response:
        """Open the page, go on to Slack, choose the workspace and agree there; the page that is shown in the end."""
        page = await browser.get(address)
        assert page.status_code == 200, page.text
        (link,) = re.findall(r'<a class="button" href="([^"]+)"', page.text)
        async with httpx2.AsyncClient() as slack:
            agreed = await slack.get(f"{unescape(link)}&team={team.team_id}")
        assert agreed.status_code == 302, agreed.text
        return await browser.get(agreed.headers["location"])

    async def office(self, team: Team) -> Office:
        """A channel of that workspace with two people and Gofer in it."""
        ann, ben = self.slack.user("ann", team=team), self.slack.user("ben", team=team)
        general = self.slack.channel("general", members=[ann, ben], team=team)
        return Office(self.slack, self.server, ann, ben, general)

    async def answered(self, place: Office, team: Team, *, within: str = "Yes.") -> Message:
        """Hand a task over there and wait for its answer."""
        root = await place.ann.says(place.general, f"<@{team.bot_user_id}> is four even?")

        def found() -> Message | None:
            said = (m for m in self.slack.messages(place.general, root.ts) if m.user == team.bot_user_id)
            return next((message for message in said if within in message.plain), None)

        return await place.until(found)


@asynccontextmanager
async def shop(folder: Path, mode: Mode) -> AsyncGenerator[Shop]:
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(SlackFake(mode))
        slack.team.installed = False
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        slack.deliver_to(f"{base}/slack/events")
        (folder / "gofer.toml").write_text(TOML, encoding="utf-8")
        settings = {name: value for name, value in slack.env().items() if name != "SLACK_BOT_TOKEN"}
        settings |= {"SLACK_CLIENT_ID": slack.client_id, "SLACK_CLIENT_SECRET": slack.client_secret}
        settings |= {"GOFER_PUBLIC_URL": base, "GOFER_WEB_PORT": str(port)}
        server = Server(scripted(folder, [{"text": "Yes."}], **settings), ("serve",), "/signin")
        await server.start()
        try:
            yield Shop(slack, server, base)
        finally:
            if server.alive:
                assert await server.stop() == 0, server.log


def kept(folder: Path) -> bytes:
    """All that the data folder holds."""
    return b"".join(path.read_bytes() for path in sorted((folder / "home").rglob("*")) if path.is_file())


@pytest.mark.parametrize("mode", MODES)
async def test_two_workspaces_install_it_work_with_it_and_one_removes_it(tmp_path: Path, mode: Mode) -> None:
    async with shop(tmp_path, mode) as gofer:
        acme, beta = gofer.slack.team, gofer.slack.workspace("beta")
        first, second = await gofer.office(acme), await gofer.office(beta)
        async with httpx2.AsyncClient(base_url=gofer.base) as owner, httpx2.AsyncClient(base_url=gofer.base) as guest:
            await gofer.sign_in(owner)
            assert (await guest.get("/slack/install")).status_code == 403
            done = await gofer.installs(owner, "/slack/install", acme)
            assert (done.status_code, "Gofer is now in acme" in done.text) == (200, True)
            page = await owner.get("/slack/install")
            (invitation,) = re.findall(r"http://\S+/slack/install\?invitation=[\w-]+", unescape(page.text))
            done = await gofer.installs(guest, invitation, beta)
            assert (done.status_code, "Gofer is now in beta" in done.text) == (200, True)
            assert (await guest.get(str(done.url))).status_code == 400  # what Slack sent back counts once
            assert (await guest.get(invitation)).status_code == 403
        for place, team in ((first, acme), (second, beta)):
            await gofer.answered(place, team)

        held = await asyncio.to_thread(kept, tmp_path)
        assert [team.name for team in (acme, beta) if team.bot_token.encode() in held] == []

        await gofer.server.kill()
        await gofer.server.start()
        await gofer.server.says("Slack   beta")
        await gofer.answered(second, beta)

        gofer.slack.uninstall(beta)
        await gofer.slack.settled()
        folder = tmp_path / "home" / "slack"
        await gofer.slack.wait_for(lambda: not any(beta.team_id in path.name for path in folder.iterdir()))
        await gofer.answered(first, acme)
        await gofer.server.kill()
        await gofer.server.start()
        await gofer.server.says("Slack   acme")
        assert not any("Slack   beta" in line for line in gofer.server.lines)
        again = replace(first, general=gofer.slack.channel("again", members=[first.ann]))
        await gofer.answered(again, acme)
