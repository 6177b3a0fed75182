"""Files from Discord and to Discord.

From: attachments have signed addresses that expire, so an old one is renewed first. Bytes come from Discord's own hosts
without any token; where GOFER_DISCORD_API_URL names another server, from that one.

To: ten files to a message, each no bigger than the server takes. What that is depends on its boosts and changes
without notice, so a refusal is remembered: when a file is too big for a server, the cap of that server falls below it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
from discord.http import Route

from agent.domain.errors import Refused
from bot import phrases
from bot.discord.components import render_files, safe_name
from bot.discord.markdown import escape
from bot.discord.marks import bears, marked
from bot.discord.payload import Payload, number, parts, text
from bot.discord.posting import Poster
from bot.discord.sight import Sight
from bot.discord.threads import DIRECT
from bot.discord.web import MISSING_PERMISSIONS, TOO_LARGE, Body, DiscordRefused, Web
from bot.markup import clip, one_line
from bot.surface import IncomingFile, OutFile, SurfaceDown, ThreadRef

logger = logging.getLogger(__name__)

MIB = 1024 * 1024
MAX_FILE_BYTES = 10 * MIB
"""What Discord takes from an application anywhere, until it refuses less."""
BOOSTED: Mapping[int, int] = {2: 50 * MIB, 3: 100 * MIB}
"""By the server's boost level."""
REQUEST_BYTES = 25 * MIB
"""Of all files of one message, or as much as one file may have where that is more."""
ENVELOPE_BYTES = 64 * 1024
"""Left for what goes along with the files."""
TOGETHER = 10
PIECE_BYTES = 64 * 1024
ALT_CHARS = 1_000
COMMENT_CHARS = 500
NAME_CHARS = 120
"""Before escaping, which at most doubles it: with ten names it stays below what a message can say."""
_CDN = ("cdn.discordapp.com", "media.discordapp.net")
_OWN_API = "discord.com"
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60)
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


class Files:
    """The files of one application."""

    def __init__(self, web: Web, poster: Poster, sight: Sight, wall: Callable[[], float] = time.time) -> None:
        self._web, self._poster, self._sight, self._wall = web, poster, sight, wall
        self._caps: dict[str, int] = {}
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """End the connections that files come over."""
        if self._session is not None:
            await self._session.close()

    # -- from Discord

    def incoming(self, described: Payload) -> IncomingFile:
        """A file out of Discord's description of an attachment. `fetch` raises `Refused` with what to do, or
        `SurfaceDown`."""
        name = _pretty(described)
        return IncomingFile(
            name=name,
            size_bytes=max(number(described, "size"), 0),
            media_type=text(described, "content_type") or "application/octet-stream",
            fetch=lambda: self._fetch(described, name),
        )

    async def _fetch(self, described: Payload, name: str) -> AsyncGenerator[bytes]:
        url = _address(await self._renewed(text(described, "url")), name)
        session = self._session = self._session or aiohttp.ClientSession(timeout=_TIMEOUT)
        try:
            async with session.get(url, allow_redirects=False, proxy=self._web.client.http.proxy) as answer:
                _check(answer, name)
                done = 0
                async for piece in answer.content.iter_chunked(PIECE_BYTES):
                    done += len(piece)
                    yield piece
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if isinstance(error, SurfaceDown):  # an OSError too, and told already
                raise
            raise SurfaceDown(f"Discord does not give {name} now ({type(error).__name__}).") from error
        size = number(described, "size")
        if done != size >= 0:
            raise Refused(
                f"Discord gave {phrases.size(done)} of {name} instead of {phrases.size(size)}.",
                next_step="Attach it again.",
            )

    async def _renewed(self, url: str) -> str:
        """The address, or a fresh one for an address that has expired."""
        expiry = next(iter(parse_qs(urlsplit(url).query).get("ex", ())), "")
        try:
            expired = bool(expiry) and int(expiry, 16) <= self._wall()
        except ValueError:
            expired = False
        if not expired:
            return url
        answer = await self._web.one("POST", "/attachments/refresh-urls", json={"attachment_urls": [url]})
        return next((fresh for one in parts(answer, "refreshed_urls") if (fresh := text(one, "refreshed"))), url)

    # -- to Discord

    async def cap(self, space: str) -> int:
        """The biggest file that can be sent to a server, as far as is known."""
        if space in self._caps:
            return self._caps[space]
        return cap_of({} if space == DIRECT else await self._sight.guild(space))

    async def send(
        self, thread: ThreadRef, files: Sequence[OutFile], *, key: str, comment: str = ""
    ) -> tuple[OutFile, ...]:
        """Send files into a conversation, unless that was done with this `key` before. Gives back those that are too
        big for this server or that may not be attached here."""
        named: dict[str, OutFile] = {}
        for file in files:
            named[safe_name(file.name, list(named))] = file
        keys = {name: f"{key}/{place}" for place, name in enumerate(named)}
        there = await self._sent_before(thread, keys)
        cap = await self.cap(thread.space)
        fitting = {name: file for name, file in named.items() if 0 < file.size_bytes <= cap and name not in there}
        gone = set(there)
        for group in _groups(fitting, max(cap, REQUEST_BYTES) - ENVELOPE_BYTES):
            words = comment if not gone else ""
            gone |= await self._send(thread, group, {name: keys[name] for name in group}, words)
        return tuple(file for name, file in named.items() if name not in gone)

    async def _sent_before(self, thread: ThreadRef, keys: Mapping[str, str]) -> set[str]:
        """Names of files that stand there already: messages of one delivery bear the key of their first file."""
        there: set[str] = set()
        async for message in self._poster.own(thread):
            if any(bears(message, key) for key in keys.values()):
                there |= {text(attachment, "filename") for attachment in parts(message, "attachments")}
        return there

    async def _send(
        self, thread: ThreadRef, group: Mapping[str, OutFile], keys: Mapping[str, str], comment: str
    ) -> set[str]:
        """Send files as one message, or as several where Discord finds that too much; names of those that went."""
        bodies = {name: body for name, file in group.items() if (body := await read(name, file)) is not None}
        if not bodies:
            return set()
        first = next(iter(bodies))
        body = marked(_message({name: group[name] for name in bodies}, comment), keys[first])
        try:
            await self._poster.put(thread, body, key=keys[first], title=group[first].name, files=list(bodies.values()))
        except DiscordRefused as error:
            if error.code == MISSING_PERMISSIONS:
                logger.warning("files may not be attached", extra={"action": "upload_refused", "code": error.code})
                return set()
            if error.code != TOO_LARGE:
                raise
        else:
            return set(bodies)
        if len(bodies) == 1:
            self._learn(thread.space, len(bodies[first].data))
            return set()
        names, half = list(bodies), len(bodies) // 2
        gone: set[str] = set()
        for some in (names[:half], names[half:]):
            gone |= await self._send(thread, {name: group[name] for name in some}, keys, "" if gone else comment)
        return gone

    def _learn(self, space: str, refused_bytes: int) -> None:
        self._caps[space] = min(refused_bytes - 1, self._caps.get(space, refused_bytes))
        logger.info("a server takes smaller files", extra={"action": "cap_learnt", "cap_bytes": self._caps[space]})


def cap_of(guild: Payload) -> int:
    """The biggest file that a server takes by its boosts."""
    return BOOSTED.get(number(guild, "premium_tier"), MAX_FILE_BYTES)


def _message(group: Mapping[str, OutFile], comment: str) -> Payload:
    """The message of some files. Names that Discord cannot carry are said in words; pictures show what they are."""
    pictures = [name for name, file in group.items() if file.media_type.partition(";")[0] in _PICTURES]
    changed = [file for name, file in group.items() if name != file.name and name not in pictures]
    told = [escape(clip(one_line(comment), COMMENT_CHARS)) or phrases.counted(len(group), "file")]
    told += [f"📄 {escape(clip(one_line(file.name), NAME_CHARS))}" for file in changed]
    return render_files("\n".join(told), list(group), pictures)


def _groups(files: Mapping[str, OutFile], room_bytes: int) -> list[dict[str, OutFile]]:
    """Files in order, as many to a message as Discord takes."""
    groups: list[dict[str, OutFile]] = []
    left = 0
    for name, file in files.items():
        if not groups or len(groups[-1]) == TOGETHER or file.size_bytes > left:
            groups.append({})
            left = room_bytes
        groups[-1][name] = file
        left -= file.size_bytes
    return groups


async def read(name: str, file: OutFile) -> Body | None:
    """The bytes of a file; None: they are not those that were announced, so it is not sent."""
    data = bytearray()
    async for piece in file.open():
        data += piece
        if len(data) > file.size_bytes:
            break
    if len(data) != file.size_bytes:
        logger.warning("a file has another size than announced", extra={"action": "upload_refused"})
        return None
    return Body(name, bytes(data), clip(one_line(file.title), ALT_CHARS))


def _pretty(described: Payload) -> str:
    """The name somebody gave it: Discord keeps it apart, without the ending, where it had to change it."""
    name, title = one_line(text(described, "filename")), one_line(text(described, "title"))
    ending = PurePosixPath(name).suffix
    if not title:
        return name or "file"
    return title if title.casefold().endswith(ending.casefold()) else f"{title}{ending}"


def _address(url: str, name: str) -> str:
    """Where to get a file: from Discord's own servers, or from that which the settings name for all calls."""
    there, api = urlsplit(url), urlsplit(Route.BASE)
    if api.hostname == _OWN_API:
        if there.scheme == "https" and there.hostname in _CDN:
            return url
    elif there.netloc == api.netloc or there.hostname in _CDN:
        return there._replace(scheme=api.scheme, netloc=api.netloc).geturl()
    raise Refused(f"{name} lies on another server than Discord's.", next_step="Attach the file itself.")


def _check(answer: aiohttp.ClientResponse, name: str) -> None:
    if answer.status == 429 or answer.status >= 500:
        header: Any = answer.headers.get("Retry-After", "")
        wait_s = float(header) if header.isdecimal() else None
        raise SurfaceDown(f"Discord does not give {name} now (HTTP {answer.status}).", retry_after_s=wait_s)
    if answer.status != 200:
        raise Refused(f"{name} is no longer in Discord.", next_step="Attach it again.")
