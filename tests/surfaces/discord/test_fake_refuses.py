"""What the Discord fake refuses, with Discord's own codes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import discord as library
import pytest

from tests.fakes.discord import PERMISSIONS, lint
from tests.surfaces.discord.bare import Bare, bare, button, card, text

MIB = 1024 * 1024
POST = "POST /channels/*/messages"
MODAL = "POST /interactions/*/*/callback"
TOO_MUCH: list[tuple[str, str, Any]] = [
    ("content: 2001", POST, {"content": "x" * 2_001}),
    ("nonce:", POST, {"content": "x", "nonce": "x" * 26}),
    ("content: not in", POST, card(text("a"), content="b")),
    ("embeds: not in", POST, card(text("a"), embeds=[{"title": "b"}])),
    ("components: 41", POST, card(*[text("a")] * 41)),
    ("text displays: 4001", POST, card(text("x" * 2_000), text("x" * 2_001))),
    ("text displays: an empty one", POST, card(text(""))),
    ("custom_id: 101", POST, card(button("a", "x" * 101))),
    ("custom_id: one twice", POST, card(button("a", "x"), button("b", "x"))),
    ("label: 81", POST, card(button("x" * 81, "x"))),
    ("neither label nor emoji", POST, card({"type": 1, "components": [{"type": 2, "style": 1, "custom_id": "x"}]})),
    ("action row", POST, card({"type": 1, "components": []})),
    ("section", POST, card({"type": 9, "components": [text("a")] * 4, "accessory": button("a")["components"][0]})),
    ("media gallery", POST, card({"type": 12, "items": [{"media": {"url": "attachment://a"}}] * 11})),
    ("options: 26", POST, card({"type": 1, "components": [{"type": 3, "custom_id": "x", "options": [
        {"label": f"l{n}", "value": f"v{n}"} for n in range(26)]}]})),
    ("options: a value twice", POST, card({"type": 1, "components": [{"type": 3, "custom_id": "x", "options": [
        {"label": "a", "value": "v"}, {"label": "b", "value": "v"}]}]})),
    ("option label", POST, card({"type": 1, "components": [{"type": 3, "custom_id": "x", "options": [
        {"label": "x" * 101, "value": "v"}]}]})),
    ("title:", MODAL, {"type": 9, "data": {"title": "x" * 46, "custom_id": "x", "components": [text("a")]}}),
    ("components: 6", MODAL, {"type": 9, "data": {"title": "x", "custom_id": "x", "components": [text("a")] * 6}}),
    ("label: 1 to 45", MODAL, {"type": 9, "data": {"title": "x", "custom_id": "x", "components": [
        {"type": 18, "label": "x" * 46, "component": {"type": 4, "custom_id": "y", "style": 1}}]}}),
    ("value: longer", MODAL, {"type": 9, "data": {"title": "x", "custom_id": "x", "components": [
        {"type": 18, "label": "x", "component": {"type": 4, "custom_id": "y", "style": 1, "max_length": 3,
                                                 "value": "four"}}]}}),
    ("file upload: 0 to 10", MODAL, {"type": 9, "data": {"title": "x", "custom_id": "x", "components": [
        {"type": 18, "label": "x", "component": {"type": 19, "custom_id": "y", "max_values": 11}}]}}),
    ("options: 11, 2 to 10", MODAL, {"type": 9, "data": {"title": "x", "custom_id": "x", "components": [
        {"type": 18, "label": "x", "component": {"type": 21, "custom_id": "y", "options": [
            {"label": f"l{n}", "value": f"v{n}"} for n in range(11)]}}]}}),
    ("options: 11, 1 to 10", MODAL, {"type": 9, "data": {"title": "x", "custom_id": "x", "components": [
        {"type": 18, "label": "x", "component": {"type": 22, "custom_id": "y", "options": [
            {"label": f"l{n}", "value": f"v{n}"} for n in range(11)]}}]}}),
    ("poll: not in", POST, card(text("a"), poll={"question": {"text": "b"}})),
    ("sticker_ids: not in", POST, card(text("a"), sticker_ids=["1"])),
    ("placeholder: 151", POST, card({"type": 1, "components": [{"type": 3, "custom_id": "x", "placeholder": "x" * 151,
        "options": [{"label": "a", "value": "v"}]}]})),
    ("commands of type 1", "PUT /applications/*/commands", [{"name": f"c{n}", "description": "x"} for n in range(101)]),
    ("commands of type 2", "PUT /applications/*/commands", [{"name": f"c{n}", "type": 2} for n in range(16)]),
    ("a deferred answer", MODAL, {"type": 5, "data": {"flags": 1 << 15}}),
    ("choices: 26", MODAL, {"type": 8, "data": {"choices": [{"name": "a", "value": "b"}] * 26}}),
    ("choices: a name", MODAL, {"type": 8, "data": {"choices": [{"name": "a" * 101, "value": "b"}]}}),
    ("name: 1 to 100", "POST /channels/*/messages/*/threads", {"name": "x" * 101}),
    ("auto_archive_duration", "POST /channels/*/messages/*/threads", {"name": "x", "auto_archive_duration": 7}),
    ("commands of type 3", "PUT /applications/*/commands", [{"name": f"c{n}", "type": 3} for n in range(16)]),
    ("more than 8000", "PUT /applications/*/commands", [{"name": "c", "description": "x", "options": [
        {"name": f"o{n}", "type": 3, "description": "x" * 100, "choices": [
            {"name": "y" * 90, "value": "z"}] * 4} for n in range(20)]}]),
    ("more than 25 choices", "PUT /applications/*/commands", [{"name": "c", "description": "x", "options": [
        {"name": "o", "type": 3, "description": "x", "choices": [{"name": "y", "value": "z"}] * 26}]}]),
    ("required behind", "PUT /applications/*/commands", [{"name": "c", "description": "x", "options": [
        {"name": "a", "type": 3, "description": "x"},
        {"name": "b", "type": 3, "description": "x", "required": True}]}]),
]  # fmt: skip


@pytest.mark.parametrize(("why", "name", "body"), TOO_MUCH, ids=[why for why, _, _ in TOO_MUCH])
def test_each_limit_is_known(why: str, name: str, body: Any) -> None:
    found = lint(name, body)
    assert any(why in each for each in found), found


def test_what_is_within_the_limits_is_not_complained_of() -> None:
    assert lint(POST, {"content": "x" * 2_000}) == []
    assert lint(POST, card(text("x" * 4_000), button("x" * 80))) == []
    assert lint("POST /channels/*/messages/*/threads", {"name": "x" * 100, "auto_archive_duration": 10080}) == []


async def refused(answer: Any, status: int, code: int) -> None:
    assert (answer.status, answer.code) == (status, code), answer


async def test_what_is_too_long_is_refused_and_not_posted() -> None:
    async with bare() as it:
        await refused(await it.post(it.general, content="x" * 2_001), 400, 50035)
        assert it.discord.messages(it.general) == []


async def test_a_wrong_token_is_refused() -> None:
    async with bare() as it:
        assert (await it.call("GET", "/users/@me", token="somebody-else")).status == 401
        assert (await it.call("GET", "/users/@me")).data["username"] == "gofer"


async def test_files_above_the_cap_and_more_than_ten_are_refused() -> None:
    async with bare() as it:
        await refused(await it.post(it.general, files=[("a.bin", bytes(10 * MIB + 1))]), 413, 40005)
        await refused(await it.post(it.general, files=[("a.bin", bytes(9 * MIB))] * 3), 413, 40005)
        await refused(await it.post(it.general, files=[(f"{n}.txt", b"x") for n in range(11)]), 400, 50035)
        sent = await it.post(it.general, files=[("a.bin", bytes(10 * MIB))])
        assert sent.status == 200
        assert sent.data["attachments"][0]["size"] == 10 * MIB


async def test_an_attachment_that_no_component_shows_is_refused() -> None:
    async with bare() as it:
        hidden = await it.post(it.general, files=[("a.txt", b"x")], **card(text("see")))
        await refused(hidden, 400, 50035)
        shown = card(text("see"), {"type": 13, "file": {"url": "attachment://a.txt"}})
        sent = await it.post(it.general, files=[("a.txt", b"hello")], **shown)
        assert sent.status == 200
        async with it.session.get(sent.data["attachments"][0]["url"]) as file:
            assert await file.read() == b"hello"
        async with it.session.get(sent.data["attachments"][0]["url"].partition("?")[0]) as file:
            assert file.status == 404  # the link is signed


async def test_a_card_stays_a_card() -> None:
    async with bare() as it:
        sent = await it.post(it.general, **card(text("a")))
        await refused(await it.edit(it.general.id, sent.data["id"], content="b", components=[], flags=0), 400, 50035)


async def test_a_message_takes_twenty_kinds_of_reactions() -> None:
    async with bare() as it:
        said = await it.ann.says(it.general, "hello")
        path = f"/channels/{it.general.id}/messages/{said.id}/reactions"
        for number in range(20):
            await it.ann.reacts(said, chr(0x1F600 + number))
        await refused(await it.call("PUT", f"{path}/%F0%9F%91%80/@me"), 400, 30010)
        assert (await it.call("PUT", f"{path}/%F0%9F%98%80/@me")).status == 204


async def test_the_same_nonce_gives_the_same_message() -> None:
    async with bare() as it:
        first = await it.post(it.general, content="once", nonce="n1")
        again = await it.post(it.general, content="once", nonce="n1")
        other = await it.post(it.general, content="once", nonce="n2")
        assert first.data["id"] == again.data["id"] != other.data["id"]
        assert len(it.discord.messages(it.general)) == 2


async def test_without_mentions_or_nonce_it_is_a_problem() -> None:
    async with bare() as it:
        await it.call("POST", f"/channels/{it.general.id}/messages", {"content": "x"})
        assert [p.partition(" messages ")[0] for p in it.discord.problems] == [
            "POST /channels/*/messages says nothing of allowed_mentions",
            "POST /channels/*/messages has no nonce that is enforced",
        ]
        it.discord.problems.clear()


async def test_only_allowed_mentions_ring() -> None:
    async with bare() as it:
        words = f"{it.ann.mention} {it.ben.mention} @everyone"
        await it.post(it.general, content=words, allowed_mentions={"parse": [], "users": [str(it.ann.user_id)]})
        (message,) = it.discord.messages(it.general)
        assert message.rung == {"ann"}


async def begun(it: Bare) -> Any:
    said = await it.ann.says(it.general, "hello")
    thread = await it.thread(said)
    assert (thread.status, thread.data["id"]) == (200, str(said.id))
    return said


async def test_a_second_thread_on_a_message_is_refused() -> None:
    async with bare() as it:
        said = await begun(it)
        await refused(await it.thread(said), 400, 160004)


async def test_a_thread_has_a_name_that_fits() -> None:
    async with bare() as it:
        said = await it.ann.says(it.general, "hello")
        await refused(await it.thread(said, "x" * 101), 400, 50035)


async def test_no_thread_begins_where_all_are_in_use_or_the_right_is_missing() -> None:
    async with bare() as it:
        said = await it.ann.says(it.general, "hello")
        it.discord.world.active_threads = 0
        await refused(await it.thread(said), 400, 160006)
        it.discord.world.active_threads = 10
        quiet = it.discord.channel("quiet", denied="create_public_threads")
        await refused(await it.thread(await it.ann.says(quiet, "hello")), 403, 50013)


async def test_an_archived_thread_takes_messages_but_no_edits_and_reactions() -> None:
    async with bare() as it:
        said = await begun(it)
        sent = await it.post(said.id, content="working")
        it.discord.archive(said.id)
        await refused(await it.edit(said.id, sent.data["id"], content="done"), 400, 50083)
        path = f"/channels/{said.id}/messages/{sent.data['id']}/reactions/%E2%9C%85/@me"
        await refused(await it.call("PUT", path), 400, 50083)
        assert (await it.post(said.id, content="more")).status == 200
        assert (await it.edit(said.id, sent.data["id"], content="done")).status == 200
        assert (await it.call("PUT", path)).status == 204


async def test_a_locked_thread_takes_nothing_from_who_does_not_manage_threads() -> None:
    async with bare() as it:
        said = await begun(it)
        it.discord.archive(said.id, locked=True)
        await refused(await it.post(said.id, content="more"), 400, 160005)
        await refused(await it.call("PATCH", f"/channels/{said.id}", {"archived": False}), 403, 50013)


async def test_a_locked_thread_is_open_to_who_manages_threads() -> None:
    more = library.Permissions(PERMISSIONS.value | library.Permissions(manage_threads=True).value)
    async with bare(permissions=more) as it:
        said = await begun(it)
        it.discord.archive(said.id, locked=True)
        assert (await it.call("PATCH", f"/channels/{said.id}", {"archived": False})).status == 200
        assert (await it.post(said.id, content="more")).status == 200


async def test_its_own_thread_is_renamed_and_archived() -> None:
    async with bare() as it:
        said = await begun(it)
        answer = await it.call("PATCH", f"/channels/{said.id}", {"name": "done", "archived": True})
        assert (answer.data["name"], answer.data["thread_metadata"]["archived"]) == ("done", True)
        await refused(await it.call("PATCH", f"/channels/{said.id}", {"name": "again"}), 400, 50083)


async def test_an_old_message_takes_three_edits_in_six_seconds() -> None:
    async with bare() as it:
        sent = await it.post(it.general, content="0")
        message = it.discord.find(it.general.id, int(sent.data["id"])).model
        message.timestamp = (it.discord.world.backend.clock.now() - timedelta(hours=2)).isoformat()
        answers = [await it.edit(it.general.id, message.id, content=str(n)) for n in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429]
        assert answers[3].code == 30046
        assert answers[3].headers["Via"]


async def test_what_is_not_there_or_not_allowed_has_its_own_code() -> None:
    async with bare() as it:
        await refused(await it.post(1, content="x"), 404, 10003)
        await refused(await it.edit(it.general.id, 1, content="x"), 404, 10008)
        said = await it.ann.says(it.general, "hello")
        await refused(await it.edit(it.general.id, said.id, content="mine"), 403, 50005)
        closed = it.discord.channel("closed", denied="send_messages")
        await refused(await it.post(closed, content="x"), 403, 50013)
        hidden = it.discord.channel("hidden", denied="view_channel")
        await refused(await it.post(hidden, content="x"), 403, 50001)
        it.discord.world.closed_dms.add(it.ann.user_id)
        opened = await it.call("POST", "/users/@me/channels", {"recipient_id": str(it.ann.user_id)})
        await refused(await it.post(int(opened.data["id"]), content="x"), 403, 50007)


async def test_a_bucket_that_is_empty_says_when_to_come_again() -> None:
    async with bare() as it:
        it.discord.rate_limits = "real"
        answers = [await it.post(it.general, content=str(n)) for n in range(6)]
        assert [answer.status for answer in answers] == [200] * 5 + [429]
        assert [answer.headers["X-RateLimit-Remaining"] for answer in answers[:5]] == ["4", "3", "2", "1", "0"]
        assert 0 < answers[5].data["retry_after"] <= 5
        assert answers[5].headers["Via"]
        other = it.discord.channel("other")
        assert (await it.post(other, content="x")).status == 200


async def test_an_unknown_path_is_a_problem() -> None:
    async with bare() as it:
        await it.call("GET", "/nowhere")
        assert it.discord.problems
        it.discord.problems.clear()
