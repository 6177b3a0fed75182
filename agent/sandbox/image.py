"""The sandbox image: which one is right, whether it exists, and how it is built."""

from __future__ import annotations

import asyncio
import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal, cast

from agent.domain.errors import Refused
from agent.sandbox import engine

Target = Literal["core", "office"]

REPOSITORY = "gofer-sandbox"
_FILES = {"Dockerfile": "deploy/sandbox.Dockerfile", "sandbox.txt": "requirements/sandbox.txt"}
"""Names in the build context, and where a checkout keeps them; a wheel carries them in `agent/sandbox/context`."""


def context() -> Mapping[str, bytes]:
    """The files an image is made of. Raises `Refused` where the installation lacks them."""
    packaged = resources.files("agent.sandbox") / "context"
    checkout = Path(__file__).resolve().parents[2]
    found: dict[str, bytes] = {}
    for name, path in _FILES.items():
        for place in (packaged / Path(path).name, checkout / path):
            if place.is_file():
                found[name] = place.read_bytes()
                break
        else:
            raise Refused(f"This installation lacks {path}.", next_step="Install Gofer again.")
    return found


def tag(target: Target) -> str:
    """The name of the image that fits this version: it changes with the Dockerfile and with the locked libraries."""
    digest = hashlib.sha256(b"\0".join(context()[name] for name in sorted(_FILES))).hexdigest()
    return f"{REPOSITORY}:{target}-{digest[:12]}"


async def find(target: Target, *, engine_url: str = "") -> str:
    """The right image's name if the engine has it, else empty. Raises `Refused` when no engine answers."""
    name = tag(target)
    return name if await asyncio.to_thread(engine.has_image, engine_url, name) else ""


async def build(
    target: Target,
    *,
    engine_url: str = "",
    base: str = "",
    extra_ca: Path | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> str:
    """Build the right image and return its name; minutes, the first time.

    `base`: another base image than Debian's slim one. `extra_ca`: a folder of .crt files for a network with its own
    certificate authority. `on_progress` gets one line at a time. Raises `Refused` with the builder's last words.
    """
    name = tag(target)
    loop = asyncio.get_running_loop()

    def work() -> None:
        arguments = {"BASE": base} if base else {}
        last: list[str] = []
        for step in engine.build(engine_url, _packed(extra_ca), tag=name, target=target, arguments=arguments):
            for line in _lines(step):
                last = [*last[-4:], line]
                if on_progress is not None:
                    loop.call_soon_threadsafe(on_progress, line)
            if "error" in step:
                said = " ".join(last)[-500:]
                raise Refused(f"The sandbox image could not be built: {said}", next_step="See the lines above.")

    await asyncio.to_thread(work)
    return name


def _lines(step: Mapping[str, Any]) -> Iterator[str]:
    text = cast("object", step.get("stream") or step.get("error") or step.get("status") or "")
    yield from (line for line in str(text).splitlines() if line.strip())


def _packed(extra_ca: Path | None) -> io.BytesIO:
    certificates = (
        {f"extra-ca/{path.name}": path.read_bytes() for path in sorted(extra_ca.glob("*.crt"))} if extra_ca else {}
    )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        folder = tarfile.TarInfo("extra-ca")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
        for name, data in {**context(), **certificates}.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o644  # no times, so that the builder's cache holds
            tar.addfile(info, io.BytesIO(data))
    packed.seek(0)
    return packed
