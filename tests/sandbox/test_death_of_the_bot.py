"""What a kill -9 of the bot leaves behind in each kind of sandbox."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from agent.ports.sandbox import SandboxHost
from tests.sandbox.hosts import make

_BOT = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from tests.sandbox import hosts
hosts.INSTALLATION = sys.argv[3]
async def main():
    box = await hosts.make(sys.argv[1]).open("thread")
    process = getattr(box, "_process", None)
    print(box.state, process.pid if process else 0, flush=True)
    script = "echo once >> log; echo begun; until [ -e go ]; do sleep 0.02; done; echo end"
    await box.exec("job", ["bash", "-c", script], on_output=lambda text: print(text, end="", flush=True))
asyncio.run(main())
"""


_ROOT = str(Path(__file__).resolve().parents[2])


async def killed_bot(kind: str, installation: str) -> tuple[str, int]:
    """State and pid of the sandbox of a bot that was killed while a command ran."""
    bot = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _BOT, kind, _ROOT, installation, stdout=asyncio.subprocess.PIPE
    )
    assert bot.stdout is not None
    async with asyncio.timeout(20):
        state, pid = (await bot.stdout.readline()).split()
        assert await bot.stdout.readline() == b"begun\n"
    bot.send_signal(signal.SIGKILL)
    await bot.wait()
    return state.decode(), int(pid)


@pytest.fixture
def host() -> SandboxHost:
    return make("docker")


@pytest.mark.docker
async def test_command_in_docker_goes_on_and_gives_its_result_to_the_next_bot(host: SandboxHost) -> None:
    from tests.sandbox import hosts

    state, _ = await killed_bot("docker", hosts.INSTALLATION)
    box = await host.open("thread", state=state)
    assert box.state == state
    again = asyncio.create_task(box.exec("job", ["bash", "-c", "echo twice >> log; exit 1"]))
    await box.write("go", b"")
    async with asyncio.timeout(5):
        assert (await again).stdout == "begun\nend\n"
    assert await box.read("log") == b"once\n"
    await host.close()


@pytest.mark.parametrize("kind", ["bwrap", "unshare"])
async def test_embedded_sandbox_dies_with_the_bot(kind: str) -> None:
    make(kind)  # skips where this kind cannot run
    _, pid = await killed_bot(kind, "any")
    async with asyncio.timeout(5):
        while _lives(pid):  # noqa: ASYNC110 - a process that is not ours tells nobody of its end
            await asyncio.sleep(0.02)


def _lives(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")
