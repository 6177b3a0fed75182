"""Which kind of sandbox this machine gets. There is no kind without walls."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from agent.domain.errors import Refused
from agent.ports.sandbox import SandboxHost, SelfTest
from agent.sandbox import image as images
from agent.sandbox.docker import DockerHost
from agent.sandbox.embedded import EmbeddedHost
from agent.sandbox.limits import Limits

Choice = Literal["auto", "docker", "bwrap", "unshare"]

PYTHON_ENV = "sandbox-python"
"""Folder of GOFER_HOME with the virtual environment that embedded sandboxes see; used from when it exists."""
_INSTALLATION = "installation"

logger = logging.getLogger(__name__)


async def choose(
    name: Choice,
    *,
    home: Path,
    image: str = "",
    engines: Sequence[str] = (),
    target: images.Target = "office",
    limits: Limits | None = None,
) -> SandboxHost:
    """The host of this name that passes its self-test; `auto` takes the first of docker, bwrap, unshare that does.

    `auto` takes docker only when the image of this version is there already: it never builds. `home`: GOFER_HOME.
    `image`: another one than our own. `engines`: URLs, the first is used; none = the machine's own. Raises `Refused`
    with what to install when nothing passes.
    """
    failed: list[SelfTest] = []
    for candidate in ("docker", "bwrap", "unshare"):
        if name not in ("auto", candidate):
            continue
        host = await _made(candidate, home, image, engines, target, limits)
        tested = await host.selftest()
        if tested.ok:
            logger.info("sandbox chosen", extra={"action": "sandbox_chosen", "sandbox": candidate})
            return host
        logger.info("sandbox passed over", extra={"action": "sandbox_passed_over", "sandbox": candidate})
        failed.append(tested)
    details = " ".join(test.detail for test in failed)
    fixes = " Or: ".join(dict.fromkeys(test.fix for test in failed if test.fix))
    raise Refused(f"Commands cannot be run safely on this machine. {details}", next_step=fixes)


async def _made(
    name: Literal["docker", "bwrap", "unshare"],
    home: Path,
    image: str,
    engines: Sequence[str],
    target: images.Target,
    limits: Limits | None,
) -> SandboxHost:
    if name != "docker":
        return EmbeddedHost(name, python_env=home / PYTHON_ENV, limits=limits)
    installation = await asyncio.to_thread(installation_id, home)
    url = engines[0] if engines else ""
    return DockerHost(image or images.tag(target), installation=installation, engine_url=url, limits=limits)


def installation_id(home: Path) -> str:
    """A name for this data folder, made once: it tells our containers from those of another bot on the same engine."""
    path = home / _INSTALLATION
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        path.write_text(uuid.uuid4().hex, encoding="ascii")
    return path.read_text(encoding="ascii").strip()
