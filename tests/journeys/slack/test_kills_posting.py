"""`kill -9` between a message and the note that it was sent; and answers of Slack that are lost on their way."""

from __future__ import annotations

from pathlib import Path

from tests.journeys.slack.counting import DONE, POEM, TURNS, assert_told_once, posts, statuses
from tests.journeys.slack.serving import office


async def test_killed_after_each_message_and_before_it_was_noted(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        hold = gofer.slack.faults.hold
        gates = {
            "plan": hold("chat.postMessage", after="done", where=posts("ask")),
            "status": hold("chat.startStream", after="done"),
            "files": hold("files.completeUploadExternal", after="done"),
            "result": hold("chat.postMessage", after="done", where=posts("result")),
        }
        root = await gofer.asks("count the words", files=[POEM])
        for name, gate in gates.items():
            await gofer.until(gate.reached.is_set)
            await gofer.server.kill()
            await gofer.server.start()
            if name == "plan":
                await gofer.ann.clicks(await gofer.card(root, "Count", button="Approve"), "Approve")
        # What the new process finds it changes once, because it cannot know what the dead one had shown.
        result = await gofer.card(root, DONE)
        await gofer.until(lambda: [c for c in gofer.slack.calls("chat.update") if c.ok and c.args["ts"] == result.ts])
        await gofer.slack.settled()
        assert_told_once(gofer, root)
        assert await statuses(gofer) == ["finished"]


async def test_answers_that_are_lost_after_the_deed(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        lose = gofer.slack.faults.lose_reply
        for method in ("chat.startStream", "files.completeUploadExternal", "chat.update", "reactions.add"):
            lose(method)
        lose("chat.postMessage", where=posts("ask"))
        lose("chat.postMessage", where=posts("result"))
        root = await gofer.asks("count the words", files=[POEM])
        await gofer.ann.clicks(await gofer.card(root, "Count", button="Approve"), "Approve")
        await gofer.card(root, DONE)
        await gofer.until(lambda: gofer.slack.sessions[gofer.general, root].status == "closed")
        await gofer.slack.settled()
        assert_told_once(gofer, root)
        assert await statuses(gofer) == ["finished"]
