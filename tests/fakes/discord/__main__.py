"""The fake by itself, for trying by hand: `python -m tests.fakes.discord [gateway|http URL]`.

It prints the settings to start Gofer with, then shows what happens and takes lines from the keyboard:
`ann: text` (in #general), `ann dm: text`, `ann 3: text` (in the thread of message 3), `ann 3 click Approve`,
`ann 3 react ✅`, `ann run /task list`, `quit`.
"""

from __future__ import annotations

import asyncio
import re
import sys
from typing import Any

from simcord.backend.models import Channel

from tests.fakes.discord.fake import DiscordFake
from tests.fakes.discord.humans import Human, NotPossible
from tests.fakes.discord.interactions import NotAnswered
from tests.fakes.discord.seen import Message

_LINE = re.compile(r"(?P<who>\w+)(?: (?P<number>\d+))?(?: (?P<verb>\w+))?(?P<colon>:)? ?(?P<rest>.*)")


class Desk:
    """Two people, one channel, and a number for every message shown."""

    def __init__(self, discord: DiscordFake) -> None:
        self.discord = discord
        self.people: dict[str, Human] = {"ann": discord.user("ann"), "ben": discord.user("ben")}
        self.general = discord.channel("general")
        self.shown: list[Message] = []
        self.before: dict[int, str] = {}

    def show(self) -> None:
        """Tell of every message that is new or reads differently."""
        backend = self.discord.world.backend
        for models in list(backend.messages.values()):
            for model in list(models.values()):
                message = Message(self.discord, model)
                if message not in self.shown:
                    self.shown.append(message)
                buttons = " ".join(f"[{label}]" for label in message.button_labels)
                look = f"{message.plain}\n{buttons} {' '.join(message.reactions)}"
                if self.before.get(message.id) != look:
                    self.before[message.id] = look
                    who = self.discord.names[str(message.author_id)]
                    place = message.channel.name or "direct"
                    tell(f"{self.shown.index(message)}) {place}{' (private)' * message.ephemeral} {who}: {look}")

    async def obey(self, line: str) -> None:
        found = _LINE.fullmatch(line.strip())
        if found is None or found["who"] not in self.people:
            tell(f"people are {', '.join(self.people)}")
            return
        person, verb, rest = self.people[found["who"]], found["verb"], found["rest"]
        message = self.shown[int(found["number"])] if found["number"] else None
        place: Channel = self.discord.dm(person) if verb == "dm" else message.channel if message else self.general
        acts: dict[str, Any] = {
            "click": lambda: person.clicks(message, rest),
            "react": lambda: person.reacts(message, rest),
            "run": lambda: person.runs(rest, self.general),
        }
        if found["colon"]:
            await person.says(place, rest.replace("@gofer", self.discord.mention), thread=message)
        elif verb in acts:
            await acts[verb]()
        else:
            tell("what?")


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def main(arguments: list[str]) -> None:
    mode: Any = arguments[0] if arguments else "gateway"
    async with DiscordFake(mode) as discord:
        discord.interactions.url = arguments[1] if arguments[1:] else ""
        desk = Desk(discord)
        tell("\n".join(f"{name}={value}" for name, value in discord.env().items()))
        tell(f"#general {desk.general.id}; type @gofer to mention it")
        discord.world.on_change.append(desk.show)
        while (line := await asyncio.to_thread(sys.stdin.readline)) and line.strip() != "quit":
            try:
                await desk.obey(line)
            except (NotPossible, NotAnswered, LookupError) as error:
                tell(f"{error}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
