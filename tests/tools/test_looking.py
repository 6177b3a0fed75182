"""What the model sees of files: text with line numbers, pictures scaled down, pages of a PDF, cut output."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from agent.llm.scripted import Turn
from agent.ports.sandbox import SandboxHost
from tests.kit import OWNER, Kit, call, open_kit, say
from tests.sandbox.hosts import make

pytestmark = pytest.mark.docker


@pytest.fixture
async def host() -> AsyncGenerator[SandboxHost]:
    """The Docker sandbox, with the libraries of our image in it."""
    made = make("docker")
    yield made
    await made.close()


async def results(kit: Kit, turn: Turn, files: dict[str, bytes]) -> Sequence[Any]:
    """What the model gets back for its one call."""
    await kit.start("look", files)
    return kit.llm.requests[-1][1][-1].content[0]["content"]  # type: ignore[attr-defined]


async def test_a_large_picture_is_scaled_down_before_the_model_sees_it(tmp_path: Path, host: SandboxHost) -> None:
    drawn = io.BytesIO()
    Image.new("RGB", (3000, 1500), "teal").save(drawn, "PNG")
    look = call("read", path="inputs/wall.png")
    async with open_kit(tmp_path, [look, say("teal")], sandboxes=host) as kit:
        (block,) = await results(kit, look, {"wall.png": drawn.getvalue()})
        assert (block["type"], block["source"]["media_type"]) == ("image", "image/jpeg")
        seen = Image.open(io.BytesIO(base64.b64decode(block["source"]["data"])))
        assert seen.size == (1568, 784)
        task, *_ = await kit.service.tasks(OWNER)
        assert list((await kit.service.workspace(OWNER, task.task_id)).files()) == ["inputs/wall.png"]


async def test_the_pages_of_a_pdf_are_shown(tmp_path: Path, host: SandboxHost) -> None:
    pages = [Image.new("RGB", (200, 300), colour) for colour in ("white", "red", "blue")]
    drawn = io.BytesIO()
    pages[0].save(drawn, "PDF", save_all=True, append_images=pages[1:])
    look = call("read", path="inputs/three.pdf")
    async with open_kit(tmp_path, [look, say("three")], sandboxes=host) as kit:
        blocks = await results(kit, look, {"three.pdf": drawn.getvalue()})
        kinds = [block["type"] for block in blocks]
        assert kinds in (["text", "image", "image", "image"], ["document"])


async def test_what_is_no_picture_is_said_and_not_sent(tmp_path: Path, host: SandboxHost) -> None:
    look = call("read", path="inputs/fake.png")
    async with open_kit(tmp_path, [look, say("no")], sandboxes=host) as kit:
        (block,) = await results(kit, look, {"fake.png": b"just words"})
        assert "cannot be shown" in block["text"]


async def test_long_output_is_cut_in_the_middle_and_kept_in_a_file(tmp_path: Path, host: SandboxHost) -> None:
    look = call("bash", command="seq 1 9000")
    async with open_kit(tmp_path, [look, say("many")], sandboxes=host) as kit:
        (block,) = await results(kit, look, {})
        assert len(block["text"]) < 25_000
        assert "characters left out" in block["text"]
        spilled = block["text"].rpartition(" in ")[2].rstrip(")")
        task, *_ = await kit.service.tasks(OWNER)
        kept = (await kit.service.workspace_file(OWNER, task.task_id, spilled)).decode()
        assert kept.splitlines()[0] == "1"
        assert kept.splitlines()[-1] == "9000"


async def test_text_is_read_with_line_numbers_from_where_one_asks(tmp_path: Path, host: SandboxHost) -> None:
    look = call("read", path="inputs/a.txt", offset=2, limit=1)
    async with open_kit(tmp_path, [look, say("ok")], sandboxes=host) as kit:
        (block,) = await results(kit, look, {"a.txt": b"one\ntwo\nthree\n"})
        assert block["text"].startswith("2\ttwo")
        assert "offset 3" in block["text"]
