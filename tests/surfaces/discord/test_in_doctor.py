"""`gofer doctor` and `gofer discord sync` against the strict Discord."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import discord as library
import pytest
from pydantic import SecretStr

from agent.domain.errors import Refused
from bot.checks import Check
from bot.discord.commands import sync
from bot.discord.doctor import RIGHTS, examine, invitation
from bot.discord.login import visiting
from bot.settings import Settings
from tests.fakes.discord import PERMISSIONS, DiscordFake, Limits

HEARD = {"message": datetime(2026, 11, 28, 12, tzinfo=UTC)}


def settings(fake: DiscordFake, folder: Path, **more: object) -> Settings:
    return Settings.model_validate(
        {"home": folder, "discord_token": SecretStr(fake.token), "discord_api_url": fake.url, **more}
    )


async def checks(fake: DiscordFake, folder: Path, **more: object) -> dict[str, Check]:
    return {check.name: check for check in await examine(settings(fake, folder, **more), HEARD)}


async def test_after_the_commands_are_registered_all_is_well(tmp_path: Path) -> None:
    async with DiscordFake() as fake:
        before = await checks(fake, tmp_path)
        assert (before["discord commands"].state, before["discord commands"].fix) == (
            "fail",
            "Run `gofer discord sync`.",
        )
        async with visiting(settings(fake, tmp_path)) as (web, bot, _):
            assert set(await sync(web, bot.application_id)) == {"task", "gofer", "Hand to Gofer"}
        after = await checks(fake, tmp_path)
        assert {check.state for check in after.values()} == {"ok"}, after
        assert "2026-11-28 12:00 UTC" in after["discord events"].detail


async def test_a_wrong_token_is_told_with_where_to_get_another(tmp_path: Path) -> None:
    async with DiscordFake() as fake:
        (check,) = (await checks(fake, tmp_path, discord_token=SecretStr("wrong"))).values()
        assert (check.name, check.state) == ("discord token", "fail")
        assert "Reset Token" in check.fix


async def test_a_discord_that_is_not_there_is_told(tmp_path: Path) -> None:
    async with DiscordFake() as fake:
        gone = settings(fake, tmp_path)
    with pytest.raises(Refused, match="cannot be reached"):
        async with visiting(gone):
            pass


async def test_the_switch_that_is_off_is_named_where_it_is_needed(tmp_path: Path) -> None:
    async with DiscordFake() as fake:
        fake.world.message_content = False
        assert (await checks(fake, tmp_path))["discord intents"].state == "ok"
        check = (await checks(fake, tmp_path, discord_message_content=True))["discord intents"]
        assert check.state == "fail"
        assert "Message Content Intent" in check.fix


async def test_how_many_connections_discord_wants_and_allows_today_is_told(tmp_path: Path) -> None:
    async with DiscordFake(limits=Limits(shards=3, remaining=40)) as fake:
        check = (await checks(fake, tmp_path))["discord gateway"]
        assert (check.state, check.detail) == (
            "ok",
            "Discord wants 3 connections; 40 of 1000 may still be opened today",
        )
        fake.gateway.limits.remaining = 2
        check = (await checks(fake, tmp_path))["discord gateway"]
        assert (check.state, "2 of 1000" in check.detail) == ("warn", True)


async def test_a_right_that_is_missing_is_named(tmp_path: Path) -> None:
    fewer = library.Permissions(PERMISSIONS.value)
    fewer.update(attach_files=False)
    async with DiscordFake(permissions=fewer) as fake:
        fake.guild.roles[fake.guild.id].permissions &= fewer.value
        check = (await checks(fake, tmp_path))["discord rights"]
        assert (check.state, check.detail.partition(": ")[2]) == ("fail", "missing Attach Files")
        assert invitation(str(fake.application_id)) in check.fix


def test_the_invitation_asks_for_what_is_needed_and_nothing_else() -> None:
    asked = int(invitation("1").rpartition("permissions=")[2])
    assert asked == sum(RIGHTS.values())
    assert library.Permissions(asked) <= PERMISSIONS
    assert str(asked) in Path("docs/discord.md").read_text(encoding="utf-8")


async def test_a_key_of_another_application_is_noticed(tmp_path: Path) -> None:
    async with DiscordFake() as fake:
        check = (await checks(fake, tmp_path, discord_public_key="ab" * 32))["discord interactions"]
        assert check.state == "fail"
        assert "another application" in check.detail
