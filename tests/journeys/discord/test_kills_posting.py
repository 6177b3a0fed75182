"""`kill -9` between a message and the note that it was sent; and answers of Discord that are lost on their way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.fakes.slack.faults import Args
from tests.journeys.discord.counting import CREATE, DONE, EDIT, POEM, TURNS, assert_told_once, statuses
from tests.journeys.discord.serving import office


def says(words: str) -> Callable[[Args], bool]:
    """Picks the calls that carry these words in a card."""
    return lambda body: words in json.dumps(body.get("components", []))


def rings(words: str) -> Callable[[Args], bool]:
    """Picks the calls that ring somebody with these words, before the card."""
    return lambda body: words in (body.get("content") or "")


def carries_files(body: Args) -> bool:
    return any(entry["filename"] == "words.txt" for entry in body.get("attachments") or ())


async def test_killed_after_each_message_and_before_it_was_noted(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        hold = gofer.discord.faults.hold
        gates = {
            "plan": hold(CREATE, after="done", where=says("Approve")),
            "files": hold(CREATE, after="done", where=carries_files),
            "result": hold(CREATE, after="done", where=says(DONE)),
        }
        root = await gofer.asks("count the words", files=[POEM])
        for name, gate in gates.items():
            await gofer.until(gate.reached.is_set)
            await gofer.server.kill()
            await gofer.start()
            if name == "plan":
                await gofer.ann.clicks(await gofer.card(root, "Count", button="Approve"), "Approve")
        # What the new process finds it changes once, because it cannot know what the dead one had shown.
        result = await gofer.card(root, DONE)
        await gofer.until(lambda: [c for c in gofer.discord.calls(EDIT) if c.ok and c.ids[1] == result.id])
        assert_told_once(gofer, root)
        assert await statuses(gofer) == ["finished"]


async def test_killed_between_the_line_that_rings_and_its_card(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        hold = gofer.discord.faults.hold
        gates = [hold(CREATE, after="done", where=rings(words)) for words in ("Plan", DONE)]
        root = await gofer.asks("count the words", files=[POEM])
        for gate in gates:
            await gofer.until(gate.reached.is_set)
            await gofer.server.kill()
            await gofer.start()
            if gate is gates[0]:
                await gofer.ann.clicks(await gofer.card(root, "Count", button="Approve"), "Approve")
        await gofer.card(root, DONE)
        assert_told_once(gofer, root)
        assert sum("ann" in part.rung for part in gofer.said(root)) == 2


async def test_answers_that_are_lost_after_the_deed(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        lose = gofer.discord.faults.lose_reply
        lose("POST /channels/*/messages/*/threads")
        lose("PUT /channels/*/messages/*/reactions/*/@me")
        lose(EDIT)
        lose(CREATE, where=says("Approve"))
        lose(CREATE, where=carries_files)
        lose(CREATE, where=says(DONE))
        root = await gofer.asks("count the words", files=[POEM])
        await gofer.ann.clicks(await gofer.card(root, "Count", button="Approve"), "Approve")
        await gofer.card(root, DONE)
        await gofer.until(lambda: any("Approved" in shown.plain for shown in gofer.thread(root)))
        assert_told_once(gofer, root)
        assert await statuses(gofer) == ["finished"]


async def test_discord_out_of_order_for_a_moment_loses_nothing(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        for method in (CREATE, EDIT, "POST /channels/*/messages/*/threads"):
            gofer.discord.faults.http(method, 502, times=2)
        root = await gofer.asks("count the words", files=[POEM])
        await gofer.ann.clicks(await gofer.card(root, "Count", button="Approve"), "Approve")
        await gofer.card(root, DONE)
        await gofer.until(lambda: any("Approved" in shown.plain for shown in gofer.thread(root)))
        assert_told_once(gofer, root)
