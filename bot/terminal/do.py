"""`gofer do`: one task from request to files on disk."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from agent.domain.asks import Ask, AskKind, Via
from agent.domain.errors import NotFound, Refused, UserFacing
from agent.domain.events import AskOpened
from agent.domain.files import WorkFile
from agent.domain.ids import new_id
from agent.domain.task import Status
from agent.domain.view import TaskView, fold
from agent.service.uploads import UPLOAD_LIMIT_BYTES, too_big
from bot import phrases
from bot.render import card_for_ask, result_card
from bot.terminal.answers import Answers, Given
from bot.terminal.front import Front
from bot.terminal.keyboard import typed_line
from bot.terminal.show import Screen
from bot.wire import event_to_json

FILES_LIMIT = 2000
"""Files one task takes from the command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What was asked for on the command line."""

    request: str
    skill: str
    """To be used for it; empty: whichever fits."""
    paths: tuple[Path, ...]
    out: Path
    answers: Answers
    as_json: bool
    interactive: bool


async def run_job(front: Front, job: Job, screen: Screen) -> int:
    """Do the job; 0 when the task finished, else 1. Inputs are only ever read.

    Raises `NotFound` for a skill that is not there, before anything is handed over.
    """
    request = await _request(front, job)
    files = [await front.upload(name, data) for name, data in _read_inputs(job.paths)]
    if links := _links_in(job.paths):
        screen.say(phrases.links_left_out(links), "yellow")
    run = new_id("run")
    task_id = await front.start(f"terminal:local:do:{run}", request, tuple(files), run)
    try:
        view = await _attend(front, job, task_id, screen)
    except (UserFacing, asyncio.CancelledError):
        # Nobody would look after it any more: it must not go on in the background of the next command.
        await asyncio.shield(front.stop(task_id))
        raise
    screen.card(result_card(view))
    try:
        written = await _write_results(front, job, view)
    except UserFacing as error:
        raise type(error)(error.message, next_step=phrases.still_in(error.next_step, task_id)) from error
    for path, _ in written:
        screen.say(f"→ {path}", "green")
    if job.as_json:
        print(json.dumps(_result(view, written, job.out), ensure_ascii=False), flush=True)
    return 0 if view.status is Status.FINISHED else 1


async def _attend(front: Front, job: Job, task_id: str, screen: Screen) -> TaskView:
    """Show the task's progress and take its decisions until it has ended or was paused."""
    view = TaskView()
    async for event in front.follow(task_id):
        view = fold((event,), view)
        if job.as_json:
            print(json.dumps(event_to_json(event), ensure_ascii=False), flush=True)
        screen.progress(event, view)
        if isinstance(event, AskOpened) and not await _decide(front, job, event.ask, view, screen):
            await front.stop(task_id)
        if view.status is Status.PAUSED:
            screen.say(f"Paused: {view.next_step} (`gofer tasks resume {task_id}`)")
            break
    return view


def _result(view: TaskView, written: list[tuple[Path, WorkFile]], out: Path) -> dict[str, object]:
    return {
        "kind": "result",
        "task_id": view.task_id,
        "status": view.status.value,
        "files": [
            {"path": str(path.relative_to(out)), "size_bytes": f.size_bytes, "sha256": f.sha256} for path, f in written
        ],
        "denied": list(view.denied),
        "cost_usd": round(view.spent_usd, 6),
    }


# -- inputs


async def _request(front: Front, job: Job) -> str:
    """The person's words, and behind them the skill they named."""
    if not job.skill:
        return job.request
    there = await front.skills()
    if job.skill not in there:
        raise NotFound(f"There is no skill {job.skill!r}.", next_step=f"There are: {', '.join(there) or 'none'}.")
    return f"{job.request} (use the skill {job.skill})"


def check_out(out: Path) -> None:
    """Raises `Refused` when results could not be written below this folder. It leaves no folder behind."""
    made: list[Path] = []
    try:
        missing = [path for path in (out, *out.parents) if not path.exists()]
        for folder in reversed(missing):
            folder.mkdir()
            made.append(folder)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise Refused(f"{out} cannot be written: {error.strerror}.", next_step="Choose another --out.") from error
    finally:
        for folder in reversed(made):
            folder.rmdir()


def _read_inputs(paths: Iterable[Path]) -> Iterable[tuple[str, bytes]]:
    """Names and bytes of all inputs; a folder keeps its name and structure. Links are not followed."""
    count = 0
    for path in paths:
        if not path.exists():
            raise Refused(f"There is no file {str(path)!r}.", next_step="Check the name.")
        base = path.parent
        found = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file() and not p.is_symlink())
        for file in found:
            count += 1
            if count > FILES_LIMIT:
                raise Refused(f"More than {FILES_LIMIT} files were given.", next_step="Give fewer at once.")
            name = str(PurePosixPath(file.relative_to(base)))
            try:
                if file.stat().st_size > UPLOAD_LIMIT_BYTES:
                    raise too_big(name)
                yield name, file.read_bytes()
            except OSError as error:
                raise Refused(f"{file} cannot be read: {error.strerror}.", next_step="Check its rights.") from error


def _links_in(paths: Iterable[Path]) -> list[str]:
    """The symbolic links in folders, as their names are handed over."""
    found = [(path, link) for path in paths if path.is_dir() for link in sorted(path.rglob("*")) if link.is_symlink()]
    return [str(PurePosixPath(link.relative_to(path.parent))) for path, link in found]


# -- decisions


async def _decide(front: Front, job: Job, ask: Ask, view: TaskView, screen: Screen) -> bool:
    """Answer an ask from what was prepared, from the keyboard, or with a denial. False: the task cannot go on."""
    screen.card(card_for_ask(ask, view, typed=True))
    given, via = job.answers.give(ask), "flag"
    if given is None and job.interactive:
        given, via = await _from_keyboard(ask, screen), "button"
    if given is None:
        given = _denied(ask)
        screen.say("  Nobody is here to decide, so it is denied. (--yes or --answers decide beforehand.)", "yellow")
    if given is None:
        return False
    return await _send(front, ask, given, via)


async def _send(front: Front, ask: Ask, given: Given, via: str) -> bool:
    decided_via: Via = "flag" if via == "flag" else "button"
    await front.answer(ask.ask_id, ask.revision, given.choice, note=given.note, via=decided_via)
    return True


def _denied(ask: Ask) -> Given | None:
    """The refusing choice; None where an ask has none, as a question: then the task is stopped."""
    danger = next((c for c in ask.choices if c.danger), None)
    return Given(danger.value) if danger else None


async def _from_keyboard(ask: Ask, screen: Screen) -> Given | None:
    """Ask at the terminal until the answer is one of the choices, or free text where that is an answer.

    A number that none of the choices has is no wish: whoever typed it meant a choice.
    """
    offered = [c for c in ask.choices if c.value not in ("revise", "answer")]
    for number, choice in enumerate(offered, 1):
        screen.say(f"  [{number}] {choice.label}")
    free = {AskKind.PLAN: "revise", AskKind.QUESTION: "answer"}.get(ask.kind, "")
    hint = phrases.type_hint(choices=len(offered), free=free)
    while True:
        screen.console.print(f"  {hint}: ", end="")
        text = await typed_line()
        if text is None:
            return None
        if text.isdecimal() and 1 <= int(text) <= len(offered):
            return Given(offered[int(text) - 1].value)
        if free and text and not (text.isdecimal() and offered):
            return Given(free, text)
        if text:
            screen.say(f"  {phrases.no_such_choice(text, choices=len(offered), free=free)}", "yellow")


# -- results


async def _write_results(front: Front, job: Job, view: TaskView) -> list[tuple[Path, WorkFile]]:
    """Write delivered files below the out folder, and the resulting copy of each folder that was handed over."""
    written = await write_delivered(front, view, job.out)
    folders = [path.name for path in job.paths if path.is_dir()]
    if folders and view.status is Status.FINISHED:
        for path in await front.listing(view.task_id):
            inside = PurePosixPath(path)
            if len(inside.parts) > 2 and inside.parts[0] == "inputs" and inside.parts[1] in folders:
                data = await front.workspace_file(view.task_id, path)
                target = _write(job.out, str(PurePosixPath(*inside.parts[1:])), data)
                written.append((target, WorkFile(path=path, size_bytes=len(data), sha256=_sha256(data))))
    return written


async def write_delivered(front: Front, view: TaskView, out: Path) -> list[tuple[Path, WorkFile]]:
    """Write the files a task delivered below the out folder."""
    written: list[tuple[Path, WorkFile]] = []
    for delivered in view.delivered:
        data = await front.download(view.task_id, delivered.file.sha256)
        written.append((_write(out, delivered.file.name, data), delivered.file))
    return written


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write(out: Path, name: str, data: bytes) -> Path:
    """Write below `out`, never over an existing file: a taken name gets a number."""
    target = out / PurePosixPath(name)
    if not target.resolve().is_relative_to(out.resolve()):
        raise Refused(f"{name!r} would lie outside of {out}.", next_step="This file was not written.")
    number, first = 2, target
    while target.exists():
        target = first.with_name(f"{first.stem} ({number}){first.suffix}")
        number += 1
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    except OSError as error:
        raise Refused(f"{target} cannot be written: {error.strerror}.", next_step="Choose another --out.") from error
    return target
