"""Slack as a surface: what Gofer shows and asks in one workspace.

Every call waits for its turn in the workspace's one pacer. Cards are never refused because of what they contain
(`drawing`). People are mentioned only in a message that is posted to tell them; everybody else on a card, and everybody
on an edited one, is a name.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from agent.domain.errors import Bug
from agent.domain.people import Actor
from bot.cards import Attachment, Card, CardKind, CardState, FileLine, Form, Person
from bot.cards import Files as FileLines
from bot.feed.wanted import people_in, with_names
from bot.slack.blocks import render_bare, render_form, render_home
from bot.slack.directory import Directory
from bot.slack.drawing import Drawer, Sent
from bot.slack.emoji import slack_name
from bot.slack.files import TOGETHER, Files
from bot.slack.marks import metadata
from bot.slack.pacer import Clock, Pacer, Priority
from bot.slack.payload import Payload, pack, part, text, unpack
from bot.slack.rich_text import preformatted, user_id
from bot.slack.sessions import Prompt, Sessions
from bot.slack.streams import Streams
from bot.slack.talk import Talk
from bot.slack.web import GONE, SlackRefused, Web, close_client
from bot.slack.workspace import Workspace
from bot.surface import (
    Abilities,
    IncomingFile,
    MessageRef,
    OutFile,
    Posted,
    Presence,
    Receive,
    Said,
    SurfaceDown,
    SurfaceName,
    SurfaceRefused,
    ThreadRef,
    Trigger,
    text_file,
)

SPOKEN_CHARS = 3_000
"""Of one message, where text cannot be attached."""
SPOKEN_MAX = 5
"""Messages that such a text may take."""
EDIT_EVERY_S = 1.5
_BROUGHT_KEPT = 5_000
_PRIORITIES = {
    CardKind.PLAN: Priority.APPROVAL,
    CardKind.APPROVAL: Priority.APPROVAL,
    CardKind.QUESTION: Priority.APPROVAL,
    CardKind.CHANGES: Priority.APPROVAL,
    CardKind.RESULT: Priority.RESULT,
    CardKind.FAILURE: Priority.ERROR,
    CardKind.NOTICE: Priority.ERROR,
    CardKind.STATUS: Priority.STATE,
}
_UNALTERABLE = frozenset({"cant_update_message", "edit_window_closed"})
_LATE = frozenset({"expired_trigger_id", "trigger_expired", "invalid_trigger_id"})
_OPENED = frozenset({"exchanged_trigger_id", "trigger_exchanged"})
"""A trigger opens one form, and each is tried once: an earlier try did, before its answer or its process was lost."""
_NOT_ALONE = frozenset(
    {"user_not_in_channel", "channel_not_found", "not_in_channel", "is_archived", "thread_not_found"}
)
"""A private message cannot be shown in this channel."""


class SlackSurface:
    """One workspace. `bot.surface.Surface` tells what the methods promise.

    `client`: of `make_client`; the surface owns it from now on and closes it.
    """

    def __init__(
        self, client: AsyncWebClient, workspace: Workspace, directory: Directory, *, clock: Clock | None = None
    ) -> None:
        self._here, self._directory = workspace, directory
        self.web = Web(client, Pacer(clock))
        """The workspace's calls, for others of this room: all share one pacer."""
        self._files = Files(self.web, clock)
        self._talk = Talk(self.web, workspace, directory, self._files)
        self._streams = Streams(self.web, workspace.team_id, clock)
        self._sessions = Sessions(self.web)
        self._drawer = Drawer(self.web)
        self._brought: OrderedDict[str, None] = OrderedDict()

    @property
    def name(self) -> SurfaceName:
        return "slack"

    @property
    def abilities(self) -> Abilities:
        return Abilities(
            edit=True,
            buttons=True,
            forms=True,
            reactions=True,
            threads=True,
            direct=True,
            private=True,
            streams=False,
            max_text_chars=9_000,
            max_choices=25,
            max_file_bytes=self._files.max_file_bytes,
            max_files=TOGETHER,
            edit_every_s=EDIT_EVERY_S,
            feedback=True,
        )

    async def run(self, receive: Receive) -> None:
        """Nothing comes in here: the office listens for all workspaces together."""
        raise Bug("the Slack surface of one workspace only sends")

    async def close(self) -> None:
        """End what waits to be sent, and the connections."""
        await self.web.pacer.close()
        await close_client(self.web.client)

    async def incoming_file(self, described: Payload) -> IncomingFile:
        """A file out of Slack's description of it; one of another organisation has to be looked up even for its name.

        Raises `SurfaceDown`.
        """
        return self._files.incoming(await self._files.complete(described))

    # -- cards

    async def post(self, thread: ThreadRef, card: Card, *, key: str, files: Sequence[OutFile] = ()) -> Posted:
        left = await self.send_files(thread, files, key=f"{key}:files") if files else ()
        card = await self._with_names(card)
        ts = await self._streams.start(thread, card, key=key, person_id=self._sessions.asked_by(thread))
        if ts is None:
            ts = await self._post(thread, card, key=key)
        return Posted(MessageRef(thread, ts), _lines_of(left, card))

    async def begin(self, place: ThreadRef, person_id: str, card: Card, *, key: str) -> MessageRef:
        channel = place.channel or await self._direct(person_id)
        place = self._here.thread(channel, "")
        ts = await self._talk.find(place, key) or await self._post(place, await self._with_names(card), key=key)
        return MessageRef(self._here.thread(channel, ts), ts)

    async def find(self, thread: ThreadRef, key: str) -> MessageRef | None:
        ts = await self._talk.find(thread, key)
        return MessageRef(thread, ts) if ts is not None else None

    async def edit(self, message: MessageRef, card: Card) -> bool:
        channel, ts = message.thread.channel, message.message_id
        card = await self._with_names(card)
        stream, running = self._streams.at(channel, ts), card.state is CardState.RUNNING
        progress = card.kind is CardKind.STATUS and running
        sent = await self.web.pacer.call(
            "chat.update" if stream is None else "chat.appendStream" if running else "chat.stopStream",
            Priority.PROGRESS if progress else _PRIORITIES[card.kind],
            lambda: self._edit(message, card),
            channel=ts,
            key=f"card:{channel}:{ts}",
        )
        if sent is None:
            return False
        if not progress:
            await self._bring(message.thread, card, sent.overflow)
        return True

    async def retire(self, message: MessageRef) -> None:
        channel, ts = message.thread.channel, message.message_id
        stream = self._streams.at(channel, ts)
        if stream is not None:
            stop = self._streams.stop
            await self.web.pacer.call("chat.stopStream", Priority.STATE, lambda: stop(stream, counted=True))
        try:
            await self.web.call("chat.delete", Priority.STATE, channel=channel, ts=ts)
        except SlackRefused as error:
            if error.error not in GONE:
                raise

    async def whisper(self, thread: ThreadRef, person: Actor, card: Card, *, trigger: Trigger | None = None) -> None:
        user = self._user(person.person_id)
        card = await self._with_names(card)
        direct = thread.channel.startswith("D")
        # A file cannot be private in a channel, so what does not fit on the card is said in the direct conversation.
        if thread.channel and not direct and not self._drawer.draw(card, ()).overflow:
            try:
                await self._put("chat.postEphemeral", thread, card, Priority.APPROVAL, mention=(), user=user)
            except SlackRefused as error:
                if error.error not in _NOT_ALONE:
                    raise
            else:
                return
        alone = thread if direct else self._here.thread(await self._direct(person.person_id), "")
        await self._post(alone, card, key=card.key, priority=Priority.APPROVAL)

    async def open_form(self, trigger: Trigger, form: Form, thread: ThreadRef) -> bool:
        view = {**render_form(form).payload, "private_metadata": pack(form.token.encode(), thread.thread_id)}
        trigger_id, _ = unpack(trigger.value)
        try:
            await self.web.call("views.open", Priority.APPROVAL, trigger_id=trigger_id, view=view)
        except SlackRefused as error:
            if error.error in _OPENED:
                return True
            if error.error not in _LATE:
                raise
            return False
        return True

    async def react(self, message: MessageRef, emoji: str, *, on: bool = True) -> None:
        method, done = ("reactions.add", "already_reacted") if on else ("reactions.remove", "no_reaction")
        channel, ts = message.thread.channel, message.message_id
        try:
            await self.web.call(method, Priority.STATE, channel=channel, timestamp=ts, name=slack_name(emoji))
        except SlackRefused as error:
            if error.error != done:
                raise

    # -- threads, and what Slack itself shows

    async def presence(self, thread: ThreadRef, state: Presence, *, title: str = "", person: str = "") -> None:
        await self._sessions.show(thread, state, title=title, person=person)

    async def suggest(self, thread: ThreadRef, prompts: Sequence[Prompt]) -> None:
        """Offer up to four ways to begin in a direct conversation; nothing where Slack has none."""
        await self._sessions.suggest(thread, prompts)

    async def publish_home(self, user: str, card: Card) -> None:
        """Show a card as somebody's Home tab; what does not fit is cut. Raises `SurfaceRefused`, `SurfaceDown`."""
        card = await self._with_names(card)
        view = render_home(card)
        try:
            await self.web.call("views.publish", Priority.STATE, user_id=user, view=view)
        except SlackRefused as error:
            bare = render_bare(card)["blocks"]
            if error.error != "invalid_arguments" or not bare:
                raise
            await self.web.call("views.publish", Priority.STATE, user_id=user, view={**view, "blocks": bare})

    async def history(
        self, thread: ThreadRef, *, before: MessageRef | None = None, limit: int = 50, reader: str = ""
    ) -> tuple[Said, ...]:
        return await self._talk.history(thread, before=before, limit=limit, reader=user_id(Person(reader)))

    async def send_files(
        self, thread: ThreadRef, files: Sequence[OutFile], *, key: str, comment: str = ""
    ) -> tuple[OutFile, ...]:
        return await self._files.send(thread, files, key=key, comment=comment, find=self._talk.find)

    # -- posting

    async def _post(self, thread: ThreadRef, card: Card, *, key: str, priority: Priority | None = None) -> str:
        """Post a card as a message, with what does not fit on it as files above; gives its timestamp."""
        priority = _PRIORITIES[card.kind] if priority is None else priority
        mention = [person.person_id for person in card.notify]
        if thread.thread:
            await self._bring(thread, card, self._drawer.draw(card, mention).overflow)
        sent = await self._put("chat.postMessage", thread, card, priority, mention=mention, metadata=metadata(key))
        ts = text(sent.answer, "ts")
        await self._bring(thread if thread.thread else replace(thread, thread=ts), card, sent.overflow)
        return ts

    async def _put(
        self, method: str, thread: ThreadRef, card: Card, priority: Priority, *, mention: Sequence[str], **more: Any
    ) -> Sent:
        """A new message, in its turn."""
        where = {"channel": thread.channel, "thread_ts": thread.thread or None, **more}
        send = self._drawer.send
        return await self.web.pacer.call(
            method, priority, lambda: send(method, card, mention, **where), channel=thread.channel
        )

    # -- editing, within a turn

    async def _edit(self, message: MessageRef, card: Card) -> Sent | None:
        """None: this message can be changed no more."""
        stream = self._streams.at(message.thread.channel, message.message_id)
        if stream is None:
            return await self._update(message, card)
        match await self._streams.show(stream, card):
            case "shown":
                return Sent({})
            case "used up":
                return None
            case "over":
                self.web.pacer.charge("chat.update")
                return await self._update(message, card, was=stream.key)

    async def _update(self, message: MessageRef, card: Card, was: str = "") -> Sent | None:
        """Change a message in place. `was`: the key of one that was a stream, and so may bear none."""
        where: dict[str, Any] = {"channel": message.thread.channel, "ts": message.message_id}
        if was:
            where["metadata"] = metadata(was)
        try:
            return await self._drawer.send("chat.update", card, (), **where)
        except SlackRefused as error:
            if error.error in _UNALTERABLE:
                return None
            if error.error != "streaming_state_conflict" or was:
                raise
        # The stream of a process that died.
        await self._streams.stop_at(message.thread.channel, message.message_id, card.key)
        self.web.pacer.charge("chat.update")
        return await self._update(message, card, was=card.key)

    # -- what does not fit

    async def _bring(self, thread: ThreadRef, card: Card, overflow: Sequence[Attachment]) -> None:
        """Put the attachments of a card into its thread, each once in the card's life."""
        fresh = {item.name: item for item in overflow if _brought_key(thread, card, item.name) not in self._brought}
        if not fresh:
            return
        keys = [_brought_key(thread, card, name) for name in fresh]
        self._brought.update(dict.fromkeys(keys))  # before it is done: another edit may come in between
        done = False
        try:
            await self._attach(thread, fresh, f"more:{card.key}:{','.join(sorted(fresh))}")
            done = True
        finally:
            for key in () if done else keys:
                self._brought.pop(key, None)
        while len(self._brought) > _BROUGHT_KEPT:
            self._brought.popitem(last=False)

    async def _attach(self, thread: ThreadRef, items: dict[str, Attachment], key: str) -> None:
        files = {name: text_file(item) for name, item in items.items()}
        left = await self.send_files(thread, list(files.values()), key=key)
        for name, item in items.items():
            if files[name] in left:
                await self._speak(thread, item, f"{key}:{name}")

    async def _speak(self, thread: ThreadRef, item: Attachment, key: str) -> None:
        """Say what may not be attached, in a few messages."""
        pieces = [item.text[at : at + SPOKEN_CHARS] for at in range(0, len(item.text), SPOKEN_CHARS)]
        for number, words in enumerate(pieces[:SPOKEN_MAX], 1):
            mark = f"{key}:{number}"
            if await self._talk.find(thread, mark) is not None:
                continue
            await self.web.call(
                "chat.postMessage",
                Priority.RESULT,
                lane=thread.channel,
                channel=thread.channel,
                thread_ts=thread.thread or None,
                text=f"{item.name} ({number}/{min(len(pieces), SPOKEN_MAX)})",
                blocks=[{"type": "rich_text", "elements": [preformatted(words)]}],
                unfurl_links=False,
                unfurl_media=False,
                metadata=metadata(mark),
            )

    # -- people

    async def _with_names(self, card: Card) -> Card:
        """The card with the names of people of this workspace, since few of them are mentioned."""
        own = sorted(person_id for person_id in people_in(card) if person_id.startswith(self._here.person_id("")))
        if not own:
            return card
        try:
            found = await self._directory.names(user_id(Person(person_id)) for person_id in own)
        except SurfaceDown:
            return card  # a card with ids is better than none
        return with_names(card, {self._here.person_id(user): name for user, name in found.items()})

    async def _direct(self, person_id: str) -> str:
        """The conversation with one person alone."""
        answer = await self.web.call("conversations.open", Priority.APPROVAL, users=self._user(person_id))
        return text(part(answer, "channel"), "id")

    def _user(self, person_id: str) -> str:
        user = user_id(Person(person_id)) if person_id.startswith(self._here.person_id("")) else ""
        if not user:
            raise SurfaceRefused(f"{person_id!r} is nobody of this Slack workspace.")
        return user


def _brought_key(thread: ThreadRef, card: Card, name: str) -> str:
    return f"{thread.thread_id}|{card.key}|{name}"


def _lines_of(left: Sequence[OutFile], card: Card) -> tuple[FileLine, ...]:
    """The lines of the card that show these files; lines of their own for others."""
    lines = {item.path: item for block in card.blocks if isinstance(block, FileLines) for item in block.items}
    return tuple(lines.get(file.path) or FileLine(file.name, file.size_bytes, path=file.path) for file in left)
