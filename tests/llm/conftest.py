"""Loading the SDK takes seconds on a busy machine; tests with a time limit load it before their clock runs."""

from __future__ import annotations

import importlib

import pytest


@pytest.fixture(scope="session")
def sdk() -> None:
    importlib.import_module("agent.llm.wire")
