"""Chromium for the tests of the page; without it they are skipped, or fail where GOFER_REQUIRE_BROWSER=1 wants it."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncGenerator

import pytest
from playwright.async_api import Browser, async_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for all tests of a file, so that they can share the browser."""
    return "asyncio"


@pytest.fixture(scope="module")
async def chromium() -> AsyncGenerator[Browser]:
    """A running browser."""
    if not CHROMIUM:
        if os.environ.get("GOFER_REQUIRE_BROWSER") == "1":
            pytest.fail("GOFER_REQUIRE_BROWSER=1, but there is no Chromium")
        pytest.skip("needs Chromium (on Debian: apt install chromium)")
    async with async_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        await browser.close()
