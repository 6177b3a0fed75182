"""Files that Slack does not take: a link where people can reach Gofer, and a plain word where they cannot."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import httpx2

from tests.fakes.slack.world import Message
from tests.journeys.slack.counting import DONE, POEM, TURNS
from tests.journeys.slack.serving import Office, office

PUBLIC = "https://gofer.example.com"


async def counted(gofer: Office) -> tuple[Message, Message]:
    """A request whose file Slack does not take, and its result."""
    gofer.slack.faults.error("files.getUploadURLExternal", "file_upload_size_restricted")
    root = await gofer.asks("count the words", files=[POEM])
    await gofer.ann.clicks(await gofer.card(root, "Count", button="Approve"), "Approve")
    return root, await gofer.card(root, DONE)


async def test_a_file_too_big_for_slack_is_behind_a_link_that_needs_no_sign_in(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS, GOFER_PUBLIC_URL=PUBLIC) as gofer:
        root, result = await counted(gofer)
        assert "use the link, good for a week" in result.plain
        path = re.search(rf"{PUBLIC}(/files/[\w.-]+)", json.dumps(result.blocks))
        assert path is not None
        run = json.loads(await asyncio.to_thread((tmp_path / "home" / "run.json").read_text))
        async with httpx2.AsyncClient(base_url=run["url"], headers={"Host": "gofer.example.com"}) as nobody:
            answer = await nobody.get(path[1])
            assert (answer.status_code, answer.content) == (200, b"3\n")
            assert answer.headers["content-disposition"].startswith('attachment; filename="words.txt"')
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert (await nobody.get(path[1][:-2] + "xx")).status_code == 404
            await gofer.ann.says(gofer.general, "forget", thread=root)
            await gofer.until(lambda: any("removed the files" in m.plain for m in gofer.slack.ephemerals(gofer.ann)))
            assert (await nobody.get(path[1])).status_code == 404


async def test_without_an_address_the_card_says_that_there_is_no_link(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS) as gofer:
        _, result = await counted(gofer)
        assert "could not be sent here: ask me for smaller parts, or an admin to set GOFER_PUBLIC_URL" in result.plain
        assert "/files/" not in json.dumps(result.blocks)
