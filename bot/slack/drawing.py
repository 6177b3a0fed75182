"""Sending a card as Slack takes it: each refusal of its content leads to a simpler drawing, the last is plain text."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from agent.domain.errors import Bug
from bot.cards import Attachment, Card, Payload, Rendered
from bot.slack.blocks import render_bare, render_card
from bot.slack.native import NATIVE, NativeBlock, used
from bot.slack.web import SlackRefused, Web

logger = logging.getLogger(__name__)

SMALL_CHARS = 5_000
"""Of the blocks' JSON, for a workspace that finds a card of the usual size too long."""
_NOT_TAKEN = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_attachments",
        "block_mismatch",
        "msg_blocks_too_long",
        "msg_blocks_too_many",
        "msg_too_long",
    }
)
"""What Slack says about the content of a message; another drawing of the card may do."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Slack's answer, and what of the card is not on the message."""

    answer: Payload
    overflow: tuple[Attachment, ...] = ()


class Drawer:
    """Draws for one workspace, and remembers which blocks it does not know."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._native: frozenset[NativeBlock] = NATIVE

    def draw(self, card: Card, mention: Collection[str]) -> Rendered:
        """The card as it is most likely to be taken."""
        return render_card(card, native=self._native, mention=mention)

    async def send(self, method: str, card: Card, mention: Collection[str], **where: Any) -> Sent:
        """Send a card within a turn of the pacer; simpler drawings are further calls, which are counted.

        Raises `SlackRefused` for all that is not about the content, and `SurfaceDown`.
        """
        call, refused = self._web.ask, None
        for drawn in self._drawings(card, mention):
            try:
                answer = await call(method, **where, **_for(method, drawn.answer))
            except SlackRefused as error:
                if error.error not in _NOT_TAKEN:
                    raise
                self._learn(error, drawn.answer)
                call, refused = self._web.also, error
            else:
                return Sent(answer, drawn.overflow)
        raise refused or Bug("a card has no drawing")

    def _drawings(self, card: Card, mention: Collection[str]) -> Iterator[Sent]:
        """The card in ever simpler forms. Lazy, so that what a refusal taught counts in the next one."""
        forms: tuple[Callable[[], Sent], ...] = (
            lambda: _of(self.draw(card, mention)),
            lambda: _of(self.draw(card, mention)),
            lambda: _of(render_card(card, mention=mention)),
            lambda: _of(render_card(card, mention=mention, most_chars=SMALL_CHARS)),
            lambda: Sent(render_bare(card, mention=mention)),
            lambda: Sent(render_bare(card, mention=mention, buttons=False)),
        )
        tried: list[Payload] = []
        for draw in forms:
            drawn = draw()
            if drawn.answer not in tried:
                tried.append(drawn.answer)
                yield drawn

    def _learn(self, error: SlackRefused, payload: Payload) -> None:
        """Do without the new blocks that this workspace does not know."""
        suspects = used(payload) if error.error.startswith("invalid_blocks") else frozenset[NativeBlock]()
        named = frozenset(kind for kind in suspects if any(kind in why for why in error.why))
        if lacking := named or suspects:
            self._native -= lacking
            told = {"action": "blocks_refused", "blocks": sorted(lacking)}
            logger.warning("slack does not take some blocks here; going on without them", extra=told)


def _of(rendered: Rendered) -> Sent:
    return Sent(rendered.card, rendered.overflow)


def _for(method: str, payload: Payload) -> dict[str, Any]:
    """The part of a message that this method takes."""
    given = dict(payload)
    if method != "chat.postMessage":
        del given["unfurl_links"], given["unfurl_media"]
    if method != "chat.update" and not given["blocks"]:
        del given["blocks"]  # an update needs the empty list: it takes the old blocks away
    return given
