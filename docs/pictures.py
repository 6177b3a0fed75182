"""Draws the pictures of docs/cards.md: the cards of `docs.gallery` as the web chat shows them. `make pictures`."""

from __future__ import annotations

import secrets
import shutil
import sys
from dataclasses import replace
from datetime import UTC, datetime

from playwright.sync_api import Page, sync_playwright

from agent.domain.people import Actor
from bot.cards import Verb
from bot.web.html import FOLDER as WEB
from bot.web.html import Html
from bot.web.signing import Signer
from docs.gallery import Example, gallery

WIDTH = 760
VIEWER = Actor("web:owner")


def draw(page: Page, html: Html, example: Example) -> None:
    """Write one picture. The web chat has no thumbs below a result, and folds what is quiet."""
    actions = tuple(action for action in example.card.actions if action.token.verb is not Verb.FEEDBACK)
    shown = replace(example.card, actions=actions)
    card = html.card(shown, VIEWER, task_id="t_00001", folded=shown.quiet)
    page.set_content(f"<!doctype html><html lang=en><body><main><div id=timeline>{card}</div></main></body></html>")
    page.add_style_tag(path=WEB / "static" / "gofer.css")
    page.add_style_tag(content="body { display: block; padding: 0; } main { padding: 12px; min-height: 0; }")
    page.locator("article").screenshot(path=example.drawn, animations="disabled")


def main() -> int:
    """Draw all. Code 1 where there is no Chromium."""
    program = shutil.which("chromium")
    if program is None:
        sys.stderr.write("Chromium is not here (on Debian: apt install chromium).\n")
        return 1
    html = Html(Signer(secrets.token_bytes(32), lambda: datetime.now(UTC)))
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        page = browser.new_page(viewport={"width": WIDTH, "height": 600}, color_scheme="light")
        for example in gallery():
            draw(page, html, example)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
