"""A workspace in memory with a real service behind it: what tests of the reception say and look at."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.domain.people import Actor
from agent.domain.task import Task
from agent.domain.view import TaskView
from agent.llm.scripted import Entry
from agent.service import AccessRules, Mailbox, Post
from bot.cards import Card, Token, Verb
from bot.fit import plain
from bot.reception import Reception
from bot.surface import (
    FormValue,
    Incoming,
    IncomingChoice,
    IncomingFile,
    IncomingForm,
    IncomingMessage,
    IncomingReaction,
    MessageRef,
    ThreadRef,
    Trigger,
)
from tests.fakes.surface import Chat, MemorySurface
from tests.kit import Kit, call, open_kit

THREAD = ThreadRef("slack", "T1", "C1", "10.1")
PLACE = "slack:T1:C1"
ANN = Actor("slack:T1:UANN", "Ann", place=PLACE)
BEN = Actor("slack:T1:UBEN", "Ben", place=PLACE)
PLAN = call("plan", steps=["one", "two"], files=["a"])
LONG_AGO = datetime(2026, 11, 1, tzinfo=UTC)
OPEN = AccessRules(start=("everyone",))


@dataclass
class Scene:
    """A workspace with a worker that works when it is told to."""

    kit: Kit
    chat: Chat
    surface: MemorySurface
    reception: Reception
    mailbox: Mailbox
    count: int = 10
    ids: list[str] = field(default_factory=list[str])

    async def says(
        self,
        text: str,
        who: Actor = ANN,
        *,
        mention: bool = False,
        thread: ThreadRef = THREAD,
        work: bool = True,
        **more: object,
    ) -> IncomingMessage:
        """Somebody writes."""
        self.count += 1
        ts = str(more.pop("ts", f"{self.count}.1"))
        said = IncomingMessage(
            event_id=f"ev{self.count}",
            thread=thread,
            person=who,
            at=datetime.now(UTC),
            message=MessageRef(thread, ts),
            text=text,
            mentioned=mention,
            **more,  # type: ignore[arg-type]
        )
        await self.gets(said, work=work)
        return said

    async def gets(self, incoming: Incoming, *, work: bool = True) -> None:
        await self.reception.receive(incoming)
        if work:
            await self.kit.work()

    async def clicks(self, token: Token | str, who: Actor = ANN, *, work: bool = True, **more: object) -> None:
        await self.gets(self.click(token, who, **more), work=work)

    def click(self, token: Token | str, who: Actor = ANN, **more: object) -> IncomingChoice:
        self.count += 1
        return IncomingChoice(
            event_id=f"ev{self.count}",
            thread=THREAD,
            person=who,
            at=datetime.now(UTC),
            message=more.pop("message", MessageRef(THREAD, "c1")),  # type: ignore[arg-type]
            token=token if isinstance(token, str) else token.encode(),
            trigger=Trigger("slack", str(more.pop("trigger", "t"))),
            **more,  # type: ignore[arg-type]
        )

    async def sends(self, token: Token, values: dict[str, FormValue], who: Actor = ANN, **more: object) -> None:
        """Somebody sends a form."""
        self.count += 1
        form = IncomingForm(
            event_id=f"ev{self.count}",
            thread=THREAD,
            person=who,
            at=datetime.now(UTC),
            token=token.encode(),
            values=values,
            trigger=Trigger("slack", "t"),
            files=more.pop("files", ()),  # type: ignore[arg-type]
        )
        await self.gets(form)

    async def reacts(self, emoji: str, message_id: str, who: Actor = ANN) -> None:
        self.count += 1
        nowhere = replace(THREAD, thread=message_id)
        reaction = IncomingReaction(
            event_id=f"ev{self.count}",
            thread=nowhere,
            person=who,
            at=datetime.now(UTC),
            message=MessageRef(nowhere, message_id),
            emoji=emoji,
        )
        await self.gets(reaction)

    async def shows(self, key: str, message_id: str) -> None:
        """What the feed does: note which message shows what."""
        task = await self.task()
        post = Post(key=key, surface="slack", thread_id=THREAD.thread_id, task_id=task.task_id, at=datetime.now(UTC))
        await self.mailbox.intend(post)
        await self.mailbox.sent(key, message_id=message_id, digest="d")

    async def tasks(self) -> tuple[Task, ...]:
        return await self.kit.journal.tasks(thread_id=THREAD.thread_id)

    async def task(self) -> Task:
        return (await self.tasks())[0]

    async def view(self) -> TaskView:
        return await self.kit.view(await self.task())

    async def token(self, choice: str) -> Token:
        """The button of the one open ask."""
        (ask,) = (await self.view()).pending
        form = choice in ("revise", "answer")
        verb = Verb.FORM if form else Verb.ANSWER
        return Token(verb=verb, subject_id=ask.ask_id, revision=ask.revision, choice=choice)

    def told(self, who: Actor = ANN) -> list[str]:
        """What this person was told in private."""
        return [plain(card) for person, card in self.chat.whispers if person == who.person_id]

    def told_card(self, who: Actor = ANN) -> Card:
        return [card for person, card in self.chat.whispers if person == who.person_id][-1]

    def model_saw(self) -> str:
        """The last request to the model."""
        return str(self.kit.llm.requests[-1][1])  # type: ignore[attr-defined]


@asynccontextmanager
async def scene(home: Path, *script: Entry, access: AccessRules = OPEN, **more: Any) -> AsyncGenerator[Scene]:
    async with open_kit(home, list(script), access=access, **more) as kit:
        chat = Chat()
        surface, mailbox = MemorySurface(chat), Mailbox(kit.journal.mail)
        yield Scene(kit, chat, surface, Reception(kit.service, surface, mailbox), mailbox)
        assert not chat.broken


def a_file(
    name: str, data: bytes = b"a,b\n1,2\n", *, size: int | None = None, error: Exception | None = None
) -> IncomingFile:
    async def fetch() -> AsyncIterator[bytes]:
        if error is not None:
            raise error
        yield data

    return IncomingFile(name=name, size_bytes=len(data) if size is None else size, media_type="text/csv", fetch=fetch)
