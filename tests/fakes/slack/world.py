"""What exists in the fake: workspaces, people, channels, messages, files, modals. State only; nothing is sent here."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.fakes.slack.plain import labels_of, plain_text

ChannelKind = Literal["channel", "group", "im", "mpim"]
StreamState = Literal["live", "stopped", "stopped_by_user"]
Block = dict[str, Any]


class Clock:
    """Monotonic seconds, which a test may push forward to age streams, trigger ids and response URLs."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def now(self) -> float:
        return time.monotonic() + self._ahead_s

    def advance(self, seconds: float) -> None:
        self._ahead_s += seconds


@dataclass(eq=False)
class Team:
    """A workspace. `installed`: the app is in it and its bot token works."""

    team_id: str
    name: str
    domain: str
    bot_token: str
    bot_user_id: str
    bot_id: str
    scopes: tuple[str, ...]
    installed: bool = True


@dataclass(eq=False)
class User:
    user_id: str
    name: str
    team_id: str
    guest: bool = False
    outsider: bool = False
    bot: bool = False
    admin: bool = False
    deleted: bool = False
    tz: str = "Europe/Zurich"
    bot_id: str = ""

    @property
    def id(self) -> str:
        return self.user_id

    @property
    def mention(self) -> str:
        return f"<@{self.user_id}>"


@dataclass(eq=False)
class Stream:
    """The streamed part of a message."""

    clock: Clock
    ttl_s: float
    started_at: float
    display_mode: str
    mode: str = ""
    """`text` or `chunks`, by what came first."""
    text: str = ""
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    plan_title: str = ""
    blocks: list[Block] = field(default_factory=list)
    state: StreamState = "live"

    @property
    def live(self) -> bool:
        return self.state == "live" and self.clock.now() - self.started_at < self.ttl_s


@dataclass(eq=False)
class File:
    file_id: str
    name: str
    title: str
    data: bytes
    user: str
    team_id: str
    created: int
    alt_txt: str = ""
    shares: list[tuple[str, str]] = field(default_factory=list)
    """(channel id, message ts)"""
    external: bool = False
    """Of another organisation: events carry only its id."""

    @property
    def id(self) -> str:
        return self.file_id

    @property
    def size(self) -> int:
        return len(self.data)


@dataclass(eq=False)
class Message:
    """A message as it stands now; a test may keep it and look again later."""

    channel: Channel
    ts: str
    user: str
    text: str = ""
    blocks: list[Block] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    metadata: dict[str, Any] | None = None
    parent_ts: str = ""
    """The thread's root, for a reply; empty for the root."""
    broadcast: bool = False
    bot_id: str = ""
    subtype: str = ""
    client_msg_id: str = ""
    team_id: str = ""
    ephemeral_to: str = ""
    edited: tuple[str, str] | None = None
    """(user id, ts) of the last edit."""
    deleted: bool = False
    reactions: dict[str, list[str]] = field(default_factory=dict)
    stream: Stream | None = None
    history: list[list[Block]] = field(default_factory=list)
    """The blocks of earlier versions, oldest first: a person may still see them for a moment."""

    @property
    def id(self) -> str:
        return self.ts

    @property
    def thread_ts(self) -> str:
        """The root's ts, also of a root that has replies; empty where there is no thread."""
        if self.parent_ts:
            return self.parent_ts
        return self.ts if any(m.parent_ts == self.ts for m in self.channel.messages.values()) else ""

    @property
    def root_ts(self) -> str:
        return self.parent_ts or self.ts

    @property
    def streaming(self) -> bool:
        return self.stream is not None and self.stream.live

    @property
    def button_labels(self) -> list[str]:
        return labels_of(self.blocks)

    @property
    def plain(self) -> str:
        """All visible text: the blocks', or the text where there are none; names of files below."""
        parts = [plain_text(self.blocks) if self.blocks else self.text]
        if self.stream is not None and not self.blocks:
            parts = [self.stream.plan_title, *(task["title"] for task in self.stream.tasks.values()), self.stream.text]
        return "\n".join(part for part in [*parts, *(file.name for file in self.files)] if part)

    def __repr__(self) -> str:
        return f"<Message {self.channel.name} {self.ts} {self.user} {self.plain[:80]!r}>"


@dataclass(eq=False)
class Channel:
    channel_id: str
    name: str
    kind: ChannelKind
    team_id: str
    members: set[str]
    archived: bool = False
    shared: bool = False
    """With another organisation (Slack Connect)."""
    messages: dict[str, Message] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.channel_id

    def thread(self, ts: str) -> list[Message]:
        """The root and its replies in order, deleted ones too."""
        return [m for _, m in sorted(self.messages.items()) if ts in (m.ts, m.parent_ts)]

    def __repr__(self) -> str:
        return f"<Channel {self.name} {self.channel_id}>"


@dataclass(eq=False)
class View:
    """An open modal or a Home tab."""

    view_id: str
    body: dict[str, Any]
    user: str
    team_id: str
    hash: str
    root_id: str = ""
    previous_id: str = ""

    @property
    def id(self) -> str:
        return self.view_id

    @property
    def blocks(self) -> list[Block]:
        return self.body["blocks"]

    @property
    def title(self) -> str:
        return self.body.get("title", {}).get("text", "")

    @property
    def callback_id(self) -> str:
        return self.body.get("callback_id", "")

    @property
    def private_metadata(self) -> str:
        return self.body.get("private_metadata", "")

    @property
    def button_labels(self) -> list[str]:
        return labels_of(self.blocks)

    @property
    def plain(self) -> str:
        return "\n".join(part for part in (self.title, plain_text(self.blocks)) if part)


@dataclass(eq=False)
class Session:
    """An agent session of one thread."""

    status: str
    title: str = ""
    initiator: str = ""


@dataclass(frozen=True, slots=True)
class Prompts:
    """Suggested prompts as shown in a DM."""

    title: str
    prompts: tuple[dict[str, str], ...]


class Sessions(dict[tuple[str, str], Session]):
    """By (channel, thread): ids, or the channel and message themselves."""

    @staticmethod
    def key(pair: tuple[Any, Any]) -> tuple[str, str]:
        channel, thread = pair
        return getattr(channel, "id", channel), getattr(thread, "ts", thread)

    def __getitem__(self, pair: tuple[Any, Any]) -> Session:
        return super().__getitem__(self.key(pair))

    def __contains__(self, pair: object) -> bool:
        return isinstance(pair, tuple) and super().__contains__(self.key(pair))

    def get(self, pair: tuple[Any, Any], default: Any = None) -> Any:
        return super().get(self.key(pair), default)


class World:
    """Everything at once, with ids and the news that something changed."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.teams: dict[str, Team] = {}
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}
        self.groups: dict[str, tuple[str, str, list[str]]] = {}
        """id → (team id, handle, user ids)"""
        self.views: dict[str, list[View]] = {}
        """user id → open modals, the top one last"""
        self.homes: dict[tuple[str, str], View] = {}
        """(team id, user id) → Home tab"""
        self.ephemerals: list[Message] = []
        self.sessions = Sessions()
        self.prompts: dict[str, Prompts] = {}
        """By channel id."""
        self.statuses: dict[tuple[str, str], str] = {}
        """Text of `assistant.threads.setStatus` by (channel id, thread ts); empty ones are absent."""
        self.problems: list[str] = []
        self.on_change: list[Callable[[], None]] = []
        self._ids = itertools.count(1)
        self._last_ts = (0, 0)

    def changed(self) -> None:
        for call in list(self.on_change):
            call()

    def problem(self, text: str) -> None:
        self.problems.append(text)
        self.changed()

    def new_id(self, letter: str) -> str:
        return f"{letter}{next(self._ids):08X}"

    def next_ts(self) -> str:
        """A message ts: now, and later than every one before."""
        second = max(int(time.time()), self._last_ts[0])
        micro = self._last_ts[1] + 100 if second == self._last_ts[0] else 100
        self._last_ts = (second, micro)
        return f"{second}.{micro:06d}"

    def messages(self) -> Iterator[Message]:
        for channel in self.channels.values():
            yield from channel.messages.values()

    def user(self, user_id: str) -> User:
        return self.users[user_id]

    def view(self, view_id: str) -> View | None:
        every = [*(v for stack in self.views.values() for v in stack), *self.homes.values()]
        return next((v for v in every if v.view_id == view_id), None)

    def im(self, team: Team, user: User) -> Channel:
        """The direct messages between the app and a person; made when first asked for."""
        for channel in self.channels.values():
            if channel.kind == "im" and channel.team_id == team.team_id and user.user_id in channel.members:
                return channel
        channel = Channel(self.new_id("D"), f"dm-{user.name}", "im", team.team_id, {user.user_id, team.bot_user_id})
        self.channels[channel.id] = channel
        return channel
