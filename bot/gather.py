"""What comes with a request: its files, and what was said in the thread before, as data."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from agent.domain.errors import Refused, UserFacing
from agent.domain.files import WorkFile
from agent.domain.people import Actor
from agent.service import Service
from bot import phrases
from bot.cards import Moment, Person
from bot.surface import IncomingFile, IncomingMessage, Said, Surface

FILE_LIMIT_BYTES = 64 * 1024 * 1024
"""Of one file, as the service takes them."""
TOTAL_LIMIT_BYTES = 512 * 1024 * 1024
"""Of all files of one message with those of the thread before it: they have to fit into a workspace."""
HISTORY_MESSAGES = 50
CONTEXT_CHARS = 12_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Files that were taken, a sentence for each that was not, and the conversation before."""

    files: tuple[WorkFile, ...] = ()
    refused: tuple[str, ...] = ()
    context: str = ""

    def with_outcomes(self, text: str) -> str:
        """The text, with what became of its files where that is not plain to see."""
        return "\n\n".join(part for part in (text, *self.refused) if part)


async def take_files(service: Service, actor: Actor, files: Sequence[IncomingFile], *, thread_id: str = "") -> Gathered:
    """Fetch and store files, a piece at a time. One that cannot be taken has its sentence and stops no other;
    `SurfaceDown` is raised. `thread_id`: where they were handed over, if that is known."""
    taken: list[WorkFile] = []
    refused: list[str] = []
    names: set[str] = set()
    total = 0
    for file in files:
        try:
            pieces = _bounded(file, min(FILE_LIMIT_BYTES, max(TOTAL_LIMIT_BYTES - total, 0)))
            stored = await service.take_up(actor, file.name, pieces, file.media_type, thread_id=thread_id)
            total += stored.size_bytes
        except UserFacing as error:
            refused.append(f"{file.name}: {error.message} {error.next_step}".strip())
            continue
        stored = replace(stored, path=_free_name(stored.path, names))
        names.add(stored.path)
        taken.append(stored)
    return Gathered(files=tuple(taken), refused=tuple(refused))


async def gather(service: Service, surface: Surface, said: IncomingMessage) -> Gathered:
    """All that belongs to a request which begins a task: its own files first, then those of the thread before it."""
    reader = said.person.person_id
    earlier = await surface.history(said.thread, before=said.message, limit=HISTORY_MESSAGES, reader=reader)
    last = await service.tasks(said.person, thread_id=said.thread.thread_id, limit=1)
    if last:  # what was said before the last task is in its own record
        earlier = tuple(one for one in earlier if one.at > last[0].created_at)
    others = [one for one in earlier if not one.by_gofer]
    files = [*said.files, *(file for one in others for file in one.files)]
    got = await take_files(service, said.person, files, thread_id=said.thread.thread_id)
    lines = [_line(one) for one in others]
    if got.refused:
        lines += [phrases.FILES_MISSING, *got.refused]
    return replace(got, context=_shortened("\n".join(lines)))


def _line(said: Said) -> str:
    names = ", ".join(file.name for file in said.files)
    who = Person(said.person.person_id, said.person.name)
    files = f" (files: {names})" if names else ""
    link = f" <{said.link}>" if said.link else ""
    return f"[{who}, {Moment(said.at)}]{files}{link} {said.text}".rstrip()


def _shortened(text: str) -> str:
    if len(text) <= CONTEXT_CHARS:
        return text
    half = CONTEXT_CHARS // 2
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters left out …\n{text[-half:]}"


async def _bounded(file: IncomingFile, limit_bytes: int) -> AsyncIterator[bytes]:
    if file.size_bytes > limit_bytes:
        raise _too_big(limit_bytes)
    size = 0
    async for piece in file.fetch():
        size += len(piece)
        if size > limit_bytes:
            raise _too_big(limit_bytes)
        yield piece


def _too_big(limit_bytes: int) -> Refused:
    if limit_bytes == FILE_LIMIT_BYTES:
        return Refused(phrases.larger_than(FILE_LIMIT_BYTES), next_step="Split it.")
    return Refused(phrases.larger_together(TOTAL_LIMIT_BYTES), next_step="Send what matters.")


def _free_name(path: str, taken: set[str]) -> str:
    """The path, numbered where another file of the same message has it."""
    if path not in taken:
        return path
    stem, dot, ending = path.rpartition(".")
    stem, ending = (stem, dot + ending) if stem else (path, "")
    number = 2
    while (candidate := f"{stem} ({number}){ending}") in taken:
        number += 1
    return candidate
