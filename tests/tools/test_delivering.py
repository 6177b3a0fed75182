"""Only files that pass their checks reach the person."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from agent.domain.task import Status
from agent.llm.scripted import Turn
from agent.ports.sandbox import SandboxHost
from tests.kit import OWNER, call, open_kit, say
from tests.sandbox.hosts import make

pytestmark = pytest.mark.docker
DELIVER = call("deliver", path="outputs/list.json", title="The list")


def write(text: str) -> Turn:
    """A turn that writes the file."""
    return call("write", path="outputs/list.json", content=text)


@pytest.fixture
async def host() -> AsyncGenerator[SandboxHost]:
    """The Docker sandbox."""
    made = make("docker")
    yield made
    await made.close()


@pytest.mark.promise("checked")
async def test_a_broken_file_is_not_handed_over_until_it_is_mended(tmp_path: Path, host: SandboxHost) -> None:
    script = [write("[1, 2"), DELIVER, write("[1, 2]"), DELIVER, say("here it is")]
    async with open_kit(tmp_path, script, sandboxes=host) as kit:
        task = await kit.start("make a list")
        refused = kit.llm.requests[2][1][-1].content[0]  # type: ignore[attr-defined]
        assert refused["is_error"] is True
        assert "Not valid JSON" in str(refused["content"])
        view = await kit.view(task)
        assert view.status is Status.FINISHED
        (delivered,) = view.delivered
        assert (delivered.title, delivered.checks) == ("The list", ("Valid JSON.",))
        assert await kit.service.download(OWNER, task.task_id, delivered.file.sha256) == b"[1, 2]"


async def test_a_file_that_is_not_there_is_said_and_the_task_goes_on(tmp_path: Path, host: SandboxHost) -> None:
    async with open_kit(tmp_path, [DELIVER, say("sorry")], sandboxes=host) as kit:
        view = await kit.view(await kit.start("make a list"))
        assert (view.status, view.delivered) == (Status.FINISHED, ())
