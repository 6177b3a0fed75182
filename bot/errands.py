"""Typed commands about one task, for where its card cannot be reached: `/task stop ID` and the like.

A task is named by its id. Without one the newest of the thread is meant, and outside of a thread the only open one of
whoever asks. Rights are checked by the service.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from agent.domain.asks import AskKind
from agent.domain.errors import NotFound, Refused
from agent.domain.people import Actor, Role, Standing
from agent.domain.task import Status, Task
from agent.service import Service
from bot import phrases
from bot.cards import Block, Card, CardKind, CardState, Field, Fields, FileLine, Files, Note, Person, Text
from bot.desk import approval, late_sentence, status_line
from bot.markup import clip, one_line

Errand = Callable[[Service, Actor, Task], Awaitable[tuple[Block, ...]]]


async def run(service: Service, actor: Actor, name: str, words: tuple[str, ...], *, thread_id: str = "") -> Card | None:
    """What `name ID` says, typed in this thread; None: there is no such errand. Raises the service's `UserFacing`
    errors."""
    if name == "why":
        return _card("why", phrases.WHY_TITLE, await _why(service, actor))
    errand = ERRANDS.get(name)
    if errand is None:
        return None
    task = await _task(service, actor, words, thread_id)
    title = clip(one_line(task.request), 80)
    return _card(name, title, await errand(service, actor, task))


async def show_status(service: Service, actor: Actor, task: Task) -> tuple[Block, ...]:
    """`status ID`: where it stands and what it waits for."""
    view = await service.view(actor, task.task_id)
    waits = tuple(Text(f"Waits for a decision: {ask.prompt}", literal=True) for ask in view.pending)
    return (Text(status_line(view), literal=True), *waits, Note((task.task_id,)))


async def stop(service: Service, actor: Actor, task: Task) -> tuple[Block, ...]:
    """`stop ID`."""
    stopped = await service.stop(actor, task.task_id)
    return (Text(phrases.STOPPED_IT if stopped else phrases.ENDED_ALREADY, literal=True),)


async def retry(service: Service, actor: Actor, task: Task) -> tuple[Block, ...]:
    """`retry ID`: the same request once more, in its own thread."""
    if task.status not in (Status.FAILED, Status.CANCELLED):
        raise Refused("Only what failed or was stopped can be tried again.", next_step="Say what you want instead.")
    newest = await service.tasks(actor, thread_id=task.thread_id, limit=1)
    if newest and newest[0].task_id != task.task_id:
        raise Refused("There is a newer task in its conversation.", next_step="Name that one.")
    await service.start(actor, task.thread_id, task.request, task.files, inbox_id=f"retry:{task.task_id}")
    return (Text(phrases.TRIED_AGAIN, literal=True),)


async def show_files(service: Service, actor: Actor, task: Task) -> tuple[Block, ...]:
    """`files ID`: what it has delivered so far."""
    delivered = (await service.view(actor, task.task_id)).delivered
    if not delivered:
        return (Text(phrases.NO_FILES_YET, literal=True),)
    lines = tuple(FileLine(one.file.path, one.file.size_bytes, note=one.title) for one in delivered)
    return (Files(lines), Note((phrases.FILES_IN_THREAD,)))


async def approve(service: Service, actor: Actor, task: Task) -> tuple[Block, ...]:
    """`approve ID`: a yes to the one thing it asks, unless that is a call of high risk, which needs its button."""
    return await _decide(service, actor, task, yes=True)


async def deny(service: Service, actor: Actor, task: Task) -> tuple[Block, ...]:
    """`deny ID`: a no to the one thing it asks."""
    return await _decide(service, actor, task, yes=False)


ERRANDS: Mapping[str, Errand] = {
    "status": show_status,
    "stop": stop,
    "retry": retry,
    "files": show_files,
    "approve": approve,
    "deny": deny,
}


async def _decide(service: Service, actor: Actor, task: Task, *, yes: bool) -> tuple[Block, ...]:
    pending = (await service.view(actor, task.task_id)).pending
    if not pending:
        raise Refused("It asks for no decision now.", next_step="Look at its newest card.")
    ask, *more = pending
    if more:
        raise Refused(f"It asks {len(pending)} things.", next_step="Use the buttons of the one you mean.")
    if ask.kind is AskKind.QUESTION:
        raise Refused(f"It asks for more than a yes or no: {ask.prompt}", next_step="Answer in its thread.")
    choice = approval(ask.kind, approve=yes)
    # A yes counts as a bare word: who types it may not have the arguments before their eyes. A no harms nobody.
    decision = await service.answer(actor, ask.ask_id, ask.revision, choice, via="word" if yes else "command")
    if not decision.won:
        by = decision.answer.by if decision.answer else ""
        raise Refused(late_sentence(by, actor), next_step=decision.why or "Its newest card shows what was chosen.")
    return (Text(phrases.DECIDED_YES if yes else phrases.DECIDED_NO, literal=True),)


async def _task(service: Service, actor: Actor, words: tuple[str, ...], thread_id: str) -> Task:
    if words:
        return await service.task(actor, words[0])
    if thread_id and await service.thread(actor, thread_id) is not None:
        newest = await service.tasks(actor, thread_id=thread_id, limit=1)
        if newest:
            return newest[0]
    mine = [task for task in await service.tasks(actor, limit=50) if task.asked_by == actor.person_id]
    found = [task for task in mine if not task.status.final]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFound("None of your tasks is at work.", next_step="Name one by its id.")
    ids = phrases.listed([task.task_id for task in found[:5]])
    raise Refused(f"{len(found)} of your tasks are at work.", next_step=f"Name one: {ids}.")


async def _why(service: Service, actor: Actor) -> tuple[Block, ...]:
    """Who one is here, and so what one may do."""
    role = await service.role(actor)
    may = await service.may_start(actor, f"{actor.place}:") if actor.place else role is not Role.STRANGER
    may = may and actor.standing not in (Standing.BOT, Standing.OUTSIDER)
    rows = (
        Field("You are", Person(actor.person_id, actor.name)),
        Field("Your id", actor.person_id, exact=True),
        Field("Your role", role.value),
        Field("This place", actor.place or "–", exact=True),
        Field("Your groups", phrases.listed(sorted(actor.groups)) or "–"),
    )
    return (Text(phrases.WHY_YES if may else phrases.WHY_NO, literal=True), Fields(rows), Note((phrases.WHY_NOTE,)))


def _card(name: str, title: str, blocks: tuple[Block, ...]) -> Card:
    return Card(key=f"command:{name}", kind=CardKind.NOTICE, state=CardState.DONE, title=title, blocks=blocks)
