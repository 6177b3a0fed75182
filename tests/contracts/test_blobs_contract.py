"""The contract of `agent.ports.blobs`, on disk and in memory."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.domain.errors import Bug, NotFound, Refused
from agent.domain.files import Entry, Manifest
from agent.ports.blobs import IN_FLIGHT_BYTES, PIECE_BYTES, BlobStore
from agent.store import FileBlobs
from agent.workspace import Snapshots
from tests.contracts.blobs_memory import MemoryBlobs

UNKNOWN = "0" * 64
HALF = b"half" * PIECE_BYTES


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def break_off(blobs: BlobStore) -> None:
    """Half a file comes."""
    async with blobs.incoming() as incoming:
        await incoming.write(HALF)
        raise ConnectionError


@pytest.fixture(params=["disk", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return FileBlobs(tmp_path / "blobs") if request.param == "disk" else MemoryBlobs()


@pytest.mark.parametrize("data", [b"", b"hello", bytes(range(256)) * 4096])
async def test_bytes_come_back_under_their_sha256(blobs: BlobStore, data: bytes) -> None:
    digest = await blobs.put(data)
    assert digest == hashlib.sha256(data).hexdigest()
    assert await blobs.get(digest) == data


async def test_storing_twice_and_at_once_is_harmless(blobs: BlobStore) -> None:
    digests = await asyncio.gather(*(blobs.put(b"same") for _ in range(8)))
    assert len(set(digests)) == 1
    assert await blobs.get(digests[0]) == b"same"


@pytest.mark.parametrize("sizes", [(), (5,), (1, PIECE_BYTES, 3), (PIECE_BYTES - 1, PIECE_BYTES * 3 + 7)])
async def test_pieces_that_are_kept_come_back_whole_and_in_pieces(blobs: BlobStore, sizes: tuple[int, ...]) -> None:
    data = [bytes([n]) * size for n, size in enumerate(sizes, 1)]
    async with blobs.incoming() as incoming:
        for piece in data:
            await incoming.write(piece)
        expected = hashlib.sha256(b"".join(data)).hexdigest()
        assert incoming.sha256 == expected
        assert await incoming.keep() == expected
    assert await blobs.get(expected) == b"".join(data)
    pieces = [piece async for piece in blobs.pieces(expected)]
    assert b"".join(pieces) == b"".join(data)
    assert all(len(piece) <= PIECE_BYTES for piece in pieces)


async def test_pieces_that_are_not_kept_are_gone(blobs: BlobStore) -> None:
    with pytest.raises(ConnectionError):
        await break_off(blobs)
    digest = hashlib.sha256(HALF).hexdigest()
    assert await blobs.missing([digest]) == {digest}


async def test_unknown_digest_is_not_found(blobs: BlobStore) -> None:
    with pytest.raises(NotFound):
        await blobs.get(UNKNOWN)
    with pytest.raises(NotFound):
        await anext(aiter(blobs.pieces(UNKNOWN)))


async def test_missing_names_what_is_not_stored(blobs: BlobStore) -> None:
    digest = await blobs.put(b"here")
    assert await blobs.missing([digest, UNKNOWN]) == {UNKNOWN}
    assert await blobs.missing([]) == set()


async def test_deleted_bytes_are_gone_and_can_be_stored_again(blobs: BlobStore) -> None:
    digest, other = await blobs.put(b"mine"), await blobs.put(b"other")
    await blobs.delete(digest)
    await blobs.delete(digest)
    assert await blobs.missing([digest, other]) == {digest}
    with pytest.raises(NotFound):
        await blobs.get(digest)
    await blobs.put(b"mine")
    assert await blobs.get(digest) == b"mine"


@pytest.mark.parametrize("name", [UNKNOWN, "", "../gofer.db"])
async def test_deleting_what_is_not_stored_is_no_fault(blobs: BlobStore, name: str) -> None:
    await blobs.delete(name)


async def test_snapshot_comes_back(blobs: BlobStore) -> None:
    snapshots = Snapshots(blobs)
    entry = Entry(path="a/ü.txt", type="file", mode=0o644, size_bytes=2, content="c" * 64)
    manifest = Manifest.of([entry])
    digest = await snapshots.save(manifest)
    assert digest == manifest.digest
    assert await snapshots.load(digest) == manifest
    assert await snapshots.load("") == Manifest()
    assert await snapshots.load(await snapshots.save(Manifest())) == Manifest()


async def test_file_that_is_no_snapshot_is_a_bug(blobs: BlobStore) -> None:
    digest = await blobs.put(b"not a manifest")
    with pytest.raises(Bug):
        await Snapshots(blobs).load(digest)


def manifest(*contents: str) -> Manifest:
    entries = (Entry(path=f"{n}.txt", type="file", mode=0o644, size_bytes=1, content=c) for n, c in enumerate(contents))
    return Manifest.of(entries)


async def test_files_of_a_forgotten_workspace_may_be_deleted_but_for_what_others_hold(blobs: BlobStore) -> None:
    snapshots = Snapshots(blobs)
    mine, shared, upload, delivered = [await blobs.put(d) for d in (b"mine", b"shared", b"upload", b"delivered")]
    old, new = await snapshots.save(manifest(mine)), await snapshots.save(manifest(mine, shared, upload))
    others = await snapshots.save(manifest(shared))
    gone = {old, new, delivered, others, UNKNOWN}
    found = await snapshots.unneeded(gone, snapshots={others, "1" * 64}, files={upload})
    assert set(found[:2]) == {mine, delivered}
    assert set(found[2:]) == {old, new}
    for digest in found:
        await blobs.delete(digest)
    assert await snapshots.unneeded(gone, snapshots={others}, files={upload}) == ()
    assert await blobs.missing([shared, upload, others]) == set()
    assert await snapshots.unneeded((), snapshots=(), files=()) == ()


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b'[["',
        b"[[" * 100_000,
        b'[["' + b"[" * 100_000,
        b'[["a","file",1,2,3]]',
        b'[["a","file",1,2,"../../etc/passwd"]]',
        b'[[["a"],"file",1,2,["x"]]]',
        b'[["a","dir",1,2,"' + b"a" * 64 + b'"]]',
    ],
)
async def test_file_that_looks_like_a_snapshot_is_deleted_and_nothing_else(blobs: BlobStore, content: bytes) -> None:
    digest = await blobs.put(content)
    assert await Snapshots(blobs).unneeded({digest}, snapshots=(), files=()) == (digest,)


async def test_file_that_poses_as_a_snapshot_reaches_nothing_that_is_needed(blobs: BlobStore) -> None:
    snapshots = Snapshots(blobs)
    secret = await blobs.put(b"secret")
    others = await snapshots.save(manifest(secret))
    posing = await blobs.put(manifest(secret, others).to_json())
    assert await snapshots.unneeded({posing}, snapshots={others}, files=()) == (posing,)


# -- only on disk


async def test_damaged_bytes_are_never_handed_out(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path)
    digest = await blobs.put(b"precious")
    (tmp_path / digest[:2] / digest).write_bytes(b"precioux")
    with pytest.raises(Bug):
        await blobs.get(digest)
    with pytest.raises(Bug):
        _ = [piece async for piece in blobs.pieces(digest)]


async def test_nothing_is_left_on_the_disk_of_a_file_that_broke_off(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path / "blobs")
    with pytest.raises(ConnectionError):
        await break_off(blobs)
    assert files_in(tmp_path / "blobs") == []


async def test_what_a_killed_process_left_half_written_is_removed_after_a_day(tmp_path: Path) -> None:
    blobs, now = FileBlobs(tmp_path), datetime.now(UTC)
    kept = await blobs.put(b"whole")
    async with blobs.incoming() as incoming:
        await incoming.write(bytes(PIECE_BYTES))
        (begun,) = [path for path in files_in(tmp_path) if path.parent == tmp_path]
        left = begun.with_name(f"{begun.name}-left")
        left.write_bytes(b"half")
        os.utime(left, (0, 0))
        assert await blobs.tidy(now) == 1
        assert (left.exists(), begun.exists(), await blobs.get(kept)) == (False, True, b"whole")


async def test_further_files_wait_while_as_many_come_in_as_memory_is_meant_for(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path / "blobs")
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(IN_FLIGHT_BYTES // PIECE_BYTES):
            await stack.enter_async_context(blobs.incoming())
        further = asyncio.create_task(stack.enter_async_context(blobs.incoming()))
        await blobs.missing([])
        assert not further.done()
        await stack.pop_all().aclose()
        async with asyncio.timeout(5):
            incoming = await further
            await incoming.write(b"its turn")
            assert await incoming.keep() == hashlib.sha256(b"its turn").hexdigest()


async def test_half_written_blob_is_repaired_by_storing_it_again(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path)
    digest = await blobs.put(b"precious")
    (tmp_path / digest[:2] / digest).write_bytes(b"prec")
    await blobs.put(b"precious")
    assert await blobs.get(digest) == b"precious"


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "0" * 63])
async def test_only_a_digest_becomes_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFound):
        await FileBlobs(tmp_path).get(name)


async def test_full_disk_is_said_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = FileBlobs(tmp_path / "blobs")
    await blobs.put(b"first")

    def no_room(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", no_room)
    with pytest.raises(Refused, match="full"):
        await blobs.put(b"second")
    stored = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    assert [path.name for path in stored] == [hashlib.sha256(b"first").hexdigest()]
