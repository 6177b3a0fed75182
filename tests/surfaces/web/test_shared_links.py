"""Links to files for people who are not signed in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.domain.files import WorkFile
from bot.web.downloads import SharedLinks, base_url
from bot.web.signing import Signer
from tests.kit import call, say
from tests.surfaces.web.harness import open_site

SCRIPT = [call("write", path="a.html", content="<b>x</b>"), call("deliver", path="a.html", title="A"), say("Here.")]


async def test_a_shared_link_gives_its_one_file_as_a_download_and_ends_after_a_week(tmp_path: Path) -> None:
    async with open_site(tmp_path, SCRIPT) as site:
        said = await site.say("make a file")
        await site.until(said["task_id"], "finished")
        delivered = (await site.task(said["task_id"]))["view"]["delivered"][0]["file"]
        file = WorkFile(**delivered)

        def link(*, made: timedelta = timedelta(), shown: WorkFile = file) -> str:
            return SharedLinks(Signer(site.sessions.key, lambda: datetime.now(UTC) - made), site.url)(
                said["task_id"], shown
            )

        answer = await site.nobody.get(link(made=timedelta(days=6)))
        assert answer.content == b"<b>x</b>"
        assert answer.headers["content-length"] == "8"
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith('attachment; filename="a.html"')
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        assert (await site.nobody.get(link(made=timedelta(days=9)))).status_code == 404
        assert (await site.nobody.get(link(shown=replace(file, sha256="0" * 64)))).status_code == 404
        # The same text is no proof for anything else.
        token = link().rpartition("/")[2]
        assert site.sessions.key not in token.encode()
        upload = {"path": "a.html", "size_bytes": 8, "sha256": file.sha256, "receipt": token}
        refused = await site.browser.post("/api/messages", json={"text": "x", "event_id": "e1", "files": [upload]})
        assert refused.status_code == 403


@pytest.mark.parametrize(
    ("public", "host", "port", "address"),
    [
        ("https://gofer.example.com/", "127.0.0.1", 8765, "https://gofer.example.com"),
        ("", "127.0.0.1", 8765, ""),
        ("", "::1", 8765, ""),
        ("", "localhost", 8765, ""),
        ("", "0.0.0.0", 8765, ""),  # noqa: S104  which address people use cannot be known
        ("", "::", 8765, ""),
        ("", "192.0.2.7", 8765, "http://192.0.2.7:8765"),
        ("", "2001:db8::7", 8765, "http://[2001:db8::7]:8765"),
        ("", "gofer.lan", 8765, "http://gofer.lan:8765"),
        ("", "192.0.2.7", 0, ""),
    ],
)
def test_links_lead_to_an_address_that_others_can_reach(public: str, host: str, port: int, address: str) -> None:
    assert base_url(public, host, port) == address
