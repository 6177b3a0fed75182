"""What Discord refuses and the backend under the fake lets through."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from simcord.backend import permissions
from simcord.backend.errors import BackendError
from simcord.backend.models import Channel
from simcord.backend.serializers import thread_payload

from tests.fakes.discord.lint import lint
from tests.fakes.discord.rates import OLD_S
from tests.fakes.discord.world import PRIVATE_THREAD, REQUEST_BYTES, World

if TYPE_CHECKING:
    from tests.fakes.discord.api import Called

REACTION_KINDS = 20
"""Different emoji on one message."""


class Limited(Exception):
    """A 429 that belongs to what is done, not to a bucket."""

    def __init__(self, wait_s: float, code: int, message: str) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        self.code = code
        self.message = message


def check(world: World, called: Called, files: Sequence[Any], size_bytes: int) -> None:
    """Raises `BackendError` with Discord's code when the call is refused."""
    if size_bytes > REQUEST_BYTES or any(len(file.fp.getbuffer()) > world.upload_bytes for file in files):
        raise BackendError(413, 40005, "Request entity too large")
    if found := lint(called.name, called.body, files):
        raise BackendError(400, 50035, f"Invalid Form Body: {'; '.join(found)}")
    match called.name:
        case "POST /channels/*/messages":
            _may_post(world, world.channel(called.ids[0]), files)
        case "POST /channels/*/typing":
            _not_archived(world, called.ids[0])
        case "PATCH /channels/*/messages/*":
            _not_archived(world, called.ids[0])
            _old(world, called)
        case "POST /channels/*/messages/*/threads":
            _may_begin_thread(world, called)
        case name if name.startswith(("PUT /channels/*/messages/*/reactions", "DELETE /channels/*/messages/*")):
            _not_archived(world, called.ids[0])
            if called.method == "PUT":
                _one_more_kind(world, called)
        case _:
            return


def edit_thread(world: World, channel: Channel, body: dict[str, Any]) -> dict[str, Any]:
    """A thread's own rules: who began it may rename and archive it; a locked one only who manages threads."""
    backend = world.backend
    manages = _may(world, channel, "manage_threads")
    meta = channel.thread_metadata
    assert meta is not None
    backend.require_permissions(channel.guild_id, backend.bot_user.id, channel.id, "send_messages_in_threads")
    if not manages and (channel.owner_id != backend.bot_user.id or "locked" in body or meta.locked):
        raise BackendError(403, 50013, "Missing Permissions")
    if meta.archived and body.get("archived", True) and set(body) - {"archived", "locked"}:
        raise BackendError(400, 50083, "Thread is archived")
    known = {"name", "archived", "locked", "auto_archive_duration", "rate_limit_per_user", "invitable"}
    if unknown := set(body) - known:
        raise BackendError(400, 50035, f"Invalid Form Body: {sorted(unknown)}")
    changes = {name: body[name] for name in ("name", "rate_limit_per_user") if name in body}
    meta_changes = {name: body[name] for name in known - {"name", "rate_limit_per_user"} if name in body}
    return dict(thread_payload(backend, backend.edit_channel(channel.id, changes, thread_metadata=meta_changes)))


def remembered(world: World, called: Called) -> int | None:
    """The message that was sent with the same nonce a moment ago."""
    body = called.body if isinstance(called.body, dict) else {}
    if called.name == "POST /channels/*/messages" and body.get("enforce_nonce") and body.get("nonce"):
        found = world.nonces.get((called.ids[0], str(body["nonce"])))
        return found if found in world.backend.messages.get(called.ids[0], {}) else None
    return None


def _may_post(world: World, channel: Channel, files: Sequence[Any]) -> None:
    if set(channel.recipient_ids) & world.closed_dms:
        raise BackendError(403, 50007, "Cannot send messages to this user")
    meta = channel.thread_metadata
    if meta is not None and meta.locked and not _may(world, channel, "manage_threads"):
        raise BackendError(400, 160005, "The thread is locked")
    if channel.guild_id is not None and files and not _may(world, channel, "attach_files"):
        raise BackendError(403, 50013, "Missing Permissions")
    if channel.type == PRIVATE_THREAD and world.backend.bot_user.id not in channel.thread_members:
        raise BackendError(403, 50001, "Missing Access")
    if world.archived(channel):
        world.backend.edit_channel(channel.id, {}, thread_metadata={"archived": False})


def _not_archived(world: World, channel_id: int) -> None:
    if world.archived(world.channel(channel_id)):
        raise BackendError(400, 50083, "Thread is archived")


def _one_more_kind(world: World, called: Called) -> None:
    message = world.backend.get_message(called.ids[0], called.ids[1])
    kinds = {reaction.emoji for reaction in message.reactions}
    if len(kinds) >= REACTION_KINDS and unquote(called.path.split("/reactions/")[1].split("/")[0]) not in kinds:
        raise BackendError(400, 30010, f"Maximum number of reactions reached ({REACTION_KINDS})")


def _old(world: World, called: Called) -> None:
    message = world.backend.get_message(called.ids[0], called.ids[1])
    age_s = (world.backend.clock.now() - datetime.fromisoformat(message.timestamp)).total_seconds()
    if age_s > OLD_S and (wait_s := called.rates.old_edit(str(called.ids[0]))):
        raise Limited(wait_s, 30046, "Maximum number of edits to messages older than 1 hour reached. Try again later.")


def _may_begin_thread(world: World, called: Called) -> None:
    channel = world.channel(called.ids[0])
    message = world.backend.get_message(channel.id, called.ids[1])
    if channel.guild_id is None or channel.is_thread:
        raise BackendError(400, 50024, "Cannot execute action on this channel type")
    world.backend.require_permissions(
        channel.guild_id, world.backend.bot_user.id, channel.id, "create_public_threads", "read_message_history"
    )
    if world.thread_on(message) is not None:
        raise BackendError(400, 160004, "A thread has already been created for this message")
    if world.threads_active(channel.guild_id) >= world.active_threads:
        raise BackendError(400, 160006, "Maximum number of active threads reached")


def _may(world: World, channel: Channel, name: str) -> bool:
    if channel.guild_id is None:
        return True
    backend = world.backend
    return bool(backend.compute_permissions(channel.guild_id, backend.bot_user.id, channel.id) & permissions.flag(name))
