"""Faults that a test asks for: refusals, lost answers, calls that hang until the test lets them go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Args = Mapping[str, Any]
Where = Callable[[Args], object]
Stage = Literal["hold", "refuse", "hold_done", "lose"]


class Reached(asyncio.Event):
    """An event that can also be awaited by itself."""

    def __await__(self) -> Generator[Any, None, Literal[True]]:
        return self.wait().__await__()


class Gate:
    """A call that waits. `reached`: it has arrived (`await gate.reached`); `open` lets it go on."""

    def __init__(self) -> None:
        self.reached = Reached()
        self.args: Args = {}
        self._open = asyncio.Event()
        self._closing = False

    def open(self) -> None:
        self._open.set()

    async def pass_through(self, args: Args) -> bool:
        """Wait until opened. False: the fake is closing, and the call is never answered."""
        self.args = args
        self.reached.set()
        await self._open.wait()
        return not self._closing

    def close(self) -> None:
        self._closing = True
        self._open.set()


@dataclass(eq=False)
class Fault:
    stage: Stage
    method: str
    times: int
    where: Where | None = None
    error: str = ""
    status: int = 200
    retry_after_s: float = 0
    gate: Gate | None = None


class Faults:
    """The queue of faults. `method` may be `*`; `where` narrows to calls whose arguments it likes."""

    def __init__(self) -> None:
        self._pending: list[Fault] = []
        self._gates: list[Gate] = []

    def rate_limit(self, method: str, *, retry_after_s: float = 1, times: int = 1, where: Where | None = None) -> None:
        """Answer 429 with Retry-After."""
        self._add(Fault("refuse", method, times, where, "ratelimited", 429, retry_after_s))

    def error(self, method: str, error: str, *, times: int = 1, where: Where | None = None) -> None:
        """Answer `ok: false` with this error; nothing is done."""
        self._add(Fault("refuse", method, times, where, error))

    def http(self, method: str, status: int, *, times: int = 1, where: Where | None = None) -> None:
        """Answer this HTTP status with a page instead of JSON; nothing is done."""
        self._add(Fault("refuse", method, times, where, status=status))

    def lose_reply(self, method: str, *, times: int = 1, where: Where | None = None) -> None:
        """Do it, then cut the connection before the answer."""
        self._add(Fault("lose", method, times, where))

    def hold(
        self, method: str, *, after: Literal["arrived", "done"] = "arrived", times: int = 1, where: Where | None = None
    ) -> Gate:
        """Keep the call waiting, before anything is done or (`done`) before the answer."""
        gate = Gate()
        self._gates.append(gate)
        self._add(Fault("hold" if after == "arrived" else "hold_done", method, times, where, gate=gate))
        return gate

    def clear(self) -> None:
        """Forget all that are left; held calls stay held."""
        self._pending.clear()

    def take(self, stage: Stage, method: str, args: Args) -> Fault | None:
        """The next fault of this stage for this call, used up once."""
        for fault in self._pending:
            if fault.stage == stage and fault.method in (method, "*") and (fault.where is None or fault.where(args)):
                fault.times -= 1
                if fault.times <= 0:
                    self._pending.remove(fault)
                return fault
        return None

    def close(self) -> None:
        """Let go of the calls that are still held, without an answer."""
        for gate in self._gates:
            gate.close()

    def _add(self, fault: Fault) -> None:
        self._pending.append(fault)
