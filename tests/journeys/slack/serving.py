"""The real `gofer serve` against the strict Slack: started, watched, killed and started again."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.fakes.slack import SlackFake
from tests.fakes.slack.humans import Human
from tests.fakes.slack.world import Channel, Message
from tests.journeys.program import GOFER, Program, scripted

PATIENCE_S = 60.0
Mode = Literal["socket", "http"]
NOTIFYING = ("ask:", "result:")
"""Keys of what may notify: what people decide, and what came of the work."""
SHOWING = ("chat.postMessage", "chat.postEphemeral", "chat.update", "chat.startStream", "chat.appendStream")
_MENTION = re.compile(r"<@(\w+)|<(!(?:channel|here|everyone|subteam)[^>]*)>")
MODES: tuple[Mode, ...] = ("socket", "http")
"""How Slack reaches Gofer."""


@dataclass
class Server:
    """A `gofer` process that serves."""

    program: Program
    words: tuple[str, ...]
    ready: str
    lines: list[str] = field(default_factory=list[str])
    _process: Process | None = None
    _reader: asyncio.Task[None] | None = None
    _heard: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        self.lines.clear()
        self._process = await asyncio.create_subprocess_exec(
            GOFER, *self.words, cwd=self.program.folder, env=self.program.env, stdin=DEVNULL, stderr=PIPE
        )
        self._reader = asyncio.create_task(self._read())
        await self.says(self.ready)

    async def says(self, words: str) -> None:
        """Wait until it has printed these words since its start."""
        try:
            async with asyncio.timeout(PATIENCE_S), self._heard:
                await self._heard.wait_for(lambda: any(words in line for line in self.lines))
        except TimeoutError:
            raise AssertionError(f"never said {words!r}:\n{self.log}") from None

    async def kill(self) -> None:
        """`kill -9`."""
        assert self._process is not None
        self._process.kill()
        await self._gone()

    async def stop(self) -> int:
        """Ask it to stop; its exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            return await self._gone()

    async def _gone(self) -> int:
        assert self._process is not None
        assert self._reader is not None
        code = await self._process.wait()
        await self._reader
        return code

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        while line := await self._process.stderr.readline():
            async with self._heard:
                self.lines.append(line.decode(errors="replace").rstrip())
                self._heard.notify_all()
        async with self._heard:
            self._heard.notify_all()

    @property
    def log(self) -> str:
        """All it printed since its start."""
        return "\n".join(self.lines)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None


@dataclass
class Office:
    """A workspace with two people and a channel, and Gofer in it."""

    slack: SlackFake
    server: Server
    ann: Human
    ben: Human
    general: Channel
    patience_s: float = PATIENCE_S
    """How long something may take to show."""

    async def asks(self, text: str, **more: Any) -> Message:
        """Ann mentions Gofer in the channel."""
        return await self.ann.says(self.general, f"{self.slack.mention} {text}", **more)

    def thread(self, root: Message) -> list[Message]:
        """Gofer's messages in a thread."""
        return [m for m in self.slack.messages(self.general, root.ts) if m.user == self.slack.bot_user_id]

    async def card(self, root: Message, words: str, *, button: str = "") -> Message:
        """Wait for a message of Gofer's in this thread with these words (and this button)."""

        def found() -> Message | None:
            fitting = (m for m in self.thread(root) if words in m.plain and not m.deleted)
            return next((m for m in fitting if not button or button in m.button_labels), None)

        return await self.until(found)

    async def until(self, found: Any) -> Any:
        """Wait until this gives something. On a timeout the world and the log are shown."""
        try:
            return await self.slack.wait_for(found, timeout=self.patience_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- log\n{self.server.log}") from error


@asynccontextmanager
async def office(
    folder: Path, turns: list[dict[str, Any]], *, mode: Mode = "socket", toml: str = "", **settings: str
) -> AsyncGenerator[Office]:
    """Gofer at work in a workspace; ended orderly and without a problem of the fake's."""
    async with AsyncExitStack() as stack:
        fake = await stack.enter_async_context(SlackFake(mode))
        ann, ben = fake.user("ann"), fake.user("ben")
        general = fake.channel("general", members=[ann, ben])
        (folder / "gofer.toml").write_text(toml or '[access]\nstart = ["everyone"]\n', encoding="utf-8")
        port = free_port()  # the same after a restart, because Slack has one address for it
        fake.deliver_to(f"http://127.0.0.1:{port}/slack/events")
        gofer = scripted(folder, turns, **{**fake.env(), "GOFER_WEB_PORT": str(port), **settings})
        server = Server(gofer, ("serve",), "mention @Gofer")
        await server.start()
        try:
            yield Office(fake, server, ann, ben, general)
            assert_quiet(fake)
        finally:
            if server.alive:
                assert await server.stop() == 0, server.log


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def assert_quiet(slack: SlackFake) -> None:
    """Of all that was sent: nothing unfurls, and nobody is mentioned but by a question, an approval or a result, when
    it is posted and not when it changes."""
    for call in slack.calls():
        if call.method == "chat.postMessage":
            assert (call.args.get("unfurl_links"), call.args.get("unfurl_media")) == (False, False), call
        if call.method in SHOWING:
            key = str((call.args.get("metadata") or {}).get("event_payload", {}).get("key", ""))
            may = call.method == "chat.postMessage" and key.startswith(NOTIFYING)
            shown = [call.args.get("blocks") or [], call.args.get("chunks") or []]
            rung = mentioned(shown) | {user or group for user, group in _MENTION.findall(call.args.get("text") or "")}
            assert may or not rung, (rung, call)


def mentioned(node: Any) -> set[str]:
    """Ids of those whom Slack tells of these blocks; `!channel` and the like as they stand."""
    if isinstance(node, list):
        return {user for item in node for user in mentioned(item)}
    if not isinstance(node, dict):
        return set()
    match node.get("type"):
        case "user":
            return {node["user_id"]}
        case "broadcast":
            return {"!" + node["range"]}
        case "mrkdwn":
            return {user or group for user, group in _MENTION.findall(node["text"])}
        case _:
            return {user for item in node.values() for user in mentioned(item)}
