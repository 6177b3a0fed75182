"""Writes docs/settings.md from `bot.settings`, and docs/cards.md with its Block Kit from `docs.gallery`: `make docs`.

A test compares what is written with what would be, so no page can drift.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from bot.settings import CONFIG_FILE, Settings
from docs import gallery

PAGE = Path(__file__).parent / "settings.md"
INTRO = f"""\
# Settings

<!-- Made by `make docs` from bot/settings.py; do not edit. -->

Everything is optional. With nothing set, `gofer serve` opens the web chat on this machine, with the offline model.

A setting is looked up in the environment, then in `.env`, then in `{CONFIG_FILE}`; the first one found counts, and its
name is the same in all three. Both files are read from the folder that Gofer is started in.
[deploy/env.example](../deploy/env.example) is a `.env` to copy. A wrong setting stops the start with a sentence that
names it; values of secrets are never shown. `gofer doctor` says whether what is set can be used.
"""
TABLES = f"""\
## Tables of {CONFIG_FILE}

These have several keys each, and are written as tables:

```toml
GOFER_LOG_LEVEL = "warning"

[policy]
plan = "always"
deny = ["Bash(curl *)"]
ask = ["Deliver(*.docx)"]

[budgets]
task_usd = 2.5

[prices."a-model-of-ours"]
input = 3.0
output = 15.0
```
"""
RULES = """\
A rule is `Tool` or `Tool(text)`. The name of the tool ignores case. The text is compared with the first text argument
of the call (the command of `bash`, the path of `write`); `*` stands for anything. `deny` counts before `ask`, `ask`
before `allow`, and the order inside a list means nothing. A rule is a wish about tools, not a wall: a command can be
written in many ways. The wall is the [sandbox](sandbox.md).

A price counts per million tokens. A model without any price counts at the dearest rate that Gofer knows, and the card
says so."""


def page() -> str:
    """The whole page."""
    fields = Settings.model_fields.items()
    named = [(field.alias, field) for _, field in fields if field.alias]
    tables = [(name, field) for name, field in fields if not field.alias]
    parts = [INTRO, _table("Name", named), TABLES]
    for name, field in tables:
        model = _model_of(field)
        heading = f'[{name}."MODEL"]' if get_origin(field.annotation) is dict else f"[{name}]"
        parts += [f"### `{heading}`\n", _table("Key", list(model.model_fields.items()))]
    return "\n".join([*parts, RULES, ""])


def _table(head: str, rows: list[tuple[str | None, FieldInfo]] | list[tuple[str, FieldInfo]]) -> str:
    lines = [f"| {head} | Default | What it does |", "|---|---|---|"]
    lines += [f"| `{name}` | {_default(field)} | {_meaning(field)} |" for name, field in rows]
    return "\n".join([*lines, ""])


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "(required)"
    value: Any = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    if isinstance(value, bool):
        return "`1`" if value else "no"
    return f"`{value}`" if value not in ("", (), []) else "(empty)"


def _meaning(field: FieldInfo) -> str:
    choices = " ".join(f"`{choice}`" for choice in _choices(field.annotation))
    text = (field.description or "").replace("|", "\\|")
    return f"{text} One of {choices}." if choices else text


def _choices(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)


def _model_of(field: FieldInfo) -> type[BaseModel]:
    annotation: Any = field.annotation
    return get_args(annotation)[1] if get_origin(annotation) is dict else annotation


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    gallery.FOLDER.mkdir(exist_ok=True)
    for path, content in gallery.pages():
        path.write_text(content, encoding="utf-8")
