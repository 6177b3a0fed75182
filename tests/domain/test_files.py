"""Differences between two workspaces."""

from __future__ import annotations

from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from agent.domain.files import Change, Entry, Manifest, compare


def files(**contents: str) -> Manifest:
    """A manifest from path → content; `__` stands for a slash, `_` before the ending for a dot."""
    return manifest({name.replace("__", "/"): content for name, content in contents.items()})


def manifest(contents: dict[str, str]) -> Manifest:
    return Manifest.of(
        Entry(path=p, type="file", mode=0o644, size_bytes=len(c), content=c) for p, c in contents.items()
    )


def test_a_file_that_vanished_and_came_back_elsewhere_was_moved() -> None:
    changes = compare(files(a="1"), files(sub__a="1")).changes
    assert changes == (Change(type="moved", path="sub/a", was="a", size_bytes=1),)


def test_of_files_with_equal_content_the_one_of_the_same_name_was_moved() -> None:
    changes = compare(files(a="same", b="same"), files(x__b="same", x__a="same")).changes
    assert {(c.was, c.path) for c in changes} == {("a", "x/a"), ("b", "x/b")}


def test_each_kind_of_change_is_told_apart() -> None:
    old, new = files(kept="1", gone="2", other="3"), files(kept="1", other="4", fresh="5")
    assert [(c.type, c.path) for c in compare(old, new).changes] == [
        ("created", "fresh"),
        ("deleted", "gone"),
        ("overwritten", "other"),
    ]


def test_only_changes_below_the_folder_are_told() -> None:
    changes = compare(files(), files(inputs__a="1", outputs__b="2"), below=PurePosixPath("inputs")).changes
    assert [c.path for c in changes] == ["inputs/a"]


CONTENTS = st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1), st.sampled_from("abc"), max_size=8)


@given(CONTENTS, CONTENTS)
def test_every_difference_is_told_exactly_once(before: dict[str, str], after: dict[str, str]) -> None:
    changes = compare(manifest(before), manifest(after)).changes
    touched = [c.path for c in changes] + [c.was for c in changes if c.was]
    assert len(touched) == len(set(touched))
    different = {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)}
    assert set(touched) == different


@given(CONTENTS)
def test_a_manifest_survives_being_written_and_read(contents: dict[str, str]) -> None:
    written = manifest(contents)
    again = Manifest.from_json(written.to_json())
    assert again == written
    assert again.digest == written.digest
