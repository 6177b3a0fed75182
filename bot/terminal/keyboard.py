"""What somebody types at the terminal, read so that Ctrl-C is heard while we wait for it."""

from __future__ import annotations

import asyncio
import os
import sys

CHUNK_BYTES = 4096
"""More than a terminal hands over at once: it gives one line at a time."""


async def typed_line() -> str | None:
    """The next line without its end; None: the keyboard was closed (Ctrl-D).

    No thread waits in `readline`: it could not be cancelled, and the program would not end before Enter was pressed.
    """
    fd, loop = sys.stdin.fileno(), asyncio.get_running_loop()
    read = bytearray()
    while not read.endswith(b"\n"):
        ready = asyncio.Event()
        loop.add_reader(fd, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(fd)
        chunk = os.read(fd, CHUNK_BYTES)
        if not chunk:
            break
        read += chunk
    return read.decode(sys.stdin.encoding or "utf-8", "replace").strip() if read else None
