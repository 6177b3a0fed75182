"""The Python environment of the embedded sandboxes: the locked libraries that skills may use."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from agent.domain.errors import Refused
from agent.sandbox.image import context

LOCK = "sandbox.txt"
MARK = "gofer-lock"
"""File in the environment that names the lock it was made from."""


def ready(folder: Path) -> bool:
    """Whether the environment exists and was made from this version's lock."""
    mark = folder / MARK
    return mark.is_file() and mark.read_text(encoding="utf-8") == _digest()


async def build(folder: Path, on_progress: Callable[[str], None]) -> None:
    """Make the environment beside and put it in place when it is whole. Raises `Refused` with the installer's words."""
    draft = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.parent.mkdir(parents=True, exist_ok=True)
    on_progress("Making the Python environment of the sandbox ...")
    await _run([sys.executable, "-m", "venv", "--without-pip", str(draft)])
    lock = draft / LOCK
    lock.write_bytes(context()[LOCK])
    target = [*_site(draft), "--require-hashes", "-r", str(lock)]
    if uv := shutil.which("uv"):
        await _run([uv, "pip", "install", "--python", str(draft / "bin" / "python"), *target[2:]])
    else:
        await _run([sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *target])
    (draft / MARK).write_text(_digest(), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)
    on_progress("The Python environment of the sandbox is ready.")


def _site(folder: Path) -> list[str]:
    """Where pip of another interpreter has to install to."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return ["--target", str(folder / "lib" / version / "site-packages")]


def _digest() -> str:
    python = f"{sys.version_info.major}.{sys.version_info.minor}".encode()
    return hashlib.sha256(context()[LOCK] + python).hexdigest()


async def _run(argv: list[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    if process.returncode:
        last = said.decode("utf-8", "replace").strip().splitlines()[-3:]
        raise Refused(
            f"The sandbox's libraries could not be installed: {' '.join(last)}",
            next_step="Check the network and run `gofer sandbox build` again.",
        )
