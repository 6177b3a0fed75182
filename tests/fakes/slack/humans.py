"""People: everything that somebody can do in Slack's client, as a test asks them to.

A verb raises `NotPossible` where the client would not offer it, and `NotAnswered` where the app does not acknowledge
in 3 seconds, which a person sees as a warning.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tests.fakes.slack.delivery import Delivery, Kind
from tests.fakes.slack.emoji import known_name
from tests.fakes.slack.filling import NotPossible, choose
from tests.fakes.slack.forms import FormVerbs, ResponseAction
from tests.fakes.slack.lint import faults_of
from tests.fakes.slack.methods_streams import finish
from tests.fakes.slack.payloads import action_in_view, action_on_message, command, global_shortcut, message_shortcut
from tests.fakes.slack.plain import buttons_of, elements_of
from tests.fakes.slack.shapes import Json, file_json, message_json, rich_text_of, with_ids
from tests.fakes.slack.typing_in import in_command, typed
from tests.fakes.slack.world import Block, Channel, File, Message, Team, User, View

if TYPE_CHECKING:
    from tests.fakes.slack.fake import SlackFake

NewFile = tuple[str, bytes] | File
__all__ = ["Human", "NotAnswered", "NotPossible", "ResponseAction"]


class NotAnswered(AssertionError):
    """The app did not acknowledge an interaction."""


class Human(User, FormVerbs):
    """A person with hands."""

    fake: SlackFake

    def __repr__(self) -> str:
        return f"<{self.name} {self.user_id}>"

    # Saying

    async def says(
        self,
        channel: Channel,
        text: str = "",
        *,
        thread: Message | str | None = None,
        files: Sequence[NewFile] = (),
        edited: str | None = None,
    ) -> Message:
        """Send a message. `<@U…>` of somebody known is a mention, other brackets are words; URLs become links.

        `files`: (name, bytes) to upload, or files that are there already. `edited`: what they change it to at once.
        """
        message = self._new_message(channel, text, thread, files)
        self.fake.acts.post(message)
        if edited is not None:
            await self.edits(message, edited)
        return message

    async def edits(self, message: Message, text: str) -> None:
        """Change one's own message."""
        self._mine(message)
        shown, parts = typed(text, self._known())
        self.fake.acts.edit(message, self.user_id, text=shown, blocks=rich_text_of(shown, parts))

    async def deletes(self, message: Message) -> None:
        self._mine(message)
        self.fake.acts.delete(message)

    async def forwards(
        self, message: Message, channel: Channel, text: str = "", *, thread: Message | str | None = None
    ) -> Message:
        """Share a message elsewhere: the new one carries it as an attachment, files and all."""
        self._sees(message)
        origin = message.channel
        attachment: Json = {
            "is_share": True,
            "is_msg_unfurl": True,
            "ts": message.ts,
            "channel_id": origin.id,
            "channel_team": origin.team_id,
            "author_id": message.user,
            "author_subname": self.fake.world.user(message.user).name,
            "from_url": self.fake.permalink(message),
            "text": message.text,
            "fallback": message.text,
            "mrkdwn_in": ["text"],
            "id": 1,
            "message_blocks": [
                {"team": origin.team_id, "channel": origin.id, "ts": message.ts, "message": {"blocks": message.blocks}}
            ],
            "files": [file_json(self.fake.world, file, self.fake.origin) for file in message.files],
        }
        new = self._new_message(channel, text, thread, ())
        new.attachments = [attachment]
        for file in message.files:
            file.shares.append((channel.id, new.ts))
        return self.fake.acts.post(new)

    async def reacts(self, message: Message, name: str) -> None:
        self._sees(message)
        stored = known_name(name)
        if not stored or self.user_id in message.reactions.get(stored, ()):
            raise NotPossible(f"no such emoji, or already there: {name}")
        self.fake.acts.react(message, self.user_id, stored)

    async def unreacts(self, message: Message, name: str) -> None:
        stored = known_name(name)
        if self.user_id not in message.reactions.get(stored, ()):
            raise NotPossible(f"{self.name} has not reacted with {name}")
        self.fake.acts.unreact(message, self.user_id, stored)

    # Coming and going

    async def joins(self, channel: Channel) -> None:
        self._comes(channel, self.user_id, "")

    async def invites(self, channel: Channel, whom: User | None = None) -> None:
        """Bring somebody into a channel: the bot, unless another is named."""
        self._inside(channel)
        self._comes(channel, whom.user_id if whom else self._team(channel).bot_user_id, self.user_id)

    async def removes(self, channel: Channel, whom: User | None = None) -> None:
        """Take somebody out of a channel: the bot, unless another is named."""
        self._inside(channel)
        channel.members.discard(whom.user_id if whom else self._team(channel).bot_user_id)
        self.fake.world.changed()

    def _comes(self, channel: Channel, user_id: str, inviter: str) -> None:
        channel.members.add(user_id)
        self.fake.events.joined(channel, user_id, inviter)
        self.fake.world.changed()

    # Pressing

    async def clicks(
        self,
        target: Message | View,
        what: str,
        *,
        values: dict[str, Any] | None = None,
        stale: bool = False,
        wait: bool = True,
    ) -> Delivery:
        """Press a button by its label or action_id; a confirmation dialog is confirmed.

        `values`: what is typed in the modal at that moment. `stale`: the button may be of an earlier version of the
        message that this person still sees. `wait`: for the acknowledgement.
        """
        for blocks in self._versions(target, stale=stale):
            for block, button, element in buttons_of(blocks):
                if what not in (button["text"]["text"], element.get("action_id")):
                    continue
                visible = element.get("visible_to_user_ids")
                if visible is not None and self.user_id not in visible:
                    raise NotPossible(f"{self.name} does not see {what!r}")
                action: Json = {"text": button["text"], **self._action(block, element)}
                if "value" in button:
                    action["value"] = button["value"]
                if "style" in button:
                    action["style"] = button["style"]
                return await self._acts(target, action, values, wait=wait)
        raise NotPossible(f"no button {what!r}; there are {target.button_labels}")

    async def picks(
        self, target: Message | View, what: str, *, values: dict[str, Any] | None = None, wait: bool = True
    ) -> Delivery:
        """Choose an option, by its label or value, of a menu, radio buttons, checkboxes or an overflow menu."""
        for blocks in self._versions(target, stale=False):
            for block, element in elements_of(blocks):
                try:
                    option = choose(element, what)
                except NotPossible:
                    continue
                many = element["type"] in ("checkboxes", "multi_static_select")
                chosen: Json = {"selected_options": [option]} if many else {"selected_option": option}
                return await self._acts(target, {**self._action(block, element), **chosen}, values, wait=wait)
        raise NotPossible(f"nothing offers {what!r}")

    async def runs(self, line: str, channel: Channel) -> Message | None:
        """Send a slash command; gives what the acknowledgement says, if anything. Works only outside threads."""
        name, _, text = line.partition(" ")
        if name not in self.fake.commands:
            raise NotPossible(f"{name} is not a command of the app; there are {sorted(self.fake.commands)}")
        self._inside(channel)
        users = self.fake.world.users
        text = in_command(text.strip(), {user.user_id: user.name for user in users.values()}, self.fake.commands[name])
        body = command(self.fake, self, self._team(channel), channel, name, text)
        delivery = await self._asks("slash_commands", body)
        said = delivery.response
        if isinstance(said, str):
            said = {"text": said} if said else None
        if not said:
            return None
        if faults := faults_of("response_url", said, self.fake.missing_blocks):
            self.fake.world.problem(f"the answer to {line!r} is refused: {faults[0]}")
            return None
        url = self.fake.interactions.responses[body["response_url"].rpartition("/")[2]]
        return self.fake.interactions.answer(self.fake, url, said)

    async def shortcut(self, callback_id: str, message: Message | None = None, *, wait: bool = True) -> Delivery:
        """Call a message shortcut, or a global one where there is no message."""
        kind = "global" if message is None else "message"
        if self.fake.shortcuts is not None and self.fake.shortcuts.get(callback_id) != kind:
            raise NotPossible(f"the app has no {kind} shortcut {callback_id!r}; there are {dict(self.fake.shortcuts)}")
        if message is not None:
            self._sees(message)
            body = message_shortcut(self.fake, self, callback_id, message)
        else:
            body = global_shortcut(
                self.fake, self, self.fake.world.teams.get(self.team_id, self.fake.team), callback_id
            )
        return await self._asks("interactive", body, wait=wait)

    async def opens_home(self) -> None:
        """Open the app's Home tab."""
        self.fake.events.home_opened(self.fake.world.teams[self.team_id], self, "home")

    async def opens_messages_tab(self) -> None:
        """Open the direct messages with the app."""
        self.fake.dm(self)
        self.fake.events.home_opened(self.fake.world.teams[self.team_id], self, "messages")

    async def presses_stop(self, channel: Channel, thread: Message | str) -> None:
        """Press Stop, which Slack shows while the session is `processing` and the app listens to the event.

        Slack ends the app's streams in the thread; the session's status is left to the app.
        """
        self._inside(channel)
        thread_ts = thread.root_ts if isinstance(thread, Message) else thread
        session = self.fake.sessions.get((channel, thread_ts))
        if session is None or session.status != "processing":
            raise NotPossible("there is no Stop button: the session is not processing")
        if "agent_session_stopped" not in self.fake.events.subscriptions:
            raise NotPossible("there is no Stop button: the app is not subscribed to agent_session_stopped")
        stopped = [message for message in channel.thread(thread_ts) if message.streaming]
        for message in stopped:
            finish(self.fake.acts, message, [], by_user=True)
        self.fake.events.agent_stopped(channel, thread_ts, self.user_id, [message.ts for message in stopped])

    async def renames_session(self, channel: Channel, thread: Message | str, title: str) -> None:
        thread_ts = thread.root_ts if isinstance(thread, Message) else thread
        session = self.fake.sessions[channel, thread_ts]
        session.title = title
        event = {"type": "agent_session_title_changed", "channel": channel.id, "thread_ts": thread_ts, "title": title}
        more = {"user": self.user_id, "event_ts": self.fake.world.next_ts()}
        self.fake.events.emit(self._team(channel), event | more)
        self.fake.world.changed()

    # Inside

    def _new_message(
        self, channel: Channel, text: str, thread: Message | str | None, files: Sequence[NewFile]
    ) -> Message:
        self._inside(channel)
        if channel.archived:
            raise NotPossible(f"#{channel.name} is archived")
        parent_ts = thread.root_ts if isinstance(thread, Message) else thread or ""
        if parent_ts and parent_ts not in channel.messages:
            raise NotPossible("that thread is gone")
        shown, parts = typed(text, self._known())
        return self.fake.acts.message(
            channel,
            self.user_id,
            text=shown,
            blocks=rich_text_of(shown, parts),
            parent_ts=parent_ts,
            files=[self._file(item) for item in files],
            team_id=self.team_id,
            bot_id=self.bot_id,
            client_msg_id="" if self.bot else str(uuid.uuid4()),
        )

    def _file(self, item: NewFile) -> File:
        return item if isinstance(item, File) else self.fake.new_file(item[0], item[1], self.user_id, self.team_id)

    def _known(self) -> set[str]:
        world = self.fake.world
        return {*world.users, *world.channels, *world.groups}

    def _team(self, channel: Channel) -> Team:
        return self.fake.world.teams[channel.team_id]

    def _inside(self, channel: Channel) -> None:
        if self.user_id not in channel.members:
            raise NotPossible(f"{self.name} is not in #{channel.name}")

    def _sees(self, message: Message) -> None:
        self._inside(message.channel)
        if message.deleted or message.ephemeral_to not in ("", self.user_id):
            raise NotPossible(f"{self.name} does not see this message")

    def _mine(self, message: Message) -> None:
        self._sees(message)
        if message.user != self.user_id:
            raise NotPossible(f"the message is not of {self.name}")

    def _versions(self, target: Message | View, *, stale: bool) -> list[list[Block]]:
        """The blocks that this person sees, the current ones first."""
        if isinstance(target, View):
            world = self.fake.world
            home = world.homes.get((target.team_id, self.user_id))
            if target is not home and target not in world.views.get(self.user_id, ()):
                raise NotPossible(f"{self.name} has no such view open")
            return [with_ids(target.blocks, target.view_id)]
        if stale and target.deleted:
            return [with_ids(blocks, target.ts) for blocks in (target.blocks, *reversed(target.history))]
        self._sees(target)
        earlier = list(reversed(target.history)) if stale else []
        return [with_ids(blocks, target.ts) for blocks in (target.blocks, *earlier)]

    def _action(self, block: Block, element: Json) -> Json:
        ids = {"type": element["type"], "action_id": element["action_id"], "block_id": block["block_id"]}
        return {**ids, "action_ts": self.fake.world.next_ts()}

    async def _acts(
        self, target: Message | View, action: Json, values: dict[str, Any] | None, *, wait: bool
    ) -> Delivery:
        if isinstance(target, View):
            state = self.typed_in(target, values or {})
            body = action_in_view(self.fake, self, target, action, state)
        else:
            chosen = {name: value for name, value in action.items() if name.startswith("selected_")}
            state = {action["block_id"]: {action["action_id"]: {"type": action["type"], **chosen}}} if chosen else {}
            body = action_on_message(self.fake, self, target, action, state)
        return await self._asks("interactive", body, wait=wait)

    async def _asks(self, kind: Kind, body: dict[str, Any], *, wait: bool = True) -> Delivery:
        if not wait:
            self.fake.courier.spawn(self.fake.courier.ask(kind, body))
            return Delivery(kind, body, 0, "")
        delivery = await self.fake.courier.ask(kind, body)
        if not delivery.acked:
            told = body.get("type") or body.get("command")
            raise NotAnswered(f"{told}: {delivery.failure} (HTTP {delivery.status})\n{self.fake.dump()}")
        return delivery

    def shows(self, message: Message) -> Json:
        """The message's JSON, as history would give it."""
        return message_json(self.fake.world, message, self.fake.origin, metadata=True)
