"""What a button or a sent form does. A token is only a key: the service checks the rights at every call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from agent.domain.asks import Ask, AskStatus, Via
from agent.domain.errors import Refused
from agent.domain.files import WorkFile
from agent.domain.people import Actor
from agent.domain.task import Task
from agent.domain.view import fold
from agent.service import Decision, Service
from bot import phrases
from bot.cards import Card, Form, Token, Verb
from bot.desk import goes_on_without, late_sentence
from bot.details import details_card
from bot.forms import change_form, form_for, note_from, steer_form
from bot.render import card_for_ask
from bot.surface import FormValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A click, or a form that was sent (`sent`). `event_id` makes a repeated one the same."""

    token: Token
    event_id: str
    via: Via
    sent: bool = False
    values: Mapping[str, FormValue]
    files: tuple[WorkFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """What the page does next: open a form, show a card to this person, or say a sentence; often nothing."""

    form: Form | None = None
    card: Card | None = None
    task_id: str = ""
    started: Task | None = None
    decided: bool = False
    text: str = ""


async def press(service: Service, actor: Actor, press: Press) -> Pressed:
    """Do what was pressed. Raises the service's `UserFacing` errors, and `Refused` for what is no longer there."""
    subject_id = press.token.subject_id
    match press.token.verb:
        case Verb.ANSWER | Verb.FORM:
            return await _answer(service, actor, press)
        case Verb.DETAILS:
            return await _details(service, actor, press)
        case Verb.STOP:
            return _said(await service.stop(actor, subject_id), "It had ended already.")
        case Verb.PAUSE:
            return _said(await service.pause(actor, subject_id), "It does not run now.")
        case Verb.RESUME:
            if await service.resume(actor, subject_id):
                return Pressed(decided=True)
            return Pressed(text=goes_on_without(await service.view(actor, subject_id)))
        case Verb.STEER:
            return await _steer(service, actor, press)
        case Verb.CHANGE:
            return await _follow_up(service, actor, press)
        case Verb.RETRY:
            task = await _newest(service, actor, subject_id)
            return await _start(service, actor, task, task.request, task.files, press.event_id)
        case Verb.UNDO:
            task = await _newest(service, actor, subject_id)
            return Pressed(text=await service.undo(actor, task.thread_id, event_id=press.event_id))
        case Verb.FEEDBACK if press.token.choice in ("good", "bad"):
            good = press.token.choice == "good"
            await service.feedback.give(actor, subject_id, good=good)
            return Pressed(text=phrases.THANKS_GOOD if good else phrases.THANKS_BAD)
        case Verb.NEW | Verb.REQUEST | Verb.ACCOUNT | Verb.ACCESS | Verb.FEEDBACK:
            raise Refused("This button does nothing here.", next_step="Use it where Gofer put it.")
    assert_never(press.token.verb)


async def _answer(service: Service, actor: Actor, press: Press) -> Pressed:
    token = press.token
    note = ""
    if token.verb is Verb.FORM:
        ask = await service.ask(actor, token.subject_id)
        form = form_for(ask, token.choice)
        if form is not None and not press.sent:
            await _require_open(service, actor, ask, token.revision)
            return Pressed(form=replace(form, token=token))
        note = note_from(ask, press.values)
        if press.files:
            # An answer carries no files: they go to the task first, so that they are there when it goes on.
            names = ", ".join(file.path for file in press.files)
            await service.steer(
                actor, ask.task_id, f"Files for my answer: {names}", press.files, inbox_id=press.event_id
            )
    decision = await service.answer(actor, token.subject_id, token.revision, token.choice, via=press.via, note=note)
    if not decision.won:
        raise late(decision, actor)
    return Pressed(decided=True)


async def _require_open(service: Service, actor: Actor, ask: Ask, revision: int) -> None:
    """Raises `Refused` for an ask that is decided or changed: no form opens whose words nobody would read."""
    if ask.status is not AskStatus.PENDING or ask.revision != revision:
        view = await service.view(actor, ask.task_id)
        answer = next((one.answer for one in view.asks if one.ask.ask_id == ask.ask_id), None)
        raise late(Decision(won=False, answer=answer), actor)


async def _details(service: Service, actor: Actor, press: Press) -> Pressed:
    subject_id = press.token.subject_id
    if subject_id.startswith("t_"):
        events = await service.events(actor, subject_id)
        return Pressed(card=details_card(fold(events), events), task_id=subject_id)
    ask = await service.ask(actor, subject_id)
    view = await service.view(actor, ask.task_id)
    card = replace(card_for_ask(ask, view), key=f"details:{subject_id}", actions=(), selects=())
    return Pressed(card=card, task_id=ask.task_id)


async def _steer(service: Service, actor: Actor, press: Press) -> Pressed:
    task_id = press.token.subject_id
    if not press.sent:
        if (await service.task(actor, task_id)).status.final:
            raise Refused("This task has ended.", next_step="Start a new one in the same thread; the files are there.")
        return Pressed(form=steer_form(task_id))
    note = _note(press)
    decision = await service.steer(actor, task_id, note, press.files, inbox_id=press.event_id)
    if decision is not None and not decision.won:
        raise late(decision, actor)
    return Pressed()


async def _follow_up(service: Service, actor: Actor, press: Press) -> Pressed:
    task = await _newest(service, actor, press.token.subject_id)
    if not press.sent:
        return Pressed(form=change_form(task.task_id))
    return await _start(service, actor, task, _note(press), press.files, press.event_id)


async def _start(
    service: Service, actor: Actor, task: Task, request: str, files: tuple[WorkFile, ...], event_id: str
) -> Pressed:
    started = await service.start(actor, task.thread_id, request, files, inbox_id=event_id)
    return Pressed(task_id=started.task_id, started=started)


async def _newest(service: Service, actor: Actor, task_id: str) -> Task:
    """The task, when it is its thread's newest: a button of an older one would change what came after it."""
    task = await service.task(actor, task_id)
    newest = await service.tasks(actor, thread_id=task.thread_id, limit=1)
    if newest and newest[0].task_id != task_id:
        raise Refused("There is a newer task in this conversation.", next_step="Use the buttons of that one.")
    return task


def _note(press: Press) -> str:
    note = press.values.get("note", "")
    return note if isinstance(note, str) else ""


def _said(done: bool, otherwise: str) -> Pressed:
    return Pressed(text="" if done else otherwise)


def late(decision: Decision, actor: Actor) -> Refused:
    """What somebody is told whose decision came after another one, or too late."""
    if decision.answer is None:
        return Refused(decision.why or "This is no longer open.", next_step="Look at the newest card.")
    return Refused(late_sentence(decision.answer.by, actor), next_step="The card shows what was chosen.")
