"""Naughty strings from the request to the file and back: some of them each time, all of them in `make test-all`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.journeys.slack.driver import Company
from tests.journeys.slack.handing import handed_over
from tests.naughty import STRINGS, sample

SOME = 6
AT_ONCE = 8
BATCHES = [STRINGS[at : at + AT_ONCE] for at in range(0, len(STRINGS), AT_ONCE)]


async def all_handed_over(work: Company, texts: Sequence[str]) -> None:
    """One that fails stops no other; all that did are named."""
    work.patience_s = 180.0
    ended = await asyncio.gather(*(handed_over(work.chat(), text) for text in texts), return_exceptions=True)
    failed = {text: str(fault)[-6_000:] for text, fault in zip(texts, ended, strict=True) if fault is not None}
    assert not failed, f"{list(failed)}\n{next(iter(failed.values()))}"


async def test_some_naughty_strings_go_all_the_way(work: Company) -> None:
    await all_handed_over(work, sample(SOME))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(BATCHES)))
async def test_every_naughty_string_goes_all_the_way(work: Company, number: int) -> None:
    await all_handed_over(work, BATCHES[number])
