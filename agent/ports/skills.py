"""The skills that can be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """A SKILL.md folder. `run` is the path of its script when it can work without a model, else empty."""

    name: str
    description: str
    digest: str
    run: str = ""
    inputs: tuple[str, ...] = ()
    """File name endings the script takes, without dot; `folder` for a folder."""
    label: str = ""


class SkillCatalog(Protocol):
    """Read-only."""

    def skills(self) -> Sequence[Skill]:
        """All enabled skills, by name."""
        ...

    def find(self, name: str) -> Skill | None:
        """The skill of this name, or None."""
        ...

    def body(self, name: str) -> str:
        """The instructions of SKILL.md, without front matter. Raises `NotFound`."""
        ...

    def files(self, name: str) -> Mapping[str, bytes]:
        """Every file of the folder by relative path. Raises `NotFound`."""
        ...
