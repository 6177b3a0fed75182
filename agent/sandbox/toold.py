"""The tool server as bytes for the standard input of a bare `python3`: no mount, no port, no copy in the image."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib import resources

from agent.sandbox.limits import DEPTH_LIMIT, ENTRY_LIMIT, FILE_LIMIT_BYTES

PACKAGE = "agent.sandbox.inside"
MODULES = ("frames", "seccomp", "tree", "jobs", "files", "replace", "streams", "server")
"""In the order of their imports."""

_READ_PROGRAM = """
import os
def read(size):
    data = b""
    while len(data) < size:
        more = os.read(0, size - len(data))
        if not more:
            raise SystemExit(1)
        data += more
    return data
exec(compile(read(int(read(8), 16)), "toold", "exec"))
"""

_BOOT = """
import sys, types
def module(name, source=None):
    made = sys.modules[name] = types.ModuleType(name)
    made.__path__ = []
    parent, _, last = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], last, made)
    if source is not None:
        exec(compile(source, name, "exec"), made.__dict__)
    return made
for name in PACKAGES:
    module(name)
for name, source in SOURCES:
    made = module(name, source)
made.main(CONFIG)
"""


def command(python: str) -> Sequence[str]:
    """The argv that waits for a program on its stdin.

    Not the program itself: whatever lists processes inside would print it. `-I` keeps files of the workspace from
    being imported in its place.
    """
    return [python, "-I", "-u", "-X", "utf8", "-c", _READ_PROGRAM]


def program(
    *, workspace: str = "/workspace", skills: str = "/skills", jobs: str = "/run/jobs", processes: int = 0
) -> bytes:
    """What to send first on the stdin of `command`; frames follow.

    `processes`: so many may run at once, where nothing else limits them; 0 = do not limit.
    """
    config = {
        "workspace": workspace,
        "skills": skills,
        "jobs": jobs,
        "entries": ENTRY_LIMIT,
        "depth": DEPTH_LIMIT,
        "file_bytes": FILE_LIMIT_BYTES,
        "processes": processes,
    }
    source = f"CONFIG = {config!r}\n{_sources()}\n{_BOOT}".encode()
    return b"%08x" % len(source) + source


@functools.cache
def _sources() -> str:
    packages = [PACKAGE.rsplit(".", depth)[0] for depth in (2, 1)] + [PACKAGE]
    folder = resources.files(PACKAGE)
    sources = [(f"{PACKAGE}.{name}", (folder / f"{name}.py").read_text(encoding="utf-8")) for name in MODULES]
    return f"PACKAGES = {packages!r}\nSOURCES = {sources!r}"
