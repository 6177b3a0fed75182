"""What was said and shown while Gofer was not running counts when it is back, and once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.discord.counting import DONE, POEM, TURNS, assert_told_once, statuses
from tests.journeys.discord.serving import office


async def test_a_yes_by_emoji_that_was_given_while_gofer_was_away_counts(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        root = await gofer.asks("count the words", files=[POEM])
        plan = await gofer.card(root, "Count", button="Approve")
        await gofer.server.kill()
        await gofer.ann.reacts(plan, "✅")
        await gofer.start()
        await gofer.card(root, DONE)
        assert_told_once(gofer, root)


@pytest.mark.promise("killed")
async def test_a_word_that_was_said_while_gofer_was_away_counts_once(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        root = await gofer.asks("count the words", files=[POEM])
        await gofer.card(root, "Count", button="Approve")
        await gofer.server.kill()
        await gofer.ann.says(gofer.general, f"{gofer.discord.mention} approve", thread=root)
        await gofer.start()
        await gofer.card(root, DONE)
        await gofer.server.kill()
        await gofer.start()  # it asks again, and hears nothing new
        assert_told_once(gofer, root)
        assert await statuses(gofer) == ["finished"]


async def test_a_mention_in_a_channel_where_gofer_has_worked_is_taken_up_later(tmp_path: Path) -> None:
    async with office(tmp_path, [*TURNS, *TURNS]) as gofer:
        first = await gofer.asks("count the words", files=[POEM])
        await gofer.ann.clicks(await gofer.card(first, "Count", button="Approve"), "Approve")
        await gofer.card(first, DONE)
        await gofer.server.kill()
        second = await gofer.asks("count the words", files=[POEM])
        await gofer.start()
        await gofer.card(second, "Count", button="Approve")
        assert sorted(await statuses(gofer)) == ["finished", "waiting"]


async def test_a_mention_in_a_channel_that_gofer_never_worked_in_is_taken_up_later(tmp_path: Path) -> None:
    async with office(tmp_path, [*TURNS, *TURNS]) as gofer:
        await gofer.card(await gofer.asks("count the words", files=[POEM]), "Count", button="Approve")
        await gofer.server.kill()
        elsewhere = gofer.discord.channel("elsewhere")
        said = await gofer.ann.says(elsewhere, f"{gofer.discord.mention} count the words", files=[POEM])
        await gofer.ann.says(elsewhere, "is anybody here?")
        await gofer.start()
        await gofer.card(said, "Count", button="Approve")
        assert sorted(await statuses(gofer)) == ["waiting", "waiting"]
