"""Small cards that belong to no task: a sentence for one person. Pure."""

from __future__ import annotations

from agent.domain.errors import UserFacing
from bot.cards import Card, CardKind, CardState, Text


def refusal(error: UserFacing) -> Card:
    return notice("refused", error.message, error.next_step)


def notice(key: str, text: str, more: str = "") -> Card:
    return Card(
        key=f"notice:{key}",
        kind=CardKind.NOTICE,
        state=CardState.DONE,
        title=text,
        blocks=(Text(more),) if more else (),
    )
