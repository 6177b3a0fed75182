"""What Slack itself shows of Gofer's work: the state and title of an agent session, and suggested prompts.

These belong to apps that are declared as agents, and a workspace may not have them. Then there is nothing to show, and
after the first refusal nothing is asked any more.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot import phrases
from bot.cards import Person
from bot.markup import clip, one_line
from bot.slack.pacer import Priority
from bot.slack.payload import Payload
from bot.slack.rich_text import user_id
from bot.slack.web import UNKNOWN_FEATURE, SlackRefused, Web
from bot.surface import Presence, ThreadRef

logger = logging.getLogger(__name__)

TITLE_CHARS = 200
PROMPTS_MAX = 4
PROMPT_CHARS = 1_000
_KEPT = 5_000
_STATUSES: Mapping[Presence, str] = {"working": "processing", "waiting": "suspended", "ended": "closed"}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A button of a direct conversation: what it says, and the message that it sends."""

    title: str
    message: str


class Sessions:
    """The sessions of one workspace."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._known = True
        self._prompts_known = True
        self._asked_by: OrderedDict[str, str] = OrderedDict()

    def asked_by(self, thread: ThreadRef) -> str:
        """Who asked for the work in a thread, as far as its last state told."""
        return self._asked_by.get(thread.thread_id, "")

    async def show(self, thread: ThreadRef, state: Presence, *, title: str = "", person: str = "") -> None:
        """Set the state of a thread's session; a title counts when the session is new. Raises `SurfaceDown`."""
        if person:
            self._asked_by[thread.thread_id] = person
            self._asked_by.move_to_end(thread.thread_id)
            while len(self._asked_by) > _KEPT:
                self._asked_by.popitem(last=False)
        if not self._known or not thread.channel or not thread.thread:
            return

        async def send() -> Payload:
            return await self._web.ask(
                "agents.sessions.setStatus",
                channel_id=thread.channel,
                thread_ts=thread.thread,
                status=_STATUSES[state],
                title=clip(one_line(title), TITLE_CHARS) or phrases.NAME,
                initiator_user_id=user_id(Person(person)) or None,
            )

        try:
            await self._web.pacer.call(
                "agents.sessions.setStatus", Priority.STATE, send, key=f"session:{thread.thread_id}"
            )
        except SlackRefused as error:
            self._known = error.error not in UNKNOWN_FEATURE
            logger.info("no session is shown", extra={"action": "session_refused", "error": error.error})

    async def suggest(self, thread: ThreadRef, prompts: Sequence[Prompt]) -> None:
        """Offer up to four ways to begin, in a direct conversation or one of its threads. Raises `SurfaceDown`."""
        if not self._prompts_known or not prompts:
            return
        some = prompts[:PROMPTS_MAX]
        listed = [{"title": _said(one.title), "message": _said(one.message)} for one in some]
        try:
            await self._web.call(
                "assistant.threads.setSuggestedPrompts",
                Priority.STATE,
                channel_id=thread.channel,
                thread_ts=thread.thread or None,
                prompts=listed,
            )
        except SlackRefused as error:
            self._prompts_known = error.error not in UNKNOWN_FEATURE
            logger.info("no prompts are suggested", extra={"action": "prompts_refused", "error": error.error})


def _said(words: str) -> str:
    return clip(words.strip() or "–", PROMPT_CHARS)
