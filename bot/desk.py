"""The desk: what a message in a thread means. The same on every surface.

A word that decides, a command word, an answer, steering, or a new task. The desk knows no platform and
decides no rights: the service checks those for the actor at every call.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from agent.domain.asks import Ask, AskKind, Via
from agent.domain.errors import NotAllowed, Refused
from agent.domain.files import WorkFile
from agent.domain.people import SYSTEM, Actor
from agent.domain.task import Status, Task
from agent.domain.view import TaskView
from agent.service import Service
from bot import phrases
from bot.cards import Person
from bot.markup import clip, one_line
from bot.phrases import Word
from bot.surface import ThreadRef

_CLAIM = re.compile(r"(?i)claim ([0-9a-f]{8})")
"""The message that makes the first admin, with the code that `gofer serve` printed."""
MOST_TASKS = 1_000
"""The newest, looked through for those in a place that is gone."""
QUOTED_CHARS = 100
"""Of a request, so that people know which one is meant."""
_YES = {AskKind.PLAN: "approve", AskKind.CHANGES: "apply"}
_NO = {AskKind.PLAN: "reject", AskKind.CHANGES: "discard"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a message. `text` is a sentence for the person where the cards do not show it already."""

    kind: Literal["started", "steered", "decided", "told"]
    task_id: str = ""
    text: str = ""


class Desk:
    """Takes messages of authenticated people."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def message(
        self,
        actor: Actor,
        thread_id: str,
        text: str,
        files: tuple[WorkFile, ...] = (),
        *,
        event_id: str,
        via: Via = "word",
        context: str = "",
        interrupt: bool = False,
    ) -> Outcome:
        """Act on one message. `event_id` is the platform's id: the same message twice acts once.

        `context` is what was said before, for a task that begins; `interrupt`: an instruction for the running task is
        read at once. Raises `UserFacing` errors of the service, whose two sentences are for the person.
        """
        if code := _CLAIM.fullmatch(text.strip()):
            await self._service.claim(actor, code[1])
            return Outcome(kind="told", text="You are an admin of this Gofer now.")
        task = await self._service.active(actor, thread_id)
        word = None if files else phrases.word_of(text)
        if word is not None:
            told = await self._word(actor, thread_id, task, word, event_id, via)
            if told is not None:
                return told
        if task is None:
            request = text if text.strip() or not files else phrases.ONLY_FILES
            started = await self._service.start(actor, thread_id, request, files, inbox_id=event_id, context=context)
            return Outcome(kind="started", task_id=started.task_id)
        steer = self._service.steer
        decision = await steer(actor, task.task_id, text, files, inbox_id=event_id, interrupt=interrupt)
        if decision is None and files:
            await self._answer_with_files(actor, task, text, files, event_id)
        if decision is None:
            return Outcome(kind="steered", task_id=task.task_id, text="Noted: I take it up at the next step.")
        return Outcome(kind="decided", task_id=task.task_id)

    async def _answer_with_files(
        self, actor: Actor, task: Task, text: str, files: tuple[WorkFile, ...], event_id: str
    ) -> None:
        """Files that came while a question or a plan waits belong to what is said to it: they do not wait for words.

        An answer carries no files, so they were given to the task before.
        """
        pending = (await self._service.view(actor, task.task_id)).pending
        ask = next((ask for ask in pending if ask.kind in (AskKind.PLAN, AskKind.QUESTION)), None)
        if ask is None:
            return
        note = text.strip() or f"See {phrases.listed([file.path for file in files])}."
        choice = "revise" if ask.kind is AskKind.PLAN else "answer"
        with suppress(NotAllowed):  # not theirs to decide: the task has their files and words all the same
            said = f"{event_id}:answer"  # the files have the id itself
            await self._service.answer(actor, ask.ask_id, ask.revision, choice, via="word", note=note, inbox_id=said)

    async def _word(
        self, actor: Actor, thread_id: str, task: Task | None, word: Word, event_id: str, via: Via
    ) -> Outcome | None:
        """Act on a message that is nothing but a command word; None: it is ordinary text after all."""
        service = self._service
        match word:
            case Word.UNDO:
                return Outcome(kind="told", text=await service.undo(actor, thread_id, event_id=event_id))
            case Word.RETRY:
                return await self._retry(actor, thread_id, event_id)
            case Word.MUTE:
                await service.mute(actor, thread_id)
                return Outcome(kind="told", text="I no longer listen here. Mention me and I do again.")
            case Word.FORGET:
                await service.forget(actor, thread_id)
                return Outcome(kind="told", text="I have removed the files and everything that was said to me here.")
            case Word.STATUS if task is None:
                return await self._last(actor, thread_id)
            case _ if task is None:
                return self._nothing_at_work(word)
            case Word.APPROVE | Word.DENY:
                return await self._decide(actor, task, event_id, approve=word is Word.APPROVE, via=via)
            case Word.STOP:
                await service.stop(actor, task.task_id)
                return Outcome(kind="decided", task_id=task.task_id)
            case Word.PAUSE:
                await service.pause(actor, task.task_id)
                return Outcome(kind="decided", task_id=task.task_id)
            case Word.RESUME:
                resumed = await service.resume(actor, task.task_id)
                said = "" if resumed else goes_on_without(await service.view(actor, task.task_id))
                return Outcome(kind="decided", task_id=task.task_id, text=said)
            case Word.STATUS:
                return Outcome(
                    kind="told", task_id=task.task_id, text=status_line(await service.view(actor, task.task_id))
                )

    async def _decide(self, actor: Actor, task: Task, event_id: str, *, approve: bool, via: Via) -> Outcome | None:
        """A bare yes or no counts only when exactly one ask is open; a question takes it as its answer."""
        pending = (await self._service.view(actor, task.task_id)).pending
        if len(pending) != 1:
            if not pending:
                return Outcome(kind="told", task_id=task.task_id, text="There is nothing to decide now.")
            listed = "\n".join(f"- {ask.prompt}" for ask in pending)
            raise Refused(
                f"There are {len(pending)} open questions:\n{listed}", next_step="Use the buttons of the one you mean."
            )
        ask = pending[0]
        if ask.kind is AskKind.QUESTION:
            return None
        return await self._answer(actor, task, ask, event_id, approve=approve, via=via)

    async def leave(self, place: ThreadRef) -> None:
        """End what is at work in a thread or channel that was deleted: nobody can look at it there, nor decide."""
        for task in await self._service.tasks(SYSTEM, limit=MOST_TASKS):
            if not task.status.final and place.holds(task.thread_id):
                await self._service.stop(SYSTEM, task.task_id, reason=phrases.PLACE_GONE)

    async def _answer(self, actor: Actor, task: Task, ask: Ask, event_id: str, *, approve: bool, via: Via) -> Outcome:
        choice = approval(ask.kind, approve=approve)
        decision = await self._service.answer(actor, ask.ask_id, ask.revision, choice, via=via, inbox_id=event_id)
        if not decision.won:
            raise Refused(late_sentence(decision.answer.by if decision.answer else "", actor), next_step=decision.why)
        return Outcome(kind="decided", task_id=task.task_id)

    async def _retry(self, actor: Actor, thread_id: str, event_id: str) -> Outcome | None:
        """Run the thread's last request again when it failed or was stopped."""
        tasks = await self._service.tasks(actor, thread_id=thread_id, limit=1)
        if not tasks or tasks[0].status not in (Status.FAILED, Status.CANCELLED):
            return None
        again = await self._service.start(actor, thread_id, tasks[0].request, tasks[0].files, inbox_id=event_id)
        return Outcome(kind="started", task_id=again.task_id)

    async def _last(self, actor: Actor, thread_id: str) -> Outcome:
        """Where a thread stands in which nothing is at work: how its last task ended."""
        tasks = await self._service.tasks(actor, thread_id=thread_id, limit=1)
        if not tasks:
            return Outcome(kind="told", text=phrases.NOTHING_YET)
        view = await self._service.view(actor, tasks[0].task_id)
        about = clip(one_line(view.request), QUOTED_CHARS)
        return Outcome(kind="told", task_id=view.task_id, text=phrases.nothing_at_work(status_line(view), about))

    @staticmethod
    def _nothing_at_work(word: Word) -> Outcome:
        return Outcome(kind="told", text=f"Nothing is at work here, so there is nothing to {word}.")


def is_claim(text: str) -> bool:
    """Whether this is the message that makes the first admin, which strangers may send too."""
    return _CLAIM.fullmatch(text.strip()) is not None


def approval(kind: AskKind, *, approve: bool) -> str:
    """The choice that a plain yes or no means for an ask of this kind."""
    return _YES.get(kind, "allow") if approve else _NO.get(kind, "deny")


def late_sentence(decided_by: str, actor: Actor) -> str:
    """What somebody is told whose decision came after another one."""
    if not decided_by:
        return "This was decided already."
    return f"This was decided already, by {'you' if decided_by == actor.person_id else Person(decided_by)}."


def goes_on_without(view: TaskView) -> str:
    """What somebody is told who resumes a task that is not paused: the word came twice, or too late."""
    return phrases.ENDED_ALREADY if view.status.final else f"{phrases.GOES_ON} {status_line(view)}"


def status_line(view: TaskView) -> str:
    """Where a task stands, in one line."""
    parts = [phrases.STATUS[view.status]]
    if view.plan is not None and not view.status.final:
        done = sum(step.status in ("done", "skipped") for step in view.plan.steps)
        parts.append(f"step {min(done + 1, len(view.plan.steps))} of {len(view.plan.steps)}")
    if view.activity and not view.status.final:
        parts.append(view.activity[-1].summary)
    if view.spent_usd:
        parts.append(f"${view.spent_usd:.2f}")
    return " · ".join(parts)
