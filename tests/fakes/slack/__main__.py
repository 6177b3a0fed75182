"""The fake by itself, for trying by hand: `python -m tests.fakes.slack --help` says how."""

from __future__ import annotations

import argparse
import asyncio
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.fakes.slack.fake import SlackFake
from tests.fakes.slack.humans import Human, NotAnswered, NotPossible
from tests.fakes.slack.manifest import settings_of
from tests.fakes.slack.world import Channel, Message

MANIFEST = Path(__file__).parents[3] / "deploy" / "slack-manifest.yaml"
KEYS = """\
It prints the settings to start Gofer with, then shows what happens, and takes lines from the keyboard. People are ann
(an admin) and ben; every message that is shown has a number.

  ann: @gofer text              ann says this in #general
  ann dm: text                  ann writes to Gofer directly
  ann 3: text                   ann replies in the thread of message 3
  ann /file PATH text           ann says this in #general with a file of yours; the text may be missing
  ann dm /file PATH text        the same, directly
  ann 3 /file PATH text         the same, in the thread of message 3
  ann 3 click Approve           ann presses a button of message 3
  ann 3 react +1                ann reacts to message 3
  ann run /gofer status         ann types a slash command in #general
  ann home                      ann opens the App Home tab
  quit
"""
_LINE = re.compile(r"(?P<who>\w+)(?: (?P<number>\d+))?(?: (?P<verb>\w+))?(?P<file> /file)?(?P<colon>:)? ?(?P<rest>.*)")


class Desk:
    """Two people, one channel, and a number for every message shown."""

    def __init__(self, slack: SlackFake) -> None:
        self.slack = slack
        self.people: dict[str, Human] = {"ann": slack.user("ann", admin=True), "ben": slack.user("ben")}
        self.general = slack.channel("general", members=list(self.people.values()))
        self.shown: list[Message] = []
        self.before: dict[str, str] = {}

    def show(self) -> None:
        """Tell of every message that is new or reads differently."""
        everything = [m for channel in self.slack.world.channels.values() for m in self.slack.messages(channel)]
        for message in [*everything, *self.slack.world.ephemerals]:
            if message not in self.shown:
                self.shown.append(message)
            buttons = " ".join(f"[{label}]" for label in message.button_labels)
            look = f"{message.plain}\n{buttons} {' '.join(message.reactions)}"
            if self.before.get(message.ts) != look:
                self.before[message.ts] = look
                number = self.shown.index(message)
                tell(f"{number}) {message.channel.name} {self.slack.world.user(message.user).name}: {look}")

    async def obey(self, line: str) -> None:
        found = _LINE.fullmatch(line.strip())
        if found is None or found["who"] not in self.people:
            tell(f"people are {', '.join(self.people)}")
            return
        person, verb, rest = self.people[found["who"]], found["verb"], found["rest"]
        message = self.shown[int(found["number"])] if found["number"] else None
        place: Channel = self.slack.dm(person) if verb == "dm" else message.channel if message else self.general
        acts: dict[str, Any] = {
            "click": lambda: person.clicks(message, rest),
            "react": lambda: person.reacts(message, rest),
            "run": lambda: person.runs(rest, self.general),
            "home": person.opens_home,
        }
        if found["file"]:
            await self.hands_over(person, place, rest, message)
        elif found["colon"]:
            await person.says(place, rest.replace("@gofer", self.slack.mention), thread=message)
        elif verb in acts:
            await acts[verb]()
        else:
            tell("what? (--help lists what can be typed)")

    async def hands_over(self, person: Human, place: Channel, rest: str, thread: Message | None) -> None:
        """Say what follows the path, with the file there. A path with blanks stands in quotation marks."""
        if (brought := await file_and_text(rest)) is not None:
            file, text = brought
            await person.says(place, text.replace("@gofer", self.slack.mention), thread=thread, files=[file])


def read_file(path: str) -> tuple[str, bytes]:
    """Name and content."""
    found = Path(path).expanduser()
    return found.name, found.read_bytes()


async def file_and_text(rest: str) -> tuple[tuple[str, bytes], str] | None:
    """Name and content of a file of whoever types, and what follows its path; None: which file, or why not, is told."""
    words = shlex.split(rest)
    if not words:
        tell("which file?")
        return None
    try:
        return await asyncio.to_thread(read_file, words[0]), " ".join(words[1:])
    except OSError as error:
        tell(f"{words[0]} cannot be read: {error.strerror}")
        return None


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def read_arguments(arguments: list[str]) -> argparse.Namespace:
    """What was asked for on the command line; ends the program for `--help` and wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fakes.slack",
        description="A Slack to try Gofer with by hand, made from deploy/slack-manifest.yaml.",
        epilog=KEYS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("mode", nargs="?", choices=("socket", "http"), default="socket", help="how events come")
    parser.add_argument("url", nargs="?", default="", help="with http: where Gofer listens, as http://127.0.0.1:8765")
    found = parser.parse_args(arguments)
    if (found.mode == "http") != bool(found.url):
        parser.error("http needs the address where Gofer listens; socket takes none")
    return found


async def main(arguments: argparse.Namespace) -> None:
    settings = settings_of(yaml.safe_load(MANIFEST.read_text(encoding="utf-8")))
    async with SlackFake(**{**settings, "mode": arguments.mode}) as slack:
        if arguments.url:
            slack.deliver_to(arguments.url)
        desk = Desk(slack)
        tell("\n".join(f"{name}={value}" for name, value in slack.env().items()))
        tell(f"#general {desk.general.id}; type @gofer to mention it")
        slack.world.on_change.append(desk.show)
        while (line := await asyncio.to_thread(sys.stdin.readline)) and line.strip() != "quit":
            try:
                await desk.obey(line)
            except (NotPossible, NotAnswered, LookupError, ValueError) as error:
                tell(f"{error}")


if __name__ == "__main__":
    asyncio.run(main(read_arguments(sys.argv[1:])))
