"""Files from Discord and to Discord: what is refused by name, what a server takes, and that nothing is sent twice."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from agent.domain.errors import Refused
from bot.discord.files import cap_of
from bot.discord.web import DiscordRefused
from bot.surface import IncomingFile, OutFile, SurfaceDown, ThreadRef
from tests.fakes.discord import DiscordFake, Message
from tests.surfaces.discord.out import POST, opened, out_file, place

DATA = bytes(range(256)) * 2_000
MIB = 1024 * 1024


@pytest.fixture
async def discord() -> AsyncGenerator[DiscordFake]:
    async with DiscordFake() as fake:
        yield fake


async def begun(discord: DiscordFake, *, denied: str = "") -> tuple[Message, ThreadRef]:
    """A request in a channel."""
    ann = discord.user("ann")
    general = discord.channel("general", denied=denied)
    request = await ann.says(general, "please")
    return request, place(discord, general, request)


async def read(file: IncomingFile) -> bytes:
    return b"".join([piece async for piece in file.fetch()])


async def described(discord: DiscordFake, name: str = "a.csv", data: bytes = DATA) -> dict[str, Any]:
    """Discord's description of a file that somebody attached."""
    message = await discord.user("ann").says(discord.channel("files"), "here", files=[(name, data)])
    return dict(message.files[0].raw)


def names(files: tuple[OutFile, ...]) -> list[str]:
    return [file.name for file in files]


def ours(discord: DiscordFake, request: Message) -> list[list[str]]:
    """Names of the files in each message of Gofer's."""
    found = [message for message in discord.messages(request.id) if message.author_id == discord.bot_id]
    return [[file.name for file in message.files] for message in found]


# -- from Discord


async def test_an_attachment_comes_in_pieces_with_its_name_and_type(discord: DiscordFake) -> None:
    about = await described(discord)
    async with opened(discord) as surface:
        file = surface.incoming_file(about)
        assert (file.name, file.size_bytes, file.media_type) == ("a.csv", len(DATA), "text/csv")
        pieces = [piece async for piece in file.fetch()]
        assert b"".join(pieces) == DATA
        assert len(pieces) > 1
        assert await read(file) == DATA  # it may be fetched again


async def test_a_file_keeps_the_name_that_discord_could_not_carry(discord: DiscordFake) -> None:
    about = {**await described(discord, "Gr__e.csv"), "title": "Größe"}
    async with opened(discord) as surface:
        assert surface.incoming_file(about).name == "Größe.csv"


async def test_files_of_another_server_are_not_fetched(discord: DiscordFake) -> None:
    about = {**await described(discord), "url": "http://127.0.0.1:9/secret.csv"}
    async with opened(discord) as surface:
        with pytest.raises(Refused, match="another server"):
            await read(surface.incoming_file(about))


async def test_an_address_of_discords_own_leads_to_the_server_of_the_settings(discord: DiscordFake) -> None:
    about = await described(discord)
    url = about["url"].replace(discord.origin, "https://cdn.discordapp.com")
    async with opened(discord) as surface:
        assert await read(surface.incoming_file({**about, "url": url})) == DATA


async def test_an_expired_address_is_renewed_first(discord: DiscordFake) -> None:
    about = await described(discord)
    stale = about["url"].replace("ex=7fffffff", "ex=60000000").replace("hm=", "hm=0")
    async with opened(discord) as surface:
        discord.faults.refuse("POST /attachments/refresh-urls", 50035, "Invalid Form Body")
        with pytest.raises(DiscordRefused):
            await read(surface.incoming_file({**about, "url": stale}))
    (called,) = discord.calls("POST /attachments/refresh-urls")
    assert called.body == {"attachment_urls": [stale]}


@pytest.mark.parametrize(("status", "told"), [(404, "no longer in Discord"), (403, "no longer in Discord")])
async def test_a_deleted_attachment_is_refused_by_name(discord: DiscordFake, status: int, told: str) -> None:
    about = await described(discord)
    async with opened(discord) as surface:
        discord.faults.http("download", status)
        with pytest.raises(Refused, match=f"a.csv is {told}"):
            await read(surface.incoming_file(about))


async def test_a_file_of_another_size_than_announced_is_refused(discord: DiscordFake) -> None:
    about = await described(discord)
    async with opened(discord) as surface:
        with pytest.raises(Refused, match="instead of"):
            await read(surface.incoming_file({**about, "size": len(DATA) + 1}))


async def test_a_download_that_breaks_off_is_tried_later(discord: DiscordFake) -> None:
    about = await described(discord)
    async with opened(discord) as surface:
        discord.faults.http("download", 502)
        with pytest.raises(SurfaceDown, match=r"does not give a\.csv now"):
            await read(surface.incoming_file(about))


# -- to Discord


async def test_files_come_as_one_message_with_pictures_shown_and_names_said(discord: DiscordFake) -> None:
    request, thread = await begun(discord)
    files = [
        out_file("Größe & co.csv", b"1,2"),
        out_file("page.png", b"png", media_type="image/png", title="The first page"),
        out_file("Größe & co.csv", b"3,4"),
    ]
    async with opened(discord) as surface:
        assert await surface.send_files(thread, files, key="files:t_1:1", comment="Here you *are*") == ()
    shown = discord.messages(request.id)[-1]
    assert [(file.name, file.data) for file in shown.files] == [
        ("Gr_e_co.csv", b"1,2"),
        ("page.png", b"png"),
        ("Gr_e_co-2.csv", b"3,4"),
    ]
    assert shown.plain == "Here you *are*\n📄 Größe & co.csv\n📄 Größe & co.csv"
    assert [node["type"] for node in shown.components] == [10, 12, 13, 13]
    assert shown.files[1].raw["description"] == "The first page"


async def test_the_longest_names_and_words_are_taken(discord: DiscordFake) -> None:
    request, thread = await begun(discord)
    files = [out_file("*_~`|" * 60 + f"{n}.csv", b"1") for n in range(10)]
    async with opened(discord) as surface:
        assert await surface.send_files(thread, files, key="files:t_1:1", comment="@everyone http://* " * 200) == ()
    assert len(discord.messages(request.id)[-1].files) == 10


async def test_files_are_sent_once_even_after_a_crash(discord: DiscordFake) -> None:
    request, thread = await begun(discord)
    files = [out_file(f"{n}.csv", b"1,2") for n in range(12)]
    async with opened(discord) as surface:
        discord.faults.http(POST, 503, where=lambda told: "10.csv" in str(told))
        with pytest.raises(SurfaceDown):
            await surface.send_files(thread, files, key="files:t_1:1")
    discord.world.nonces.clear()
    async with opened(discord) as surface:
        assert await surface.send_files(thread, files, key="files:t_1:1") == ()
        assert await surface.send_files(thread, files, key="files:t_1:1") == ()
    assert ours(discord, request) == [[f"{n}.csv" for n in range(10)], ["10.csv", "11.csv"]]


async def test_files_whose_answer_was_lost_are_there_once(discord: DiscordFake) -> None:
    request, thread = await begun(discord)
    async with opened(discord) as surface:
        discord.faults.lose_reply(POST)
        with pytest.raises(SurfaceDown):
            await surface.send_files(thread, [out_file("a.csv", b"1")], key="files:t_1:1")
        assert await surface.send_files(thread, [out_file("a.csv", b"1")], key="files:t_1:1") == ()
    assert ours(discord, request) == [["a.csv"]]


async def test_what_is_too_big_is_given_back_and_the_rest_goes(discord: DiscordFake) -> None:
    request, thread = await begun(discord)
    files = [out_file("large.bin", b"x" * (10 * MIB + 1)), out_file("a.csv", b"1"), out_file("empty.txt", b"")]
    async with opened(discord) as surface:
        assert names(await surface.send_files(thread, files, key="files:t_1:1")) == ["large.bin", "empty.txt"]
    assert ours(discord, request) == [["a.csv"]]
    assert len(discord.calls(POST)) == 1


async def test_many_large_files_are_spread_over_messages(discord: DiscordFake) -> None:
    request, thread = await begun(discord)
    files = [out_file(f"{n}.bin", b"x" * (9 * MIB)) for n in range(3)]
    async with opened(discord) as surface:
        assert await surface.send_files(thread, files, key="files:t_1:1") == ()
    assert ours(discord, request) == [["0.bin", "1.bin"], ["2.bin"]]


async def test_a_server_that_takes_less_than_it_should_is_learnt(discord: DiscordFake) -> None:
    request, thread = await begun(discord)
    discord.world.upload_bytes = 4 * MIB
    files = [out_file("a.csv", b"1"), out_file("large.bin", b"x" * (5 * MIB)), out_file("b.csv", b"2")]
    async with opened(discord) as surface:
        assert names(await surface.send_files(thread, files, key="files:t_1:1")) == ["large.bin"]
        tried = len(discord.calls(POST))
        assert names(await surface.send_files(thread, files[1:2], key="files:t_2:1")) == ["large.bin"]
        assert len(discord.calls(POST)) == tried
    assert sorted(name for names in ours(discord, request) for name in names) == ["a.csv", "b.csv"]


@pytest.mark.parametrize(("tier", "cap"), [(0, 10), (1, 10), (2, 50), (3, 100), (None, 10)])
def test_a_boosted_server_takes_more(tier: int | None, cap: int) -> None:
    assert cap_of({"premium_tier": tier}) == cap * MIB


async def test_where_nothing_may_be_attached_all_is_given_back(discord: DiscordFake) -> None:
    request, thread = await begun(discord, denied="attach_files")
    files = [out_file("a.csv", b"1"), out_file("b.csv", b"2")]
    async with opened(discord) as surface:
        assert await surface.send_files(thread, files, key="files:t_1:1") == tuple(files)
    assert ours(discord, request) == []


async def test_a_file_that_changed_meanwhile_is_given_back(discord: DiscordFake) -> None:
    request, thread = await begun(discord)
    good, short = out_file("a.csv", b"1"), out_file("b.csv", b"22")
    wrong = OutFile(name="b.csv", size_bytes=3, media_type="text/csv", open=short.open, path="outputs/b.csv")
    async with opened(discord) as surface:
        assert await surface.send_files(thread, [good, wrong], key="files:t_1:1") == (wrong,)
    assert ours(discord, request) == [["a.csv"]]
