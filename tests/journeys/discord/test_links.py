"""Files that Discord does not take: a link where people can reach Gofer, and a plain word where they cannot."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import httpx2

from tests.fakes.discord import DiscordFake, Message
from tests.journeys.discord.serving import Office, office

PUBLIC = "https://gofer.example.com"
MIB = 1024 * 1024
MAKE = "mkdir -p outputs; head -c 3145728 /dev/zero > outputs/large.bin"
TURNS = [
    {"tools": [{"name": "bash", "input": {"command": MAKE}}]},
    {"tools": [{"name": "deliver", "input": {"path": "outputs/large.bin"}}]},
    {"text": "Made."},
]


def small_server() -> DiscordFake:
    """Its server takes files of at most 2 MiB."""
    discord = DiscordFake()
    discord.world.upload_bytes = 2 * MIB
    return discord


async def made(gofer: Office) -> tuple[Message, Message]:
    """A request whose file this server does not take, and its result."""
    root = await gofer.asks("make it")
    return root, await gofer.card(root, "Made.")


async def test_a_file_too_big_for_its_server_is_behind_a_link_that_needs_no_sign_in(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS, discord=small_server(), GOFER_PUBLIC_URL=PUBLIC) as gofer:
        root, result = await made(gofer)
        assert "use the link, good for a week" in result.plain
        path = re.search(rf"{PUBLIC}(/files/[\w.-]+)", json.dumps(result.components))
        assert path is not None, result.components
        run = json.loads(await asyncio.to_thread((tmp_path / "home" / "run.json").read_text))
        async with httpx2.AsyncClient(base_url=run["url"], headers={"Host": "gofer.example.com"}) as nobody:
            answer = await nobody.get(path[1])
            assert (answer.status_code, answer.content) == (200, bytes(3 * MIB))
            assert answer.headers["content-disposition"].startswith('attachment; filename="large.bin"')
            assert (await nobody.get(path[1][:-2] + "xx")).status_code == 404
            await gofer.ann.says(gofer.general, f"{gofer.discord.mention} forget", thread=root)
            await gofer.until(
                lambda: any(
                    "removed the files" in message.plain
                    for message in gofer.discord.messages(gofer.discord.dm(gofer.ann))
                )
            )
            assert (await nobody.get(path[1])).status_code == 404


async def test_without_an_address_the_card_says_that_there_is_no_link(tmp_path: Path) -> None:
    async with office(tmp_path, TURNS, discord=small_server()) as gofer:
        _, result = await made(gofer)
        said = result.plain.replace("\\", "")
        assert "could not be sent here: ask me for smaller parts, or an admin to set GOFER_PUBLIC_URL" in said
        assert "/files/" not in json.dumps(result.components)
