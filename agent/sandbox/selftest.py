"""The functional self-test: a real sandbox is opened and tries to get at what must be out of its reach."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import tempfile
import uuid
from typing import Any

from agent.domain.errors import CommandTimeout, ToolFailed
from agent.ports.sandbox import SandboxHost, SelfTest
from agent.sandbox.inside import seccomp

_PROBE = r"""
import json, os, socket, sys
canary, path, port, addresses = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
got = []
try:
    open(path).read(); got.append("a file of the host")
except OSError:
    pass
seen = repr(dict(os.environ))
for name in ("/proc/1/environ", "/proc/self/environ", "/proc/%d/environ" % os.getppid()):
    try:
        seen += open(name, "rb").read().decode("utf-8", "replace")
    except OSError:
        pass
if canary in seen:
    got.append("the environment of the host")
for address in addresses:
    try:
        socket.create_connection((address, port), 1).close(); got.append("a port of the host"); break
    except OSError:
        pass
socket.setdefaulttimeout(1)
try:
    socket.getaddrinfo("example.com", 80); got.append("name resolution")
except OSError:
    pass
try:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.sendto(b"x", ("192.0.2.1", 53)); got.append("a route out")
except OSError:
    pass
try:
    socket.socket(40, socket.SOCK_STREAM); got.append("the hypervisor (AF_VSOCK)")
except OSError:
    pass
try:
    open("/usr/.gofer-canary", "w"); got.append("write access to the system")
except OSError:
    pass
print(json.dumps({"got": got, "uid": os.getuid()}))
"""


async def probe(host: SandboxHost) -> SelfTest:
    """Open a sandbox of `host`, run the probe in it and judge what it got. Errors of the backend itself go through."""
    canary = f"gofer-canary-{uuid.uuid4().hex}"
    name = f"GOFER_CANARY_{canary[-8:].upper()}"
    listener = socket.create_server(("", 0))
    with listener, tempfile.NamedTemporaryFile("w", prefix="gofer-canary-", encoding="utf-8") as file:
        file.write(canary)
        file.flush()
        os.fchmod(file.fileno(), 0o644)
        os.environ[name] = canary
        try:
            sandbox = await host.open("selftest")
        finally:
            del os.environ[name]
        try:
            addresses = await asyncio.to_thread(_own_addresses)
            arguments = [canary, file.name, str(listener.getsockname()[1]), *addresses]
            ended = await sandbox.exec(canary, ["python3", "-c", _PROBE, *arguments], timeout_s=30)
        except (ToolFailed, CommandTimeout) as error:
            return SelfTest(ok=False, detail=f"{host.name}: a command could not be run: {error}", fix=_FIX)
        finally:
            await sandbox.close()
    if ended.code != 0:
        said = (ended.stderr or ended.stdout).strip()[-300:]
        return SelfTest(ok=False, detail=f"{host.name}: a command could not be run: {said}", fix=_FIX)
    return _judged(host.name, json.loads(ended.stdout))


_FIX = "Check that python3 is installed, or set GOFER_SANDBOX to another backend."


def _judged(name: str, seen: dict[str, Any]) -> SelfTest:
    got = list(seen["got"])
    if seen["uid"] == 0:
        got.append("the rights of root")
    without_filter = seccomp.supported()
    if without_filter and "the hypervisor (AF_VSOCK)" in got:
        got.remove("the hypervisor (AF_VSOCK)")
    if got:
        return SelfTest(
            ok=False,
            detail=f"{name}: commands can reach {', '.join(got)}.",
            fix="Set GOFER_SANDBOX to another backend.",
        )
    note = f" ({without_filter})" if without_filter else ""
    return SelfTest(
        ok=True, detail=f"{name}: commands run; network, files and environment of the host are out of reach{note}."
    )


def _own_addresses() -> list[str]:
    """Addresses under which this machine could be reached from a sandbox that is not closed off."""
    found = {"127.0.0.1"}
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:  # or there is none
        route.connect(("192.0.2.1", 9))  # no packet is sent
        found.add(route.getsockname()[0])
    with contextlib.suppress(OSError):  # a machine that does not know its own name
        found |= {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    found.add("172.17.0.1")  # Docker's default bridge
    return sorted(found)
