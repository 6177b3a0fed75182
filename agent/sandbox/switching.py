"""A sandbox host that can be replaced while it serves: the embedded one first, Docker when its image is built."""

from __future__ import annotations

from agent.ports.sandbox import Sandbox, SandboxHost, SelfTest


class SwitchingHost:
    """Delegates to the newest host. Sandboxes of the older one live on until their segment ends."""

    def __init__(self, host: SandboxHost) -> None:
        self._hosts = [host]

    @property
    def name(self) -> str:
        return self._hosts[-1].name

    def switch(self, host: SandboxHost) -> None:
        """From now on new sandboxes come from this host. A state of the older one means a new sandbox to it."""
        self._hosts.append(host)

    async def selftest(self) -> SelfTest:
        return await self._hosts[-1].selftest()

    async def open(self, thread_id: str, *, state: str = "") -> Sandbox:
        return await self._hosts[-1].open(thread_id, state=state)

    async def reap(self, keep: set[str]) -> int:
        return sum([await host.reap(keep) for host in self._hosts])

    async def close(self) -> None:
        for host in self._hosts:
            await host.close()
