"""A browser that opens a sign-in link from a chat, against a `gofer serve` that is known by a public address."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

PUBLIC = "https://gofer.example.com"
PAGE = {"Accept": "text/html"}
_LINK = re.compile(rf"{PUBLIC}/signin\?token=[\w-]+")


def link_in(shown: object) -> str:
    """The one sign-in link in what a platform was sent."""
    (link,) = set(_LINK.findall(json.dumps(shown)))
    return link


@asynccontextmanager
async def a_browser(folder: Path) -> AsyncGenerator[httpx2.AsyncClient]:
    """A browser that reaches the Gofer of this folder by its public address."""
    run = json.loads(await asyncio.to_thread((folder / "home" / "run.json").read_text))
    # The cookie is kept by hand: its `Secure` stands for the proxy, which is not here.
    headers = {"Host": urlsplit(PUBLIC).netloc, "X-Gofer": "1"}
    async with httpx2.AsyncClient(base_url=run["url"], headers=headers) as browser:
        yield browser


async def press(browser: httpx2.AsyncClient, link: str) -> httpx2.Response:
    """Open a link and press the button of its page; the browser is signed in then, if Gofer says so."""
    address = link.removeprefix(PUBLIC)
    page = await browser.get(address, headers=PAGE)
    assert page.status_code == 200, page.text
    assert "set-cookie" not in page.headers
    token = re.search(r'name="token" value="([\w-]+)"', page.text)
    assert token is not None
    answer = await browser.post("/signin", data={"token": token[1]}, headers={**PAGE, "Origin": PUBLIC})
    if cookie := answer.headers.get("set-cookie"):
        assert "secure" in cookie.lower()
        browser.headers["Cookie"] = cookie.partition(";")[0]
    return answer


def kept_in(folder: Path) -> Iterator[bytes]:
    """All that Gofer keeps on disk, its database included."""
    for path in (folder / "home").rglob("*"):
        if path.is_file():
            yield path.read_bytes()
