"""The fake by itself, for trying by hand: `python -m tests.fakes.discord --help` says how."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from typing import Any

from simcord.backend.models import Channel

from tests.fakes.discord.fake import DiscordFake
from tests.fakes.discord.humans import Human, NotPossible
from tests.fakes.discord.interactions import NotAnswered
from tests.fakes.discord.seen import Message
from tests.fakes.slack.__main__ import file_and_text, tell

KEYS = """\
It prints the settings to start Gofer with, then shows what happens, and takes lines from the keyboard. People are ann
and ben; every message that is shown has a number.

  ann: @gofer text              ann says this in #general
  ann dm: text                  ann writes to Gofer directly
  ann 3: text                   ann writes in the thread of message 3
  ann /file PATH text           ann says this in #general with a file of yours; the text may be missing
  ann dm /file PATH text        the same, directly
  ann 3 /file PATH text         the same, in the thread of message 3
  ann 3 click Approve           ann presses a button of message 3
  ann 3 react ✅                ann reacts to message 3
  ann run /task list            ann types a command in #general
  quit
"""
_LINE = re.compile(r"(?P<who>\w+)(?: (?P<number>\d+))?(?: (?P<verb>\w+))?(?P<file> /file)?(?P<colon>:)? ?(?P<rest>.*)")


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
        if found["file"]:
            await self.hands_over(person, place, rest, message)
        elif found["colon"]:
            await person.says(place, rest.replace("@gofer", self.discord.mention), thread=message)
        elif verb in acts:
            await acts[verb]()
        else:
            tell("what? (--help lists what can be typed)")

    async def hands_over(self, person: Human, place: Channel, rest: str, thread: Message | None) -> None:
        """Say what follows the path, with the file there. A path with blanks stands in quotation marks."""
        if (brought := await file_and_text(rest)) is not None:
            file, text = brought
            await person.says(place, text.replace("@gofer", self.discord.mention), thread=thread, files=[file])


def read_arguments(arguments: list[str]) -> argparse.Namespace:
    """What was asked for on the command line; ends the program for `--help` and wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fakes.discord",
        description="A Discord to try Gofer with by hand: one server, one channel, two people.",
        epilog=KEYS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("mode", nargs="?", choices=("gateway", "http"), default="gateway", help="how clicks come")
    parser.add_argument("url", nargs="?", default="", help="with http: where Gofer takes them, …/discord/interactions")
    found = parser.parse_args(arguments)
    if (found.mode == "http") != bool(found.url):
        parser.error("http needs the address where Gofer takes interactions; gateway takes none")
    return found


async def main(arguments: argparse.Namespace) -> None:
    async with DiscordFake(arguments.mode) as discord:
        discord.interactions.url = arguments.url
        desk = Desk(discord)
        tell("\n".join(f"{name}={value}" for name, value in discord.env().items()))
        tell(f"#general {desk.general.id}; type @gofer to mention it")
        discord.world.on_change.append(desk.show)
        while (line := await asyncio.to_thread(sys.stdin.readline)) and line.strip() != "quit":
            try:
                await desk.obey(line)
            except (NotPossible, NotAnswered, LookupError, ValueError) as error:
                tell(f"{error}")


if __name__ == "__main__":
    asyncio.run(main(read_arguments(sys.argv[1:])))
