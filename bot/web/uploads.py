"""Files people hand over, and the receipts that let them use those, and only those, in a message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import timedelta

from starlette.datastructures import UploadFile
from starlette.requests import Request

from agent.domain.errors import NotAllowed
from agent.domain.files import WorkFile
from agent.domain.people import TERMINAL, Actor
from agent.service.uploads import UPLOAD_LIMIT_BYTES
from bot.web.bodies import FileRef
from bot.web.parts import Web
from bot.web.problems import Malformed, TooLarge

RECEIPT_LIFETIME = timedelta(days=7)
FILES_AT_ONCE = 50
PIECE_BYTES = 64 * 1024


async def receive(web: Web, actor: Actor, request: Request) -> tuple[WorkFile, ...]:
    """Store what the request carries: one file as its body (`?path=` names it), or a multipart form's files."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        files = await _from_form(web, actor, request)
    else:
        path = request.query_params.get("path", "")
        media_type = "" if kind == "application/x-www-form-urlencoded" else kind
        files = (await web.service.take_up(actor, path, _body(request), media_type),)
    web.meters.uploaded_bytes += sum(file.size_bytes for file in files)
    return files


def receipt(web: Web, actor: Actor, file: WorkFile) -> str:
    """Proof that this person uploaded this file."""
    return web.signer.seal("upload", _claim(actor, file), lifetime=RECEIPT_LIFETIME)


def redeem(web: Web, actor: Actor, files: Iterable[FileRef]) -> tuple[WorkFile, ...]:
    """The files of a message.

    Raises `NotAllowed` for one without its receipt: a digest alone must not open somebody else's file. The terminal
    needs none, because whoever runs it can read the data folder.
    """
    found: list[WorkFile] = []
    for ref in files:
        file = WorkFile(path=ref.path, size_bytes=ref.size_bytes, sha256=ref.sha256, media_type=ref.media_type)
        if actor != TERMINAL and web.signer.open("upload", ref.receipt) != _claim(actor, file):
            raise NotAllowed(f"{file.name} was not uploaded here, or too long ago.", next_step="Attach it again.")
        found.append(file)
    return tuple(found)


def _claim(actor: Actor, file: WorkFile) -> dict[str, str | int]:
    return {
        "person_id": actor.person_id,
        "path": file.path,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "media_type": file.media_type,
    }


async def _from_form(web: Web, actor: Actor, request: Request) -> tuple[WorkFile, ...]:
    async with request.form(max_files=FILES_AT_ONCE, max_fields=10) as form:
        parts = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        if not parts:
            raise Malformed("The form has no file.", next_step="Send it as a part with a file name.")
        stored = [
            await web.service.take_up(actor, part.filename or "", _part(part), part.content_type or "")
            for part in parts
        ]
        return tuple(stored)


async def _part(part: UploadFile) -> AsyncIterator[bytes]:
    while piece := await part.read(PIECE_BYTES):
        yield piece


async def _body(request: Request) -> AsyncIterator[bytes]:
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > UPLOAD_LIMIT_BYTES:
            raise TooLarge.over(UPLOAD_LIMIT_BYTES)
        yield piece
