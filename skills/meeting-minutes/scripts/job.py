"""The skill's side of the `plan` and `run` protocol, and readable text from any file.

The same file lies in every built-in skill, because a skill is handed over alone; a test keeps the copies equal.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, NoReturn

import codepages

OUTPUTS = Path("outputs")
SKIPPED_NAMES = {".ds_store", "thumbs.db", "desktop.ini", "__macosx"}
TEXT_LIMIT_BYTES = 32 * 1024 * 1024


class Refusal(Exception):
    """The job cannot be done; the message says in one sentence what is wrong and what to do."""


@dataclass(frozen=True)
class Job:
    """What the person asked for, and the files or folders handed over (relative to the workspace)."""

    request: str
    inputs: tuple[Path, ...]


@dataclass
class Plan:
    """What `run` would do. `steps` name what was really found."""

    steps: list[str]
    files: list[str]
    note: str = ""


@dataclass
class Outcome:
    """What was done: files made, at most three lines of summary, and what a reader should know."""

    files: list[str]
    summary: list[str]
    assumptions: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def say(**message: object) -> None:
    """Print one JSON line for the caller (ASCII, so that odd file names survive any pipe)."""
    print(json.dumps(message), flush=True)


def progress(text: str) -> None:
    """Tell the person what is being done now."""
    say(progress=text)


def main(plan: Callable[[Job], Plan], run: Callable[[Job], Outcome]) -> NoReturn:
    """Answer `plan JOB` or `run JOB` and leave with 0, or with 3 and a `refuse` line."""
    try:
        verb, job = _read_arguments(sys.argv[1:])
        if verb == "plan":
            found = plan(job)
            say(steps=found.steps[:6], files=found.files, note=found.note)
        else:
            done = run(job)
            say(files=done.files, summary=done.summary[:3], assumptions=done.assumptions, doubts=done.doubts)
    except Refusal as refusal:
        say(refuse=str(refusal))
        sys.exit(3)
    sys.exit(0)


def _read_arguments(arguments: Sequence[str]) -> tuple[str, Job]:
    if len(arguments) != 2 or arguments[0] not in ("plan", "run"):
        raise Refusal('Usage: run.py plan|run \'{"request": "...", "inputs": ["inputs/..."]}\'.')
    try:
        raw = json.loads(arguments[1])
    except ValueError as error:
        raise Refusal(f"The job is not valid JSON ({error}); pass an object with request and inputs.") from error
    if not isinstance(raw, dict):
        raise Refusal("The job must be a JSON object with request and inputs.")
    request, inputs = raw.get("request", ""), raw.get("inputs", [])
    if not isinstance(request, str) or not isinstance(inputs, list) or not all(isinstance(i, str) for i in inputs):
        raise Refusal("The job needs a text `request` and a list of paths `inputs`.")
    return arguments[0], Job(request, tuple(_inside(name) for name in inputs))


def _inside(name: str) -> Path:
    path = Path(name)
    if path.is_absolute() or ".." in path.parts:
        raise Refusal(f"The path {name!r} lies outside of the workspace; name files below inputs/.")
    if not path.exists():
        raise Refusal(f"There is no file or folder {name!r} in the workspace; check the name or upload it again.")
    return path


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Sorts `part 2` before `part 10`."""
    return [(0, int(t), "") if t.isdigit() else (1, 0, t) for t in re.findall(r"\d{1,18}|\D+", str(path).lower())]


def is_litter(path: Path) -> bool:
    """True for hidden files and the droppings of systems and editors."""
    return path.name.startswith((".", "~$", "._")) or path.name.lower() in SKIPPED_NAMES


def files_of(job: Job, suffixes: Iterable[str]) -> list[Path]:
    """The files with these suffixes among the inputs and below the input folders, in natural order, once each."""
    wanted = {suffix.lower() for suffix in suffixes}
    found: dict[Path, None] = {}
    for entry in job.inputs:
        candidates = sorted(entry.rglob("*"), key=natural_key) if entry.is_dir() else [entry]
        for path in candidates:
            hidden = any(is_litter(Path(part)) for part in path.parts)
            if path.suffix.lower() in wanted and path.is_file() and not hidden and OUTPUTS not in path.parents:
                found[path] = None
    return list(found)


def free_output(name: str) -> Path:
    """A path below `outputs/` that no file has yet; the same answer for `plan` and the `run` after it."""
    stem, suffix = Path(name).stem, Path(name).suffix
    path, number = OUTPUTS / name, 2
    while path.exists():
        path, number = OUTPUTS / f"{stem}-{number}{suffix}", number + 1
    return path


def output_name(job: Job, suffix: str, default: str) -> str:
    """The file name that the request itself gives to the result, else `default` made safe for every system."""
    inputs = {path.name.lower() for path in job.inputs}
    for name in re.findall(rf"[\w][\w .()-]{{0,60}}?{re.escape(suffix)}\b", job.request, re.IGNORECASE):
        last = name.split()[-1]
        if last.lower() not in inputs and len(last) > len(suffix):
            return Path(last).stem + suffix
    stem = re.sub(r"[^\w.()-]+", "-", default, flags=re.UNICODE).strip("-._")[:80]
    return (stem or "result") + suffix


class Decoded(NamedTuple):
    """A text, the name of the encoding it was read with, and a sentence when that may be wrong (else empty)."""

    text: str
    encoding: str
    doubt: str = ""


def decode(data: bytes) -> Decoded:
    """The text that the bytes are. Raises ValueError for bytes that are no text."""
    if len(data) > TEXT_LIMIT_BYTES:
        raise ValueError(f"larger than {TEXT_LIMIT_BYTES // 1024 // 1024} MiB")
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return Decoded(_clean(data.decode(encoding, errors="replace")), encoding.removesuffix("-sig"))
    head = data[:4000]
    if head.count(0) > len(head) // 4:
        guess = "utf-16-le" if head[1::2].count(0) > head[0::2].count(0) else "utf-16-be"
        text = data.decode(guess, errors="replace")
        if _readable(text):
            return Decoded(_clean(text), guess)
    if 0 in head:
        raise ValueError("binary data, not text")
    try:
        text, encoding, doubt = data.decode("utf-8"), "utf-8", ""
    except UnicodeDecodeError:
        chosen = codepages.choose(data)
        text, encoding, doubt = chosen.text, chosen.name, chosen.doubt
    if not _readable(text):
        raise ValueError("binary data, not text")
    return Decoded(_clean(text), encoding, doubt)


def _readable(text: str) -> bool:
    sample = text[:20000]
    odd = sum(1 for char in sample if (ord(char) < 32 and char not in "\t\r\n\f") or char == "\ufffd")
    # Random bytes read as windows-1252 are mostly accented letters and signs, which no real text is.
    high = sum(1 for char in sample if 0x80 <= ord(char) < 0x100)
    plain = sum(1 for char in sample if char.isascii() and (char.isalnum() or char.isspace()))
    return odd * 50 <= len(sample) and (high <= plain or high < 8)


def _clean(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").replace("\ufeff", "")


def text_of(path: Path) -> Decoded:
    """A text file's text. Raises ValueError when it is not text."""
    return decode(path.read_bytes())


def plural(count: int, noun: str, many: str = "") -> str:
    """`1 file`, `3 files`."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


STOP_WORDS = {
    "en": "the and of to is in that it for was we you with this are be on have not will as at but they our can",
    "de": "der die das und ist nicht wir ein eine ich zu den mit für auf es sie dass im von auch dem wird sind noch",
    "fr": "le la les et est des une nous que pour pas dans qui vous je un du sur avec plus ce il elle au sont mais",
    "es": "el la los y es que de en un una por con para no se las del lo nos como pero más al está hay son ya",
}


def language_of(text: str) -> str:
    """`en`, `de`, `fr` or `es`, by the small words that occur; English when nothing tells."""
    words = re.findall(r"[^\W\d_]+", text[:40000].lower())
    stops = {code: frozenset(stop.split()) for code, stop in STOP_WORDS.items()}
    scores = {code: sum(word in stop for word in words) for code, stop in stops.items()}
    best = max(scores, key=lambda code: scores[code])
    return best if scores[best] > scores["en"] else "en"
