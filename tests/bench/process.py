"""The whole program: how fast it is ready, what it weighs idle, what a sandbox command costs."""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from bot.app import choose_sandbox
from bot.settings import load_settings
from tests.bench.table import Row

SAMPLES = 60


async def process_rows() -> list[Row]:
    """Start-up, memory, sandbox."""
    return [*(await asyncio.to_thread(serve_rows)), await sandbox_row()]


def serve_rows() -> list[Row]:
    """`gofer serve` with the offline model, until its readiness answers."""
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryFile() as log:
        env = {**os.environ, "GOFER_HOME": home, "GOFER_WEB_PORT": "0", "GOFER_MODEL": "offline"}
        begin = time.perf_counter()
        process = subprocess.Popen(
            [Path(sys.executable).with_name("gofer"), "serve"], env=env, cwd=home, stderr=subprocess.PIPE, stdout=log
        )
        assert process.stderr is not None
        url = ""
        while not url:
            found = re.search(r"http://[\d.]+:\d+", process.stderr.readline().decode())
            url = found[0] if found else ""
        until_ready(f"{url}/readyz")
        wall = time.perf_counter() - begin
        cpu, rss = cpu_s_of(process.pid), rss_mib_of(process.pid)
        process.terminate()
        process.wait(30)
        process.stderr.close()
    return [
        Row("`/readyz` 200 after start", f"{wall:.1f} s, {cpu:.1f} CPU s", "<= 2 s, <= 1.5 CPU s"),
        Row("idle RSS of `gofer serve`", f"{rss:.0f} MiB", "<= 130 MiB", "web and store; without a chat platform"),
    ]


def cpu_s_of(pid: int) -> float:
    """CPU seconds that a process has used."""
    ticks = sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def rss_mib_of(pid: int) -> float:
    """Memory that a process holds now."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def peak_rss_mib_of(pid: int) -> float:
    """The most memory that a process held since its start."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def until_ready(url: str) -> None:
    """Wait until this address answers 200."""
    while not _ready(url):
        time.sleep(0.01)


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310  loopback
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


async def sandbox_row() -> Row:
    """A command in the sandbox in force against a bare subprocess, in turns."""
    host = await choose_sandbox(load_settings())
    sandbox = await host.open("bench")
    inside: list[float] = []
    bare: list[float] = []
    for number in range(SAMPLES):
        begin = time.perf_counter()
        await sandbox.exec(f"bench-{number}", ["bash", "-c", "true"])
        inside.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        process = await asyncio.create_subprocess_exec("bash", "-c", "true")
        await process.wait()
        bare.append(time.perf_counter() - begin)
    await sandbox.close()
    await host.close()
    over = (statistics.median(inside) - statistics.median(bare)) * 1000
    return Row(
        "sandbox command over a bare subprocess, p50", f"{over:.0f} ms", "<= 25 ms", f"{host.name}, {SAMPLES} samples"
    )
