"""Files for people: always as an attachment, never as something the browser runs."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from ipaddress import ip_address
from typing import Any, Protocol
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from agent.domain.files import WorkFile
from agent.domain.people import SYSTEM, Actor
from bot.web.guard import FILE_POLICY
from bot.web.html import PICTURES
from bot.web.signing import Signer

FALLBACK_TYPE = "application/octet-stream"
SHARED_LIFETIME = timedelta(days=7)
"""As the card says."""
_RUNS = re.compile(r"html|xml|svg|script", re.IGNORECASE)
"""Media types that a browser might execute when a header is lost on the way."""
_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(; ?charset=[\w-]+)?", re.ASCII)


class Downloads(Protocol):
    """The part of the service that signed links use."""

    async def download(self, actor: Actor, task_id: str, sha256: str) -> bytes: ...

    def pieces(self, actor: Actor, task_id: str, sha256: str) -> AsyncIterator[bytes]: ...


class SharedLinks:
    """Addresses of files for people of chats that could not take them: good without a sign-in for a week, each for its
    one file, as long as its task is not forgotten."""

    def __init__(self, signer: Signer, base_url: str) -> None:
        """`base_url`: where people reach the web chat, without a slash at the end."""
        self._signer, self._base_url = signer, base_url

    def __call__(self, task_id: str, file: WorkFile) -> str:
        fields = {
            "task_id": task_id,
            "sha256": file.sha256,
            "name": file.name,
            "media_type": file.media_type,
            "size_bytes": file.size_bytes,
        }
        return f"{self._base_url}/files/{self._signer.seal('shared', fields, lifetime=SHARED_LIFETIME)}"


def attachment(data: bytes, name: str, media_type: str = "", *, keep_s: int = 0) -> Response:
    """The bytes to be saved under this name. `keep_s`: the browser may keep them that long."""
    return Response(data, media_type=_harmless(media_type), headers=_headers(name, keep_s))


async def by_link(service: Downloads, fields: dict[str, Any]) -> Response:
    """The file of an opened link; whether its maker may still have it is looked up now."""
    data = await service.download(Actor(fields["person_id"]), fields["task_id"], fields["sha256"])
    picture = fields["media_type"] in PICTURES
    return attachment(data, fields["name"], fields["media_type"], keep_s=3600 if picture else 0)


async def shared(service: Downloads, fields: dict[str, Any]) -> Response:
    """The file of an opened link to a chat, a piece at a time. Raises `NotFound` when it was forgotten."""
    pieces = service.pieces(SYSTEM, fields["task_id"], fields["sha256"])
    first = await anext(pieces, b"")  # what is wrong shows before the answer begins

    async def body() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    headers = {**_headers(fields["name"]), "content-length": str(fields["size_bytes"])}
    return StreamingResponse(body(), media_type=_harmless(fields["media_type"]), headers=headers)


def base_url(public_url: str, host: str, port: int) -> str:
    """Where people reach the web chat: the public address, or the one it listens on where that is one that others can
    use. Empty: there is none."""
    if public_url:
        return public_url.rstrip("/")
    try:
        address = ip_address(host)
    except ValueError:  # a name
        return f"http://{host}:{port}" if port and host != "localhost" else ""
    if not port or address.is_loopback or address.is_unspecified:
        return ""
    return f"http://[{address}]:{port}" if address.version == 6 else f"http://{address}:{port}"


def _headers(name: str, keep_s: int = 0) -> Mapping[str, str]:
    ascii_name = re.sub(r'[^ -~]|["\\/%]', "_", name) or "file"
    return {
        "content-disposition": f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{_quoted(name)}",
        "content-security-policy": FILE_POLICY,
        "cache-control": f"private, max-age={keep_s}, immutable" if keep_s else "no-store",
    }


def _harmless(media_type: str) -> str:
    """The type, unless a browser might run it."""
    plain = _TYPE.fullmatch(media_type) is None or (_RUNS.search(media_type) and not _is_office(media_type))
    return FALLBACK_TYPE if plain else media_type


def _is_office(media_type: str) -> bool:
    return media_type.startswith("application/vnd.openxmlformats-officedocument.")


def _quoted(name: str) -> str:
    return quote(name.encode("utf-8", "replace"), safe="")
