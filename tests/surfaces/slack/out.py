"""The outgoing side of Slack against the strict fake: a surface, and small things to send."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bot.cards import (
    Action,
    Block,
    Card,
    CardKind,
    CardState,
    Note,
    Person,
    StepLine,
    Steps,
    Text,
    Token,
    Verb,
)
from bot.slack.directory import Directory
from bot.slack.pacer import Clock
from bot.slack.payload import text
from bot.slack.surface import SlackSurface
from bot.slack.web import ask, make_client
from bot.slack.workspace import Workspace
from bot.surface import OutFile, ThreadRef
from tests.fakes.slack import Channel, Message, SlackFake

STOP = Action(Token(verb=Verb.STOP, subject_id="t_1"), "Stop", "danger", "Stop it?")
ALLOW = Action(Token(verb=Verb.ANSWER, subject_id="a_1", revision=1, choice="allow"), "Allow once", "primary")
DENY = Action(Token(verb=Verb.ANSWER, subject_id="a_1", revision=1, choice="deny"), "Deny")


class Fast:
    """A clock that runs twenty times as fast: the pacer keeps its distances, and tests do not wait for them."""

    speed = 20

    def now(self) -> float:
        return time.monotonic() * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)


@asynccontextmanager
async def opened(slack: SlackFake, clock: Clock | None = None, *, token: str = "") -> AsyncGenerator[SlackSurface]:
    """A surface of the fake's workspace."""
    clock = clock or Fast()
    client = make_client(token or slack.bot_token, slack.url)
    me = await ask(client, "auth.test")
    here = Workspace(
        team_id=text(me, "team_id"), bot_user_id=text(me, "user_id"), bot_id=text(me, "bot_id"), url=text(me, "url")
    )
    surface = SlackSurface(client, here, Directory(client, here.team_id), clock=clock)
    try:
        yield surface
    finally:
        await surface.close()


def place(slack: SlackFake, channel: Channel, root: Message | str = "") -> ThreadRef:
    """A thread of a channel, or the channel itself."""
    return ThreadRef("slack", slack.team_id, channel.id, root.ts if isinstance(root, Message) else root)


def approval(*blocks: Block, **others: Any) -> Card:
    fields: dict[str, Any] = {"key": "ask:a_1", "title": "May I do this?", "actions": (ALLOW, DENY), **others}
    state = fields.pop("state", CardState.WAITING)
    return Card(kind=CardKind.APPROVAL, state=state, blocks=blocks or (Text("Send the mail"),), **fields)


def status(*steps: StepLine, now: str = "", state: CardState = CardState.RUNNING, **others: Any) -> Card:
    """The card of a running task; `now`: the call it makes."""
    fields: dict[str, Any] = {"key": "status:t_1", "title": "Working: sort the files", "actions": (STOP,), **others}
    lines = (Steps((StepLine(now, "running"),), label="Just now", start=None),) if now else ()
    asked_by = fields.pop("asked_by", "")
    meta = Note(("For ", Person(asked_by), ".")) if asked_by else Note(("Started.",))
    return Card(kind=CardKind.STATUS, state=state, blocks=(*((Steps(steps),) if steps else ()), *lines, meta), **fields)


def out_file(name: str, data: bytes, *, media_type: str = "text/csv", title: str = "") -> OutFile:
    async def stream() -> AsyncIterator[bytes]:
        for at in range(0, len(data), 1_000):
            yield data[at : at + 1_000]

    return OutFile(
        name=name, size_bytes=len(data), media_type=media_type, open=stream, path=f"outputs/{name}", title=title
    )
