"""Short troubles are waited out, long ones go on to the caller."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agent.domain.blocks import text_block
from agent.domain.errors import Bug, ContextExceeded, LlmUnavailable
from agent.llm.retry import PatientLlm
from agent.llm.scripted import Entry, ScriptedLlm, Turn
from agent.ports.llm import Message, ModelInfo, Prefix, Reply

PREFIX = Prefix(model="scripted", system=(), tools=())
HELLO = (Message("user", (text_block("Hello"),)),)


class Time:
    """A clock that moves by sleeping only."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    async def sleep(self, wait_s: float) -> None:
        self.waits.append(wait_s)
        self.now += wait_s


@pytest.fixture
def time() -> Time:
    return Time()


def patient(script: Sequence[Entry], time: Time, *, chance: float = 0.0) -> PatientLlm:
    return PatientLlm(ScriptedLlm(script), sleep=time.sleep, clock=lambda: time.now, chance=lambda: chance)


def down(retry_after_s: float | None = None) -> LlmUnavailable:
    return LlmUnavailable("overloaded", retry_after_s=retry_after_s)


async def test_an_answer_at_once_waits_for_nothing(time: Time) -> None:
    assert (await patient([Turn(text="Hi")], time).respond(PREFIX, HELLO)).content == (text_block("Hi"),)
    assert time.waits == []


async def test_waits_double(time: Time) -> None:
    await patient([down(), down(), down(), down(), Turn(text="Hi")], time).respond(PREFIX, HELLO)
    assert time.waits == [1, 2, 4, 8]


async def test_chance_shortens_a_wait_by_up_to_half(time: Time) -> None:
    await patient([down(), down(), Turn(text="Hi")], time, chance=1.0).respond(PREFIX, HELLO)
    assert time.waits == [0.5, 1]


async def test_the_service_is_never_asked_earlier_than_it_said(time: Time) -> None:
    await patient([down(7), down(0), Turn(text="Hi")], time).respond(PREFIX, HELLO)
    assert time.waits == [7, 2]


async def test_patience_ends_after_thirty_seconds_and_names_a_time(time: Time) -> None:
    llm = patient([down() for _ in range(20)], time)
    with pytest.raises(LlmUnavailable) as caught:
        await llm.respond(PREFIX, HELLO)
    assert (caught.value.retryable, caught.value.retry_after_s) == (True, 60)
    assert time.waits == [1, 2, 4, 8, 10]
    assert sum(time.waits) <= 30


async def test_an_hour_is_not_waited_in_place(time: Time) -> None:
    with pytest.raises(LlmUnavailable) as caught:
        await patient([down(3600)], time).respond(PREFIX, HELLO)
    assert caught.value.retry_after_s == 3600
    assert time.waits == []


async def test_a_short_wait_asked_for_at_the_end_of_patience_is_not_a_reason_to_hurry(time: Time) -> None:
    with pytest.raises(LlmUnavailable) as caught:
        await patient([down(1) for _ in range(20)], time).respond(PREFIX, HELLO)
    assert caught.value.retry_after_s == 60


async def test_time_spent_in_failing_attempts_counts(time: Time) -> None:
    def stalls(_: object) -> Reply:
        time.now += 25
        raise down()

    with pytest.raises(LlmUnavailable):
        await patient([stalls], time).respond(PREFIX, HELLO)
    assert time.waits == [1, 2], "faults at 0, 26 and 53 seconds after the first"


@pytest.mark.parametrize(
    "error",
    [LlmUnavailable("key", retryable=False), ContextExceeded("long"), Bug("wrong")],
    ids=lambda e: type(e).__name__,
)
async def test_what_no_wait_helps_is_raised_at_once(time: Time, error: Exception) -> None:
    with pytest.raises(type(error)):
        await patient([error, Turn(text="Hi")], time).respond(PREFIX, HELLO)
    assert time.waits == []


async def test_the_model_behind_tells_of_itself(time: Time) -> None:
    llm = patient([], time)
    assert await llm.info("m") == ModelInfo(model="m", context_tokens=1_000_000, label="Scripted")
    await llm.close()
