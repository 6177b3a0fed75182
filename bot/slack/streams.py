"""Status cards as live plans: Slack's streamed messages, in segments.

A stream shows steps that change in place without an edit, and costs none of the few edits a minute. It also ends by
itself after about five minutes, holds some 10 KB and 50 rows, and not every workspace or channel has it. So a status
card is streamed while its task runs, in segments that stay below all of that; whatever goes wrong, the message is still
there and is edited like any other.

A live stream carries no metadata and Slack does not promise to show its content, so after a crash it is known by what
it lacks: it is the one message of Gofer's in its thread that bears no key and no files (`Talk.find`).
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bot import phrases
from bot.cards import Card, CardKind, CardState, Note, Person, StepLine, Steps, Text
from bot.fit import pieces_of
from bot.markup import clip, one_line, plain_of, units
from bot.slack.blocks import buttons_of
from bot.slack.marks import metadata
from bot.slack.native import STEP_STATUS
from bot.slack.pacer import Clock, Monotonic, Priority, RateLimited
from bot.slack.payload import Payload, text
from bot.slack.rich_text import Element, user_id
from bot.slack.web import UNKNOWN_FEATURE, SlackRefused, Web
from bot.surface import ThreadRef

logger = logging.getLogger(__name__)

SEGMENT_S = 240.0
"""Slack ends a stream about 300 s after its start, even while it is fed."""
SEGMENT_ROWS = 45
SEGMENT_BYTES = 9_000
FIRST_BYTES = 6_000
"""What a segment may begin with, so that there is room for what changes."""
WINDOW = 25
"""Steps shown around the running one; later ones are added as the work gets there."""
TITLE_CHARS = (250, 120, 60, 30)
"""How much of each title is shown: as much as leaves the whole below `FIRST_BYTES`."""
STREAMS_KEPT = 1_000
_NOT_HERE = frozenset(
    {
        "channel_type_not_supported",
        "user_not_in_channel",
        "user_not_found",
        "missing_recipient_user_id",
        "missing_recipient_team_id",
    }
)
"""No stream in this channel, or not for this person; elsewhere it may work."""
_NOT_OURS = frozenset({"invalid_chunks", "invalid_blocks", "invalid_arguments", "streaming_mode_mismatch"})
"""This workspace's streams are not what we take them for."""

Row = tuple[str, str]
"""Title and status of a task card."""
Outcome = Literal["shown", "used up", "over"]


@dataclass(slots=True, eq=False)
class Stream:
    """A message that is streamed now. Lost with the process; Slack then ends it by itself."""

    thread: ThreadRef
    ts: str
    key: str
    started_at: float
    title_chars: int
    rows: dict[str, Row] = field(default_factory=dict[str, Row])
    title: str = ""
    extra_bytes: int = 0
    """Of what is there besides title and rows."""


class Streams:
    """The streams of one workspace."""

    def __init__(self, web: Web, team_id: str, clock: Clock | None = None) -> None:
        self._web, self._team_id, self._clock = web, team_id, clock or Monotonic()
        self._live: OrderedDict[tuple[str, str], Stream] = OrderedDict()
        self._known = True
        """This workspace has streams, as far as was seen."""
        self._channels_without: set[str] = set()

    def at(self, channel: str, ts: str) -> Stream | None:
        """The stream behind a message, if this process streams it."""
        return self._live.get((channel, ts))

    async def start(self, thread: ThreadRef, card: Card, *, key: str, person_id: str = "") -> str | None:
        """Post a running status card as a stream; None: post it as a message.

        `person_id`: who asked for the work; outside direct messages a stream is for somebody.
        """
        user = self._recipient(card, person_id)
        if not self._may_start(thread, card, user):
            return None
        title_chars, title, rows = _first(card, key)
        chunks: list[Element] = [{"type": "plan_update", "title": title}, *_updates(rows)]
        if buttons := buttons_of(card):
            chunks.append({"type": "blocks", "blocks": buttons})
        direct = thread.channel.startswith("D")
        recipient = {} if direct else {"recipient_user_id": user, "recipient_team_id": self._team_id}

        async def send() -> Payload | None:
            try:
                return await self._web.ask(
                    "chat.startStream",
                    channel=thread.channel,
                    thread_ts=thread.thread,
                    task_display_mode="plan",
                    chunks=chunks,
                    **recipient,
                )
            except RateLimited as limited:
                self._web.pacer.hold_off(limited)  # others shall not try either; this card does not wait
            except SlackRefused as error:
                self._learn(thread, error)
            return None

        pacer = self._web.pacer
        answer = await pacer.call("chat.startStream", Priority.STATE, send, channel=thread.channel)
        if answer is None:
            return None
        ts = text(answer, "ts")
        stream = Stream(thread, ts, key, self._clock.now(), title_chars, dict(rows), title, _size_of(buttons))
        self._live[thread.channel, ts] = stream
        while len(self._live) > STREAMS_KEPT:
            self._live.popitem(last=False)
        return ts

    async def show(self, stream: Stream, card: Card) -> Outcome:
        """Bring a stream to this card, in a turn of chat.appendStream or chat.stopStream.

        "used up": it was ended, and the card goes on in a new message. "over": it was ended for good, and the message
        is to be edited from now on.
        """
        if card.state is not CardState.RUNNING:
            return await self.stop(stream, counted=True)
        title, rows = _wanted(card, stream.key, stream.title_chars, stream.rows)
        if not rows.keys() >= stream.rows.keys():  # a stream cannot take a step back
            return await self.stop(stream)
        if self._is_used_up(stream, title, rows):
            await self.stop(stream)
            return "used up"
        changed = {row_id: row for row_id, row in rows.items() if stream.rows.get(row_id) != row}
        chunks: list[Element] = [] if title == stream.title else [{"type": "plan_update", "title": title}]
        chunks += _updates(changed)
        if not chunks:
            return "shown"
        try:
            await self._web.ask("chat.appendStream", channel=stream.thread.channel, ts=stream.ts, chunks=chunks)
        except SlackRefused as error:
            logger.info("a stream broke", extra={"action": "stream_broken", "error": error.error})
            return await self.stop(stream)
        stream.title = title
        stream.rows.update(changed)
        return "shown"

    async def stop(self, stream: Stream, *, counted: bool = False) -> Outcome:
        """End a stream and mark its message with its key. `counted`: this is what the turn was for."""
        self._live.pop((stream.thread.channel, stream.ts), None)
        await self.stop_at(stream.thread.channel, stream.ts, stream.key, counted=counted)
        return "over"

    async def stop_at(self, channel: str, ts: str, key: str, *, counted: bool = False) -> None:
        """End whatever stream there is behind a message; one that has ended is no error."""
        call = self._web.ask if counted else self._web.also
        try:
            await call("chat.stopStream", channel=channel, ts=ts, metadata=metadata(key))
        except SlackRefused as error:
            logger.debug("a stream had ended", extra={"action": "stream_ended", "error": error.error})

    def forget(self, channel: str, ts: str) -> None:
        """The message is gone."""
        self._live.pop((channel, ts), None)

    def _may_start(self, thread: ThreadRef, card: Card, user: str) -> bool:
        return (
            self._known
            and card.kind is CardKind.STATUS
            and card.state is CardState.RUNNING
            and bool(thread.thread)
            and thread.channel not in self._channels_without
            and bool(user or thread.channel.startswith("D"))
            # Few streams may begin in a minute. A message now is better than a stream later.
            and self._web.pacer.free("chat.startStream", Priority.STATE)
        )

    def _recipient(self, card: Card, person_id: str) -> str:
        """The Slack user the work is for: who is named, else the first person on the card."""
        notes = (part for block in card.blocks if isinstance(block, Note) for part in block.parts)
        people = [Person(person_id), *(part for part in notes if isinstance(part, Person))]
        return next((user for person in people if (user := user_id(person))), "")

    def _learn(self, thread: ThreadRef, error: SlackRefused) -> None:
        if error.error in UNKNOWN_FEATURE or error.error in _NOT_OURS:
            self._known = False
            logger.info("no streams in this workspace", extra={"action": "streams_off", "error": error.error})
        elif error.error in _NOT_HERE:
            self._channels_without.add(thread.channel)

    def _is_used_up(self, stream: Stream, title: str, rows: Mapping[str, Row]) -> bool:
        return (
            self._clock.now() - stream.started_at >= SEGMENT_S
            or len(rows) > SEGMENT_ROWS
            or _bytes(title, rows) + stream.extra_bytes > SEGMENT_BYTES
        )


def _first(card: Card, key: str) -> tuple[int, str, Mapping[str, Row]]:
    """How long titles may be in a new segment, and what it begins with."""
    fitting = (n for n in TITLE_CHARS if _bytes(*_wanted(card, key, n, {})) <= FIRST_BYTES)
    title_chars = next(fitting, TITLE_CHARS[-1])
    return title_chars, *_wanted(card, key, title_chars, {})


def _wanted(card: Card, key: str, title_chars: int, shown: Mapping[str, Row]) -> tuple[str, Mapping[str, Row]]:
    """The title and the rows of a running card: its steps, and one line for what happens now.

    Ids are `key|number` and stay with their step. Of many steps those around the running one are taken, and all that
    are `shown` already.
    """
    numbered = next((b for b in card.blocks if isinstance(b, Steps) and b.start is not None), None)
    items = numbered.items if numbered else ()
    first = (numbered.start or 1) if numbered else 1
    running = next((i for i, item in enumerate(items) if item.status == "running"), 0)
    begin = max(0, min(running - WINDOW // 2, len(items) - WINDOW))
    rows: dict[str, Row] = {}
    for index, item in enumerate(items):
        row_id = f"{key}|{first + index}"
        if begin <= index < begin + WINDOW or row_id in shown:
            rows[row_id] = (_title(item, title_chars), STEP_STATUS[item.status])
    now = _now(card, title_chars)
    if now or not rows:
        rows[f"{key}|now"] = (now or phrases.STARTING, "in_progress")
    elif f"{key}|now" in shown:
        rows[f"{key}|now"] = (shown[f"{key}|now"][0], "complete")
    return clip(one_line(card.title) or phrases.NAME, TITLE_CHARS[0]), rows


def _now(card: Card, title_chars: int) -> str:
    """What happens at this moment: the call that runs, the last one, or what was said last."""
    lines = next((b.items for b in card.blocks if isinstance(b, Steps) and b.start is None), ())
    line = next((item for item in reversed(lines) if item.status == "running"), lines[-1] if lines else None)
    if line is not None:
        return _title(line, title_chars)
    said = next((b for b in card.blocks if isinstance(b, Text) and b.text.strip()), None)
    if said is None:
        return ""
    spans = [span for piece in pieces_of(said) for span in getattr(piece, "spans", ())]
    return clip(one_line(plain_of(spans)), title_chars)


def _title(item: StepLine, title_chars: int) -> str:
    words = one_line(f"{item.title}{f' ({item.note})' if item.note else ''}")
    return clip(words, title_chars) if units(words) else "–"


def _updates(rows: Mapping[str, Row]) -> list[Element]:
    return [
        {"type": "task_update", "id": row_id, "title": title, "status": status}
        for row_id, (title, status) in rows.items()
    ]


def _bytes(title: str, rows: Mapping[str, Row]) -> int:
    return sum(len(words.encode("utf-8", "replace")) for words in (title, *(row[0] for row in rows.values())))


def _size_of(blocks: list[Element]) -> int:
    return sum(len(str(block)) for block in blocks)
