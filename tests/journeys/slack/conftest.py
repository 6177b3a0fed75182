"""One server for the scenarios of a file: they are in channels of their own."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from tests.journeys.slack.driver import Company, SlackChat, company
from tests.journeys.slack.serving import Mode


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """As everywhere, for fixtures of modules too."""
    return "asyncio"


@pytest.fixture(scope="module")
def mode() -> Mode:
    """How Slack reaches Gofer; a file may have both."""
    return "socket"


@pytest.fixture(scope="module")
async def work(tmp_path_factory: pytest.TempPathFactory, mode: Mode, anyio_backend: str) -> AsyncGenerator[Company]:
    """Gofer at work in a workspace."""
    async with company(tmp_path_factory.mktemp("work"), mode) as opened:
        yield opened


@pytest.fixture
def chat(work: Company) -> SlackChat:
    """A channel of one's own."""
    return work.chat()
