"""A task's whole life in Discord, with the real process."""

from __future__ import annotations

from pathlib import Path

from tests.journeys.discord.counting import POEM, TURNS
from tests.journeys.discord.serving import office


async def test_a_task_from_a_mention_to_its_file(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        root = await gofer.asks("count the words", files=[POEM])
        plan = await gofer.card(root, "Count", button="Approve")
        await gofer.ann.clicks(plan, "Approve")
        await gofer.card(root, "Counted.")
        files = [file for shown in gofer.thread(root) for file in shown.files]
        assert [file.name for file in files] == ["words.txt"]
        assert len(gofer.thread(root)) <= 5
        assert gofer.refused() == []
