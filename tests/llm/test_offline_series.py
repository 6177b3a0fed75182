"""Files that a request names by the first and the last of a numbered series."""

from __future__ import annotations

import pytest

from agent.llm.offline.matching import Listing, mentioned

SERIES = tuple(f"inputs/leaf_{number:03}.txt" for number in range(1, 8))
OTHERS = ("inputs/leaf_notes.txt", "inputs/pot_004.txt")


@pytest.mark.parametrize(
    "words",
    ["leaf_002.txt to leaf_005.txt", "leaf_002 bis leaf_005", "leaf_002.txt - leaf_005.txt", "leaf_002 … leaf_005"],
)
def test_all_files_between_the_two_are_meant(words: str) -> None:
    found = mentioned(f"Brew {words}, please", Listing(SERIES + OTHERS))
    assert found == SERIES[1:5]


@pytest.mark.parametrize("words", ["leaf_002.txt and leaf_005.txt", "leaf_002.txt, leaf_005.txt"])
def test_two_files_named_side_by_side_are_only_these_two(words: str) -> None:
    assert mentioned(f"Brew {words}", Listing(SERIES)) == (SERIES[1], SERIES[4])
