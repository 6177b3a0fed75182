"""People in the client: they can do what the client lets them do, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simcord import _modal as modals
from simcord import interactions as building
from simcord.backend.access import channel_accessible
from simcord.backend.errors import SetupError
from simcord.backend.models import Channel, Interaction
from simcord.backend.serializers import message_payload

from tests.fakes.discord import plain
from tests.fakes.discord.interactions import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL_SUBMIT
from tests.fakes.discord.seen import Form, Message

if TYPE_CHECKING:
    from tests.fakes.discord.fake import DiscordFake

NewFile = tuple[str, bytes]
MESSAGE_COMMAND = 3
ATTACHMENT = 11


class NotPossible(Exception):
    """The client would not let a person do this."""


@dataclass(frozen=True)
class Human:
    """Somebody with an account."""

    fake: DiscordFake
    user_id: int
    name: str

    @property
    def mention(self) -> str:
        return f"<@{self.user_id}>"

    # -- saying

    async def says(
        self,
        channel: Channel,
        text: str,
        *,
        thread: Message | None = None,
        files: Sequence[NewFile] = (),
        answers: Message | None = None,
        forwards: Message | None = None,
    ) -> Message:
        """Say something in a channel, or in the thread on a message, which is begun when there is none."""
        world = self.fake.world
        place = channel
        if thread is not None and channel.guild_id is not None and not channel.is_thread:
            place = world.thread_on(thread.model) or world.begin_thread(thread.model, "Discussion", self.user_id)
        self._may_see(place)
        meta = place.thread_metadata
        if meta is not None and meta.locked:
            raise NotPossible("the thread is locked")
        if meta is not None and meta.archived:
            world.backend.edit_channel(place.id, {}, thread_metadata={"archived": False})
        reference: dict[str, Any] | None = None
        if answers is not None:
            reference = {"message_id": str(answers.id), "channel_id": str(answers.model.channel_id)}
        if forwards is not None:
            reference = {"type": 1, "message_id": str(forwards.id), "channel_id": str(forwards.model.channel_id)}
        attachments = world.backend.store_attachments(place.id, list(files))
        model = world.backend.create_message(place.id, self.user_id, text, attachments=attachments, reference=reference)
        return Message(self.fake, model)

    async def edits(self, message: Message, text: str) -> None:
        self._own(message)
        self.fake.world.backend.edit_message(message.model.channel_id, message.id, {"content": text})

    async def deletes(self, message: Message) -> None:
        self._own(message)
        self.fake.world.backend.delete_message(message.model.channel_id, message.id)

    async def reacts(self, message: Message, emoji: str) -> None:
        """Put an emoji on a message: itself, as in `✅`."""
        self._may_see(message.channel)
        if self.fake.world.archived(message.channel):
            raise NotPossible("the thread is archived")
        self.fake.world.backend.set_reaction(message.model.channel_id, message.id, emoji, self.user_id, True)

    async def takes_back(self, message: Message, emoji: str) -> None:
        """Take a reaction away again."""
        self.fake.world.backend.set_reaction(message.model.channel_id, message.id, emoji, self.user_id, False)

    # -- pressing

    async def clicks(self, message: Message, label: str, *, stale: bool = False) -> Interaction:
        """Press a button. `stale`: also one that the message had earlier and that is shown to them no more."""
        buttons = plain.buttons_in(message.components) + (self.fake.earlier(message) if stale else [])
        button = next((b for b in buttons if b.get("label") == label and not b.get("disabled")), None)
        if button is None:
            raise NotPossible(f"there is no button {label!r} on {message!r}")
        return await self._presses(message, button, {})

    async def chooses(self, message: Message, option: str) -> Interaction:
        """Choose in a select by the words of an option."""
        for select in plain.selects_in(message.components):
            for each in select.get("options") or []:
                if each["label"] == option:
                    return await self._presses(message, select, {"values": [each["value"]]})
        raise NotPossible(f"there is no option {option!r} on {message!r}")

    async def _presses(self, message: Message, component: Mapping[str, Any], more: dict[str, Any]) -> Interaction:
        if message.deleted:
            raise NotPossible("the message is deleted")
        if not message.model.visible_to(self.user_id):
            raise NotPossible("the message is somebody else's")
        self._may_see(message.channel)
        data = {"component_type": component["type"], "custom_id": component["custom_id"], "id": component.get("id", 1)}
        return await self._sends(COMPONENT, message.channel, data | more, message=message, source_message_id=message.id)

    # -- forms

    async def submits(self, form: Form, values: Mapping[str, Any]) -> Interaction:
        """Fill in a form and send it. What is not named stays as it is."""
        if form.interaction.modal_consumed or form.interaction.user_id != self.user_id:
            raise NotPossible("this form is not open before this person")
        given = {name: _prefilled(field) for name, field in form.fields.items()}
        if unknown := set(values) - set(given):
            raise NotPossible(f"there is no field {sorted(unknown)} in {sorted(given)}")
        filled = {name: value for name, value in {**given, **values}.items() if value is not None}
        resolved: dict[str, Any] = {}
        pending: list[tuple[dict[str, Any], str, bytes]] = []
        channel_id = form.interaction.channel_id
        try:
            parts = modals._modal_submit_nodes(form.components, None, filled, resolved, channel_id, pending)
        except SetupError as error:
            raise NotPossible(str(error)) from error
        for data, name, blob in pending:
            backend = self.fake.world.backend
            data["values"].append(building.store_interaction_attachment(backend, channel_id, name, blob, resolved))
        told: dict[str, Any] = {"custom_id": (form.interaction.modal or {})["custom_id"], "components": parts}
        told |= {"resolved": resolved} if resolved else {}
        form.interaction.modal_consumed = True
        source = form.interaction.source_message_id
        channel = self.fake.world.channel(channel_id)
        message = self.fake.find(channel_id, source) if source else None
        return await self._sends(MODAL_SUBMIT, channel, told, message=message, source_message_id=source)

    def closes(self, form: Form) -> None:
        """Close a form without sending it. Discord tells nobody."""
        form.interaction.modal_consumed = True

    # -- commands

    async def runs(self, line: str, channel: Channel, *, files: Sequence[NewFile] = (), **options: Any) -> Interaction:
        """Run a command such as `/task new`. `options` by name; `files` fill its attachments in order."""
        command, spec, nesting = self._command(line, channel)
        uploads = iter(files)
        for option in spec.get("options") or []:
            wanted = option["type"] == ATTACHMENT and option["name"] not in options
            if wanted and (file := next(uploads, None)) is not None:
                options[option["name"]] = file
        try:
            accepted = building.check_options(line, spec, options)
        except SetupError as error:
            raise NotPossible(str(error)) from error
        resolved: dict[str, Any] = {}
        built: list[dict[str, Any]] = []
        types = {option["name"]: option["type"] for option in spec.get("options") or []}
        for name, value in accepted.items():
            told = value
            if types[name] == ATTACHMENT:
                backend = self.fake.world.backend
                told = building.store_interaction_attachment(backend, channel.id, *value, resolved)
            built.append({"name": name, "type": types[name], "value": told})
        data = self._named(command) | {"options": building.nest_options(command, nesting, built)}
        data |= {"resolved": resolved} if resolved else {}
        return await self._sends(COMMAND, channel, data)

    async def completes(self, line: str, channel: Channel, option: str, typed: str) -> list[str]:
        """The names that are offered while an option is typed."""
        return list(await self.offers(line, channel, option, typed))

    async def offers(self, line: str, channel: Channel, option: str, typed: str) -> dict[str, str]:
        """What is offered while an option is typed: names with the values that they stand for."""
        command, spec, nesting = self._command(line, channel)
        found = next((o for o in spec.get("options") or [] if o["name"] == option), None)
        if found is None or not found.get("autocomplete"):
            raise NotPossible(f"{line} offers nothing for {option!r}")
        built = [{"name": option, "type": found["type"], "value": typed, "focused": True}]
        data = self._named(command) | {"options": building.nest_options(command, nesting, built)}
        record = await self._sends(AUTOCOMPLETE, channel, data)
        return {choice["name"]: choice["value"] for choice in record.autocomplete_choices or []}

    async def uses(self, name: str, message: Message) -> Interaction:
        """Choose an entry of a message's menu."""
        backend = self.fake.world.backend
        command = backend.find_command(name, message.channel.guild_id, MESSAGE_COMMAND)
        if command is None:
            raise NotPossible(f"there is no {name!r} for messages")
        told = dict(message_payload(backend, message.model))
        resolved = {"messages": {str(message.id): told}}
        data = self._named(command) | {"target_id": str(message.id), "resolved": resolved}
        return await self._sends(COMMAND, message.channel, data)

    def _command(self, line: str, channel: Channel) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
        name, *path = line.removeprefix("/").split()
        command = self.fake.world.backend.find_command(name, channel.guild_id)
        if command is None:
            raise NotPossible(f"there is no command /{name}: is it synchronised?")
        try:
            spec, nesting = building.walk_to_subcommand(command, path)
        except SetupError as error:
            raise NotPossible(str(error)) from error
        return command, spec, nesting

    @staticmethod
    def _named(command: Mapping[str, Any]) -> dict[str, Any]:
        told = {"id": command["id"], "name": command["name"], "type": command["type"]}
        return told | ({"guild_id": command["guild_id"]} if "guild_id" in command else {})

    # -- the rest

    async def _sends(
        self,
        kind: int,
        channel: Channel,
        data: dict[str, Any],
        *,
        message: Message | None = None,
        source_message_id: int | None = None,
    ) -> Interaction:
        self._may_see(channel)
        told = None
        if message is not None:
            told = dict(message_payload(self.fake.world.backend, message.model))
        record, payload = self.fake.interactions.begin(
            kind,
            channel_id=channel.id,
            user_id=self.user_id,
            data=data,
            message=told,
            source_message_id=source_message_id,
        )
        return await self.fake.interactions.send(record, payload)

    def _may_see(self, channel: Channel) -> None:
        if not channel_accessible(self.fake.world.backend, channel.id, self.user_id):
            raise NotPossible(f"{self.name} does not see {channel.name or channel.id}")

    def _own(self, message: Message) -> None:
        if message.author_id != self.user_id:
            raise NotPossible(f"{message!r} is not {self.name}'s")


def _prefilled(field: Mapping[str, Any]) -> Any:
    """What stands in a field when the form opens; None: nothing."""
    chosen = [option["value"] for option in field.get("options") or [] if option.get("default")]
    if field["type"] == 21:
        return chosen[0] if chosen else None
    if "options" in field:
        return chosen or None
    return field.get("value")
