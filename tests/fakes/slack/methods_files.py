"""reactions.* and files.*: signs on messages, and bytes in three steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.slack.emoji import known_name
from tests.fakes.slack.registry import Call, Refused, method
from tests.fakes.slack.shapes import file_json
from tests.fakes.slack.world import File, Message, Team

if TYPE_CHECKING:
    from tests.fakes.slack.fake import SlackFake

DOWNLOAD = "download"
"""What faults call the reading of a file's bytes (`hold` only; its argument is `name`)."""
REACTIONS_MAX = 23
"""Different emoji of one person on one message."""


@dataclass(eq=False)
class Upload:
    """A file on its way: announced, sent, then completed."""

    file_id: str
    name: str
    length: int
    team: Team
    alt_txt: str = ""
    data: bytes | None = None


@dataclass(eq=False)
class Uploads:
    """Settings of the organisation, and what is on its way."""

    enabled: bool = True
    size_max: int = 1 << 30
    forbidden: frozenset[str] = frozenset()
    """Extensions that may not be uploaded, without a dot."""
    share_delay_s: float = 0.02
    pending: dict[str, Upload] = field(default_factory=dict)


@method("reactions.add", "channel! name! timestamp!:ts", scopes="reactions:write")
async def add(call: Call) -> dict[str, Any]:
    message, name = _reaction(call)
    if call.team.bot_user_id in message.reactions.get(name, ()):
        raise Refused("already_reacted")
    if sum(call.team.bot_user_id in users for users in message.reactions.values()) >= REACTIONS_MAX:
        raise Refused("too_many_emoji")
    call.fake.acts.react(message, call.team.bot_user_id, name)
    return {}


@method("reactions.remove", "channel! name! timestamp!:ts", scopes="reactions:write")
async def remove(call: Call) -> dict[str, Any]:
    message, name = _reaction(call)
    if call.team.bot_user_id not in message.reactions.get(name, ()):
        raise Refused("no_reaction")
    call.fake.acts.unreact(message, call.team.bot_user_id, name)
    return {}


@method("reactions.get", "channel! timestamp!:ts full:bool", scopes="reactions:read", json_body=False)
async def get(call: Call) -> dict[str, Any]:
    channel = call.channel()
    message = call.message(channel, "timestamp")
    found = [{"name": name, "users": users, "count": len(users)} for name, users in message.reactions.items()]
    return {"type": "message", "channel": channel.id, "message": {"ts": message.ts, "reactions": found}}


def _reaction(call: Call) -> tuple[Message, str]:
    name = known_name(call.args["name"])
    if not name:
        raise Refused("invalid_name")
    return call.message(call.channel(open_to_post=True), "timestamp"), name


@method(
    "files.getUploadURLExternal", "filename! length!:int alt_txt snippet_type", scopes="files:write", json_body=False
)
async def announce(call: Call) -> dict[str, Any]:
    uploads, length = call.fake.uploads, call.args["length"]
    if not uploads.enabled:
        raise Refused("file_uploads_disabled")
    if call.args["filename"].rpartition(".")[2].lower() in uploads.forbidden:
        raise Refused("file_type_not_allowed")
    if length < 1:
        raise Refused("invalid_arguments", "[ERROR] length must be more than 0")
    if length > uploads.size_max:
        raise Refused("file_upload_size_restricted")
    upload = Upload(call.world.new_id("F"), call.args["filename"], length, call.team, call.args.get("alt_txt", ""))
    uploads.pending[upload.file_id] = upload
    return {"upload_url": f"{call.fake.origin}/upload/v1/{upload.file_id}", "file_id": upload.file_id}


async def receive(fake: SlackFake, request: web.Request) -> web.Response:
    """The bytes of one announced file: raw, or as the one part of a form. Exactly the announced length."""
    upload = fake.uploads.pending.get(request.match_info["file_id"])
    if upload is None or upload.data is not None:
        return web.Response(status=404, text="no such upload")
    if request.content_type == "multipart/form-data":
        parts = [part async for part in await request.multipart()]
        data = await parts[0].read() if len(parts) == 1 else b""
    else:
        data = await request.read()
    if len(data) != upload.length:
        return web.Response(status=400, text=f"announced {upload.length} bytes, got {len(data)}")
    upload.data = data
    return web.Response(text=f"OK - {len(data)}")


@method(
    "files.completeUploadExternal",
    "files!:json channel_id channels:list thread_ts:ts initial_comment blocks:json",
    scopes="files:write",
)
async def complete(call: Call) -> dict[str, Any]:
    """The answer names the files but no message: the share happens a moment later."""
    if not isinstance(call.args["files"], list) or not call.args["files"]:
        raise Refused("invalid_arguments", "[ERROR] files must be an array")
    ids = [item.get("id") if isinstance(item, dict) else None for item in call.args["files"]]
    if len(ids) != len(set(ids)):
        raise Refused("invalid_arguments", "[ERROR] a file twice")
    found = [call.fake.uploads.pending.get(str(file_id)) for file_id in ids]
    if any(upload is None or upload.data is None or upload.team is not call.team for upload in found):
        raise Refused("file_not_found")
    if any(set(item) - {"id", "title", "highlight_type"} for item in call.args["files"]):
        raise Refused("invalid_arguments", "[ERROR] files: unknown field")
    names = [call.args["channel_id"]] if "channel_id" in call.args else call.args.get("channels") or []
    if "thread_ts" in call.args and len(names) != 1:
        raise Refused("invalid_arguments", "[ERROR] thread_ts needs exactly one channel")
    places = []
    for name in names:
        here = Call(call.fake, call.team, {**call.args, "channel_id": name})
        channel = here.channel("channel_id", open_to_post=True)
        places.append((channel, here.thread(channel)))
    files = []
    for item, upload in zip(call.args["files"], found, strict=True):
        assert upload is not None
        assert upload.data is not None
        del call.fake.uploads.pending[upload.file_id]
        title = item.get("title") or upload.name
        file = call.fake.new_file(
            upload.name, upload.data, call.team.bot_user_id, call.team.team_id, title=title, file_id=upload.file_id
        )
        file.alt_txt = upload.alt_txt
        files.append(file)
    for channel, parent_ts in places:
        comment = call.args.get("initial_comment", "")
        blocks = [] if comment else call.args.get("blocks") or []  # Slack ignores blocks beside a comment
        message = {"text": comment, "blocks": blocks, "parent_ts": parent_ts, "files": files}
        call.fake.later(
            call.fake.uploads.share_delay_s,
            lambda channel=channel, message=message: call.fake.acts.post(
                call.fake.acts.message(channel, call.team.bot_user_id, bot_id=call.team.bot_id, **message)
            ),
        )
    call.world.changed()
    return {"files": [{"id": file.file_id, "title": file.title} for file in files]}


@method("files.info", "file! count:int page:int cursor limit:int", scopes="files:read", json_body=False)
async def info(call: Call) -> dict[str, Any]:
    return {"file": file_json(call.world, _visible(call, call.args["file"]), call.fake.origin), "comments": []}


@method("files.delete", "file!", scopes="files:write")
async def delete(call: Call) -> dict[str, Any]:
    file = _visible(call, call.args["file"])
    if file.user != call.team.bot_user_id:
        raise Refused("cant_delete_file")
    del call.world.files[file.file_id]
    for message in call.world.messages():
        if file in message.files:
            message.files.remove(file)
    call.world.changed()
    return {}


def _visible(call: Call, file_id: str) -> File:
    """A file is seen where it was shared with the bot, given to it in a form, or made by it."""
    file = call.world.files.get(file_id)
    if file is None or not may_read(call.fake, call.team, file):
        raise Refused("file_not_found")
    return file


def may_read(fake: SlackFake, team: Team, file: File) -> bool:
    if file.user == team.bot_user_id or file.file_id in fake.submitted_files:
        return True
    return any(team.bot_user_id in fake.world.channels[channel_id].members for channel_id, _ in file.shares)


async def download(fake: SlackFake, request: web.Request) -> web.Response:
    """The bytes for who has a token and may see the file; a login page, with status 200, for everybody else."""
    file = fake.world.files.get(request.match_info["file"].partition("-")[2])
    if (gate := fake.faults.take("hold", DOWNLOAD, {"name": request.match_info["name"]})) and gate.gate:
        await gate.gate.pass_through({"name": request.match_info["name"]})
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    team = fake.team_of_token(token)
    if team is None or file is None or "files:read" not in team.scopes or not may_read(fake, team, file):
        page = "<!DOCTYPE html><html><head><title>Sign in | Slack</title></head><body>Sign in</body></html>"
        return web.Response(text=page, content_type="text/html")
    kind = file_json(fake.world, file, fake.origin)["mimetype"]
    headers = {"Content-Disposition": "attachment"} if "/download/" in request.path else {}
    return web.Response(body=file.data, content_type=kind, headers=headers)
