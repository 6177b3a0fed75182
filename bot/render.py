"""What people see of a task: from TaskView and Ask to cards and forms. Pure.

Approval cards are written from the canonical arguments only, never from a model's words, and show
every argument; invisible characters in them are made visible.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, assert_never

from agent.domain.asks import (
    Answer,
    Ask,
    AskKind,
    AskStatus,
    BudgetSubject,
    CallSubject,
    ChangesSubject,
    Choice,
    PlanSubject,
    QuestionSubject,
    Risk,
)
from agent.domain.blocks import Json
from agent.domain.files import Change
from agent.domain.people import LOCAL
from agent.domain.task import Plan, Status, Step, StepStatus
from agent.domain.view import TaskView
from bot import phrases
from bot.cards import (
    LABEL_CHARS,
    MAX_ACTIONS,
    MAX_OPTIONS,
    Action,
    Block,
    Card,
    CardKind,
    CardState,
    Chart,
    Code,
    Field,
    Fields,
    FileLine,
    Files,
    Inline,
    Moment,
    Note,
    Option,
    Person,
    Select,
    StepLine,
    Steps,
    StepState,
    Table,
    Text,
    Token,
    Verb,
)
from bot.fit import spoken
from bot.markup import clip, one_line, reveal, units

FIELD_CHARS = 200
"""Longer arguments get a code block of their own."""
CHECKS_SHOWN = 5
TITLE_CHARS = 120
HEADING_CHARS = 60
"""Of the request in a heading: it stands whole at the top of the thread."""

_KINDS = {
    AskKind.PLAN: CardKind.PLAN,
    AskKind.CHANGES: CardKind.CHANGES,
    AskKind.QUESTION: CardKind.QUESTION,
}
_STATES = {
    Status.QUEUED: CardState.RUNNING,
    Status.PLANNING: CardState.RUNNING,
    Status.RUNNING: CardState.RUNNING,
    Status.WAITING: CardState.WAITING,
    Status.PAUSED: CardState.STOPPED,
    Status.FINISHED: CardState.DONE,
    Status.FAILED: CardState.FAILED,
    Status.CANCELLED: CardState.STOPPED,
}
_CALL_STATES: Mapping[bool | None, StepState] = {True: "done", False: "failed"}
_LEFT_AT: Mapping[Status, StepState] = {
    Status.FINISHED: "done",
    Status.FAILED: "failed",
    Status.CANCELLED: "pending",
    Status.PAUSED: "pending",
}
"""What becomes of the step that was at work when its task ended or was paused."""
_ORDER = ("deleted", "overwritten", "moved", "created")
_LAST_WORD = frozenset({Verb.UNDO, Verb.CHANGE, Verb.RETRY})
"""Buttons that mean the thread's newest task; on older ones they would do something else than they say."""


def card_for_ask(ask: Ask, view: TaskView, *, typed: bool = False) -> Card:
    """The card of an ask: with buttons while it is pending, afterwards with who decided what and when.

    `typed`: it is shown where there is nothing to click, and whoever shows it says what to type.
    """
    seen = next((item for item in view.asks if item.ask.ask_id == ask.ask_id), None)
    current, answer = (seen.ask, seen.answer) if seen else (ask, None)
    if answer is None and current.status is AskStatus.PENDING:
        actions, selects = _buttons(current)
        state, last = CardState.WAITING, _open_note(current, typed=typed)
    else:
        actions, selects = (), ()
        state, last = _outcome(current, answer)
    return Card(
        key=f"ask:{ask.ask_id}",
        kind=_KINDS.get(ask.kind, CardKind.APPROVAL),
        state=state,
        title=(title := _ask_title(current, answer)),
        blocks=(*_subject(current), last),
        actions=actions,
        selects=selects,
        notify=(Person(ask.asked_of),),
        fallback=_one_line_of(title, ask.prompt),
    )


def _one_line_of(title: str, prompt: str) -> str:
    """What a notification says: no signs of Markdown, and nothing twice."""
    words = one_line(spoken(Text(prompt)))
    if not words or words == title:
        return title
    return f"{title}{'' if title.endswith(('?', '.', '!')) else ':'} {clip(words, 200)}"


def replaced_plan_card(ask: Ask, view: TaskView) -> Card:
    """What stays of a plan once a newer one was proposed: what people said to it, and no steps and buttons."""
    card = card_for_ask(ask, view)
    said = card.blocks[-1:] if any(item.ask.ask_id == ask.ask_id and item.answer for item in view.asks) else ()
    return replace(
        card,
        state=CardState.STOPPED,
        title=phrases.OLD_PLAN,
        blocks=(*said, Note((phrases.REPLACED,))),
        actions=(),
        selects=(),
        notify=(),
        fallback="",
    )


def status_card(view: TaskView) -> Card:
    """The one card that follows a task: steps, what happens now, whom it waits for, what it cost so far.

    Once the task has ended it is quiet, and says in one line how long it took: the result stands right below.
    """
    return Card(
        key=f"status:{view.task_id}",
        kind=CardKind.STATUS,
        state=_STATES[view.status],
        title=_status_title(view),
        blocks=(*_progress(view), *(() if view.status.final else (_meta(view),))),
        actions=_controls(view),
        quiet=view.status.final,
    )


def result_card(view: TaskView, *, newest: bool = True, feedback: bool = False) -> Card:
    """The last card of a task: its outcome, files and checks; or why it failed and what to do; or that it stopped.

    `newest`: no later task was started in the thread. `feedback`: people can say how the result was.
    """
    match view.status:
        case Status.FAILED:
            kind, blocks = CardKind.FAILURE, _failure(view)
            actions = (_act(view, Verb.RETRY, phrases.RETRY, "primary"), _act(view, Verb.DETAILS, phrases.DETAILS))
        case Status.CANCELLED:
            kind, blocks = CardKind.NOTICE, _failure(view)
            actions = (_act(view, Verb.RETRY, phrases.RETRY),)
        case _:
            kind, blocks = CardKind.RESULT, _result(view)
            actions = (_act(view, Verb.CHANGE, phrases.CHANGE),)
            if len(_checks(view)) > CHECKS_SHOWN:
                actions += (_act(view, Verb.DETAILS, phrases.DETAILS),)
            if view.calls:
                undo = Token(verb=Verb.UNDO, subject_id=view.task_id)
                actions += (Action(undo, phrases.UNDO, confirm=phrases.SURE_UNDO),)
            if feedback:
                actions += (_judge(view, "good", phrases.GOOD), _judge(view, "bad", phrases.BAD))
    return Card(
        key=f"result:{view.task_id}",
        kind=kind,
        state=_STATES[view.status],
        title=_heading(view) if kind is CardKind.RESULT else f"{phrases.STATUS[view.status]}: {_heading(view)}",
        blocks=(*blocks, _meta(view)),
        actions=tuple(action for action in actions if newest or action.token.verb not in _LAST_WORD),
        notify=(Person(view.asked_by),) if view.asked_by else (),
    )


def _subject(ask: Ask) -> tuple[Block, ...]:
    subject = ask.subject
    match subject:
        case PlanSubject():
            return (Text(ask.prompt, literal=True), *plan_blocks(subject.plan))
        case CallSubject():
            return _call(ask, subject)
        case ChangesSubject():
            return _changes(subject)
        case QuestionSubject():
            long = any(units(option) > LABEL_CHARS - 5 for option in subject.options)
            listed = tuple(StepLine(option) for option in subject.options) if long or _too_many(subject) else ()
            return (Text(ask.prompt), *((Steps(listed),) if listed else ()))
        case BudgetSubject():
            return (Text(ask.prompt, literal=True),)
    assert_never(subject)


def plan_blocks(plan: Plan) -> tuple[Block, ...]:
    """A plan whole: steps (those new in this revision marked), files, calls that ask again, skills, cost."""
    steps = tuple(StepLine(s.title, s.status.value, phrases.NEW_STEP if s.changed else "") for s in plan.steps)
    risky = tuple(StepLine(line) for line in plan.risky)
    rows = [Field(phrases.SKILLS, phrases.listed(plan.skills))] if plan.skills else []
    if plan.cost_usd is not None:
        rows.append(Field(phrases.COST, phrases.money(plan.cost_usd)))
    blocks: tuple[Block | None, ...] = (
        Steps(steps) if steps else None,
        Files(tuple(map(FileLine, plan.files)), label=phrases.FILES_TOUCHED) if plan.files else None,
        Steps(risky, label=phrases.ASKS_AGAIN, start=None) if risky else None,
        Text(plan.note, literal=True) if plan.note.strip() else None,
        Fields(tuple(rows)) if rows else None,
    )
    return tuple(block for block in blocks if block is not None)


def argument_blocks(arguments: Mapping[str, Json], *, file: str = "arguments.txt") -> tuple[Block, ...]:
    """Every argument exactly, in order: short ones as fields, long or many-lined ones as code."""
    blocks: list[Block] = []
    rows: list[Field] = []
    for name, value in arguments.items():
        text, language = _argument(value)
        if "\n" not in text and units(text) <= FIELD_CHARS:
            rows.append(Field(reveal(name), text, exact=True))
        else:
            blocks.append(Code(text, label=reveal(name), language=language, file=file))
    fields = (Fields(tuple(rows), file=file),) if rows else ()
    return (*fields, *blocks) if arguments else (Note((phrases.NO_ARGUMENTS,)),)


def _argument(value: Json) -> tuple[str, str]:
    """How an argument is shown, and its language. Strings stand as they are, unless their ends could not be seen."""
    if isinstance(value, str) and value and value == value.strip():
        return reveal(value), ""
    short = reveal(json.dumps(value, ensure_ascii=False, default=str))
    if units(short) <= FIELD_CHARS:
        return short, "json"
    return reveal(json.dumps(value, ensure_ascii=False, indent=2, default=str)), "json"


def _call(ask: Ask, subject: CallSubject) -> tuple[Block, ...]:
    rows = [Field(phrases.TOOL, reveal(subject.tool), exact=True), Field(phrases.RISK, phrases.RISKS[ask.risk])]
    if subject.pattern:
        rows.append(Field(phrases.PATTERN, reveal(subject.pattern), exact=True))
    summary = Text(reveal(subject.summary), literal=True)
    return (summary, Fields(tuple(rows), file="arguments.txt"), *argument_blocks(subject.arguments))


def _changes(subject: ChangesSubject) -> tuple[Block, ...]:
    changes = sorted(subject.changes.changes, key=lambda change: (_ORDER.index(change.type), change.path))
    counts = [f"{count:,} {phrases.CHANGES[type_]}" for type_ in _ORDER if (count := subject.changes.count(type_))]
    total = phrases.counted(len(changes), "file")
    return (
        Text(f"{total}: {phrases.listed(counts)}", literal=True),
        Files(tuple(map(_change_line, changes)), file="changes.txt"),
    )


def _change_line(change: Change) -> FileLine:
    note = phrases.CHANGES[change.type]
    if change.was:
        note = phrases.moved_from(reveal(change.was))
    return FileLine(reveal(change.path), change.size_bytes, note)


def _too_many(subject: QuestionSubject) -> bool:
    return len(subject.options) > MAX_OPTIONS


def _buttons(ask: Ask) -> tuple[tuple[Action, ...], tuple[Select, ...]]:
    options = [c for c in ask.choices if c.value.startswith("option")] if ask.kind is AskKind.QUESTION else []
    if len(options) >= MAX_ACTIONS // 2:
        token = Token(verb=Verb.ANSWER, subject_id=ask.ask_id, revision=ask.revision)
        picks = tuple(Option(choice.value, choice.label) for choice in options[:MAX_OPTIONS])
        others = [choice for choice in ask.choices if choice not in options]
        return _choices(ask, others), (Select(token, phrases.PICK, picks),)
    return _choices(ask, ask.choices), ()


def _choices(ask: Ask, choices: Sequence[Choice]) -> tuple[Action, ...]:
    first = next((choice for choice in choices if choice.positive), None)
    actions: list[Action] = []
    for choice in choices:
        form = choice.value in ("revise", "answer") or (ask.kind is AskKind.CALL and choice.value == "deny")
        token = Token(
            verb=Verb.FORM if form else Verb.ANSWER,
            subject_id=ask.ask_id,
            revision=ask.revision,
            choice=choice.value,
        )
        main = choice is first and ask.kind is not AskKind.QUESTION
        style = "danger" if choice.danger else "primary" if main else "plain"
        confirm = phrases.SURE_ALWAYS if choice.scope == "always" else ""
        actions.append(Action(token, _choice_label(choice), style, confirm))
    if ask.kind is AskKind.CHANGES:
        review = Token(verb=Verb.DETAILS, subject_id=ask.ask_id, revision=ask.revision)
        actions.insert(1, Action(review, phrases.REVIEW))
    return tuple(actions[:MAX_ACTIONS])


def _choice_label(choice: Choice) -> str:
    """The label whole; a pattern too long for a button stands in the card, and the button points there."""
    label = reveal(choice.label)
    if choice.value == "answer":
        return phrases.OTHER_ANSWER
    if units(label) <= LABEL_CHARS or choice.scope == "once":
        return label
    return phrases.ALLOW_PATTERN_TASK if choice.scope == "task" else phrases.ALLOW_PATTERN_ALWAYS


def _open_note(ask: Ask, *, typed: bool) -> Note:
    if typed:
        return Note((phrases.OPEN_UNTIL, Moment(ask.expires_at), "."))
    match ask.kind:
        case AskKind.PLAN:
            hint = phrases.REPLY_HINT_PLAN
        case AskKind.QUESTION:
            hint = phrases.REPLY_HINT_ANSWER
        case _:
            hint = phrases.REPLY_HINT_BUTTONS if ask.risk is Risk.HIGH else phrases.REPLY_HINT_DECIDE
    return Note((phrases.FOR, Person(ask.asked_of), f". {hint} {phrases.OPEN_UNTIL}", Moment(ask.expires_at), "."))


def _ask_title(ask: Ask, answer: Answer | None) -> str:
    """A question while it is one; afterwards what became of it."""
    if answer is None and ask.status is AskStatus.PENDING:
        return phrases.ASK_TITLES[ask.kind]
    if answer is not None:
        became = phrases.decision(ask.kind, answer.choice).lower()
    else:
        became = phrases.NOT_DECIDED if ask.status is AskStatus.EXPIRED else phrases.NOT_NEEDED
    return f"{phrases.DECIDED_TITLES[ask.kind]}: {became}"


def _outcome(ask: Ask, answer: Answer | None) -> tuple[CardState, Note]:
    if answer is None:
        text = phrases.EXPIRED if ask.status is AskStatus.EXPIRED else phrases.WITHDRAWN
        return CardState.STOPPED, Note((text,))
    choice = ask.choice(answer.choice)
    positive = choice is not None and choice.positive
    said = answer.note
    if isinstance(ask.subject, QuestionSubject) and choice is not None and answer.choice != "answer":
        said = f"{choice.label} {answer.note}"
    parts: list[Inline] = [phrases.decision(ask.kind, answer.choice), phrases.BY, Person(answer.by)]
    parts += [phrases.AT, Moment(answer.at), f": “{clip(one_line(said), 300)}”" if said.strip() else "."]
    return CardState.DONE if positive else CardState.STOPPED, Note(tuple(parts))


def title_of(view: TaskView) -> str:
    """What was asked for, in one line of at most 120 characters."""
    return clip(one_line(view.request), TITLE_CHARS) or phrases.UNNAMED


def _heading(view: TaskView) -> str:
    return clip(title_of(view), HEADING_CHARS)


def _status_title(view: TaskView) -> str:
    """What state the task is in, and which it is; once it ended, how long it took and what is known of its steps."""
    if view.status.final:
        steps = [_step(step, view.status).status for step in view.plan.steps] if view.plan else []
        done = sum(state in ("done", "skipped") for state in steps)
        return phrases.ended(view.status, view.worked_s, done=done, steps=len(steps), calls=view.calls)
    state = phrases.WAITING if view.status is Status.WAITING else phrases.STATUS[view.status]
    return f"{state}: {_heading(view)}"


def _step(step: Step, status: Status) -> StepLine:
    """A step as it stands. Where the task ended none is at work any more, and of one that was never mentioned in a
    finished task nobody knows."""
    state: StepState = step.status.value
    if step.status is StepStatus.RUNNING:
        state = _LEFT_AT.get(status, state)
    if status is Status.FINISHED and step.status is StepStatus.PENDING:
        return StepLine(step.title, "unreported", phrases.NOT_REPORTED)
    return StepLine(step.title, state, phrases.SKIPPED if step.status is StepStatus.SKIPPED else "")


def _progress(view: TaskView) -> tuple[Block, ...]:
    blocks: list[Block] = []
    if view.narration.strip() and not view.status.final:
        blocks.append(Text(view.narration, file="progress.md"))
    if view.plan and view.plan.steps:
        blocks.append(Steps(tuple(_step(step, view.status) for step in view.plan.steps)))
    if view.activity and not view.status.final:
        paused = view.status is Status.PAUSED
        at_work: StepState = "pending" if paused else "running"
        lines = tuple(StepLine(c.summary or c.tool, _CALL_STATES.get(c.ok, at_work)) for c in view.activity)
        blocks.append(Steps(lines, label=phrases.BEFORE_PAUSE if paused else phrases.NOW, start=None))
    if view.pending:
        asked = dict.fromkeys(ask.asked_of for ask in view.pending)
        names = [part for person in asked for part in (", ", Person(person))][1:]
        blocks.append(Note((phrases.WAITING_FOR, *names, ".")))
    if view.status is Status.PAUSED and view.next_step:
        blocks.append(Note((view.next_step,)))
    if not blocks and not view.status.final:
        blocks.append(Note((phrases.STARTING,)))
    return tuple(blocks)


def _meta(view: TaskView) -> Note:
    parts: list[Inline] = []
    if view.asked_by and view.asked_by not in LOCAL:  # alone here, they know
        parts += [phrases.FOR, Person(view.asked_by), ". "]
    if view.started_at:
        parts += [phrases.STARTED, Moment(view.started_at, relative=not view.status.final), ". "]
    if view.spent_usd:
        dear = "" if view.priced else f" ({phrases.NO_MODEL_PRICE})"
        parts.append(f"{phrases.SPENT}: {phrases.money(view.spent_usd)}{dear}.")
    return Note(tuple(parts) or (phrases.NAME,))


def _controls(view: TaskView) -> tuple[Action, ...]:
    if view.status.final or not view.task_id:
        return ()
    halt = Action(Token(verb=Verb.STOP, subject_id=view.task_id), phrases.STOP, "danger", phrases.SURE_STOP)
    if view.status is Status.PAUSED:
        return (_act(view, Verb.RESUME, phrases.RESUME, "primary"), halt)
    return (_act(view, Verb.STEER, phrases.STEER), _act(view, Verb.PAUSE, phrases.PAUSE), halt)


def _act(view: TaskView, verb: Verb, label: str, style: Literal["primary", "plain"] = "plain") -> Action:
    return Action(Token(verb=verb, subject_id=view.task_id), label, style)


def _judge(view: TaskView, choice: str, label: str) -> Action:
    return Action(Token(verb=Verb.FEEDBACK, subject_id=view.task_id, choice=choice), label)


def _result(view: TaskView) -> tuple[Block, ...]:
    blocks: list[Block] = [Text(view.outcome, file="answer.md")] if view.outcome.strip() else []
    if view.delivered:
        lines = (FileLine(d.file.name, d.file.size_bytes, d.title, path=d.file.path) for d in view.delivered)
        blocks.append(Files(tuple(lines), label=phrases.DELIVERED))
    blocks += (*_excerpt(view), *_chart(view))
    checks = _checks(view)
    if checks:
        shown = checks if len(checks) <= CHECKS_SHOWN else checks[: CHECKS_SHOWN - 1]
        left = len(checks) - len(shown)
        blocks += [Note((line,)) for line in shown]
        if left:
            blocks.append(Note((phrases.more_checks(left),)))
    blocks += [Note((phrases.NOT_DONE, reveal(one_line(prompt)))) for prompt in view.denied[:CHECKS_SHOWN]]
    return tuple(blocks)


def _chart(view: TaskView) -> tuple[Block, ...]:
    """The first chart among the delivered files."""
    for delivered in view.delivered:
        if delivered.chart is not None:
            return (Chart(delivered.chart, delivered.chart.title or delivered.file.name),)
    return ()


def _excerpt(view: TaskView) -> tuple[Block, ...]:
    """How the first table that was delivered begins. One is enough: the files are there to be opened."""
    for delivered in view.delivered:
        table, name = delivered.table, delivered.file.name
        if table is not None and table.rows:
            left = table.rows_total - len(table.rows)
            cut = phrases.complete_in(name) if table.columns_total > len(table.header) else ""
            more = phrases.more_in(left, name) if left else cut
            label = phrases.beginning_of(name, table.sheet)
            return (Table(table.header, table.rows, more=more, label=label, whole=name, rows_left=left),)
    return ()


def _checks(view: TaskView) -> list[str]:
    single = len(view.delivered) == 1
    return [check if single else f"{d.file.name}: {check}" for d in view.delivered for check in d.checks]


def _failure(view: TaskView) -> tuple[Block, ...]:
    blocks: list[Block] = [Text(view.outcome, literal=True)] if view.outcome.strip() else []
    if view.next_step:
        blocks.append(Text(f"{phrases.NEXT}{view.next_step}", literal=True))
    if view.delivered:
        lines = (FileLine(d.file.name, d.file.size_bytes, d.title, path=d.file.path) for d in view.delivered)
        blocks.append(Files(tuple(lines), label=phrases.DELIVERED))
    return tuple(blocks)
