"""What the web surface refuses, whatever it is asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bot.web.guard import BODY_LIMIT_BYTES, UPLOAD_BODY_BYTES, host_name, known_hosts
from tests.kit import call, say
from tests.surfaces.web.harness import CSRF, Site, open_site

PROBES = ("/healthz", "/readyz", "/metrics")


async def described(site: Site) -> list[tuple[str, str]]:
    """Method and path of every API route, filled with names that lead nowhere."""
    document = (await site.nobody.get("/api/openapi.json")).json()
    routes = [(method.upper(), path) for path, entry in document["paths"].items() for method in entry]
    return [(method, "/".join("x" if p.startswith("{") else p for p in path.split("/"))) for method, path in routes]


async def test_no_api_route_answers_anybody_unknown(tmp_path: Path) -> None:
    async with open_site(tmp_path, []) as site:
        routes = await described(site)
        assert len(routes) > 15
        for method, path in routes:
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eA=="}, CSRF):
                answer = await site.nobody.request(method, path, headers=headers)
                assert (path, answer.status_code) == (path, 401)
                assert set(answer.json()) == {"error", "next_step"}


async def test_no_change_is_made_for_another_sites_page(tmp_path: Path) -> None:
    async with open_site(tmp_path, [say("done")]) as site:
        body = {"thread_id": "", "text": "make a report", "event_id": "e1"}
        cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in site.browser.cookies.items())}
        forged: list[dict[str, str]] = [
            {},
            {**CSRF, "Origin": "https://evil.example"},
            {**CSRF, "Origin": "null"},
            {**CSRF, "Origin": "http://127.0.0.1:1"},
            {**CSRF, "Sec-Fetch-Site": "cross-site"},
        ]
        for headers in forged:
            answer = await site.nobody.post("/api/messages", json=body, headers={**cookie, **headers})
            assert answer.status_code == 403
        assert (await site.program.get("/api/tasks")).json() == {"tasks": []}
        own = {**CSRF, "Origin": site.url, "Sec-Fetch-Site": "same-origin"}
        assert (await site.nobody.post("/api/messages", json=body, headers={**cookie, **own})).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "", "localhost.evil.example"])
async def test_a_rebound_name_reaches_nothing_but_the_probes(tmp_path: Path, host: str) -> None:
    async with open_site(tmp_path, []) as site:
        for path in ("/", "/api/me", "/api/openapi.json", "/static/gofer.js"):
            answer = await site.browser.get(path, headers={"Host": host})
            assert (path, answer.status_code) == (path, 421)
        for path in PROBES:
            assert (await site.nobody.get(path, headers={"Host": host})).status_code == 200


def test_only_local_names_and_the_public_one_are_known() -> None:
    hosts = known_hosts("https://Gofer.Example:8443/")
    known = ["localhost:8765", "127.0.0.1", "[::1]:80", "gofer.example:8443", "GOFER.example."]
    unknown = ["example", "", "10.0.0.1", "gofer.example.evil"]
    assert [host for host in known if host_name(host) not in hosts] == []
    assert [host for host in unknown if host_name(host) in hosts] == []


async def test_the_public_address_works_and_gets_secure_cookies(tmp_path: Path) -> None:
    async with open_site(tmp_path, [], public_url="https://gofer.example") as site:
        made = (await site.program.post("/api/links", json={})).json()["url"]
        assert made.startswith("https://gofer.example/signin?token=")
        path = made.removeprefix("https://gofer.example")
        answer = await site.nobody.get(path, headers={"Host": "gofer.example"})
        assert "secure" in answer.headers["set-cookie"].lower()


async def test_every_answer_forbids_foreign_scripts_frames_and_guessing(tmp_path: Path) -> None:
    async with open_site(tmp_path, []) as site:
        for path in ("/", "/static/gofer.js", "/api/me", "/nothing", *PROBES):
            headers = (await site.browser.get(path)).headers
            policy = headers["content-security-policy"]
            assert "frame-ancestors 'none'" in policy
            assert "unsafe-inline" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"


async def test_the_pages_hold_no_inline_script_or_style(tmp_path: Path) -> None:
    async with open_site(tmp_path, [call("plan", steps=["a", "b"], files=["c"])]) as site:
        said = await site.say("make a report")
        await site.pending(said["task_id"])
        page = (await site.browser.get(f"/t/{said['thread']}")).text
        assert page.count("<script") == 1
        assert '<script src="/static/gofer.js"' in page
        assert "<style" not in page
        assert " style=" not in page
        assert " onclick=" not in page


async def test_too_much_is_refused_with_both_sentences(tmp_path: Path) -> None:
    async with open_site(tmp_path, []) as site:
        long = "x" * (BODY_LIMIT_BYTES + 1)
        answers = [
            await site.browser.post("/api/messages", content=long),
            await site.browser.post("/api/messages", content=_chunks(BODY_LIMIT_BYTES + 1)),
        ]
        assert [answer.status_code for answer in answers] == [413, 413]
        assert all(answer.json()["next_step"] for answer in answers)


async def test_a_file_that_is_announced_as_too_large_is_refused_before_it_comes(tmp_path: Path) -> None:
    async with open_site(tmp_path, []) as site, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(site.url.rpartition(":")[2]))
        head = (
            f"POST /api/uploads?path=a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {UPLOAD_BODY_BYTES + 1}\r\n\r\n"
        )
        writer.write(head.encode())
        assert await reader.readuntil(b"\r\n") == b"HTTP/1.1 413 Request Entity Too Large\r\n"
        writer.close()
        await writer.wait_closed()


async def _chunks(total: int) -> Any:
    for _ in range(total // 65_536 + 1):
        yield b"x" * 65_536


async def test_a_body_of_another_shape_is_explained(tmp_path: Path) -> None:
    async with open_site(tmp_path, []) as site:
        for body in ("[]", "{", "[" * 200_000, '{"text": "a"}', '{"text": "a", "event_id": "e", "extra": 1}', "\xff"):
            answer = await site.browser.post("/api/messages", content=body.encode("latin-1"))
            assert (body, answer.status_code) == (body, 400)
            assert answer.json()["error"]


async def test_an_unknown_address_says_so_to_people_and_programs(tmp_path: Path) -> None:
    async with open_site(tmp_path, []) as site:
        page = await site.browser.get("/nowhere", headers={"Accept": "text/html"})
        assert (page.status_code, "<h1>" in page.text) == (404, True)
        answer = await site.browser.get("/api/nowhere")
        assert (answer.status_code, set(answer.json())) == (404, {"error", "next_step"})


async def test_probes_and_counters_answer_without_a_session(tmp_path: Path) -> None:
    async with open_site(tmp_path, [say("done")]) as site:
        await site.say("make a report")
        assert (await site.nobody.get("/healthz")).json() == {"ok": True}
        assert (await site.nobody.get("/readyz")).json() == {"ready": True}
        text = (await site.nobody.get("/metrics")).text
        assert 'gofer_http_requests_total{method="POST",route="/api/messages",status="200"} 1' in text
        assert "gofer_tasks_started_total 1" in text
        assert "make a report" not in text


async def test_the_description_names_every_route_and_every_shape_it_refers_to(tmp_path: Path) -> None:
    async with open_site(tmp_path, []) as site:
        document = (await site.nobody.get("/api/openapi.json")).json()
        text = str(document)
        schemas = document["components"]["schemas"]
        referred = {part.split("'")[0] for part in text.split("#/components/schemas/")[1:]}
        assert referred - set(schemas) == set()
        assert {"/api/uploads", "/api/tasks", "/api/asks/{ask_id}", "/api/tasks/{task_id}/events"} <= set(
            document["paths"]
        )
        names = [entry["operationId"] for path in document["paths"].values() for entry in path.values()]
        assert len(names) == len(set(names))
