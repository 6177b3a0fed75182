"""Gofer's commands on Discord: as they are registered, and what one that was used says. Pure, but for `sync`.

Discord keeps the list; `gofer discord sync` writes it, because each writing counts against a day's limit and takes
effect everywhere at once. Skills are an option of one command, never commands of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from agent.domain.people import Actor
from agent.service import Service
from bot.discord.payload import Payload, flag, number, part, parts, snowflake, text
from bot.discord.web import Web
from bot.markup import clip, one_line

HAND_OVER = "hand_over"
HAND_OVER_LABEL = "Hand to Gofer"
PROMPT = "prompt"
"""The option of `/task new` that says what to do."""
MOST_FILES = 10
_GROUP, _STRING, _FILE = 1, 3, 11
_TYPED, _ON_MESSAGE = 1, 3
_TASK_WORDS = {"list": "tasks"}
"""What subcommands are called elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command that was used, as `bot.surface.IncomingCommand` has it."""

    name: str
    words: tuple[str, ...] = ()
    text: str = ""
    message: Payload | None = None
    files: tuple[Payload, ...] = ()


def registered() -> tuple[Mapping[str, Any], ...]:
    """The commands, as Discord takes them."""
    return (
        _command("task", "Hand work to Gofer, and look after it", _task_subcommands()),
        _command("gofer", "What Gofer can do and what is in force", _gofer_subcommands()),
        {"type": _ON_MESSAGE, "name": HAND_OVER_LABEL, **_EVERYWHERE},
    )


def command_of(payload: Payload) -> Command | None:
    """What a command that was used says; None: one that this version does not know."""
    data = part(payload, "data")
    resolved = part(data, "resolved")
    if number(data, "type") == _ON_MESSAGE:
        message = part(resolved, "messages", snowflake(data, "target_id"))
        return Command(name=HAND_OVER, message=message or None)
    given = parts(data, "options")
    if text(data, "name") not in ("task", "gofer") or not given:
        return None
    options = {text(option, "name"): option for option in parts(given[0], "options")}
    said = {name: text(option, "value") for name, option in options.items()}
    match text(data, "name"), text(given[0], "name"):
        case "task", "new":
            ids = [snowflake(options[name], "value") for name in _FILE_NAMES if name in options]
            files = tuple(file for one in ids if (file := part(resolved, "attachments", one)))
            prompt = said.get(PROMPT, "")
            return Command(name="begin" if prompt else "new_task", text=prompt, files=files)
        case "gofer", "run":
            return Command(name="gofer", words=("run", said.get("skill", ""), *said.get("what", "").split()))
        case "task", word:
            task_id = said.get("task", "").strip()
            return Command(name="task", words=(_TASK_WORDS.get(word, word), *([task_id] if task_id else [])))
        case _, word:
            return Command(name="gofer", words=(word,))


async def suggestions(service: Service, actor: Actor, payload: Payload) -> Sequence[tuple[str, str]]:
    """What may be meant by what is being typed: labels with their values, those that fit it."""
    given = parts(payload, "data", "options")
    word = text(given[0], "name") if given else ""
    typing = next((option for option in parts(given[0], "options") if flag(option, "focused")), None) if given else None
    if typing is None:
        return ()
    typed = text(typing, "value").casefold()
    match text(typing, "name"):
        case "skill":
            found = [(s.name, f"{s.name}: {one_line(s.description)}", True) for s in await service.skills(actor)]
        case "task":
            tasks = await service.tasks(actor, limit=50)
            found = [(t.task_id, one_line(t.request), _fits(word, t.status.final)) for t in tasks]
        case _:
            return ()
    return [
        (clip(label, 100), value) for value, label, fits in found if fits and typed in f"{value} {label}".casefold()
    ]


async def sync(web: Web, application_id: str) -> tuple[str, ...]:
    """Write the list at Discord; the names that it has now. Raises `SurfaceDown`, `SurfaceRefused`."""
    path = "/applications/{application_id}/commands"
    # The one body that is a list.
    answer = await web.call("PUT", path, {"application_id": application_id}, json=cast(Payload, registered()))
    return tuple(text(one, "name") for one in parts({"all": answer}, "all"))


async def known(web: Web, application_id: str) -> tuple[Payload, ...]:
    """The commands that Discord has. Raises `SurfaceDown`, `SurfaceRefused`."""
    return await web.many("GET", "/applications/{application_id}/commands", {"application_id": application_id})


_FILE_NAMES = tuple(f"file{number}" for number in range(1, MOST_FILES + 1))
_EVERYWHERE: Mapping[str, Any] = {
    # In servers and in direct messages with Gofer; who may use what is for Gofer's own rules to say.
    "contexts": [0, 1],
    "integration_types": [0],
}


def _task_subcommands() -> list[Mapping[str, Any]]:
    what = _option(PROMPT, "What is to be done; without it, a form opens")
    files = [_option(name, "A file to work on", kind=_FILE) for name in _FILE_NAMES]
    mine = _option("task", "Which one; without it, the only one at work", suggested=True)
    named = _option("task", "Which one", suggested=True, required=True)
    return [
        _sub("new", "Hand over a piece of work", what, *files),
        _sub("list", "Your newest tasks"),
        _sub("status", "What is at work, or where one task stands", _option("task", "Which one", suggested=True)),
        _sub("stop", "Stop a task", mine),
        _sub("retry", "Try again what failed or was stopped", named),
        _sub("files", "What a task has delivered", named),
        _sub("approve", "Say yes to what a task asks", mine),
        _sub("deny", "Say no to what a task asks", mine),
    ]


def _gofer_subcommands() -> list[Mapping[str, Any]]:
    skill = _option("skill", "Which one", suggested=True, required=True)
    return [
        _sub("help", "How to work with Gofer"),
        _sub("skills", "What Gofer has learnt"),
        _sub("run", "Start a skill", skill, _option("what", "What to do with it")),
        _sub("status", "What is at work"),
        _sub("usage", "What was spent, and the limits"),
        _sub("settings", "Who you are here and what is in force"),
        _sub("connectors", "What is connected, and your account in the web chat"),
        _sub("why", "Why you may hand over work here, or not"),
    ]


def _command(name: str, description: str, options: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    return {"type": _TYPED, "name": name, "description": description, "options": options, **_EVERYWHERE}


def _sub(name: str, description: str, *options: Mapping[str, Any]) -> Mapping[str, Any]:
    ordered = sorted(options, key=lambda option: not option.get("required", False))
    return {"type": _GROUP, "name": name, "description": description, "options": ordered}


def _option(
    name: str, description: str, *, kind: int = _STRING, required: bool = False, suggested: bool = False
) -> Mapping[str, Any]:
    more = {"autocomplete": True} if suggested else {}
    return {"type": kind, "name": name, "description": description, "required": required, **more}


def _fits(word: str, final: bool) -> bool:
    """Whether a task that has ended, or has not, can be meant with this subcommand."""
    match word:
        case "stop" | "approve" | "deny":
            return not final
        case "retry":
            return final
        case _:
            return True
