"""Prepared answers: `--answers FILE.json` and `--yes`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from agent.domain.asks import Ask, AskKind, Risk
from agent.domain.errors import Refused


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: AskKind | Literal[""] = ""
    match: str = ""
    choice: str
    scope: Literal["once", "task", "always"] = "once"
    text: str = ""
    times: int | Literal["any"] = 1


@dataclass(frozen=True, slots=True)
class Given:
    """A prepared answer to an ask."""

    choice: str
    note: str = ""


_LINES = TypeAdapter(list[_Line])
_YES = {AskKind.PLAN: "approve", AskKind.CHANGES: "apply", AskKind.CALL: "allow"}


class Answers:
    """Answers prepared before the task: the first line that fits wins, each once unless `times` is `any`."""

    def __init__(self, lines: list[_Line], *, yes: bool) -> None:
        self._left: list[tuple[_Line, int | None]] = [(x, None if x.times == "any" else int(x.times)) for x in lines]
        self._yes = yes

    @staticmethod
    def load(path: Path | None, *, yes: bool) -> Answers:
        """Reads the file. Raises `Refused` when it is missing or not of the form `docs/terminal.md` shows."""
        if path is None:
            return Answers([], yes=yes)
        try:
            return Answers(_LINES.validate_python(json.loads(path.read_text(encoding="utf-8"))), yes=yes)
        except OSError as error:
            raise Refused(f"{path} cannot be read: {error.strerror}.", next_step="Check the name.") from error
        except (json.JSONDecodeError, ValidationError) as error:
            raise Refused(
                f"{path} is no list of answers.",
                next_step='Each needs at least {"choice": …}; kind, match, scope, text and times may be added.',
            ) from error

    def give(self, ask: Ask) -> Given | None:
        """The prepared answer, or None. `--yes` approves plans and what is of low or medium risk; money never."""
        for position, (line, left) in enumerate(self._left):
            if left == 0 or (line.kind and line.kind != ask.kind) or line.match.lower() not in _text(ask).lower():
                continue
            self._left[position] = (line, None if left is None else left - 1)
            return Given(_scoped(line, ask), line.text)
        if self._yes and ask.kind in _YES and ask.risk is not Risk.HIGH:
            return Given(_YES[ask.kind])
        return None


def _text(ask: Ask) -> str:
    arguments = cast(dict[str, Any], getattr(ask.subject, "arguments", {}))
    return f"{ask.prompt} {json.dumps(arguments, ensure_ascii=False)}"


def _scoped(line: _Line, ask: Ask) -> str:
    """`allow` with a wider scope is the button of that scope, where it is offered."""
    wider = f"{line.choice}_{line.scope}"
    return wider if line.scope != "once" and ask.choice(wider) is not None else line.choice
