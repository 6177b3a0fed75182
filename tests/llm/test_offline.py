"""The offline model leads a whole task with ready-made skills, and says what it cannot do."""

from __future__ import annotations

import json

import pytest

from agent.domain.blocks import text_of, tool_uses
from agent.domain.errors import Bug
from agent.llm.offline import OfflineLlm
from agent.ports.llm import Message, ModelInfo, TokenUse
from tests.llm.talks import APPROVED, NO_APPROVAL, PREFIX, Shelf, Talk, planned, revise, skill, wrote

BREW = skill(
    "brew-tea",
    "Brews leaves into a pot of tea with a timer sheet. Use when people ask to brew, steep or infuse leaves. "
    "German: Tee aufgießen, Blätter.",
    inputs="leaf,txt",
    label="Brew a pot of tea",
)
PRESS = skill(
    "press-juice",
    "Presses fruit into juice and lists what was pressed. Use when people ask to press or squeeze fruit. "
    "German: Obst auspressen, Saft.",
    inputs="fruit",
    label="Press juice",
)
STACK = skill(
    "stack-crates",
    "Stacks everything in a cellar by size. Use when people ask to stack, pile or order a cellar.",
    inputs="folder",
    label="Stack a cellar",
)
MANUAL = skill("taste-test", "Judges taste.", run="")
SHELF = Shelf((BREW, MANUAL, PRESS, STACK))
DONE = {
    "files": ["outputs/pot.txt", "outputs/timer.txt"],
    "summary": ["Two pots were brewed", "A timer sheet is beside them."],
    "assumptions": ["green tea steeps three minutes"],
    "doubts": ["one leaf is of unknown kind"],
}
RUN = json.dumps(DONE)


def brew(request: str = "Brew these leaves", files: tuple[str, ...] = ("inputs/oolong.leaf",)) -> Talk:
    return Talk(SHELF, request, files)


async def approved(talk: Talk) -> Talk:
    """The talk up to the run that waits for its result."""
    await talk.next()
    talk.back(planned("Sort", "Brew"))
    await talk.next()
    talk.back(APPROVED)
    assert (await talk.calls())[-1][1]["mode"] == "run"
    return talk


async def test_a_request_is_planned_approved_run_delivered_and_reported() -> None:
    talk = brew()
    job = {"name": "brew-tea", "request": "Brew these leaves", "inputs": ["inputs/oolong.leaf"]}
    assert await talk.calls() == [("skill", {**job, "mode": "plan"})]
    talk.back(planned("Sort 1 leaf", "Brew", files=["outputs/pot.txt"], note="Uses one pot"))
    ((tool, plan),) = await talk.calls()
    assert (tool, plan["steps"], plan["files"]) == ("plan", ["Sort 1 leaf", "Brew"], ["outputs/pot.txt"])
    assert plan["note"].startswith("Uses one pot. ")
    assert "Offline model" in plan["note"]
    talk.back(APPROVED)
    assert await talk.calls() == [("plan", {"doing": 1}), ("skill", {**job, "mode": "run"})]
    talk.back("Noted.", RUN)
    assert await talk.calls() == [
        ("plan", {"done": [1, 2]}),
        ("deliver", {"path": "outputs/pot.txt"}),
        ("deliver", {"path": "outputs/timer.txt"}),
    ]
    talk.back(
        "Noted.",
        "Delivered outputs/pot.txt (5 bytes). Checks:\n- opens as text",
        "Delivered outputs/timer.txt (5 bytes). Checks:\n- opens as text\n- 3 lines",
    )
    assert (await talk.text()).splitlines() == [
        "Two pots were brewed. A timer sheet is beside them.",
        "Assumed: green tea steeps three minutes.",
        "Doubts: one leaf is of unknown kind; no language model read the files or the result, so look it over.",
    ]


async def test_a_plan_that_needs_no_approval_is_run_at_once() -> None:
    talk = brew()
    await talk.next()
    await talk.back(planned("Brew")).next()
    assert (await talk.back(NO_APPROVAL).calls())[-1][1]["mode"] == "run"


async def test_it_costs_nothing_and_knows_no_context_limit() -> None:
    llm = OfflineLlm(SHELF)
    assert (await brew().next()).use == TokenUse()
    assert await llm.info("offline") == ModelInfo(model="offline", context_tokens=None, label="offline")
    await llm.close()


async def test_a_request_the_service_would_refuse_is_a_bug() -> None:
    with pytest.raises(Bug):
        await OfflineLlm(SHELF).respond(PREFIX, [Message("user", ())])


@pytest.mark.parametrize(
    "request_text", ["Hi there!", "What is the capital of Peru?", "Paint my house blue", "How many leaves are in it?"]
)
async def test_a_request_without_a_fitting_skill_gets_the_honest_text(request_text: str) -> None:
    text = await brew(request_text).text()
    assert "I am Gofer's offline model: I have no language model behind me" in text
    assert "Brew a pot of tea · Press juice · Stack a cellar" in text
    assert "ANTHROPIC_API_KEY" in text
    assert len(text.splitlines()) <= 5


async def test_a_fitting_skill_without_its_kind_of_file_is_not_run() -> None:
    text = await Talk(SHELF, "Press the fruit", ["inputs/oolong.leaf"]).text()
    assert "The nearest is the skill press-juice, but it takes .fruit, and there is only oolong.leaf." in text
    text = await Talk(SHELF, "Press the fruit").text()
    assert "there is no file here" in text


async def test_files_of_other_kinds_are_left_aside_and_the_plan_says_so() -> None:
    talk = brew(files=("inputs/oolong.leaf", "inputs/cup.png"))
    assert (await talk.calls())[0][1]["inputs"] == ["inputs/oolong.leaf"]
    ((_, plan),) = await talk.back(planned("Brew")).calls()
    assert "Left aside, the skill does not take it: cup.png." in plan["note"]


async def test_two_skills_that_fit_alike_are_a_question_and_the_answer_decides() -> None:
    talk = Talk(SHELF, "Brew the leaves, press the fruit", ["inputs/a.leaf", "inputs/b.fruit"])
    ((tool, question),) = await talk.calls()
    assert tool == "ask"
    assert sorted(question["options"][:2]) == ["Brew a pot of tea", "Press juice"]
    assert question["options"][-1] == "None of these"
    talk.back("The person answered: Press juice")
    assert [(c[0], c[1]["name"], c[1]["inputs"]) for c in await talk.calls()] == [
        ("skill", "press-juice", ["inputs/b.fruit"])
    ]


async def test_an_answer_in_ones_own_words_counts_as_well() -> None:
    talk = Talk(SHELF, "Brew the leaves, press the fruit", ["inputs/a.leaf", "inputs/b.fruit"])
    await talk.next()
    ((_, call),) = await talk.back("The person answered: squeeze the fruit, thanks").calls()
    assert call["name"] == "press-juice"
    assert call["request"] == talk.request


async def test_none_of_these_is_taken_at_its_word() -> None:
    talk = Talk(SHELF, "Brew the leaves, press the fruit", ["inputs/a.leaf", "inputs/b.fruit"])
    await talk.next()
    assert "None of them fits" in await talk.back("The person answered: None of these").text()


@pytest.mark.parametrize("words", ["use press-juice on it", "Use the skill press-juice. Do something nice with it"])
async def test_a_skill_that_is_named_wins(words: str) -> None:
    talk = Talk(SHELF, words, ["inputs/a.leaf", "inputs/b.fruit"])
    assert (await talk.calls())[0][1]["name"] == "press-juice"


async def test_a_named_skill_that_does_not_exist_or_has_no_script_is_said() -> None:
    assert "There is no skill “fly-kite”" in await brew("Use the skill fly-kite. Go").text()
    assert "taste-test has no script" in await brew("Use the skill taste-test. Go").text()


async def test_a_refusal_of_the_skill_is_told_with_its_reason() -> None:
    talk = brew()
    await talk.next()
    talk.back(json.dumps({"refuse": "The leaves are wet; dry them first."}), failed=[0])
    assert await talk.text() == "The skill brew-tea cannot do this: The leaves are wet; dry them first."


async def test_a_refusal_while_running_is_told_with_its_reason() -> None:
    talk = await approved(brew())
    talk.back("Noted.", json.dumps({"refuse": "The pot is cracked."}), failed=[1])
    assert "The pot is cracked." in await talk.text()


@pytest.mark.parametrize("garbled", ["", "{", "[]", "{}", '{"steps": "all"}', '{"steps": [1, null, ""]}', "ok\n"])
async def test_a_plan_that_cannot_be_read_ends_honestly(garbled: str) -> None:
    talk = brew()
    await talk.next()
    text = await talk.back(garbled or "(nothing)").text()
    assert "The skill brew-tea gave no plan that I can read" in text


@pytest.mark.parametrize("garbled", ["(nothing)", "{}", '{"files": 3, "summary": {"a": 1}}'])
async def test_a_result_that_cannot_be_read_ends_honestly(garbled: str) -> None:
    talk = await approved(brew())
    assert "gave no result that I can read" in await talk.back("Noted.", garbled).text()


async def test_a_skill_that_crashes_ends_the_task_with_what_it_said() -> None:
    talk = await approved(brew())
    text = await talk.back("Noted.", "The skill brew-tea stopped with code 1: KeyError: 'x'", failed=[1]).text()
    assert "stopped with code 1" in text


async def test_a_lost_sandbox_is_tried_again_and_not_for_ever() -> None:
    lost = "Interrupted: the sandbox was lost while this ran, and everything it did there is gone."
    talk = await approved(brew())
    for _ in range(2):
        assert (await talk.back("Noted.", lost, failed=[1]).calls())[-1][1]["mode"] == "run"
    assert "the sandbox was lost" in await talk.back("Noted.", lost, failed=[1]).text()


async def test_a_file_that_fails_its_checks_is_said_in_the_end() -> None:
    talk = await approved(brew())
    await talk.back("Noted.", RUN).next()
    bad = "Not delivered, outputs/pot.txt did not pass:\n- opens: it is empty"
    good = "Delivered outputs/timer.txt (5 bytes). Checks:\n- opens as text"
    lines = (await talk.back("Noted.", bad, good, failed=[1]).text()).splitlines()
    assert lines[1] == "Not handed over: outputs/pot.txt (opens: it is empty)."
    assert len(lines) == 4


async def test_when_no_file_passes_its_checks_the_work_counts_as_not_done() -> None:
    talk = await approved(brew())
    await talk.back("Noted.", RUN).next()
    bad = "Not delivered, it did not pass:\n- opens: it is empty"
    assert "Not handed over: outputs/pot.txt" in await talk.back("Noted.", bad, bad, failed=[1, 2]).unable()


@pytest.mark.parametrize(("request_text", "done"), [("hello", True), ("What can you do?", True), ("Sing it", False)])
async def test_only_what_asks_about_gofer_itself_ends_well_without_a_skill(request_text: str, done: bool) -> None:
    assert (await Talk(SHELF, request_text).unable() == "") is done


async def test_a_result_without_files_is_reported() -> None:
    talk = await approved(brew())
    talk.back("Noted.", json.dumps({"files": [], "summary": ["Nothing had to be brewed"]}))
    assert (await talk.text()).startswith("Nothing had to be brewed.\nDoubts: ")


async def test_only_and_without_a_file_change_the_plan() -> None:
    talk = brew(files=("inputs/assam.leaf", "inputs/oolong.leaf", "inputs/sencha.leaf"))
    await talk.next()
    await talk.back(planned("Brew 3")).next()
    assert (await talk.back(revise("without sencha.leaf please")).calls())[0][1]["inputs"] == [
        "inputs/assam.leaf",
        "inputs/oolong.leaf",
    ]
    ((tool, plan),) = await talk.back(planned("Brew 2")).calls()
    assert (tool, plan["steps"]) == ("plan", ["Brew 2"])
    assert "Done as you wrote: “without sencha.leaf please”." in plan["note"]
    assert (await talk.back(revise("no, only assam")).calls())[0][1]["inputs"] == ["inputs/assam.leaf"]
    await talk.back(planned("Brew 1")).next()
    assert (await talk.back(APPROVED).calls())[-1][1] == {
        "name": "brew-tea",
        "mode": "run",
        "request": "Brew these leaves",
        "inputs": ["inputs/assam.leaf"],
    }


async def test_another_skill_named_in_a_revision_is_taken() -> None:
    talk = brew(files=("inputs/a.leaf", "inputs/b.fruit"))
    await talk.next()
    await talk.back(planned("Brew")).next()
    ((_, call),) = await talk.back(revise("press juice instead")).calls()
    assert (call["name"], call["inputs"]) == ("press-juice", ["inputs/b.fruit"])
    ((_, plan),) = await talk.back(planned("Press")).calls()
    assert "Changed to the skill press-juice, as you wrote." in plan["note"]


async def test_free_words_go_to_the_skill_and_the_plan_tells_what_came_of_them() -> None:
    talk = brew()
    await talk.next()
    await talk.back(planned("Brew")).next()
    ((_, call),) = await talk.back(revise("make it stronger")).calls()
    assert call["request"] == "Brew these leaves\nmake it stronger"
    ((_, plan),) = await talk.back(planned("Brew")).calls()
    assert "I could not follow “make it stronger”: the offline model does not understand free text" in plan["note"]
    await talk.back(revise("for ten minutes")).next()
    ((_, plan),) = await talk.back(planned("Brew for ten minutes")).calls()
    assert "I handed “for ten minutes” to the skill as it is" in plan["note"]
    assert "make it stronger" not in plan["note"]


async def test_leaving_out_a_step_is_not_possible_and_the_plan_says_so() -> None:
    talk = brew()
    await talk.next()
    await talk.back(planned("Sort", "Brew")).next()
    ((tool, plan),) = await talk.back(revise("skip step 1")).calls()
    assert (tool, plan["steps"]) == ("plan", ["Sort", "Brew"])
    assert "Single steps cannot be left out" in plan["note"]


async def test_an_edit_without_words_is_asked_back() -> None:
    talk = brew(files=("inputs/a.leaf", "inputs/b.leaf"))
    await talk.next()
    await talk.back(planned("Brew")).next()
    ((tool, question),) = await talk.back(revise("They want changes but did not say which; ask.")).calls()
    assert (tool, question["options"]) == ("ask", [])
    ((_, call),) = await talk.back("The person answered: only b.leaf").calls()
    assert call["inputs"] == ["inputs/b.leaf"]


async def test_words_while_it_works_are_acknowledged_and_not_followed() -> None:
    talk = await approved(brew())
    reply = await talk.back("Noted.", RUN, said=[wrote("use the blue cups")]).next()
    assert "I cannot follow “use the blue cups”: I am the offline model" in text_of(reply.content)
    assert [use.name for use in tool_uses(reply.content)] == ["plan", "deliver", "deliver"]
    ok = "Delivered x (5 bytes). Checks:\n- fine"
    assert "not followed, I am the offline model: “use the blue cups”" in await talk.back("Noted.", ok, ok).text()


async def test_a_note_added_to_the_approval_is_not_silently_dropped() -> None:
    talk = brew()
    await talk.next()
    await talk.back(planned("Brew")).next()
    await talk.back(f"{APPROVED} They added: and hurry").next()
    talk.back("Noted.", json.dumps({"files": [], "summary": ["Brewed"]}))
    assert "not followed, I am the offline model: “and hurry”" in await talk.text()


async def test_a_note_added_to_the_approval_that_is_understood_makes_a_new_plan() -> None:
    talk = brew(files=("inputs/a.leaf", "inputs/b.leaf"))
    await talk.next()
    await talk.back(planned("Brew 2")).next()
    ((_, call),) = await talk.back(f"{APPROVED} They added: but without b.leaf").calls()
    assert (call["mode"], call["inputs"]) == ("plan", ["inputs/a.leaf"])
    assert (await talk.back(planned("Brew 1")).calls())[0][0] == "plan"


@pytest.mark.parametrize("word", ["stop", "Stop it now, please", "stopp"])
async def test_stop_ends_the_work_wherever_it_is(word: str) -> None:
    talk = brew()
    await talk.next()
    assert await talk.back(planned("Brew"), said=[wrote(word)]).text() == "Stopped, as you said. Nothing was done."
    talk = await approved(brew())
    assert (await talk.back("Noted.", RUN, said=[wrote(word)]).text()).startswith("Stopped, as you said. What was made")


async def test_the_word_stop_inside_a_sentence_or_from_somebody_else_does_not_end_the_work() -> None:
    talk = await approved(brew())
    talk.back("Noted.", RUN, said=[wrote("stop the timer at ten"), "Someone else (web:bo) wrote: stop"])
    assert ("deliver", {"path": "outputs/pot.txt"}) in await talk.calls()


async def test_files_added_before_the_run_are_planned_in() -> None:
    talk = brew()
    await talk.next()
    await talk.back(planned("Brew 1")).next()
    ((_, call),) = await talk.back(APPROVED, said=["Files were added: inputs/b.leaf, inputs/c, d.leaf"]).calls()
    assert (call["mode"], call["inputs"]) == ("plan", ["inputs/oolong.leaf", "inputs/b.leaf", "inputs/c, d.leaf"])


async def test_files_added_after_the_run_are_said_to_be_too_late() -> None:
    talk = await approved(brew())
    talk.back("Noted.", json.dumps({"files": [], "summary": ["Brewed"]}), said=["Files were added: inputs/b.leaf"])
    assert "came too late and is not in it: b.leaf" in await talk.text()


async def test_words_after_the_end_are_answered_with_what_to_do() -> None:
    talk = await approved(brew())
    talk.back("Noted.", json.dumps({"files": [], "summary": ["Brewed"]}))
    await talk.text()
    text = await talk.back(said=[wrote("and now a second pot")]).text()
    assert "I cannot follow “and now a second pot”" in text
    assert "new request in this thread" in text


async def test_after_an_honest_no_a_named_skill_still_starts_the_work() -> None:
    talk = brew("Do your magic")
    await talk.text()
    ((_, call),) = await talk.back(said=[wrote("use brew-tea")]).calls()
    assert call["name"] == "brew-tea"


async def test_a_file_named_in_the_request_is_preferred() -> None:
    files = ("inputs/assam.leaf", "inputs/green-mix.leaf", "outputs/blend.leaf")
    assert (await brew("Brew green-mix.leaf", files).calls())[0][1]["inputs"] == ["inputs/green-mix.leaf"]
    assert (await brew("Brew inputs/assam.leaf only", files).calls())[0][1]["inputs"] == ["inputs/assam.leaf"]


async def test_a_follow_up_works_on_inputs_else_on_outputs() -> None:
    both = ("inputs/assam.leaf", "outputs/blend.leaf")
    assert (await brew("Brew the leaves", both).calls())[0][1]["inputs"] == ["inputs/assam.leaf"]
    assert (await brew("Brew the result", both).calls())[0][1]["inputs"] == ["outputs/blend.leaf"]
    made = ("inputs/cup.png", "outputs/blend.leaf")
    assert (await brew("Brew the leaves", made).calls())[0][1]["inputs"] == ["outputs/blend.leaf"]


async def test_a_skill_for_folders_gets_a_folder() -> None:
    nested = ("inputs/cellar/a.box", "inputs/cellar/deep/b.box")
    assert (await Talk(SHELF, "Stack it", nested).calls())[0][1]["inputs"] == ["inputs/cellar"]
    loose = ("inputs/a.box", "inputs/cellar/b.box")
    assert (await Talk(SHELF, "Stack it", loose).calls())[0][1]["inputs"] == ["inputs"]
    assert (await Talk(SHELF, "Stack the cellar folder", loose).calls())[0][1]["inputs"] == ["inputs/cellar"]


async def test_a_list_that_was_cut_short_is_handed_over_as_its_folder() -> None:
    talk = brew(files=tuple(f"inputs/{n:03}.leaf" for n in range(60)))
    opening = text_of(talk.messages[0].content) + "\n... and 40 more"
    talk.messages[0] = Message("user", ({"type": "text", "text": opening},))
    assert (await talk.calls())[0][1]["inputs"] == ["inputs"]


async def test_material_inside_the_message_becomes_a_file_for_the_skill() -> None:
    talk = Talk(SHELF, "Brew this list please\n- one\n- two: press fruit\n- three")
    (write, call) = await talk.calls()
    assert write == ("write", {"path": "notes/request.md", "content": "- one\n- two: press fruit\n- three"})
    assert (call[1]["name"], call[1]["inputs"]) == ("brew-tea", ["notes/request.md"])
    talk.back("Wrote notes/request.md (30 bytes).", planned("Brew"))
    assert [c[0] for c in await talk.calls()] == ["plan"]


async def test_without_any_runnable_skill_it_says_so() -> None:
    assert "No runnable skill is installed." in await Talk(Shelf((MANUAL,)), "Judge the taste").text()


async def test_words_of_a_request_meet_in_other_forms_and_languages() -> None:
    for request in ("please steep the LEAF", "We need brewing", "Gieße die Blätter auf", "Tee bitte aufgiessen"):
        assert (await brew(request).calls())[0][1]["name"] == "brew-tea", request
