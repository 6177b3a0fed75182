"""Fixtures and small steps of the sandbox suites. A module takes them by name: `box = boxes.box`."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator

import pytest

from agent.domain.files import Manifest
from agent.ports.sandbox import ExecResult, Sandbox, SandboxHost
from tests.contracts.blobs_memory import MemoryBlobs
from tests.sandbox.hosts import make


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for the module, so that a container can serve several tests."""
    return "asyncio"


def hosts_of(*kinds: str) -> object:
    """A fixture `host` that runs the module's tests on each of these kinds."""

    @pytest.fixture(
        scope="module", params=[pytest.param(k, marks=[pytest.mark.docker] * (k == "docker")) for k in kinds]
    )
    async def host(request: pytest.FixtureRequest, anyio_backend: str) -> AsyncGenerator[SandboxHost]:
        host = make(request.param)
        yield host
        await host.close()

    return host


@pytest.fixture(scope="module")
async def shared(host: SandboxHost) -> Sandbox:
    return await host.open("shared")


@pytest.fixture
async def box(shared: Sandbox) -> Sandbox:
    """The shared sandbox with an empty workspace."""
    await shared.push(Manifest(), MemoryBlobs())
    return shared


async def sh(box: Sandbox, script: str, *, timeout_s: float = 20.0) -> ExecResult:
    """How a script of bash ends."""
    return await box.exec(uuid.uuid4().hex, ["bash", "-c", script], timeout_s=timeout_s)


async def python(box: Sandbox, program: str, *, timeout_s: float = 20.0) -> ExecResult:
    """How a Python program ends."""
    return await box.exec(uuid.uuid4().hex, ["python3", "-c", program], timeout_s=timeout_s)


async def until_running(box: Sandbox, job_id: str) -> None:
    """Wait for a job of another task to begin."""
    async with asyncio.timeout(5):
        while await box.job_state(job_id) != "running":  # noqa: ASYNC110 - the port tells no event of it
            await asyncio.sleep(0.01)
