"""One server for the scenarios of a file: they are in channels of their own."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from tests.fakes.discord import Mode
from tests.journeys.discord.driver import Company, DiscordChat, company


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """As everywhere, for fixtures of modules too."""
    return "asyncio"


@pytest.fixture(scope="module")
def mode() -> Mode:
    """How interactions reach Gofer; a file may have both."""
    return "gateway"


@pytest.fixture(scope="module")
async def work(tmp_path_factory: pytest.TempPathFactory, mode: Mode, anyio_backend: str) -> AsyncGenerator[Company]:
    """Gofer at work in a guild."""
    async with company(tmp_path_factory.mktemp("work"), mode) as opened:
        yield opened


@pytest.fixture
def chat(work: Company) -> DiscordChat:
    """A channel of one's own."""
    return work.chat()
