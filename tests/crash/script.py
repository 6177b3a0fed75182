"""The task that is killed: a model that reacts to what it is told, its tools, and an effect outside everything."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import Field

from agent.domain.asks import Risk
from agent.domain.blocks import Json, tool_uses
from agent.llm.scripted import Turn
from agent.ports.llm import Message
from agent.ports.sandbox import ExecResult, SandboxHost
from agent.sandbox import engine, image
from agent.sandbox.docker import DockerHost
from agent.sandbox.limits import MIB, Limits
from agent.sandbox.memory import Command, MemoryFiles, MemoryHost
from agent.tools.registry import Tool, ToolContext, ToolOutput, said, tool

Kind = Literal["memory", "docker"]
INPUTS = {"one.txt": b"first\n", "two.txt": b"second\n"}
LOG = "outputs/log.txt"
NOTE = "outputs/note.txt"
RANG, UNKNOWN = "The bell rang.", "Nobody knows whether the bell rang."
SMALL = Limits(processes_bytes=256 * MIB, workspace_bytes=64 * MIB, tmp_bytes=16 * MIB, pids=64, life_s=1800)


def model(kind: Kind, pace_s: float) -> Callable[[Sequence[Message]], Turn]:
    """The model: what is due follows from what its calls have brought so far."""
    append = {
        "memory": f"append {LOG} {pace_s}",
        "docker": f'mkdir -p outputs; t=$(date +%s.%N); sleep {pace_s}; echo "$t" >> {LOG}',
    }[kind]

    def answer(messages: Sequence[Message]) -> Turn:
        done = _results(messages)
        if "plan" not in done:
            steps: list[Json] = ["Read both files", "Write the log", "Ring the bell"]
            return Turn(text="Here is a plan.", tools=(("plan", {"steps": steps, "files": [LOG, NOTE]}),))
        if "read" not in done:
            return Turn(tools=tuple(("read", {"path": f"inputs/{name}"}) for name in INPUTS))
        if "write" not in done:
            note = ("write", {"path": NOTE, "content": "noted"})
            return Turn(text="Now the log.", tools=(note, ("bash", {"command": append})))
        if "Interrupted" in done["bash"]:
            return Turn(text="Once more, it was undone.", tools=(("bash", {"command": append}),))
        if "ring_bell" not in done:
            return Turn(tools=(("ring_bell", {"who": "ana"}),))
        if "deliver" not in done:
            return Turn(tools=(("deliver", {"path": LOG, "title": "The log"}),))
        return Turn(text=UNKNOWN if "Interrupted" in done["ring_bell"] else RANG)

    return answer


def bell(rung: Path, pace_s: float) -> Tool:
    """A tool of high risk: it appends its call's id to a file that neither the journal nor the sandbox knows."""

    @tool(risk=Risk.HIGH, effect="outside", describe=lambda a: f"Ring the bell for {a['who']}")
    async def ring_bell(ctx: ToolContext, *, who: Annotated[str, Field(description="For whom.")]) -> ToolOutput:
        """Ring a bell that people hear."""
        await asyncio.sleep(pace_s)
        handle = os.open(rung, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(handle, f"{ctx.call_id} {who}\n".encode())
        os.close(handle)
        await asyncio.sleep(pace_s)
        return said("Rung.")

    return ring_bell


def make_host(kind: Kind, home: Path, installation: str) -> SandboxHost:
    """Sandboxes that a later process finds again."""
    if kind == "memory":
        return MemoryHost(home / "sandboxes", _COMMANDS)
    return DockerHost(image.tag("core"), installation=installation, limits=SMALL)


def left_sandboxes(kind: Kind, home: Path, installation: str) -> int:
    """How many sandboxes live, whoever made them. A container may be listed for a moment after its end."""
    if kind == "docker":
        return sum(engine.lives("", container_id, installation) for container_id in engine.ours("", installation))
    folder = home / "sandboxes"
    return len(list(folder.iterdir())) if folder.exists() else 0


def remove_sandboxes(kind: Kind, installation: str) -> None:
    """Leave none on the engine of a life that ended badly; other kinds live in the life's folder."""
    if kind == "docker":
        for container_id in engine.ours("", installation):
            engine.remove("", container_id)


async def _append(files: MemoryFiles, argv: Sequence[str]) -> ExecResult:
    begun = time.time()
    await asyncio.sleep(float(argv[2]))
    before = files.read(argv[1]) if files.exists(argv[1]) else b""
    files.write(argv[1], before + f"{begun}\n".encode())
    return ExecResult(code=0, stdout="", stderr="")


async def _check(files: MemoryFiles, argv: Sequence[str]) -> ExecResult:
    checks = [{"name": "opened", "ok": files.exists(argv[2]), "detail": "It can be opened."}]
    return ExecResult(code=0, stdout=json.dumps({"checks": checks, "previews": []}), stderr="")


_COMMANDS: Mapping[str, Command] = {"append": _append, "python3": _check}


def _results(messages: Sequence[Message]) -> dict[str, str]:
    """The newest result of each tool as text."""
    names: dict[str, str] = {}
    found: dict[str, str] = {}
    for message in messages:
        names |= {use.tool_use_id: use.name for use in tool_uses(message.content)}
        for block in message.content:
            if block.get("type") == "tool_result":
                found[names[cast(str, block["tool_use_id"])]] = json.dumps(block["content"])
    return found
