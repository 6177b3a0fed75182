"""A task's whole life in Slack, with the real process."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.journeys.slack.serving import office

PLAN = {"name": "plan", "input": {"steps": ["Count", "Write"], "files": ["outputs/words.txt"]}}
COUNT = {"name": "bash", "input": {"command": "mkdir -p outputs; cat inputs/*.txt | wc -w > outputs/words.txt"}}
DELIVER = {"name": "deliver", "input": {"path": "outputs/words.txt"}}
TURNS: list[dict[str, Any]] = [{"tools": [PLAN]}, {"tools": [COUNT]}, {"tools": [DELIVER]}, {"text": "Counted."}]
POEM = ("poem.txt", b"one two three\n")


async def test_a_task_from_a_mention_to_its_file(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        root = await gofer.asks("count the words", files=[POEM])
        plan = await gofer.card(root, "Count", button="Approve")
        await gofer.ann.clicks(plan, "Approve")
        await gofer.card(root, "Counted.")
        files = [file for message in gofer.thread(root) for file in message.files]
        assert [file.name for file in files] == ["words.txt"]
        ended = await gofer.card(root, "Done in")
        assert ("2 steps planned" in ended.plain, "Count (not reported)" in ended.plain) == (True, True)
        assert not any(block["type"] in ("header", "plan", "actions") for block in ended.blocks)
        assert len(gofer.thread(root)) <= 5
        # Who Gofer is, is asked once, not at each delivery; and the library finds no token that it must leave alone.
        assert len(gofer.slack.calls("auth.test")) == 1
        assert "unused" not in gofer.server.log


async def test_thumbs_below_a_result_are_noted_for_the_admins(tmp_path: Path) -> None:
    async with office(tmp_path, [{"text": "It is 42."}]) as gofer:
        root = await gofer.asks("how many?")
        result = await gofer.card(root, "It is 42.", button="Good result")
        await gofer.ann.clicks(result, "Good result")
        await gofer.until(lambda: gofer.slack.ephemerals(gofer.ann))
        await gofer.ann.clicks(result, "Not what I wanted")
        await gofer.until(lambda: any("different" in told.plain for told in gofer.slack.ephemerals(gofer.ann)))
        assert [message.ts for message in gofer.thread(root)] == [result.ts]
        listed = await asyncio.to_thread(gofer.server.program.run, "tasks", "feedback", "--json")
        ann = f"slack:{gofer.slack.team_id}:{gofer.ann.user_id}"
        assert [(row["result"], row["said_by"]) for row in json.loads(listed.out)] == [("bad", ann)]


async def test_a_delivered_table_can_be_read_in_the_thread(tmp_path: Path) -> None:
    make = "mkdir -p outputs; (echo item,sum; for n in $(seq 30); do echo item $n,$n.50; done) > outputs/sums.csv"
    turns = [
        {"tools": [{"name": "bash", "input": {"command": make}}]},
        {"tools": [{"name": "deliver", "input": {"path": "outputs/sums.csv"}}]},
        {"text": "Here are the sums."},
    ]
    async with office(tmp_path, [*turns, *turns]) as gofer:
        first = await gofer.card(await gofer.asks("sum it up"), "Here are the sums.")
        (table,) = (block for block in first.blocks if block["type"] == "data_table")
        assert (table["caption"], len(table["rows"])) == ("sums.csv", 31)
        assert table["rows"][30][1] == {"type": "raw_number", "value": 30.5, "text": "30.50"}
        gofer.slack.disable("data_table")
        second = await gofer.card(await gofer.asks("sum it up again"), "Here are the sums.")
        (table,) = (block for block in second.blocks if block["type"] == "table")
        assert (len(table["rows"]), "… 20 more (in sums.csv)" in second.plain) == (11, True)


MARKED = """Look **here**, at `total()` and [the page](https://example.com/a?b=1).

```python
print("*not bold*")
```

| item | worth |
|---|---|
| tea | 3 |
"""


async def test_markdown_is_drawn_by_slack_itself(tmp_path: Path) -> None:
    async with office(tmp_path, [{"text": MARKED}]) as gofer:
        result = await gofer.card(await gofer.asks("what is it?"), "Look here")
        drawn = [block for block in result.blocks if block["type"] in ("rich_text", "table")]
        pieces = [part for block in drawn for part in block.get("elements", [])]
        inline = [part for piece in pieces if piece["type"] == "rich_text_section" for part in piece["elements"]]
        assert {"type": "text", "text": "here", "style": {"bold": True}} in inline
        assert {"type": "text", "text": "total()", "style": {"code": True}} in inline
        assert [(one["url"], one["text"]) for one in inline if one["type"] == "link"] == [
            ("https://example.com/a?b=1", "the page")
        ]
        (code,) = (piece["elements"] for piece in pieces if piece["type"] == "rich_text_preformatted")
        assert "".join(part["text"] for part in code) == 'print("*not bold*")'
        (table,) = (block for block in drawn if block["type"] == "table")
        assert [[cell["text"] for cell in row] for row in table["rows"]] == [["item", "worth"], ["tea", "3"]]
