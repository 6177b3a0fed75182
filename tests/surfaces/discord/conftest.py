"""Discord's own schema, where it is there, judges all that the tests of a file had sent by our own code."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.fakes.discord import schema


@pytest.fixture(scope="module", autouse=True)
def agrees_with_the_schema(request: pytest.FixtureRequest) -> Generator[None]:
    """What the tests of the stand-in itself send is theirs, and wrong on purpose."""
    schema.sent.clear()
    yield
    ours = not request.module.__name__.rpartition(".")[2].startswith("test_fake_")
    if ours and schema.installed() and schema.sent:
        assert schema.complaints(schema.sent) == []
