"""The state of the fake: a simcord backend on the real clock, files served by us, and what else Discord keeps."""

from __future__ import annotations

import hashlib
import mimetypes
import urllib.parse
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from simcord._clock import Clock
from simcord.backend import Backend
from simcord.backend.cdn import CdnStore
from simcord.backend.models import Channel, Message, ThreadMetadata
from simcord.backend.serializers import message_payload

from tests.fakes.slack.news import News

MIB = 1024 * 1024
UPLOAD_BYTES = 10 * MIB
REQUEST_BYTES = 25 * MIB
ACTIVE_THREADS = 1_000
HAS_THREAD = 1 << 5
THREAD_STARTER = 21
PRIVATE_THREAD = 12


class WallClock(Clock):
    """The real time, which `advance` moves on."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.elapsed)


class Cdn(CdnStore):
    """Files under links of the fake that are signed, as Discord's are."""

    def __init__(self) -> None:
        super().__init__()
        self.origin = ""

    def store_attachment(
        self, attachment_id: int, channel_id: int, filename: str, data: bytes, description: str | None
    ) -> dict[str, Any]:
        path = f"/attachments/{channel_id}/{attachment_id}/{urllib.parse.quote(filename)}"
        self._blobs[path] = data
        url = f"{self.origin}{path}?ex=7fffffff&is=60000000&hm={signature(path)}"
        return {
            "id": str(attachment_id),
            "filename": filename,
            "description": description,
            "size": len(data),
            "url": url,
            "proxy_url": url,
            "content_type": mimetypes.guess_type(filename)[0] or "application/octet-stream",
        }

    def forget(self, attachment: dict[str, Any]) -> None:
        """From now on the link leads nowhere."""
        self._blobs.pop(urllib.parse.urlsplit(attachment["url"]).path, None)

    def data(self, attachment: dict[str, Any]) -> bytes:
        return self._blobs[urllib.parse.urlsplit(attachment["url"]).path]


def signature(path: str) -> str:
    return hashlib.sha256(f"cdn {path}".encode()).hexdigest()


class World:
    """Everything that exists, and the settings of the application in Discord's portal."""

    def __init__(self) -> None:
        self.backend = Backend(clock=WallClock())
        self.cdn = self.backend.cdn = Cdn()
        self.backend.bot_user.name = "gofer"
        self.news = News()
        self.on_change: list[Callable[[], None]] = [self.news.tell]
        self.problems: list[str] = []
        self.message_content = True
        """The switch of the portal: whether the privileged intent may be asked for."""
        self.upload_bytes = UPLOAD_BYTES
        self.active_threads = ACTIVE_THREADS
        self.closed_dms: set[int] = set()
        """People who take no direct messages from the bot."""
        self.nonces: dict[tuple[int, str], int] = {}
        """Message id by channel and nonce."""
        self.http_interactions = False

    def changed(self) -> None:
        for tell in list(self.on_change):
            tell()

    def problem(self, text: str) -> None:
        self.problems.append(text)
        self.changed()

    def channel(self, channel_id: int) -> Channel:
        return self.backend.get_channel(channel_id)

    def thread_on(self, message: Message) -> Channel | None:
        """The thread that was begun on a message: its id is the message's."""
        return self.backend.channels.get(message.id)

    def begin_thread(self, message: Message, name: str, owner_id: int, *, minutes: int = 1440) -> Channel:
        """A public thread on a message, announced; the first thing in it is the note of where it begins."""
        backend = self.backend
        parent = self.channel(message.channel_id)
        thread = backend.create_thread(
            parent.id, name, owner_id, auto_archive_duration=minutes, message_id=message.id, broadcast=False
        )
        backend.announce_thread_create(thread)
        message.flags |= HAS_THREAD
        backend.emit("MESSAGE_UPDATE", dict(message_payload(backend, message)))
        starter = Message(
            id=backend.snowflake(),
            channel_id=thread.id,
            author_id=message.author_id,
            timestamp=backend.now_iso(),
            type=THREAD_STARTER,
            reference={
                "type": 0,
                "channel_id": str(parent.id),
                "message_id": str(message.id),
                "guild_id": str(parent.guild_id),
                "fail_if_not_exists": True,
            },
        )
        backend.messages[thread.id][starter.id] = starter
        backend.announce_message_create(starter)
        return thread

    def threads_active(self, guild_id: int) -> int:
        return len(self.backend.active_threads(guild_id))

    @staticmethod
    def archived(channel: Channel) -> ThreadMetadata | None:
        """What is known of a thread that is archived; None for all other channels."""
        meta = channel.thread_metadata
        return meta if meta is not None and meta.archived else None
