"""The end of a task: people's own files are changed only by their click, then the outcome is told."""

from __future__ import annotations

from agent.core.asks import make_ask, opening
from agent.core.run import Run
from agent.core.workshop import Workshop
from agent.domain.asks import CHANGES_CHOICES, Answer, Ask, AskKind, ChangesSubject, Risk
from agent.domain.blocks import text_of
from agent.domain.events import FilesChanged, TaskFinished
from agent.domain.files import INPUTS, Entry, Manifest, compare
from agent.domain.task import Status
from agent.ports.journal import KeepWorkspace, Record, SetStatus, Write


async def finish(run: Run, workshop: Workshop) -> bool:
    """End the task with its last message. True: something is left to do first; False: ended or parked."""
    thread, snapshots = run.thread, run.parts.snapshots
    base, head = await snapshots.load(thread.base_snapshot), await snapshots.load(thread.snapshot)
    changes = compare(base, head, below=INPUTS)
    writes: tuple[Write, ...] = ()
    if changes:
        decided = _decided(run, thread.base_snapshot, thread.snapshot)
        if decided is None:
            subject = ChangesSubject(changes=changes, base=thread.base_snapshot, head=thread.snapshot)
            ask = make_ask(
                run, AskKind.CHANGES, "Keep these changes to your files?", CHANGES_CHOICES, subject, risk=Risk.MEDIUM
            )
            return not await run.park(*opening(run, ask))
        if decided[1] is None:
            return not await run.park()
        writes = await _apply(run, base, head, keep=decided[1].choice == "apply")
    now = run.parts.clock.now()
    finished = TaskFinished(task_id=run.task.task_id, at=now, text=_last_words(run))
    if await run.commit(*writes, Record((finished,)), SetStatus(status=Status.FINISHED, seen=run.seen)):
        return False
    await run.reload()
    return True


def _decided(run: Run, base: str, head: str) -> tuple[Ask, Answer | None] | None:
    """The live ask about exactly this change, and its answer."""
    for ask, answer in run.asks.values():
        subject = ask.subject
        live = answer is not None or ask.status == "pending"
        if isinstance(subject, ChangesSubject) and live and (subject.base, subject.head) == (base, head):
            return ask, answer
    return None


async def _apply(run: Run, base: Manifest, head: Manifest, *, keep: bool) -> tuple[Write, ...]:
    """Keep the changes as the new base, or put the people's files back and keep everything else."""
    thread_id = run.thread.thread_id
    if keep:
        return (KeepWorkspace(thread_id=thread_id, base_snapshot=run.thread.snapshot),)
    own = [entry for entry in base.entries if _is_input(entry)]
    restored = Manifest.of([*own, *(entry for entry in head.entries if not _is_input(entry))])
    digest = await run.parts.snapshots.save(restored)
    event = FilesChanged(
        task_id=run.task.task_id, at=run.parts.clock.now(), snapshot=digest, changes=compare(head, restored)
    )
    return KeepWorkspace(thread_id=thread_id, snapshot=digest, base_snapshot=digest), Record((event,))


def _is_input(entry: Entry) -> bool:
    return entry.path == str(INPUTS) or entry.path.startswith(f"{INPUTS}/")


def _last_words(run: Run) -> str:
    for stored in reversed(run.messages):
        if stored.message.role == "assistant":
            return text_of(stored.message.content)
    return ""
