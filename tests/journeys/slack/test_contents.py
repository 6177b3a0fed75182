"""What people hand over: files of all kinds, forwarded and linked messages, and strings that break things."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cases.conversations import CONVERSATIONS
from tests.journeys.brain import say
from tests.journeys.scenarios import COUNT, DELIVER, JOB, POEM
from tests.journeys.slack.driver import Company, SlackChat, company
from tests.journeys.slack.handing import handed_over

CASE = Path(__file__).parents[4] / "shared" / "cases" / "csv-merge-review"
NASTY = [
    "\x00\x01\x07\x08\x0b\x0c\x1b[31m\x7f\x9f",
    "\u202egnitirw desrever\u202c \u2066isolated\u2069 \u200f\u200e",
    "\u200b\u200c\u200d\u2060\ufeff",
    "👩‍👩‍👧‍👦 🏳️‍🌈 🇨🇭 e\u0301\u0327\u0308 " + "z" + "\u0335" * 60,
    "<!channel> <!here> <!everyone> <@U00000001> <#C1|x> <!subteam^S1> @channel @here",
    "&lt;!channel&gt; &amp; <https://example.org|click> <mailto:a@example.org>",
    "*bold* _it_ ~no~ `code` ```\nfence\n``` > quote\n# head\n| a | b |\n|---|---|",
    "[x](javascript:alert(1)) <script>alert(1)</script> ![](http://127.0.0.1/x.png)",
    "'; DROP TABLE task; -- %s %n {0} {{7*7}} ${HOME} $(id) `id` ../../etc/passwd",
    "𝕬𝖇𝖈 Ω≈ç√∫ 田中さん 사회과학원 مرحبا שלום ภาษาไทย",
    ":white_check_mark: :x: /gofer stop <!date^0^{date}|x>",
    "A" * 3_900,
    "\n" * 200 + "end",
    "\u2028\u2029\u0085",
    "NULL nil None undefined true -1 1e309 NaN 0x0",
]


async def test_messages_that_are_forwarded_or_linked_come_with_their_files(work: Company, chat: SlackChat) -> None:
    ann = work.people["ann"]
    other = work.slack.channel(f"other-{chat.channel.name}", members=[ann])
    forwarded = await ann.says(other, "the first half", files=[POEM])
    linked = await ann.says(other, "the second half", files=[("more.txt", b"four five\n")])
    talk = chat.model(COUNT, DELIVER, say("Five words."))
    words = f"{work.slack.mention} count both, see {work.slack.permalink(linked)} {chat.tag}"
    chat.root = await ann.forwards(forwarded, chat.channel, words)
    assert (await chat.files("words.txt"))["words.txt"].split() == [b"5"]
    assert "the first half" in talk.seen[0]
    assert "the second half" in talk.seen[0]


async def test_each_file_that_cannot_be_taken_is_named_to_person_and_model(work: Company, chat: SlackChat) -> None:
    talk = chat.model(say("I had one."))
    big = ("big.bin", bytes(65 * 1024 * 1024))
    await chat.ask("look at these", [POEM, big])
    told = await chat.told("Some files could not be taken")
    assert "big.bin" in told.text
    await chat.card("I had one.")
    assert "big.bin" in talk.seen[0]
    assert "inputs/poem.txt" in talk.seen[0]


async def test_a_login_page_is_not_taken_for_a_file(work: Company, chat: SlackChat) -> None:
    talk = chat.model(say("I had none."))
    root = await chat.ask("look at this", [POEM])
    del work.slack.world.files[root.files[0].file_id]  # from now on Slack gives a page to sign in
    told = await chat.told("Some files could not be taken")
    assert "poem.txt" in told.text
    await chat.card("I had none.")
    assert "poem.txt" in talk.seen[0]
    assert "inputs/poem.txt" not in talk.seen[0]


async def test_no_text_breaks_a_card(work: Company) -> None:
    async with asyncio.TaskGroup() as group:
        for text in NASTY:
            group.create_task(handed_over(work.chat(), text))


@pytest.mark.parametrize("how", ["button", "emoji"])
async def test_tables_are_merged_and_the_grader_agrees(chat: SlackChat, tmp_path: Path, how: str) -> None:
    if not CASE.is_dir():
        pytest.skip("the cases are not beside this repository (shared/cases)")
    conversation = next(c for c in CONVERSATIONS if c.case == "csv-merge-review")
    chat.model(*conversation.script()["turns"])  # type: ignore[arg-type]
    files = [(path.name, path.read_bytes()) for path in sorted((CASE / "input").iterdir())]
    await chat.ask((CASE / "task.md").read_text(encoding="utf-8"), files)
    plan = await chat.card(conversation.steps[0], button="Approve")
    if how == "button":
        await chat.click(plan, "Approve")
    else:
        await chat.react(plan, "+1")
    await chat.card(conversation.words[:40], button="Change something")
    assert len(chat.messages()) <= 5
    brought = await chat.files(*conversation.outputs)
    for name in conversation.outputs:
        (tmp_path / name).write_bytes(brought[name])
    judged = subprocess.run(  # noqa: ASYNC221  nothing else is at work
        [sys.executable, CASE / "grade.py", tmp_path], capture_output=True, text=True, timeout=60, check=False
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr


async def test_it_works_in_a_workspace_without_sessions_streams_and_plan_blocks(tmp_path: Path) -> None:
    lacks = ["agents.sessions", "streams", "suggested_prompts", "plan", "task_card", "data_table"]
    async with company(tmp_path, lacks=lacks) as work:
        chat = work.chat()
        chat.model(*JOB)
        await chat.ask("count the words", [POEM])
        await chat.click(await chat.card("Count", button="Approve"), "Approve")
        await chat.card("Three words.")
        assert list(await chat.files("words.txt")) == ["words.txt"]
        assert len(chat.messages()) <= 5


async def test_the_first_admin_claims_it_in_a_direct_message(tmp_path: Path) -> None:
    async with company(tmp_path, admin=False) as work:
        await work.server.says("claim ")
        code = re.search(r"claim ([0-9a-f]{8})", work.server.log)
        assert code
        chat = work.alone("zoe")
        await work.people["zoe"].says(chat.channel, code[0])
        await chat.told("You are an admin", who="zoe")
