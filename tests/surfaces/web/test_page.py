"""The page in a real browser: what a person sees, presses and drops."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from agent.domain.events import OutputStreamed
from agent.llm.scripted import ScriptedLlm, Turn
from bot.web.html import FOLDER
from tests.kit import OWNER, call, say
from tests.surfaces.web.harness import Site, bell, gate, open_site, serving

pytestmark = pytest.mark.browser

PLAN = call("plan", steps=["Read the file", "Write the result"], files=["outputs/result.txt"])
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
DROP = """
([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name, { type: "text/plain" }));
  for (const kind of ["dragover", "drop"])
    document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
}
"""


@asynccontextmanager
async def signed_in(chromium: Browser, site: Site, *, width: int = 1100, path: str = "") -> AsyncGenerator[Page]:
    """A page that is signed in; nothing may have gone wrong on it at the end."""
    context = await chromium.new_context(viewport={"width": width, "height": 800})
    context.set_default_timeout(5_000)
    page = await context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
    await page.goto(site.link())
    if path:
        await page.goto(f"{site.url}{path}")
    await expect(page.get_by_label("Message", exact=True)).to_be_visible()
    yield page
    assert wrong == []
    await context.close()


async def write(page: Page, text: str) -> None:
    box = page.get_by_label("Message", exact=True)
    await box.fill(text)
    await box.press("Enter")


async def test_a_task_from_dropped_files_to_undo(tmp_path: Path, chromium: Browser) -> None:
    rung: list[str] = []
    turns = iter(
        [
            PLAN,
            call("ask", question="Which **year**?", options=["2025", "2026"]),
            call("ring_bell", who="ana"),
            call("write", path="outputs/result.txt", content="forty-two"),
            call("deliver", path="outputs/result.txt", title="The result"),
            say("It is **42**."),
            say("As you wish."),
        ]
    )
    llm = ScriptedLlm(lambda _: next(turns))
    async with open_site(tmp_path, [], tools=(bell(rung),), llm=llm) as site, signed_in(chromium, site) as page:
        await page.evaluate(DROP, ["numbers.txt", "6*7"])
        await expect(page.locator(".chip progress")).to_have_count(0)
        await write(page, "Multiply the numbers")
        await expect(page.locator(".said")).to_contain_text("numbers.txt")

        await expect(page.get_by_role("heading", name="Plan: shall I go ahead?")).to_be_visible()
        await page.get_by_role("button", name="Approve").click()
        await expect(page.get_by_text("Approved by you")).to_be_visible()
        await expect(page.get_by_role("button", name="Approve")).to_have_count(0)

        await page.get_by_role("button", name="2026").click()
        await expect(page.locator("#timeline").get_by_text("Ring the bell for ana")).to_be_visible()
        await expect(page.locator(".approval dd")).to_contain_text(["ring_bell", "High", "ring_bell(ana)", "ana"])
        assert rung == []
        await page.get_by_role("button", name="Allow once").click()

        await expect(page.locator(".result strong")).to_have_text("42")
        assert rung == ["ana"]
        async with page.expect_download() as download:
            await page.get_by_role("link", name="Download result.txt").click()
        await (await download.value).save_as(tmp_path / "got.txt")
        assert (tmp_path / "got.txt").read_bytes() == b"forty-two"

        await page.get_by_role("button", name="Undo").click()
        await page.locator("#sure").get_by_role("button", name="Undo").click()
        await expect(page.locator("#notice")).to_contain_text("Multiply the numbers")
        await expect(page.locator(".result .actions .note")).to_contain_text("is again as it was")
        await expect(page.get_by_role("button", name="Undo")).to_have_count(0)

        await page.get_by_role("button", name="Change something").click()
        await page.get_by_label("What should be different?").fill("Leave it at that")
        await page.get_by_role("button", name="Send").last.click()
        await expect(page.locator("#timeline").get_by_text("As you wish.")).to_be_visible()
        await expect(page.get_by_role("button", name="Undo")).to_have_count(0)


async def test_progress_is_live_and_a_task_is_steered_and_stopped(tmp_path: Path, chromium: Browser) -> None:
    opened, reached = asyncio.Event(), asyncio.Event()
    script = [Turn(text="I begin.", tools=(("wait_at_gate", {}),)), say("ok")]
    async with open_site(tmp_path, script, tools=(gate(opened, reached),)) as site, signed_in(chromium, site) as page:
        await write(page, "wait for me")
        await expect(page.locator(".status .running")).to_contain_text("Wait at the gate")
        await write(page, "hurry up")
        await expect(page.locator(".said")).to_have_count(2)
        (task,) = await site.kit.service.tasks(OWNER)
        site.bus.publish(OutputStreamed(task.task_id, "call", "not yet "))
        site.bus.publish(OutputStreamed(task.task_id, "call", "open"))
        # The page may have been early enough for what the gate said first.
        await expect(page.locator(".live.output")).to_contain_text("not yet open")
        await page.get_by_role("button", name="Stop", exact=True).click()
        await page.get_by_role("button", name="Go back").click()
        await expect(page.locator(".status h3")).to_have_text("Working")
        await page.get_by_role("button", name="Stop", exact=True).click()
        await page.locator("#sure").get_by_role("button", name="Stop").click()
        await expect(page.locator(".stopped h3")).to_have_text("Stopped")
        await expect(page.locator(".live")).to_have_count(0)


async def test_the_edit_form_changes_the_plan_and_marks_what_is_new(tmp_path: Path, chromium: Browser) -> None:
    second = call("plan", steps=["Read the file", "Write two results"], files=["outputs/a"])
    async with open_site(tmp_path, [PLAN, second, say("ok")]) as site, signed_in(chromium, site) as page:
        await write(page, "Multiply the numbers")
        await page.get_by_role("button", name="Edit").click()
        steps = page.get_by_label("Steps, one per line")
        await expect(steps).to_have_value("Read the file\nWrite the result")
        await steps.fill("Read the file\nWrite two results")
        await page.get_by_role("dialog").get_by_role("button", name="Send").click()
        await expect(page.locator(".plan .tag")).to_have_text("new")


async def test_another_window_sees_the_decision_and_a_late_click_is_told(tmp_path: Path, chromium: Browser) -> None:
    async with open_site(tmp_path, [PLAN, say("ok")]) as site:
        said = await site.say("Multiply the numbers")
        ask = await site.pending(said["task_id"])
        async with signed_in(chromium, site, path=f"/t/{said['thread']}") as page:
            await page.route("**/stream*", lambda route: route.abort())
            await page.reload()
            body = {"revision": ask["revision"], "choice": "approve"}
            await site.program.post(f"/api/asks/{ask['ask_id']}", json=body)
            await page.get_by_role("button", name="Reject").click()
            await expect(page.locator("#notice")).to_contain_text("decided already")
        async with signed_in(chromium, site, path=f"/t/{said['thread']}") as page:
            await expect(page.locator(".plan.folded")).to_contain_text("Approved by")


async def test_what_was_written_survives_a_server_that_is_away(tmp_path: Path, chromium: Browser) -> None:
    async with open_site(tmp_path, [PLAN, say("ok")]) as site, signed_in(chromium, site) as page:
        await page.context.set_offline(True)
        await write(page, "Multiply the numbers")
        await expect(page.locator("#notice")).to_contain_text("did not reach Gofer")
        await expect(page.get_by_label("Message", exact=True)).to_have_value("Multiply the numbers")
        await page.context.set_offline(False)
        await page.reload()
        await expect(page.get_by_label("Message", exact=True)).to_have_value("Multiply the numbers")
        await page.get_by_label("Message", exact=True).press("Enter")
        await expect(page.get_by_role("button", name="Approve")).to_be_visible()
        await expect(page.get_by_label("Message", exact=True)).to_have_value("")


async def test_the_page_catches_up_after_a_restart_without_being_reloaded(tmp_path: Path, chromium: Browser) -> None:
    async with open_site(tmp_path, [PLAN, say("It is done.")]) as site, AsyncExitStack() as pages:
        said = await site.say("Multiply the numbers")
        ask = await site.pending(said["task_id"])
        async with serving(tmp_path, site.kit, site.bus) as door:
            page = await pages.enter_async_context(signed_in(chromium, door, path=f"/t/{said['thread']}"))
            await page.get_by_label("Message", exact=True).fill("half a sentence")
        await expect(page.locator("#notice")).to_contain_text("cannot be reached")
        body = {"revision": ask["revision"], "choice": "approve"}
        await site.program.post(f"/api/asks/{ask['ask_id']}", json=body)
        async with serving(tmp_path, site.kit, site.bus, port=int(door.url.rpartition(":")[2])):
            await expect(page.locator("#timeline").get_by_text("It is done.")).to_be_visible(timeout=10_000)
            await expect(page.locator("#notice")).to_be_hidden()
            await expect(page.get_by_label("Message", exact=True)).to_have_value("half a sentence")


async def test_a_file_that_cannot_be_taken_says_why_and_can_be_removed(tmp_path: Path, chromium: Browser) -> None:
    async with open_site(tmp_path, [say("ok")]) as site, signed_in(chromium, site) as page:
        await page.evaluate("document.body.dataset.limit = 10")
        await page.evaluate(DROP, ["big.txt", "more than ten bytes"])
        await page.evaluate(DROP, ["good.txt", "short"])
        await expect(page.locator(".chip.failed")).to_contain_text("It is larger than 64 MiB.")
        await write(page, "read them")
        await expect(page.locator("#notice")).to_contain_text("remove the failed ones")
        await page.get_by_role("button", name="Remove big.txt").click()
        await page.get_by_role("button", name="Send").click()
        await expect(page.locator(".said .chip")).to_have_text(["good.txt 5 bytes"])


async def test_a_picture_is_shown_and_hostile_names_and_texts_stay_text(tmp_path: Path, chromium: Browser) -> None:
    hostile = "<img src=x onerror=document.title='owned'>"
    script = [call("deliver", path="inputs/chart.png", title=hostile), say(f"Here: {hostile} [x](javascript:alert(1))")]
    async with open_site(tmp_path, script) as site, signed_in(chromium, site) as page:
        picture = {"name": "chart.png", "mimeType": "image/png", "buffer": PIXEL}
        await page.set_input_files("#composer input[type=file]", [picture])
        await expect(page.locator(".chip progress")).to_have_count(0)
        await write(page, f"show it {hostile}")
        image = page.get_by_alt_text("Preview 1 of chart.png")
        await expect(image).to_be_visible()
        assert await image.evaluate("picture => picture.naturalWidth") == 1
        await expect(page.locator(".result")).to_contain_text(hostile)
        assert await page.title() != "owned"
        assert await page.locator("a[href^=javascript]").count() == 0


@pytest.mark.parametrize("width", [390, 1100])
async def test_nothing_is_wider_than_the_window(tmp_path: Path, chromium: Browser, width: int) -> None:
    wide = "| " + " | ".join(["column"] * 20) + " |\n|" + "---|" * 20 + "\n| " + " | ".join(["value"] * 20) + " |"
    script = [call("ask", question=f"{'long' * 60}\n\n```\n{'x' * 400}\n```", options=["o" * 70]), say(wide)]
    async with open_site(tmp_path, script) as site, signed_in(chromium, site, width=width) as page:
        await write(page, "w" * 300)
        await expect(page.locator(".question")).to_be_visible()
        await page.get_by_role("button", name="o" * 70).click()
        await expect(page.locator(".result table")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_everything_is_reached_by_keyboard(tmp_path: Path, chromium: Browser) -> None:
    async with open_site(tmp_path, [PLAN, say("It is done.")]) as site, signed_in(chromium, site) as page:
        await write(page, "Multiply the numbers")
        approve = page.get_by_role("button", name="Approve")
        await expect(approve).to_be_visible()
        await page.locator("body").press("Tab")
        await expect(page.get_by_role("link", name="To the message box")).to_be_focused()
        for _ in range(30):
            if await approve.evaluate("button => button === document.activeElement"):
                break
            await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator("#timeline").get_by_text("It is done.")).to_be_visible()
        await expect(page.locator("#announce")).to_contain_text("It is done.")


async def test_signing_out_on_the_page_leads_to_how_to_sign_in(tmp_path: Path, chromium: Browser) -> None:
    async with open_site(tmp_path, []) as site, signed_in(chromium, site) as page:
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="Sign in with your link")).to_be_visible()


def test_the_script_stays_small() -> None:
    assert len((FOLDER / "static" / "gofer.js").read_text(encoding="utf-8").splitlines()) <= 250


WIDE = """| Region | Smallest order | Largest order | Orders in the month | Sum | Share | Begun |
|---|---|---|---|---|---|---|
| Northern provinces | 1,204.50 | 18,156.00 | 1,204 | 1,204,318,156.00 | 12.5% | 2027-01-01 |
| South | 4.50 | 156.00 | 24 | 318,156.00 | 87.5% | 2027-02-01 |
"""


@pytest.mark.parametrize("width", [390, 1280])
async def test_a_wide_table_scrolls_in_its_own_box_and_breaks_no_word(
    tmp_path: Path, chromium: Browser, width: int
) -> None:
    async with (
        open_site(tmp_path, [say(WIDE)]) as site,
        signed_in(chromium, site, width=width) as page,
    ):
        await write(page, "Show the table")
        await expect(page.locator("td.number").first).to_have_text("1,204.50")
        wider = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider == 0, "the page itself must not scroll sideways"
        # A cell whose text is broken inside a word is higher than its words need lines.
        broken = await page.evaluate("""
            [...document.querySelectorAll("td, th")].filter((cell) => {
              const range = document.createRange();
              range.selectNodeContents(cell);
              const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size;
              return lines > cell.textContent.trim().split(" ").length;
            }).map((cell) => cell.textContent)
        """)
        assert broken == []
        aligned = await page.locator("td.number").first.evaluate("cell => getComputedStyle(cell).textAlign")
        assert aligned == "right"


async def test_sending_nothing_says_what_is_missing(tmp_path: Path, chromium: Browser) -> None:
    async with open_site(tmp_path, []) as site, signed_in(chromium, site) as page:
        await page.get_by_role("button", name="Send").click()
        await expect(page.locator("#notice")).to_have_text("Write what you want done, or attach a file.")
        await expect(page.get_by_label("Message", exact=True)).to_be_focused()


async def test_a_file_without_words_begins_a_task(tmp_path: Path, chromium: Browser) -> None:
    async with open_site(tmp_path, [say("It has numbers.")]) as site, signed_in(chromium, site) as page:
        await page.evaluate(DROP, ["numbers.txt", "6*7"])
        await expect(page.locator(".chip progress")).to_have_count(0)
        await page.get_by_role("button", name="Send").click()
        await expect(page.locator(".said")).to_contain_text("numbers.txt")
        await expect(page.locator("#timeline").get_by_text("It has numbers.")).to_be_visible()
