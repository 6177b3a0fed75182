"""`tests.journeys.chat.Chat` in Slack: a channel for each scenario, and one real `gofer serve` for all of them."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from bot import phrases
from tests.fakes.slack import Channel, Human, Message, SlackFake, View, settings_of
from tests.journeys.brain import Brain, Talk, Turn
from tests.journeys.chat import NewFile
from tests.journeys.program import program
from tests.journeys.slack.serving import Mode, Server, assert_quiet, free_port, mentioned

MANIFEST = Path(__file__).parents[3] / "deploy" / "slack-manifest.yaml"
PATIENCE_S = 40.0
ASKS = "Bash(publish*)"
"""Calls that the policy of these tests asks about."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Card:
    """A message of Gofer's, as a scenario sees it."""

    message: Message
    names: Mapping[str, str]
    """User id → name."""

    @property
    def text(self) -> str:
        return self.message.plain

    @property
    def buttons(self) -> list[str]:
        return self.message.button_labels

    @property
    def rung(self) -> set[str]:
        return {self.names[user] for user in mentioned(self.message.blocks)}


@dataclass
class Company:
    """A workspace with people in it, and Gofer at work."""

    slack: SlackFake
    server: Server
    brain: Brain
    people: Mapping[str, Human]
    approvals: Channel
    """The channel where the user group `leads` (that is, lea) decides."""
    numbers: Any = field(default_factory=lambda: itertools.count(1))
    patience_s: float = PATIENCE_S
    """How long something may take to show. More where many tasks are at work at once."""

    def chat(self, *guests: str, channel: Channel | None = None) -> SlackChat:
        """A new channel with ann, ben and these people in it, and no thread yet."""
        number = next(self.numbers)
        inside = [self.people[name] for name in ("ann", "ben", *guests)]
        return SlackChat(self, channel or self.slack.channel(f"job-{number}", members=inside), f"(job {number}.)")

    def alone(self, who: str = "ann") -> SlackChat:
        """The direct conversation of somebody with Gofer."""
        person = self.people[who]
        return SlackChat(self, self.slack.dm(person), f"(job {next(self.numbers)}.)")

    async def until(self, found: Callable[[], T]) -> T:
        """Wait until this gives something; on a timeout the world and the log are shown."""
        try:
            return await self.slack.wait_for(found, timeout=self.patience_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- log\n{self.server.log}") from error

    @property
    def names(self) -> Mapping[str, str]:
        """User id → name."""
        return {user.user_id: user.name for user in self.slack.world.users.values()}


@dataclass
class SlackChat:
    """See `tests.journeys.chat.Chat`. `tag` stands behind the first request, so that the model knows its talk."""

    company: Company
    channel: Channel
    tag: str
    root: Message | None = None
    _said: list[Message] = field(default_factory=list[Message])

    @property
    def slack(self) -> SlackFake:
        return self.company.slack

    def person(self, who: str) -> Human:
        return self.company.people[who]

    def model(self, *turns: Turn) -> Talk:
        return self.company.brain.plays(self.tag, turns)

    # -- saying

    async def begin(self, text: str, files: Sequence[NewFile] = (), *, who: str = "ann") -> Message:
        self.root = await self.person(who).says(self.channel, text, files=list(files))
        return self.root

    async def ask(self, text: str, files: Sequence[NewFile] = (), *, who: str = "ann", **more: Any) -> Message:
        direct = self.channel.kind == "im"
        words = text if text.startswith("!") else f"{text} {self.tag}"  # no model hears a command
        words = words if direct else f"{self.slack.mention} {words}"
        said = await self.person(who).says(self.channel, words, thread=self.root, files=list(files), **more)
        self.root = self.root or said
        return said

    async def reply(
        self, text: str, files: Sequence[NewFile] = (), *, who: str = "ann", mention: bool = False, to: str = ""
    ) -> Message:
        head = [self.slack.mention] if mention else []
        head += [self.person(to).mention] if to else []
        return await self.person(who).says(self.channel, " ".join([*head, text]), thread=self.root, files=list(files))

    async def edit(self, said: Message, text: str) -> None:
        author = self.slack.world.user(said.user)
        await self.person(author.name).edits(said, f"{self.slack.mention} {text} {self.tag}")

    async def delete(self, said: Message) -> None:
        await self.person(self.slack.world.user(said.user).name).deletes(said)

    # -- looking

    def thread(self) -> list[Message]:
        """Gofer's messages in the thread."""
        if self.root is None:
            return []
        said = self.slack.messages(self.channel, self.root.root_ts)
        return [message for message in said if message.user == self.slack.bot_user_id]

    def messages(self) -> Sequence[Card]:
        return [self.seen(message) for message in self.thread()]

    def seen(self, message: Message) -> Card:
        return Card(message, self.company.names)

    async def card(self, words: str, *, button: str = "", without: str = "") -> Card:
        def found() -> Message | None:
            return _first(self.thread(), words, button, without)

        return self.seen(await self.company.until(found))

    async def noticed(self, said: Message, emoji: str) -> None:
        bot = self.slack.bot_user_id
        await self.company.until(lambda: bot in said.reactions.get(emoji, ()))

    async def told(self, words: str, *, who: str = "ann") -> Card:
        person = self.person(who)

        def found() -> Message | None:
            direct = [m for m in self.slack.messages(self.slack.dm(person)) if m.user == self.slack.bot_user_id]
            return _first([*self.slack.ephemerals(person), *direct], words)

        message = await self.company.until(found)
        if message.ephemeral_to:
            self.slack.world.ephemerals.remove(message)  # what was read is not read twice
        return self.seen(message)

    async def files(self, *names: str) -> Mapping[str, bytes]:
        def found() -> dict[str, bytes] | None:
            brought = {file.name: file.data for message in self.thread() for file in message.files}
            return brought if set(names) <= set(brought) else None

        return await self.company.until(found)

    async def status(self, *, who: str = "ann") -> Card:
        await self.reply("status", who=who)
        person = self.person(who)
        words = tuple(phrases.STATUS.values())
        found = await self.company.until(
            lambda: next((m for m in self.slack.ephemerals(person) if m.plain.startswith(words)), None)
        )
        self.slack.world.ephemerals.remove(found)
        return self.seen(found)

    # -- pressing

    async def click(self, card: Card, label: str, *, who: str = "ann", stale: bool = False) -> None:
        await self.person(who).clicks(card.message, label, stale=stale)

    async def form(self, *, who: str = "ann") -> View:
        """The form that opens."""
        person = self.person(who)
        return (await self.company.until(lambda: self.slack.views(person)))[-1]

    async def fill(self, values: Mapping[str, Any], *, who: str = "ann") -> None:
        view = await self.form(who=who)
        assert await self.person(who).submits(view, dict(values)) is None

    async def react(self, message: Message | Card, emoji: str, *, who: str = "ann") -> None:
        target = message.message if isinstance(message, Card) else message
        await self.person(who).reacts(target, emoji)


def _first(messages: Iterable[Message], words: str, button: str = "", without: str = "") -> Message | None:
    for message in messages:
        labels = message.button_labels
        if words in message.plain and (not button or button in labels) and not (without and without in labels):
            return message
    return None


@asynccontextmanager
async def company(
    folder: Path, mode: Mode = "socket", *, lacks: Collection[str] = (), admin: bool = True, **more: str
) -> AsyncGenerator[Company]:
    """A workspace made from our own manifest. `lacks`: what it does not have (`SlackFake.disable`); `more`: settings.

    ann and ben are staff, who may hand over work; eve is the admin; lea leads; zoe is new; gus is a guest, oz of
    another organisation, rob a program.
    """
    made = settings_of(yaml.safe_load(MANIFEST.read_text(encoding="utf-8")))
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(SlackFake(**{**made, "mode": mode}))
        slack.disable(*lacks)
        people = {name: slack.user(name) for name in ("ann", "ben", "eve", "lea", "zoe")}
        people["gus"] = slack.user("gus", guest=True)
        people["oz"] = slack.user("oz", outsider=True)
        people["rob"] = slack.user("rob", bot=True)
        staff = slack.group("staff", [people["ann"], people["ben"]])
        leads = slack.group("leads", [people["lea"]])
        approvals = slack.channel("approvals", members=[people["ann"], people["ben"], people["lea"]])
        brain = await stack.enter_async_context(Brain().serving())
        (folder / "gofer.toml").write_text(_toml(slack, staff, leads, approvals), encoding="utf-8")
        port = free_port()
        settings = {
            **slack.env(),
            **brain.env,
            "GOFER_WEB_PORT": str(port),
            **more,
        }
        if admin:
            settings["GOFER_ADMINS"] = f"slack:{slack.team_id}:{people['eve'].user_id}"
        server = Server(program(folder, **settings), ("serve",), "mention @Gofer")
        slack.deliver_to(f"http://127.0.0.1:{port}/slack/events")
        await server.start()
        try:
            yield Company(slack, server, brain, people, approvals)
            assert_quiet(slack)
        finally:
            if server.alive:
                assert await server.stop() == 0, server.log


def _toml(slack: SlackFake, staff: str, leads: str, approvals: Channel) -> str:
    here = f"slack:{slack.team_id}"
    return f"""
[access]
start = ["{here}:{staff}"]
[policy]
ask = ["{ASKS}"]
[channels."{here}:{approvals.id}"]
decide = ["{here}:{leads}"]
"""
