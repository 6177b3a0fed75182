"""Sorts the files of a folder into subfolders by kind, date or project: only moves, never deletes or overwrites."""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import kinds
from job import OUTPUTS, Job, Outcome, Plan, Refusal, free_output, is_litter, language_of, main, plural, progress

_BY = {
    "project": r"\b(project|projekt|projet|proyecto|client|kunde|customer|cliente|topic|thema|prefix)\w{0,2}\b"
    r"(?!\s*(folder|ordner|dossier|carpeta|files|dateien))",
    "date": r"\b(dates?|months?|years?|chronolog\w*|datum|monat\w*|jahr\w*|mois|année\w*|annee\w*|fechas?|mes|meses|"
    r"años?)\b",
    "extension": r"\b(extension|suffix|endung|dateiendung|extensión)\b",
    "kind": r"\b(type|types|kind|kinds|art|typ|dateityp\w*|format|tipo|tipos|genre)\b",
}
_ORDER_WORD = re.compile(r"\b(by|per|nach|par|por|into)\b", re.IGNORECASE)
_YEARLY = re.compile(r"\b(years?|jahr\w*|année\w*|annee\w*|años?)\b", re.IGNORECASE)
_MONTHLY = re.compile(r"\b(months?|monat\w*|mois|mes|meses)\b", re.IGNORECASE)
_DEEP = re.compile(
    r"\b(recursive\w*|sub-?folders?|subdirector\w*|nested|unterordner\w*|sous-dossiers?|subcarpetas?|all levels)\b",
    re.IGNORECASE,
)
_MARKERS = {".git", ".hg", ".svn", "package.json", "pyproject.toml", "cargo.toml", "go.mod", "pom.xml", "makefile"}
_SIDECARS = {".xmp", ".aae", ".srt", ".vtt", ".thm", ".cue"}
_SHAPE_PARTS = {".shp", ".dbf", ".shx", ".prj", ".cpg"}


MOST_NAMED = 3


@dataclass
class Move:
    """One file and where it goes. `same_as`: an earlier file with the same content."""

    source: Path
    target: Path
    reason: str
    same_as: str = ""


@dataclass
class Sorting:
    """What would happen to a folder. `links` and `hidden` are left out and named."""

    root: Path
    order: list[str]
    moves: list[Move] = field(default_factory=list)
    staying: int = 0
    links: list[Path] = field(default_factory=list)
    hidden: list[Path] = field(default_factory=list)
    folders_kept: int = 0
    doubts: list[str] = field(default_factory=list)


def order_of(request: str) -> list[str]:
    """The sort keys the request names, in its order; kind when it names none."""
    start = match.start() if (match := _ORDER_WORD.search(request)) else 0
    text = request[start:]
    found = {key: match.start() for key, words in _BY.items() if (match := re.search(words, text, re.IGNORECASE))}
    named = sorted(found, key=lambda key: found[key])
    return named[:2] or ["kind"]


def root_of(job: Job) -> Path:
    """The folder to tidy: the one handed over, or the common folder of the files handed over."""
    folders = [path for path in job.inputs if path.is_dir()]
    if len(folders) > 1:
        raise Refusal("Several folders were handed over; tidy one at a time, or name their common folder.")
    if folders:
        root = folders[0]
    elif job.inputs:
        root = Path(os.path.commonpath([path.parent for path in job.inputs]))
    else:
        raise Refusal("There is no folder to tidy: hand over a folder, or the files themselves.")
    entries = [entry for entry in root.iterdir() if not is_litter(entry) and entry != OUTPUTS]
    # An unpacked archive often is one folder in a folder; the mess is inside.
    while len(entries) == 1 and entries[0].is_dir() and not entries[0].is_symlink():
        root = entries[0]
        entries = [entry for entry in root.iterdir() if not is_litter(entry)]
    return root


def sort_out(job: Job) -> Sorting:
    """Decide every move. Raises Refusal when there is nothing to do."""
    root = root_of(job)
    sorting = Sorting(root, order_of(job.request))
    language = language_of(job.request)
    files, named = _files(sorting, deep=bool(_DEEP.search(job.request))), set(job.inputs)
    if not any(path.is_dir() for path in job.inputs):
        files = [path for path in files if path in named]
    if not files:
        raise Refusal(f"The folder {root} holds no loose files to sort; name a folder with files directly in it.")
    folders = _folders_for(sorting, files, job.request, language)
    _keep_companions(files, folders)
    taken = {_folded(path) for path in root.rglob("*")}
    twins = _twins(files)
    for path in files:
        parts, reason = folders[path]
        target = root.joinpath(*parts, path.name)
        if path == target:
            sorting.staying += 1
            continue
        free = _free(target, taken)
        taken.add(_folded(free))
        sorting.moves.append(Move(path, free, reason, twins.get(path, "")))
    if not sorting.moves:
        raise Refusal(f"The folder {root} is tidy already: every file lies where this order would put it.")
    return sorting


def _files(sorting: Sorting, *, deep: bool) -> list[Path]:
    files: list[Path] = []
    pending = [sorting.root]
    while pending:
        folder = pending.pop()
        for entry in sorted(folder.iterdir()):
            if entry == OUTPUTS:
                continue
            if entry.is_symlink():
                sorting.links.append(entry)
            elif is_litter(entry):
                sorting.hidden.append(entry)
            elif entry.is_dir():
                project = any((entry / marker).exists() for marker in _MARKERS) or entry.name.endswith(
                    ("_files", ".app")
                )
                if deep and not project:
                    pending.append(entry)
                else:
                    sorting.folders_kept += 1
            elif entry.is_file():
                files.append(entry)
    return files


def _folders_for(
    sorting: Sorting, files: list[Path], request: str, language: str
) -> dict[Path, tuple[tuple[str, ...], str]]:
    projects = kinds.projects_of(files) if "project" in sorting.order else {}
    dates = _dates(sorting, files) if "date" in sorting.order else {}
    yearly_only = bool(_YEARLY.search(request)) and not _MONTHLY.search(request)
    result = {}
    for path in files:
        parts: list[str] = []
        reasons: list[str] = []
        for key in sorting.order:
            if key == "project":
                name = projects[path] or kinds.shown(kinds.OTHER, language)
                parts.append(_safe(name))
                reasons.append(f"project {name}")
            elif key == "date":
                day, why = dates[path]
                parts += _date_parts(day, language, yearly_only=yearly_only)
                reasons.append(why)
            else:
                kind = kinds.kind_of(path)
                suffix = path.suffix.lstrip(".").lower()
                name = (suffix or "no extension") if key == "extension" else kinds.shown(kind, language)
                parts.append(_safe(name))
                reasons.append(name)
        result[path] = (tuple(parts), ", ".join(reasons))
    return result


def _date_parts(day: date | None, language: str, *, yearly_only: bool) -> list[str]:
    if day is None:
        return [kinds.shown(kinds.UNDATED, language)]
    return [f"{day.year}"] if yearly_only else [f"{day.year}", f"{day.year}-{day.month:02d}"]


def _dates(sorting: Sorting, files: list[Path]) -> dict[Path, tuple[date | None, str]]:
    changed = {path: kinds.changed_date(path) for path in files}
    # An upload gives every file the same day: that day says nothing about the files.
    useless = len(files) > 3 and len(set(changed.values())) == 1
    result: dict[Path, tuple[date | None, str]] = {}
    for path in files:
        if day := kinds.name_date(path.stem):
            result[path] = (day, "date in the name")
        elif day := kinds.inner_date(path):
            result[path] = (day, "date inside the file")
        elif useless:
            result[path] = (None, "no date found")
        else:
            result[path] = (changed[path], "date last changed")
    if useless and any(day is None for day, _ in result.values()):
        count = sum(day is None for day, _ in result.values())
        sorting.doubts.append(
            f"{plural(count, 'file')} {'carries' if count == 1 else 'carry'} no date, "
            "and all files were saved on one day: sorted as undated"
        )
    return result


def _keep_companions(files: list[Path], folders: dict[Path, tuple[tuple[str, ...], str]]) -> None:
    """Files that belong together by name stay together: a picture and its sidecar, a film and its subtitles."""
    mains = {(path.parent, path.stem.lower()): path for path in files if path.suffix.lower() not in _SIDECARS}
    for path in files:
        suffix = path.suffix.lower()
        main_file = mains.get((path.parent, path.stem.lower()))
        if suffix in _SIDECARS and main_file:
            folders[path] = (folders[main_file][0], f"belongs to {main_file.name}")
        elif suffix in _SHAPE_PARTS:
            shape = path.with_suffix(".shp")
            if shape in folders:
                folders[path] = (folders[shape][0], folders[path][1])


def _safe(name: str) -> str:
    return re.sub(r'[<>:"/\\|?*\x00-\x1f]+', " ", name).strip(" .")[:60] or "Other"


def _folded(path: Path) -> str:
    """How a case-insensitive system sees the path."""
    return str(path).casefold()


def _free(target: Path, taken: set[str]) -> Path:
    parent = target.parent
    while _folded(parent) in taken and parent.exists() and not parent.is_dir():
        parent = parent.with_name(parent.name + " (folder)")
    candidate, number = parent / target.name, 2
    while _folded(candidate) in taken:
        candidate, number = parent / f"{target.stem} ({number}){target.suffix}", number + 1
    return candidate


def _twins(files: list[Path]) -> dict[Path, str]:
    """For each file whose content an earlier file has too: that file's name."""
    sizes = Counter(path.stat().st_size for path in files)
    first: dict[str, Path] = {}
    result: dict[Path, str] = {}
    for path in files:
        size = path.stat().st_size
        if sizes[size] < 2 or size == 0:
            continue
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest in first:
            result[path] = str(first[digest])
        else:
            first[digest] = path
    return result


def _left_out(sorting: Sorting) -> list[str]:
    """What was not sorted and why, by name."""
    said = []
    moved = {move.source.resolve() for move in sorting.moves}
    for link in sorting.links[:MOST_NAMED]:
        lost = ", which moves: the link will lead nowhere" if link.resolve() in moved else ""
        name, goal = link.relative_to(sorting.root), link.readlink()
        said.append(f"{name} was left out: it is a symbolic link (to {goal}{lost}), and links are not sorted")
    if len(sorting.links) > MOST_NAMED:
        said.append(f"{plural(len(sorting.links) - MOST_NAMED, 'more symbolic link')} left out")
    if sorting.hidden:
        names = ", ".join(str(path.relative_to(sorting.root)) for path in sorting.hidden[:MOST_NAMED])
        more = f" and {len(sorting.hidden) - MOST_NAMED} more" if len(sorting.hidden) > MOST_NAMED else ""
        said.append(f"left out because hidden or of the system: {names}{more}")
    return said


def plan(job: Job) -> Plan:
    """The folders that would be made and how many files each gets."""
    sorting = sort_out(job)
    counts = Counter(str(move.target.parent.relative_to(sorting.root)) for move in sorting.moves)
    listed = ", ".join(f"{folder} ({count})" for folder, count in counts.most_common(8))
    more = f" and {len(counts) - 8} more" if len(counts) > 8 else ""
    twins = sum(bool(move.same_as) for move in sorting.moves)
    steps = [
        f"Look through {sorting.root}: {plural(len(sorting.moves) + sorting.staying, 'file')}"
        + (f", {plural(sorting.folders_kept, 'subfolder')} left as they are" if sorting.folders_kept else ""),
        f"Sort by {' and then '.join(sorting.order)} into {plural(len(counts), 'folder')}: {listed}{more}",
        f"Move {plural(len(sorting.moves), 'file')}; nothing is deleted or overwritten, equal names get a number",
    ]
    if twins:
        steps.append(f"Mark {plural(twins, 'file')} with the same content as another one in the list (not deleted)")
    steps.append("Write outputs/moves.csv: every move with its reason, so that it can be undone")
    return Plan(steps, [str(free_output("moves.csv"))], "; ".join([*sorting.doubts, *_left_out(sorting)]))


def run(job: Job) -> Outcome:
    """Move the files and write the list of moves."""
    sorting = sort_out(job)
    # Asked before anything moves, while every link still leads where it led.
    left_out = _left_out(sorting)
    progress(f"Moving {plural(len(sorting.moves), 'file')}")
    OUTPUTS.mkdir(exist_ok=True)
    manifest = free_output("moves.csv")
    failed: list[str] = []
    with manifest.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["from", "to", "size_bytes", "reason", "same_content_as"])
        for move in sorting.moves:
            try:
                _move(move)
            except OSError as error:
                failed.append(f"{move.source.name} could not be moved ({error.strerror})")
                continue
            size = move.target.stat().st_size
            writer.writerow([_row(move.source), _row(move.target), size, move.reason, move.same_as])
    return _outcome(sorting, manifest, left_out, failed)


def _row(path: Path) -> str:
    text = str(path)
    return f"./{text}" if text[:1] in "=+-@" else text


def _move(move: Move) -> None:
    """Rename without ever replacing: a hard link fails when the name exists, a rename would overwrite."""
    move.target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(move.source, move.target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        if os.path.lexists(move.target):
            raise
        move.source.rename(move.target)
        return
    move.source.unlink()


def _outcome(sorting: Sorting, manifest: Path, left_out: list[str], failed: list[str]) -> Outcome:
    counts = Counter(str(move.target.parent.relative_to(sorting.root)) for move in sorting.moves)
    renamed = sum(move.source.name != move.target.name for move in sorting.moves)
    twins = sum(bool(move.same_as) for move in sorting.moves)
    summary = [
        f"{plural(len(sorting.moves) - len(failed), 'file')} of {sorting.root} sorted by "
        f"{' and '.join(sorting.order)} into {plural(len(counts), 'folder')}",
        ", ".join(f"{folder}: {count}" for folder, count in counts.most_common(8)),
    ]
    if twins:
        summary.append(
            f"{plural(twins, 'file')} with the same content as another one: see {manifest.name}; none deleted"
        )
    assumptions = []
    if sorting.folders_kept:
        assumptions.append(f"{plural(sorting.folders_kept, 'subfolder')} inside were left as they are.")
    if renamed:
        assumptions.append(f"{plural(renamed, 'file')} got a number in the name because the name was taken.")
    return Outcome([str(manifest)], summary, assumptions, sorting.doubts + left_out + failed[:5])


if __name__ == "__main__":
    main(plan, run)
