"""What happens to messages, whoever does it: posted, changed, deleted, reacted to; each with its events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.fakes.slack.events import Events
from tests.fakes.slack.world import Block, Channel, File, Message, World


class Acts:
    """The moves. Rules about who may do what are checked before."""

    def __init__(self, world: World, events: Events) -> None:
        self._world = world
        self._events = events

    def post(self, message: Message) -> Message:
        """Put a new message into its channel. The status text of an assistant thread is gone with it."""
        message.channel.messages[message.ts] = message
        for file in message.files:
            file.shares.append((message.channel.id, message.ts))
        if message.bot_id:
            self._world.statuses.pop((message.channel.id, message.root_ts), None)
        self._events.said(message)
        for file in message.files:
            self._events.file_shared(file, message.channel)
        self._world.changed()
        return message

    def whisper(self, message: Message) -> Message:
        """Show an ephemeral message; it is in no channel and no event tells of it."""
        self._world.ephemerals.append(message)
        self._world.changed()
        return message

    def edit(
        self,
        message: Message,
        editor: str,
        *,
        text: str | None = None,
        blocks: list[Block] | None = None,
        attachments: list[dict[str, Any]] | None = None,
        files: list[File] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Change what is given and keep the rest."""
        before = None if message.ephemeral_to else self._events.snapshot(message)
        if blocks is not None:
            message.history.append(message.blocks)
            message.blocks = blocks
        message.text = message.text if text is None else text
        message.attachments = message.attachments if attachments is None else attachments
        message.metadata = message.metadata if metadata is None else metadata
        if files is not None:
            message.files = files
            for file in files:
                if (message.channel.id, message.ts) not in file.shares:
                    file.shares.append((message.channel.id, message.ts))
        message.edited = (editor, self._world.next_ts())
        if before is not None:
            self._events.changed(message, before)
        self._world.changed()

    def delete(self, message: Message) -> None:
        """Take it away. A root with replies leaves a tombstone, so that its thread lives on."""
        message.deleted = True
        if message.ephemeral_to:
            self._world.ephemerals.remove(message)
            self._world.changed()
            return
        before = self._events.snapshot(message)
        if any(not reply.deleted for reply in message.channel.thread(message.ts)[1:]):
            message.subtype, message.user, message.text = "tombstone", "USLACKBOT", "This message was deleted."
            message.blocks, message.files, message.reactions, message.metadata = [], [], {}, None
            self._events.changed(message, before)
        else:
            del message.channel.messages[message.ts]
            self._events.deleted(message, before)
        self._world.changed()

    def react(self, message: Message, user_id: str, name: str) -> None:
        message.reactions.setdefault(name, []).append(user_id)
        self._events.reacted(message, user_id, name, added=True)
        self._world.changed()

    def unreact(self, message: Message, user_id: str, name: str) -> None:
        message.reactions[name].remove(user_id)
        if not message.reactions[name]:
            del message.reactions[name]
        self._events.reacted(message, user_id, name, added=False)
        self._world.changed()

    def message(
        self,
        channel: Channel,
        user: str,
        *,
        text: str = "",
        blocks: Sequence[Block] = (),
        parent_ts: str = "",
        **others: Any,
    ) -> Message:
        """A message with the next ts, not yet posted. `others`: further fields of `Message`."""
        others.setdefault("team_id", channel.team_id)
        return Message(
            channel, self._world.next_ts(), user, text=text, blocks=list(blocks), parent_ts=parent_ts, **others
        )
