"""Discord's limits on what an application sends, each checked by us and not by the backend under the fake."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.fakes.discord.plain import components_in

V2 = 1 << 15
CREATE = ("POST /channels/*/messages", "POST /webhooks/*/*")
EDIT = ("PATCH /channels/*/messages/*", "PATCH /webhooks/*/*/messages/*")
THREADS = ("POST /channels/*/messages/*/threads", "POST /channels/*/threads")
FILES_MAX = 10
CONTENT_CHARS = 2_000
TEXTS_CHARS = 4_000
COMPONENTS_MAX = 40
CUSTOM_ID_CHARS = 100
THREAD_NAME_CHARS = 100
NONCE_CHARS = 25
ARCHIVE_MINUTES = (60, 1440, 4320, 10080)
COMMANDS = {1: 100, 2: 15, 3: 15}
"""So many commands of each type: in chat, on people, on messages."""
COMMAND_CHARS = 8_000
MODAL = 9
_WORDS = {"label": 80, "placeholder": 150, "description": 100}
_SELECTS = frozenset({3, 5, 6, 7, 8})


def lint(name: str, body: Any, files: Sequence[Any] = ()) -> list[str]:
    """What Discord would refuse about this call; empty when nothing. `name`: as in `tests.fakes.discord.faults`."""
    given: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    if name in CREATE or name in EDIT:
        return list(_message(given, files))
    if name in THREADS:
        return list(_thread(given))
    if name == "POST /interactions/*/*/callback":
        return list(_callback(given, files))
    if name.startswith("PUT /applications/"):
        return list(_commands(body))
    return []


def house_rules(name: str, body: Any) -> list[str]:
    """What our own house asks for beyond Discord: a nonce that counts, and mentions allowed in so many words."""
    given: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    found: list[str] = []
    if name in (*CREATE, *EDIT):
        told = given
    elif name == "POST /interactions/*/*/callback" and given.get("type") in (4, 7):
        told = given.get("data") or {}
    else:
        return found
    if "allowed_mentions" not in told:
        found.append(f"{name} says nothing of allowed_mentions")
    if name == CREATE[0] and not (given.get("nonce") and given.get("enforce_nonce")):
        found.append(f"{name} has no nonce that is enforced")
    return found


def _message(body: Mapping[str, Any], files: Sequence[Any]) -> Iterator[str]:
    content = body.get("content") or ""
    if len(content) > CONTENT_CHARS:
        yield f"content: {len(content)} characters of {CONTENT_CHARS}"
    if len(str(body.get("nonce") or "")) > NONCE_CHARS:
        yield f"nonce: more than {NONCE_CHARS} characters"
    if len(files) > FILES_MAX:
        yield f"files: {len(files)} of {FILES_MAX}"
    components = body.get("components") or []
    if int(body.get("flags") or 0) & V2:
        for part in ("content", "embeds", "poll", "sticker_ids"):
            if body.get(part):
                yield f"{part}: not in a message of Components V2"
    yield from _components(components)
    yield from _attached(components, body, files)


def _components(components: Any) -> Iterator[str]:
    nodes = list(components_in(components))
    if len(nodes) > COMPONENTS_MAX:
        yield f"components: {len(nodes)} of {COMPONENTS_MAX}"
    texts = [str(node.get("content", "")) for node in nodes if node["type"] == 10]
    if sum(map(len, texts)) > TEXTS_CHARS:
        yield f"text displays: {sum(map(len, texts))} characters of {TEXTS_CHARS}"
    if any(not text for text in texts):
        yield "text displays: an empty one"
    ids = [str(node["custom_id"]) for node in nodes if "custom_id" in node]
    if len(set(ids)) < len(ids):
        yield "custom_id: one twice"
    for node in nodes:
        yield from _component(node)


def _component(node: Mapping[str, Any]) -> Iterator[str]:
    kind = node["type"]
    if not 1 <= len(str(node.get("custom_id", "x"))) <= CUSTOM_ID_CHARS:
        yield f"custom_id: {len(node['custom_id'])} characters of {CUSTOM_ID_CHARS}"
    for word, most in _WORDS.items():
        if kind != 18 and len(str(node.get(word, ""))) > most:
            yield f"{word}: {len(node[word])} characters of {most}"
    if kind == 1:
        inner = node.get("components") or []
        selects = [child for child in inner if child.get("type") in _SELECTS]
        if not 1 <= len(inner) <= 5 or (selects and len(inner) > 1):
            yield "action row: one to five buttons, or one select"
    if kind == 2 and not (node.get("label") or node.get("emoji")):
        yield "button: neither label nor emoji"
    if kind == 9 and not 1 <= len(node.get("components") or []) <= 3:
        yield "section: one to three texts"
    if kind == 12 and not 1 <= len(node.get("items") or []) <= 10:
        yield "media gallery: one to ten items"
    if kind == 19 and not 0 <= int(node.get("min_values", 1)) <= int(node.get("max_values", 1)) <= FILES_MAX:
        yield f"file upload: 0 to {FILES_MAX} files"
    if kind == 3 or kind in (21, 22):
        yield from _options(kind, node.get("options") or [])


def _options(kind: int, options: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    least, most = (1, 25) if kind == 3 else (2, 10) if kind == 21 else (1, 10)
    if not least <= len(options) <= most:
        yield f"options: {len(options)}, {least} to {most} are allowed"
    for option in options:
        for word in ("label", "value", "description"):
            if len(str(option.get(word) or "x")) > 100:
                yield f"option {word}: more than 100 characters"
        if not option.get("label") or not option.get("value"):
            yield "option: without label or value"
    if len({option.get("value") for option in options}) < len(options):
        yield "options: a value twice"


def _attached(components: Any, body: Mapping[str, Any], files: Sequence[Any]) -> Iterator[str]:
    """A file that no component shows is invisible in a V2 message, and one that is shown has to be there."""
    if not int(body.get("flags") or 0) & V2:
        return
    text = json.dumps(components)
    for file in files:
        if f'"attachment://{file.filename}"' not in text:
            yield f"attachment {file.filename!r}: no component shows it"


def _thread(body: Mapping[str, Any]) -> Iterator[str]:
    if not 1 <= len(str(body.get("name") or "")) <= THREAD_NAME_CHARS:
        yield f"name: 1 to {THREAD_NAME_CHARS} characters"
    if body.get("auto_archive_duration", 60) not in ARCHIVE_MINUTES:
        yield f"auto_archive_duration: one of {ARCHIVE_MINUTES}"


def _callback(body: Mapping[str, Any], files: Sequence[Any]) -> Iterator[str]:
    data: Mapping[str, Any] = body.get("data") or {}
    match body.get("type"):
        case 4 | 7:
            yield from _message(data, files)
        case 5:
            if set(data) - {"flags"} or int(data.get("flags") or 0) & ~(1 << 6):
                yield "a deferred answer carries nothing but the flag for private"
        case 8:
            choices = data.get("choices") or []
            if len(choices) > 25:
                yield f"choices: {len(choices)} of 25"
            if any(not 1 <= len(str(choice.get("name", ""))) <= 100 for choice in choices):
                yield "choices: a name of 1 to 100 characters"
            if any(not 1 <= len(str(choice.get("value", ""))) <= 100 for choice in choices):
                yield "choices: a value of 1 to 100 characters"
        case 9:
            yield from _modal(data)
        case _:
            return


def _modal(data: Mapping[str, Any]) -> Iterator[str]:
    parts = data.get("components") or []
    if not 1 <= len(str(data.get("title") or "")) <= 45:
        yield "title: 1 to 45 characters"
    if not 1 <= len(str(data.get("custom_id") or "")) <= CUSTOM_ID_CHARS:
        yield f"custom_id: 1 to {CUSTOM_ID_CHARS} characters"
    if not 1 <= len(parts) <= 5:
        yield f"components: {len(parts)}, 1 to 5 are allowed"
    yield from _components(parts)
    for node in components_in(parts):
        if node["type"] == 18:
            if not 1 <= len(str(node.get("label") or "")) <= 45:
                yield "label: 1 to 45 characters"
            if len(str(node.get("description") or "")) > 100:
                yield "description: more than 100 characters"
        if node["type"] == 4 and len(str(node.get("value") or "")) > int(node.get("max_length") or 4_000):
            yield "value: longer than max_length"


def _commands(body: Any) -> Iterator[str]:
    commands: Sequence[Mapping[str, Any]] = body if isinstance(body, list) else []
    for kind, most in COMMANDS.items():
        if sum(command.get("type", 1) == kind for command in commands) > most:
            yield f"commands of type {kind}: more than {most}"
    for command in commands:
        if _size(command) > COMMAND_CHARS:
            yield f"command {command.get('name')}: more than {COMMAND_CHARS} characters"
        yield from _options_of(command, str(command.get("name", "")))


def _options_of(node: Mapping[str, Any], path: str) -> Iterator[str]:
    options: Sequence[Mapping[str, Any]] = node.get("options") or []
    if len(options) > 25:
        yield f"{path}: {len(options)} options of 25"
    if not 1 <= len(str(node.get("name") or "")) <= 32:
        yield f"{path}: a name has 1 to 32 characters"
    if node.get("type", 1) == 1 and "description" in node and not 1 <= len(str(node["description"])) <= 100:
        yield f"{path}: a description has 1 to 100 characters"
    if len(node.get("choices") or []) > 25:
        yield f"{path}: more than 25 choices"
    needed = [bool(option.get("required")) for option in options]
    if needed != sorted(needed, reverse=True):
        yield f"{path}: an option that is required behind one that is not"
    for option in options:
        yield from _options_of(option, f"{path} {option.get('name')}")


def _size(node: Mapping[str, Any]) -> int:
    """Characters that count: names, descriptions and values, of options and choices too."""
    own = sum(len(str(node.get(word, ""))) for word in ("name", "description", "value"))
    inner = [*(node.get("options") or ()), *(node.get("choices") or ())]
    return own + sum(_size(child) for child in inner)
