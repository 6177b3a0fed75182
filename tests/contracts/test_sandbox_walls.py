"""What only a sandbox with real processes can show: its walls hold, whatever a command does."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import uuid

import pytest

from agent.domain.errors import CommandTimeout, ToolFailed
from agent.ports.sandbox import OUTPUT_LIMIT_BYTES, Sandbox, SandboxHost
from tests.contracts.blobs_memory import MemoryBlobs
from tests.sandbox import boxes
from tests.sandbox.boxes import python, sh, until_running
from tests.sandbox.hosts import REAL, make

anyio_backend, shared, box = boxes.anyio_backend, boxes.shared, boxes.box
host = boxes.hosts_of(*REAL)


async def test_both_streams_are_kept_apart(box: Sandbox) -> None:
    ended = await sh(box, "echo out; echo err >&2")
    assert (ended.stdout, ended.stderr) == ("out\n", "err\n")


async def test_command_killed_by_a_signal_is_128_and_its_number(box: Sandbox) -> None:
    assert [(await sh(box, f"kill -{name} $$")).code for name in ("KILL", "TERM")] == [137, 143]


async def test_file_that_is_no_program_is_code_126(box: Sandbox) -> None:
    await box.write("data", b"not a program")
    assert (await box.exec(uuid.uuid4().hex, ["/workspace/data"])).code == 126


async def test_gigabytes_of_output_do_not_grow_this_process(box: Sandbox) -> None:
    before = own_memory_bytes()
    ended = await box.exec(uuid.uuid4().hex, ["bash", "-c", "echo first; head -c 2G /dev/zero; echo last"])
    assert (ended.truncated, ended.stdout_bytes) == (True, 2 * 1024**3 + 11)
    assert (ended.stdout[:6], ended.stdout[-5:]) == ("first\n", "last\n")
    assert OUTPUT_LIMIT_BYTES <= len(ended.stdout) < OUTPUT_LIMIT_BYTES + 200
    assert own_memory_bytes() - before < 32 * 1024 * 1024


def own_memory_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123
        return int(statm.read().split()[1]) * 4096


async def test_daemon_that_left_its_session_dies_with_its_command(box: Sandbox) -> None:
    escape = """
import os, signal, time
for _ in range(2):
    if os.fork():
        os._exit(0) if os.getpid() != first else None
        break
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGHUP, signal.SIG_IGN)
else:
    open("/workspace/escaped", "w").close()
time.sleep(600)
""".replace("first", "-1")
    script = f"nohup setsid python3 -c '{escape}' >/dev/null 2>&1 & while [ ! -e escaped ]; do sleep 0.01; done"
    with pytest.raises(CommandTimeout):
        await sh(box, f"{script}; sleep 600", timeout_s=1.5)
    assert await box.read("escaped") == b""
    assert (await box.usage()).processes == 0
    await sh(box, f"rm escaped; {script}")
    assert (await box.usage()).processes == 0


async def test_command_that_kills_all_it_can_harms_only_itself(box: Sandbox) -> None:
    job = uuid.uuid4().hex
    with pytest.raises(ToolFailed, match="without a result"):
        await box.exec(job, ["bash", "-c", "setsid sleep 600 & kill -9 -1; sleep 600"])
    assert await box.job_state(job) == "died"
    with pytest.raises(ToolFailed):
        await box.exec(job, ["echo", "again"])
    assert (await sh(box, "echo alive")).stdout == "alive\n"
    assert (await box.usage()).processes == 0


async def test_fork_bomb_is_contained(box: Sandbox) -> None:
    with pytest.raises(CommandTimeout):
        await sh(box, ":(){ :|:& };:; sleep 600", timeout_s=1)
    assert (await box.usage()).processes == 0
    assert (await sh(box, "echo alive")).stdout == "alive\n"


async def test_memory_bomb_ends_only_the_command(box: Sandbox) -> None:
    alone = await python(box, "b = bytearray(2 * 1024**3); print(len(b))")
    assert (alone.code != 0, alone.stdout) == (True, "")
    assert (await sh(box, "echo alive")).stdout == "alive\n"


async def test_disk_bomb_ends_at_the_limit(box: Sandbox) -> None:
    filled = await sh(box, "cat /dev/zero > big; stat -c %s big")
    assert int(filled.stdout) <= 96 * 1024 * 1024
    with pytest.raises(ToolFailed, match="space"):
        await box.write("more", b"x" * 1_000_000)
    assert (await sh(box, "rm big; echo more > more")).code == 0


async def test_too_many_entries_are_refused(box: Sandbox) -> None:
    await python(box, "import os\nfor _ in range(1500): os.mkdir('d'); os.chdir('d')")
    with pytest.raises(ToolFailed, match="nested"):
        await box.pull(MemoryBlobs())


async def test_special_files_are_left_out_and_locked_ones_are_not(box: Sandbox) -> None:
    await sh(box, "mkfifo pipe; mkdir shut; echo a > shut/a; echo b > b; chmod 000 b shut")
    await python(box, "import socket; socket.socket(socket.AF_UNIX).bind('sock')")
    blobs = MemoryBlobs()
    pulled = await box.pull(blobs)
    modes = [(e.path, e.mode) for e in pulled.entries]
    assert modes == [("b", 0o400), ("shut", 0o500), ("shut/a", 0o644)]
    await box.push(pulled, blobs)
    assert await box.pull(blobs) == pulled


async def test_swapping_a_file_for_a_link_never_gets_another_file_collected(box: Sandbox) -> None:
    outside = (await sh(box, "cat /etc/passwd")).stdout.encode()
    swap = """
import os
open("mine", "w").write("mine"); os.symlink("/etc/passwd", "link")
for _ in range(20000):
    os.rename("mine", "spot"); os.rename("link", "gone"); os.rename("gone", "spot")
    os.unlink("spot"); open("mine", "w").write("mine"); os.symlink("/etc/passwd", "link")
"""
    race = asyncio.create_task(python(box, swap))
    blobs = MemoryBlobs()
    pulls = 0
    while not race.done():
        with contextlib.suppress(ToolFailed):  # it kept changing; refusing is fine
            await box.pull(blobs)
        pulls += 1
        with contextlib.suppress(ToolFailed):
            assert await box.read("spot") in (b"mine", b"")
    assert (pulls > 2, (await race).code) == (True, 0)
    assert await blobs.missing([hashlib.sha256(outside).hexdigest()])


async def test_rewritten_file_of_the_same_size_is_noticed(box: Sandbox) -> None:
    blobs = MemoryBlobs()
    for value in ("1", "2", "3"):
        await sh(box, f"printf {value} > a; touch -d @1000 a")
        entry = (await box.pull(blobs)).files()["a"]
        assert await blobs.get(entry.content) == value.encode()


async def test_installed_script_can_be_run(box: Sandbox) -> None:
    path = await box.install("tool", {"scripts/run.sh": b"#!/bin/sh\necho installed\n", "SKILL.md": b"x"})
    assert (await box.exec(uuid.uuid4().hex, [f"{path}/scripts/run.sh"])).stdout == "installed\n"
    await box.install("tool", {"SKILL.md": b"y"})
    assert (await sh(box, f"ls {path}; cat {path}/SKILL.md")).stdout == "SKILL.md\ny"


async def test_large_transfer_does_not_hold_up_a_command(box: Sandbox) -> None:
    await sh(box, "head -c 60M /dev/urandom > big")
    reading = asyncio.create_task(box.read("big"))
    assert (await sh(box, "echo quick")).stdout == "quick\n"
    assert not reading.done()
    assert len(await reading) == 60 * 1024 * 1024


async def test_commands_run_side_by_side(box: Sandbox) -> None:
    # Each waits for all others: one after another they would never end.
    meet = "touch $0; while [ $(ls | wc -l) -lt 6 ]; do sleep 0.01; done; echo met"
    ended = await asyncio.gather(
        *(box.exec(uuid.uuid4().hex, ["bash", "-c", meet, str(n)], timeout_s=10) for n in range(6))
    )
    assert {one.stdout for one in ended} == {"met\n"}


@pytest.mark.promise("walls")
async def test_network_is_out_of_reach(box: Sandbox) -> None:
    ended = await python(
        box,
        """
import socket
def tries():
    yield lambda: socket.create_connection(("1.1.1.1", 53), 2)
    yield lambda: socket.create_connection(("172.17.0.1", 22), 2)
    yield lambda: socket.create_connection(("169.254.169.254", 80), 2)
    yield lambda: socket.create_connection(("2606:4700:4700::1111", 53), 2)
    yield lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("8.8.8.8", 53))
    yield lambda: socket.getaddrinfo("example.com", 443)
    yield lambda: socket.socket(40, socket.SOCK_STREAM)  # AF_VSOCK is not namespaced
    yield lambda: socket.socket(17, socket.SOCK_RAW)
for number, attempt in enumerate(tries()):
    try:
        attempt(); print("reached", number)
    except OSError:
        pass
""",
    )
    assert (ended.code, ended.stdout) == (0, "")


async def test_dangerous_system_calls_are_refused(box: Sandbox) -> None:
    ended = await python(
        box,
        """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
if os.uname().machine == "x86_64":
    for number in (101, 425, 272, 165, 321, 298, 323, 250, 310, 447, 304, 308, 161):
        ctypes.set_errno(0)
        if libc.syscall(number, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != 1:
            print(number, ctypes.get_errno())
    if libc.syscall(435, 0, 0) != -1 or ctypes.get_errno() != 38:
        print("clone3", ctypes.get_errno())
    if libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0) != -1 or ctypes.get_errno() != 1:
        print("clone", ctypes.get_errno())
status = open("/proc/self/status").read()
assert "CapEff:\\t0000000000000000" in status and "CapBnd:\\t0000000000000000" in status
assert "NoNewPrivs:\\t1" in status and os.getuid() == 1000
""",
    )
    assert (ended.code, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.promise("walls")
async def test_system_cannot_be_written(box: Sandbox) -> None:
    targets = "/x /usr/x /etc/x /usr/bin/python3 /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/x /dev/x"
    ended = await sh(box, f"for f in {targets}; do (echo x > $f) 2>/dev/null && echo wrote $f; done; true")
    assert ended.stdout == ""


async def test_tool_server_cannot_be_spied_upon(box: Sandbox) -> None:
    ended = await python(
        box,
        """
import os
def parent(pid):
    return int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])
server = parent(os.getppid())
for name in ("environ", "mem", "fd/1", "cwd"):
    try:
        os.readlink(f"/proc/{server}/{name}") if name == "cwd" else open(f"/proc/{server}/{name}", "rb")
        print("reached", name)
    except PermissionError:
        pass
""",
    )
    assert (ended.code, ended.stdout) == (0, "")


@pytest.mark.promise("walls")
async def test_environment_holds_nothing_of_ours(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, host: SandboxHost
) -> None:
    monkeypatch.setenv("GOFER_TEST_SECRET", "canary-in-the-coal-mine")
    box = await host.open("environment")
    seen = await sh(box, "env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'")
    await box.close()
    assert "canary" not in seen.stdout
    names = {line.partition("=")[0] for line in seen.stdout.splitlines()}
    allowed = {"PATH", "LANG", "USER", "HOME", "TMPDIR", "XDG_RUNTIME_DIR", "MPLCONFIGDIR", "PYTHONDONTWRITEBYTECODE"}
    image_s_own = {
        "SSL_CERT_FILE",
        "PIP_CERT",
        "REQUESTS_CA_BUNDLE",
        "NODE_EXTRA_CA_CERTS",
        "DEBIAN_FRONTEND",
        "HOSTNAME",
    }
    assert names <= allowed | image_s_own | {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE", ""}


async def test_running_command_survives_the_death_of_its_host_object(box: Sandbox, host: SandboxHost) -> None:
    if host.name != "docker":
        pytest.skip("an embedded sandbox dies with its process")
    box = await host.open("survivor")
    script = ["bash", "-c", "echo once >> log; until [ -e go ]; do sleep 0.01; done; echo end"]
    caller = asyncio.create_task(box.exec("job", script))
    await until_running(box, "job")
    await box.detach()
    await asyncio.gather(caller, return_exceptions=True)
    another = make("docker")
    back = await another.open("survivor", state=box.state)
    assert (back.incarnation, await back.job_state("job")) == (box.incarnation, "running")
    again = asyncio.create_task(back.exec("job", script))
    await back.write("go", b"")
    assert (await again).stdout == "end\n"
    assert await back.read("log") == b"once\n"
    await another.close()
