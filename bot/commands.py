"""Typed commands: `/gofer …` on every chat platform. Each answer is a card for the person alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from agent.domain.errors import Refused
from agent.domain.people import Actor, Role, Standing
from agent.domain.task import Status, Task
from agent.service import Service
from bot import errands, phrases
from bot.accounts import account_of
from bot.cards import (
    Action,
    Block,
    Card,
    CardKind,
    CardState,
    Field,
    Fields,
    Note,
    Rule,
    StepLine,
    Steps,
    StepState,
    Text,
    Token,
    Verb,
)
from bot.desk import status_line
from bot.markup import clip, one_line

TASKS_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a command gives: a card to show, or a skill to start."""

    card: Card | None = None
    run_skill: str = ""
    request: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What follows a command's name. `web_chat`: its address is one that people can reach."""

    words: tuple[str, ...] = ()
    web_chat: bool = False


Command = Callable[[Service, Actor, Typed], Awaitable[Answered]]


async def answer(
    service: Service, actor: Actor, words: tuple[str, ...], *, thread_id: str = "", web_chat: bool = False
) -> Answered:
    """What `/gofer WORDS` says, typed in this thread. Raises the service's `UserFacing` errors, and `Refused`
    for an unknown word. `web_chat`: people can reach it."""
    name = words[0].casefold() if words else "help"
    if words[1:] or name not in COMMANDS:  # `status ID` is about that task, `status` about all
        card = await errands.run(service, actor, name, words[1:], thread_id=thread_id)
        if card is not None:
            return Answered(card=card)
    command = COMMANDS.get(name)
    if command is None:
        raise Refused(f"There is no command `{clip(name, 40)}`.", next_step=f"There is: {', '.join(COMMANDS)}.")
    return await command(service, actor, Typed(words=words[1:], web_chat=web_chat))


async def show_help(service: Service, actor: Actor, typed: Typed) -> Answered:
    """`help`: how to work with Gofer."""
    return Answered(card=_card("help", "How to work with me", (Text(phrases.HELP),)))


async def show_status(service: Service, actor: Actor, typed: Typed) -> Answered:
    """`status`: what is at work and what waits, of the actor's tasks."""
    tasks = [task for task in await service.tasks(actor, limit=50) if not task.status.final]
    lines = [await _line(service, actor, task) for task in tasks[:TASKS_SHOWN]]
    block: Block = Steps(tuple(lines), start=None) if lines else Text("Nothing is at work.", literal=True)
    return Answered(card=_card("status", "What I am working on", (block,)))


async def show_tasks(service: Service, actor: Actor, typed: Typed) -> Answered:
    """`tasks`: the newest tasks, ended ones too."""
    lines = [await _line(service, actor, task) for task in await service.tasks(actor, limit=TASKS_SHOWN)]
    block: Block = Steps(tuple(lines), start=None) if lines else Text("There are no tasks yet.", literal=True)
    return Answered(card=_card("tasks", "Tasks", (block,)))


async def show_usage(service: Service, actor: Actor, typed: Typed) -> Answered:
    """`usage`: what was spent today, and the limits."""
    usage = await service.usage(actor)
    rows = [Field("You today", phrases.money(usage.person_day_usd))]
    if usage.day_usd is not None:
        rows.append(Field("Everybody today", phrases.money(usage.day_usd)))
    labels = {"task_usd": "Limit of a task", "person_day_usd": "Limit of a person's day", "day_usd": "Limit of a day"}
    rows += [Field(label, phrases.money(usage.caps[name])) for name, label in labels.items() if name in usage.caps]
    rows.append(Field("Model", usage.model))
    return Answered(card=_card("usage", "Usage", (Fields(tuple(rows)), Note(("Days are UTC days.",)))))


async def show_skills(service: Service, actor: Actor, typed: Typed) -> Answered:
    """`skills`: what Gofer has learnt."""
    lines = tuple(
        StepLine(f"{skill.name}: {clip(one_line(skill.description), 200)}", "done" if skill.run else "pending")
        for skill in await service.skills(actor)
    )
    block: Block = Steps(lines, start=None) if lines else Text("There are no skills.", literal=True)
    note = Note(("Say `use NAME` in a message, or `/gofer run NAME`. ✓ works without a language model.",))
    return Answered(card=_card("skills", "Skills", (block, note)))


async def run_skill(service: Service, actor: Actor, typed: Typed) -> Answered:
    """`run SKILL [what to do]`: start it in a new conversation."""
    words, names = typed.words, [skill.name for skill in await service.skills(actor)]
    if not words or words[0] not in names:
        said = f"There is no skill `{clip(words[0], 40)}`." if words else "Say which skill."
        raise Refused(said, next_step=f"There is: {', '.join(names)}.")
    return Answered(run_skill=words[0], request=f"use {words[0]} {' '.join(words[1:])}".strip())


async def show_settings(service: Service, actor: Actor, typed: Typed) -> Answered:
    """`settings`: who one is here and what is in force."""
    role = await service.role(actor)
    usage = await service.usage(actor)
    rows = [Field("You are", role.value), Field("Your id", actor.person_id, exact=True), Field("Model", usage.model)]
    if actor.place:
        rows.append(Field("This place", actor.place, exact=True))
    if role is Role.ADMIN:
        names = [f"{p.name or p.person_id} ({p.role.value})" for p in await service.people(actor)]
        rows.append(Field("People", phrases.listed(names)))
    note = Note(("Settings live in gofer.toml on the machine that runs Gofer.",))
    return Answered(card=_card("settings", "Settings", (Fields(tuple(rows)), note)))


async def show_connectors(service: Service, actor: Actor, typed: Typed) -> Answered:
    """`connectors`: what is connected, and the account that can be."""
    account = await account_of(service, actor, web_chat=typed.web_chat)
    card = _card("connectors", phrases.CONNECTORS_TITLE, (Text(phrases.NO_CONNECTORS, literal=True), *account.blocks))
    return Answered(card=replace(card, actions=account.actions))


COMMANDS: Mapping[str, Command] = {
    "help": show_help,
    "status": show_status,
    "tasks": show_tasks,
    "usage": show_usage,
    "skills": show_skills,
    "run": run_skill,
    "settings": show_settings,
    "connectors": show_connectors,
}


async def home(service: Service, actor: Actor, *, web_chat: bool = False) -> Card:
    """Everything at a glance, for a page of the actor's own: what waits for them, their tasks, usage, skills, account.

    `web_chat`: people can reach it.
    """
    if await service.role(actor) is Role.STRANGER:
        ask = Action(Token(verb=Verb.REQUEST, subject_id="access"), phrases.REQUEST_ACCESS, "primary")
        said = (phrases.NO_ACCESS, phrases.NO_ACCESS_NEXT)
        if await service.starts_somewhere(actor):
            said = (phrases.ONLY_IN_CHANNELS, phrases.ELSEWHERE_NEXT)
        card = _card("home", said[0], (Text(said[1], literal=True),))
        return replace(card, actions=(ask,) if actor.standing in (Standing.MEMBER, Standing.GUEST) else ())
    tasks = await service.tasks(actor, limit=TASKS_SHOWN)
    views = [await service.view(actor, task.task_id) for task in tasks if task.asked_by == actor.person_id]
    waiting = [StepLine(clip(one_line(ask.prompt), 120), "running") for view in views for ask in view.pending]
    lines = [await _line(service, actor, task) for task in tasks]
    usage = await service.usage(actor)
    skills = phrases.listed([skill.name for skill in await service.skills(actor)])
    spent = Field("Spent today", phrases.money(usage.person_day_usd))
    account = await account_of(service, actor, web_chat=web_chat)
    blocks: list[Block] = [
        Steps(tuple(waiting) or (StepLine("Nothing.", "done"),), label="Waits for you", start=None),
        Steps(tuple(lines) or (StepLine("None yet.", "pending"),), label="Your tasks", start=None),
        Fields((spent, Field("Model", usage.model), Field("Skills", skills))),
        *account.blocks,
        Rule(),
        Text(phrases.HELP),
    ]
    new = Action(Token(verb=Verb.NEW, subject_id="task"), phrases.NEW_TITLE, "primary")
    return replace(_card("home", "Gofer", tuple(blocks)), actions=(new, *account.actions))


_STATES: Mapping[Status, StepState] = {
    Status.QUEUED: "pending",
    Status.PLANNING: "running",
    Status.RUNNING: "running",
    Status.WAITING: "running",
    Status.PAUSED: "pending",
    Status.FINISHED: "done",
    Status.FAILED: "failed",
    Status.CANCELLED: "skipped",
}


async def _line(service: Service, actor: Actor, task: Task) -> StepLine:
    view = await service.view(actor, task.task_id)
    return StepLine(f"{clip(one_line(task.request), 80)} ({status_line(view)})", _STATES[task.status])


def _card(name: str, title: str, blocks: tuple[Block, ...]) -> Card:
    return Card(key=f"command:{name}", kind=CardKind.NOTICE, state=CardState.DONE, title=title, blocks=blocks)
