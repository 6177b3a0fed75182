"""Draws our cards as Discord shows them: `python -m tests.surfaces.discord.pictures FOLDER`.

For the documents and for looking at. It takes the preview of simcord (`pip install 'simcord[screenshot]==3.2.1'`, which
the suite does not need) and the Chromium of the system.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import discord
import simcord
from playwright.async_api import async_playwright

from bot.cards import Card, Payload, Person
from bot.discord.components import render_card
from bot.render import card_for_ask, result_card, status_card
from tests.surfaces import examples

FILE = 13
MAIL = {"to": "finance@example.com", "subject": "Expenses of March", "attachments": ["expenses 0.xlsx"]}


def cards() -> Mapping[str, Card]:
    """One of each kind, by the name of its picture."""
    mail = examples.call_ask(MAIL, pattern="mail_send(*@example.com)")
    question = examples.question_ask(("2025", "2026"))
    changes = examples.changes_ask()
    plan = examples.plan_ask()
    return {
        "plan": card_for_ask(plan, examples.asked(plan)),
        "approved": card_for_ask(plan, examples.decided(plan, "approve")),
        "call": card_for_ask(mail, examples.asked(mail)),
        "question": card_for_ask(question, examples.asked(question)),
        "changes": card_for_ask(changes, examples.asked(changes)),
        "status": status_card(examples.working()),
        "result": result_card(examples.finished()),
    }


async def draw(folder: Path) -> list[Path]:
    """Post each card and take its picture; the files."""
    bot = discord.Client(intents=discord.Intents.default())
    drawn: list[Path] = []
    async with simcord.run(bot) as env, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        env.backend.bot_user.name = "Gofer"
        await env.advance_time((examples.NOW - env.backend.clock.now()).total_seconds() + 180)
        guild = env.create_guild("Acme")
        ada = guild.add_member(env.create_user("Ada"))
        for name, card in cards().items():
            channel = guild.create_text_channel(name)
            rung = tuple(Person(f"discord:{ada.id}") for _ in card.notify)
            for body in _as_posted(render_card(replace(card, notify=rung)).payloads):
                _post(env.backend, channel.id, _in_this_guild(body, ada.id))
            async with env.preview(channel, viewers=[ada], layout="channel", width=720, height=600) as preview:
                preview._capture_manager._browser = browser  # it would look for one of Playwright's own
                path = folder / f"discord-{name}.png"
                await preview.screenshot(path, mode="viewport", allow_incomplete=True)
                preview._capture_manager._browser = None
                drawn.append(path)
        await browser.close()
    return drawn


def _as_posted(bodies: Sequence[Payload]) -> list[Payload]:
    """Files go before the result, in a message of their own."""
    files = [part for body in bodies for part in _files(body)]
    first = {"flags": 1 << 15, "components": [{"type": 10, "content": "1 file"}, *files]}
    return [*([first] if files else []), *map(_without_files, bodies)]


def _without_files(body: Payload) -> Payload:
    containers = [
        {**each, "components": [part for part in each["components"] if part["type"] != FILE]}
        for each in body.get("components", [])
    ]
    return {**body, "components": containers}


def _in_this_guild(body: Payload, user_id: int) -> Payload:
    """The examples are of somebody in Slack, who tries to ring everybody there."""
    words = re.sub(r" (\\\\)?<!channel(\\\\)?>", "", json.dumps(body))
    return json.loads(words.replace("U0ADA", f"<@{user_id}>"))


def _post(backend: Any, channel_id: int, body: Payload) -> None:
    files = [(c["file"]["url"].removeprefix("attachment://"), b"x" * 12_345) for c in _files(body)]
    attachments = backend.store_attachments(channel_id, files)
    backend.create_message(
        channel_id,
        backend.bot_user.id,
        body.get("content"),
        flags=body.get("flags", 0),
        components=[*body.get("components", [])],
        attachments=attachments,
    )


def _files(body: Payload) -> list[Mapping[str, Any]]:
    outer = list(body.get("components", []))
    inner = [part for container in outer for part in container.get("components", [])]
    return [part for part in [*outer, *inner] if part["type"] == FILE]


def main(arguments: list[str]) -> None:
    folder = Path(arguments[0] if arguments else "docs/pictures")
    folder.mkdir(parents=True, exist_ok=True)
    for path in asyncio.run(draw(folder)):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
