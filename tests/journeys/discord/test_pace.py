"""How often Gofer changes a card, when it begins a new one, and that it does not knock at a closed door for ever."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

from bot.discord.surface import EDIT_EVERY_S, EDITED_FOR_S
from tests.fakes.discord import Message
from tests.journeys.brain import call, say
from tests.journeys.discord.counting import EDIT, POEM, statuses
from tests.journeys.discord.driver import Company, DiscordChat
from tests.journeys.discord.serving import ACCESS, Office, office
from tests.journeys.scenarios import COUNT
from tests.journeys.slack.serving import PATIENCE_S

STEPS = 12
ASK = f"""{ACCESS}
[policy]
ask = ["Bash(publish*)"]
"""
WORK: list[dict[str, Any]] = [
    {"text": f"Part {n}.", "tools": [{"name": "bash", "input": {"command": f"sleep 0.3; echo {n}"}}]}
    for n in range(STEPS)
]
PUBLISH: dict[str, Any] = {"tools": [{"name": "bash", "input": {"command": "publish || true"}}]}


def status(gofer: Office, root: Message) -> Message:
    """The card that follows the task."""
    (card,) = {s.card for s in gofer.thread(root) if s.card.is_card and ("Working" in s.plain or "Done in" in s.plain)}
    return card


async def test_a_status_card_is_never_changed_sooner_than_its_pace(tmp_path: Path) -> None:
    async with office(tmp_path, [*WORK, PUBLISH, {"text": "All is out."}], toml=ASK) as gofer:
        root = await gofer.asks("publish it")
        ask = await gofer.card(root, "publish", button="Allow once")
        await gofer.ann.clicks(ask, "Allow once")
        await gofer.card(root, "All is out.")
        await gofer.until(lambda: "Done in" in status(gofer, root).plain)
        changed = [c.at for c in gofer.discord.calls(EDIT) if c.ids[1] == status(gofer, root).id]
        assert len(changed) >= 2
        # Each is answered before the time begins that the next one waits for.
        assert min(later - sooner for sooner, later in pairwise(changed)) >= EDIT_EVERY_S


async def test_work_that_takes_an_hour_goes_on_in_a_new_card(work: Company, chat: DiscordChat) -> None:
    clock = work.discord.world.backend.clock
    last = call("bash", command="until [ -e inputs/more.txt ]; do sleep 0.2; done")
    talk = chat.model(COUNT, {**last, "hold": True}, say("Three words."))
    clock.advance(-EDITED_FOR_S - 60)  # what is posted now is an hour old a moment later
    try:
        await chat.ask("count the words", [POEM])
        old = await chat.card("Working", button="Stop")
    finally:
        clock.advance(EDITED_FOR_S + 60)
    await talk.thinks()
    talk.go_on()
    await work.until(lambda: [m for m in chat.messages() if "until [" in m.text and "Stop" in m.buttons])
    await chat.reply("stop")
    new = await chat.card("Stopped after", without="Stop")
    assert new.message.id > old.message.id
    # The old one stays as it was or is taken away; it offers nothing that the new one does.
    assert old.message.deleted or old.buttons == []


async def test_where_gofer_may_not_write_any_more_it_soon_stops_trying(tmp_path: Path) -> None:
    async with office(tmp_path, [*WORK, {"text": "All is done."}]) as gofer:
        root = await gofer.asks("do it all")
        await gofer.card(root, "Working")
        gofer.discord.deny(gofer.general, "send_messages_in_threads")
        direct = gofer.discord.dm(gofer.ann)
        await gofer.until(lambda: [m for m in gofer.discord.messages(direct) if "lacks a right" in m.plain])
        other = gofer.discord.channel("other")
        said = await gofer.ann.says(other, f"{gofer.discord.mention} do it all")
        await gofer.card(said, "All is done.")
        # Ten thousand refusals in ten minutes would shut out the whole machine.
        assert len(gofer.refused()) < 10


async def test_with_a_token_that_was_taken_back_it_soon_stops_trying_and_finishes_the_work(tmp_path: Path) -> None:
    async with office(tmp_path, [*WORK, {"text": "All is done."}]) as gofer:
        root = await gofer.asks("do it all")
        await gofer.card(root, "Working")
        gofer.discord.token = gofer.discord.gateway.token = "of.somebody.else"
        gofer.discord.gateway.close(4004)
        await gofer.server.says("Reset Token")
        async with asyncio.timeout(PATIENCE_S):
            while await statuses(gofer) != ["finished"]:
                await gofer.discord.world.news.wait(0.5)
        assert 0 < len([call for call in gofer.discord.calls() if call.status == 401]) < 20
