"""Messages and forms as people see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simcord.backend.models import Channel, Interaction
from simcord.backend.models import Message as Model

from tests.fakes.discord import plain

if TYPE_CHECKING:
    from tests.fakes.discord.fake import DiscordFake


@dataclass(frozen=True)
class File:
    """An attachment."""

    name: str
    data: bytes
    raw: Mapping[str, Any]


@dataclass(frozen=True)
class Message:
    """A message as it stands now."""

    fake: DiscordFake
    model: Model

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and other.model is self.model

    def __hash__(self) -> int:
        return self.model.id

    @property
    def id(self) -> int:
        return self.model.id

    @property
    def channel(self) -> Channel:
        return self.fake.world.channel(self.model.channel_id)

    @property
    def author_id(self) -> int:
        return self.model.author_id

    @property
    def plain(self) -> str:
        return plain.plain_text(self.model.content, self.model.components, self.fake.names)

    @property
    def components(self) -> list[dict[str, Any]]:
        return self.model.components

    @property
    def is_card(self) -> bool:
        """Whether it is made of Components V2."""
        return bool(self.model.flags & 1 << 15)

    @property
    def ephemeral(self) -> bool:
        return self.model.is_ephemeral

    @property
    def button_labels(self) -> list[str]:
        return [str(b.get("label", "")) for b in plain.buttons_in(self.components) if not b.get("disabled")]

    @property
    def files(self) -> list[File]:
        cdn = self.fake.world.cdn
        return [File(raw["filename"], cdn.data(raw), raw) for raw in self.model.attachments]

    @property
    def rung(self) -> set[str]:
        """Names of those whom it rang; roles with `&`, everybody as `@everyone`."""
        names = {self.fake.names.get(str(user), str(user)) for user in self.model.ping_user_ids}
        names |= {f"&{role}" for role in self.model.ping_role_ids}
        return names | ({"@everyone"} if self.model.mention_everyone else set())

    @property
    def reactions(self) -> dict[str, list[int]]:
        """User ids by emoji."""
        return {reaction.emoji: list(reaction.user_ids) for reaction in self.model.reactions}

    @property
    def deleted(self) -> bool:
        return self.model.id not in self.fake.world.backend.messages.get(self.model.channel_id, {})

    def __repr__(self) -> str:
        who = self.fake.names.get(str(self.author_id), self.author_id)
        files = [raw["filename"] for raw in self.model.attachments]
        more = " ".join(str(part) for part in (self.button_labels, files, self.reactions) if part)
        return f"<{who} in {self.model.channel_id}: {self.plain!r} {more}{' ephemeral' if self.ephemeral else ''}>"


@dataclass(frozen=True)
class Form:
    """A modal that is open before somebody."""

    fake: DiscordFake
    interaction: Interaction

    @property
    def title(self) -> str:
        return str((self.interaction.modal or {}).get("title", ""))

    @property
    def components(self) -> list[dict[str, Any]]:
        return list((self.interaction.modal or {}).get("components", ()))

    @property
    def fields(self) -> dict[str, dict[str, Any]]:
        """Fields by their custom_id."""
        return {node["custom_id"]: dict(node) for node in plain.components_in(self.components) if "custom_id" in node}

    @property
    def plain(self) -> str:
        """Its words, and what stands in its fields."""
        labels = [str(node.get("label", "")) for node in plain.components_in(self.components) if node["type"] == 18]
        filled = [str(field.get("value", "")) for field in self.fields.values()]
        return "\n".join([self.title, plain.plain_text("", self.components, self.fake.names), *labels, *filled])
