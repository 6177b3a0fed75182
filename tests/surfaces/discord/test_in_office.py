"""Discord opened in this process, against the strict Discord: who holds the connection, and what survives a fault."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from agent.domain.people import SYSTEM
from agent.domain.task import Status
from agent.service import AccessRules
from bot.discord.commands import sync
from bot.discord.login import visiting
from tests.fakes.discord import DiscordFake
from tests.kit import call, open_kit, say
from tests.surfaces.discord.inside import opened, settings_for

OPEN = AccessRules(start=("everyone",))
PLAN = call("plan", steps=["one", "two"], files=["a"])


async def test_of_two_processes_one_holds_the_connection_and_the_other_takes_over(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(DiscordFake())
        kit = await stack.enter_async_context(open_kit(tmp_path, [PLAN, say("Done.")], access=OPEN))
        ann, general = discord.user("ann"), discord.channel("general")
        first = await stack.enter_async_context(AsyncExitStack())
        await first.enter_async_context(opened(kit, discord, tmp_path, "first"))
        await discord.wait_for(lambda: discord.gateway.connected)
        await stack.enter_async_context(opened(kit, discord, tmp_path, "second"))
        root = await ann.says(general, f"{discord.mention} work")
        await discord.wait_for(lambda: discord.messages(general)[0].reactions)
        await kit.work()
        await discord.wait_for(lambda: [m for m in discord.messages(root.id) if m.button_labels])
        assert (discord.gateway.connected, discord.gateway.identified) == (1, 1)

        await first.aclose()
        await discord.wait_for(lambda: discord.gateway.identified == 2)
        (card,) = [m for m in discord.messages(root.id) if m.button_labels]
        await ann.clicks(card, "Approve")
        await discord.wait_for(lambda: any("approved" in m.plain for m in discord.messages(root.id)))
        assert discord.gateway.connected == 1


async def test_a_token_that_discord_takes_back_is_told_and_nothing_else_ends(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(DiscordFake())
        kit = await stack.enter_async_context(open_kit(tmp_path, [], access=OPEN))
        lines = await stack.enter_async_context(opened(kit, discord, tmp_path, "first"))
        await discord.wait_for(lambda: discord.gateway.connected)
        discord.gateway.close(4004)
        await discord.wait_for(lambda: len(lines) == 2)
        assert "Reset Token" in lines[1]


async def test_a_switch_that_is_off_is_named_and_gofer_waits_for_it(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(DiscordFake())
        discord.world.message_content = False
        kit = await stack.enter_async_context(open_kit(tmp_path, [], access=OPEN))
        lines = await stack.enter_async_context(opened(kit, discord, tmp_path, "first", discord_message_content=True))
        await discord.wait_for(lambda: len(lines) == 2)
        assert "Message Content Intent" in lines[1]
        assert 4014 in discord.gateway.refused


async def test_clicks_that_are_posted_elsewhere_are_told_of_at_the_start(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(DiscordFake("http"))
        discord.interactions.url = "https://elsewhere.example.com/interactions"
        kit = await stack.enter_async_context(open_kit(tmp_path, [], access=OPEN))
        lines = await stack.enter_async_context(opened(kit, discord, tmp_path, "first"))
        await discord.wait_for(lambda: len(lines) == 2)
        assert "https://elsewhere.example.com/interactions, so they do not arrive here" in lines[1]
        assert "DISCORD_PUBLIC_KEY" in lines[1]


async def test_whoever_sends_the_claim_code_alone_is_the_admin(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(DiscordFake())
        kit = await stack.enter_async_context(open_kit(tmp_path, []))
        ann = discord.user("ann")
        alone = discord.dm(ann)
        await stack.enter_async_context(opened(kit, discord, tmp_path, "first"))
        await discord.wait_for(lambda: discord.gateway.connected)
        code = await kit.access.new_claim_code()
        await ann.says(alone, f"claim {code}")
        await discord.wait_for(lambda: any("You are an admin" in m.plain for m in discord.messages(alone)))
        assert f"discord:{ann.user_id}" in await kit.service.admins(SYSTEM)


async def test_a_task_is_suggested_looked_at_and_approved_by_command(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(DiscordFake())
        kit = await stack.enter_async_context(open_kit(tmp_path, [PLAN, say("Done.")], access=OPEN))
        ann, zoe, general = discord.user("ann"), discord.user("zoe"), discord.channel("general")
        await stack.enter_async_context(opened(kit, discord, tmp_path, "first"))
        await discord.wait_for(lambda: discord.gateway.connected)
        async with visiting(settings_for(discord, tmp_path)) as (web, bot, _):
            await sync(web, bot.application_id)

        await ann.runs("/task new", general, prompt="count the words")
        # Its thread shows the rest, so no "thinking…" stays behind.
        await discord.wait_for(lambda: [call for call in discord.calls() if call.method == "DELETE" and call.ok])
        assert discord.ephemerals(ann) == []
        await kit.work()
        (task,) = await kit.journal.tasks()

        assert await ann.completes("/task approve", general, "task", "words") == ["count the words"]
        assert await ann.completes("/task retry", general, "task", "") == []
        await ann.runs("/task status", general, task=task.task_id)
        await discord.wait_for(lambda: any("Waits for a decision" in m.plain for m in discord.ephemerals(ann)))
        await zoe.runs("/task approve", general, task=task.task_id)
        await discord.wait_for(lambda: any("not yours to decide" in m.plain for m in discord.ephemerals(zoe)))
        await ann.runs("/task approve", general, task=task.task_id)
        await discord.wait_for(lambda: any("Approved. It goes on" in m.plain for m in discord.ephemerals(ann)))
        await kit.work()
        assert (await kit.journal.tasks())[0].status is Status.FINISHED
