"""What people see of a task, an ask and a result."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.domain.asks import Answer, Ask, Risk
from agent.domain.events import (
    AskAnswered,
    AskOpened,
    PlanProposed,
    StepFinished,
    TaskCancelled,
    TaskFailed,
    TaskFinished,
    TaskPaused,
    TaskResumed,
)
from agent.domain.files import ChartExcerpt, ChartSeries, TableExcerpt
from agent.domain.task import Plan, Step
from agent.domain.view import fold
from bot.cards import Card, CardKind, CardState, Moment, Note, Person, Steps, Verb
from bot.discord import components
from bot.fit import plain
from bot.forms import change_form, form_for, note_from, steer_form
from bot.render import card_for_ask, result_card, status_card
from bot.slack import blocks
from bot.slack.native import NATIVE
from bot.terminal.show import block_lines
from tests.surfaces.examples import (
    ASKS,
    NOW,
    PLAN,
    asked,
    call_ask,
    changes_ask,
    chart,
    decided,
    excerpt,
    expired,
    finished,
    plan_ask,
    question_ask,
    view,
    working,
)
from tests.surfaces.limits import discord_faults, slack_faults


def pending(asking: Ask) -> Card:
    return card_for_ask(asking, asked(asking))


def labels(card: Card) -> list[str]:
    return [action.label for action in card.actions]


def native(card: Card, kind: str) -> list[dict[str, Any]]:
    """Blocks of this kind on the card in a Slack that has all of them."""
    return [block for block in blocks.render_card(card, native=NATIVE).card["blocks"] if block["type"] == kind]


def valid(card: Card) -> bool:
    rendered = components.render_card(card)
    files = tuple(a.name for a in rendered.overflow) + tuple(u.name for u in rendered.uploads)
    faults = [*slack_faults(dict(blocks.render_card(card).card)), *discord_faults(dict(rendered.card), files=files)]
    return not faults


@pytest.mark.parametrize("name", ASKS)
def test_every_kind_of_ask_is_valid_open_decided_and_expired(name: str) -> None:
    asking = ASKS[name]
    choice = asking.choices[0].value
    for seen in (asked(asking), decided(asking, choice, note="because"), expired(asking)):
        assert valid(card_for_ask(asking, seen))


def test_a_plan_shows_all_that_will_happen_and_three_buttons() -> None:
    card = pending(plan_ask())
    text = plain(card)
    for expected in ("1. Read the 14 receipts", "Build the workbook (new)", "outputs/expenses.xlsx", "xlsx", "$0.40"):
        assert expected in text
    assert "finance@example.com" in text
    assert labels(card) == ["Approve", "Edit", "Reject"]
    assert [action.token.verb for action in card.actions] == [Verb.ANSWER, Verb.FORM, Verb.ANSWER]
    assert {(action.token.subject_id, action.token.revision) for action in card.actions} == {("a_00001", 3)}


def test_a_decided_plan_has_no_buttons_and_says_who_and_when() -> None:
    card = card_for_ask(plan_ask(), decided(plan_ask(), "approve"))
    assert (card.actions, card.selects, card.state) == ((), (), CardState.DONE)
    last = card.blocks[-1]
    assert isinstance(last, Note)
    assert Person("slack:T1:U0ADA") in last.parts
    assert "Approved by U0ADA, 2026-11-22 14:37 UTC" in plain(card)


def test_a_rejection_shows_its_reason() -> None:
    card = card_for_ask(plan_ask(), decided(plan_ask(), "reject", note="too dear"))
    assert card.state is CardState.STOPPED
    assert "Rejected by" in plain(card)
    assert "too dear" in plain(card)


def test_an_expired_ask_says_so_without_buttons() -> None:
    card = card_for_ask(plan_ask(), expired(plan_ask()))
    assert card.actions == ()
    assert "Nobody decided in time" in plain(card)


@pytest.mark.promise("exact-card")
def test_an_approval_shows_every_argument_exactly() -> None:
    arguments: dict[str, Any] = {
        "to": ["ada@example.com", "b@example.com"],
        "subject": "  spaces count ",
        "body": "line 1\nline 2 `code` <!channel>",
        "count": 3,
        "flag": None,
    }
    text = plain(pending(call_ask(arguments)))
    for expected in (
        "b@example.com",
        '"  spaces count "',
        "line 1\nline 2 `code` <!channel>",
        "count: 3",
        "flag: null",
    ):
        assert expected in text


def test_invisible_characters_in_arguments_are_made_visible() -> None:
    text = plain(pending(call_ask({"file": "abc\u202egpj.exe", "host": "exa\u200bmple.com", "json": ["\u2066"]})))
    assert "abc\\u202egpj.exe" in text
    assert "exa\\u200bmple.com" in text
    assert "\\u2066" in text


@pytest.mark.parametrize("render", [blocks.render_card, components.render_card], ids=["slack", "discord"])
def test_arguments_that_do_not_fit_are_complete_in_the_attachment(render: Any) -> None:
    body = "\n".join(f"line {n}" for n in range(5_000))
    rendered = render(pending(call_ask({"to": "ada@example.com", "body": body})))
    attachment = next(a for a in rendered.overflow if a.name == "arguments.txt")
    assert body in attachment.text
    assert "ada@example.com" in attachment.text
    assert "arguments.txt" in str(rendered.card)
    assert "ada@example.com" in str(rendered.card)


def test_wider_permissions_print_their_pattern_on_the_button() -> None:
    card = pending(call_ask({}, pattern="mail_send(*@example.com)"))
    assert labels(card) == [
        "Allow once",
        "Allow mail_send(*@example.com) for this task",
        "Always allow mail_send(*@example.com) here",
        "Deny",
    ]
    assert [bool(action.confirm) for action in card.actions] == [False, False, True, False]


def test_a_pattern_too_long_for_a_button_stands_whole_in_the_card() -> None:
    pattern = "Bash(" + "very-long-command " * 8 + "*)"
    card = pending(call_ask({}, pattern=pattern))
    assert pattern in plain(card)
    assert labels(card)[1:3] == ["Allow this pattern for this task", "Always allow this pattern here"]


def test_without_a_pattern_only_once_is_offered() -> None:
    assert labels(pending(call_ask({}))) == ["Allow once", "Deny"]


def test_high_risk_is_told_to_need_buttons_and_medium_risk_takes_words() -> None:
    assert "Only the buttons count" in plain(pending(call_ask({}, risk=Risk.HIGH)))
    assert "reply yes or no" in plain(pending(call_ask({}, risk=Risk.MEDIUM)))


def test_few_answers_are_buttons_and_many_are_a_list() -> None:
    few, many = pending(question_ask(("2025", "2026"))), pending(question_ask(tuple(map(str, range(30)))))
    assert labels(few) == ["2025", "2026", "Answer in my words"]
    assert [len(select.options) for select in many.selects] == [25]
    assert labels(many) == ["Answer in my words"]
    assert "30. 29" in plain(many)


def test_the_answer_that_was_picked_is_shown() -> None:
    asking = question_ask(("2025", "2026"))
    assert "“2026”" in plain(card_for_ask(asking, decided(asking, "option2")))


def test_changes_list_deletions_first_and_offer_a_review() -> None:
    card = pending(changes_ask())
    text = plain(card)
    assert "3 files: 1 deleted, 1 moved and 1 new" in text
    assert text.index("old.txt") < text.index("2026/b.txt, 30 bytes (moved from inputs/b.txt)") < text.index("new.txt")
    assert labels(card) == ["Apply", "Review", "Discard"]


def test_a_running_task_shows_steps_what_happens_now_and_its_controls() -> None:
    card = status_card(working())
    text = plain(card)
    for expected in ("✓ 1. Read the 14 receipts", "▶ 2. Build the workbook", "▶ Builds the workbook", "$0.12"):
        assert expected in text
    assert labels(card) == ["Steer", "Pause", "Stop"]
    assert valid(card)


def test_a_waiting_task_names_whom_it_waits_for() -> None:
    assert "Waiting for a decision: U0ADA." in plain(status_card(asked(plan_ask())))


def test_nothing_on_a_paused_card_looks_as_if_it_ran() -> None:
    stopped = working()
    pause = TaskPaused(task_id="t_00001", seq=stopped.seq + 1, at=NOW, by="x", reason="As you said.")
    paused = status_card(fold((pause,), stopped))
    lists = [block for block in paused.blocks if isinstance(block, Steps)]
    assert "running" not in [item.status for steps in lists for item in steps.items]
    assert "Just now" not in [steps.label for steps in lists]
    at_work = [block for block in status_card(working()).blocks if isinstance(block, Steps)]
    assert "running" in [item.status for steps in at_work for item in steps.items]


def test_a_paused_task_can_be_resumed() -> None:
    card = status_card(view(TaskPaused(task_id="t_00001", at=NOW, by="x", reason="An ask expired.")))
    assert labels(card) == ["Resume", "Stop"]
    assert "An ask expired." in plain(card)


def test_an_ended_task_keeps_one_quiet_line_that_says_how_long_it_took() -> None:
    card = status_card(finished(worked=timedelta(seconds=12)))
    assert (card.title, card.quiet, card.actions) == ("Done in 12 s · 2 steps", True, ())
    assert status_card(working()).quiet is False
    slack = blocks.render_card(card, native=NATIVE).card["blocks"]
    assert [(block["type"], block.get("title")) for block in slack] == [("plan", card.title)]
    assert [task["status"] for task in slack[0]["tasks"]] == ["complete", "complete"]
    older = blocks.render_card(card).card["blocks"]
    assert (older[0]["type"], older[0]["elements"][0]["text"]) == ("context", card.title)
    assert f"-# {card.title}" in str(components.render_card(card).card)
    assert valid(card)


def test_time_spent_waiting_for_people_is_not_time_worked() -> None:
    hour = timedelta(hours=1)
    told = {"task_id": "t_00001", "at": NOW + hour}
    answer = Answer(ask_id="a_00001", revision=3, choice="approve", by="x", at=NOW + hour, via="button")
    opened, answered = AskOpened(task_id="t_00001", at=NOW, ask=plan_ask()), AskAnswered(**told, answer=answer)
    paused, resumed = TaskPaused(**told, by="x"), TaskResumed(task_id="t_00001", at=NOW + 3 * hour, by="x")
    ended = TaskFinished(task_id="t_00001", at=NOW + 3 * hour + timedelta(seconds=65), text="Done.")
    assert status_card(view(opened, answered, paused, resumed, ended)).title == "Done in 1 min 5 s"


@pytest.mark.parametrize(
    ("marked", "title", "shown"),
    [
        ((), "Done in less than 1 s · 2 steps planned", ("unreported", "unreported")),
        ((2,), "Done in less than 1 s · 1 of 2 steps reported", ("unreported", "done")),
        ((1, 2), "Done in less than 1 s · 2 steps", ("done", "done")),
    ],
)
def test_steps_that_were_never_reported_look_neither_open_nor_done(
    marked: tuple[int, ...], title: str, shown: tuple[str, ...]
) -> None:
    told = {"task_id": "t_00001", "at": NOW}
    done = [StepFinished(**told, number=number) for number in marked]
    card = status_card(view(PlanProposed(**told, plan=PLAN), *done, TaskFinished(**told, text="Here it is.")))
    (steps,) = (block for block in card.blocks if isinstance(block, Steps))
    assert (card.title, tuple(item.status for item in steps.items)) == (title, shown)
    drawn = str(blocks.render_card(card, native=NATIVE).card["blocks"])
    assert ("'pending'" in drawn, "(not reported)" in drawn) == (False, "unreported" in shown)
    assert valid(card)


def test_a_stopped_task_keeps_its_unbegun_steps_open() -> None:
    told = {"task_id": "t_00001", "at": NOW}
    card = status_card(view(PlanProposed(**told, plan=PLAN), TaskCancelled(**told, by="x", reason="Stopped.")))
    assert card.title == "Stopped after less than 1 s · 2 steps planned"
    assert "not reported" not in plain(card)


def test_a_result_shows_outcome_files_and_checks() -> None:
    card = result_card(finished())
    text = plain(card)
    assert "Total: **$512.30**" in text
    assert "expenses 0.xlsx, 12 KB (Expense report)" in text
    assert "totals agree with the receipts" in text
    assert labels(card) == ["Change something", "Undo"]
    assert valid(card)


def test_a_result_with_many_checks_stays_short_and_offers_the_details() -> None:
    card = result_card(finished(files=8))
    assert len([block for block in card.blocks if isinstance(block, Note)]) <= 6
    assert "12 more checks" in plain(card)
    assert labels(card) == ["Change something", "Details", "Undo"]
    assert valid(card)


def test_a_delivered_table_begins_below_its_file_on_every_surface() -> None:
    card = result_card(finished(table=excerpt(4)))
    assert "expenses 0.xlsx, sheet May:\nName    Sum" in plain(card)
    assert "… 3,996 more (in expenses 0.xlsx)" in plain(card)
    drawn = blocks.render_card(card, native=NATIVE)
    (table,) = (block for block in drawn.card["blocks"] if block["type"] == "table")
    assert [cell["text"] for cell in table["rows"][1]] == ["name 0", "0"]
    assert "name 3" in str(components.render_card(card).card)
    assert (drawn.overflow, components.render_card(card).overflow) == ((), ())
    assert valid(card)


def test_a_long_table_can_be_sorted_in_slack_and_is_short_where_it_cannot() -> None:
    card = result_card(finished(table=excerpt(100)))
    drawn = blocks.render_card(card, native=NATIVE)
    (table,) = (block for block in drawn.card["blocks"] if block["type"] == "data_table")
    assert (table["caption"], len(table["rows"])) == ("expenses 0.xlsx, sheet May", 101)
    assert table["rows"][5][1] == {"type": "raw_number", "value": 4.0, "text": "4"}
    older = blocks.render_card(card)
    (table,) = (block for block in older.card["blocks"] if block["type"] == "table")
    assert len(table["rows"]) == 11
    assert "… 3,990 more (in expenses 0.xlsx)" in str(older.card)
    assert (drawn.overflow, older.overflow, components.render_card(card).overflow) == ((), (), ())
    assert [line for block in card.blocks for line in block_lines(block)].count(
        "… 3,990 more (in expenses 0.xlsx)"
    ) == 1
    assert valid(card)


def test_a_table_too_wide_for_its_surface_says_where_it_is_whole() -> None:
    header = tuple(f"Column {n}" for n in range(20))
    wide = TableExcerpt(header=header, rows=(header,), rows_total=1, columns_total=20)
    drawn = blocks.render_card(result_card(finished(table=wide)))
    assert "… in full in expenses 0.xlsx" in str(drawn.card)
    assert drawn.overflow == ()


def test_a_chart_of_a_delivered_workbook_is_drawn_where_slack_can_and_in_bars_elsewhere() -> None:
    card = result_card(finished(chart=chart("pie", (("May", (10.0, 5.5)),))))
    (drawn,) = (
        block
        for block in blocks.render_card(card, native=NATIVE).card["blocks"]
        if block["type"] == "data_visualization"
    )
    assert (drawn["title"], drawn["chart"]) == (
        "Money",
        {"type": "pie", "segments": [{"label": "In", "value": 10.0}, {"label": "Out", "value": 5.5}]},
    )
    bars = f"In   {'█' * 20} 10\nOut  {'█' * 11} 5.5"
    assert bars in plain(card)
    assert bars.replace("\n", "\\n") in json.dumps(blocks.render_card(card).card, ensure_ascii=False)
    assert bars in components.render_card(card).card["components"][0]["components"][0]["content"]
    assert valid(card)


def test_a_chart_of_several_series_has_axes_in_slack_and_is_a_table_elsewhere() -> None:
    card = result_card(finished(chart=chart("line", (("May", (10.0, -5.5)), ("June", (1.0, 2_000.0))))))
    (drawn,) = (
        block
        for block in blocks.render_card(card, native=NATIVE).card["blocks"]
        if block["type"] == "data_visualization"
    )
    assert drawn["chart"]["axis_config"] == {"categories": ["In", "Out"]}
    assert [series["name"] for series in drawn["chart"]["series"]] == ["May", "June"]
    assert "     May   June\n---  ----  -----\nIn   10    1\nOut  -5.5  2,000" in plain(card)


def test_a_chart_whose_labels_slack_cannot_tell_apart_is_shown_in_text() -> None:
    long = "Revenue of the northern branch"
    same = ChartExcerpt(
        kind="bar", labels=(f"{long} A", f"{long} B"), series=(ChartSeries(name="May", values=(1.0, 2.0)),)
    )
    kinds = [
        block["type"] for block in blocks.render_card(result_card(finished(chart=same)), native=NATIVE).card["blocks"]
    ]
    assert "data_visualization" not in kinds


def test_a_result_can_be_judged_where_the_surface_has_thumbs_of_its_own() -> None:
    card = result_card(finished(), feedback=True)
    assert labels(card) == ["Change something", "Undo", "Good result", "Not what I wanted"]
    drawn = blocks.render_card(card, native=NATIVE).card["blocks"]
    assert [block["type"] for block in drawn[-2:]] == ["actions", "context_actions"]
    assert valid(card)


def test_a_failure_says_why_and_what_to_do() -> None:
    failed = TaskFailed(task_id="t_00001", at=NOW, reason="The model refused the key.", next_step="Ask an admin.")
    card = result_card(view(failed))
    assert (card.kind, card.state) == (CardKind.FAILURE, CardState.FAILED)
    assert "The model refused the key." in plain(card)
    assert "Next: Ask an admin." in plain(card)
    assert labels(card) == ["Try again", "Details"]


def test_a_stopped_task_is_no_failure() -> None:
    card = result_card(view(TaskCancelled(task_id="t_00001", at=NOW, by="slack:T1:U0ADA", reason="Stopped.")))
    assert (card.kind, card.state) == (CardKind.NOTICE, CardState.STOPPED)


def test_editing_a_plan_starts_with_its_steps_and_sends_what_changed() -> None:
    form = form_for(plan_ask(), "revise")
    assert form is not None
    assert [field.name for field in form.fields] == ["steps", "note"]
    same = {"steps": "Read the 14 receipts\nBuild the workbook", "note": " use euros "}
    assert note_from(plan_ask(), same) == "use euros"
    edited = note_from(plan_ask(), {"steps": "Only read", "note": ""})
    assert edited == "The steps should be:\nOnly read"


def test_a_plan_too_long_to_edit_asks_for_words_instead() -> None:
    steps = tuple(Step(number=n, title="x" * 100) for n in range(1, 60))
    form = form_for(plan_ask(Plan(revision=1, steps=steps)), "revise")
    assert form is not None
    assert [field.name for field in form.fields] == ["note"]
    assert form.intro


def test_forms_exist_for_answers_steering_and_follow_ups_only() -> None:
    assert form_for(question_ask(()), "answer") is not None
    assert form_for(plan_ask(), "approve") is None
    assert (steer_form("t_1").token.verb, change_form("t_1").token.verb) == (Verb.STEER, Verb.CHANGE)


def test_people_and_times_are_the_platforms_own() -> None:
    card = pending(plan_ask(PLAN))
    assert "<@U0ADA>" in str(blocks.render_card(card).card)
    assert f"<!date^{int(card_time(card).at.timestamp())}^" in str(blocks.render_card(card).card)
    assert f"<t:{int(card_time(card).at.timestamp())}:f>" in str(components.render_card(card).card)


def card_time(card: Card) -> Moment:
    last = card.blocks[-1]
    assert isinstance(last, Note)
    return next(part for part in last.parts if isinstance(part, Moment))


@pytest.mark.parametrize(
    ("prompt", "line"),
    [
        ("Which **year** is `meant`?", "I have a question: Which year is meant?"),
        ("I have a question", "I have a question"),
    ],
)
def test_a_notification_has_no_signs_of_markdown_and_says_nothing_twice(prompt: str, line: str) -> None:
    assert pending(replace(question_ask(()), prompt=prompt)).fallback == line
