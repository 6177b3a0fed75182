"""Hosts for suites that run on every kind of sandbox, and the reason where one cannot run here."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import os
import sys
import uuid
from pathlib import Path

import pytest

from agent.domain.errors import UserFacing
from agent.ports.sandbox import SandboxHost
from agent.sandbox import engine, image
from agent.sandbox.docker import DockerHost
from agent.sandbox.embedded import EmbeddedHost
from agent.sandbox.limits import MIB, Limits
from agent.sandbox.memory import MemoryHost

REAL = ("docker", "bwrap", "unshare")
SMALL = Limits(processes_bytes=256 * MIB, workspace_bytes=96 * MIB, tmp_bytes=32 * MIB, pids=64)
"""So small that a bomb goes off quickly."""
INSTALLATION = f"tests-{uuid.uuid4().hex}"


def make(kind: str, root: Path | None = None) -> SandboxHost:
    """A host of this kind; skips with the reason, or fails where GOFER_REQUIRE_DOCKER=1 asks for Docker."""
    if kind == "memory":
        return MemoryHost(root)
    if kind == "docker":
        return DockerHost(_image(), installation=INSTALLATION, limits=SMALL)
    if not sys.platform.startswith("linux"):
        pytest.skip(f"{kind} needs Linux")
    missing = _embedded_trouble(kind)
    if missing:
        pytest.skip(f"{kind}: {missing}")
    return EmbeddedHost("bwrap" if kind == "bwrap" else "unshare", limits=SMALL)


def _image() -> str:
    try:
        for target in ("core", "office"):
            name = image.tag(target)
            if engine.has_image("", name):
                return name
        trouble = "the sandbox image is not built; run `gofer sandbox build`"
    except UserFacing as error:
        trouble = error.message
    if os.environ.get("GOFER_REQUIRE_DOCKER") == "1":
        pytest.fail(f"docker: {trouble}")
    pytest.skip(f"docker: {trouble}")


@functools.cache
def _embedded_trouble(kind: str) -> str:
    host = EmbeddedHost("bwrap" if kind == "bwrap" else "unshare", limits=SMALL)

    async def test() -> str:
        tested = await host.selftest()
        return "" if tested.ok else tested.detail

    # In a thread of its own: fixtures call this from within a running loop.
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, test()).result()
