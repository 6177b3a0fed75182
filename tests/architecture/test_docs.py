"""Whatever a user can set, type or meet is written down, and nothing is written down that is not there."""

from __future__ import annotations

import json
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest
import typer
from pydantic import BaseModel
from typer.main import get_command

from agent.domain.events import KINDS, Event, Fact
from agent.tools.builtin import BUILTIN, CHAT
from bot import cli, settings
from docs import gallery, generate
from tests.architecture.repository import ROOT, files, text_of
from tests.fakes.slack import lint

SETTINGS = {field.alias or name: field for name, field in settings.Settings.model_fields.items()}
VARIABLES = sorted(name for name in SETTINGS if name.isupper())


def documents() -> str:
    """README and docs, as people read them."""
    return "\n".join(text_of(path) for path in files("README.md", "docs/*.md") if "examples" not in path.parts)


def commands() -> Iterator[str]:
    """Every command line of the program without its arguments: `gofer db upgrade`."""
    return (path for path, _ in described_commands())


def described_commands() -> Iterator[tuple[str, list[str]]]:
    """Every command line with its options."""

    def walk(command: object, path: str) -> Iterator[tuple[str, list[str]]]:
        if (children := getattr(command, "commands", None)) is None:
            found = [name for parameter in getattr(command, "params", ()) for name in parameter.opts]
            yield path, [name for name in found if name.startswith("--") and name != "--help"]
            return
        for name, child in children.items():
            if not child.hidden:
                yield from walk(child, f"{path} {name}")

    app = typer.Typer()
    for part in pkgutil.iter_modules(cli.__path__, prefix="bot.cli."):
        getattr(import_module(part.name), "register", lambda _: None)(app)
    return walk(get_command(app), "gofer")


def example() -> set[str]:
    text = (ROOT / "deploy/env.example").read_text(encoding="utf-8")
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))


def test_the_example_holds_every_setting_and_no_other() -> None:
    assert sorted(example()) == VARIABLES


def test_the_settings_page_is_made_from_todays_settings() -> None:
    assert generate.PAGE.read_text(encoding="utf-8") == generate.page(), "run `make docs`"


@pytest.mark.parametrize("path", [path for path, _ in gallery.pages()], ids=lambda path: path.name)
def test_every_card_is_shown_as_it_is_drawn_today(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == dict(gallery.pages())[path], "run `make docs`"


@pytest.mark.parametrize("example", list(gallery.gallery()), ids=lambda example: example.name)
def test_every_card_has_a_picture_and_block_kit_that_slack_takes(example: gallery.Example) -> None:
    assert example.drawn.read_bytes().startswith(b"\x89PNG"), "run `make pictures`"
    payload = json.loads((gallery.FOLDER / f"{example.name}.json").read_text(encoding="utf-8"))
    assert lint("chat.postMessage", {"channel": "C1", **payload}) == []


def test_no_card_is_shown_that_is_not_drawn_any_more() -> None:
    names = {f"{example.name}{suffix}" for example in gallery.gallery() for suffix in (".json", ".png")}
    assert {path.name for path in gallery.FOLDER.iterdir()} == names


def test_the_example_of_a_settings_file_is_accepted() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", generate.page(), re.DOTALL)
    assert [settings.Settings(**tomllib.loads(block)).policy.plan for block in blocks] == ["always"]


def test_every_setting_is_documented() -> None:
    text = documents()
    assert [name for name in VARIABLES if f"`{name}`" not in text] == []


def test_every_table_of_the_settings_file_is_documented() -> None:
    text = documents()
    tables = {name: field.annotation for name, field in settings.Settings.model_fields.items() if not field.alias}
    keys = [
        key
        for table in tables.values()
        if isinstance(table, type) and issubclass(table, BaseModel)
        for key in table.model_fields
    ]
    assert [name for name in tables if f"[{name}" not in text] == []
    assert [key for key in keys if key not in text] == []


def test_every_setting_says_what_it_does() -> None:
    assert [name for name, field in SETTINGS.items() if not field.description] == []


def test_every_command_is_documented() -> None:
    text = documents()
    assert [command for command in commands() if command not in text] == []


def test_every_option_is_documented_beside_its_command() -> None:
    lines = text_of(ROOT / "docs/commands.md").splitlines()
    assert [
        f"{command} {option}"
        for command, options in described_commands()
        for option in options
        if not any(f"`{command}" in line and option in line for line in lines)
    ] == []


def test_no_command_is_documented_that_is_not_there() -> None:
    known = list(commands())
    written = set(re.findall(r"`(gofer(?: [a-z][a-z-]*)+)", documents()))
    assert [
        line
        for line in sorted(written)
        if not any(f"{line} ".startswith(f"{name} ") or f"{name} ".startswith(f"{line} ") for name in known)
    ] == []


@pytest.mark.parametrize(
    ("what", "names"), [("event", sorted(KINDS)), ("tool", [tool.name for tool in (*BUILTIN, *CHAT)])]
)
def test_every_event_and_tool_is_documented(what: str, names: list[str]) -> None:
    text = documents()
    assert [name for name in names if f"`{name}`" not in text] == [], f"{what}s that no document names"


def test_every_field_of_an_event_is_documented_beside_it() -> None:
    shared = {field.name for field in fields(Fact)} | {"kind"}
    lines = text_of(ROOT / "docs/events.md").splitlines()
    assert [
        f"{event.__name__}.{field.name}"
        for event in get_args(Event)
        if event.__name__ in KINDS
        for field in fields(event)
        if field.name not in shared
        and not any(f"`{event.__name__}`" in line and f"`{field.name}`" in line for line in lines)
    ] == []
