"""Files from Slack and to Slack.

From: bytes come only with the bot's token, which goes to Slack's own hosts and nowhere else. What Slack sends instead
of a file when it does not like the token is a web page with status 200, so type and size are compared with what was
announced.

To: each file is announced and sent, then all are shared by one call, which names no message: Slack posts it a moment
later. Such a message carries no metadata, so the key of a delivery is the `block_id` of its line of text. A repeated
delivery looks for that; within one process it also remembers the ids of files whose sharing it could not see through.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from urllib.parse import urljoin, urlsplit

import aiohttp

from agent.domain.errors import Refused
from bot import phrases
from bot.markup import clip, one_line
from bot.slack import rich_text
from bot.slack.marks import block_id
from bot.slack.pacer import Clock, Monotonic, Priority, RateLimited
from bot.slack.payload import Payload, flag, part, parts, text
from bot.slack.web import SlackRefused, Web
from bot.surface import IncomingFile, OutFile, SurfaceDown, ThreadRef

logger = logging.getLogger(__name__)

MAX_FILE_BYTES = 1_000_000_000
"""What Slack takes as one file; an organisation may allow less, which shows at the first that is refused."""
TOGETHER = 10
"""Files of one message, as in Slack's own client; more go in further messages."""
PIECE_BYTES = 64 * 1024
REDIRECTS = 3
SHARE_WAITS_S = (0.1, 0.2, 0.4, 0.8, 1.5, 2.0, 3.0, 4.0)
"""Between looks for the message of shared files: twelve seconds in all. After that the next message may overtake it."""
_SLACK_HOSTS = ("slack.com", "slack-gov.com")
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60)
_UNSHARED = frozenset(
    {
        "file_not_found",
        "file_deleted",
        "file_share_limit_reached",
        "max_file_sharing_exceeded",
        "posting_to_channel_denied",
        "unable_to_share_files",
        "blocked_file_type",
        "slack_connect_blocked_file_type",
        "slack_connect_file_upload_sharing_blocked",
        "slack_connect_file_link_sharing_blocked",
    }
)
"""What completeUploadExternal says when files may not be shared there, though messages may."""
_TOO_BIG = frozenset({"file_upload_size_restricted", "file_size_restricted", "file_too_large"})

Find = Callable[[ThreadRef, str], Awaitable[str | None]]
"""The message of a thread that bears this key."""


class Files:
    """The files of one workspace."""

    def __init__(self, web: Web, clock: Clock | None = None) -> None:
        self._web, self._clock = web, clock or Monotonic()
        self._unsure: dict[str, tuple[str, ...]] = {}
        self.max_file_bytes = MAX_FILE_BYTES

    # -- from Slack

    def incoming(self, described: Payload) -> IncomingFile:
        """A file out of Slack's description of it. `fetch` raises `Refused` with what to do, or `SurfaceDown`."""
        name = one_line(text(described, "name") or text(described, "title")) or f"file {text(described, 'id')}"
        size = described.get("size")
        return IncomingFile(
            name=name,
            size_bytes=size if isinstance(size, int) else 0,
            media_type=text(described, "mimetype") or "application/octet-stream",
            fetch=lambda: self._fetch(described, name),
        )

    async def complete(self, described: Payload) -> Payload:
        """The whole description. Files of another organisation come as an id only, without even a name."""
        if text(described, "file_access") != "check_file_info":
            return described
        try:
            answer = await self._web.call("files.info", Priority.RESULT, file=text(described, "id"))
        except SlackRefused:
            return {**described, "file_access": "access_denied"}
        return part(answer, "file")

    async def _fetch(self, described: Payload, name: str) -> AsyncGenerator[bytes]:
        described = await self.complete(described)
        if why := _unavailable(described, name):
            raise Refused(why[0], next_step=why[1])
        url = text(described, "url_private_download") or text(described, "url_private")
        size = described.get("size")
        try:
            async for piece in self._read(url, name, text(described, "mimetype"), size if isinstance(size, int) else 0):
                yield piece
        except SurfaceDown:  # an OSError too, and told already
            raise
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SurfaceDown(f"Slack does not give {name} now ({type(error).__name__}).") from error

    async def _read(self, url: str, name: str, media_type: str, size: int) -> AsyncGenerator[bytes]:
        client, session = self._web.client, self._session()
        headers = {"Authorization": f"Bearer {client.token}"}
        for _ in range(REDIRECTS):
            if not self._is_slack(url):
                raise Refused(f"{name} lies on another server than Slack's.", next_step="Attach the file itself.")
            async with session.get(
                url, headers=headers, allow_redirects=False, timeout=_TIMEOUT, proxy=client.proxy
            ) as answer:
                if answer.status in (301, 302, 303, 307, 308):
                    url = urljoin(url, answer.headers.get("Location", ""))
                    continue
                _check(answer, name, media_type)
                done = 0
                async for piece in answer.content.iter_chunked(PIECE_BYTES):
                    done += len(piece)
                    yield piece
                if done < size or (done != size and answer.content_type == "text/html"):
                    raise Refused(
                        f"Slack gave {phrases.size(done)} of {name} instead of {phrases.size(size)}.",
                        next_step="Attach it again.",
                    )
                return
        raise _not_the_file(name)

    def _is_slack(self, url: str) -> bool:
        """Whether the bot's token may go there."""
        there, api = urlsplit(url), urlsplit(self._web.client.base_url)
        if (there.scheme, there.netloc) == (api.scheme, api.netloc):
            return True
        host = there.hostname or ""
        return there.scheme == "https" and any(host == one or host.endswith(f".{one}") for one in _SLACK_HOSTS)

    # -- to Slack

    async def send(
        self, thread: ThreadRef, files: Sequence[OutFile], *, key: str, comment: str = "", find: Find
    ) -> tuple[OutFile, ...]:
        """Upload files into a thread, ten to a message, unless that was done with this `key` before.

        Gives back those that are too big or that the organisation does not allow, when the messages are there (or
        have not come within twelve seconds).
        """
        left: list[OutFile] = []
        for at in range(0, len(files), TOGETHER):
            some = files[at : at + TOGETHER]
            left += await self._send(thread, some, f"{key}/{at}" if at else key, comment if at == 0 else "", find)
        return tuple(left)

    async def _send(
        self, thread: ThreadRef, files: Sequence[OutFile], key: str, comment: str, find: Find
    ) -> list[OutFile]:
        left = [file for file in files if not 0 < file.size_bytes <= self.max_file_bytes]
        wanted = [file for file in files if file not in left]
        if not wanted or await self._was_sent(thread, key, find):
            return left
        sent: dict[str, OutFile] = {}
        for file in wanted:
            file_id = await self._upload(file)
            if file_id:
                sent[file_id] = file
            else:
                left.append(file)
        if sent and not await self._share(thread, sent, key, comment):
            left += sent.values()
        return [file for file in files if file in left]

    async def _was_sent(self, thread: ThreadRef, key: str, find: Find) -> bool:
        """Whether files were shared under this key: by an earlier try of this process, or by one that died."""
        if unsure := self._unsure.pop(key, ()):
            return await self._shared(thread, unsure[-1]) or bool(await find(thread, key))
        return bool(await find(thread, key))

    async def _upload(self, file: OutFile) -> str:
        """The id of the file at Slack; empty: it does not take it."""
        name = clip(one_line(file.name), 250) or "file"
        alt = clip(one_line(file.title), 1_000) if file.media_type.startswith("image/") and file.title else None
        try:
            answer = await self._web.call(
                "files.getUploadURLExternal", Priority.RESULT, filename=name, length=file.size_bytes, alt_txt=alt
            )
        except SlackRefused as error:
            if error.shut_out:
                raise
            if error.error in _TOO_BIG:
                self.max_file_bytes = min(self.max_file_bytes, file.size_bytes - 1)
            logger.warning("slack takes no file: %s", error, extra={"action": "upload_refused", "error": error.error})
            return ""
        return text(answer, "file_id") if await self._put(text(answer, "upload_url"), file) else ""

    async def _put(self, url: str, file: OutFile) -> bool:
        """Send the bytes, a piece at a time. The address itself is the permission; the token stays here."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(file.size_bytes)}
        body = _Body(file)
        try:
            async with self._session().post(
                url, data=body.pieces(), headers=headers, timeout=_TIMEOUT, proxy=self._web.client.proxy
            ) as answer:
                return self._taken(answer, file)
        except SurfaceDown:  # an OSError too, and told already
            raise
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if body.wrong:
                logger.warning("a file has another size than announced", extra={"action": "upload_refused"})
                return False
            raise SurfaceDown(f"Slack does not take {file.name} now ({type(error).__name__}).") from error

    def _taken(self, answer: aiohttp.ClientResponse, file: OutFile) -> bool:
        if answer.status == 413:
            self.max_file_bytes = min(self.max_file_bytes, file.size_bytes - 1)
            return False
        if answer.status == 429:
            raise RateLimited("files.getUploadURLExternal", _retry_after(answer))
        if answer.status != 200:
            raise SurfaceDown(f"Slack does not take {file.name} now (HTTP {answer.status}).")
        return True

    async def _share(self, thread: ThreadRef, sent: dict[str, OutFile], key: str, comment: str) -> bool:
        """Post what was uploaded. False: it may not be shared there."""
        titled = [{"id": file_id, "title": clip(one_line(f.title or f.name), 250)} for file_id, f in sent.items()]
        words = comment.strip() or phrases.counted(len(sent), "file")
        line = rich_text.section([rich_text.inline(clip(words, 3_000))])
        blocks = [{"type": "rich_text", "block_id": block_id(key), "elements": [line]}]
        try:
            await self._web.call(
                "files.completeUploadExternal",
                Priority.RESULT,
                lane=thread.channel,
                files=titled,
                channel_id=thread.channel,
                thread_ts=thread.thread or None,
                blocks=blocks,
            )
        except SurfaceDown:
            self._unsure[key] = tuple(sent)
            raise
        except SlackRefused as error:
            if error.error not in _UNSHARED:
                raise
            logger.warning("slack shares no file: %s", error, extra={"action": "share_refused", "error": error.error})
            return False
        if not await self._shared(thread, list(sent)[-1]):
            logger.info("shared files are slow to appear", extra={"action": "share_slow"})
        return True

    async def _shared(self, thread: ThreadRef, file_id: str) -> bool:
        """Wait until the file is in the channel: what is posted next shall stand below it."""
        for wait_s in SHARE_WAITS_S:
            try:
                answer = await self._web.call("files.info", Priority.RESULT, file=file_id)
            except SlackRefused:
                return False
            shares = part(answer, "file", "shares")
            if any(thread.channel in part(shares, kind) for kind in shares):
                return True
            await self._clock.sleep(wait_s)
        return False

    def _session(self) -> aiohttp.ClientSession:
        session = self._web.client.session
        if session is None or session.closed:
            raise SurfaceDown("Gofer is stopping.")
        return session


class _Body:
    """The bytes of a file, as many as announced. `wrong`: there were more or fewer, and the upload was broken off."""

    def __init__(self, file: OutFile) -> None:
        self._file = file
        self.wrong = False

    async def pieces(self) -> AsyncGenerator[bytes]:
        done = 0
        async for piece in self._file.open():
            done += len(piece)
            if done > self._file.size_bytes:
                break
            yield piece
        if done != self._file.size_bytes:
            self.wrong = True
            raise OSError(f"{done} bytes instead of {self._file.size_bytes}")


def _unavailable(described: Payload, name: str) -> tuple[str, str] | None:
    """Why a file cannot be had, and what to do; None: it can."""
    mode, access = text(described, "mode"), text(described, "file_access")
    if mode == "tombstone" or access == "file_not_found":
        return f"{name} was deleted in Slack.", "Attach it again."
    if mode == "hidden_by_limit":
        return f"Slack hides {name} because the workspace's plan has reached its limit.", "Attach it again."
    if access in ("access_denied", "check_file_info"):
        return f"Slack does not let Gofer see {name}.", "Attach a copy of it here."
    if flag(described, "is_external") or mode == "external":
        where = text(described, "external_type") or "another service"
        return f"{name} is not in Slack but only linked ({where}).", "Download it and attach the file itself."
    if mode in ("quip", "canvas", "list", "space"):
        return f"{name} is a document of Slack's own, not a file.", "Export it and attach the export."
    if not (text(described, "url_private_download") or text(described, "url_private")):
        return f"Slack gives no address for {name}.", "Attach it again."
    return None


def _check(answer: aiohttp.ClientResponse, name: str, media_type: str) -> None:
    if answer.status == 429:
        raise SurfaceDown(f"Slack does not give {name} now.", retry_after_s=_retry_after(answer))
    if answer.status >= 500:
        raise SurfaceDown(f"Slack does not give {name} now (HTTP {answer.status}).")
    if answer.status == 404:
        raise Refused(f"{name} is no longer in Slack.", next_step="Attach it again.")
    if answer.status != 200 or (answer.content_type == "text/html" and media_type != "text/html"):
        raise _not_the_file(name)


def _retry_after(answer: aiohttp.ClientResponse) -> float:
    header = answer.headers.get("Retry-After", "")
    return float(header) if header.isdecimal() else 1.0


def _not_the_file(name: str) -> Refused:
    return Refused(
        f"Slack gave a sign-in page instead of {name}.",
        next_step="Ask an admin to check that the Slack app has the scope files:read and is installed anew.",
    )


def described_files(message: Payload) -> tuple[Payload, ...]:
    """Slack's descriptions of a message's files, without the marks of deleted ones."""
    return tuple(file for file in parts(message, "files") if text(file, "mode") != "tombstone")
