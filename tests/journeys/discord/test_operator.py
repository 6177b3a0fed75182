"""What whoever runs Gofer does and sees: from nothing to a first task, and what `gofer doctor` says on the way."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.fakes.discord import DiscordFake
from tests.journeys.discord.driver import Company, company
from tests.journeys.discord.serving import ACCESS
from tests.journeys.program import program

OUR_OWN = ("discord token", "discord intents", "discord rights", "discord commands", "discord events")


async def doctor(work: Company) -> dict[str, dict[str, Any]]:
    """What `gofer doctor --json` says of Discord."""
    done = await asyncio.to_thread(work.server.program.run, "doctor", "--json")
    checks = json.loads(done.out)["checks"]
    return {check["name"]: check for check in checks if check["name"].startswith("discord")}


async def test_from_an_invited_application_to_a_first_task(tmp_path: Path) -> None:
    async with company(tmp_path, admin=False) as work:
        before = await doctor(work)
        assert [before[name]["state"] for name in OUR_OWN] == ["ok", "ok", "ok", "fail", "warn"]
        assert before["discord commands"]["fix"] == "Run `gofer discord sync`."
        await work.synchronise()
        chat = work.chat()
        talk = chat.model({"text": "Hello."})
        await work.people["ann"].runs("/task new", chat.channel, prompt=f"say hello {chat.tag}")
        await work.until(lambda: talk.seen)
        after = await doctor(work)
        assert [after[name]["state"] for name in OUR_OWN] == ["ok"] * 5, after
        assert "command" in after["discord events"]["detail"]


async def test_before_it_is_invited_the_doctor_gives_the_link(tmp_path: Path) -> None:
    async with DiscordFake() as discord:
        discord.world.backend.remove_guild(discord.guild.id)
        (tmp_path / "gofer.toml").write_text(ACCESS, encoding="utf-8")
        done = await asyncio.to_thread(program(tmp_path, **discord.env(), GOFER_MODEL="offline").run, "doctor")
        link = f"https://discord.com/oauth2/authorize?client_id={discord.application_id}&scope=bot"
        assert link in done.out + done.err
        assert "permissions=309237746752" in done.out + done.err


async def test_a_wrong_token_is_told_by_the_commands_that_need_it(tmp_path: Path) -> None:
    async with DiscordFake() as discord:
        gofer = program(tmp_path, **{**discord.env(), "DISCORD_TOKEN": "wrong"}, GOFER_MODEL="offline")
        for words in (("discord", "sync"), ("doctor",)):
            done = await asyncio.to_thread(gofer.run, *words)
            assert done.code == 1
            assert "Reset Token" in done.out + done.err
        without = program(tmp_path, GOFER_MODEL="offline")
        done = await asyncio.to_thread(without.run, "discord", "sync")
        assert done.code in (1, 2)
        assert "DISCORD_TOKEN" in done.err
