"""A model for many conversations at once: each plays its own turns, and may be made to think until the test says go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.messages import ApiError, FakeMessages

MODEL = "claude-sonnet-5-5"
PATIENCE_S = 60.0
Turn = Mapping[str, Any]


@dataclass
class Talk:
    """The turns of one request. A turn with `hold` waits at that number until the talk is let go on."""

    tag: str
    turns: Sequence[Turn]
    seen: list[str] = field(default_factory=list[str])
    """Everything the model was told, a text for each request."""
    asked: asyncio.Condition = field(default_factory=asyncio.Condition)
    _free: asyncio.Event = field(default_factory=asyncio.Event)

    def go_on(self) -> None:
        """Let held turns be answered, now and later."""
        self._free.set()

    async def thinks(self) -> None:
        """Wait until the model is at work on a turn that is held."""
        await self._until(lambda: self._thinking)

    async def heard(self, words: str) -> str:
        """Wait until the model was told this; all that it was told by then."""
        await self._until(lambda: bool(self.seen) and words in self.seen[-1])
        return self.seen[-1]

    async def take_up(self, number: int, told: str) -> None:
        """A request for this turn has come."""
        async with self.asked:
            self.seen.append(told)
            self._thinking = self._held(number)
            self.asked.notify_all()
        if self._thinking:
            await self._free.wait()
            self._thinking = False

    _thinking: bool = False

    def _held(self, number: int) -> bool:
        return number < len(self.turns) and bool(self.turns[number].get("hold")) and not self._free.is_set()

    async def _until(self, found: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S), self.asked:
                await self.asked.wait_for(found)
        except TimeoutError:
            last = self.seen[-1] if self.seen else "(nothing)"
            raise AssertionError(f"the model was never there in {self.tag}; it was told last:\n{last}") from None


class Brain:
    """Serves all talks of a server. Which one a request belongs to is told by its tag in the task's opening words."""

    def __init__(self) -> None:
        self._talks: dict[str, Talk] = {}
        self._model = FakeMessages(self._turn, before=self._before)
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[Brain]:
        """Reachable at `url`."""
        async with self._model.serving() as self.url:
            yield self
            for talk in self._talks.values():
                talk.go_on()

    @property
    def env(self) -> dict[str, str]:
        """Settings with which Gofer finds it."""
        return {"ANTHROPIC_API_KEY": "test-key", "ANTHROPIC_BASE_URL": self.url, "GOFER_MODEL": MODEL}

    def plays(self, tag: str, turns: Sequence[Turn]) -> Talk:
        """A talk for requests with this tag. A later one of the same tag takes its place."""
        talk = self._talks[tag] = Talk(tag, turns)
        return talk

    async def _before(self, body: dict[str, Any]) -> None:
        await self._talk(body).take_up(_number(body), said_in(body))

    def _turn(self, body: dict[str, Any]) -> Turn:
        talk, number = self._talk(body), _number(body)
        if number >= len(talk.turns):
            raise ApiError(400, f"{talk.tag} has {len(talk.turns)} turns")
        turn = talk.turns[number]
        if "error" in turn:
            raise ApiError(turn["error"], "something is wrong")
        return turn

    def _talk(self, body: dict[str, Any]) -> Talk:
        """The tag that stands last in the request: a thread's earlier ones are quoted before it."""
        opening = next(message for message in body["messages"] if message["role"] == "user")
        request = _texts(opening["content"])
        places = {tag: request.rfind(tag) for tag in self._talks}
        tag = max(places, key=lambda tag: (places[tag], len(tag)), default="")
        if not tag or places[tag] < 0:
            raise ApiError(400, f"no talk for {request[:200]!r}")
        return self._talks[tag]


def said_in(body: Mapping[str, Any]) -> str:
    """All the text of a request's messages."""
    return "\n".join(_texts(message["content"]) for message in body["messages"])


def call(name: str, **arguments: Any) -> Turn:
    """A turn with one call."""
    return {"tools": [{"name": name, "input": arguments}]}


def say(text: str, **more: Any) -> Turn:
    """A turn of words; alone it ends the task."""
    return {"text": text, **more}


def _number(body: Mapping[str, Any]) -> int:
    return sum(message["role"] == "assistant" for message in body["messages"])


def _texts(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts: list[str] = []
    for block in content:
        if block.get("type") == "text":
            parts.append(block["text"])
        elif block.get("type") == "tool_result":
            parts.append(_texts(block.get("content") or ""))
        elif block.get("type") == "tool_use":
            parts.append(f"[{block['name']} {block['input']}]")
    return "\n".join(parts)
