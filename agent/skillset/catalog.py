"""The catalog of skill folders."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from agent.domain.errors import NotFound
from agent.ports.skills import Skill, SkillCatalog
from agent.skillset.skillmd import Broken, read_skill_text

logger = logging.getLogger(__name__)

SKILL_MD = "SKILL.md"
FILES_LIMIT = 300
FOLDER_LIMIT_BYTES = 8 * 1024 * 1024
"""Of one skill: it stays in memory and is sent into each sandbox that uses it."""
SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules"})


@dataclass(frozen=True, slots=True)
class _Loaded:
    skill: Skill
    body: str
    files: Mapping[str, bytes]
    folder: Path


class FolderCatalog(SkillCatalog):
    """The skills in the folders of `roots`; a later root shadows a skill of the same name in an earlier one.

    Read once, when made. A folder that breaks a rule is left out with a warning; `problems` lists them.
    Links, hidden files and caches are not part of a skill. A root that does not exist has no skills.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self._loaded: dict[str, _Loaded] = {}
        self._problems: list[str] = []
        for root in roots:
            for folder in _folders(root):
                self._add(folder)

    def skills(self) -> Sequence[Skill]:
        """All usable skills, by name."""
        return tuple(self._loaded[name].skill for name in sorted(self._loaded))

    def find(self, name: str) -> Skill | None:
        """The skill of this name, or None."""
        loaded = self._loaded.get(name)
        return loaded.skill if loaded else None

    def body(self, name: str) -> str:
        """The instructions of SKILL.md, without front matter. Raises `NotFound`."""
        return self._require(name).body

    def files(self, name: str) -> Mapping[str, bytes]:
        """Every file of the folder by relative path. Raises `NotFound`."""
        return self._require(name).files

    def problems(self) -> Sequence[str]:
        """One sentence for each folder that was left out: which file, and why."""
        return tuple(self._problems)

    def _require(self, name: str) -> _Loaded:
        loaded = self._loaded.get(name)
        if loaded is None:
            raise NotFound(f"There is no skill {name!r}.", next_step="`gofer skills list` shows those there are.")
        return loaded

    def _add(self, folder: Path) -> None:
        try:
            loaded = _load(folder)
        except (Broken, OSError) as error:
            reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
            self._problems.append(f"{folder / SKILL_MD}: {reason}")
            logger.warning(
                "skill left out",
                extra={"action": "skill_left_out", "path": str(folder / SKILL_MD), "reason": reason},
            )
            return
        name = loaded.skill.name
        if name in self._loaded:
            logger.warning(
                "skill shadowed",
                extra={
                    "action": "skill_shadowed",
                    "skill": name,
                    "path": str(folder),
                    "shadows": str(self._loaded[name].folder),
                },
            )
        self._loaded[name] = loaded


def builtin_root() -> Path:
    """The folder of the skills that come with Gofer: inside the installed package, else beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "builtin_skills"
    return installed if installed.is_dir() else package.parent / "skills"


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(
        path
        for path in root.iterdir()
        if path.is_dir() and not path.is_symlink() and not path.name.startswith(".") and path.name != "__pycache__"
    )


def _load(folder: Path) -> _Loaded:
    files = _files(folder)
    if SKILL_MD not in files:
        raise Broken(f"the folder has no {SKILL_MD}")
    text = read_skill_text(files[SKILL_MD], folder.name)
    if text.run and text.run not in files:
        raise Broken(f"gofer-run names {text.run}, which is not in the folder")
    skill = Skill(
        name=text.name,
        description=text.description,
        digest=_digest(files),
        run=text.run,
        inputs=text.inputs,
        label=text.label,
    )
    return _Loaded(skill, text.body, MappingProxyType(files), folder)


def _files(folder: Path) -> dict[str, bytes]:
    """Every regular file below the folder by relative path, in path order. Raises `Broken` beyond the limits."""
    found: dict[str, bytes] = {}
    size_bytes = 0
    for path in _walk(folder):
        size_bytes += path.stat().st_size
        if size_bytes > FOLDER_LIMIT_BYTES:
            raise Broken(f"its files have more than {FOLDER_LIMIT_BYTES // 1024**2} MiB")
        if len(found) == FILES_LIMIT:
            raise Broken(f"it has more than {FILES_LIMIT} files")
        found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return dict(sorted(found.items()))


def _walk(folder: Path) -> list[Path]:
    out: list[Path] = []
    waiting = [folder]
    while waiting and len(out) <= FILES_LIMIT:
        for path in sorted(waiting.pop().iterdir()):
            if path.is_symlink() or path.name.startswith("."):
                continue
            if path.is_dir():
                if path.name not in SKIPPED_FOLDERS:
                    waiting.append(path)
            elif path.is_file() and path.suffix != ".pyc":
                out.append(path)
    return out


def _digest(files: Mapping[str, bytes]) -> str:
    """sha256 over paths and contents, each with its length, so that nothing can slide from one into the other."""
    whole = hashlib.sha256()
    for path, data in files.items():
        name = path.encode("utf-8", "surrogateescape")
        whole.update(b"%d %d\n" % (len(name), len(data)) + name + data)
    return whole.hexdigest()
