"""The forms behind the buttons, and what their values mean as an answer. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from agent.domain.asks import Ask, CallSubject, PlanSubject, QuestionSubject
from agent.domain.task import Plan
from bot import phrases
from bot.cards import FilesField, Form, Text, TextField, Token, Verb
from bot.fit import spoken
from bot.markup import clip, one_line, reveal, units
from bot.surface import FormValue

PREFILL_CHARS = 2_800
"""Longer plans are not offered for editing in place: the smallest surface takes 3,000 characters."""


def form_for(ask: Ask, choice: str) -> Form | None:
    """The form that a FORM button of this ask opens; None: this choice needs none."""
    token = Token(verb=Verb.FORM, subject_id=ask.ask_id, revision=ask.revision, choice=choice)
    match choice, ask.subject:
        case "revise", PlanSubject(plan=plan):
            steps = steps_text(plan)
            fits = units(steps) <= PREFILL_CHARS
            edit = TextField(name="steps", label=phrases.STEPS_LABEL, value=steps, multiline=True)
            wish = TextField(name="note", label=phrases.INSTRUCTION, multiline=True, required=not fits)
            fields = (edit, wish) if fits else (wish,)
            intro = "" if fits else phrases.PLAN_TOO_LONG
            return Form(token=token, title=phrases.EDIT_TITLE, fields=fields, intro=intro)
        case "answer", QuestionSubject():
            answer = TextField(name="note", label=phrases.ANSWER_LABEL, multiline=True)
            intro = clip(one_line(spoken(Text(ask.prompt))), 1_000)
            return Form(token=token, title=phrases.ANSWER_TITLE, fields=(answer, _files()), intro=intro)
        case "deny", CallSubject(summary=summary):
            reason = TextField(name="note", label=phrases.REASON, hint=phrases.REASON_HINT, required=False)
            intro = clip(one_line(reveal(summary)), 1_000)
            return Form(token=token, title=phrases.DENY_TITLE, fields=(reason,), intro=intro, submit=phrases.DENY)
        case _:
            return None


def new_form() -> Form:
    """A task from nowhere in particular."""
    token = Token(verb=Verb.NEW, subject_id="task")
    wish = TextField(name="note", label=phrases.NEW_LABEL, hint=phrases.NEW_HINT, multiline=True)
    return Form(token=token, title=phrases.NEW_TITLE, fields=(wish, _files(phrases.FILES)))


def steer_form(task_id: str) -> Form:
    """An instruction for a task that runs."""
    return _instruction(Token(verb=Verb.STEER, subject_id=task_id), phrases.STEER_TITLE, phrases.INSTRUCTION_HINT)


def change_form(task_id: str) -> Form:
    """A follow-up to a finished task."""
    return _instruction(Token(verb=Verb.CHANGE, subject_id=task_id), phrases.CHANGE_TITLE, "")


def note_from(ask: Ask, values: Mapping[str, FormValue]) -> str:
    """What a sent form says, as the `note` of an Answer: an edited plan is given whole, an unchanged one not at all."""
    note = _text(values, "note")
    steps = _text(values, "steps")
    if isinstance(ask.subject, PlanSubject) and steps and steps != steps_text(ask.subject.plan):
        return "\n\n".join(part for part in (f"{phrases.NEW_STEPS}\n{steps}", note) if part)
    return note


def steps_text(plan: Plan) -> str:
    """The steps of a plan, one per line."""
    return "\n".join(one_line(step.title) for step in plan.steps)


def _instruction(token: Token, title: str, hint: str) -> Form:
    wish = TextField(name="note", label=phrases.INSTRUCTION, hint=hint, multiline=True)
    return Form(token=token, title=title, fields=(wish, _files()))


def _files(label: str = phrases.MORE_FILES) -> FilesField:
    return FilesField(name="files", label=label)


def _text(values: Mapping[str, FormValue], name: str) -> str:
    value = values.get(name, "")
    return value.strip() if isinstance(value, str) else ""
