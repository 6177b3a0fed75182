"""SKILL.md: YAML front matter and the instructions below it, held to the limits of the Agent Skills format."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import cast

import yaml

from agent.domain.blocks import Json

NAME_CHARS = 64
DESCRIPTION_CHARS = 1024
COMPATIBILITY_CHARS = 500
LABEL_CHARS = 70
"""As much as a button holds (`core.planning` cuts choices there)."""
FRONT_MATTER_CHARS = 16_384
FIELDS = frozenset({"name", "description", "license", "compatibility", "metadata", "allowed-tools"})

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FRONT = re.compile(r"\A---[ \t]*\n(?P<front>.*?)^---[ \t]*$\n?", re.DOTALL | re.MULTILINE)
_ENDING = re.compile(r"[a-z0-9]+(\.[a-z0-9]+)?")


class Broken(ValueError):
    """The skill breaks a rule of the format; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillText:
    """What a SKILL.md says. `run` is a path inside the folder or empty; its existence is not checked here."""

    name: str
    description: str
    body: str
    run: str = ""
    inputs: tuple[str, ...] = ()
    label: str = ""


def read_skill_text(data: bytes, folder: str) -> SkillText:
    """The parsed SKILL.md of a folder of this name. Raises `Broken`."""
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise Broken("it is not UTF-8 text") from error
    found = _FRONT.match(text)
    if found is None:
        raise Broken("it must begin with front matter between two lines of ---")
    fields = _fields(found["front"])
    name = _text(fields, "name", NAME_CHARS)
    if not _NAME.fullmatch(name):
        raise Broken(f"name {name!r} must be of a-z, 0-9 and single hyphens between them")
    if name != folder:
        raise Broken(f"name {name!r} differs from its folder {folder!r}")
    for optional, limit in (("license", DESCRIPTION_CHARS), ("compatibility", COMPATIBILITY_CHARS)):
        if optional in fields:
            _text(fields, optional, limit)
    ours = _metadata(fields.get("metadata", {}))
    body = text[found.end() :].strip()
    if not body:
        raise Broken("there are no instructions below the front matter")
    return SkillText(
        name=name,
        description=_text(fields, "description", DESCRIPTION_CHARS),
        body=body,
        run=_run(ours.get("gofer-run", "")),
        inputs=_endings(ours.get("gofer-inputs", "")),
        label=_label(ours.get("gofer-label", "")),
    )


def _fields(front: str) -> Mapping[str, Json]:
    if len(front) > FRONT_MATTER_CHARS:
        raise Broken(f"its front matter has more than {FRONT_MATTER_CHARS:,} characters")
    try:
        parsed: Json = yaml.safe_load(front)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: an impossible date
        problem = " ".join(str(error).split())[:200]
        raise Broken(f"its front matter is not valid YAML: {problem}") from error
    if not isinstance(parsed, dict):
        raise Broken("its front matter must be a mapping")
    fields = cast(dict[Json, Json], parsed)
    if unknown := sorted(str(key) for key in fields if key not in FIELDS):
        raise Broken(f"unknown fields {', '.join(unknown)}; known are {', '.join(sorted(FIELDS))}")
    return cast(Mapping[str, Json], fields)


def _text(fields: Mapping[str, Json], name: str, limit: int) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Broken(f"{name} must be a text that is not empty")
    text = value.strip()
    if len(text) > limit:
        raise Broken(f"{name} has {len(text)} characters, {limit} are allowed")
    return text


def _metadata(value: Json) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise Broken("metadata must be a mapping")
    pairs = cast(dict[Json, Json], value)
    if wrong := [str(key) for key, v in pairs.items() if not isinstance(v, str | int | float)]:
        raise Broken(f"metadata {', '.join(wrong)} must be text")
    return {str(key): str(v).strip() for key, v in pairs.items()}


def _run(value: str) -> str:
    path = PurePosixPath(value)
    if value and (path.is_absolute() or ".." in path.parts or "\\" in value):
        raise Broken(f"gofer-run {value!r} must be a path inside the skill's folder")
    return str(path) if value else ""


def _endings(value: str) -> tuple[str, ...]:
    endings = [part.strip().lower().removeprefix(".") for part in value.split(",")]
    kept = tuple(dict.fromkeys(ending for ending in endings if ending))
    if wrong := [ending for ending in kept if not _ENDING.fullmatch(ending)]:
        raise Broken(f"gofer-inputs must be file name endings parted by commas, not {', '.join(wrong)}")
    return kept


def _label(value: str) -> str:
    label = " ".join(value.split())
    if len(label) > LABEL_CHARS:
        raise Broken(f"gofer-label has {len(label)} characters, {LABEL_CHARS} are allowed")
    return label
