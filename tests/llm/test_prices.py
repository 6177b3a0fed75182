"""What requests cost, to the cent, on the day they were made."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from agent.domain.errors import Refused
from agent.llm.prices import Cost, PriceTable
from agent.ports.llm import TokenUse

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TABLE = PriceTable.load()
MILLION = 1_000_000


def usd(model: str, at: datetime = NOW, **tokens: Any) -> Decimal:
    cost = TABLE.cost_usd(model, TokenUse(**tokens), at)
    assert cost.known
    return cost.usd


def test_each_kind_of_token_has_its_price() -> None:
    assert usd("claude-opus-5-5", input_tokens=MILLION) == Decimal("4")
    assert usd("claude-opus-5-5", output_tokens=MILLION) == Decimal("20")
    assert usd("claude-opus-5-5", cache_read_tokens=MILLION) == Decimal("0.20")
    assert usd("claude-opus-5-5", cache_write_5m_tokens=MILLION) == Decimal("5")
    assert usd("claude-opus-5-5", cache_write_1h_tokens=MILLION) == Decimal("8")


def test_a_price_counts_from_its_day_on() -> None:
    before, after = datetime(2026, 10, 6, 23, 59, tzinfo=UTC), datetime(2026, 10, 7, tzinfo=UTC)
    assert usd("claude-sonnet-5-5", before, cache_read_tokens=MILLION) == Decimal("0.20")
    assert usd("claude-sonnet-5-5", after, cache_read_tokens=MILLION) == Decimal("0.10")
    assert usd("claude-sonnet-5-5", datetime(2020, 1, 1, tzinfo=UTC), input_tokens=MILLION) == Decimal("2")


def test_a_long_prompt_is_dearer_on_every_token() -> None:
    short = usd("claude-haiku-5-5", input_tokens=50_000, cache_read_tokens=50_000, output_tokens=1000)
    long = usd("claude-haiku-5-5", input_tokens=50_000, cache_read_tokens=50_001, output_tokens=1000)
    assert short == Decimal("0.006") == Decimal("0.005") + Decimal("0.0005") + Decimal("0.0005")
    assert round(long / short, 3) == 5


def test_extra_passes_are_requests_of_their_own() -> None:
    extra = TokenUse(input_tokens=90_000)
    cost = TABLE.cost_usd("claude-haiku-5-5", TokenUse(input_tokens=90_000, iterations=(extra,)), NOW)
    assert cost == Cost(Decimal("0.018"), known=True)


def test_the_worst_case_is_never_below_what_a_request_can_cost() -> None:
    for model in ("claude-opus-5-5", "claude-haiku-5-5", "claude-fable-5-1", "nobody"):
        for prompt in (1000, 99_999, 100_000, 100_001, 900_000):
            worst = TABLE.worst_case_usd(model, prompt, 16_000, NOW).usd
            for use in (
                TokenUse(input_tokens=prompt, output_tokens=16_000),
                TokenUse(cache_write_5m_tokens=prompt, output_tokens=16_000),
                TokenUse(cache_read_tokens=prompt, output_tokens=16_000),
            ):
                assert TABLE.cost_usd(model, use, NOW).usd <= worst


def test_an_unknown_model_counts_at_the_dearest_rates_and_is_flagged() -> None:
    cost = TABLE.cost_usd("claude-nobody", TokenUse(input_tokens=MILLION, output_tokens=MILLION), NOW)
    assert cost == Cost(Decimal("60"), known=False)


def test_a_dated_snapshot_costs_what_its_model_costs() -> None:
    assert usd("claude-haiku-4-5-20251001", input_tokens=MILLION) == Decimal("1")


@pytest.mark.parametrize("model", ["offline", "scripted"])
def test_our_own_models_cost_nothing(model: str) -> None:
    assert usd(model, input_tokens=MILLION, output_tokens=MILLION) == 0


def test_settings_add_and_replace_prices() -> None:
    table = PriceTable.load(
        {"my-llama": {"input": 0.5, "output": "1.5"}, "claude-haiku-5-5": {"input": 9, "output": 9, "cache_read": 0}}
    )
    assert table.cost_usd("my-llama", TokenUse(input_tokens=MILLION, output_tokens=MILLION), NOW) == Cost(
        Decimal("2.0"), known=True
    )
    long = TokenUse(input_tokens=MILLION, cache_read_tokens=MILLION)
    assert table.cost_usd("claude-haiku-5-5", long, NOW).usd == 9, "no tier of the shipped table is left"


@pytest.mark.parametrize(
    "fields",
    [{}, {"input": 1}, {"input": -1, "output": 1}, {"input": "much", "output": 1}, {"input": 1, "output": 1, "x": 1}],
)
def test_a_price_that_is_none_is_refused_by_name(fields: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="my-llama"):
        PriceTable.load({"my-llama": fields})
