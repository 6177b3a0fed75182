"""Shared set-up: async tests run on asyncio through anyio; a missing engine skips loudly, and never in CI."""

from __future__ import annotations

import inspect

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every `async def test_` for anyio, so that no test file has to."""
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.add_marker(pytest.mark.anyio)
            if "anyio_backend" not in item.fixturenames:
                item.fixturenames.append("anyio_backend")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
