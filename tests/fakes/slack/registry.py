"""Web API methods: how one is declared, how its arguments are read, how it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tests.fakes.slack.world import Channel, Message, Team, User, World

if TYPE_CHECKING:
    from tests.fakes.slack.fake import SlackFake

_TS = re.compile(r"\d{10}\.\d{6}")
_TRUE, _FALSE = ("1", "true", "True"), ("0", "false", "False", "")


class Refused(Exception):
    """Slack's `ok: false`. `why` goes to `response_metadata.messages`."""

    def __init__(self, error: str, *why: str, **extra: Any) -> None:
        super().__init__(error, *why)
        self.error, self.why, self.extra = error, why, extra


@dataclass(frozen=True, slots=True)
class Arguments:
    """Declared as words: `name`, `name!` when required, with a type after a colon: str, ts, int, bool, json, list."""

    types: Mapping[str, str]
    required: frozenset[str]

    @classmethod
    def of(cls, words: str) -> Arguments:
        split = [word.partition(":") for word in words.split()]
        types = {name.rstrip("!"): kind or "str" for name, _, kind in split}
        return cls(types, frozenset(name.rstrip("!") for name, _, _ in split if name.endswith("!")))

    def read(self, given: Mapping[str, Any], *, from_json: frozenset[str]) -> dict[str, Any]:
        """The values in their types. `from_json`: names that came in a JSON body, where types are not converted."""
        wrong = [f"[ERROR] unknown argument: {name}" for name in given if name not in self.types and name != "team_id"]
        for name in sorted(self.required):
            if given.get(name) in (None, ""):
                wrong.append(f"[ERROR] missing required field: {name}")
        out: dict[str, Any] = {}
        for name, value in given.items():
            if name in self.types and value is not None:
                try:
                    out[name] = _value(self.types[name], value, strict=name in from_json)
                except ValueError as error:
                    wrong.append(f"[ERROR] {name}: {error}")
        if wrong:
            raise Refused("invalid_arguments", *wrong)
        return out


def _value(kind: str, value: Any, *, strict: bool) -> Any:
    match kind:
        case "json":
            return json.loads(value) if isinstance(value, str) else value
        case "list":
            if isinstance(value, str):
                return json.loads(value) if value.startswith("[") else [item for item in value.split(",") if item]
            if isinstance(value, list):
                return value
            raise ValueError("must be an array")
        case "bool":
            if isinstance(value, bool):
                return value
            if not strict and value in (*_TRUE, *_FALSE):
                return value in _TRUE
            raise ValueError("must be a boolean")
        case "int":
            if isinstance(value, int) and not isinstance(value, bool):
                return value
            if isinstance(value, str) and re.fullmatch(r"-?\d+", value):
                return int(value)
            raise ValueError("must be an integer")
        case "ts":
            if isinstance(value, str) and _TS.fullmatch(value):
                return value
            raise ValueError("must be a message timestamp")
        case _:
            if isinstance(value, str):
                return value
            raise ValueError("must be a string")


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised call: who asks, with what."""

    fake: SlackFake
    team: Team
    args: dict[str, Any]
    token: str = ""

    @property
    def world(self) -> World:
        return self.fake.world

    def channel(self, name: str = "channel", *, member: bool = True, open_to_post: bool = False) -> Channel:
        """The channel of an argument. A private one that the bot is not in does not exist for it."""
        found = self.world.channels.get(self.args[name])
        if found is None or found.team_id != self.team.team_id:
            raise Refused("channel_not_found")
        inside = self.team.bot_user_id in found.members
        if not inside and found.kind != "channel":
            raise Refused("channel_not_found")
        if member and not inside:
            raise Refused("not_in_channel")
        if open_to_post and found.archived:
            raise Refused("is_archived")
        return found

    def thread(self, channel: Channel, name: str = "thread_ts") -> str:
        """The root that an argument names, "" where it is absent. Dead roots and replies are refused (unverified)."""
        ts = self.args.get(name)
        if ts is None:
            return ""
        root = channel.messages.get(ts)
        if root is None:
            raise Refused("thread_not_found")
        if root.parent_ts:
            raise Refused("cannot_reply_to_message")
        return ts

    def message(self, channel: Channel, name: str = "ts") -> Message:
        found = channel.messages.get(self.args[name])
        if found is None or found.deleted:
            raise Refused("message_not_found")
        return found

    def person(self, name: str = "user") -> User:
        found = self.world.users.get(self.args[name])
        if found is None or not self.fake.sees(self.team, found):
            raise Refused("user_not_found")
        return found

    def page(self, items: list[Any], default: int, most: int = 999) -> tuple[list[Any], dict[str, Any]]:
        """(this page, what to add to the answer), by `cursor` and `limit`."""
        limit = self.args.get("limit", default)
        if not 1 <= limit <= most:
            raise Refused("invalid_limit")
        start = 0
        if cursor := self.args.get("cursor"):
            if not re.fullmatch(r"next:\d+", cursor):
                raise Refused("invalid_cursor")
            start = int(cursor.removeprefix("next:"))
        end = start + limit
        return items[start:end], {"response_metadata": {"next_cursor": f"next:{end}" if end < len(items) else ""}}


Run = Callable[[Call], Awaitable[dict[str, Any]]]
Token = Literal["bot", "app", "none"]


@dataclass(frozen=True, slots=True)
class Method:
    name: str
    run: Run
    arguments: Arguments
    scopes: tuple[str, ...]
    json_body: bool
    token: Token


METHODS: dict[str, Method] = {}


def method(
    name: str,
    arguments: str = "",
    *,
    scopes: str = "",
    json_body: bool = True,
    token: Token = "bot",  # noqa: S107 - a kind of token
) -> Callable[[Run], Run]:
    """Declare a method. `scopes`: all of these are needed. `json_body`: false where Slack reads only forms."""

    def declare(run: Run) -> Run:
        METHODS[name] = Method(name, run, Arguments.of(arguments), tuple(scopes.split()), json_body, token)
        return run

    return declare


def need_scope(call: Call, *scopes: str) -> None:
    """Refuse like Slack when the bot's token lacks one of them."""
    lacking = [scope for scope in scopes if scope not in call.team.scopes]
    if lacking:
        raise Refused("missing_scope", needed=",".join(lacking), provided=",".join(call.team.scopes))


READ_SCOPES = {"channel": "channels:read", "group": "groups:read", "im": "im:read", "mpim": "mpim:read"}
HISTORY_SCOPES = {
    "channel": "channels:history",
    "group": "groups:history",
    "im": "im:history",
    "mpim": "mpim:history",
}
