"""What a scenario does and sees: a person's hands and eyes in a chat, whatever the platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tests.journeys.brain import Talk, Turn

NewFile = tuple[str, bytes]


class Shown(Protocol):
    """A message as it stands now; it may be kept and looked at again later."""

    @property
    def text(self) -> str:
        """All the words on it."""
        ...

    @property
    def buttons(self) -> list[str]: ...

    @property
    def rung(self) -> set[str]:
        """Names of those it notified by a mention."""
        ...


class Chat(Protocol):
    """One thread in a channel of its own, with `ann`, who asks, and other people by name: `ben` is a member of the
    team like her, `eve` an admin. Where `who` is not named, `ann` acts."""

    def model(self, *turns: Turn) -> Talk:
        """What the model says to the next request."""
        ...

    @property
    def tag(self) -> str:
        """By which the model knows this chat's requests; `ask` adds it by itself."""
        ...

    async def begin(self, text: str, files: Sequence[NewFile] = (), *, who: str = "ann") -> Any:
        """Begin the thread without Gofer."""
        ...

    async def ask(self, text: str, files: Sequence[NewFile] = (), *, who: str = "ann") -> Any:
        """Mention Gofer: begins the thread, and a task when there is none at work. Gives the message."""
        ...

    async def reply(
        self, text: str, files: Sequence[NewFile] = (), *, who: str = "ann", mention: bool = False, to: str = ""
    ) -> Any:
        """Say something in the thread; `to`: another person, by mention."""
        ...

    async def edit(self, said: Any, text: str) -> None: ...

    async def delete(self, said: Any) -> None: ...

    async def card(self, words: str, *, button: str = "", without: str = "") -> Shown:
        """Wait for a message of Gofer's with these words and this button (and without those)."""
        ...

    async def click(self, card: Shown, label: str, *, who: str = "ann", stale: bool = False) -> None:
        """Press a button, perhaps one that the message no longer has."""
        ...

    async def fill(self, values: Mapping[str, Any], *, who: str = "ann") -> None:
        """Fill in the form that opens and send it; by the names of its fields."""
        ...

    async def react(self, message: Any, emoji: str, *, who: str = "ann") -> None:
        """Put an emoji on a message or card; a name as the platform has it in English, without colons."""
        ...

    async def noticed(self, said: Any, emoji: str) -> None:
        """Wait until Gofer has put this emoji on a message."""
        ...

    async def told(self, words: str, *, who: str = "ann") -> Shown:
        """Wait until somebody alone was told this."""
        ...

    async def files(self, *names: str) -> Mapping[str, bytes]:
        """Wait for these files to be brought; all that were brought by then, by name."""
        ...

    def messages(self) -> Sequence[Shown]:
        """Gofer's own in the thread, oldest first."""
        ...

    async def status(self, *, who: str = "ann") -> Shown:
        """Ask where the work stands and wait for the answer: all that was said before has been worked on by then."""
        ...
