"""The web surface over a real worker and a real port, with the fakes that ship."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import httpx2
from pydantic import Field

from agent.domain.asks import Risk
from agent.domain.people import Role
from agent.engine import LocalDispatcher
from agent.llm.scripted import Entry
from agent.ports.clock import SystemClock
from agent.ports.sandbox import ExecResult
from agent.sandbox.memory import MemoryFiles, MemoryHost
from agent.service.live import LiveBus
from agent.tools.registry import Tool, ToolContext, ToolOutput, said, tool
from bot.web import Sessions, create_app, listening
from bot.web.sessions import utc_now
from tests.kit import Kit, open_kit

TOKEN = "token-of-run-json"
CSRF = {"X-Gofer": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running web surface. `browser` is signed in by cookie, `program` has the token, `nobody` neither."""

    url: str
    kit: Kit
    sessions: Sessions
    nobody: httpx2.AsyncClient
    browser: httpx2.AsyncClient
    program: httpx2.AsyncClient
    bus: LiveBus

    def link(self) -> str:
        """A fresh sign-in link."""
        return f"{self.url}/signin?token={self.sessions.new_link()}"

    async def say(self, text: str, thread_id: str = "", files: Sequence[dict[str, Any]] = (), **more: str) -> Any:
        """What the reply box does."""
        body = {"thread_id": thread_id, "text": text, "files": list(files), "event_id": f"e{hash(text)}", **more}
        return (await self.browser.post("/api/messages", json=body)).raise_for_status().json()

    async def upload(self, name: str, data: bytes) -> Any:
        """What dropping a file does."""
        answer = await self.browser.post("/api/uploads", params={"path": name}, content=data)
        return answer.raise_for_status().json()

    async def task(self, task_id: str) -> Any:
        """The task with its view."""
        return (await self.program.get(f"/api/tasks/{task_id}")).raise_for_status().json()

    async def until(self, task_id: str, *statuses: str) -> Any:
        """The task as soon as its view has one of these statuses."""
        async with asyncio.timeout(5):
            async for _ in self.kit.journal.changes(task_id):
                found = await self.task(task_id)
                if found["view"]["status"] in statuses:
                    return found
        raise AssertionError("the journal stopped telling of changes")

    async def pending(self, task_id: str) -> Any:
        """The one open ask of a task."""
        view = (await self.until(task_id, "waiting"))["view"]
        (ask,) = [a["ask"] for a in view["asks"] if a["ask"]["status"] == "pending"]
        return ask


@asynccontextmanager
async def open_site(
    home: Path,
    script: Sequence[Entry],
    *,
    tools: tuple[Tool, ...] = (),
    public_url: str = "",
    now: Callable[[], datetime] = utc_now,
    **changes: object,
) -> AsyncGenerator[Site]:
    """A site on a fresh or existing home folder."""
    bus = LiveBus()
    sandboxes = MemoryHost(commands={"python3": check_file})
    async with open_kit(home, script, tools=tools, sandboxes=sandboxes, live=bus.publish, **changes) as kit:
        dispatcher = LocalDispatcher(kit.journal, worker_id="w", clock=SystemClock())
        await dispatcher.start(kit.loop.run_segment)
        try:
            async with serving(home, kit, bus, public_url=public_url, now=now) as site:
                yield site
        finally:
            await dispatcher.stop()


@asynccontextmanager
async def serving(
    home: Path,
    kit: Kit,
    bus: LiveBus,
    *,
    public_url: str = "",
    port: int = 0,
    now: Callable[[], datetime] = utc_now,
) -> AsyncGenerator[Site]:
    """A web surface for this worker; the sessions are those of the home folder. `now`: their clock."""
    sessions = Sessions(home / "web.json", now=now)
    app = create_app(
        kit.service,
        sessions=sessions,
        live=bus.listen,
        ready=lambda: True,
        model="scripted",
        sandbox=lambda: "memory",
        api_token=TOKEN,
        public_url=public_url,
    )
    await kit.access.admit("terminal:local", "you", role=Role.ADMIN)
    async with (
        listening(app, "127.0.0.1", port) as url,
        httpx2.AsyncClient(base_url=url) as nobody,
        httpx2.AsyncClient(base_url=url, headers=CSRF) as browser,
        httpx2.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}) as program,
    ):
        site = Site(url=url, kit=kit, sessions=sessions, nobody=nobody, browser=browser, program=program, bus=bus)
        await browser.get(site.link())
        yield site


async def check_file(files: MemoryFiles, argv: Sequence[str]) -> ExecResult:
    """Stands in for the checker: every file is fine; a picture is its own preview."""
    path, folder = argv[2], argv[3]
    previews: list[str] = []
    if path.endswith(".png"):
        previews = [f"{folder}/page-1.png"]
        files.write(previews[0], files.read(path))
    report = {"checks": [{"name": "opens", "ok": True, "detail": "It opens."}], "previews": previews}
    return ExecResult(code=0, stdout=json.dumps(report), stderr="")


async def frames(response: httpx2.Response) -> AsyncIterator[tuple[str, Any, str]]:
    """Event, data and id of each frame of an event stream."""
    name = number = data = ""
    async for line in response.aiter_lines():
        key, _, value = line.partition(": ")
        match key:
            case "event":
                name = value
            case "id":
                number = value
            case "data":
                data = value
            case "" if data:
                yield name, json.loads(data), number
                name = data = ""
            case _:
                pass


def bell(rung: list[str]) -> Tool:
    """A tool of high risk whose effect the test owns."""

    @tool(
        risk=Risk.HIGH,
        effect="outside",
        describe=lambda a: f"Ring the bell for {a['who']}",
        grant_pattern=lambda a: f"ring_bell({a['who']})",
    )
    async def ring_bell(ctx: ToolContext, *, who: Annotated[str, Field(description="For whom.")]) -> ToolOutput:
        """Ring a bell that people hear."""
        rung.append(who)
        return said("Rung.")

    return ring_bell


def gate(opened: asyncio.Event, reached: asyncio.Event) -> Tool:
    """A tool that runs until the test opens the gate."""

    @tool(risk=Risk.LOW, effect="none", describe=lambda _: "Wait at the gate")
    async def wait_at_gate(ctx: ToolContext) -> ToolOutput:
        """Wait."""
        reached.set()
        ctx.on_output("still shut\n")
        await opened.wait()
        return said("Through.")

    return wait_at_gate
